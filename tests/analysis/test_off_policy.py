"""The shadow's value from live's own exploration: true where it can be known, refused with a reason where not."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from shadowroute.analysis.measures.off_policy import OffPolicy, off_policy_of
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.results import Estimate, Undefined
from shadowroute.analysis.selection import PolicyRef, Segment, Window
from shadowroute.analysis.signals import SignalRow
from shadowroute.analysis.study import Study
from shadowroute.analysis.summaries import BUCKETS
from shadowroute.collector.rollup import Rollup
from shadowroute.collector.store import Store
from tests.support.decision_rows import DAY, both, insert
from tests.support.exploration import MEANS, sample

CHEAP = PolicyRef("cheap", "2")
THUMBS = SignalRow(name="thumbs", source="user", n=0)


def estimated(measured: object) -> Estimate:
    assert isinstance(measured, Estimate)
    return measured


def reason(found: OffPolicy) -> str:
    assert isinstance(found.value_change, Undefined)
    assert found.value_change.reason == found.refusal
    assert found.value_change.next_step
    return found.refusal


def test_all_diagnostics_are_given() -> None:
    """Weights are 1/0.2 or 1/0.8; every estimator is near the truth, and live stands beside it."""
    answers, change = sample(np.random.default_rng(1), n=20_000, users=5_000)
    found = off_policy_of(answers)
    live = estimated(found.live_value).value
    assert found.max_weight == pytest.approx(5.0)
    assert found.mean_weight == pytest.approx(1.0, abs=0.05)
    assert (found.overlap_share, found.refusal) == (1.0, "")
    assert found.ess is not None
    assert 4_000 < found.ess < 10_000
    for value in (found.ips, found.snips, found.dm, found.dr):
        assert value == pytest.approx(live + change, abs=0.05)
    assert estimated(found.shadow_value).value == found.dr
    assert estimated(found.value_change).value == pytest.approx((found.dr or 0) - live, abs=1e-12)


def test_a_wider_level_gives_a_wider_interval() -> None:
    """A sequential look asks for more than 95 %."""
    answers, _ = sample(np.random.default_rng(2))
    narrow, wide = (estimated(off_policy_of(answers, level=level).value_change).interval for level in (0.95, 0.999))
    assert (wide.level, wide.low < narrow.low < narrow.high < wide.high) == (0.999, True)


def test_wrong_propensities_are_found_out() -> None:
    """Live says 10 % and does 20 %: the weights do not average to 1."""
    answers, _ = sample(np.random.default_rng(3), logged=0.1)
    assert "the mean weight is" in reason(off_policy_of(answers))


def test_unequal_feedback_is_found_out() -> None:
    """Answers of the small model are rated half as often: who is rated is no sample of who asked."""
    answers, _ = sample(np.random.default_rng(4), rated=(0.8, 0.4))
    assert "rated unequally often" in reason(off_policy_of(answers))


def test_a_handful_of_own_answers_is_too_few() -> None:
    """Live explores 0.2 % of 4,000 requests: some eight answers decide everything."""
    answers, _ = sample(np.random.default_rng(5), explores=0.002)
    found = off_policy_of(answers)
    assert "too few answers of the shadow's own" in reason(found)
    assert found.snips is not None


def test_no_overlap_is_said_with_its_share() -> None:
    """Live never takes the small model: nothing is known of half of the requests."""
    answers, _ = sample(np.random.default_rng(6), explores=0.0)
    found = off_policy_of(answers)
    assert found.overlap_share == pytest.approx(0.5, abs=0.03)
    assert "live could not have chosen as the shadow does" in reason(found)


def store_sample(store: Store, *, propensity: dict[str, float | None], explores: float = 0.3) -> Queries:
    """1,500 requests of as many users in the store; thumbs by task and model."""
    rng = np.random.default_rng(11)
    decisions, signals = [], []
    for number in range(1_500):
        task, live = ("code", "chat")[number % 2], "small" if rng.random() < explores else "big"
        shadow = "small" if task == "code" else "big"
        facts = {
            "request_id": f"r{number}",
            "ts": dt.datetime.combine(DAY, dt.time(10), dt.UTC) + dt.timedelta(seconds=number),
            "bucket": int(rng.integers(0, BUCKETS)),
            "task": task,
            "model": live,
        }
        found, other = both(facts, {"model": shadow})
        decisions += [{**found, "propensity": propensity[live]}, {**other, "propensity": 1.0}]
        mean = MEANS[("code", "chat").index(task), ("big", "small").index(live)]
        signals.append({"target": f"r{number}", "value": float(rng.random() < mean)})
    insert(store.client(), "decisions", decisions)
    insert(store.client(), "signals", signals)
    Rollup(store).run_once()
    return Queries(store.reader(), "p")


WINDOW = Window(DAY, DAY)


def test_a_shadow_is_measured_where_live_explores(store: Store) -> None:
    """From the store: the change holds the truth overall and in a segment, and a segment narrows n."""
    q = store_sample(store, propensity={"small": 0.3, "big": 0.7})
    found = Study(q, WINDOW).of(CHEAP).off_policy(THUMBS)
    assert found.n == 1_500
    change = (MEANS[0, 1] - MEANS[0, 0]) * 0.7 / 2 + (MEANS[1, 0] - MEANS[1, 1]) * 0.3 / 2
    interval = estimated(found.value_change).interval
    assert interval.low < change < interval.high < 0
    code = Study(q, WINDOW).of(CHEAP, Segment("task", "code")).off_policy(THUMBS)
    assert code.n == 750
    assert estimated(code.value_change).value == pytest.approx((MEANS[0, 1] - MEANS[0, 0]) * 0.7, abs=0.06)


def test_a_deterministic_live_policy_is_refused(store: Store) -> None:
    """Propensity 1 everywhere: where the shadow differs, nothing was ever seen."""
    q = store_sample(store, propensity={"big": 1.0, "small": 1.0}, explores=0.0)
    assert "live chose deterministically on every request" in reason(Study(q, WINDOW).of(CHEAP).off_policy(THUMBS))


def test_unknown_propensities_are_refused(store: Store) -> None:
    """A live policy that does not say how likely its choice was."""
    q = store_sample(store, propensity={"big": 0.7, "small": None})
    assert "do not record their probability" in reason(Study(q, WINDOW).of(CHEAP).off_policy(THUMBS))


def test_what_nobody_sent_is_refused(store: Store) -> None:
    """No such signal, a signal derived from the log, and no day: each has its reason."""
    q = store_sample(store, propensity={"big": 0.7, "small": 0.3})
    judge, retry = SignalRow(name="judge", source="llm", n=0), SignalRow(name="no_user_retry", source="derived", n=0)
    assert reason(Study(q, WINDOW).of(CHEAP).off_policy(judge)) == "no request of this shadow has judge"
    assert "derived from the log" in reason(Study(q, WINDOW).of(CHEAP).off_policy(retry))
    earlier = Window(DAY - dt.timedelta(days=9), DAY - dt.timedelta(days=8))
    assert reason(Study(q, earlier).of(CHEAP).off_policy(THUMBS)) == "no live decision in this window"
