"""Every page, run without a browser: what it says, and what it refuses to say."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from shadowroute import app
from shadowroute.analysis.measures.noise_floor import REPEATABLE
from shadowroute.app import runtime
from shadowroute.collector.store import Store
from tests.support import judged_fortnight
from tests.support.page_week import LARGE, SMALL, fill

UI = Path(app.__file__).with_name("ui.py")
PAGES = ("overview", "divergence", "cost", "quality", "requests")


def opened(page: str = "overview", **parameters: str | list[str]) -> AppTest:
    """The page as a reader of that address sees it."""
    at = AppTest.from_file(str(UI), default_timeout=60)
    for key, value in parameters.items():
        at.query_params[key] = value
    at.run()
    if page != "overview" and not at.error:
        at.switch_page(f"views/{page}.py").run()
    assert not at.exception, at.exception[0].message
    return at


def texts(at: AppTest) -> str:
    """Everything that the page says, in one text."""
    kinds = (at.caption, at.markdown, at.subheader, at.info, at.warning, at.error)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def test_an_empty_store_says_what_to_do(platform: Store) -> None:
    """Before the first request there is an address, the first lines of code, and no figure."""
    at = opened()
    assert at.subheader[0].value == "No request has arrived"
    assert "http://127.0.0.1:4318" in texts(at)
    assert 'export: {to: "http://127.0.0.1:4318"}' in at.code[0].value
    assert not at.metric


def test_an_empty_store_shows_what_the_receiver_refused(platform: Store) -> None:
    """The commonest reason for an empty page is a refused batch; it is shown with its reason."""
    entry = {"status": 415, "reason": "application/grpc: this is OTLP/HTTP", "count": 12, "last_at": 0.0}
    before = runtime.current()
    runtime.configure(
        runtime.Runtime(store=before.store, otlp_url=before.otlp_url, ui_url=before.ui_url, refused=lambda: [entry])
    )
    assert "415 application/grpc: this is OTLP/HTTP, 12 times" in texts(opened())


def test_overview_has_four_measures_per_policy(fortnight: Store) -> None:
    """One card per shadow; the A/A shadow is a noise floor, not a candidate."""
    at = opened()
    labels = [metric.label for metric in at.metric]
    assert labels == ["Decides differently", "Predicted cost", "Paid twice", "Live resolved where downgraded"] * 3
    said = texts(at)
    assert said.count("Measured, not judged") == 3
    assert said.count("A/A control: the noise floor") == 1
    assert "another policy's divergence is meaningful only above this" in said
    assert "never of the shadow's" in said


def test_unseen_escalations_make_a_range_not_a_point(fortnight: Store) -> None:
    """A cascade that live never ran has no point cost."""
    at = opened(policy="cheap-first")
    cost = next(metric for metric in at.metric if metric.label == "Predicted cost")
    assert " to " in cost.value


def test_failed_decisions_are_said(fortnight: Store) -> None:
    """What failed is in no share, and the page says how much that is."""
    assert "decisions failed" in texts(opened(policy="flaky"))


@pytest.mark.parametrize("page", PAGES)
def test_every_page_runs_for_every_policy(fortnight: Store, page: str) -> None:
    """No page breaks on a cascade, on failures, or on the control."""
    for policy in ("cheap-first", "flaky", "live-rules"):
        at = opened(page, policy=policy)
        assert not at.error, at.error[0].value


def test_a_link_to_an_unknown_policy_shows_no_other(fortnight: Store) -> None:
    """A link from a pull request must never show another policy's figures."""
    at = opened(policy="deleted")
    assert at.error[0].value.startswith("No policy is called 'deleted'.")
    assert not at.metric


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"policy": "bold", "version": "ffffff"}, "No version is called 'ffffff'."),
        ({"segment": "task=none-such"}, "No segment is called 'task=none-such' in these days."),
        ({"from": "yesterday"}, "`from` must be a day like 2026-11-09, got 'yesterday'."),
        ({"from": "2026-11-20", "to": "2026-11-10"}, "The first day (2026-11-20) is after the last (2026-11-10)."),
        ({"project": "other"}, "No project is called 'other'."),
    ],
)
def test_a_link_that_names_something_unknown_is_refused(
    fortnight: Store, parameters: dict[str, str], message: str
) -> None:
    """Streamlit would drop the value and show the default under the sender's link."""
    at = opened(**parameters)
    assert at.error[0].value.startswith(message)
    assert not at.metric


def test_a_version_may_be_shortened(fortnight: Store) -> None:
    """People paste seven characters of a hash."""
    at = opened(policy="cheap-first", version="9f3c1e")
    assert not at.error
    assert at.selectbox(key="version").value == "9f3c1e0a77b2"


def test_the_link_box_spells_every_filter_out(fortnight: Store) -> None:
    """A link made today shows the same days next month."""
    at = opened(policy="bold", segment=["task=chat"])
    assert at.code[0].value == (
        "http://127.0.0.1:8501/?project=support-api&policy=bold&version=41ab07d3e5f6&from=2026-11-09&to=2026-11-22"
        "&segment=task%3Dchat"
    )


def test_days_and_segments_narrow_the_figures(fortnight: Store) -> None:
    """Fewer days and one task rest on fewer requests than everything."""
    at = opened(**{"from": "2026-11-12", "to": "2026-11-20", "segment": "task=chat", "policy": "bold"})
    assert any("figures only for task=chat" in caption.value.replace("\\", "") for caption in at.caption)
    assert "2026-11-12 to 2026-11-20" in texts(at).replace("\\", "")


def test_a_link_may_name_a_key_as_its_column_is_called(fortnight: Store) -> None:
    """Links from before `complexity` had one name still open."""
    at = opened(policy="bold", segment=["complexity_band=low"])
    assert not at.error
    assert any("complexity=low" in caption.value.replace("\\", "") for caption in at.caption), texts(at)


def test_a_model_without_a_price_is_named_with_the_lines_to_add(platform: Store) -> None:
    """An unpriced model makes the cost unknown, never 0, and the page shows what to paste."""
    fill(platform, priced=(LARGE, SMALL))
    at = opened("cost", policy="bold")
    assert at.metric[0].value == "unknown"
    assert "No price in book book-pages for llama-70b" in at.error[0].value
    assert '"llama-70b": {price_usd_per_million:' in at.code[1].value


def test_divergence_says_what_is_known_of_the_floor_without_a_control(platform: Store) -> None:
    """Live is declared to decide repeatably: nothing is to be added, and no number stands for what nobody measured."""
    judged_fortnight.fill(platform, judged_fortnight.Fortnight(requests=200, executed=0.0))
    said = texts(opened("divergence", project=judged_fortnight.PROJECT, policy=judged_fortnight.SHADOW.name))
    assert REPEATABLE in said
    assert "noise floor of the A/A control" not in said


def test_quality_warns_before_any_number(fortnight: Store) -> None:
    """Live quality is read as the shadow's unless the page forbids it."""
    at = opened("quality", policy="bold")
    assert "not of the shadow" in at.warning[0].value
    assert [metric.label for metric in at.metric][:2] == [
        "Live resolved, would be downgraded",
        "Live resolved, the rest",
    ]
    assert "If unrated answers differ, the mean may lie anywhere from" in texts(at)


def test_quality_shows_the_signal_of_the_address(fortnight: Store) -> None:
    """A second signal has its own figures and a distribution."""
    at = opened("quality", policy="bold", signal="judge (llm)")
    assert at.metric[0].label == "Live judge, would be downgraded"


def test_requests_turn_pages_without_skipping(fortnight: Store) -> None:
    """Older pages start where the page before ended; newer goes back to the same rows."""
    at = opened("requests", policy="bold")
    first = list(at.dataframe[0].value["request"])
    older = next(button for button in at.button if button.label == "Older")
    at = older.click().run()
    second = list(at.dataframe[0].value["request"])
    assert len(first) == len(second) == 50
    assert min(first) > max(second)
    newer = next(button for button in at.button if button.label == "Newer")
    assert list(newer.click().run().dataframe[0].value["request"]) == first


def test_requests_can_be_narrowed_to_those_that_differ(fortnight: Store) -> None:
    """The filter keeps requests where the shadow names another model."""
    at = opened("requests", policy="cheap-first", differs="differs")
    frame = at.dataframe[0].value
    assert (frame["live names"] != frame["shadow names"]).all()


def test_requests_can_be_narrowed_to_those_that_a_router_flagged(fortnight: Store) -> None:
    """Nobody was flagged in that fortnight, so the page says that nothing fits."""
    at = opened("requests", policy="cheap-first", flagged="true")
    assert at.toggle[0].value is True
    assert "No request fits these filters." in at.info[0].value


def test_a_request_shows_why_every_policy_chose(fortnight: Store) -> None:
    """Candidates with scores, the reason, the attempts, and each shadow's choice."""
    at = opened("trace", request="req-00100")
    said = texts(at)
    assert "Request req-00100" in at.subheader[0].value
    decisions = at.dataframe[0].value
    assert list(decisions["role"]) == ["live", "shadow", "shadow", "shadow", "shadow"]
    assert "Reason: task is" in said
    assert "Plan: gpt" in said
    assert [next(iter(frame.value.columns)) for frame in at.dataframe[:3]] == ["policy", "attempt", "candidate"]


def test_a_request_that_is_not_stored_says_why_it_may_be_so(fortnight: Store) -> None:
    """No empty page for an unknown id."""
    assert "is not stored in project support-api" in opened("trace", request="nope").error[0].value
