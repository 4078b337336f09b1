"""How unequally dollars are spread over requests, from one pass that leaves sums per size.

Sizes are binned by their logarithm, 64 bins per doubling, so a bin is 1.1 % wide. Within a bin requests are taken to be
equal for shares and the Gini coefficient, and evenly spread on the log axis for quantiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from shadowroute.analysis.summaries import Floats

BINS_PER_DOUBLING: Final = 64
"""The SQL file holds the same number."""

NOTHING: Final = -32768
"""The bin of requests of size 0, which has no logarithm."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sizes:
    """Weighted requests by size, smallest bin first; sums of disjoint requests may be given in any number of rows.

    Attributes:
        bins: (k,) floor(64 log2 size), increasing; `NOTHING` for 0.
        weight: (k,) requests.
        total: (k,) sum of the sizes, at least 0.
        largest: largest single size; 0 without requests.
        moments: weighted sums of the signed values, of their squares and of their cubes.
    """

    bins: Floats
    weight: Floats
    total: Floats
    largest: float
    moments: tuple[float, float, float]

    @classmethod
    def of(
        cls,
        bins: ArrayLike,
        weight: ArrayLike,
        total: ArrayLike,
        *,
        largest: float,
        moments: Sequence[float],
    ) -> Sizes:
        """From rows in any order; a bin may come in several."""
        places, inverse = np.unique(np.asarray(bins, dtype=np.float64), return_inverse=True)
        summed = [np.zeros(places.size), np.zeros(places.size)]
        for into, values in zip(summed, (weight, total), strict=True):
            np.add.at(into, inverse, np.asarray(values, dtype=np.float64))
        first, second, third = moments
        return cls(bins=places, weight=summed[0], total=summed[1], largest=largest, moments=(first, second, third))

    @classmethod
    def binned(cls, values: ArrayLike) -> Sizes:
        """Of single signed values, (n,), each of weight 1."""
        x = np.asarray(values, dtype=np.float64)
        size = np.abs(x)
        bins = np.full(size.shape, float(NOTHING))
        np.floor(BINS_PER_DOUBLING * np.log2(size, where=size > 0, out=np.zeros_like(size)), where=size > 0, out=bins)
        return cls.of(
            bins,
            np.ones_like(size),
            size,
            largest=float(size.max(initial=0.0)),
            moments=[float((x**power).sum()) for power in (1, 2, 3)],
        )

    @property
    def sum(self) -> float:
        """Sum of all sizes."""
        return float(self.total.sum())


def top_share(sizes: Sizes, part: float) -> float:
    """The share of the total that the largest requests hold.

    Args:
        sizes: with a total above 0.
        part: of the requests, for example 0.01.
    """
    weight, total = sizes.weight[::-1], sizes.total[::-1]
    wanted = part * weight.sum()
    before = np.cumsum(weight) - weight
    taken = np.clip((wanted - before) / weight, 0.0, 1.0)
    return float((taken * total).sum() / sizes.sum)


def gini(sizes: Sizes) -> float:
    """The Gini coefficient, 1 - 2 x the area under the Lorenz curve; 0 if all requests are equal.

    Args:
        sizes: with a total above 0.
    """
    share = np.concatenate([[0.0], np.cumsum(sizes.total) / sizes.sum])
    people = sizes.weight / sizes.weight.sum()
    return float(1 - (people * (share[1:] + share[:-1])).sum())


def quantile(sizes: Sizes, share: float) -> float:
    """The size that a share of the requests stays below; 0 where that many have size 0.

    Args:
        sizes: of at least one request.
        share: in 0 to 1.
    """
    below = np.cumsum(sizes.weight)
    wanted = share * below[-1]
    place = int(np.argmax(below >= wanted * (1 - 1e-12)))
    if sizes.bins[place] == NOTHING:
        return 0.0
    inside = (wanted - (below[place] - sizes.weight[place])) / sizes.weight[place]
    return float(min(2 ** ((sizes.bins[place] + inside) / BINS_PER_DOUBLING), sizes.largest))


def skewness(sizes: Sizes) -> float | None:
    """Third central moment of the signed values over their cubed standard deviation; None without spread."""
    n = float(sizes.weight.sum())
    if not n:
        return None
    mean, second, third = (moment / n for moment in sizes.moments)
    variance = second - mean**2
    # Below this the difference is a rounding error of two equal numbers.
    if variance <= 1e-12 * second:
        return None
    return float((third - 3 * mean * second + 2 * mean**3) / variance**1.5)
