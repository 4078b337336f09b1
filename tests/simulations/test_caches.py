"""How often the interval of a predicted cost holds the truth where a shadow's own calls fill other caches than live's.

The world is that of `tests/support/cached_sessions.py`: evictions, other times to live, shared system prompts. The
truth is what the shadow would have paid, over all draws together.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest

from shadowroute.analysis.results import Estimate, Range
from tests.support.cached_sessions import MODELS, Policy, Week, elsewhere, everything, hopping, sticky, turns, week
from tests.support.draws import DRAWS, Figure, slack

WEEKS: Final = 10 if DRAWS <= 100 else min(DRAWS, 400)
"""Weeks of 22,000 turns: 10 in the tests, 400 in `make sim`."""


def weeks(shadow: Policy, models: str, **how: object) -> list[Week]:
    """The same turns for every shadow."""
    return [
        week(turns(np.random.default_rng([5, draw])), shadow, MODELS[models], **how)  # type: ignore[arg-type]
        for draw in range(WEEKS)
    ]


def truth_of(drawn: list[Week]) -> float:
    return sum(float(w.truth.sum()) for w in drawn) / sum(float(w.paid.sum()) for w in drawn) - 1


def misses(drawn: list[Week]) -> list[float]:
    """Each estimate minus what is true of its own week."""
    found = [w.change(w.cube) for w in drawn]
    assert all(isinstance(each, Estimate) for each in found)
    return [
        each.value - float(w.truth.sum() / w.paid.sum() - 1)
        for each, w in zip(found, drawn, strict=True)
        if isinstance(each, Estimate)
    ]


def held_share(drawn: list[Week], *, cold: bool = False) -> float:
    truth, held = truth_of(drawn), 0
    for each in drawn:
        change = each.change(each.cold if cold else each.cube)
        assert not isinstance(change, Range)
        assert isinstance(change, Estimate)
        held += change.interval.low <= truth <= change.interval.high
    return held / len(drawn)


@pytest.mark.parametrize("models", MODELS)
@pytest.mark.parametrize("shadow", [sticky, hopping])
def test_other_caches(shadow: Policy, models: str, figure: Figure) -> None:
    """95 of 100 intervals hold the truth; a cold start for every switched turn misses it by ten points and more."""
    drawn = weeks(shadow, models)
    held, cold, miss = held_share(drawn), held_share(drawn, cold=True), float(np.mean(misses(drawn)))
    figure(f"caches, {shadow.__name__}, {models} | {held:.1%} | mean miss {miss * 100:+.2f} points | cold {cold:.1%}")
    assert held >= 0.95 - slack(draws=WEEKS)
    assert abs(miss) < 0.008
    assert cold == 0.0


@pytest.mark.parametrize("models", MODELS)
@pytest.mark.parametrize(("shadow", "most"), [(everything, 0.015), (elsewhere, 0.02)])
def test_what_live_does_not_show(shadow: Policy, most: float, models: str, figure: Figure) -> None:
    """Known limits: three times the traffic keeps shared prompts warmer, and a task that live never sent to a model."""
    drawn = weeks(shadow, models)
    held, miss = held_share(drawn), float(np.mean(misses(drawn)))
    figure(f"caches, {shadow.__name__}, {models} | {held:.1%} | mean miss {miss * 100:+.2f} points | known limit")
    assert abs(miss) < most
    assert miss > 0 or shadow is elsewhere  # more traffic than live's is never overestimated


@pytest.mark.parametrize("unknown", ["model", "session"])
def test_what_is_not_identified_is_a_range(unknown: str, figure: Figure) -> None:
    """Live never calls the other model, or the log has no sessions: the range holds the truth."""
    drawn = (
        weeks(sticky, "reads alone are billed", calls=lambda t: np.zeros(t.at_s.size, dtype=bool))
        if unknown == "model"
        else weeks(sticky, "reads alone are billed", with_sessions=False)
    )
    truth, held, width = truth_of(drawn), 0, 0.0
    for each in drawn:
        change = each.change(each.cube)
        assert isinstance(change, Range)
        assert change.interval is not None
        held += change.interval.low <= truth <= change.interval.high
        width += (change.high - change.low) / len(drawn)
    figure(f"caches, no {unknown} | {held / len(drawn):.1%} | mean width of the range {width * 100:.0f} points")
    assert held / len(drawn) >= 0.95 - slack(draws=WEEKS)
