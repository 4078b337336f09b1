"""Output length of another model on the same requests, from requests that both answered (method section 2).

The default is the ratio of means, R = sum(y / pi) / sum(x / pi): a total needs it. The mean of ratios is biased
upwards by the short answers, and a log-log line without smearing downwards by its own residuals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from shadowroute.analysis.stats.ratio import RatioError, influence, influence_error
from shadowroute.analysis.summaries import BUCKETS, Floats, RatioSums


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLog:
    """ln y = intercept + on_output ln x + on_input ln z, with Duan's (1983) smearing factor.

    Attributes:
        smearing: mean of exp(residual); a prediction without it is the median, and totals come out too small.
        n: requests it was fitted on.
    """

    intercept: float
    on_output: float
    on_input: float
    smearing: float
    n: int

    def predict(self, output_tokens: ArrayLike, input_tokens: ArrayLike) -> Floats:
        """Expected output tokens of the other model, (n,).

        Args:
            output_tokens: (n,) tokens that live's model wrote, at least 1 counts.
            input_tokens: (n,) tokens that it read.
        """
        line = self.intercept + self.on_output * _log(output_tokens) + self.on_input * _log(input_tokens)
        return np.exp(line) * self.smearing


def fit_log_log(output_tokens: ArrayLike, input_tokens: ArrayLike, other: ArrayLike, weights: ArrayLike) -> LogLog:
    """The weighted least-squares line.

    Args:
        output_tokens: (n,) tokens that live's model wrote.
        input_tokens: (n,) tokens that it read.
        other: (n,) tokens that the other model wrote on the same requests.
        weights: (n,) 1 / inclusion probability.

    Raises:
        ValueError: if there are fewer than 4 requests; three of them fit any line.
    """
    y, w = _log(other), np.asarray(weights, dtype=np.float64)
    if y.size < 4:
        raise ValueError(f"requests must be at least 4, got {y.size}; use the ratio of means")
    x = np.column_stack([np.ones(y.size), _log(output_tokens), _log(input_tokens)])
    root = np.sqrt(w)[:, None]
    # Least squares of minimum norm: prompts of one length leave no slope on the input to be found.
    found, *_ = np.linalg.lstsq(x * root, y * root[:, 0], rcond=None)
    residual = y - x @ found
    smearing = float((w * np.exp(residual)).sum() / w.sum())
    return LogLog(
        intercept=float(found[0]),
        on_output=float(found[1]),
        on_input=float(found[2]),
        smearing=smearing,
        n=int(y.size),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LengthSums:
    """Samples of one pair of models by bucket, each 1 / inclusion probability times; they add with `+`.

    Attributes:
        output: tokens the other model wrote over tokens that live's model wrote.
        input: tokens the other model read over tokens that live's model read; tokenizers differ.
    """

    output: RatioSums
    input: RatioSums

    def __add__(self, other: LengthSums) -> LengthSums:
        return LengthSums(output=self.output + other.output, input=self.input + other.input)

    def moved(self, read_usd: float, written_usd: float) -> Floats:
        """Influence of each bucket's samples on a predicted total, (256,) USD.

        Args:
            read_usd: cost of the input at the served tokens.
            written_usd: the same for the output.
        """
        return read_usd * _spread(self.input) + written_usd * _spread(self.output)


def total_error(moved: Floats, samples: Floats) -> RatioError:
    """The error that the fitted lengths leave in a predicted total.

    Args:
        moved: (256,), sum over pairs of models of `LengthSums.moved`: one bucket's samples may serve several pairs.
        samples: (256,) weighted samples per bucket.

    Raises:
        ValueError: if samples lie in fewer than two buckets.
    """
    kept = samples > 0
    if np.count_nonzero(kept) < 2:
        raise ValueError("samples must lie in at least 2 buckets; refuse the fit before asking for its error")
    effective = float(samples.sum()) ** 2 / float(np.square(samples).sum())
    return influence_error(moved[kept], effective)


def _spread(sums: RatioSums) -> Floats:
    moved = np.zeros(BUCKETS)
    moved[sums.denominator > 0] = influence(sums)
    return moved


def _log(tokens: ArrayLike) -> Floats:
    # An empty answer has no logarithm; it counts as one token.
    return np.log(np.maximum(np.asarray(tokens, dtype=np.float64), 1.0))
