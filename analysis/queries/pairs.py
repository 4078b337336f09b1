"""Decisions by hash bucket and by pair of planned models: divergence from live, and double payments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from shadowroute.analysis.queries.overall import SIGNS, SUMS, PairCell, pair_cells
from shadowroute.analysis.queries.reader import Reader, days, of_policy, role_of
from shadowroute.analysis.queries.records import Record, by_value, column, row_of
from shadowroute.analysis.selection import ALL, PolicyRef, Slice, Window
from shadowroute.analysis.summaries import BUCKETS, Floats, RatioSums

_COLUMNS: Final = (*SUMS, "planned", "compared", "clean", "possible")
_ZERO: Final = np.zeros(BUCKETS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairSums:
    """Decisions of one role in one slice, summed by bucket.

    Attributes:
        model: diverging by model over compared decisions. Compared means: with a plan, and with the live plan known.
        tier: the same by tier.
        steps: the same by the whole plan.
        escalated: escalations seen over cascade requests.
        escalated_known: escalations seen over cascade requests whose outcome was seen.
        escalated_overall: escalations seen over all requests with a plan.
        possible: seen and unseen escalations over cascade requests.
        possible_overall: the same over all requests with a plan.
        failed_weight: decisions without a plan.
        clean_weight: decisions with a plan on requests that were served as live chose.
        weight: all decisions.
        n: rows with a plan.
    """

    model: RatioSums
    tier: RatioSums
    steps: RatioSums
    escalated: RatioSums
    escalated_known: RatioSums
    escalated_overall: RatioSums
    possible: RatioSums
    possible_overall: RatioSums
    failed_weight: float
    clean_weight: float
    weight: float
    n: int

    @property
    def failed_share(self) -> float | None:
        """Of all decisions, those without a plan; None without decisions."""
        return self.failed_weight / self.weight if self.weight else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixRow:
    """Shadow decisions by pair of planned models; both are known.

    Attributes:
        clean_weight: those of them that are not contaminated.
    """

    live_model: str
    shadow_model: str
    n: int
    weight: float
    clean_weight: float


def pairs(reader: Reader, window: Window, policy: PolicyRef | None, where: Slice = ALL) -> PairSums:
    """Decisions of a shadow policy (None: of live) in a slice."""
    if where == ALL:
        return pair_sums_of(*_columns_of(pair_cells(reader, window, policy)))
    return pair_sums(reader.in_slice("pair_sums", "pair_sums_rows", where, **role_of(policy), **days(window)))


def pairs_by_value(reader: Reader, window: Window, policy: PolicyRef | None, key: str) -> dict[str, PairSums]:
    """The same for every value of a segment key."""
    return by_value(reader.per_value("pair_sums", key, **role_of(policy), **days(window)), pair_sums)


def matrix(reader: Reader, window: Window, policy: PolicyRef, where: Slice = ALL) -> list[MatrixRow]:
    """Pairs of planned models in a slice, the most frequent first."""
    if where == ALL:
        return _matrix_of(pair_cells(reader, window, policy))
    return _matrix_rows(reader.in_slice("matrix", "matrix_rows", where, **of_policy(policy), **days(window)))


def matrix_by_value(reader: Reader, window: Window, policy: PolicyRef, key: str) -> dict[str, list[MatrixRow]]:
    """The same for every value of a segment key."""
    return by_value(reader.per_value("matrix", key, **of_policy(policy), **days(window)), _matrix_rows)


def effective_clusters(reader: Reader, window: Window, policy: PolicyRef | None, where: Slice = ALL) -> float:
    """(sum of cluster sizes)^2 / sum of squared sizes, by cluster key; 0 without decisions.

    Of all traffic and of one segment it is estimated from the rollups, to 5 %; of several segments it is counted in one
    pass over the rows.
    """
    if where == ALL:
        return _effective_clusters_of(pair_cells(reader, window, policy))
    records = reader.in_slice("clusters", "cluster_sizes", where, **role_of(policy), **days(window))
    return float(next((record["effective_clusters"] for record in records), 0.0))


def effective_clusters_by_value(reader: Reader, window: Window, policy: PolicyRef | None, key: str) -> dict[str, float]:
    """The same for every value of a segment key."""
    records = reader.per_value("clusters", key, **role_of(policy), **days(window))
    return {record["segment_value"]: record["effective_clusters"] for record in records}


def pair_sums(records: Iterable[Record]) -> PairSums:
    """The rows of `pair_sums`, of one slice."""
    rows = list(records)
    return pair_sums_of({name: column(rows, name) for name in _COLUMNS}, sum(row["n"] for row in rows))


def pair_sums_of(columns: Mapping[str, Floats], n: int) -> PairSums:
    """The columns of `pair_sums`, (256,) each.

    Args:
        columns: by name.
        n: decisions with a plan, rows.
    """
    planned = float(columns["planned"].sum())

    def ratio(numerator: str, denominator: str) -> RatioSums:
        # Rows are counted for the slice, not per condition; all of them weigh about the same.
        total = float(columns[denominator].sum())
        return RatioSums(
            numerator=columns[numerator],
            denominator=columns[denominator],
            n=round(n * total / planned) if planned else 0,
        )

    return PairSums(
        model=ratio("by_model", "compared"),
        tier=ratio("by_tier", "compared"),
        steps=ratio("by_steps", "compared"),
        escalated=ratio("paid_twice", "cascade"),
        escalated_known=ratio("paid_twice", "known"),
        escalated_overall=ratio("paid_twice", "planned"),
        possible=ratio("possible", "cascade"),
        possible_overall=ratio("possible", "planned"),
        failed_weight=float(columns["failed"].sum()),
        clean_weight=float(columns["clean"].sum()),
        weight=float(columns["weight"].sum()),
        n=n,
    )


NO_PAIRS: Final = pair_sums([])
"""Of a slice without decisions."""


def _columns_of(cells: Iterable[PairCell]) -> tuple[dict[str, Floats], int]:
    """The columns of `sql/pair_sums.sql` from those of `sql/pairs_overall.sql`, and the decisions with a plan, rows."""
    columns = {name: np.zeros(BUCKETS) for name in _COLUMNS}
    n = 0
    for cell in cells:
        own = {name: cell.sums(name) for name in SUMS}
        planned = own["weight"] - own["failed"]
        if not cell.live_model:
            own |= {"by_model": _ZERO, "by_tier": _ZERO, "by_steps": _ZERO}
        own |= {
            "planned": planned,
            "compared": planned if cell.live_model else _ZERO,
            "clean": _ZERO if cell.is_contaminated else planned,
            "possible": own["paid_twice"] + own["cascade"] - own["known"],
        }
        for name in _COLUMNS:
            columns[name] += own[name]
        n += cell.n if cell.shadow_model else 0
    return columns, n


def _matrix_rows(records: Iterable[Record]) -> list[MatrixRow]:
    return [row_of(MatrixRow, record) for record in records]


def _matrix_of(cells: Iterable[PairCell]) -> list[MatrixRow]:
    found: dict[tuple[str, str], list[PairCell]] = {}
    for cell in cells:
        if cell.is_pair:
            found.setdefault((cell.live_model, cell.shadow_model), []).append(cell)
    rows = [
        MatrixRow(
            live_model=live,
            shadow_model=shadow,
            n=sum(cell.n for cell in group),
            weight=sum(float(cell.sums("weight").sum()) for cell in group),
            clean_weight=sum(float(cell.sums("weight").sum()) for cell in group if not cell.is_contaminated),
        )
        for (live, shadow), group in found.items()
    ]
    return sorted(rows, key=lambda row: (-row.n, row.live_model, row.shadow_model))


def _effective_clusters_of(cells: Sequence[PairCell]) -> float:
    """The estimate of `sql/clusters.sql`."""
    size = sum((cell.sums("weight") for cell in cells), _ZERO)
    signed = [sum((cell.sums(name) for cell in cells), _ZERO) for name in SIGNS]
    squares = (float(np.square(size).sum()), float(np.square(signed).sum()) / len(signed))
    return max(float(size.sum()) ** 2 / square if square else 0.0 for square in squares)
