"""Quality of a shadow's own answers, from the requests on which live happened to choose the same as the shadow.

Works only where the live policy chose at random with a known probability: then each answer that both name stands for
1 / probability requests (Horvitz and Thompson). If live never chooses the same as the shadow, nothing is known.
An answer counts as the shadow's own if both name the same first model and the same escalation. Everything is about
requests that have the signal; if one model's answers are rated more often than another's, the mean weight shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from shadowroute.analysis.measures.rates import estimate, refusal, share_of
from shadowroute.analysis.queries.exploration import Exploration, WeightedAnswers
from shadowroute.analysis.results import Estimate, Measured, Undefined
from shadowroute.analysis.signals import DERIVED, SignalRow
from shadowroute.analysis.stats.ratio import ratio_error, t_interval
from shadowroute.analysis.summaries import RatioSums

UNKNOWN: Final = 0.001
"""Share of requests that may lack a propensity, or lie where live cannot choose as the shadow does."""

SMALLEST_ESS: Final = 100.0
"""Effective requests below which a handful of heavy ones decides the figure."""

MEAN_WEIGHT_ERRORS: Final = 3.0
"""Standard errors that the mean weight may lie off 1."""

_DOORS: Final = "let live explore (a split with a propensity), or execute a sample of the shadow's answers"


@dataclass(frozen=True, slots=True, kw_only=True)
class OffPolicy:
    """A signal under the shadow policy, from live answers that the shadow would have given too.

    Attributes:
        value_change: shadow minus live, unit `score`; doubly robust. Undefined with the reason in `refusal`.
        shadow_value: mean of the signal under the shadow, unit `score`; doubly robust.
        live_value: mean of the signal under live, same requests.
        ips: inverse propensity estimate of the shadow's mean; None without requests.
        snips: the same, divided by the sum of weights.
        dm: from cell means alone; its extrapolation is unchecked.
        dr: cell means corrected by the weighted residuals.
        ess: effective sample size, (sum of weights)^2 / sum of squared weights.
        max_weight: the heaviest request.
        mean_weight: 1 if the propensities are right and live can choose every plan of the shadow.
        mean_weight_error: its standard error over buckets.
        overlap_share: of requests, those on which live could have chosen as the shadow does, 0 to 1.
        n: requests with the signal and a known propensity.
        refusal: reason for a missing estimate; empty if there is one.
    """

    value_change: Measured
    shadow_value: Measured
    live_value: Measured
    ips: float | None
    snips: float | None
    dm: float | None
    dr: float | None
    ess: float | None
    max_weight: float | None
    mean_weight: float | None
    mean_weight_error: float | None
    overlap_share: float | None
    n: int
    refusal: str


def off_policy(
    signal: SignalRow, chance: Exploration, answers: Callable[[], WeightedAnswers | None], *, level: float = 0.95
) -> OffPolicy:
    """A signal under a shadow policy.

    Args:
        signal: name and source.
        chance: live's decisions by recorded probability.
        answers: those with the signal, of days that are old enough; read only if live chose at random.
        level: nominal coverage of the intervals.
    """
    if signal.source == DERIVED:
        return refused(
            f"{signal.name} is derived from the log, and off-policy estimates take signals that were sent",
            "name a signal that users, code or judges sent",
        )
    reason = _no_chance(chance)
    if reason:
        return refused(reason, _DOORS, n=chance.n)
    found = answers()
    if found is None:
        return refused(f"no request of this shadow has {signal.name}", "send the signal, or choose other days")
    return off_policy_of(found, level=level)


def off_policy_of(answers: WeightedAnswers, *, level: float = 0.95) -> OffPolicy:
    """The estimate from sums, or the reason for a missing one."""
    sums = answers.sums
    weights = sums.totals(sums.weight)
    live, robust = sums.totals(sums.reward), sums.totals(sums.doubly_robust)
    reason, next_step = next(_refusals(answers), ("", ""))
    change = sums.totals(sums.doubly_robust - sums.reward)
    squares = float(answers.weight_sq.sum())
    total = float(sums.weight.sum())
    undefined = Undefined(reason=reason, next_step=next_step, n=answers.n)
    return OffPolicy(
        value_change=undefined if reason else _doubly_robust(change, level),
        shadow_value=undefined if reason else _doubly_robust(robust, level),
        live_value=share_of(
            live,
            subject="request with this signal",
            clusters=lambda: weights.effective_clusters,
            unit="score",
            level=level,
        ),
        ips=float(sums.weighted_reward.sum()) / weights.total,
        snips=float(sums.weighted_reward.sum()) / total if total else None,
        dm=sums.totals(sums.direct).value,
        dr=robust.value,
        ess=total**2 / squares if squares else 0.0,
        max_weight=float(answers.heaviest.max()),
        mean_weight=weights.value,
        mean_weight_error=ratio_error(weights).standard_error if weights.clusters > 1 else None,
        overlap_share=overlap_share(answers),
        n=answers.n,
        refusal=reason,
    )


def overlap_share(answers: WeightedAnswers) -> float:
    """Share of requests on which live could have chosen as the shadow does.

    It could not if it chose another plan deterministically, nor if it never chose a plan that the shadow names.
    """
    sums = answers.sums
    seen = set(sums.logged[sums.logged == sums.evaluated].tolist())
    missing = 0.0
    for logged, evaluated, certain, size in zip(sums.logged, sums.evaluated, answers.certain, sums.size, strict=True):
        if evaluated not in seen:
            missing += size
        elif logged != evaluated:
            missing += certain
    return float(1 - missing / sums.size.sum())


def _no_chance(chance: Exploration) -> str:
    if not chance.n:
        return "no live decision in this window"
    if chance.unknown > UNKNOWN * chance.n:
        return f"{chance.unknown:,} of {chance.n:,} live decisions do not record their probability"
    if not chance.random:
        return "live chose deterministically on every request, so the shadow's answer was never seen where it differs"
    return ""


def _refusals(answers: WeightedAnswers) -> Iterator[tuple[str, str]]:
    """The reason for a missing estimate, the most basic one first."""
    sums = answers.sums
    weights = sums.totals(sums.weight)
    if answers.unknown > UNKNOWN * answers.n:
        yield f"{answers.unknown:,} of {answers.n:,} requests have no known propensity of live's choice", _DOORS
    few = refusal(weights, "request with this signal")
    if few:
        yield few.reason, few.next_step
    missing = 1 - overlap_share(answers)
    if missing > UNKNOWN:
        yield (
            f"no overlap: on {missing * 100:.1f} % of requests live could not have chosen as the shadow does",
            f"choose a segment in which live explores; or {_DOORS}",
        )
    ess = float(sums.weight.sum()) ** 2 / max(float(answers.weight_sq.sum()), 1e-300)
    if ess < SMALLEST_ESS:
        yield (
            f"too few answers of the shadow's own: they weigh as {ess:.0f} requests, {SMALLEST_ESS:.0f} needed",
            _DOORS,
        )
    if not weights.is_constant:
        error = ratio_error(weights).standard_error
        if abs(weights.value - 1) > MEAN_WEIGHT_ERRORS * error:
            off = f"the mean weight is {weights.value:.3f} +- {error:.3f} and must be 1"
            yield (
                f"{off}: propensities are wrong, or the models' answers are rated unequally often",
                "check what live logs as llm_router.decision.propensity",
            )


def _doubly_robust(sums: RatioSums, level: float) -> Measured:
    if sums.is_constant:
        return Undefined(
            reason="the shadow agrees with live on every request with this signal"
            if not sums.numerator.any()
            else "the value is the same in every bucket, so its error is unknown",
            n=sums.n,
        )
    found: Estimate = estimate(
        sums, t_interval(sums, level=level), unit="score", method="doubly robust, cross-fitted, jackknife t"
    )
    return found


def refused(reason: str, next_step: str = "", *, n: int = 0) -> OffPolicy:
    """No estimate, for a reason."""
    nothing = Undefined(reason=reason, next_step=next_step, n=n)
    return OffPolicy(
        value_change=nothing,
        shadow_value=nothing,
        live_value=nothing,
        ips=None,
        snips=None,
        dm=None,
        dr=None,
        ess=None,
        max_weight=None,
        mean_weight=None,
        mean_weight_error=None,
        overlap_share=None,
        n=n,
        refusal=reason,
    )
