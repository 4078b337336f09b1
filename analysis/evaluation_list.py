"""Requests to answer again: priorities, their chances of being drawn, and the draw.

A list of the highest scores would represent only itself. So a score only sets a **chance**, every request that may
matter has one, and a drawn request stands for 1/chance requests (docs/worksheet.md). Two plans that call the same model
first and never escalate have the same answer; those requests need no run and are not in the frame.

The score of a request is direction x money x uncertainty x novelty:

- direction: harm of a wrong move to users; 1 for a downgrade and for a plan that may escalate, 1/2 for a lateral move,
  1/4 for an upgrade.
- money: difference of the two bills at the served tokens, USD; the mean of the others where it is unknown.
- uncertainty: 1 minus the shadow's confidence in its decision; 1 where it gives none.
- novelty: 1 / sqrt(share of the cell x (1 + answers that were run in it)), the cell being task and planned models. A
  share under the root is the square-root allocation between cells: rare ones are seen, frequent ones still most often.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy  # loads its parts when they are used: the solvers are large and rarely needed

from shadowroute.analysis.measures.direction import Directions
from shadowroute.analysis.queries import evaluation
from shadowroute.analysis.queries.evaluation import Cell, CellRow, DrawnRow, Frame, Priority, Scores
from shadowroute.analysis.selection import PolicyRef, Window
from shadowroute.analysis.stats.survey import inclusion_probabilities
from shadowroute.analysis.study import Study
from shadowroute.analysis.summaries import Floats

SCORED: Final = 50_000
"""Priorities that travel; of a larger frame a random sample of this size sets the scale of the chances."""

FLOOR: Final = 0.2
"""Smallest chance, as part of the equal chance: no drawn request counts more than five times the usual."""

DIRECTION: Final = {"downgrade": 1.0, "same": 1.0, "unpriced": 1.0, "lateral": 0.5, "upgrade": 0.25}
"""`same`: the first model is live's, but not the escalation; unranked pairs count like a downgrade."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationList:
    """A draw, to be run elsewhere and loaded by `shadowroute import executions`.

    Attributes:
        sample: name of the draw; the same inputs give the same name and the same requests.
        rows: the requests, the surest first.
        frame_n: requests that could have been drawn.
        expected_n: mean number of drawn requests. expected_usd: mean cost of their answers, None if a price is
            unknown.
        drawn_usd: cost of the answers of this draw; None if one of them is unknown.
        floor: the smallest chance of any request.
        cells: the frame by task and planned models, the largest first.
    """

    sample: str
    policy: PolicyRef
    window: Window
    seed: int
    rows: tuple[DrawnRow, ...]
    frame_n: int
    expected_n: float
    expected_usd: float | None
    drawn_usd: float | None
    floor: float
    cells: tuple[CellRow, ...]


def evaluation_list(
    study: Study, policy: PolicyRef, *, seed: int, n: float | None = None, budget_usd: float | None = None
) -> EvaluationList:
    """Draw requests of a study's slice, with a preference for informative answers about a shadow.

    Args:
        study: its book prices the money term and the run.
        policy: the shadow.
        seed: of the draw; another seed takes other requests with the same chances.
        n: mean number of drawn requests.
        budget_usd: instead of n: mean cost of their answers, at the served tokens.

    Raises:
        ValueError: if not exactly one of `n` and `budget_usd` is given, it is not above 0, or nothing has a price.
    """
    if n is None and budget_usd is None:
        raise ValueError("how many to draw is missing; give n or budget_usd")
    if n is not None and budget_usd is not None:
        raise ValueError("give either n or budget_usd; together they could contradict each other")
    wanted = n if n is not None else budget_usd
    if wanted is None or not wanted > 0:
        raise ValueError(f"{'n' if n is not None else 'budget_usd'} must be above 0, got {wanted!r}")
    q, window = study.project, study.window
    prices = q.first_prices(study.book, window.last)
    frame = Frame(policy=policy, window=window, where=study.slice, prices=prices)
    found = evaluation.cells(q, frame)
    total = sum(row.n for row in found)
    if not total:
        return _nothing(policy, window, seed)
    priority = priority_of(found, study.directions)
    scored = evaluation.scores(q, frame, priority, seed=str(seed), most=SCORED)
    expected = min(n, total) if n is not None else _affordable(scored, total, budget_usd or 0.0)
    chances = chances_of(scored, total, expected)
    sample = _name(frame, seed, priority, chances)
    rows = evaluation.draw(q, frame, priority, seed=str(seed), scale=chances.scale, floor=chances.floor)
    return EvaluationList(
        sample=sample,
        policy=policy,
        window=window,
        seed=seed,
        rows=tuple(rows),
        frame_n=total,
        expected_n=expected,
        expected_usd=chances.expected_usd,
        drawn_usd=_sum_known([row.run_usd for row in rows]),
        floor=chances.floor,
        cells=tuple(found),
    )


def priority_of(found: Sequence[CellRow], directions: Directions) -> Priority:
    """Direction and novelty of every cell, and the money of a request whose own is unknown."""
    total = sum(row.n for row in found)
    priced = sum(row.priced_n for row in found)
    return Priority(
        factors={
            row.cell: _direction(row.cell, directions) / math.sqrt(row.n / total * (1 + row.run_n)) for row in found
        },
        # Nothing is priced: every request has the same money.
        usual_usd=sum(row.moved_usd for row in found) / priced if priced else 1.0,
    )


def _direction(cell: Cell, directions: Directions) -> float:
    return 1.0 if cell.second_model else DIRECTION[directions.of(cell.live_model, cell.shadow_model)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chances:
    """A request is taken with chance `scale` x score, at least `floor`, at most 1."""

    scale: float
    floor: float
    expected_usd: float | None

    def of(self, score: Floats) -> Floats:
        """The chances of requests with these scores."""
        return np.clip(self.scale * score, self.floor, 1.0)


def chances_of(scored: Scores, total: int, expected: float) -> Chances:
    """The rule that turns scores into chances.

    Args:
        scored: all requests, or a simple random sample of them.
        total: requests of the frame.
        expected: mean number of drawn requests, at most `total`.
    """
    seen = len(scored.score)
    part = expected * seen / total
    chances = inclusion_probabilities(scored.score, part, FLOOR * part / seen)
    known = np.isfinite(scored.run_usd)
    usd = float((chances[known] * scored.run_usd[known]).sum()) / float(chances[known].sum()) if known.any() else None
    # Unscored requests may share more than the floor among them; the scored ones follow the rule.
    floor = float(chances.min()) if (scored.score == 0).any() else FLOOR * part / seen
    between = (chances < 1) & (scored.score > 0) & (chances > floor)
    sure = (chances >= 1) & (scored.score > 0)
    if between.any():
        scale = float((chances[between] / scored.score[between]).max())
    else:
        scale = float(1 / scored.score[sure].min()) if sure.any() else 0.0
    return Chances(scale=scale, floor=floor, expected_usd=None if usd is None else usd * expected)


def _affordable(scored: Scores, total: int, budget_usd: float) -> float:
    """Mean number of requests that the budget pays for.

    Raises:
        ValueError: if no request has a price.
    """

    def cost_usd(expected: float) -> float:
        usd = chances_of(scored, total, expected).expected_usd
        if usd is None:
            raise ValueError(
                "budget_usd needs prices, and none of these requests has one; give n instead, or pin prices"
            )
        return usd

    if cost_usd(total) <= budget_usd:
        return float(total)
    least = total * 1e-6
    if cost_usd(least) >= budget_usd:
        return least
    return float(scipy.optimize.brentq(lambda expected: cost_usd(expected) - budget_usd, least, total, xtol=1e-3))


def _name(frame: Frame, seed: int, priority: Priority, chances: Chances) -> str:
    """A name that changes with every change of the drawn requests or their chances."""
    # Six digits: sums of the engine differ in the last ones from run to run.
    factors = [f"{cell.key} {factor:.6g}" for cell, factor in sorted(priority.factors.items())]
    rule = [f"{chances.scale:.6g}", f"{chances.floor:.6g}", f"{priority.usual_usd:.6g}"]
    parts = [str(frame.policy), str(frame.window), str(frame.where), str(seed), *rule, *factors]
    return f"{frame.policy.name}-{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:8]}"


def _sum_known(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _nothing(policy: PolicyRef, window: Window, seed: int) -> EvaluationList:
    return EvaluationList(
        sample="",
        policy=policy,
        window=window,
        seed=seed,
        rows=(),
        frame_n=0,
        expected_n=0.0,
        expected_usd=0.0,
        drawn_usd=0.0,
        floor=0.0,
        cells=(),
    )


COLUMNS: Final[Mapping[str, Callable[[EvaluationList, DrawnRow], str | int | float | None]]] = {
    "sample": lambda made, _: made.sample,
    "request_id": lambda _, row: row.request_id,
    "policy": lambda made, _: made.policy.name,
    "version": lambda made, _: made.policy.version,
    "model": lambda _, row: row.cell.shadow_model,
    "inclusion_probability": lambda _, row: row.chance,
    "ts": lambda _, row: row.ts.isoformat(),
    "task": lambda _, row: row.cell.task,
    "live_model": lambda _, row: row.cell.live_model,
    "served_model": lambda _, row: row.served_model,
    "escalation_model": lambda _, row: row.cell.second_model,
    "steps": lambda _, row: row.steps,
    "live_input_tokens": lambda _, row: row.input_tokens,
    "live_output_tokens": lambda _, row: row.output_tokens,
    "expected_usd": lambda _, row: row.run_usd,
    "confidence": lambda _, row: row.confidence,
    "priority": lambda _, row: row.score,
}
"""Columns of the exported file; the first six return with the results."""


def records(made: EvaluationList) -> list[dict[str, str | int | float | None]]:
    """The draw as rows of the exported file; None is unknown."""
    return [{name: value(made, row) for name, value in COLUMNS.items()} for row in made.rows]
