"""Results of a shadow policy's own answers, from a probability sample of requests that were answered again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from shadowroute.analysis.cost_cube import CostCube
from shadowroute.analysis.measures.executed_cost import CostFrame, cost_change
from shadowroute.analysis.measures.executed_draws import NOT_RUN, Drawn, Unit, frame_refusal, units
from shadowroute.analysis.measures.executed_scores import ExecutedQuality, escalation_rate
from shadowroute.analysis.prices import PriceTable
from shadowroute.analysis.queries.executions import ExecutedAnswer, Frame
from shadowroute.analysis.results import Measured, Undefined


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """Executed answers against the live ones, over all clean requests of a window and a slice.

    Where both plans are the same the difference is 0 and nothing needs to be run; `diverging` means the other requests.

    Attributes:
        n: diverging requests with both scores; the figures of quality rest on these.
        drawn: diverging requests that a draw took.
        missing_share: of these, weighted, those without one of the scores; None without any.
        samples: names of the draws, sorted.
        signal: name of the scored signal; empty without scores.
        quality_change: mean score of the shadow minus live, over all requests. Unit `score`, -1 to 1.
        diverging_quality_change: the same over the diverging requests.
        shadow_score: mean score of the shadow's answers over the diverging requests. live_score: of live's.
        cost_change: (shadow - live) / live over all requests: predictions, corrected by the paid cost. Unit `ratio`.
        escalation: share of cascade requests that pay twice.
        spend_usd: paid for everything that was drawn; None if part of it is unknown.
        rung: `executed`, or `none` without a usable answer.
    """

    n: int
    drawn: int
    missing_share: float | None
    samples: tuple[str, ...]
    signal: str
    quality_change: Measured
    diverging_quality_change: Measured
    shadow_score: Measured
    live_score: Measured
    cost_change: Measured
    escalation: Measured
    spend_usd: float | None
    rung: Literal["executed", "none"]


NOTHING = Executed(
    n=0,
    drawn=0,
    missing_share=None,
    samples=(),
    signal="",
    quality_change=NOT_RUN,
    diverging_quality_change=NOT_RUN,
    shadow_score=NOT_RUN,
    live_score=NOT_RUN,
    cost_change=NOT_RUN,
    escalation=NOT_RUN,
    spend_usd=None,
    rung="none",
)
"""The result without executed answers."""


def executed_of(
    answers: Sequence[ExecutedAnswer],
    frame: Frame,
    costs: CostFrame,
    prices: PriceTable,
    *,
    signal: str = "",
    level: float = 0.95,
) -> Executed:
    """Results of a policy's executed answers.

    Args:
        answers: of one slice; a request can come several times: once per draw, signal and scorer.
        frame: the requests that they stand for.
        costs: dollars of these requests.
        prices: of answers whose cost is not in the file.
        signal: of the scores; empty for the most frequent one.
        level: nominal coverage of the intervals.
    """
    wanted = signal or most_scored(answers)
    return executed_of_units(units(answers, wanted), frame, costs, prices, signal=wanted, level=level)


def executed_of_units(
    everything: Sequence[Unit], frame: Frame, costs: CostFrame, prices: PriceTable, *, signal: str, level: float = 0.95
) -> Executed:
    """The same from one unit per draw and request."""
    if not everything:
        return NOTHING
    needed = [unit for unit in everything if unit.answer.needs_execution]
    judged = Drawn.of(_of_scored_draws(needed))
    spent = [unit.cost_usd for unit in everything]
    scored = [unit.score is not None and unit.live_score is not None for unit in judged.units]
    missing = 1 - judged.keep(scored).requests / judged.requests if judged.units else None
    quality = ExecutedQuality(judged, scored, frame, missing or 0.0, level)
    change = quality.change()
    return Executed(
        n=sum(scored),
        drawn=len({unit.answer.request_id for unit in needed}),
        missing_share=missing,
        samples=tuple(sorted({unit.answer.sample for unit in everything})),
        signal=signal,
        quality_change=change,
        diverging_quality_change=quality.diverging_change(),
        shadow_score=quality.score(lambda unit: unit.score),
        live_score=quality.score(lambda unit: unit.live_score),
        cost_change=_cost(Drawn.of(needed), frame, costs, prices, level),
        escalation=escalation_rate(Drawn.of([u for u in everything if u.answer.is_cascade]), frame, level),
        spend_usd=sum(usd for usd in spent if usd is not None) if None not in spent else None,
        rung="none" if isinstance(change, Undefined) else "executed",
    )


def most_scored(answers: Sequence[ExecutedAnswer]) -> str:
    """The most frequent signal of the scores; empty if there are none."""
    counts: dict[str, int] = {}
    for answer in answers:
        if answer.signal and answer.score is not None:
            counts[answer.signal] = counts.get(answer.signal, 0) + 1
    return min(counts, key=lambda name: (-counts[name], name)) if counts else ""


def _of_scored_draws(taken: Sequence[Unit]) -> list[Unit]:
    """Units of the draws with scores by the signal: in these, a unit without a score is missing."""
    scored = {unit.answer.sample for unit in taken if unit.score is not None}
    return [unit for unit in taken if unit.answer.sample in scored]


def cost_frame(cube: CostCube) -> CostFrame:
    """Both sides of the clean requests of a cube."""
    costs = cube.sums()
    return CostFrame(
        live=costs.live.numerator,
        predicted=costs.shadow_cold.numerator,
        unpriced=tuple(sorted({*costs.live_unpriced, *costs.shadow_unpriced})),
        n=costs.n,
    )


def _cost(drawn: Drawn, frame: Frame, costs: CostFrame, prices: PriceTable, level: float) -> Measured:
    return frame_refusal(drawn, frame) or cost_change(drawn, frame, costs, prices, level=level)
