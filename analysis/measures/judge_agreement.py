"""Reliability of a judge model: its agreement with people, code or a reference.

A judge is cheap and scores everything; the value of its score is known only from answers with a score of a better
source. Where both exist for the same live answers, this compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from shadowroute.analysis.measures.executed_draws import MINIMUM_RUN
from shadowroute.analysis.measures.rates import JACKKNIFE, ROUNDING, refusal
from shadowroute.analysis.queries.judges import JudgePairs
from shadowroute.analysis.results import Estimate, Interval, Measured, Undefined
from shadowroute.analysis.selection import Window
from shadowroute.analysis.stats.agreement import Corrected, Share, cohen_kappa, rogan_gladen
from shadowroute.analysis.stats.survey import jackknife
from shadowroute.analysis.summaries import Floats, RatioSums, effective_number

JUDGE: Final = "llm"
"""Source of a signal that a model gave."""

MODERATE_KAPPA: Final = 0.4
"""Agreement above chance from which a judge counts as evidence: below it is called fair at best (Landis, Koch 1977)."""

ENOUGH: Final = 300_000
"""Live requests whose days are read; millions of pairs do not improve a kappa from thousands."""

_NEXT: Final = "let people score some of the answers that the judge scored, under the same signal name"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeAgreement:
    """One judge against one truth on live answers. A score is a label at its bar.

    Attributes:
        judge: name of the signal of source `llm`.
        truth: name of the signal that it is compared with; empty where there is none.
        truth_source: human, code or reference.
        kappa: Cohen's, 1 is full agreement and 0 agreement by chance; unit `ratio`.
        sensitivity: share of truly good answers that the judge passes.
        specificity: share of truly bad answers that it fails.
        passed_share: of all answers that it scored; None if there are none.
        corrected_share: truly good ones among them (Rogan and Gladen); unit `share`.
        n: answers with both scores. judged: answers with the judge's.
    """

    judge: str
    truth: str
    truth_source: str
    kappa: Measured
    sensitivity: Measured
    specificity: Measured
    passed_share: float | None
    corrected_share: Measured
    n: int
    judged: int

    @property
    def is_validated(self) -> bool:
        """Agreement is known and at least moderate."""
        return isinstance(self.kappa, Estimate) and self.kappa.value >= MODERATE_KAPPA - ROUNDING


def newest_days(live_n: Mapping[date, int], window: Window) -> Window:
    """The newest days of a window that hold `ENOUGH` live requests: pairing scores reads the rows of the log."""
    held = 0
    for day in sorted(live_n, reverse=True):
        held += live_n[day]
        if held >= ENOUGH:
            return Window(day, window.last)
    return window


def judge_agreements_of(pairs: Sequence[JudgePairs], *, level: float = 0.95) -> Iterator[JudgeAgreement]:
    """Every judge against every truth of its name; one row without figures for a judge without a truth."""
    for everything in (pair for pair in pairs if not pair.truth):
        truths = [pair for pair in pairs if pair.truth and pair.judge == everything.judge]
        if not truths:
            yield _unknown(everything)
        for truth in truths:
            yield _agreement(everything, truth, level)


def _unknown(everything: JudgePairs) -> JudgeAgreement:
    why = Undefined(reason="no other source scored these answers", next_step=_NEXT)
    return JudgeAgreement(
        judge=everything.judge,
        truth="",
        truth_source="",
        kappa=why,
        sensitivity=why,
        specificity=why,
        passed_share=_passed(everything)[0],
        corrected_share=why,
        n=0,
        judged=everything.n,
    )


def _agreement(everything: JudgePairs, truth: JudgePairs, level: float) -> JudgeAgreement:
    found = _Figures(truth, level)
    kappa = found.kappa()
    sensitivity = found.share(lambda t: t[3] / (t[3] + t[1]), "truly good answers")
    specificity = found.share(lambda t: t[0] / (t[0] + t[2]), "truly bad answers")
    return JudgeAgreement(
        judge=truth.judge,
        truth=truth.truth,
        truth_source=truth.truth_source,
        kappa=kappa,
        sensitivity=sensitivity,
        specificity=specificity,
        passed_share=_passed(everything)[0],
        corrected_share=_corrected(everything, found, sensitivity, specificity, level),
        n=truth.n,
        judged=everything.n,
    )


class _Figures:
    """Figures of the four cells: judge fails a bad answer, fails a good one, passes a bad one, passes a good one."""

    def __init__(self, pairs: JudgePairs, level: float) -> None:
        self.n = pairs.n
        self._level = level
        self._cells = pairs.weights.reshape(4, -1)
        sizes = self._cells.sum(axis=0)
        self._sums = RatioSums(numerator=sizes, denominator=sizes, n=pairs.n)
        self._refusal = refusal(self._sums, "answers with both scores")
        if self.n < MINIMUM_RUN:
            self._refusal = Undefined(
                reason=f"too few: {self.n} answers with both scores, {MINIMUM_RUN} needed", next_step=_NEXT, n=self.n
            )

    def kappa(self) -> Measured:
        if self._refusal is not None:
            return self._refusal
        try:
            cohen_kappa(self._cells.sum(axis=1).reshape(2, 2))
        except ValueError:
            return Undefined(reason="the judge and the truth gave one and the same label to every answer", n=self.n)
        return self._estimate(_kappa, unit="ratio", low=-1.0, what="answers of both labels")

    def share(self, figure: Callable[[Floats], Floats], what: str) -> Measured:
        return self._refusal or self._estimate(figure, unit="share", low=0.0, what=what)

    def variance(self, figure: Callable[[Floats], Floats]) -> float:
        return jackknife(self._cells, figure).error(self._sums.effective_clusters).variance

    def made(self, value: float, interval: Interval, unit: str, method: str) -> Estimate:
        return Estimate(
            value=value,
            interval=interval,
            n=self.n,
            clusters=self._sums.clusters,
            effective_clusters=self._sums.effective_clusters,
            unit=unit,
            method=method,
        )

    def _estimate(self, figure: Callable[[Floats], Floats], *, unit: str, low: float, what: str) -> Measured:
        with np.errstate(divide="ignore", invalid="ignore"):
            found = jackknife(self._cells, figure)
        if not (np.isfinite(found.value) and np.isfinite(found.moved).all()):
            return Undefined(reason=f"too few {what}: one cluster holds all of them", next_step=_NEXT, n=self.n)
        whole = found.interval(self._sums.effective_clusters, self._level)
        interval = Interval(max(whole.low, low), min(whole.high, 1.0), self._level)
        return self.made(found.value, interval, unit, JACKKNIFE)


def _corrected(
    everything: JudgePairs, found: _Figures, sensitivity: Measured, specificity: Measured, level: float
) -> Measured:
    if not isinstance(sensitivity, Estimate):
        return sensitivity
    if not isinstance(specificity, Estimate):
        return specificity
    value, variance = _passed(everything)
    corrected = rogan_gladen(
        Share(value, variance),
        sensitivity=Share(sensitivity.value, found.variance(lambda t: t[3] / (t[3] + t[1]))),
        specificity=Share(specificity.value, found.variance(lambda t: t[0] / (t[0] + t[2]))),
        level=level,
    )
    if not isinstance(corrected, Corrected):
        return corrected
    return found.made(corrected.value, corrected.interval, "share", "Rogan-Gladen, jackknife variances")


def _passed(everything: JudgePairs) -> tuple[float, float]:
    """Share that the judge passed, and its variance."""
    labels = everything.weights.sum(axis=1)
    sizes = labels.sum(axis=0)
    effective = effective_number(sizes)
    found = jackknife(np.stack([labels[1], sizes]), lambda t: t[0] / t[1])
    return found.value, found.error(effective).variance if effective > 1 else 0.0


def _kappa(cells: Floats) -> Floats:
    """Cohen's kappa of each column of four totals, by the formula of `cohen_kappa`."""
    shares = cells / cells.sum(axis=0)
    failed, bad = shares[0] + shares[1], shares[0] + shares[2]
    chance = failed * bad + (1 - failed) * (1 - bad)
    return np.asarray((shares[0] + shares[3] - chance) / (1 - chance), dtype=np.float64)
