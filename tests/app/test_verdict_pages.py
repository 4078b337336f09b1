"""Pages of a store that has plans and answers of the shadow: the verdict, and what stands behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import streamlit as st

from shadowroute.analysis.queries.reader import Reader
from shadowroute.analysis.selection import PolicyRef, Window
from shadowroute.app import data
from shadowroute.collector.store import Store
from tests.app.conftest import shown
from tests.app.test_pages import opened, texts
from tests.support.decision_rows import insert
from tests.support.page_verdicts import BAD, GOOD, plan_content, record, run_answers
from tests.support.page_week import BOOK, DAYS, FIRST, LARGE, LOCAL, PROJECT, SMALL, VERSIONS, fill
from tests.support.stores import fresh_store

BOLD = PolicyRef("bold", VERSIONS["bold"])
WINDOW = Window(FIRST, FIRST + timedelta(days=DAYS - 1))


@pytest.fixture(scope="module")
def answered(engine_folder: Path) -> Iterator[Store]:
    """A fortnight with answers of `bold` that were run."""
    with fresh_store(engine_folder) as store:
        fill(store, even_users=True)
        run_answers(store)
        yield store


@pytest.fixture
def review(answered: Store) -> Iterator[Store]:
    """Pages on it."""
    with shown(answered):
        yield answered


def _signal(content: dict[str, Any]) -> str:
    return str(content["must"]["quality"][0]["signal"])


def said(**parameters: str) -> str:
    """What Overview says, without the signs that Markdown needs."""
    return texts(opened(**parameters)).replace("\\", "")


def test_without_a_plan_the_card_says_how_to_write_one(review: Store) -> None:
    """Measures only, no verdict word."""
    text = said(policy="cheap-first")
    assert "Measured, not judged" in text
    assert "shadowroute gate --plan FILE" in text
    assert "SHIP" not in text


@pytest.mark.parametrize(
    ("content", "badge", "sentence"),
    [
        (plan_content("good"), "green-badge[:material/check_circle: SHIP]", "Ship to 5 %."),
        (plan_content("greedy", saves="99%"), "orange-badge[:material/pause_circle: HOLD]", "Hold: more data"),
        (plan_content("toned", signal=BAD), "red-badge[:material/cancel: REJECT]", "Do not ship."),
        (plan_content("other", signal="never-scored"), "blue-badge[:material/pending: NEED_MORE]", "Not yet"),
    ],
    ids=["SHIP", "HOLD", "REJECT", "NEED_MORE"],
)
def test_each_verdict_has_its_word_its_sign_and_its_sentence(
    review: Store, content: dict[str, Any], badge: str, sentence: str
) -> None:
    """The plan that was recorded last judges; the word stands beside its colour."""
    record(review, content)
    at = opened(policy="bold")
    text = texts(at).replace("\\", "")
    assert f"#### :{badge} bold" in text
    assert f"**{sentence}" in text
    assert [metric.label for metric in at.metric] == ["Cost", f"Quality ({_signal(content)})", "Decides differently"]
    assert f"Plan {content['plan']} (" in text
    assert "unchanged" in text
    assert "Look 14 of 14" in text
    assert "Measured, not judged" not in text


def test_the_conditions_stand_in_words(review: Store) -> None:
    """State, requirement, figure, what it rests on, and how many requests; the next step below.

    Without sessions nothing tells what the shadow's calls find in caches: the cost is a range, which rests on nothing.
    """
    record(review, plan_content("greedy-2", saves="99%"))
    at = opened(policy="bold")
    states = [str(state).split(": ")[1].rstrip("]") for state in at.table[0].value.iloc[:, 0]]
    assert states == ["not met", "met"]
    assert list(at.table[0].value["rests on"]) == ["none", "executed"]
    assert "**saves at least 99 %**:" in texts(at).replace("\\", "")


def test_a_harmed_segment_is_named(review: Store) -> None:
    """The plan looks at tasks; half of the answers of each are worse."""
    record(review, plan_content("toned-2", signal=BAD))
    assert any("task=refund" in error.value.replace("\\", "") for error in opened(policy="bold").error)


def test_an_edit_of_the_plan_is_said_and_the_first_judges(review: Store) -> None:
    """Another margin under the same name changes nothing but the note."""
    record(review, plan_content("edited", saves="10%"))
    record(review, plan_content("edited", saves="99%"))
    text = said(policy="bold")
    assert "SHIP]" in text
    assert "saves_at_least 10% -> 99%" in text


def test_a_blocked_plan_shows_why_before_its_numbers(review: Store) -> None:
    """Every twelfth decision of `flaky` failed: nothing is judged."""
    record(review, plan_content("flaky-plan", "flaky"))
    at = opened(policy="flaky")
    assert "NEED_MORE]" in texts(at).replace("\\", "")
    assert "shown, not judged" in texts(at)
    assert any("fail" in warning.value for warning in at.warning)


def test_a_plan_whose_shadow_never_decided_has_a_card(review: Store) -> None:
    """Nothing is known, and nothing stands for it."""
    record(review, plan_content("early", "not-there-yet"))
    at = opened()
    text = texts(at).replace("\\", "")
    assert "NEED_MORE] not-there-yet" in text
    assert not at.exception


def test_filters_do_not_change_a_verdict(review: Store) -> None:
    """It is about all traffic on the days of the plan, and the card says so."""
    record(review, plan_content("filtered"))
    text = said(policy="bold", segment="task=chat")
    assert "The filters above do not change a verdict" in text
    assert "1,500 requests" in text


def test_quality_shows_executed_answers_before_live_signals(review: Store) -> None:
    """With the margin of the plan; live's own signals come below the warning."""
    record(review, plan_content("margin"))
    at = opened("quality", policy="bold")
    labels = [metric.label for metric in at.metric]
    assert labels[0] == f"{GOOD}, shadow minus live"
    assert labels.index("Live resolved, would be downgraded") > labels.index("Where they differ")
    text = texts(at).replace("\\", "")
    assert "the plan allows -8.0 pt" in text
    assert "higher is better" in text
    assert "the verdict is on Overview" in text
    signals = [table for table in at.table if "would be downgraded" in table.value.columns]
    assert set(signals[0].value["signal"].str.replace("\\", "")) == {"resolved (user)", "judge (llm)"}


def test_quality_without_answers_says_what_to_do(review: Store) -> None:
    """No figure stands for the shadow's answers."""
    at = opened("quality", policy="cheap-first")
    assert "no answer of the shadow was run" in at.info[0].value.replace("\\", "").lower()
    assert at.metric[0].label == "Live resolved, would be downgraded"


def test_specialists_figures_wait_for_a_click(review: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page does not compute them before."""
    asked: list[str] = []
    monkeypatch.setattr(data, "between_models", lambda *_: asked.append("models"))
    opened("quality", policy="bold")
    assert asked == []


def test_cost_shows_the_bill_and_answers_what_if(review: Store) -> None:
    """The ledger with its sources; dearer small models shrink the saving."""
    at = opened("cost", policy="bold")
    lines = next(table.value for table in at.table if "line" in table.value.columns)
    assert list(lines["line"])[-1] == "Net"
    assert all(lines["source"].iloc[:-1])
    assert "Corrected by executed answers" in [metric.label for metric in at.metric]

    def then() -> float:
        """The lower end: without sessions the caches leave a range."""
        found = next(metric for metric in at.metric if metric.label == "Cost against live, then")
        return float(found.value.split(" to ")[0])

    before = then()
    at.selectbox(key="stress-model").select(SMALL)
    at.slider(key="stress-price").set_value(200).run()
    assert then() > before
    assert "gone at" in texts(at)


def test_cost_can_be_read_at_the_prices_of_another_book(review: Store) -> None:
    """The choice stands in the address, and an unknown book is refused."""
    insert(
        review.client(),
        "price_books",
        [
            {"book": "book-flat", "model": model, "context_band": band, "input_usd_per_mtok": 1.0,
             "cache_read_usd_per_mtok": 1.0, "cache_write_usd_per_mtok": 1.0, "output_usd_per_mtok": 1.0}
            for model in (LARGE, SMALL, LOCAL)
            for band in range(4)
        ],
    )  # fmt: skip
    st.cache_resource.clear()
    flat, own = opened("cost", policy="bold", price="book-flat"), opened("cost", policy="bold")
    assert "prices: book-flat" in texts(flat).replace("\\", "")
    assert own.selectbox(key="price").value == BOOK
    assert flat.metric[0].value != own.metric[0].value
    assert "No price is called 'none-such'" in opened("cost", policy="bold", price="none-such").error[0].value


def test_divergence_shows_waiting_times(review: Store) -> None:
    """In seconds, by model."""
    at = opened("divergence", policy="bold")
    assert "Predicted change of the p95" in [metric.label for metric in at.metric]
    assert any("p95" in table.value.columns for table in at.table)


def test_the_packet_comes_as_one_zip(review: Store) -> None:
    """The files that the command line writes, with the judgement of the recorded plan."""
    record(review, plan_content("packed"))
    st.cache_resource.clear()
    with ZipFile(BytesIO(data.packet_zip(PROJECT, BOLD, WINDOW))) as archive:
        names = set(archive.namelist())
        content = json.loads(archive.read("packet/packet.json"))
    assert names == {f"packet/{name}" for name in ("packet.json", "packet.html", "worksheet.csv", "manifest.json")}
    assert content["judgement"]["plan"]["name"] == "packed"


def test_overview_measures_no_more_than_it_shows(review: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judgements and the four measures; latency times, for example, are not read."""
    record(review, plan_content("light"))
    files: list[str] = []
    ask = Reader.ask

    def watched(self: Reader, file: str, params: object) -> object:
        files.append(file)
        return ask(self, file, params)  # type: ignore[arg-type]

    monkeypatch.setattr(Reader, "ask", watched)
    opened(policy="bold")
    assert files
    assert not [file for file in files if "latency" in file or "times" in file]
