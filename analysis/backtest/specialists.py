"""Figures for specialists: whether a shadow chooses well or only spends less.

A table of outcomes holds the answers of every model to every question, so the random control, the share of the saving
that is possible and the recovered gap need no sample here: each query stands for itself. They are computed by the same
functions that read executed answers of live traffic.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shadow.domain.ids import KeyedHash
from shadow.domain.outcome import Answer
from shadowroute.analysis.backtest.case import Case, Planned
from shadowroute.analysis.backtest.truth import Walk
from shadowroute.analysis.measures.frontier import Frontier, frontier_of
from shadowroute.analysis.measures.random_control import RandomControl, random_control_of
from shadowroute.analysis.measures.savings import Savings, savings_of
from shadowroute.analysis.queries.model_answers import Trials
from shadowroute.analysis.summaries import Floats

SAMPLE = "outcomes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Specialists:
    """One shadow against a coin flip, against the best possible choice, and between two models.

    `n` is the number of queries that they rest on.
    """

    n: int
    random_control: RandomControl
    savings: Savings
    frontier: Frontier


def specialists_of(case: Case, place: int, *, level: float = 0.95) -> Specialists:
    """The figures of the shadow at that place of the case's shadows.

    They rest on the queries to which every model that live or the shadow names has an answer; where these are not
    nearly all, the figures are undefined, because the rest is not like them.

    Args:
        case: from `case.load`.
        place: of the shadow.
        level: nominal coverage of the intervals.
    """
    drawn = trials_of(case, place)
    requests = float(sum(plan.shadows[place] is not None for plan in case.planned))
    return Specialists(
        n=len(drawn),
        random_control=random_control_of(drawn, requests, level=level),
        savings=savings_of(drawn, requests, level=level),
        frontier=frontier_of(drawn, requests, level=level),
    )


def trials_of(case: Case, place: int) -> Trials:
    """The queries on which the shadow decided and all models answered, as a sample that takes every query."""
    walked = [(plan, shadow) for plan in case.planned if (shadow := plan.shadows[place]) is not None]
    models = sorted(
        {step.model for plan, shadow in walked for walk in (plan.live, shadow) for step in walk.decision.steps}
    )
    answers = {model: [case.outcomes.answer(plan.query.request_id, model) for plan, _ in walked] for model in models}
    whole = [row for row in range(len(walked)) if all(answers[model][row] is not None for model in models)]
    kept = [walked[row] for row in whole]
    hash_id = KeyedHash(case.project)
    ones = np.ones(len(kept))
    return Trials(
        sample=SAMPLE,
        bucket=np.array([_bucket(plan, hash_id) for plan, _ in kept], dtype=np.int64),
        stands_for=ones,
        chance=ones,
        live_score=_column([plan.live.served.score for plan, _ in kept]),
        live_usd=_usd(case, [plan.live for plan, _ in kept]),
        score={model: _scores([answers[model][row] for row in whole]) for model in models},
        usd={model: _usd_alone(case, model, [answers[model][row] for row in whole]) for model in models},
        live_model=tuple(plan.live.decision.model for plan, _ in kept),
        shadow_model=tuple(shadow.decision.model for _, shadow in kept),
        cascades=np.array([float(bool(shadow.decision.escalation_model)) for _, shadow in kept]),
        confidence=_column([shadow.decision.confidence for _, shadow in kept]),
    )


def _bucket(plan: Planned, hash_id: KeyedHash) -> int:
    """The bucket of the query's row in the store: the first byte of the MD5 of its cluster key."""
    key = hash_id(plan.query.session or "")
    return hashlib.md5(key.encode(), usedforsecurity=False).digest()[0]


def _usd(case: Case, walks: Sequence[Walk]) -> Floats:
    prices, day = case.prices, case.days[0]
    return _column([walk.usd(prices, day) for walk in walks])


def _usd_alone(case: Case, model: str, answers: Sequence[Answer | None]) -> Floats:
    prices, day = case.prices, case.days[0]
    return _column([None if answer is None else prices.usd(model, answer.usage, day) for answer in answers])


def _scores(answers: Sequence[Answer | None]) -> Floats:
    return _column([None if answer is None else answer.score for answer in answers])


def _column(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
