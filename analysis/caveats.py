"""Limits of the figures, as sentences with numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from shadowroute.analysis.format import counted, listed, usd
from shadowroute.analysis.measures.completeness import BY_DESIGN, Completeness, losses, unknowns
from shadowroute.analysis.measures.concentration import too_narrow
from shadowroute.analysis.measures.cost import CostDelta
from shadowroute.analysis.measures.divergence import Divergence
from shadowroute.analysis.measures.escalation import Escalation
from shadowroute.analysis.measures.judge_agreement import MODERATE_KAPPA, JudgeAgreement
from shadowroute.analysis.measures.live_quality import Quality
from shadowroute.analysis.measures.rates import FAILED, FEW_CLUSTERS, KNOWN_CLUSTERS, MINIMUM_CLUSTERS
from shadowroute.analysis.measures.simpson import Simpson
from shadowroute.analysis.measures.variety import Common
from shadowroute.analysis.next_steps import (
    FILTER_STATUS,
    PIN_PRICES,
    PRICE_MODEL,
    REPORT_SERVED,
    SEND_SIGNAL,
    STATE_SHADOWS,
    TELL_SESSIONS,
)
from shadowroute.analysis.queries.rows import PolicyRow
from shadowroute.analysis.results import Estimate, Measured, Range, Undefined, ends

TRIVIAL_USD: Final = 100.0
"""USD a month, about an hour of work: keeping a policy up to date costs more."""
NO_SHADOW: Final = "No shadow policy decided in this window."


@dataclass(frozen=True, slots=True)
class Caveat:
    """A limit of a figure that its reader must know.

    Attributes:
        code: stable word, for example `unpriced`, for tests and pages.
        text: one sentence with the figures.
        next_step: removes the limit; empty if nothing does.
    """

    code: str
    text: str
    next_step: str = ""


def about_project(
    *, live: Sequence[PolicyRow], shadows: Sequence[PolicyRow], known_clusters_share: float | None
) -> Iterator[Caveat]:
    """The limits of every figure of a project.

    Args:
        live: live policies of the window.
        shadows: shadow policies of the window.
        known_clusters_share: of live requests, those with a user or session id; None without requests.
    """
    if not live:
        yield Caveat(
            "no_requests",
            "No live request in this window.",
            "choose other days, or point the SDK's export.to at this collector",
        )
    elif not shadows:
        yield Caveat("no_shadows", NO_SHADOW, "add one under shadows in shadow.yaml")
    if len(live) > 1:
        names = ", ".join(f"{row.policy} ({row.first} to {row.last})" for row in live)
        yield Caveat(
            "live_changed",
            f"The live policy changed in this window: {names}. The figures mix them.",
            "choose a window with one live policy",
        )
    if known_clusters_share is not None and known_clusters_share < KNOWN_CLUSTERS:
        yield Caveat(
            "unknown_clusters",
            f"Only {_percent(known_clusters_share)} of requests carry a user or session id: repeat users cannot be"
            " recognised, and intervals are too narrow.",
            "set from_request.user or from_request.session in shadow.yaml; of an imported log, export the user's or the"
            " session's id and import it again",
        )


def about_worth(most_saved: Measured, common: Sequence[Common]) -> Iterator[Caveat]:
    """Whether routing can be worth its upkeep at all (R54).

    Args:
        most_saved: by any policy over the models of the window, USD per month.
        common: what nearly all requests have in common, if nothing tells them apart.
    """
    highest = None if isinstance(most_saved, Undefined) else ends(most_saved)[1]
    if highest is not None and highest < TRIVIAL_USD:
        yield Caveat(
            "trivial_volume",
            f"The volume is trivial: no policy over these models could save more than {usd(max(highest, 0.0))} a month,"
            " less than keeping one up to date costs.",
            "take one model for everything, and come back when traffic has grown",
        )
    if common:
        told = listed([f"{_percent(each.share)} have {each.segment}" for each in common])
        yield Caveat(
            "uniform_traffic",
            f"Traffic is uniform: {told}. A router has little to choose by.",
            "compare with one cheaper model for everything (choose: {use: MODEL} as a shadow)",
        )


def about_policy(
    *,
    divergence: Divergence,
    cost: CostDelta,
    escalation: Escalation,
    quality: Quality,
    completeness: Completeness | None,
    simpson: Sequence[Simpson] = (),
) -> Iterator[Caveat]:
    """The limits of the figures of one policy on one slice.

    Args:
        divergence: of the slice.
        cost: of the slice.
        escalation: of the slice.
        quality: of the slice.
        completeness: its decisions against those that were meant; None if nothing was rolled up.
        simpson: the signal's difference, overall and within segments, per key.
    """
    if completeness is not None:
        yield from _about_completeness(completeness)
    yield from _about_rows(divergence)
    yield from _about_cost(cost)
    yield from _about_escalation(escalation, cost)
    yield from _about_outcomes(quality)
    yield from _about_signal(quality, simpson)


def about_judges(judges: Sequence[JudgeAgreement]) -> Iterator[Caveat]:
    """Judge models whose scores are not yet evidence. Agreement with one truth is enough."""
    believed = {each.judge for each in judges if each.is_validated}
    for name in dict.fromkeys(each.judge for each in judges if each.judge not in believed):
        known = [each for each in judges if each.judge == name and isinstance(each.kappa, Estimate)]
        if not known:
            yield Caveat(
                "judge_unvalidated",
                f"{name} is the score of a model, without a known agreement with another source.",
                "let people score some of the answers that it scored, under the same signal name",
            )
        for each in known:
            yield Caveat(
                "judge_weak",
                f"{name} is the score of a model that hardly agrees with {each.truth} ({each.truth_source}): kappa"
                f" {_kappa(each.kappa)} on {each.n:,} answers, {MODERATE_KAPPA} needed.",
                "improve the judge's instruction, or use the other signal",
            )


def _kappa(measured: Measured) -> str:
    return f"{measured.value:.2f}" if isinstance(measured, Estimate) else "unknown"


def _about_completeness(completeness: Completeness) -> Iterator[Caveat]:
    if not completeness.is_complete:
        yield Caveat(
            "incomplete",
            f"{_percent(completeness.missing_share)} of this shadow's decisions are missing: {losses(completeness)}.",
            "observer.stats says what was shed or dropped in the service",
        )
    if completeness.unknown_share:
        yield Caveat(
            "incomplete", f"It is unknown whether decisions are missing: {unknowns(completeness)}.", STATE_SHADOWS
        )
    if completeness.absent_by_design > BY_DESIGN:
        yield Caveat(
            "absent_by_design",
            f"This shadow was not meant for {_percent(completeness.absent_by_design)} of the live requests (another"
            " service, another version, or other hours): its figures are about the rest.",
        )


def _about_rows(divergence: Divergence) -> Iterator[Caveat]:
    if divergence.failed_share is not None and divergence.failed_share > FAILED:
        yield Caveat(
            "failed",
            f"{_percent(divergence.failed_share)} of this shadow's decisions failed and are in no figure.",
            FILTER_STATUS,
        )
    model = divergence.model
    if isinstance(model, Estimate) and model.effective_clusters < FEW_CLUSTERS:
        yield Caveat(
            "few_clusters",
            f"{model.effective_clusters:.0f} effective clusters: between {MINIMUM_CLUSTERS} and {FEW_CLUSTERS}"
            " intervals are approximate, and narrower than they should be for rare events.",
            "wait for more users",
        )


def _about_cost(cost: CostDelta) -> Iterator[Caveat]:
    if cost.unpriced and not cost.book:
        yield Caveat("unpriced", "No price book is pinned: no model has a price, none is priced as 0.", PIN_PRICES)
    elif cost.unpriced:
        yield Caveat(
            "unpriced",
            f"No price in book {cost.book} for {', '.join(cost.unpriced)}: counted, never priced as 0.",
            PRICE_MODEL,
        )
    if cost.contaminated_share:
        yield Caveat(
            "contaminated",
            f"{_percent(cost.contaminated_share)} of requests were not served as live chose (fallback, cache hit,"
            " pinned, rewritten) and are left out of cost and quality.",
        )
    if cost.uncosted_share:
        yield Caveat(
            "uncosted",
            f"{_percent(cost.uncosted_share)} of requests have no known token counts or no list price, and are left out"
            " of cost.",
            f"{REPORT_SERVED}; of an imported log, export the token counts and import it again",
        )
    if cost.is_heavy_tailed:
        yield Caveat(
            "heavy_tailed",
            too_narrow(cost.heavy_tail),
            "look at the dearest requests, and wait for more of them",
        )
    yield from _about_caches(cost)


def _about_caches(cost: CostDelta) -> Iterator[Caveat]:
    between = _said(cost.cache_range)
    if not cost.caches.is_reported or not isinstance(cost.cache_range, Range):
        return
    if cost.caches.untold_share:
        yield Caveat(
            "unknown_caches",
            f"Nothing tells what caches hold for {_percent(cost.caches.untold_share)} of the tokens of its prompts:"
            " live never called the model, or the request has no session. With all or nothing read from its"
            f" own caches the change would be {between}.",
            TELL_SESSIONS,
        )
    else:
        yield Caveat(
            "own_caches",
            "Cached tokens of other models are predicted from what live's own calls read after a like pause; with all"
            f" or nothing read from the shadow's own caches the change would be {between}.",
        )


def _about_escalation(escalation: Escalation, cost: CostDelta) -> Iterator[Caveat]:
    if not isinstance(escalation.shadow, Range):
        return
    why = escalation.shadow.why
    if isinstance(cost.relative, Estimate):
        yield Caveat(
            "unseen_escalations",
            f"Escalation is a range in the log: {why}. Cost is not: executed answers show how often it happens.",
        )
    else:
        ranges = "Cost and escalation are ranges" if isinstance(cost.relative, Range) else "Escalation is a range"
        yield Caveat("unseen_escalations", f"{ranges}: {why}.", "run the cheap answers to find out")


def _about_outcomes(quality: Quality) -> Iterator[Caveat]:
    if not quality.signal:
        yield Caveat(
            "no_signal",
            "No quality signal arrived for these requests.",
            SEND_SIGNAL,
        )
    else:
        yield Caveat("about_live", quality.note)


def _about_signal(quality: Quality, simpson: Sequence[Simpson]) -> Iterator[Caveat]:
    gap = quality.comparison.rated_gap
    if isinstance(gap, Estimate) and not gap.interval.low <= 0 <= gap.interval.high:
        down, rest = quality.downgrade.response_rate or 0.0, quality.rest.response_rate or 0.0
        yield Caveat(
            "response_gap",
            f"{_percent(down)} of the requests that would be downgraded have {quality.signal}, and {_percent(rest)} of"
            " the rest: the two means are of different people.",
        )
    if quality.immature and quality.spec:
        yield Caveat(
            "immature",
            f"{counted(quality.immature, 'request is', 'requests are')} too young for {quality.signal}, which is"
            f" complete after {quality.spec.matures_after_h:g} hours, and left out of it.",
        )
    for found in simpson:
        if found.is_reversed:
            yield Caveat(
                "simpson",
                f"Where it would downgrade, live {quality.signal} is {_points(found.overall)} over all requests but"
                f" {_points(found.within)} within {found.key}: the mix of {found.key} makes the difference.",
                f"compare segment by segment: --by {found.key}",
            )


def _points(gap: float) -> str:
    return f"{abs(gap) * 100:.1f} points {'higher' if gap > 0 else 'lower'}"


def _said(measured: Measured) -> str:
    if isinstance(measured, Estimate):
        return f"{measured.value * 100:+.1f} %"
    if isinstance(measured, Range):
        return f"{measured.low * 100:+.1f} to {measured.high * 100:+.1f} %"
    return ""


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %" if share >= 0.001 else "less than 0.1 %"
