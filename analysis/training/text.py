"""The result of a training as text."""

from __future__ import annotations

from collections.abc import Iterator

from shadowroute.analysis.training.held_out import Curve
from shadowroute.analysis.training.train import Trained


def render(trained: Trained) -> str:
    """The training, the calibration of its probabilities, and its evaluation, as lines for a terminal."""
    return "\n".join(_lines(trained))


def _lines(trained: Trained) -> Iterator[str]:
    artifact, (trains, tunes, tests) = trained.artifact, trained.sizes
    days = f", {artifact.trained_from} to {artifact.trained_to}" if artifact.trained_from else ""
    yield f"Trained on {artifact.data}{days}: {trains:,} requests fit, {tunes:,} tuned, {tests:,} test."
    read = "the text and metadata" if artifact.features == "text" else "metadata only"
    yield f"Reads {read}; target {artifact.target}."
    for caveat in trained.caveats:
        yield f"Note: {caveat}"
    yield ""
    yield f"{'model (cheapest first)':<34}{'n':>8}{'predicted':>11}{'observed':>10}{'Brier':>8}{'of mean':>9}{'ECE':>7}"
    for each in trained.calibrations:
        yield (
            f"{each.model:<34}{each.n:>8,}{each.mean_predicted:>11.3f}{each.mean_observed:>10.3f}"
            f"{each.brier:>8.4f}{each.brier_of_mean:>9.4f}{each.expected_error:>7.3f}"
        )
    yield ""
    if trained.curve is None:
        yield f"No cost-quality curve: {trained.no_curve}."
    else:
        yield from _curve_lines(trained.curve)
    yield f"Threshold of the artifact: {trained.threshold:g}; a policy file may set another."


def _curve_lines(curve: Curve) -> Iterator[str]:
    low, high = curve.mean_interval.low * 100, curve.mean_interval.high * 100
    yield f"Against a random mix of single models that costs the same, {curve.n:,} test requests:"
    yield f"{'threshold':>10}{'cheapest':>10}{'dearest':>9}{'USD/1,000':>12}{'score':>8}{'mix':>8}  advantage in points"
    for point in curve.points:
        yield (
            f"{point.threshold:>10.3f}{point.shares[0]:>10.1%}{point.shares[-1]:>9.1%}{point.usd * 1000:>12.4f}"
            f"{point.score:>8.4f}{point.random_score:>8.4f}  {point.advantage * 100:+.2f} "
            f"({point.interval.low * 100:+.2f} to {point.interval.high * 100:+.2f})"
        )
    verdict = "better than" if low > 0 else "worse than" if high < 0 else "not distinguishable from"
    yield (
        f"Mean over the curve: {curve.mean_advantage * 100:+.2f} points ({low:+.2f} to {high:+.2f}, "
        f"{curve.mean_interval.level:.0%}): {verdict} a random mix at the same cost."
    )
