"""The interval of a mean difference of scores, from its two sides: gains and losses.

Both sides are means of values in 0 to 1, mostly of zeros. Each gets Wilson's interval, and the two are put together by
recovering the variance at each end (Newcombe 1998b, method 10; Zou and Donner 2008). The interval stays in -1 to 1,
leans to the side with less data, and keeps a width where no answer differs at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from shadowroute.analysis.results import Interval
from shadowroute.analysis.stats.proportion import wilson


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Mean gain or mean loss.

    Attributes:
        mean: 0 to 1.
        n: independent answers that carry as much as the sampled ones do.
        quantile: in place of the normal one, for example of t.
    """

    mean: float
    n: float
    quantile: float | None = None

    def interval(self, level: float) -> Interval:
        """Wilson's, 0 to 1."""
        return wilson(self.mean, self.n, quantile=self.quantile, level=level)


def signed_interval(gain: Side, loss: Side, *, correlation: float, level: float = 0.95) -> Interval:
    """The interval of gain minus loss.

    Args:
        gain: mean of the positive parts of the differences.
        loss: mean of the negative parts, as a positive number.
        correlation: between the two means; below 0, because no answer is both.
        level: nominal coverage.
    """
    up, down = gain.interval(level), loss.interval(level)
    value = gain.mean - loss.mean
    low = _combined(gain.mean - up.low, down.high - loss.mean, correlation)
    high = _combined(up.high - gain.mean, loss.mean - down.low, correlation)
    return Interval(max(value - low, -1.0), min(value + high, 1.0), level)


def _combined(first: float, second: float, correlation: float) -> float:
    return math.sqrt(max(first**2 + second**2 - 2 * correlation * first * second, 0.0))
