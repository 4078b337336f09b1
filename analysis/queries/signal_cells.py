"""Signals by bucket and value, and the requests that could have had one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, Final

import numpy as np

from shadowroute.analysis.queries.overall import pair_cells, signal_records
from shadowroute.analysis.queries.reader import Reader, days, of_policy
from shadowroute.analysis.queries.records import Record, by_value, column, grouped
from shadowroute.analysis.selection import ALL, PolicyRef, Slice, Window
from shadowroute.analysis.signals import DERIVED, GRID, SignalRow
from shadowroute.analysis.summaries import BUCKETS, Floats, RatioSums

BINS: Final = GRID + 1
"""Values of a signal in steps of 1/GRID; the last bin holds the value 1 alone."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignalCells:
    """One signal on the requests of one pair of planned models, contaminated requests left out.

    Attributes:
        weights: (256, 21) weighted requests by bucket and value; bin i holds values from i/20 up to (i+1)/20.
        scores: (256,) weighted sums of the values.
        n: requests with the signal, rows.
    """

    live_model: str
    shadow_model: str
    weights: Floats
    scores: Floats
    n: int

    def __add__(self, other: SignalCells) -> SignalCells:
        return SignalCells(
            live_model=self.live_model,
            shadow_model=self.shadow_model,
            weights=self.weights + other.weights,
            scores=self.scores + other.scores,
            n=self.n + other.n,
        )

    @property
    def score(self) -> RatioSums:
        """The mean of the signal as a ratio of totals."""
        return RatioSums(numerator=self.scores, denominator=self.weights.sum(axis=1), n=self.n)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AskedSums:
    """Requests of one pair of planned models that could have had a signal.

    Attributes:
        requests: (256,) weighted requests by bucket; contaminated ones and failed decisions are left out.
        n: rows.
    """

    live_model: str
    shadow_model: str
    requests: Floats
    n: int

    @property
    def weight(self) -> float:
        """Weighted requests of all buckets."""
        return float(self.requests.sum())


def signal_cells(
    reader: Reader, window: Window, policy: PolicyRef, signal: SignalRow, where: Slice = ALL
) -> list[SignalCells]:
    """One signal in a slice, by pair of planned models."""
    if where == ALL:
        return _cells(signal_records(reader, window, policy, signal))
    rows = "derived_rows" if signal.source == DERIVED else "signal_rows"
    return _cells(reader.in_slice("signal_cells", rows, where, **_of_signal(window, policy, signal)))


def signal_cells_by_value(
    reader: Reader, window: Window, policy: PolicyRef, signal: SignalRow, key: str
) -> dict[str, list[SignalCells]]:
    """The same for every value of a segment key."""
    return by_value(reader.per_value("signal_cells", key, **_of_signal(window, policy, signal)), _cells)


def asked(reader: Reader, window: Window, policy: PolicyRef, where: Slice = ALL) -> list[AskedSums]:
    """Requests in a slice that could have had a signal, by pair of planned models."""
    if where == ALL:
        return [
            AskedSums(
                live_model=cell.live_model, shadow_model=cell.shadow_model, requests=cell.sums("weight"), n=cell.n
            )
            for cell in pair_cells(reader, window, policy)
            if cell.is_pair and not cell.is_contaminated
        ]
    return _asked(reader.in_slice("signal_asked", "signal_asked_rows", where, **of_policy(policy), **days(window)))


def asked_by_value(reader: Reader, window: Window, policy: PolicyRef, key: str) -> dict[str, list[AskedSums]]:
    """The same for every value of a segment key."""
    return by_value(reader.per_value("signal_asked", key, **of_policy(policy), **days(window)), _asked)


def total(cells: Sequence[SignalCells]) -> SignalCells:
    """All pairs together; without any, empty cells."""
    return reduce(add, cells, _empty())


def _of_signal(window: Window, policy: PolicyRef, signal: SignalRow) -> dict[str, Any]:
    return {**of_policy(policy), "name": signal.name, "source": signal.source, **days(window)}


def _cells(records: Iterable[Record]) -> list[SignalCells]:
    """Cells of records with a bucket each, or of those of all traffic, whose columns are arrays over the buckets."""
    found = []
    for (live, shadow), rows in grouped(records, "live_model", "shadow_model").items():
        weights, scores = np.zeros((BUCKETS, BINS)), np.zeros(BUCKETS)
        for row in rows:
            buckets = row.get("bucket", slice(None))
            weights[buckets, row["bin"]] += row["weight"]
            scores[buckets] += row["score"]
        found.append(
            SignalCells(
                live_model=live, shadow_model=shadow, weights=weights, scores=scores, n=sum(row["n"] for row in rows)
            )
        )
    return found


def _asked(records: Iterable[Record]) -> list[AskedSums]:
    return [
        AskedSums(
            live_model=live,
            shadow_model=shadow,
            requests=column(rows, "weight"),
            n=sum(row["n"] for row in rows),
        )
        for (live, shadow), rows in grouped(records, "live_model", "shadow_model").items()
    ]


def _empty() -> SignalCells:
    return SignalCells(live_model="", shadow_model="", weights=np.zeros((BUCKETS, BINS)), scores=np.zeros(BUCKETS), n=0)
