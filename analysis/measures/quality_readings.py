"""Every signal of a policy, on one slice and on every value of a segment key; what they share is read once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import TypeVar

from shadowroute.analysis.measures.direction import Directions
from shadowroute.analysis.measures.quality import Quality, quality_of
from shadowroute.analysis.measures.rates import Clusters
from shadowroute.analysis.measures.simpson import Simpson, simpson_of
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.quality import (
    AskedSums,
    SignalCells,
    asked,
    asked_by_value,
    signal_cells,
    signal_cells_by_value,
    total,
)
from shadowroute.analysis.rows import SignalRow
from shadowroute.analysis.selection import PolicyRef, Slice, Window
from shadowroute.analysis.signals import SignalSpec, spec_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueReadings:
    """Signals by value of one segment key.

    Attributes:
        of: value and effective clusters of it to the main signal first, then those that have a bar.
        simpson: the main signal, downgraded against the rest, overall and within the values; None if it cannot be told.
    """

    of: Callable[[str, Clusters], tuple[Quality, ...]]
    simpson: Simpson | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """How signals are read in one report.

    Attributes:
        signals: the main one first; empty if none arrived.
        specs: declared ones by name.
        as_of: what arrived before this is stored; None takes every day for old enough.
    """

    q: Queries
    window: Window
    directions: Directions
    signals: Sequence[SignalRow]
    specs: Mapping[str, SignalSpec]
    as_of: datetime | None

    def of(self, policy: PolicyRef, where: Slice, clusters: Clusters) -> tuple[Quality, ...]:
        """Every signal on a slice, the main one first; one without figures if there is no signal."""
        requests = cache(partial(asked, self.q, policy=policy, where=where))
        if not self.signals:
            return (self._quality(None, _none, requests, clusters),)
        return tuple(
            self._quality(
                signal,
                partial(signal_cells, self.q, policy=policy, signal=signal, where=where),
                requests,
                clusters,
            )
            for signal in self.signals
        )

    def by_value(self, policy: PolicyRef, key: str) -> ValueReadings:
        """The main signal and those with a bar, for every value of a key."""
        requests = cache(partial(asked_by_value, self.q, policy=policy, key=key))
        chosen = [signal for signal in self.signals if signal == self.signals[0] or self._spec(signal).bar is not None]
        cells = {
            signal: cache(partial(signal_cells_by_value, self.q, policy=policy, signal=signal, key=key))
            for signal in chosen
        }

        def of(value: str, clusters: Clusters) -> tuple[Quality, ...]:
            of_value = partial(_of_value, requests, value)
            if not chosen:
                return (self._quality(None, _none, of_value, clusters),)
            return tuple(
                self._quality(signal, partial(_of_value, cells[signal], value), of_value, clusters) for signal in chosen
            )

        return ValueReadings(of=of, simpson=self._simpson(key, cells, requests) if chosen else None)

    def _spec(self, signal: SignalRow) -> SignalSpec:
        return spec_of(signal, self.specs)

    def _quality(
        self,
        signal: SignalRow | None,
        cells: Callable[[Window], Sequence[SignalCells]],
        requests: Callable[[Window], Sequence[AskedSums]],
        clusters: Clusters,
    ) -> Quality:
        spec = self._spec(signal) if signal else None
        days = spec.matured(self.window, self.as_of) if spec else self.window
        return quality_of(
            cells(days) if days else [],
            requests(days) if days else [],
            whole=requests(self.window),
            signal=signal,
            spec=spec,
            days=days,
            directions=self.directions,
            clusters=clusters,
        )

    def _simpson(
        self,
        key: str,
        cells: Mapping[SignalRow, Callable[[Window], dict[str, list[SignalCells]]]],
        requests: Callable[[Window], dict[str, list[AskedSums]]],
    ) -> Simpson | None:
        main = self.signals[0]
        days = self._spec(main).matured(self.window, self.as_of)
        if days is None:
            return None
        groups = {}
        for value, rows in cells[main](days).items():
            downgraded = [row for row in rows if self.directions.of(row.live_model, row.shadow_model) == "downgrade"]
            rest = [row for row in rows if row not in downgraded]
            groups[value] = (total(downgraded).score, total(rest).score)
        return simpson_of(
            key, groups, {value: sum(row.weight for row in rows) for value, rows in requests(days).items()}
        )


def _none(_: Window) -> list[SignalCells]:
    return []


def _of_value(by_value: Callable[[Window], Mapping[str, list[T]]], value: str, days: Window) -> list[T]:
    return by_value(days).get(value, [])
