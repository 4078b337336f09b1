"""All traffic of a window: three statements that answer for live and every shadow policy at once.

A statement over many days costs about the same for one policy as for all. A reader with memory runs each once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from shadowroute.analysis.queries.reader import Reader, days
from shadowroute.analysis.queries.records import Record, policy_of
from shadowroute.analysis.selection import PolicyRef, Window
from shadowroute.analysis.signals import SignalRow
from shadowroute.analysis.summaries import Floats

SUMS: Final = ("weight", "failed", "by_model", "by_tier", "by_steps", "cascade", "known", "paid_twice")
SIGNS: Final = ("sign_1", "sign_2", "sign_3", "sign_4")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairCell:
    """Decisions of one role on one pair of planned models.

    Attributes:
        shadow_model: planned by the role itself; empty where the decision failed.
        is_contaminated: whether the served model is not live's choice.
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
        if (record["role"] == "live" if policy is None else record["role"] == "shadow" and policy_of(record) == policy)
    ]


def signal_records(reader: Reader, window: Window, policy: PolicyRef, signal: SignalRow) -> list[Record]:
    """One signal of a policy on all traffic, a record per pair of planned models and bin."""
    return [
        record
        for record in reader.select("signals_overall", **days(window))
        if policy_of(record) == policy and (record["name"], record["source"]) == (signal.name, signal.source)
    ]


def cost_records(reader: Reader, window: Window, policy: PolicyRef, book: str) -> Iterator[Record]:
    """Dollars of a policy on all traffic, records as those of `sql/cost_cube.sql`."""
    records = reader.select("costs_overall", book=book, **days(window))
    return (record for record in records if policy_of(record) == policy)
