"""Cost and quality of live, the shadow and single models, in the metrics of the router benchmarks.

Everything rests on answers that were run: single models on a probability sample of all requests. The weaker model of
the pair is the cheapest one, the strong one has the best mean score; with fewer than two models in the sample the
metrics are undefined, with a reason. For specialists: the verdict does not use them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from shadowroute.analysis.measures.random_control import NONE_ALONE, Flags, not_standing_for
from shadowroute.analysis.measures.rates import jackknifed
from shadowroute.analysis.queries.model_answers import Trials
from shadowroute.analysis.results import Estimate, Measured, Undefined
from shadowroute.analysis.stats import frontier as metrics
from shadowroute.analysis.stats.resampling import bucket_counts, drawn_interval
from shadowroute.analysis.stats.survey import Jackknife, jackknife
from shadowroute.analysis.summaries import Floats, effective_number, spread

Curve = metrics.DeferralCurve

LIVE: Final = "live"
SHADOW: Final = "shadow"
CURVE_DRAWS: Final = 200
"""Draws of buckets for figures of a curve: each sorts the sample again."""

_NOT_RUN = Undefined(
    reason=NONE_ALONE,
    next_step="draw from all requests, run each model alone (column policy empty), and import with live_score",
)
NO_SHADOW_ALONE = Undefined(reason="the shadow's own answers are not among those that were run alone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Mean cost per request (unit `usd`) and mean score (unit `score`) of `live`, `shadow` or a model; `n` answers."""

    name: str
    cost_usd: Measured
    quality: Measured
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontier:
    """Router metrics; method and traps in docs/statistics.md.

    Attributes:
        points: live, shadow, then models by cost; empty without a sample.
        hull: corners (usd, score) that mixing single models can reach, increasing.
        weak: the cheapest single model. strong: the best one. Empty with fewer than two models.
        aiq: mean height of the hull over its range of costs. aiq_over_dearest: RouterBench's own division.
        gap_recovered: PGR of the shadow, 0 = weak alone, 1 = strong alone.
        average_gap_recovered: APGR of the shadow's confidence as a score. call_share_50: CPT(50 %). call_share_80.
        curve: (share sent to strong, score) of that score; empty where no confidence was recorded.
        oracle_share: of the area between a random choice and the best possible choice, the part that the score has.
        n: requests that were run.
    """

    points: tuple[Point, ...]
    hull: tuple[tuple[float, float], ...]
    weak: str
    strong: str
    aiq: Measured
    aiq_over_dearest: Measured
    gap_recovered: Measured
    average_gap_recovered: Measured
    call_share_50: Measured
    call_share_80: Measured
    curve: tuple[tuple[float, float], ...]
    oracle_share: Measured
    n: int


def frontier_of(drawn: Trials | None, requests: float, *, level: float = 0.95) -> Frontier:
    """The metrics of a shadow policy from a sample of single models' answers; arguments as for `random_control_of`."""
    if drawn is None:
        return _nothing(_NOT_RUN)
    sides = sides_of(drawn)
    known = np.logical_and.reduce([np.isfinite(score) & np.isfinite(usd) for score, usd in sides.values()])
    why = not_standing_for(drawn, known, requests)
    if why is not None:
        return _nothing(why)
    return _Sample(drawn, known, sides, level).frontier()


def sides_of(drawn: Trials) -> dict[str, tuple[Floats, Floats]]:
    """Score and cost of live, of the shadow where its answer is known, and of every model."""
    live = np.array(drawn.live_model)
    shadow = np.array(drawn.shadow_model)
    score, usd = drawn.live_score.copy(), drawn.live_usd.copy()
    for model in set(drawn.shadow_model):
        moved = (shadow == model) & (live != model)
        alone = drawn.score.get(model), drawn.usd.get(model)
        score[moved] = np.nan if alone[0] is None else alone[0][moved]
        usd[moved] = np.nan if alone[1] is None else alone[1][moved]
    # A cascade's answer is neither model's alone.
    score[drawn.cascades > 0] = np.nan
    sides = {LIVE: (drawn.live_score, drawn.live_usd)}
    if np.isfinite(score).any():
        sides[SHADOW] = score, usd
    return sides | {model: (drawn.score[model], drawn.usd[model]) for model in drawn.models}


class _Sample:
    """Totals by bucket of one draw, and what follows from them."""

    def __init__(self, drawn: Trials, known: Flags, sides: Mapping[str, tuple[Floats, Floats]], level: float) -> None:
        self._drawn, self._known, self._sides, self._level = drawn, known, sides, level
        self._bucket = drawn.bucket[known]
        self._weight = drawn.stands_for[known]
        self._sizes = spread(self._bucket, self._weight)
        self._effective = effective_number(self._sizes)
        self._n = int(known.sum())
        single = {model: self._mean(model) for model in drawn.models}
        self._weak = min(single, key=lambda model: (single[model][1], model))
        self._strong = max(single, key=lambda model: (single[model][0], model))
        self._single = single

    def frontier(self) -> Frontier:
        names = [name for name in (LIVE, SHADOW) if name in self._sides]
        names += sorted(self._drawn.models, key=lambda model: (self._single[model][1], model))
        costs = [self._single[model][1] for model in self._drawn.models]
        scores = [self._single[model][0] for model in self._drawn.models]
        corners = metrics.hull(costs, scores)
        curve = self._curves()[0]
        pair = len({self._weak, self._strong}) == 2
        return Frontier(
            points=tuple(self._point(name) for name in names),
            hull=tuple(zip(corners[0].tolist(), corners[1].tolist(), strict=True)),
            weak=self._weak if pair else "",
            strong=self._strong if pair else "",
            aiq=self._aiq(metrics.aiq),
            aiq_over_dearest=self._aiq(metrics.aiq_over_dearest),
            gap_recovered=self._gap(),
            average_gap_recovered=self._of_curves(lambda made, _: metrics.average_gap_recovered(made)),
            call_share_50=self._of_curves(lambda made, _: metrics.call_share(made, 0.5), unit="share"),
            call_share_80=self._of_curves(lambda made, _: metrics.call_share(made, 0.8), unit="share"),
            curve=() if curve is None else tuple(zip(curve.shares.tolist(), curve.quality.tolist(), strict=True)),
            oracle_share=self._of_curves(metrics.oracle_share),
            n=self._n,
        )

    def _column(self, name: str, place: int) -> Floats:
        return self._sides[name][place][self._known]

    def _sums(self, values: Floats) -> Floats:
        return spread(self._bucket, self._weight * values)

    def _mean(self, name: str) -> tuple[float, float]:
        """Mean score and mean cost."""
        total = float(self._weight.sum())
        return (
            float((self._weight * self._column(name, 0)).sum()) / total,
            float((self._weight * self._column(name, 1)).sum()) / total,
        )

    def _point(self, name: str) -> Point:
        score, usd = (
            jackknife(np.stack([self._sums(self._column(name, place)), self._sizes]), lambda t: t[0] / t[1])
            for place in (0, 1)
        )
        return Point(name=name, cost_usd=self._estimate(usd, "usd"), quality=self._estimate(score, "score"), n=self._n)

    def _estimate(self, found: Jackknife, unit: str) -> Estimate:
        return jackknifed(found, self._sizes, n=self._n, unit=unit, level=self._level)

    def _drawn_estimate(self, value: float, draws: Floats, unit: str) -> Measured:
        if np.isfinite(draws).sum() < draws.size / 2:
            return Undefined(reason="the two models are too alike for a stable figure", n=self._n)
        return Estimate(
            value=value,
            interval=drawn_interval(value, draws, effective_clusters=self._effective, level=self._level),
            n=self._n,
            clusters=int(np.count_nonzero(self._sizes)),
            effective_clusters=self._effective,
            unit=unit,
            method="bucket bootstrap t",
        )

    def _aiq(self, area: Callable[[Floats, Floats], float]) -> Measured:
        models = self._drawn.models
        sums = np.stack([self._sums(self._column(model, place)) for place in (1, 0) for model in models])
        counts = np.vstack([np.ones(len(self._sizes)), bucket_counts(occupied=self._sizes)])
        means = (counts @ sums.T) / (counts @ self._sizes)[:, np.newaxis]

        def of(row: Floats) -> float:
            try:
                return area(row[: len(models)], row[len(models) :])
            except ValueError:
                return float("nan")

        values = np.array([of(row) for row in means])
        if not np.isfinite(values[0]):
            return Undefined(reason="the models that were run cost the same: no range of costs", n=self._n)
        return self._drawn_estimate(float(values[0]), values[1:], "score")

    def _gap(self) -> Measured:
        why = self._undefined_pair()
        if why is not None:
            return why
        if SHADOW not in self._sides:
            return replace(NO_SHADOW_ALONE, n=self._n)
        sums = np.stack([self._sums(self._column(name, 0)) for name in (SHADOW, self._weak, self._strong)])
        return self._estimate(jackknife(sums, lambda t: (t[0] - t[1]) / (t[2] - t[1])), "ratio")

    def _undefined_pair(self) -> Undefined | None:
        if self._weak == self._strong:
            return Undefined(
                reason=f"a weak and a strong model are needed; {self._weak} is the cheapest and the best that was run",
                next_step="run another model alone on the same requests",
                n=self._n,
            )
        return None

    def _wish(self) -> Floats | None:
        """The shadow's preference for the strong model, by its choice and its confidence; None without confidence."""
        confidence = self._drawn.confidence[self._known]
        if not np.isfinite(confidence).all():
            return None
        picks = np.array([model == self._strong for model in self._drawn.shadow_model])[self._known]
        return np.where(picks, confidence, -confidence)

    def _curves(self, counts: Floats | None = None) -> tuple[Curve | None, Curve]:
        """The curve of the shadow's confidence, None without one, and the best possible one; of a draw of buckets."""
        wish = self._wish()
        weight = self._weight if counts is None else self._weight * counts[self._bucket]
        weak, strong = self._column(self._weak, 0), self._column(self._strong, 0)
        oracle = metrics.oracle_curve(weak, strong, weight)
        return (None if wish is None else metrics.curve_of_scores(wish, weak, strong, weight)), oracle

    def _of_curves(self, figure: Callable[[Curve, Curve], float], *, unit: str = "ratio") -> Measured:
        why = self._undefined_pair()
        if why is not None:
            return why
        if self._curves()[0] is None:
            return Undefined(reason="the shadow records no confidence on some of these requests", n=self._n)

        def of(counts: Floats | None) -> float:
            curve, oracle = self._curves(counts)
            try:
                return float("nan") if curve is None else figure(curve, oracle)
            except ZeroDivisionError:
                return float("nan")

        value = of(None)
        if not np.isfinite(value):
            return Undefined(reason=f"{self._weak} and {self._strong} are equally good here", n=self._n)
        draws = np.array([of(row) for row in bucket_counts(CURVE_DRAWS, occupied=self._sizes)])
        return self._drawn_estimate(value, draws, unit)


def _nothing(why: Undefined) -> Frontier:
    return Frontier(
        points=(),
        hull=(),
        weak="",
        strong="",
        aiq=why,
        aiq_over_dearest=why,
        gap_recovered=why,
        average_gap_recovered=why,
        call_share_50=why,
        call_share_80=why,
        curve=(),
        oracle_share=why,
        n=why.n,
    )
