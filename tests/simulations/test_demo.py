"""How often the demo's headlines hold the truth, over weeks of other seeds."""

from __future__ import annotations

from typing import Final

from shadowroute.analysis.results import Estimate, Range, Undefined
from tests.support.demo_weeks import SHADOWS, week
from tests.support.draws import DRAWS, Figure, slack

WEEKS: Final = 10 if DRAWS <= 100 else min(DRAWS, 400)
REQUESTS: Final = 8_000


def test_headlines_hold_the_truth(figure: Figure) -> None:
    """Cost of each shadow, with what was spent on the router and on run answers; quality, where answers were run."""
    drawn = [week(seed, REQUESTS) for seed in range(WEEKS)]
    for name in SHADOWS:
        cost, quality, judged = 0, 0, 0
        for figures in (each[name] for each in drawn):
            assert isinstance(figures.cost, Estimate | Range)
            interval = figures.cost.interval
            assert interval is not None
            cost += interval.low <= figures.true_cost <= interval.high
            if not isinstance(figures.quality, Undefined):
                assert figures.quality.interval is not None
                judged += 1
                quality += figures.quality.interval.low <= figures.true_quality <= figures.quality.interval.high
        figure(f"demo, {name} | cost {cost / WEEKS:.1%} | quality {quality / max(judged, 1):.1%} of {judged}")
        assert cost / WEEKS >= 0.95 - slack(draws=WEEKS), name
        assert not judged or quality / judged >= 0.95 - slack(draws=judged), name
        assert (judged > 0) == (name != "new-idea")
