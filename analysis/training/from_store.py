"""Examples from the store: served answers with a signal, and answers that were run on purpose.

The store holds no prompts, so only metadata can be learned from. And it holds the answer of the model that live chose:
where that choice depends on the request, a model looks better or worse than it is. Known chances correct for it
(weights); without them a caveat is added.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from shadow.domain.request import Request
from shadowroute.analysis.prices import PriceTable
from shadowroute.analysis.queries.reader import Reader
from shadowroute.analysis.queries.scored_answers import ScoredAnswer, scored_answers
from shadowroute.analysis.selection import Window
from shadowroute.analysis.summaries import Floats
from shadowroute.analysis.training.examples import Examples, TooFewExamplesError

CERTAIN: Final = 1.0
HEAVIEST_WEIGHT: Final = 50.0
"""Weights are cut here, so that one answer of a rare choice cannot decide a fit."""


def examples_from_store(
    reader: Reader, window: Window, *, signal: str, models: Sequence[str] = (), prices: PriceTable
) -> Examples:
    """Requests of a window with a scored answer of at least one model.

    Args:
        reader: of one project.
        window: UTC days of the live decisions.
        signal: name of the signal that is learned.
        models: to learn about; all that have scored answers by default.
        prices: of the answers.

    Raises:
        TooFewExamplesError: no answer has the signal.
    """
    answers = [each for each in scored_answers(reader, window, signal) if not models or each.model in models]
    if not answers:
        raise TooFewExamplesError(f"no answer of {window} has the signal {signal!r}; send it, or name another --signal")
    return examples_of(answers, signal=signal, prices=prices, data=f"project {reader.project}")


def examples_of(answers: Iterable[ScoredAnswer], *, signal: str, prices: PriceTable, data: str) -> Examples:
    """The examples that scored answers give. Of a request and model, an answer that was run on purpose comes first."""
    best: dict[tuple[str, str], ScoredAnswer] = {}
    for answer in answers:
        known = best.get((answer.request_id, answer.model))
        if known is None or (answer.is_executed and not known.is_executed):
            best[answer.request_id, answer.model] = answer
    kept = list(best.values())
    place: dict[str, int] = {}
    for answer in kept:
        place.setdefault(answer.request_id, len(place))
    first = {answer.request_id: answer for answer in reversed(kept)}
    models = sorted({answer.model for answer in kept})
    scores, costs, weights = (_empty(models, len(place)) for _ in range(3))
    for answer in kept:
        at = place[answer.request_id]
        usd = prices.usd(answer.price_key, answer.usage, answer.day)
        scores[answer.model][at] = answer.score
        costs[answer.model][at] = np.nan if usd is None else usd
        weights[answer.model][at] = min(answer.weight, HEAVIEST_WEIGHT)
    days = [answer.day for answer in kept]
    return Examples(
        requests=tuple(_request(first[request_id]) for request_id in place),
        clusters=tuple(first[request_id].cluster_key or request_id for request_id in place),
        scores=scores,
        costs=costs,
        weights=weights,
        features="metadata",
        target=signal,
        data=data,
        first=min(days).isoformat(),
        last=max(days).isoformat(),
        caveats=tuple(_caveats(kept)),
    )


def _caveats(answers: Sequence[ScoredAnswer]) -> Iterable[str]:
    served = [answer for answer in answers if not answer.is_executed]
    chosen = sum(answer.propensity is None or answer.propensity >= CERTAIN for answer in served)
    if chosen:
        yield (
            f"{chosen:,} of {len(answers):,} answers are of the model that live chose for certain: a model that gets "
            "only the easy requests looks better than it is. Let live explore, or import executed answers."
        )
    yield "prompts are not stored, so only task, user tier, complexity band and input band are read."


def _request(answer: ScoredAnswer) -> Request:
    return Request(
        request_id=answer.request_id,
        time_us=0,
        task=answer.task,
        user_tier=answer.user_tier,
        complexity_band=answer.complexity_band,
        input_band=answer.input_band,
    )


def _empty(models: Sequence[str], n: int) -> dict[str, Floats]:
    return {model: np.full(n, np.nan) for model in models}
