"""Tokens that another model would have read and written, fitted on executed answers.

Without them the other model is assumed to write as much as the one that answered, and `DEFAULT_BOUNDS` bound the
error of that assumption.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from shadowroute.analysis.cost_cube import UNCHANGED, Caches, CostCube, Factors, Line
from shadowroute.analysis.measures.rates import estimate
from shadowroute.analysis.queries.executions import ExecutedAnswer
from shadowroute.analysis.results import Estimate, Measured, Undefined
from shadowroute.analysis.selection import ALL, Slice
from shadowroute.analysis.stats.length import LengthSums, fit_log_log, total_error
from shadowroute.analysis.stats.ratio import RatioError, t_interval
from shadowroute.analysis.summaries import BUCKETS, RatioSums, spread

DEFAULT_BOUNDS: Final = (0.4, 2.5)
"""Output of another model over that of the one that answered, where nothing was executed.

Of the ordered pairs of models on public outcomes, all of ZeroEval's (0.41 to 2.44) and eight in ten of MMLU-Pro's
(0.40 to 2.50) lie within."""

MINIMUM_SAMPLES: Final = 50
"""Executed answers of a pair of models below which no length is fitted."""

MINIMUM_BUCKETS: Final = 30
"""Hash buckets that these must lie in: the error of the fit is the spread between them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthFit:
    """Tokens that one model reads and writes where another one answered.

    Attributes:
        live_model: planned by live, whose tokens were counted.
        model: would answer instead.
        scope: the slice that it was fitted on, `all` if the slice itself had too few samples.
        output: its output tokens over the live model's: ratio of means, unit `factor`; `Undefined` with too few
            samples, and then the same tokens are assumed.
        input: the same for the input tokens.
        smeared_output: the same ratio of totals by a log-log line with smearing, to compare; None without a fit.
        n: executed answers with tokens on both sides.
    """

    live_model: str
    model: str
    scope: str
    output: Measured
    input: Measured
    smeared_output: float | None
    n: int

    @property
    def is_fitted(self) -> bool:
        """Whether there were enough samples."""
        return isinstance(self.output, Estimate)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lengths:
    """The fitted lengths of a policy's pairs of models.

    Attributes:
        fits: what is reported, one per pair that has samples.
        fitted: (live model, other model) to its sums, for the pairs that have enough samples.
    """

    fits: tuple[LengthFit, ...] = ()
    fitted: Mapping[tuple[str, str], LengthSums] = field(default_factory=dict)

    def of(self, line: Line) -> LengthSums | None:
        """The fit for a line's tokens; None on live lines, for live's own model, and without a fit."""
        return None if _is_own(line) else self.fitted.get((line.live_model, line.model))

    def factors(self, line: Line) -> Factors:
        """The factors on a line's tokens."""
        sums = self.of(line)
        return Factors(input=sums.input.value, output=sums.output.value) if sums else UNCHANGED

    def error(self, cube: CostCube, caches: Caches = "own") -> RatioError | None:
        """The error that the fits leave in the dollars of a cube; None if no line of it follows a fit.

        Args:
            cube: at the tokens that were served.
            caches: how cached tokens are priced.
        """
        moved, samples = np.zeros(BUCKETS), np.zeros(BUCKETS)
        for line, dollars in cube.cells.items():
            sums = self.of(line)
            if sums:
                moved = moved + sums.moved(float(dollars.read_usd(caches).sum()), float(dollars.output_usd.sum()))
                samples = np.maximum(samples, sums.output.denominator)
        return total_error(moved, samples) if samples.any() else None


SAME_TOKENS: Final = Lengths()
"""Nothing was executed: the other model is assumed to read and write as much as the one that answered."""


def at_bound(lengths: Lengths, output: float) -> Callable[[Line], Factors]:
    """Factors as fitted, and for lines without a fit `output` times the tokens that were served."""

    def factors(line: Line) -> Factors:
        return lengths.factors(line) if _is_own(line) or lengths.of(line) else Factors(output=output)

    return factors


def lengths_of(
    answers: Iterable[ExecutedAnswer], *, scope: Slice = ALL, wider: Lengths = SAME_TOKENS, level: float = 0.95
) -> Lengths:
    """Fit every pair of models that executed answers connect.

    Args:
        answers: executed answers of one policy in one slice; copies by signal or scorer count once.
        scope: the slice.
        wider: fits over more traffic, taken for pairs that have too few samples in the slice.
        level: nominal coverage of the reported intervals.
    """
    groups: dict[tuple[str, str], dict[tuple[str, str], ExecutedAnswer]] = {}
    for answer in answers:
        if answer.status == "ok" and answer.model != answer.live_model and _has_tokens(answer):
            of_pair = groups.setdefault((answer.live_model, answer.model), {})
            of_pair.setdefault((answer.sample, answer.request_id), answer)
    fits = {pair: _fit(pair, list(found.values()), str(scope), level) for pair, found in sorted(groups.items())}
    reported = {(fit.live_model, fit.model): fit for fit in wider.fits}
    for pair, (fit, _) in fits.items():
        if fit.is_fitted or pair not in wider.fitted:
            reported[pair] = fit
    fitted = {pair: sums for pair, (fit, sums) in fits.items() if fit.is_fitted}
    return Lengths(fits=tuple(reported[pair] for pair in sorted(reported)), fitted={**wider.fitted, **fitted})


def _has_tokens(answer: ExecutedAnswer) -> bool:
    return None not in (
        answer.input_tokens,
        answer.output_tokens,
        answer.live_input_tokens,
        answer.live_output_tokens,
    )


def _fit(
    pair: tuple[str, str], answers: Sequence[ExecutedAnswer], scope: str, level: float
) -> tuple[LengthFit, LengthSums]:
    weights = np.array([answer.weight / answer.inclusion_probability for answer in answers])
    columns = {
        name: np.array([getattr(answer, name) for answer in answers], dtype=np.float64)
        for name in ("input_tokens", "output_tokens", "live_input_tokens", "live_output_tokens")
    }
    buckets = [answer.bucket for answer in answers]

    def ratio(numerator: str, denominator: str) -> RatioSums:
        return RatioSums(
            numerator=spread(buckets, weights * columns[numerator]),
            denominator=spread(buckets, weights * columns[denominator]),
            n=len(answers),
        )

    sums = LengthSums(
        output=ratio("output_tokens", "live_output_tokens"), input=ratio("input_tokens", "live_input_tokens")
    )
    output, read = _measured(sums, f"{pair[1]} in place of {pair[0]}", level)
    smeared = None
    if isinstance(output, Estimate):
        written, asked = columns["live_output_tokens"], columns["live_input_tokens"]
        line = fit_log_log(written, asked, columns["output_tokens"], weights)
        smeared = float((weights * line.predict(written, asked)).sum() / (weights * written).sum())
    fit = LengthFit(
        live_model=pair[0],
        model=pair[1],
        scope=scope,
        output=output,
        input=read,
        smeared_output=smeared,
        n=len(answers),
    )
    return fit, sums


def _measured(sums: LengthSums, what: str, level: float) -> tuple[Measured, Measured]:
    # The minimum counts answers, but empty ones would leave nothing to divide by.
    if sums.output.n < MINIMUM_SAMPLES or min(sums.output.clusters, sums.input.clusters) < MINIMUM_BUCKETS:
        why = Undefined(
            reason=f"{sums.output.n} executed answers of {what} in {sums.output.clusters} buckets, "
            f"{MINIMUM_SAMPLES} in {MINIMUM_BUCKETS} needed to fit how much it writes",
            next_step="execute more requests and import them: shadowroute import executions FILE",
            n=sums.output.n,
        )
        return why, why
    output, read = (
        estimate(
            ratio, t_interval(ratio, level=level), unit="factor", method="ratio of means, jackknife t over buckets"
        )
        for ratio in (sums.output, sums.input)
    )
    return output, read


def _is_own(line: Line) -> bool:
    return line.side == "live" or line.model == line.live_model
