"""Sufficient statistics per hash bucket: the output of SQL and the input of the statistics.

All sums are over 256 buckets of the coarsest known unit (user, else session, else request). Summaries of disjoint
requests add with `+`, so that days, shards and segments combine without going back to the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

BUCKETS: Final = 256

ROUNDED: Final = 1e-11
"""Largest difference, as a share of the sum, that counts as rounding."""

Floats = NDArray[np.float64]
Buckets = NDArray[np.int64]


def spread(buckets: ArrayLike, values: ArrayLike) -> Floats:
    """The sums of `values` per bucket, (256,), zero where a bucket has no row.

    Args:
        buckets: (k,), integers from 0 to 255, repeats allowed.
        values: (k,), any unit.
    """
    sums = np.zeros(BUCKETS)
    np.add.at(sums, np.asarray(buckets, dtype=np.int64), np.asarray(values, dtype=np.float64))
    return sums


def effective_number(sizes: Floats) -> float:
    """(sum of sizes)^2 / sum of squared sizes: as many equal ones would carry the same weight; 0 for nothing."""
    squares = float(np.square(sizes).sum())
    return float(sizes.sum()) ** 2 / squares if squares else 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RatioSums:
    """Bucket sums of a ratio of totals: `numerator.sum() / denominator.sum()`.

    Attributes:
        numerator: (256,), for example weighted diverging requests, or USD.
        denominator: (256,), at least 0, for example weighted requests.
        n: rows behind the sums; with sampling this is less than the sum of the weights.
    """

    numerator: Floats
    denominator: Floats
    n: int

    def __post_init__(self) -> None:
        if self.numerator.shape != (BUCKETS,) or self.denominator.shape != (BUCKETS,):
            raise ValueError(
                f"bucket sums must have shape ({BUCKETS},), got {self.numerator.shape} and {self.denominator.shape};"
                " make them with spread()"
            )
        if not (np.isfinite(self.numerator).all() and np.isfinite(self.denominator).all()):
            raise ValueError("bucket sums must be finite, got NaN or infinity; look for an overflow in the query")
        if (self.denominator < 0).any():
            raise ValueError(f"denominators must be at least 0, got {self.denominator.min()!r}; check the weights")

    def __add__(self, other: RatioSums) -> RatioSums:
        return RatioSums(
            numerator=self.numerator + other.numerator,
            denominator=self.denominator + other.denominator,
            n=self.n + other.n,
        )

    @classmethod
    def of(
        cls, buckets: Sequence[int], numerator: Sequence[float], denominator: Sequence[float], n: Sequence[int]
    ) -> RatioSums:
        """The sums of rows as SQL returns them; a bucket may come in several rows."""
        return cls(numerator=spread(buckets, numerator), denominator=spread(buckets, denominator), n=int(sum(n)))

    @property
    def total(self) -> float:
        """Sum of the denominators."""
        return float(self.denominator.sum())

    @property
    def value(self) -> float:
        """The ratio of the totals.

        Raises:
            ZeroDivisionError: if no bucket has a denominator.
        """
        if not self.total:
            raise ZeroDivisionError("ratio must have a denominator above 0, got none; ask for n first")
        return float(self.numerator.sum()) / self.total

    @property
    def clusters(self) -> int:
        """Number of buckets with anything in them."""
        return int(np.count_nonzero(self.denominator))

    @property
    def effective_clusters(self) -> float:
        """As many equal buckets would carry the same weight."""
        return effective_number(self.denominator)

    @property
    def residuals(self) -> Floats:
        """Numerators minus the common ratio times the denominators, for non-empty buckets."""
        kept = self.denominator > 0
        return self.numerator[kept] - self.value * self.denominator[kept]

    @property
    def is_constant(self) -> bool:
        """Whether every bucket has the same ratio, up to rounding; the spread between buckets is then uninformative."""
        scale = np.abs(self.numerator).sum() + abs(self.value) * self.total
        return bool(np.abs(self.residuals).max(initial=0.0) <= ROUNDED * scale)
