"""All traffic of a window: three statements that answer for live and every shadow policy at once.

A statement over many days costs about the same for one policy as for all. A reader that remembers asks each once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from shadowroute.analysis.queries.reader import Reader, Record, days
from shadowroute.analysis.rows import MatrixRow, SignalRow
from shadowroute.analysis.selection import PolicyRef, Window
from shadowroute.analysis.summaries import BUCKETS, Floats

_SUMS: Final = ("weight", "failed", "by_model", "by_tier", "by_steps", "cascade", "known", "paid_twice")
_SIGNS: Final = ("sign_1", "sign_2", "sign_3", "sign_4")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairCell:
    """Decisions of one role on one pair of planned models.

    Attributes:
        shadow_model: planned by the role itself; empty where the decision failed.
        is_contaminated: whether what was served is not simply the choice of live.
        n: decisions, rows.
        record: arrays over the 256 buckets, by the names of `sql/pairs_overall.sql`.
    """

    live_model: str
    shadow_model: str
    is_contaminated: bool
    n: int
    record: Record

    def sums(self, name: str) -> Floats:
        """One column, (256,)."""
        return np.array(self.record[name])

    @property
    def is_pair(self) -> bool:
        """Whether both models are known."""
        return bool(self.live_model and self.shadow_model)


def pair_cells(reader: Reader, window: Window, policy: PolicyRef | None) -> list[PairCell]:
    """Decisions of a shadow policy (None: of live) on all traffic."""
    return [
        PairCell(
            live_model=record["live_model"],
            shadow_model=record["shadow_model"],
            is_contaminated=bool(record["contaminated"]),
            n=record["n"],
            record=record,
        )
        for record in reader.select("pairs_overall", **days(window))
        if (record["role"] == "live" if policy is None else record["role"] == "shadow" and _is_of(record, policy))
    ]


def pair_columns(cells: Iterable[PairCell]) -> tuple[dict[str, Floats], int]:
    """The columns of `sql/pair_sums.sql`, (256,) each, and the decisions with a plan, rows."""
    names = (*_SUMS, "planned", "compared", "clean", "possible")
    columns = {name: np.zeros(BUCKETS) for name in names}
    n = 0
    for cell in cells:
        own = {name: cell.sums(name) for name in _SUMS}
        planned = own["weight"] - own["failed"]
        if not cell.live_model:
            own |= {"by_model": _ZERO, "by_tier": _ZERO, "by_steps": _ZERO}
        own |= {
            "planned": planned,
            "compared": planned if cell.live_model else _ZERO,
            "clean": _ZERO if cell.is_contaminated else planned,
            "possible": own["paid_twice"] + own["cascade"] - own["known"],
        }
        for name in names:
            columns[name] += own[name]
        n += cell.n if cell.shadow_model else 0
    return columns, n


def matrix(cells: Iterable[PairCell]) -> list[MatrixRow]:
    """Pairs of planned models, the heaviest first."""
    pairs: dict[tuple[str, str], list[PairCell]] = {}
    for cell in cells:
        if cell.is_pair:
            pairs.setdefault((cell.live_model, cell.shadow_model), []).append(cell)
    rows = [
        MatrixRow(
            live_model=live,
            shadow_model=shadow,
            n=sum(cell.n for cell in group),
            weight=sum(float(cell.sums("weight").sum()) for cell in group),
            clean_weight=sum(float(cell.sums("weight").sum()) for cell in group if not cell.is_contaminated),
        )
        for (live, shadow), group in pairs.items()
    ]
    return sorted(rows, key=lambda row: (-row.n, row.live_model, row.shadow_model))


def effective_clusters(cells: Sequence[PairCell]) -> float:
    """(sum of cluster sizes)^2 / sum of squared sizes, by cluster key; the estimate of `sql/clusters.sql`."""
    size = sum((cell.sums("weight") for cell in cells), _ZERO)
    signed = [sum((cell.sums(name) for cell in cells), _ZERO) for name in _SIGNS]
    squares = (float(np.square(size).sum()), float(np.square(signed).sum()) / len(signed))
    return max(float(size.sum()) ** 2 / square if square else 0.0 for square in squares)


def signal_records(reader: Reader, window: Window, policy: PolicyRef, signal: SignalRow) -> list[Record]:
    """One signal of a policy on all traffic, a record per pair of planned models and bin."""
    return [
        record
        for record in reader.select("signals_overall", **days(window))
        if _is_of(record, policy) and (record["name"], record["source"]) == (signal.name, signal.source)
    ]


def cost_records(reader: Reader, window: Window, policy: PolicyRef, book: str) -> Iterator[Record]:
    """Dollars of a policy on all traffic, records as those of `sql/cost_cube.sql`."""
    records = reader.select("costs_overall", book=book, **days(window))
    return (record for record in records if _is_of(record, policy))


def _is_of(record: Mapping[str, object], policy: PolicyRef) -> bool:
    return (record["policy"], record["policy_version"]) == (policy.name, policy.version)


_ZERO: Final = np.zeros(BUCKETS)
