"""The headline of each verdict, word by word."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from shadowroute.analysis.format import listed
from shadowroute.analysis.plan.document import QualityDocument
from shadowroute.analysis.results import Measured, Undefined
from shadowroute.analysis.selection import Segment
from shadowroute.analysis.verdict.conditions import (
    Evidence,
    cost_condition,
    escalation_condition,
    latency_condition,
    quality_condition,
)
from shadowroute.analysis.verdict.results import Blocker, Condition, Headline, SegmentFinding, Verdict
from shadowroute.analysis.verdict.rule import verdict_of
from shadowroute.analysis.verdict.sentences import Told, quality, saves, sentence
from shadowroute.analysis.verdict.wording import about, money, points
from tests.support.measured import NOT_RUN, between, estimate

ASKED = QualityDocument(signal="resolved", loses_at_most_points=1.0)
SAVING = estimate(18_412, 16_330, 20_480, unit="usd")
LOSS = estimate(-0.004, -0.009, 0.001, unit="score", n=1240)


def cost(measured: Measured) -> Condition:
    return cost_condition(Evidence(measured=measured, rung="observed", n=412_880, per_day=29_491), saves_at_least=0.10)


def answers(measured: Measured, rung: Any = "executed") -> Condition:
    evidence = Evidence(measured=measured, rung=rung, n=measured.n, grows_with_traffic=False)
    return quality_condition(evidence, ASKED, loses_at_most=0.01)


def escalated(measured: Measured) -> Condition:
    return escalation_condition(
        Evidence(measured=measured, rung="executed", n=1240),
        limit=estimate(0.38, 0.37, 0.39, unit="share"),
        limit_name="break-even",
    )


MET = cost(estimate(-0.271, -0.302, -0.240, n=412_880))
GOOD = answers(LOSS)
HEADLINE = Headline(
    saving_usd_per_month=SAVING,
    cost_change=MET.measured,
    quality_change=LOSS,
    quality_signal="resolved",
    quality_rung="executed",
    differs=estimate(0.31, 0.302, 0.318, unit="share"),
    noise_floor=None,
)
TOLD = Told(
    policy="cheap-first",
    headline=HEADLINE,
    blockers=(),
    conditions=(MET, GOOD),
    segments=(),
    worth="",
    requests=412_880,
    executed=1240,
    days=14,
    loses_at_most=0.01,
    first_step=0.05,
    signatures=1,
)


def said(**changes: Any) -> str:
    """The headline of the verdict that the rule gives."""
    told = replace(TOLD, **changes)
    return sentence(verdict_of(told.blockers, told.conditions, told.segments, worth=told.worth), told)


def with_saving(measured: Measured, **more: Any) -> Headline:
    return replace(HEADLINE, saving_usd_per_month=measured, **more)


def test_ship() -> None:
    """Answer, money, quality, what it rests on, what next."""
    assert said() == (
        "Ship to 5 %. cheap-first would save $18,400 a month (16,300 to 20,500) and its answers hold up: 0.4 points"
        " fewer resolved (0.9 fewer to 0.1 more; you allow 1.0). Based on 412,880 decisions, 1,240 executed answers, 14"
        " days. Next: sign."
    )
    assert said(signatures=0).endswith("Next: the plan asks for no signature.")


def test_reject_because_it_costs_more() -> None:
    """Paying twice is named as the reason."""
    dearer = cost(estimate(0.04, 0.015, 0.065))
    headline = with_saving(estimate(-2_900, -4_700, -1_100, unit="usd"))
    assert said(conditions=(dearer, GOOD), headline=headline) == (
        "Do not ship. cheap-first would cost $2,900 more a month (1,100 to 4,700). Based on 412,880 decisions, 1,240"
        " executed answers, 14 days."
    )
    twice = escalated(estimate(0.44, 0.42, 0.46, unit="share"))
    assert said(conditions=(dearer, GOOD, twice), headline=headline).startswith(
        "Do not ship. cheap-first would cost $2,900 more a month (1,100 to 4,700): 44.0 % of its cascade requests pay"
        " twice, and above 38 % the saving is gone."
    )


def test_reject_because_answers_are_worse() -> None:
    """The saving is no excuse, and both the loss and the margin are named."""
    bad = answers(estimate(-0.048, -0.060, -0.036, unit="score"))
    assert said(conditions=(MET, bad)).startswith(
        "Do not ship. cheap-first would save $18,400 a month (16,300 to 20,500), but its answers are worse: resolved"
        " loses 4.8 points (3.6 to 6.0); you allow 1.0."
    )


def test_reject_because_of_latency_or_escalation_alone() -> None:
    """Each harm has its own words; the first is told, the others are listed."""
    slow = latency_condition(
        Evidence(measured=estimate(520, 480, 560, unit="ms"), rung="observed", n=10), adds_at_most_ms=300
    )
    assert said(conditions=(MET, GOOD, slow)).startswith(
        "Do not ship. cheap-first would be slower: 520 ms more at the 95th percentile (480 to 560); you allow 300."
    )
    twice = escalated(estimate(0.44, 0.42, 0.46, unit="share"))
    assert said(conditions=(MET, GOOD, twice, slow)).startswith(
        "Do not ship. cheap-first pays twice too often: 44.0 % of its cascade requests, and above 38 % the saving is"
        " gone (also beyond the plan: p95 adds at most 300 ms)."
    )


def test_routing_that_is_not_worth_it() -> None:
    """R54, told as it was found."""
    worth = "Routing is not worth it: no policy could save more than $140 a month; running one costs about $190."
    assert said(worth=worth) == f"Do not ship. {worth}"


def test_hold_because_of_a_segment() -> None:
    """Which segment, how much, how large it is, and both ways on."""
    finding = SegmentFinding(
        segment=Segment("task", "refund"),
        key="quality:resolved",
        requirement="resolved loses at most 0.5 points",
        measured=estimate(-0.031, -0.046, -0.016, unit="score"),
        shown="3.1 points (1.6 to 4.6)",
        q_value=0.0001,
        is_harm=True,
        share=0.09,
    )
    assert said(segments=(finding,)) == (
        "Hold: more data will not settle this. cheap-first would save $18,400 a month (16,300 to 20,500), but"
        " task=refund is harmed: resolved 3.1 points (1.6 to 4.6), where the plan says: resolved loses at most 0.5"
        " points (9.0 % of traffic). Keep task=refund as live decides it and start a new version, or accept it with a"
        " reason."
    )
    two = (finding, replace(finding, segment=Segment("task", "code")))
    assert "(9.0 % of traffic) and 1 more segment. Keep task=refund and task=code as live decides it" in said(
        segments=two
    )


def test_hold_because_the_saving_is_too_small() -> None:
    """It is certain, and it is no harm."""
    small = cost(estimate(-0.05, -0.06, -0.04))
    assert said(conditions=(small, GOOD)) == (
        "Hold: more data will not settle this. cheap-first would save $18,400 a month (16,300 to 20,500): 5.0 % (4.0 to"
        " 6.0), and the plan says: saves at least 10 %. Change the policy or accept it with a reason; a new margin"
        " needs a new plan."
    )


def test_need_more_because_nobody_has_seen_its_answers() -> None:
    """The money as a range where a cascade decides it; waiting is no advice."""
    ranged = cost(between(-0.284, -0.062))
    headline = with_saving(between(4_210, 19_290, unit="usd"), quality_change=NOT_RUN, quality_rung="none")
    text = said(conditions=(ranged, answers(NOT_RUN, "none")), headline=headline)
    assert text.startswith(
        "Not yet: its answers have not been seen. cheap-first would save $4,210 to $19,300 a month, depending on how"
        " often its cheap answers fail their check; waiting will not settle it. Next: run the first answers"
    )


def test_answers_that_were_run_have_been_seen() -> None:
    """A few without a score leave bounds that the margin lies between: no reason to say that nobody looked."""
    text = said(conditions=(cost(estimate(-0.3, -0.35, -0.25)), answers(between(-0.03, 0.01, unit="score"))))
    assert text.startswith("Not yet. cheap-first would save")


def test_need_more_because_it_is_too_early() -> None:
    """How many requests, and about how many days."""
    open_ = cost(estimate(-0.12, -0.15, -0.09, n=30_000))
    assert said(conditions=(open_, GOOD)) == (
        "Not yet. cheap-first would save $18,400 a month (16,300 to 20,500). Next: wait for about 38,000 more requests,"
        " 1 day at the present rate."
    )


def test_need_more_says_what_is_already_certain() -> None:
    """A saving that is certainly too small cannot become a SHIP, whatever the answers show."""
    small = cost(estimate(-0.05, -0.06, -0.04))
    text = said(conditions=(small, answers(NOT_RUN, "none")))
    assert (
        "Already certain: 5.0 % (4.0 to 6.0), and the plan says: saves at least 10 %; this plan cannot ship it." in text
    )


def test_blocked() -> None:
    """The first blocker is the answer, the others follow, and the figures are not judged."""
    blockers = (
        Blocker(code="incomplete", text="2.1 % of shadow rows are missing (limit 0.1 %)", next_step="doctor"),
        Blocker(code="min_days", text="5 complete days of 7 with requests", next_step="wait for 2 more days"),
    )
    assert said(blockers=blockers) == (
        "Cannot judge yet: 2.1 % of shadow rows are missing (limit 0.1 %). Also: 5 complete days of 7 with requests."
        " Next: doctor. The figures are shown, not judged."
    )


@pytest.mark.parametrize(
    ("measured", "text"),
    [
        (SAVING, "save $18,400 a month (16,300 to 20,500)"),
        (estimate(412.4, -12.2, 830.9), "save $412 a month (-12.20 to 831)"),
        (estimate(-2_900, -4_700, -1_100), "cost $2,900 more a month (1,100 to 4,700)"),
        (between(4_200, 19_300), "save $4,200 to $19,300 a month"),
        (between(-500, 19_300), "save $19,300 to cost $500 more a month"),
        (between(-900, -500), "cost $500 to $900 more a month"),
        (Undefined(reason="no price"), "change the bill by an unknown amount (no price)"),
    ],
)
def test_money(measured: Measured, text: str) -> None:
    """A saving, a loss, a range that may be either, or the reason why nobody knows."""
    assert saves(measured) == text


def test_quality_in_words() -> None:
    """Fewer or more, with the interval and the margin."""
    assert quality(TOLD) == "0.4 points fewer resolved (0.9 fewer to 0.1 more; you allow 1.0)"
    better = replace(TOLD, headline=replace(HEADLINE, quality_change=estimate(0.02, 0.01, 0.03, unit="score")))
    assert quality(better) == "2.0 points more resolved (1.0 more to 3.0 more; you allow 1.0)"
    unseen = replace(TOLD, headline=replace(HEADLINE, quality_change=NOT_RUN))
    assert quality(unseen) == "resolved: no answer of the shadow was run"


def test_quality_that_lies_between_two_ends_and_one_that_is_better_lower() -> None:
    """A range says its ends; 0.4 points of change for the worse are more edits, not fewer."""
    missing = replace(between(-0.006, 0.002, unit="score"), why="2.0 % of the sample may be anything")
    told = replace(TOLD, headline=replace(HEADLINE, quality_change=missing))
    assert quality(told) == (
        "0.6 fewer to 0.2 more resolved, in points (you allow 1.0; 2.0 % of the sample may be anything)"
    )
    edits = replace(TOLD, headline=replace(HEADLINE, quality_signal="edits"), lower_is_better=True)
    assert quality(edits) == "0.4 points more edits (0.9 more to 0.1 fewer; you allow 1.0)"


def test_numbers_in_words() -> None:
    """Three digits for money, two for forecasts."""
    assert [money(value) for value in (18_412, 412.4, 99.55, 0, -2_912)] == [
        "$18,400",
        "$412",
        "$99.55",
        "$0.00",
        "-$2,910",
    ]
    assert [about(n) for n in (7, 99, 123, 38_217)] == [7, 99, 120, 38_000]
    assert [points(score) for score in (0.01, 0.004, 0.02)] == ["1.0 point", "0.4 points", "2.0 points"]
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"


def test_every_verdict_has_a_sentence_without_jargon() -> None:
    """No p-value, no level, no statistics in a headline."""
    texts = [said(), said(conditions=(MET, answers(NOT_RUN, "none")))]
    assert {verdict.value for verdict in Verdict} == {"SHIP", "HOLD", "REJECT", "NEED_MORE"}
    for text in texts:
        assert not re.search(r"\bp\b|p-value|quantile|significan|null|alpha|interval", text)
