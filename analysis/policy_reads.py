"""The data behind every figure of one shadow policy on one slice, read on first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

from shadowroute.analysis.cost_cube import CostCube
from shadowroute.analysis.measures.caches import with_own_caches
from shadowroute.analysis.queries import caches, executions, money, pairs, signal_cells
from shadowroute.analysis.queries.caches import CacheCells
from shadowroute.analysis.queries.executions import ExecutedAnswer, Frame
from shadowroute.analysis.queries.pairs import NO_PAIRS, MatrixRow, PairSums
from shadowroute.analysis.queries.signal_cells import AskedSums, SignalCells
from shadowroute.analysis.reads import Reads
from shadowroute.analysis.selection import ALL, PolicyRef, Segment, Slice, Window
from shadowroute.analysis.signals import SignalRow

T = TypeVar("T")


class PolicyReads:
    """A shadow policy on a slice.

    Args:
        reads: the window.
        policy: the shadow.
        where: the slice.
        is_of_split: whether this is one value among all of its key: they are then read together.
    """

    def __init__(self, reads: Reads, policy: PolicyRef, where: Slice = ALL, *, is_of_split: bool = False) -> None:
        self.reads = reads
        self.policy = policy
        self.where = where
        self._is_of_split = is_of_split

    def _read(
        self,
        one: Callable[..., T],
        each: Callable[..., Mapping[str, T]],
        none: T,
        *of: Any,
        days: Window | None = None,
    ) -> T:
        """By one statement for the slice, or for all values of the split at once; `none` for one that has no rows."""
        if self._is_of_split and isinstance(self.where, Segment):
            return self.reads.once(each, *of, self.where.key, days=days).get(self.where.value, none)
        return self.reads.once(one, *of, self.where, days=days)

    @cached_property
    def pairs(self) -> PairSums:
        """Its decisions."""
        return self._read(pairs.pairs, pairs.pairs_by_value, NO_PAIRS, self.policy)

    @cached_property
    def live(self) -> PairSums:
        """Those of live on the slice."""
        return self._read(pairs.pairs, pairs.pairs_by_value, NO_PAIRS, None)

    @cached_property
    def matrix(self) -> Sequence[MatrixRow]:
        """Pairs of planned models."""
        return self._read(pairs.matrix, pairs.matrix_by_value, [], self.policy)

    def clusters(self) -> float:
        """Effective clusters of its decisions by key; a query of its own, made only if the buckets do not vary."""
        return self._clusters_of(self.policy)

    def _clusters_of(self, policy: PolicyRef | None) -> float:
        return self._read(pairs.effective_clusters, pairs.effective_clusters_by_value, 0.0, policy)

    @cached_property
    def cube(self) -> CostCube:
        """Dollars of live and of the shadow, cached tokens as the policy's own calls would find them."""
        book = self.reads.book
        served = self._read(money.cost_cube, money.cost_cubes_by_value, CostCube(book=book), self.policy, book)
        return with_own_caches(served, self.cache_cells, self.reads.live_rates)

    @cached_property
    def cache_cells(self) -> CacheCells:
        """Its calls by what their caches may hold."""
        return self._read(caches.cache_cells, caches.cache_cells_by_value, {}, self.policy, self.reads.book)

    @cached_property
    def answers(self) -> Sequence[ExecutedAnswer]:
        """Answers of it that were run."""
        return self._read(executions.executed_answers, executions.executed_answers_by_value, [], self.policy)

    @property
    def frame(self) -> Frame | None:
        """The requests that these stand for; None in a segment without any."""
        return self._read(executions.executed_frame, executions.executed_frame_by_value, None, self.policy)

    @property
    def days(self) -> int:
        """Days of the window on which it decided."""
        return self.reads.once(money.active_days, self.policy)

    def cells(self, days: Window, signal: SignalRow) -> Sequence[SignalCells]:
        """Values of a signal on live's answers, by pair of models, on days that are old enough for it."""
        one, each = signal_cells.signal_cells, signal_cells.signal_cells_by_value
        return self._read(one, each, [], self.policy, signal, days=days)

    def asked(self, days: Window) -> Sequence[AskedSums]:
        """The requests that could have had a signal on these days, by pair of models."""
        return self._read(signal_cells.asked, signal_cells.asked_by_value, [], self.policy, days=days)
