"""A whole report from a store: figures, segments, the A/A control, and everything it must say."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shadowroute.analysis.as_json import plain, to_json
from shadowroute.analysis.caveats import Caveat, about_policy, about_project
from shadowroute.analysis.measures.noise_floor import Control
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.requests import (
    RequestFilter,
    all_requests,
    request_count,
    request_page,
    request_trace,
)
from shadowroute.analysis.queries.rows import PolicyRow
from shadowroute.analysis.report import SCHEMA, ProjectReport, policy_report, project_report
from shadowroute.analysis.results import Estimate, Interval, Measured, Range, Undefined
from shadowroute.analysis.selection import ALL, Cross, PolicyRef, Segment, Window, slice_of
from shadowroute.analysis.signals import SignalRow
from shadowroute.analysis.study import Study
from shadowroute.collector.rollup import Rollup
from shadowroute.collector.store import Store
from tests.support.decision_rows import DAY, insert
from tests.support.measured import estimate
from tests.support.mixed_traffic import BOOK, CHEAP, CONTROL, WINDOW, store_traffic
from tests.support.stores import fresh_store


@pytest.fixture(scope="module")
def q(engine_folder: Path) -> Iterator[Queries]:
    """A project with three thousand requests, rolled up."""
    with fresh_store(engine_folder) as store:
        store_traffic(store.client())
        Rollup(store, labels=("team",)).run_once()
        yield Queries(store.reader(), "p")


@pytest.fixture(scope="module")
def report(q: Queries) -> ProjectReport:
    return project_report(Study(q, WINDOW, book=BOOK), by=("task", "label:team"))


def codes(report: ProjectReport) -> set[str]:
    return {caveat.code for caveat in (*report.caveats, *(c for policy in report.policies for c in policy.caveats))}


def test_a_report_holds_every_shadow_with_controls_last(report: ProjectReport) -> None:
    """The policy first, the A/A control last and marked; live policies and requests beside them."""
    assert [policy.policy for policy in report.policies] == [CHEAP, CONTROL]
    assert [policy.is_control for policy in report.policies] == [False, True]
    assert (report.live, report.requests, report.book, report.project) == ((CONTROL,), 3000, BOOK, "p")
    assert report.as_of is not None
    assert report.known_clusters_share == 1.0


def test_the_control_is_the_noise_floor(report: ProjectReport) -> None:
    """It never differs from itself; the excess of the other policy is measured against it."""
    cheap, control = report.policies
    model = control.overall.divergence.model
    assert isinstance(model, Estimate)
    assert model.value == 0
    assert model.interval.high > 0
    assert control.excess is None
    days = Window(WINDOW.first, WINDOW.last)
    assert report.controls == (Control(policy=CONTROL, days=(days,), is_whole=True),)
    assert cheap.floor == control.floor == report.floor
    assert report.floor.startswith("Live differs from itself on 0.0 % of requests (noise floor of the A/A shadow main")
    assert isinstance(cheap.excess, Estimate)
    assert isinstance(cheap.overall.divergence.model, Estimate)
    assert cheap.excess.value == pytest.approx(cheap.overall.divergence.model.value)


def test_an_unseen_cascade_is_a_range_everywhere(report: ProjectReport) -> None:
    """Cost and escalation of a shadow cascade are never a point until its answers were seen."""
    overall = report.policies[0].overall
    for measure in (overall.cost.relative, overall.cost.per_request_usd, overall.escalation.shadow):
        assert isinstance(measure, Range)
        assert measure.low < measure.high
        assert measure.interval is not None
        assert measure.interval.low < measure.low
        assert measure.interval.high > measure.high


def test_segments_are_the_declared_keys_largest_first(report: ProjectReport, q: Queries) -> None:
    """Every value of each key; a key's shares add up to one where every request has a value."""
    segments = report.policies[0].segments
    tasks = [s for s in segments if isinstance(s.slice, Segment) and s.slice.key == "task"]
    assert {str(s.slice) for s in tasks} == {"task=chat", "task=code", "task=extract"}
    assert [s.share for s in tasks] == sorted((s.share or 0 for s in tasks), reverse=True)
    assert sum(s.share or 0 for s in tasks) == pytest.approx(1)
    assert {str(s.slice) for s in segments} - {str(s.slice) for s in tasks} == {"label:team=a", "label:team=b"}
    alone = policy_report(Study(q, WINDOW, slice=Segment("task", "chat"), book=BOOK), CHEAP).overall
    among = next(s for s in tasks if s.slice == Segment("task", "chat"))
    # Summation order differs between one value and all values of a key: equal to rounding, not to the bit.
    assert (alone.share, alone.divergence.n, alone.cost.n) == (among.share, among.divergence.n, among.cost.n)
    assert alone.cost.live_usd == pytest.approx(among.cost.live_usd, rel=1e-12)
    assert isinstance(alone.quality.all.mean, Estimate)
    assert isinstance(among.quality.all.mean, Estimate)
    assert alone.quality.all.mean.value == pytest.approx(among.quality.all.mean.value, rel=1e-12)


def test_a_slice_of_two_segments_is_part_of_one(q: Queries) -> None:
    """A cross is measured by the same code, from the rows."""
    cross = slice_of((Segment("task", "chat"), Segment("user_tier", "pro")))
    assert isinstance(cross, Cross)
    part = policy_report(Study(q, WINDOW, slice=cross, book=BOOK), CHEAP).overall
    whole = policy_report(Study(q, WINDOW, slice=Segment("task", "chat"), book=BOOK), CHEAP).overall
    assert 0 < part.divergence.n < whole.divergence.n
    assert part.share is not None
    assert whole.share is not None
    assert part.share < whole.share


def test_what_limits_the_figures_is_said(report: ProjectReport) -> None:
    """Failures, fallbacks, missing tokens, caches without sessions and unseen escalations each have a sentence."""
    said = {"failed", "contaminated", "uncosted", "unseen_escalations", "about_live", "unknown_caches"}
    assert codes(report) >= said
    failed = next(c for c in report.policies[0].caveats if c.code == "failed")
    assert "% of this shadow's decisions failed" in failed.text


def test_models_without_a_price_and_no_book(q: Queries) -> None:
    """An unknown book prices nothing: costs are undefined, divergence is not touched."""
    unknown = project_report(Study(q, WINDOW, book="nobody's"))
    assert "unpriced" in codes(unknown)
    assert isinstance(unknown.policies[0].overall.cost.relative, Undefined)
    assert isinstance(unknown.policies[0].overall.divergence.model, Estimate)
    assert q.models_unpriced(WINDOW, "nobody's").keys() == {"big", "mid", "small"}
    assert q.models_unpriced(WINDOW, BOOK) == {}


def test_only_some_policies_can_be_asked_for(q: Queries) -> None:
    """`only` keeps the rest out of the report."""
    assert [p.policy for p in project_report(Study(q, WINDOW, [CONTROL], book=BOOK)).policies] == [CONTROL]


def test_an_empty_window_says_so(q: Queries) -> None:
    """No policies, no figures, one sentence with what to do."""
    empty = project_report(Study(q, Window.ending(dt.date(2020, 1, 7), 7), book=BOOK))
    assert (empty.policies, empty.requests, empty.known_clusters_share) == ((), 0, None)
    assert [caveat.code for caveat in empty.caveats] == ["no_requests"]


def test_missing_ids_and_a_changed_live_policy_are_said(store: Store) -> None:
    """Clusters by request and two live policies: both are on the report, with the figures."""
    rows = [
        {"request_id": f"r{n}", "cluster_key": f"r{n}", "cluster_kind": "user" if n % 4 else "request"}
        | {"policy_version": str(n % 2)}
        for n in range(40)
    ]
    insert(store.client(), "decisions", rows)
    Rollup(store).run_once()
    found = project_report(Study(Queries(store.reader(), "p"), WINDOW))
    assert {caveat.code for caveat in found.caveats} == {"no_shadows", "live_changed", "unknown_clusters"}
    assert found.known_clusters_share == pytest.approx(0.75)
    assert any("Only 75.0 % of requests" in caveat.text for caveat in found.caveats)


def test_json_says_the_kind_of_every_measure(report: ProjectReport) -> None:
    """The document survives JSON, names its schema, and no measure is a bare number."""
    document = json.loads(json.dumps(to_json(report, SCHEMA), allow_nan=False))
    assert document["schema"] == SCHEMA == "shadowroute/report/1"
    assert document["window"] == {"first": "2026-11-16", "last": "2026-11-19"}
    overall = document["policies"][0]["overall"]
    assert overall["slice"] == "all"
    assert overall["divergence"]["model"]["kind"] == "estimate"
    assert overall["cost"]["relative"]["kind"] == "range"
    assert document["policies"][1]["overall"]["escalation"]["shadow"] == {
        "kind": "undefined",
        "reason": "this policy never plans an escalation",
        "next_step": "",
        "n": document["policies"][1]["overall"]["divergence"]["n"],
    }


def test_json_refuses_what_is_no_number() -> None:
    """NaN never leaves, nor does a type that JSON would stringify."""
    with pytest.raises(ValueError, match="finite"):
        plain(Interval(float("nan"), 1.0))
    with pytest.raises(TypeError, match="plain"):
        plain({1, 2})


# What pages ask besides


def test_signals_seen_are_sorted_by_frequency(q: Queries) -> None:
    """The first one is the default of a report."""
    assert [row.name for row in q.signals_seen(WINDOW)] == ["thumbs"]
    judge = SignalRow(name="judge", source="llm", n=0)
    named = policy_report(Study(q, WINDOW, book=BOOK, signal=judge), CHEAP).overall
    assert isinstance(named.quality.all.mean, Undefined)


def test_window_available_is_what_was_rolled_up(q: Queries) -> None:
    """First and last day; None for a project that is not there."""
    assert q.window_available() == WINDOW
    assert Queries(q.client, "nobody").window_available() is None
    assert Queries(q.client, "nobody").freshness().newest_arrival is None


def test_pages_of_requests_meet(q: Queries) -> None:
    """Page after page gives every request once, newest first, and as many as the count says."""
    where = RequestFilter(window=WINDOW, policy=CHEAP, differs=True, slice=Segment("task", "chat"))
    page = request_page(q, where, limit=100)
    rows = list(page.rows)
    while page.next:
        page = request_page(q, where, after=page.next, limit=100)
        rows.extend(page.rows)
    assert rows == list(all_requests(q, where))
    assert len(rows) == len({row.request_id for row in rows}) == request_count(q, where)
    assert rows == sorted(rows, key=lambda row: row.key, reverse=True)
    assert all(row.shadow_model == "small" and row.model != "small" for row in rows)


def test_a_page_has_no_next_at_the_end(q: Queries) -> None:
    """A full last page does not lead to an empty one."""
    where = RequestFilter(window=WINDOW, status="ok")
    assert request_page(q, where, limit=3000).next is None
    assert request_page(q, where, limit=2999).next is not None


def test_a_trace_holds_every_decision_and_signal(four_requests: Store) -> None:
    """Live, shadows, attempts in order, and signals by whichever name they used; None for an unknown id."""
    q = Queries(four_requests.reader(), "p")
    trace = request_trace(q, "r3")
    assert trace is not None
    assert trace.live is not None
    assert [(a.kind, a.model, a.error_type) for a in trace.live.attempts] == [
        ("primary", "small", "503"),
        ("fallback", "big", ""),
    ]
    assert [shadow.policy for shadow in trace.shadows] == [PolicyRef("cheap", "2")]
    assert trace.live.ts == dt.datetime(2026, 11, 17, 9, 30, tzinfo=dt.UTC)
    by_response = request_trace(q, "r2")
    assert by_response is not None
    assert [(signal.name, signal.value) for signal in by_response.signals] == [("thumbs", 0.0)]
    assert request_trace(q, "nobody") is None
    assert request_trace(Queries(four_requests.reader(), "q"), "r3") is None


# What a figure is about


def test_windows_are_days_with_both_ends() -> None:
    """Seven days end with the last one; a window cannot end before it starts."""
    week = Window.ending(dt.date(2026, 11, 22), 7)
    assert (str(week), week.days, len(list(week))) == ("2026-11-16..2026-11-22", 7, 7)
    with pytest.raises(ValueError, match="must start before it ends"):
        Window(dt.date(2026, 11, 2), dt.date(2026, 11, 1))


@pytest.mark.parametrize("text", ["all", "task=extract", "task=", "label:team=a=b", "user_tier=pro"])
def test_segments_survive_their_text(text: str) -> None:
    """What a page writes into its address it can read again."""
    assert str(Segment.parse(text)) == text


def test_complexity_has_one_name() -> None:
    """Its column's name is read, for links and packets that were made before; nothing writes it."""
    assert str(Segment.parse("complexity_band=low")) == "complexity=low"
    with pytest.raises(ValueError, match="segment key must be one of all, task, user_tier, complexity, input_band"):
        Segment("complexity_band", "low")


@pytest.mark.parametrize("text", ["task", "region=eu", "all=x", ""])
def test_unknown_segments_are_refused(text: str) -> None:
    """A typo is an error with the known keys, never all traffic."""
    with pytest.raises(ValueError, match="segment"):
        Segment.parse(text)


def test_filters_become_the_cheapest_slice() -> None:
    """No filter is all traffic, one is a rolled-up segment, the same twice is one, two are a cross."""
    chat, pro = Segment("task", "chat"), Segment("user_tier", "pro")
    assert slice_of(()) == slice_of((ALL,)) == ALL
    assert slice_of((chat, ALL, chat)) == chat
    assert slice_of((chat, pro)) == Cross((chat, pro))
    assert str(slice_of((chat, pro))) == "task=chat & user_tier=pro"


def test_a_policy_that_went_live_is_no_control(store: Store) -> None:
    """Before its promotion it stood beside another live policy, and its divergence from that one is no noise."""
    old, new = {"policy": "old", "policy_version": "1"}, {"policy": "new", "policy_version": "1"}
    rows = []
    for n in range(200):
        live, shadow = (old, new) if n < 100 else (new, old)
        row = {
            "request_id": f"r{n}",
            "cluster_key": f"u{n}",
            "ts": dt.datetime(2026, 11, 16 + n // 100, 12, tzinfo=dt.UTC),
        }
        rows += [row | live, row | shadow | {"role": "shadow", "model": "small"}]
    insert(store.client(), "decisions", rows)
    Rollup(store).run_once()
    found = project_report(Study(Queries(store.reader(), "p"), WINDOW))
    assert [policy.is_control for policy in found.policies] == [False, False]
    assert ["not known: no A/A shadow ran" in policy.floor for policy in found.policies] == [True, True]


def test_a_sample_is_not_taken_for_a_loss(store: Store) -> None:
    """A shadow that sees one request in ten holds a little more or less than a tenth; half of them gone is said."""
    rows: list[dict[str, Any]] = []
    for n in range(400):
        row = {"request_id": f"r{n}", "cluster_key": f"u{n}"}
        rows.append(row)
        for policy, kept in (("sampled", n % 11 == 0), ("lossy", n % 20 == 0)):
            if kept or n in {0, 399}:
                rows.append(row | {"role": "shadow", "policy": policy, "sample_rate": 0.1})
    insert(store.client(), "decisions", rows)
    Rollup(store).run_once()
    found = project_report(Study(Queries(store.reader(), "p"), WINDOW))
    said = {p.policy.name: {caveat.code for caveat in p.caveats} for p in found.policies}
    assert "incomplete" not in said["sampled"]
    assert "incomplete" in said["lossy"]


def test_a_range_is_called_one_only_where_it_is_one(report: ProjectReport) -> None:
    """Executed answers make the cost an estimate; what the log alone says of escalations stays a range."""
    overall = report.policies[0].overall
    assert isinstance(overall.escalation.shadow, Range)
    why = overall.escalation.shadow.why

    def said(relative: Measured) -> Caveat:
        cost = replace(overall.cost, relative=relative)
        found = about_policy(
            divergence=overall.divergence,
            cost=cost,
            escalation=overall.escalation,
            quality=overall.quality,
            completeness=None,
        )
        (caveat,) = [each for each in found if each.code == "unseen_escalations"]
        return caveat

    assert said(overall.cost.relative).text == f"Cost and escalation are ranges: {why}."
    executed = said(estimate(-0.2, -0.3, -0.1))
    assert executed.text.startswith(f"Escalation is a range in the log: {why}. Cost is not")
    assert executed.next_step == ""
    assert said(Undefined(reason="no price")).text == f"Escalation is a range: {why}."


def test_a_cost_that_a_few_requests_decide_is_said(report: ProjectReport) -> None:
    """The interval stays as it is; that it may be too narrow is a sentence with the figures."""
    overall = report.policies[0].overall
    cost = replace(overall.cost, is_heavy_tailed=True, heavy_tail="the largest 1 % of requests hold 60 %")
    for given, want in ((cost, True), (replace(cost, is_heavy_tailed=None), False)):
        found = about_policy(
            divergence=overall.divergence,
            cost=given,
            escalation=overall.escalation,
            quality=overall.quality,
            completeness=None,
        )
        said = [each.text for each in found if each.code == "heavy_tailed"]
        sentence = "The interval of the cost may be too narrow: the largest 1 % of requests hold 60 %."
        assert said == ([sentence] if want else [])


def test_an_imported_log_is_not_told_to_change_the_sdk_alone() -> None:
    """Who imports cannot report what was served: the sentence names the export too."""
    row = PolicyRow(policy=CHEAP, is_live=True, n=1, weight=1.0, failed_weight=0.0, days=(DAY,))
    (found,) = (
        each
        for each in about_project(live=[row], shadows=[row], known_clusters_share=0.5)
        if each.code == "unknown_clusters"
    )
    assert "of an imported log, export" in found.next_step
