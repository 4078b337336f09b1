"""What executed answers say: identities, refusals, missing answers and several draws."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from shadowroute.analysis.measures.escalation import unseen_rate
from shadowroute.analysis.measures.executed import NOTHING
from shadowroute.analysis.queries.executions import ExecutedAnswer, Frame
from shadowroute.analysis.results import Estimate, Measured, Range, Undefined
from shadowroute.analysis.summaries import BUCKETS, spread
from tests.support.executed_answers import DAY, N, answer, costs, every, frame, measure


def point(value: Measured) -> float:
    assert isinstance(value, Estimate), value
    assert value.interval.low <= value.value <= value.interval.high
    return value.value


def refusal(value: Measured) -> str:
    assert isinstance(value, Undefined), value
    return value.reason


def losing(answers: Sequence[ExecutedAnswer], share: float) -> list[ExecutedAnswer]:
    """The same with that share of the shadow's answers wrong, spread evenly."""
    period = round(1 / share)
    return [replace(each, score=0.0) if place % period == 0 else each for place, each in enumerate(answers)]


def test_nothing_was_run() -> None:
    """Without executions every figure has the reason and the next step."""
    found = measure([])
    assert found is NOTHING
    assert refusal(found.quality_change) == "no answer of the shadow was run"
    assert found.rung == "none"


def test_the_change_is_of_all_requests() -> None:
    """A tenth of the diverging half loses: 10 points there, 5 points of all requests; the others are 0 by identity."""
    found = measure(losing(every(), 0.1))
    assert (found.n, found.drawn, found.missing_share, found.samples) == (500, 500, 0.0, ("s1",))
    assert point(found.diverging_quality_change) == pytest.approx(-0.1)
    assert point(found.quality_change) == pytest.approx(-0.05)
    assert point(found.shadow_score) == pytest.approx(0.9)
    assert point(found.live_score) == pytest.approx(1.0)
    assert (found.signal, found.rung) == ("resolved", "executed")


def test_answers_where_the_plans_agree_add_nothing() -> None:
    """Executions of requests that need none change no figure, whatever their scores."""
    some = losing(every(), 0.1)
    others = [replace(each, score=0.0) if not each.needs_execution else each for each in some]
    assert measure(others).quality_change == measure(some).quality_change


def test_a_level_widens_the_interval() -> None:
    """The verdict asks for wider intervals at an early look."""
    narrow, wide = (measure(losing(every(), 0.1), level=level).quality_change for level in (0.95, 0.999))
    assert isinstance(narrow, Estimate)
    assert isinstance(wide, Estimate)
    assert wide.interval.low < narrow.interval.low < narrow.interval.high < wide.interval.high
    assert wide.interval.level == 0.999


def test_no_difference_keeps_a_width() -> None:
    """Every sampled answer was as good: 0, between Wilson's bounds of 0 losses and 0 gains among 500 users."""
    found = measure(every()).diverging_quality_change
    assert point(found) == 0
    assert isinstance(found, Estimate)
    assert found.interval.high == -found.interval.low == pytest.approx(0.0077, abs=0.0003)


def test_the_prediction_is_corrected_by_what_was_paid() -> None:
    """The small model wrote 50 % more than the log assumes: -45 % is predicted, and -42.5 % is paid."""
    found = measure(every(cost_usd=0.003))
    assert point(found.cost_change) == pytest.approx(-0.425)
    assert found.spend_usd == pytest.approx(0.003 * N / 2)


def test_costs_are_priced_where_the_file_has_tokens_only() -> None:
    """2,000 output tokens at the book's price, 0.003 USD; a model without a price is a reason."""
    assert point(measure(every(cost_usd=None, output_tokens=2000)).cost_change) == pytest.approx(-0.425)
    unpriced = replace(costs(), unpriced=("mystery",))
    assert "no price for mystery" in refusal(measure(every(), costs=unpriced).cost_change)


def test_missing_costs_are_said_or_refused() -> None:
    """A few answers without a cost are named in the method; many are a reason."""
    few = [
        replace(each, cost_usd=None, output_tokens=None) if place < 10 else each for place, each in enumerate(every())
    ]
    found = measure(few).cost_change
    assert isinstance(found, Estimate)
    assert "10 answers without a cost left out" in found.method
    assert measure(few).spend_usd is None
    many = measure(every(cost_usd=None, output_tokens=None)).cost_change
    assert "500 of 500 executed answers have no cost" in refusal(many)


def test_failed_answers_are_bounds() -> None:
    """One in ten failed: the change lies between all of them being worst and all being best."""
    some = [
        replace(each, status="error", score=None, live_score=None) if place % 10 == 0 else each
        for place, each in enumerate(every())
    ]
    found = measure(some)
    assert found.missing_share == pytest.approx(0.1)
    assert isinstance(found.diverging_quality_change, Range)
    assert (found.diverging_quality_change.low, found.diverging_quality_change.high) == pytest.approx((-0.1, 0.1))
    assert isinstance(found.shadow_score, Range)
    assert (found.shadow_score.low, found.shadow_score.high) == pytest.approx((0.9, 1.0))
    assert found.n == 450


def test_a_known_live_score_narrows_the_bounds() -> None:
    """Live was right and the shadow failed: it can have lost a point or nothing."""
    some = [replace(each, status="error") if place % 10 == 0 else each for place, each in enumerate(every())]
    some = [replace(each, score=None) if each.status == "error" else each for each in some]
    found = measure(some).diverging_quality_change
    assert isinstance(found, Range)
    assert found.low == pytest.approx(-0.1)
    assert found.high <= 0.1


def test_a_few_failures_are_in_the_interval() -> None:
    """Four of 500 failed, perhaps because they were bad: the value is that of the others, the interval holds both."""
    some = [
        replace(each, status="error", score=None) if each.needs_execution and place % 250 == 0 else each
        for place, each in enumerate(every())
    ]
    failed, clean = measure(some), measure(every())
    assert 0 < (failed.missing_share or 0.0) < 0.01
    assert point(failed.quality_change) == 0
    for found, whole in ((failed.quality_change, clean.quality_change), (failed.live_score, clean.live_score)):
        assert isinstance(found, Estimate)
        assert isinstance(whole, Estimate)
        assert found.interval.low < whole.interval.low
        assert "missing answers at their worst and best" in found.method
        assert "missing" not in whole.method


def test_a_scorer_of_one_answer_only_says_nothing_of_the_difference() -> None:
    """A second, lenient scorer saw only the shadow's answers: the difference is that of the first, who saw both."""
    strict = [replace(each, scorer="a", score=0.5, live_score=0.5) for each in every()]
    lenient = [replace(each, scorer="b", score=1.0, live_score=None) for each in every()]
    assert point(measure([*strict, *lenient]).quality_change) == 0


def test_a_live_signal_on_another_scale_is_not_compared() -> None:
    """Stars of one to five are no score: the difference would be a loss of hundreds of points."""
    found = measure([replace(each, live_score=4.0) for each in every()])
    assert refusal(found.quality_change) == "the signal of live's answers goes to 4, and scores lie in 0 to 1"
    assert found.rung == "none"


def test_few_answers_are_refused() -> None:
    """22 of 30 run: no figure, and how many more."""
    small = replace_frame(44)
    found = measure([answer(number) for number in range(0, 44, 2)], frame=small)
    assert refusal(found.quality_change) == "too few: 22 run, 30 needed"
    assert isinstance(found.quality_change, Undefined)
    assert found.quality_change.next_step.startswith("run 8 more")
    assert found.rung == "none"


def replace_frame(needed: int) -> Frame:
    """The frame with fewer diverging requests."""
    numbers = np.arange(needed)
    return replace(frame(), needed=spread(numbers % BUCKETS, np.ones(needed)))


def test_few_users_are_refused() -> None:
    """All answers in four buckets: they amount to four."""
    found = measure([replace(each, bucket=number % 4) for number, each in enumerate(every())])
    assert refusal(found.quality_change) == "too few clusters: the 500 answers amount to 4, 20 needed"


def test_a_draw_of_other_requests_is_refused() -> None:
    """A draw that stands for half of the requests says nothing about all of them."""
    found = measure([each for each in every() if int(each.request_id[1:]) < N // 4])
    assert refusal(found.quality_change) == "the sample stands for 500 of the 1,000 requests that need an answer"
    assert "the sample stands for 500" in refusal(found.cost_change)


def test_where_no_plan_differs_nothing_is_claimed() -> None:
    """An A/A shadow needs no answers, and executions of it prove nothing."""
    none = replace(frame(), needed=np.zeros(BUCKETS))
    found = measure([replace(each, needs_execution=False) for each in every()], frame=none)
    assert refusal(found.quality_change) == "no request needs an answer: the policy's plans are the same as live's"


def test_two_draws_of_the_same_days_are_averaged() -> None:
    """A draw of a half that loses 20 %, and one of a quarter that loses nothing: two thirds of 20 %."""
    first = losing(every(2), 0.2)
    second = every(4, sample="s2")
    found = measure([*first, *second])
    assert point(found.diverging_quality_change) == pytest.approx(-0.2 * 2 / 3, abs=0.005)
    assert found.samples == ("s1", "s2")


def test_draws_of_two_weeks_stand_side_by_side() -> None:
    """Each week has a draw of its own: together they stand for all requests, each for its days."""
    later = DAY + dt.timedelta(days=7)
    both = [replace(each, day=later, sample="s2") if place % 4 == 0 else each for place, each in enumerate(every())]
    assert point(measure(both).quality_change) == 0
    assert measure(both).quality_change == measure(every()).quality_change


def test_scorers_are_averaged_and_other_signals_left_out() -> None:
    """Two scorers of one signal make one score; an answer scored by another signal only is missing."""
    pairs = [
        replace(each, scorer=scorer, score=score) for each in every() for scorer, score in (("a", 1.0), ("b", 0.0))
    ]
    found = measure(pairs, signal="resolved")
    assert point(found.shadow_score) == pytest.approx(0.5)
    assert found.n == 500
    other = [replace(each, signal="thumbs") if place % 5 == 0 else each for place, each in enumerate(every())]
    assert measure(other, signal="resolved").missing_share == pytest.approx(0.2)


def test_scores_in_between_are_narrower_than_yes_and_no() -> None:
    """Differences of a tenth of a point are known far better than answers that are right or wrong."""
    luck = np.random.default_rng(1).random(N)
    little = [replace(each, score=0.9) if luck[place] < 0.5 else each for place, each in enumerate(every())]
    much = [replace(each, score=0.0) if luck[place] < 0.05 else each for place, each in enumerate(every())]
    widths = []
    for answers in (little, much):
        found = measure(answers).diverging_quality_change
        assert isinstance(found, Estimate)
        assert found.value == pytest.approx(-0.05, abs=0.01)
        widths.append(found.value - found.interval.low)
    assert widths[0] < widths[1] / 3


def test_the_rate_of_unseen_escalations_is_of_the_requests_that_were_drawn_from() -> None:
    """A draw of a part prices no cascade of the others, nor does one that does not say it of many answers."""
    ran = [replace(each, escalation_model="big", escalated=place % 4 == 0) for place, each in enumerate(every())]
    rate = unseen_rate(ran, N)
    assert rate is not None
    assert point(rate) == pytest.approx(0.25)
    part = unseen_rate(ran[: len(ran) // 4], N)
    assert part is not None
    assert "the sample stands for 500 of the 2,000 requests" in refusal(part)
    failed = [replace(each, status="error") if place % 10 == 0 else each for place, each in enumerate(ran)]
    unsure = unseen_rate(failed, N)
    assert unsure is not None
    assert refusal(unsure).startswith("for 10.0% of the sample it is unknown")
    assert unseen_rate([replace(each, escalated=None) for each in ran], N) is None


def test_escalation_is_of_cascade_requests() -> None:
    """A quarter of the cascades that were run paid twice; unknown outcomes are bounds."""
    cascades = [replace(each, escalation_model="big", escalated=place % 4 == 0) for place, each in enumerate(every())]
    cascades = [each for each in cascades if each.needs_execution]
    found = measure(cascades, frame=frame(cascade=True)).escalation
    assert point(found) == pytest.approx(0.25)
    assert "never plans an escalation" in refusal(measure(every()).escalation)
    unknown = [replace(each, escalated=None) if place % 10 == 0 else each for place, each in enumerate(cascades)]
    bounds = measure(unknown, frame=frame(cascade=True)).escalation
    assert isinstance(bounds, Range)
    assert bounds.high - bounds.low == pytest.approx(0.1)
