"""Dollars of a shadow policy and of live, by bucket and by component.

Everything about money is a function of this cube: a price times k scales the cells of one model, longer answers scale
the output of the shadow's cells, a cold cache exchanges one part for another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from shadowroute.analysis.summaries import BUCKETS, Floats, RatioSums

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
    """

    n: int
    unpriced_n: int
    weight: Floats
    input_usd: Floats
    cache_usd: Floats
    cold_usd: Floats
    output_usd: Floats

    def __add__(self, other: Dollars) -> Dollars:
        return Dollars(
            n=self.n + other.n,
            unpriced_n=self.unpriced_n + other.unpriced_n,
            weight=self.weight + other.weight,
            input_usd=self.input_usd + other.input_usd,
            cache_usd=self.cache_usd + other.cache_usd,
            cold_usd=self.cold_usd + other.cold_usd,
            output_usd=self.output_usd + other.output_usd,
        )

    def usd(self, *, warm: bool = False) -> Floats:
        """All parts together, (256,); by default another model starts with a cold cache."""
        return self.read_usd(warm=warm) + self.output_usd

    def read_usd(self, *, warm: bool = False) -> Floats:
        """Cost of the input, (256,)."""
        return self.input_usd + (self.cache_usd if warm else self.cold_usd)

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
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CostSums:
    """Dollars by bucket over weighted requests, contaminated requests left out.

    Attributes:
        live: paid for the live requests.
        shadow: planned primary and known escalations, other models with a cold cache.
        shadow_warm: the same with the cache split of the model that answered.
        unknown: escalations that were not seen and may happen, cold.
        unknown_warm: the same, warm.
        live_unpriced: models of paid attempts that have no price, sorted; `live` is then too small.
        shadow_unpriced: models of predicted lines that have no price, sorted; the shadow's sums are then too small.
        n: requests.
    """

    live: RatioSums
    shadow: RatioSums
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

    def usd(self, *, warm: bool = False) -> Floats:
        """Dollars of all cells, (256,)."""
        return total(dollars.usd(warm=warm) for dollars in self.cells.values())

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
            live=per_request(live.usd(warm=True)),
            shadow=per_request(planned.usd()),
            shadow_warm=per_request(planned.usd(warm=True)),
            unknown=per_request(unknown.usd()),
            unknown_warm=per_request(unknown.usd(warm=True)),
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
