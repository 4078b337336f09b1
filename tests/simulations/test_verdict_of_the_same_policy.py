"""A shadow that is a copy of a random live policy must neither ship nor be rejected, however often somebody looks.

Live and shadow both choose the large model with the user's own probability, so they differ on 30 % of requests although
they are the same. Costs and executed answers become conditions and a verdict through the functions that judge real
traffic, at every complete day from the seventh on, at the level of that look; one SHIP or REJECT at any look counts.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from shadowroute.analysis.measures.rates import estimate
from shadowroute.analysis.plan.loading import Plan
from shadowroute.analysis.results import Estimate
from shadowroute.analysis.selection import ALL, Segment
from shadowroute.analysis.stats.ratio import t_interval
from shadowroute.analysis.stats.sequential import LookPlan
from shadowroute.analysis.summaries import BUCKETS, Floats, RatioSums
from shadowroute.analysis.verdict.conditions import Evidence
from shadowroute.analysis.verdict.figures import Figures, cells_of, conditions_of
from shadowroute.analysis.verdict.results import Verdict
from shadowroute.analysis.verdict.rule import verdict_of
from shadowroute.analysis.verdict.segments import findings
from tests.support.draws import DRAWS, Figure
from tests.support.plans import plan_with

DAYS, MINIMUM = 14, 7
TASKS = ("task", "a"), ("task", "b"), ("task", "c")
EXECUTED = 0.2


class Traffic:
    """Bucket sums of one fortnight, cumulative by day: (slice, day, bucket)."""

    def __init__(self, rng: np.random.Generator, users: int = 1_200) -> None:
        activity = np.minimum((1 - rng.random(users)) ** (-1 / 1.1), 30)
        taste, bucket = rng.beta(0.75, 0.75, users), rng.integers(0, BUCKETS, users)
        user = np.repeat(np.arange(users), rng.poisson(activity))
        n = user.size
        live, shadow = (rng.random(n) < taste[user] for _ in range(2))
        tokens = np.exp(rng.normal(0, 1, n) + rng.normal(0, 0.5, users)[user])
        differs = live != shadow
        run = differs & (rng.random(n) < EXECUTED)
        # Both models answer well nine times in ten, each answer with its own luck.
        scored = (rng.random(n) < 0.9).astype(float) - (rng.random(n) < 0.9)
        day, task = rng.integers(0, DAYS, n), rng.integers(0, len(TASKS), n)
        self.differs = float(differs.mean())

        def summed(values: Floats) -> Floats:
            sums = np.zeros((len(TASKS), DAYS, BUCKETS))
            np.add.at(sums, (task, day, bucket[user]), values)
            return np.concatenate([sums.sum(axis=0, keepdims=True), sums]).cumsum(axis=1)

        self.requests = summed(np.ones(n))
        self.live = summed(tokens * np.where(live, 10.0, 1.0))
        self.change = summed(tokens * 9.0 * (shadow.astype(float) - live))
        self.scores = summed(np.where(run, scored / EXECUTED, 0.0))
        self.run = summed(run.astype(float))

    def figures(self, slice_: int, day: int, level: float) -> Figures:
        """What a slice shows at the end of a day."""
        at = slice_, day
        requests, executed = int(self.requests[at].sum()), int(self.run[at].sum())
        cost = RatioSums(numerator=self.change[at], denominator=self.live[at], n=requests)
        score = RatioSums(numerator=self.scores[at], denominator=self.requests[at], n=executed)
        return Figures(
            segment=ALL if slice_ == 0 else Segment(*TASKS[slice_ - 1]),
            cost=Evidence(measured=_measured(cost, "ratio", level), rung="observed", n=requests),
            quality=(Evidence(measured=_measured(score, "score", level), rung="executed", n=executed),),
        )


def _measured(sums: RatioSums, unit: str, level: float) -> Estimate:
    return estimate(sums, t_interval(sums, level=level), unit=unit, method="jackknife t over buckets")


def verdicts(plan: Plan, traffic: Traffic) -> list[Verdict]:
    """The verdict of every look from the seventh day on."""
    looks = LookPlan(kind="planned", confidence=plan.confidence, planned=DAYS)
    found = []
    for day in range(MINIMUM - 1, DAYS):
        level = looks.level(day + 1)
        overall, *parts = (traffic.figures(slice_, day, level) for slice_ in range(len(TASKS) + 1))
        harms = findings([cell for part in parts for cell in cells_of(plan, part)], level=level)
        found.append(verdict_of([], conditions_of(plan, overall), harms))
    return found


def test_the_same_policy_is_neither_shipped_nor_rejected(tmp_path: Path, figure: Figure) -> None:
    """At most 5 % of the reviews ever say SHIP or REJECT, while raw divergence is 30 %."""
    plan = plan_with(tmp_path, "  escalation:  {below: break_even}\n  latency_p95: {adds_at_most_ms: 300}\n", "")
    rng = np.random.default_rng(61)
    counts: Counter[str] = Counter()
    ever, differs = 0, []
    for _ in range(DRAWS):
        traffic = Traffic(rng)
        seen = verdicts(plan, traffic)
        counts[seen[-1]] += 1
        ever += bool({Verdict.SHIP, Verdict.REJECT} & set(seen))
        differs.append(traffic.differs)
    last = ", ".join(f"{verdict} {count / DRAWS:.1%}" for verdict, count in sorted(counts.items()))
    figure(f"SHIP or REJECT at any look {ever / DRAWS:.1%}; last look {last}; raw divergence {np.mean(differs):.1%}")
    assert abs(float(np.mean(differs)) - 0.30) < 0.01
    assert ever / DRAWS <= 0.05
