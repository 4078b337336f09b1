"""The data behind every figure of one window, read on first use and then kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar, cast

from shadowroute.analysis.measures.caches import LiveRates
from shadowroute.analysis.measures.completeness import Completeness, completeness_of
from shadowroute.analysis.measures.direction import Directions
from shadowroute.analysis.measures.ledger_lines import NO_COSTS, Costs
from shadowroute.analysis.prices import PriceTable
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.caches import live_caches
from shadowroute.analysis.queries.exploration import Exploration, exploration
from shadowroute.analysis.queries.rows import PolicyRow
from shadowroute.analysis.selection import ALL, PolicyRef, Slice, Window
from shadowroute.analysis.signals import SignalRow, SignalSpec, spec_of

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Reads:
    """A window of a project, and the settings of its figures.

    Attributes:
        project: reads the project; it asks the store each question once, so that figures that are shown together rest
            on the same answers even while rows arrive.
        window: UTC days.
        policies: the shadows that are measured; None for all that decided.
        slice: the part of the traffic that overall figures are about.
        book: price book; empty if none is pinned, and costs are then undefined.
        signal: quality signal of live's answers that comes first; None for the most frequent one.
        scored_by: signal of the scores of executed answers; empty for the most frequent one.
        specs: meaning of signals, by name; other signals have the known meaning of their names.
        costs: outside the price book.
        level: nominal coverage of all intervals.
    """

    project: Queries
    window: Window
    policies: Collection[PolicyRef] | None = None
    slice: Slice = ALL
    book: str = ""
    _: KW_ONLY
    signal: SignalRow | None = None
    scored_by: str = ""
    specs: Mapping[str, SignalSpec] = field(default_factory=dict)
    costs: Costs = NO_COSTS
    level: float = 0.95
    _kept: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "project", self.project.remembering())

    def once(self, read: Callable[..., T], *of: Hashable, days: Window | None = None) -> T:
        """The answer of a query function, asked once; its arguments tell questions apart.

        Args:
            read: takes the project, the days, and the rest.
            of: the rest.
            days: in place of the window, for what is known of some of its days only.
        """
        key = (read, days or self.window, *of)
        if key not in self._kept:
            self._kept[key] = read(self.project, days or self.window, *of)
        return cast("T", self._kept[key])

    @cached_property
    def decided(self) -> Sequence[PolicyRow]:
        """Every policy that decided in the window, live ones first, then the largest."""
        return self.project.policies(self.window)

    @property
    def live(self) -> Sequence[PolicyRow]:
        """Live policies of the window; more than one means that the live policy changed."""
        return [row for row in self.decided if row.is_live]

    @property
    def shadows(self) -> Sequence[PolicyRow]:
        """The shadow policies that are measured."""
        wanted = None if self.policies is None else set(self.policies)
        return [row for row in self.decided if not row.is_live and (wanted is None or row.policy in wanted)]

    @property
    def requests(self) -> int:
        """Live requests."""
        return sum(row.n for row in self.live)

    @cached_property
    def known_clusters_share(self) -> float | None:
        """Of live requests, those with a user or session id; None without requests."""
        return self.project.known_clusters_share(self.window)

    @cached_property
    def completeness(self) -> Mapping[PolicyRef, Completeness]:
        """Per shadow policy: its decisions against those that were meant."""
        return completeness_of(self.project.completeness(self.window))

    @cached_property
    def directions(self) -> Directions:
        """Ranks models by their prices on the last day."""
        return Directions(self.project.blended_prices(self.book, self.window.last))

    @cached_property
    def prices(self) -> PriceTable:
        """The price book, for single calls."""
        return self.project.price_table(self.book)

    @cached_property
    def as_of(self) -> datetime | None:
        """Everything that arrived before this is in the figures; None if nothing was rolled up yet."""
        return self.project.rolled_up_to()

    @cached_property
    def waiting(self) -> int:
        """Live requests that arrived later and are in no figure yet."""
        return self.project.waiting()

    @cached_property
    def seen(self) -> Sequence[SignalRow]:
        """Signals that arrived, the most frequent first."""
        return self.project.signals_seen(self.window)

    @property
    def signals(self) -> Sequence[SignalRow]:
        """The same, the one that was asked for first even if it never arrived."""
        asked = self.signal
        others = [row for row in self.seen if asked is None or (row.name, row.source) != (asked.name, asked.source)]
        return [asked, *others] if asked else others

    def spec(self, signal: SignalRow) -> SignalSpec:
        """The meaning of a signal."""
        return spec_of(signal, self.specs)

    def matured(self, signal: SignalRow) -> Window | None:
        """The days that are old enough for a signal; None if there is none."""
        return self.spec(signal).matured(self.window, self.as_of)

    @cached_property
    def live_rates(self) -> LiveRates:
        """What live's calls found in prompt caches, on all traffic."""
        return LiveRates(live_caches(self.project, self.window))

    @cached_property
    def chance(self) -> Exploration:
        """Live's decisions by recorded probability."""
        return exploration(self.project, self.window)
