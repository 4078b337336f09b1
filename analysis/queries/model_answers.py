"""Answers of models alone on a probability sample of all requests, for the limits of any router over these models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shadow.domain.outcome import Usage
from shadowroute.analysis.prices import PriceTable
from shadowroute.analysis.queries.reader import Reader, conditions, days, of_policy
from shadowroute.analysis.selection import PolicyRef, Slice, Window
from shadowroute.analysis.summaries import Buckets, Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trials:
    """Requests of one draw as columns, (k,) each. NaN is unknown; scores are 0 to 1, costs USD.

    Attributes:
        sample: name of the draw.
        bucket: hash bucket.
        stands_for: requests that each stands for, weight / inclusion probability.
        chance: inclusion probability.
        live_score: of the answer that live served. live_usd: every attempt that was paid.
        score: by model that was run alone. usd: the same.
        live_model: planned by live. shadow_model: planned first by the shadow.
        cascades: whether the shadow may escalate.
        confidence: of the shadow in its decision.
    """

    sample: str
    bucket: Buckets
    stands_for: Floats
    chance: Floats
    live_score: Floats
    live_usd: Floats
    score: Mapping[str, Floats]
    usd: Mapping[str, Floats]
    live_model: tuple[str, ...]
    shadow_model: tuple[str, ...]
    cascades: Floats
    confidence: Floats

    @property
    def models(self) -> tuple[str, ...]:
        """Models that were run alone, sorted."""
        return tuple(sorted(self.score))

    def __len__(self) -> int:
        return len(self.stands_for)


def trials(  # noqa: PLR0917  # as all query functions: reader, window, policy, what, where
    reader: Reader, window: Window, policy: PolicyRef, where: Slice, signal: str, prices: PriceTable
) -> Trials | None:
    """The draw with most requests on which models alone were run and scored; None if there is none."""
    records = list(
        reader.select("model_answers", **of_policy(policy), **days(window), **conditions(where), signal=signal)
    )
    by_sample: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for record in records:
        by_sample.setdefault(record["sample"], {}).setdefault(record["request_id"], []).append(record)
    if not by_sample:
        return None
    sample = min(by_sample, key=lambda name: (-len(by_sample[name]), name))
    return _trials(sample, list(by_sample[sample].values()), prices)


def _trials(sample: str, requests: Sequence[Sequence[Mapping[str, Any]]], prices: PriceTable) -> Trials:
    models = sorted({row["model"] for rows in requests for row in rows})
    first = [rows[0] for rows in requests]

    def column(values: Sequence[float | None]) -> Floats:
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)

    def of(model: str) -> list[list[Mapping[str, Any]]]:
        return [[row for row in rows if row["model"] == model] for rows in requests]

    return Trials(
        sample=sample,
        bucket=np.array([row["bucket"] for row in first], dtype=np.int64),
        stands_for=np.array([row["weight"] / row["inclusion_probability"] for row in first]),
        chance=np.array([row["inclusion_probability"] for row in first]),
        live_score=column([_mean([row["live_score"] for row in rows]) for rows in requests]),
        live_usd=column([_paid(row, prices) for row in first]),
        score={model: column([_mean([row["score"] for row in rows]) for rows in of(model)]) for model in models},
        usd={model: column([_cost(rows[0], prices) if rows else None for rows in of(model)]) for model in models},
        live_model=tuple(row["live_model"] for row in first),
        shadow_model=tuple(row["shadow_model"] for row in first),
        cascades=np.array([float(bool(row["escalation_model"])) for row in first]),
        confidence=column([row["confidence"] for row in first]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _cost(row: Mapping[str, Any], prices: PriceTable) -> float | None:
    if row["cost_usd"] is not None:
        return float(row["cost_usd"])
    usage = Usage(input_tokens=row["input_tokens"], output_tokens=row["output_tokens"])
    return prices.usd(row["price_key"], usage, row["day"])


def _paid(row: Mapping[str, Any], prices: PriceTable) -> float | None:
    calls = zip(
        row["attempt_models"],
        row["attempt_input_tokens"],
        row["attempt_output_tokens"],
        row["attempt_cache_read_tokens"],
        row["attempt_cache_write_tokens"],
        strict=True,
    )
    costs = [
        prices.usd(
            model,
            Usage(input_tokens=sent, output_tokens=written, cache_read_tokens=read, cache_write_tokens=kept),
            row["day"],
        )
        for model, sent, written, read, kept in calls
    ]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if costs and len(known) == len(costs) else None
