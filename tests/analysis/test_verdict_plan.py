"""Plan files: what they mean, what their mistakes say, and which content judges after an edit."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from shadow.domain.ids import canonical_json
from shadow.errors import ConfigError
from shadowroute.analysis.plan import load_plan, plan_of, register
from shadowroute.analysis.plan.meaning import specs_of
from shadowroute.analysis.plan.pinned import is_pinned
from shadowroute.analysis.plan.registration import judged_by, recorded_plans
from shadowroute.analysis.selection import Segment
from shadowroute.collector.plans import PlanRecord, plan_records, record_plan
from shadowroute.collector.store import Store
from tests.support.groups import ROOT
from tests.support.plans import PLAN, plan_with

pytestmark = pytest.mark.dates


def error_of(folder: Path, old: str, new: str) -> str:
    with pytest.raises(ConfigError) as caught:
        plan_with(folder, old, new)
    return str(caught.value).removeprefix(f"{folder}/")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("10%", "10", "plan.yaml:6: saves_at_least: 10 is ambiguous (10 % or 1000 %?); write 10%"),
        ("10%", ".1", "plan.yaml:6: saves_at_least: 0.1 is ambiguous (0.1 % or 10 %?); write 10%"),
        ("10%", "ten", "plan.yaml:6: saves_at_least must be a percentage, got 'ten'; for example 10%"),
        ("10%", "110%", "plan.yaml:6: saves_at_least must be 0% to 100%, got 110%"),
        ("95%", "95", "plan.yaml:4: confidence: 95 is ambiguous (95 % or 9500 %?); write 95%"),
        ("95%", "0.95", "plan.yaml:4: confidence: 0.95 is ambiguous (0.95 % or 95 %?); write 95%"),
        ("95%", "5%", "plan.yaml:4: confidence must be 50% to 99.99%, got 5%; 95% is usual"),
        ("break_even", "40", "plan.yaml:8: below: 40 is ambiguous (40 % or 4000 %?); write 40%"),
        ("5%}", "5}", "plan.yaml:12: first_step: 5 is ambiguous (5 % or 500 %?); write 5%"),
        ("cost:", "kost:", 'plan.yaml:6: unknown key "kost" under must; did you mean "cost"?'),
        (
            "latency_p95:",
            "throughput:",
            'plan.yaml:9: unknown key "throughput" under must; known keys: cost, quality, escalation, latency_p95',
        ),
        ("{saves_at_least: 10%}", "{}", "plan.yaml:6: saves_at_least must be given under cost, got nothing"),
        (
            "loses_at_most_points: 1.0, ",
            "",
            "plan.yaml:7: loses_at_most_points must be given under quality, got nothing",
        ),
        ("points: 1.0", "points: 1%", "plan.yaml:7: loses_at_most_points must be a number, got '1%'"),
        (
            "ends: 2026-11-22",
            "ends: 2026-11-02",
            "plan.yaml:3: ends must not be before starts, got 2026-11-09 to 2026-11-02; swap them, or correct one",
        ),
        ("2026-11-22", "2026-11-12", "plan.yaml:3: window must hold min_days (7), got 4; end it later"),
        ("2026-11-22", "2028-11-12", "plan.yaml:3: ends must be at most 400 days after starts, got 735; plan a nearer"),
        ("2026-11-22", "22 Nov", "plan.yaml:3: ends must be a UTC day, YYYY-MM-DD, got '22 Nov'"),
        ("48h", "48", "plan.yaml:11: matures_after must be a duration with its unit, got 48; for example 72h or 3d"),
        ("by: [task, user_tier]", "by: [user_tier]", "plan.yaml:10: stricter names task=refund, and segments.by lacks"),
        ("task=refund", "refund", "plan.yaml:10: stricter must name one value of a segment, got 'refund'"),
        (
            "{quality: {loses_at_most_points: 0.5}}",
            "{quality: {loses_at_most_points: 0.5, signal: thumbs}}",
            "plan.yaml:10: stricter names signal thumbs for task=refund, and must.quality asks for resolved",
        ),
        (
            "loses_at_most_points: 0.5",
            "loses_at_most_points: 5",
            "plan.yaml:10: stricter must allow task=refund at most the 1 points of must.quality, got 5",
        ),
        ("48h", "48h, bar: 83%", "plan.yaml:11: bar must be a multiple of 5 %, got 83%; distributions are kept in"),
        ("policy: cheap", "polcy: cheap", 'plan.yaml:2: unknown key "polcy" under plan; did you mean "policy"?'),
        ("evidence: executed", "evidence: decisions", "plan.yaml:7: evidence must be 'executed' or 'observed'"),
    ],
)
def test_a_bad_plan_names_file_line_rule_and_next_step(tmp_path: Path, old: str, new: str, message: str) -> None:
    """Each mistake of the acceptance list, and its neighbours."""
    assert error_of(tmp_path, old, new).startswith(message)


def test_what_a_plan_means(tmp_path: Path) -> None:
    """Margins are shares and scores, days are dates, and the segment keys are those of the rollups."""
    plan = plan_with(tmp_path, "by: [task, user_tier]", "by: [task, complexity]")
    (quality,) = plan.document.must.quality
    assert (plan.confidence, plan.saves_at_least, plan.planned_days) == (0.95, 0.1, 14)
    assert (plan.starts, plan.ends) == (dt.date(2026, 11, 9), dt.date(2026, 11, 22))
    assert plan.matures_after == dt.timedelta(hours=48)
    assert plan.segment_keys == ("task", "complexity")
    assert plan.loses_at_most(quality) == 0.01
    assert plan.loses_at_most(quality, Segment("task", "refund")) == 0.005
    assert plan.loses_at_most(quality, Segment("task", "chat")) == 0.01
    assert plan.segment_saves_at_least(Segment("task", "chat")) is None


def test_what_a_plan_leaves_open_about_a_signal_is_as_its_name_is_known(tmp_path: Path) -> None:
    """A plan that only says when `retry` is known does not turn it round, nor make a stand-in a proof."""
    plan = plan_with(tmp_path, "{resolved: {matures_after: 48h}}", "{retry: {matures_after: 48h}, resolved: {}}")
    specs = specs_of(plan.document)
    assert (specs["retry"].lower_is_better, specs["retry"].rung, specs["retry"].matures_after_h) == (True, "proxy", 48)
    assert (specs["resolved"].lower_is_better, specs["resolved"].rung) == (False, "observed")
    turned = plan_with(tmp_path, "{resolved: {matures_after: 48h}}", "{retry: {lower_is_better: false}}")
    assert not specs_of(turned.document)["retry"].lower_is_better


def test_layout_and_spelling_change_no_hash_and_a_margin_does(tmp_path: Path) -> None:
    """The hash is of what the plan says, and it survives being stored."""
    plan = plan_with(tmp_path)
    assert plan_with(tmp_path, "10%", "10.0 %").hash == plan.hash
    assert plan_with(tmp_path, "confidence: 95%", "confidence: 95%  # usual").hash == plan.hash
    assert plan_with(tmp_path, ", min_days: 7", "").hash == plan.hash
    assert plan_with(tmp_path, "10%", "9%").hash != plan.hash
    assert plan_of(plan.content).hash == plan.hash


def test_the_example_is_a_valid_plan() -> None:
    """Users start from it."""
    assert load_plan(ROOT / "examples/routing/plans/cheap-first.yaml").document.policy == "cheap-first"


def test_the_first_content_judges_and_a_later_one_is_an_edit(tmp_path: Path, store: Store) -> None:
    """Every content is kept; going back to the first leaves nothing to say; a new name is a new start."""
    client = store.client()
    first = plan_with(tmp_path)
    began = register(first, "p", reader=store.reader(), writer=client, author="ada")
    assert (began.status.edits, began.status.hash, began.plan) == ((), first.hash, first)
    assert began.status.registered_at is not None
    again = register(first, "p", reader=store.reader(), writer=client)
    assert again == began
    softer = plan_with(tmp_path, "points: 1.0", "points: 2.0")
    edited = register(softer, "p", reader=store.reader(), writer=client)
    assert edited.plan == first
    (edit,) = edited.status.edits
    assert (edit.where, edit.before, edit.after) == ("must.quality.loses_at_most_points", "1.0", "2.0")
    assert [record.hash for record in plan_records(client, "p", first.name)] == [first.hash, softer.hash]
    assert plan_records(client, "p", first.name)[0].author == "ada"
    assert register(first, "p", reader=store.reader(), writer=client).status.edits == ()
    renamed = plan_with(tmp_path, "plan: cheap-first-2026-11", "plan: second")
    assert register(renamed, "p", reader=store.reader(), writer=client).status.edits == ()
    assert register(softer, "q", reader=store.reader(), writer=client).plan == softer


def test_a_store_that_may_only_be_read_judges_and_says_so(tmp_path: Path, store: Store) -> None:
    """Nothing is recorded, and the status does not claim it."""
    plan = plan_with(tmp_path)
    for writer in (None, store.reader()):
        judged = register(plan, "p", reader=store.reader(), writer=writer)
        assert judged.plan == plan
        assert judged.status.registered_at is None
    assert plan_records(store.client(), "p", plan.name) == []


def test_a_plan_of_another_version_is_left_out_of_pages_and_named_where_it_would_judge(
    tmp_path: Path, store: Store
) -> None:
    """A key that this version does not have: the other plans are shown, and a gate says what to do."""
    plan = plan_with(tmp_path)
    other = plan.content | {"plan": "other", "seasons": 4}
    record_plan(store.client(), "p", "other", "0" * 12, canonical_json(other), author="", source="")
    register(plan, "p", reader=store.reader(), writer=store.client())
    assert [each.plan.name for each in recorded_plans(store.reader(), "p")] == [plan.name]
    renamed = plan_with(tmp_path, "plan: cheap-first-2026-11", "plan: other")
    with pytest.raises(ConfigError, match=r"plan other was recorded by another version: seasons: .*update shadowroute"):
        register(renamed, "p", reader=store.reader(), writer=store.client())


def test_an_edit_is_dated_by_the_day_it_was_first_seen(tmp_path: Path) -> None:
    """Two edits of two days, and a key that was not there before."""
    plan = plan_with(tmp_path)
    day = [dt.datetime(2026, 11, day, 8, tzinfo=dt.UTC) for day in (8, 12, 15)]
    versions = [
        plan,
        plan_with(tmp_path, "10%", "5%"),
        plan_with(tmp_path, "cost:        {saves_at_least: 10%}", "cost:        {saves_at_least: 5%}"),
    ]
    now = plan_of(versions[2].content | {"price_book": "b2"})
    records = [
        PlanRecord(hash=each.hash, content=canonical_json(each.content), seen_at=at, author="")
        for each, at in zip((*versions[:2], now), day, strict=True)
    ]
    judged = judged_by(now, records)
    assert [(edit.where, edit.before, edit.after, edit.seen_on.day) for edit in judged.status.edits] == [
        ("price_book", "nothing", "b2", 15),
        ("must.cost.saves_at_least", "10%", "5%", 12),
    ]
    assert judged.plan == plan


@pytest.mark.parametrize(
    ("model", "pinned"),
    [
        ("gpt-4o-2024-08-06", True),
        ("azure/gpt-4o-2024-08-06", True),
        ("claude-sonnet-4-5-20250929", True),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", True),
        ("claude-opus-4@20250514", True),
        ("mistral-large-2411", True),
        ("gpt-4-0613", True),
        ("gemini-2.0-flash-001", True),
        ("amazon.nova-pro-v1:0", True),
        ("gpt-5", False),
        ("claude-sonnet-4-5", False),
        ("mistral-large-latest", False),
        ("llama-3.1-405b", False),
        ("llama3-70b-8192", False),
        ("gpt-4-32k", False),
        ("", False),
    ],
)
def test_a_name_is_pinned_by_its_version(model: str, pinned: bool) -> None:
    """A day, a release or a digest; sizes and context lengths are none."""
    assert is_pinned(model) is pinned


def test_a_plan_may_hold_audited_models(tmp_path: Path) -> None:
    """The hash of a plan without them is what it was; an empty mapping says nothing, so it is refused."""
    plain, audited = tmp_path / "plain.yaml", tmp_path / "audited.yaml"
    plain.write_text(PLAN)
    audited.write_text(PLAN + "models: {only: [gpt-4o-2024-08-06], pinned_versions: true}\n")
    assert "models" not in load_plan(plain).content
    assert load_plan(audited).content["models"] == {"only": ["gpt-4o-2024-08-06"], "pinned_versions": True}
    audited.write_text(PLAN + "models: {}\n")
    with pytest.raises(ConfigError, match="models must name models under only, or say pinned_versions: true"):
        load_plan(audited)
