"""Dollars of a shadow policy and of live, by bucket and by component.

Everything about money is a function of this cube: a price times k scales the cells of one model, longer answers scale
the output of the shadow's cells, a cold cache exchanges one part for another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from shadowroute.analysis.summaries import BUCKETS, Floats, RatioSums

Caches = Literal["own", "own_low", "cold", "served", "none_read", "all_read"]
"""How cached tokens are priced: in the policy's own caches as fitted, at the dear or the low end; cold where another
model answered; as they were served; with nothing read from a cache; with all that a cache could hold."""

UNNAMED: Final = "(no model reported)"
"""Model name of tokens without `gen_ai.response.model`: they are counted and cannot be priced."""


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """The purpose of dollars that were or would be paid.

    Attributes:
        live_model: planned by live.
        shadow_model: planned by the shadow.
        side: `live` = paid, `shadow` = would be paid at the tokens that were served.
        kind: live: primary, retry, fallback, escalation. shadow: primary, escalation,
            escalation_unknown (may happen), escalation_avoided (was seen not to happen, so it costs nothing).
        model: the priced model.
        is_contaminated: whether the served model is not live's choice; such lines are in no change of cost.
    """

    live_model: str
    shadow_model: str
    side: str
    kind: str
    model: str
    is_contaminated: bool = False

    @property
    def counts_requests(self) -> bool:
        """Whether there is exactly one such line per request that is compared."""
        return self.side == "shadow" and self.kind == "primary" and not self.is_contaminated


@dataclass(frozen=True, slots=True)
class Factors:
    """Factors on a line; 1 leaves it unchanged.

    Attributes:
        price: of the line's model.
        input: tokens read, against those that were served.
        output: tokens written, against those that were served.
    """

    price: float = 1.0
    input: float = 1.0
    output: float = 1.0


UNCHANGED: Final = Factors()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnCaches:
    """What cached tokens cost in the caches that a policy's own calls leave, (256,) USD each.

    Attributes:
        own: as fitted; where nothing tells, nothing is read.
        own_low: as fitted; where nothing tells, as much is read as may be.
        moved: what each bucket moves the total of `own` by through the fitted rates, beyond its own dollars.
        none_read: nothing is read, except where live made the same call after the same last turn.
        all_read: all is read that a cache may hold, with the same exception.
    """

    own: Floats
    own_low: Floats
    moved: Floats
    none_read: Floats
    all_read: Floats

    @classmethod
    def same(cls, usd: Floats) -> OwnCaches:
        """Nothing is fitted and nothing is unknown."""
        return cls(own=usd, own_low=usd, moved=np.zeros(BUCKETS), none_read=usd, all_read=usd)

    def __add__(self, other: OwnCaches) -> OwnCaches:
        return OwnCaches(
            own=self.own + other.own,
            own_low=self.own_low + other.own_low,
            moved=self.moved + other.moved,
            none_read=self.none_read + other.none_read,
            all_read=self.all_read + other.all_read,
        )

    def __mul__(self, factor: float) -> OwnCaches:
        return OwnCaches(
            own=self.own * factor,
            own_low=self.own_low * factor,
            moved=self.moved * factor,
            none_read=self.none_read * factor,
            all_read=self.all_read * factor,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dollars:
    """Cost of the lines of one cell, (256,) USD each; weighted by 1/sample_rate.

    Attributes:
        n: lines.
        unpriced_n: of those, without a price on their day; they cost 0 here, so a sum over them is too small.
        weight: (256,) weighted lines.
        input_usd: input tokens that no cache held.
        cache_usd: cached tokens at cache prices, as they were served.
        cold_usd: the same tokens at the price of input where another model starts cold, else as `cache_usd`.
        output_usd: tokens written.
        caches: the cached tokens in the policy's own caches; None where nothing tells them from `cold_usd`.
    """

    n: int
    unpriced_n: int
    weight: Floats
    input_usd: Floats
    cache_usd: Floats
    cold_usd: Floats
    output_usd: Floats
    caches: OwnCaches | None = None

    def __add__(self, other: Dollars) -> Dollars:
        are_told = self.caches or other.caches
        return Dollars(
            n=self.n + other.n,
            unpriced_n=self.unpriced_n + other.unpriced_n,
            weight=self.weight + other.weight,
            input_usd=self.input_usd + other.input_usd,
            cache_usd=self.cache_usd + other.cache_usd,
            cold_usd=self.cold_usd + other.cold_usd,
            output_usd=self.output_usd + other.output_usd,
            caches=self.own_caches + other.own_caches if are_told else None,
        )

    @property
    def own_caches(self) -> OwnCaches:
        """The cached tokens in the policy's own caches; as `cold_usd` where nothing tells them from it."""
        return self.caches or OwnCaches.same(self.cold_usd)

    def usd(self, caches: Caches = "own") -> Floats:
        """All parts together, (256,)."""
        return self.read_usd(caches) + self.output_usd

    def read_usd(self, caches: Caches = "own") -> Floats:
        """What the input costs, (256,)."""
        if caches == "served":
            return self.input_usd + self.cache_usd
        if caches == "cold" or self.caches is None:
            return self.input_usd + self.cold_usd
        usd: Floats = getattr(self.caches, caches)
        return self.input_usd + usd

    def scaled(self, by: Factors) -> Dollars:
        """The same lines at other prices and lengths."""
        if by == UNCHANGED:
            return self
        read, written = by.price * by.input, by.price * by.output
        return Dollars(
            n=self.n,
            unpriced_n=self.unpriced_n,
            weight=self.weight,
            input_usd=self.input_usd * read,
            cache_usd=self.cache_usd * read,
            cold_usd=self.cold_usd * read,
            output_usd=self.output_usd * written,
            caches=self.caches * read if self.caches else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CostSums:
    """Dollars by bucket over weighted requests, contaminated requests left out.

    Attributes:
        live: paid for the live requests.
        shadow: planned primary and known escalations, in the policy's own caches.
        shadow_cold: the same, where another model than the one that answered starts with a cold cache.
        shadow_warm: the same with the cache split of the model that answered.
        unknown: escalations that were not seen and may happen, in the policy's own caches.
        unknown_warm: the same with the cache split of the model that answered.
        live_unpriced: models of paid attempts that have no price, sorted; `live` is then too small.
        shadow_unpriced: models of predicted lines that have no price, sorted; the shadow's sums are then too small.
        n: requests.
    """

    live: RatioSums
    shadow: RatioSums
    shadow_cold: RatioSums
    shadow_warm: RatioSums
    unknown: RatioSums
    unknown_warm: RatioSums
    live_unpriced: tuple[str, ...]
    shadow_unpriced: tuple[str, ...]
    n: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CostCube:
    """Dollars of one shadow policy in one window and slice, at the prices of one book; cubes of disjoint requests add.

    Attributes:
        book: name of the price book; empty if none is pinned, and then every line is without a price.
    """

    book: str
    cells: Mapping[Line, Dollars] = field(default_factory=dict)

    def __add__(self, other: CostCube) -> CostCube:
        if self.book != other.book:
            raise ValueError(f"cubes must be of one price book, got {self.book!r} and {other.book!r}; read both again")
        cells = dict(self.cells)
        for line, dollars in other.cells.items():
            cells[line] = cells[line] + dollars if line in cells else dollars
        return CostCube(book=self.book, cells=cells)

    @property
    def clean(self) -> CostCube:
        """The compared cells: without contaminated requests, and without escalations known not to happen."""
        return self.only(lambda line: not line.is_contaminated and line.kind != "escalation_avoided")

    def only(self, keep: Callable[[Line], bool]) -> CostCube:
        """The cells whose line is kept."""
        return CostCube(book=self.book, cells={line: dollars for line, dollars in self.cells.items() if keep(line)})

    def scaled(self, factors: Callable[[Line], Factors]) -> CostCube:
        """The cube at other prices or lengths, cell by cell."""
        return CostCube(
            book=self.book, cells={line: dollars.scaled(factors(line)) for line, dollars in self.cells.items()}
        )

    def usd(self, caches: Caches = "own") -> Floats:
        """Dollars of all cells, (256,)."""
        return total(dollars.usd(caches) for dollars in self.cells.values())

    @property
    def moved(self) -> Floats:
        """What each bucket moves `usd()` by through the fitted rates of caches, beyond its own dollars, (256,)."""
        return total(dollars.caches.moved for dollars in self.cells.values() if dollars.caches)

    def models(self) -> tuple[str, ...]:
        """Models of priced lines, sorted."""
        return tuple(sorted({line.model for line in self.cells}))

    def unpriced(self) -> tuple[str, ...]:
        """Models of lines without a price, sorted."""
        return tuple(sorted({line.model or UNNAMED for line, dollars in self.cells.items() if dollars.unpriced_n}))

    @property
    def requests(self) -> Floats:
        """Weighted requests that are compared, (256,)."""
        return total(dollars.weight for line, dollars in self.cells.items() if line.counts_requests)

    @property
    def n(self) -> int:
        """Requests that are compared."""
        return sum(dollars.n for line, dollars in self.cells.items() if line.counts_requests)

    def sums(self) -> CostSums:
        """Both sides by bucket, contaminated requests left out."""
        clean, requests, n = self.clean, self.requests, self.n
        live = clean.only(lambda line: line.side == "live")
        shadow = clean.only(lambda line: line.side == "shadow")
        planned = shadow.only(lambda line: line.kind != "escalation_unknown")
        unknown = shadow.only(lambda line: line.kind == "escalation_unknown")

        def per_request(usd: Floats) -> RatioSums:
            return RatioSums(numerator=usd, denominator=requests, n=n)

        return CostSums(
            live=per_request(live.usd("served")),
            shadow=per_request(planned.usd()),
            shadow_cold=per_request(planned.usd("cold")),
            shadow_warm=per_request(planned.usd("served")),
            unknown=per_request(unknown.usd()),
            unknown_warm=per_request(unknown.usd("served")),
            live_unpriced=live.unpriced(),
            shadow_unpriced=shadow.unpriced(),
            n=n,
        )


def total(parts: Iterable[Floats]) -> Floats:
    """The sum of arrays over buckets, (256,); zeros for none."""
    whole = np.zeros(BUCKETS)
    for part in parts:
        whole = whole + part
    return whole
