"""Quantiles of durations from counts in bins of 2 %: the result of one pass of SQL over ten million requests.

Bin b holds durations from 1.02^b to 1.02^(b+1) seconds. A quantile is interpolated inside its bin, so its error is less
than 2 % of itself for any data: less than the sampling error at any traffic worth judging, and sums of bins add.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from shadowroute.analysis.summaries import BUCKETS, Floats

RATIO: Final = 1.02
"""Upper end of a bin over its lower end; the SQL files hold the same number."""

RESOLUTION: Final = RATIO - 1
"""Largest relative error of a quantile that bins can cause."""

_LOG: Final = math.log(RATIO)
DOUBLED: Final = math.ceil(math.log(2) / _LOG)
"""Bins above the larger of two durations that their sum can reach."""


@dataclass(frozen=True, slots=True, eq=False)
class BinRow:
    """Weighted requests of one bucket by bin: (k,) each, bins in any order."""

    bucket: int
    bins: Floats
    weights: Floats


@dataclass(frozen=True, slots=True)
class Axis:
    """The bins of an array's last axis: `first` and how many."""

    first: int
    count: int

    @classmethod
    def over(cls, rows: Iterable[BinRow], *, room: int = 0) -> Axis:
        """The bins that rows reach, with `room` more at the upper end; one empty bin if there are none."""
        bins = np.concatenate([np.empty(0), *(row.bins for row in rows)])
        if not bins.size:
            return cls(0, 1)
        first = int(bins.min())
        return cls(first, int(bins.max()) - first + 1 + room)

    @property
    def centres_s(self) -> Floats:
        """Geometric middle of each bin, seconds."""
        return np.asarray(RATIO ** (self.first + np.arange(self.count) + 0.5), dtype=np.float64)


def bin_of(seconds: float) -> int:
    """The bin that holds a duration above 0."""
    return math.floor(math.log(seconds) / _LOG)


def by_bucket(rows: Iterable[BinRow], axis: Axis) -> Floats:
    """Weights by bucket and bin, (256, bins)."""
    given = list(rows)
    dense = np.zeros((BUCKETS, axis.count))
    if given:
        buckets = np.repeat([row.bucket for row in given], [row.bins.size for row in given])
        bins = np.concatenate([row.bins for row in given]).astype(np.int64) - axis.first
        np.add.at(dense, (buckets, bins), np.concatenate([row.weights for row in given]))
    return dense


def quantile_s(weights: Floats, axis: Axis, share: float) -> Floats:
    """The duration that a share of the weight stays below, seconds, for each row of weights.

    Args:
        weights: (..., bins), at least 0.
        axis: of the bins.
        share: in 0 to 1, for example 0.95.

    Returns:
        (...,); NaN where a row has no weight.
    """
    totals = weights.sum(axis=-1)
    below = np.cumsum(weights, axis=-1)
    wanted = share * totals[..., np.newaxis]
    place = np.argmax(below >= wanted * (1 - 1e-12), axis=-1)
    inside = np.take_along_axis(weights, place[..., np.newaxis], axis=-1)[..., 0]
    before = np.take_along_axis(below, place[..., np.newaxis], axis=-1)[..., 0] - inside
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.clip((wanted[..., 0] - before) / inside, 0.0, 1.0)
        return np.where(totals > 0, RATIO ** (axis.first + place + part), np.nan)


def added(second: Floats, axis: Axis) -> Floats:
    """The matrix that adds an independent second duration: weights (..., bins) @ matrix are those of the sum.

    Args:
        second: (bins,) weights of the second duration, any total above 0.
        axis: must have room for the sums, `DOUBLED` bins above both durations; what lies higher is put into the last.
    """
    sums = axis.centres_s[:, np.newaxis] + axis.centres_s[np.newaxis, :]
    places = np.clip(np.floor(np.log(sums) / _LOG).astype(np.int64) - axis.first, 0, axis.count - 1)
    matrix = np.zeros((axis.count, axis.count))
    rows = np.broadcast_to(np.arange(axis.count)[:, np.newaxis], places.shape)
    np.add.at(matrix, (rows, places), np.broadcast_to(second / second.sum(), places.shape))
    return matrix


def moved_to(shape: Floats, axis: Axis, median_s: float) -> Floats:
    """The same distribution with another median: a shift on the log axis, to whole bins."""
    steps = bin_of(median_s) - bin_of(float(quantile_s(shape, axis, 0.5)))
    places = np.clip(np.arange(axis.count) + steps, 0, axis.count - 1)
    shifted = np.zeros(axis.count)
    np.add.at(shifted, places, shape)
    return shifted
