"""From figures to conditions, from conditions to the verdict: every branch, and what may never ship."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadowroute.analysis.plan.document import QualityDocument
from shadowroute.analysis.results import Estimate, Measured, Rung, Undefined
from shadowroute.analysis.selection import Segment
from shadowroute.analysis.verdict.bounds import at_most, difference, missing, negated
from shadowroute.analysis.verdict.conditions import (
    Evidence,
    cost_condition,
    escalation_condition,
    latency_condition,
    no_escalation,
    quality_condition,
)
from shadowroute.analysis.verdict.judge import RUN_QUEUE, doors
from shadowroute.analysis.verdict.results import Blocker, Condition, SegmentFinding, Verdict
from shadowroute.analysis.verdict.rule import verdict_of
from tests.support.measured import NOT_RUN, between, estimate

ASKED = QualityDocument(signal="resolved", loses_at_most_points=1.0)


def evidence(measured: Measured, rung: Rung = "observed", **more: Any) -> Evidence:
    return Evidence(measured=measured, rung=rung, n=measured.n, **more)


def cost(value: float, low: float, high: float) -> Condition:
    return cost_condition(evidence(estimate(value, low, high), per_day=100), saves_at_least=0.10)


def quality(measured: Measured, rung: Rung = "executed", asked: QualityDocument = ASKED) -> Condition:
    return quality_condition(evidence(measured, rung, grows_with_traffic=False), asked, loses_at_most=0.01)


MET = cost(-0.27, -0.30, -0.24)
TOO_LITTLE = cost(-0.05, -0.06, -0.04)
DEARER = cost(0.05, 0.03, 0.07)
OPEN = cost(-0.12, -0.18, -0.06)
GOOD = quality(estimate(-0.004, -0.009, 0.001, unit="score"))
BAD = quality(estimate(-0.048, -0.060, -0.036, unit="score"))
UNSURE = quality(estimate(-0.004, -0.020, 0.012, unit="score"))
UNSEEN = quality(NOT_RUN, "none")
BLOCKER = Blocker(code="min_days", text="2 of 7", next_step="wait")
HARMED = SegmentFinding(
    segment=Segment("task", "refund"),
    key="quality:resolved",
    requirement="",
    measured=NOT_RUN,
    shown="",
    q_value=0.001,
    is_harm=True,
    share=0.1,
)


def states(condition: Condition) -> tuple[str, bool]:
    return condition.state, condition.is_harm


def test_a_saving_is_met_too_small_open_or_a_loss() -> None:
    """The whole interval decides; too small is no harm, dearer than live is one."""
    assert states(MET) == ("met", False)
    assert states(TOO_LITTLE) == ("not met", False)
    assert states(DEARER) == ("not met", True)
    assert states(OPEN) == ("unknown", False)
    assert MET.requirement == "saves at least 10 %"
    assert MET.shown == "27.0 % (24.0 to 30.0)"
    assert (MET.why, MET.next_step) == ("", "")
    assert DEARER.shown == "-5.0 % (-7.0 to -3.0)"


def test_what_is_spent_to_decide_is_no_harm_of_the_policy() -> None:
    """It counts against the saving, and never as a loss."""
    dear = evidence(estimate(0.05, 0.03, 0.07), lasting=estimate(-0.02, -0.04, 0.0))
    assert states(cost_condition(dear, saves_at_least=0.10)) == ("not met", False)
    assert states(cost_condition(replace(dear, lasting=dear.measured), saves_at_least=0.10)) == ("not met", True)


def test_no_assumption_decides_the_cost() -> None:
    """Met or harmful only if it would be so at either end of what is assumed."""
    cheaper = evidence(estimate(-0.27, -0.30, -0.24), doubt=between(-0.5, 0.1), doubt_why="it writes as much")
    doubted = cost_condition(cheaper, saves_at_least=0.10)
    assert states(doubted) == ("unknown", False)
    assert doubted.shown == "27.0 % (24.0 to 30.0); -10.0 to 50.0 % if it writes as much"
    assert doubted.next_step.startswith("run answers of the shadow")
    assert doubted.why == "it depends on whether it writes as much"
    sure = replace(cheaper, doubt=between(-0.5, -0.12))
    assert states(cost_condition(sure, saves_at_least=0.10)) == ("met", False)
    dearer = evidence(estimate(0.05, 0.03, 0.07), doubt=between(-0.05, 0.1), doubt_why="it writes as much")
    assert states(cost_condition(dearer, saves_at_least=0.10)) == ("not met", False)
    assert states(cost_condition(replace(dearer, doubt=between(0.01, 0.1)), saves_at_least=0.10)) == ("not met", True)


def test_what_is_missing_follows_from_the_width() -> None:
    """A half-width three times the distance needs nine times the data: eight times more."""
    assert OPEN.more_requests == 8000
    assert OPEN.more_days == pytest.approx(80)
    assert OPEN.next_step == "wait for about 8,000 more requests, 80 days at the present rate"
    assert UNSURE.more_requests == pytest.approx(1000 * ((0.016 / 0.006) ** 2 - 1), rel=0.01)
    assert UNSURE.more_days is None
    assert "more answers (shadowroute queue), then shadowroute import executions FILE" in UNSURE.next_step


def test_more_is_no_advice_on_the_limit_or_for_a_range() -> None:
    """A figure on the margin needs endless data, and a range is narrowed by no traffic."""
    assert missing(estimate(-0.10, -0.2, 0.0), -0.10) is None
    assert missing(estimate(-0.1000001, -0.2, 0.0), -0.10) is None
    assert missing(between(-0.3, 0.1), -0.10) is None
    assert missing(NOT_RUN, 0.0) is None
    on_limit = cost(-0.10, -0.2, 0.0)
    assert on_limit.next_step == "the figure lies on the limit: more data will hardly settle it"


def test_a_loss_of_quality_counts_in_points() -> None:
    """Met below the margin, a harm beyond it; better answers are met too."""
    assert states(GOOD) == ("met", False)
    assert states(BAD) == ("not met", True)
    assert states(UNSURE) == ("unknown", False)
    assert states(UNSEEN) == ("unknown", False)
    assert states(quality(estimate(0.05, 0.02, 0.08))) == ("met", False)
    assert GOOD.requirement == "resolved loses at most 1.0 point"
    assert GOOD.shown == "0.4 points (-0.1 to 0.9)"
    assert UNSEEN.shown == "no answer of the shadow was run"


@pytest.mark.parametrize(
    ("asks", "rung", "believed"),
    [
        ("executed", "executed", True),
        ("executed", "observed", False),
        ("executed", "proxy", False),
        ("observed", "executed", True),
        ("observed", "observed", True),
        ("observed", "proxy", False),
        ("observed", "none", False),
    ],
)
def test_a_figure_of_a_lower_rung_than_asked_is_unknown(asks: str, rung: Rung, believed: bool) -> None:
    """Whatever it says: also a harm of a proxy is none."""
    asked = ASKED.model_copy(update={"evidence": asks})
    good = quality(estimate(-0.004, -0.009, 0.001, unit="score"), rung, asked)
    bad = quality(estimate(-0.048, -0.060, -0.036, unit="score"), rung, asked)
    assert good.state == ("met" if believed else "unknown")
    assert bad.is_harm == believed
    assert isinstance(good.measured, Estimate) == believed


def test_escalation_is_compared_with_an_uncertain_break_even() -> None:
    """Met below its lower end, a harm above its upper end, unknown between."""
    limit = estimate(0.40, 0.38, 0.42, unit="share")

    def at(value: float, low: float, high: float) -> Condition:
        rate = evidence(estimate(value, low, high, unit="share"), "executed")
        return escalation_condition(rate, limit=limit, limit_name="break-even")

    assert states(at(0.06, 0.05, 0.08)) == ("met", False)
    assert states(at(0.39, 0.385, 0.395)) == ("unknown", False)
    assert states(at(0.50, 0.45, 0.55)) == ("not met", True)
    assert at(0.06, 0.05, 0.08).requirement == "escalation below 40 % (break-even)"
    unknown = escalation_condition(
        evidence(estimate(0.1, 0.09, 0.11)), limit=Undefined(reason="no price"), limit_name="break-even"
    )
    assert states(unknown) == ("unknown", False)
    assert unknown.why == "no price"
    assert states(no_escalation()) == ("met", False)


def test_a_cascade_nobody_has_run_is_a_range_and_waiting_does_not_help() -> None:
    """Its next step is to run answers, never to wait."""
    ranged = cost_condition(evidence(between(-0.284, -0.062), "none"), saves_at_least=0.10)
    assert states(ranged) == ("unknown", False)
    assert ranged.shown == "6.2 to 28.4 %"
    assert ranged.next_step.startswith("run the first answers")
    assert ranged.more_requests is None
    sure = cost_condition(evidence(between(-0.284, -0.162), "none"), saves_at_least=0.10)
    assert sure.state == "met"


def test_latency_counts_milliseconds() -> None:
    """Slower than allowed is a harm."""
    ok = latency_condition(evidence(estimate(120, 80, 160, unit="ms")), adds_at_most_ms=300)
    slow = latency_condition(evidence(estimate(520, 480, 560, unit="ms")), adds_at_most_ms=300)
    assert (states(ok), ok.shown, ok.requirement) == (
        ("met", False),
        "120 ms (80 to 160)",
        "p95 adds at most 300 ms",
    )
    assert states(slow) == ("not met", True)


@pytest.mark.parametrize(
    ("conditions", "verdict"),
    [
        ([MET, GOOD], Verdict.SHIP),
        ([TOO_LITTLE, GOOD], Verdict.HOLD),
        ([DEARER, GOOD], Verdict.REJECT),
        ([MET, BAD], Verdict.REJECT),
        ([OPEN, BAD], Verdict.REJECT),
        ([UNSEEN, DEARER], Verdict.REJECT),
        ([MET, UNSURE], Verdict.NEED_MORE),
        ([OPEN, GOOD], Verdict.NEED_MORE),
        ([MET, UNSEEN], Verdict.NEED_MORE),
        ([TOO_LITTLE, UNSEEN], Verdict.NEED_MORE),
        ([MET], Verdict.NEED_MORE),
    ],
)
def test_the_rule(conditions: list[Condition], verdict: Verdict) -> None:
    """Harm first, then what is unknown, then all met, then the conflict; without quality evidence nothing ships."""
    assert verdict_of([], conditions, []) == verdict
    assert verdict_of([BLOCKER], conditions, []) == Verdict.NEED_MORE
    assert verdict_of([], list(reversed(conditions)), []) == verdict


@pytest.mark.parametrize(
    ("conditions", "asks"),
    [
        ([MET, GOOD], False),
        ([DEARER, BAD], False),
        ([OPEN, GOOD], False),  # more requests settle it, no answer does
        ([MET, UNSURE], True),
        ([MET, UNSEEN], True),
        ([replace(OPEN, measured=between(-0.18, -0.06)), GOOD], True),  # a range: only answers make it a point
        ([replace(MET, measured=between(-0.30, -0.24)), GOOD], False),
    ],
)
def test_answers_are_asked_for_where_they_settle_something(conditions: list[Condition], asks: bool) -> None:
    """What is unknown about quality, and any range that leaves a condition open."""
    assert doors(conditions) == ((RUN_QUEUE,) if asks else ())


def test_a_harmed_segment_holds_what_would_ship() -> None:
    """And it does not turn a NEED_MORE into anything else."""
    assert verdict_of([], [MET, GOOD], [HARMED]) == Verdict.HOLD
    assert verdict_of([], [MET, GOOD], [replace(HARMED, is_harm=False)]) == Verdict.SHIP
    assert verdict_of([], [OPEN, GOOD], [HARMED]) == Verdict.NEED_MORE
    assert verdict_of([], [MET, BAD], [HARMED]) == Verdict.REJECT


def test_routing_that_is_not_worth_it_is_rejected_and_a_blocker_comes_first() -> None:
    """R54."""
    assert verdict_of([], [MET, GOOD], [], worth="Routing is not worth it.") == Verdict.REJECT
    assert verdict_of([BLOCKER], [MET, GOOD], [], worth="Routing is not worth it.") == Verdict.NEED_MORE


def test_nothing_ships_on_less_than_the_shadows_own_answers() -> None:
    """Every combination: SHIP means that all are met, and that quality is executed or observed."""
    for chosen in itertools.product([MET, TOO_LITTLE, DEARER, OPEN], [GOOD, BAD, UNSURE, UNSEEN]):
        ships = verdict_of([], chosen, []) == Verdict.SHIP
        assert ships == (chosen == (MET, GOOD))
    for rung in ("proxy", "none"):
        assert verdict_of([], [MET, replace(GOOD, rung=rung)], []) == Verdict.NEED_MORE


@given(
    value=st.floats(-1, 1),
    below=st.floats(0, 1),
    above=st.floats(0, 1),
    limit=st.floats(-1, 1),
)
def test_met_and_not_met_exclude_each_other_and_mirror(value: float, below: float, above: float, limit: float) -> None:
    """Met at a limit means not above it; what is moved by the limit says the same at 0; twice negated is the same."""
    measured = estimate(value, value - below, value + above)
    state = at_most(measured, limit)
    assert (state == "met") == (measured.interval.high <= limit)
    assert (state == "not met") == (measured.interval.low > limit)
    assert negated(negated(measured)) == measured
    moved = difference(measured, limit)
    assert isinstance(moved, Estimate)
    assert moved.interval.high == measured.interval.high - limit
