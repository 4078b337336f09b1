"""Scored answers to learn from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from shadow.domain.outcome import Usage
from shadowroute.analysis.queries.reader import Reader, days
from shadowroute.analysis.queries.records import row_of
from shadowroute.analysis.selection import Window

_TOKENS: Final = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredAnswer:
    """One answer with its score, and the stored features of its request.

    Attributes:
        day: UTC day of the live decision.
        price_key: model of the price book whose price holds for the answer.
        score: in [0, 1].
        weight: requests that it stands for: 1 / (sampling rate x chance that this model answered).
        propensity: chance that this model answered; None = unknown, then the weight takes it for certain.
        usage: tokens of the answer; None in it = unknown.
        is_executed: it was run on purpose, for a draw with known chances.
    """

    request_id: str
    day: date
    cluster_key: str
    task: str
    user_tier: str
    complexity_band: str
    input_band: str
    model: str
    price_key: str
    score: float
    weight: float
    propensity: float | None
    usage: Usage
    is_executed: bool


def scored_answers(reader: Reader, window: Window, signal: str) -> Iterator[ScoredAnswer]:
    """Answers that live served, and those of models that were run alone, in the order of request ids."""
    for row in reader.select("training_rows", **days(window), name=signal):
        usage = Usage(**{name: row[name] for name in _TOKENS})
        yield row_of(ScoredAnswer, row, usage=usage)
