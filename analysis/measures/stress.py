"""Changes of prices and answer lengths at which a saving is gone: exact algebra, no simulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shadowroute.analysis.cost_cube import Caches, CostCube, Dollars, Factors, Line
from shadowroute.analysis.measures.change import change_of, why_not
from shadowroute.analysis.measures.cost import Samples
from shadowroute.analysis.measures.rates import Clusters
from shadowroute.analysis.results import Estimate, Measured, Undefined


@dataclass(frozen=True, slots=True, kw_only=True)
class Stress:
    """Assumed changes, on top of the price book and the fitted lengths.

    Attributes:
        prices: model to the factor on all of its prices, wherever it is used; models that are not named keep theirs.
        length: factor on the output of the shadow's models where live named another one.
    """

    prices: Mapping[str, float] = field(default_factory=dict)
    length: float = 1.0

    def factors(self, line: Line) -> Factors:
        """The factors on a line."""
        return Factors(price=self.prices.get(line.model, 1.0), output=self.length if _is_moved(line) else 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEvenFactor:
    """The factor on one thing at which shadow and live cost the same, everything else as it is.

    Attributes:
        what: a model's name, or `length`.
        factor: 4.1 = gone at +310 %; 0.4 = gone at -60 %. `Undefined` where no positive factor gets there.
        is_price: whether it is a price; else a length.
    """

    what: str
    factor: float | Undefined
    is_price: bool

    @property
    def text(self) -> str:
        """For example `gone at +310 %`; `never` if there is no such factor."""
        return "never" if isinstance(self.factor, Undefined) else f"gone at {self.factor - 1:+,.0%}".replace("%", " %")


def stressed(cube: CostCube, stress: Stress, samples: Samples, *, clusters: Clusters, level: float = 0.95) -> Measured:
    """The relative change of cost at other prices and lengths, unit `ratio`.

    Args:
        cube: at the tokens that were served and the prices of its book.
        stress: the changes.
        samples: cost evidence from executed answers.
        clusters: effective clusters by key.
        level: nominal coverage.
    """
    return change_of(cube.scaled(stress.factors), samples.lengths, samples.escalation).relative(clusters, level=level)


def break_even_factors(cube: CostCube, samples: Samples, *, at_most: float = 1.0) -> tuple[BreakEvenFactor, ...]:
    """The factor on each model's price, and on the length of moved answers, at which the change is 0.

    Unseen escalations count at the executed rate, else at `at_most` times their dollars: by default all of them.

    Args:
        cube: at the tokens that were served.
        samples: cost evidence from executed answers.
        at_most: share of the unseen escalations that is taken to happen where none was executed.
    """
    clean = cube.clean
    unknown = why_not(clean)
    rate = samples.escalation.value if isinstance(samples.escalation, Estimate) else at_most
    longer = clean.scaled(samples.lengths.factors)
    parts = [(line, *_signed(line, dollars, rate)) for line, dollars in longer.cells.items()]
    total = sum(read + written for _, read, written in parts)

    def solved(moving: float, what: str) -> float | Undefined:
        if unknown:
            return unknown
        # total + (factor - 1) x moving = 0
        factor = 1 - total / moving if moving else 0.0
        return factor if factor > 0 else Undefined(reason=f"no {what} makes both cost the same", n=clean.n)

    models = {model: sum(r + w for line, r, w in parts if line.model == model) for model in clean.models()}
    written = sum(w for line, _, w in parts if _is_moved(line))
    return (
        *(
            BreakEvenFactor(what=model, factor=solved(moving, f"price of {model}"), is_price=True)
            for model, moving in models.items()
        ),
        BreakEvenFactor(what="length", factor=solved(written, "length of the answers"), is_price=False),
    )


def _signed(line: Line, dollars: Dollars, rate: float) -> tuple[float, float]:
    """Input and output dollars of a line as they enter shadow minus live."""
    happens = rate if line.kind == "escalation_unknown" else 1.0
    sign = -1.0 if line.side == "live" else happens
    caches: Caches = "served" if line.side == "live" else "own"
    return sign * float(dollars.read_usd(caches).sum()), sign * float(dollars.output_usd.sum())


def _is_moved(line: Line) -> bool:
    return line.side == "shadow" and line.model != line.live_model
