"""The mechanism `weighted`: the best sum of latency, cost and quality, each compared among the models at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from types import MappingProxyType
from typing import Final, cast

from shadow.domain.policy import Candidate, Step
from shadow.domain.request import LABEL, Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import UnknownFeatureError
from shadow.policies.plan import Plan, Refused
from shadow.policies.pool import Entry, Pool
from shadow.prices.costing import READS

EQUAL_STEPS: Final = 10**12
"""Scores that differ by less than one of these steps are equal, so that rounding does not decide."""
INFINITE: Final = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Weights of the terms; only their ratio matters.

    Attributes:
        name: in the reason of a decision.
    """

    latency: float
    cost: float
    quality: float
    name: str = "own weights"


Extreme = Callable[[Iterable[float]], float]

PRESETS: Final[Mapping[str, Weights]] = MappingProxyType(
    {
        "balanced": Weights(latency=40, cost=40, quality=20, name="balanced"),
        "speed-first": Weights(latency=70, cost=10, quality=20, name="speed-first"),
        "budget": Weights(latency=10, cost=70, quality=20, name="budget"),
        "quality-first": Weights(latency=10, cost=20, quality=70, name="quality-first"),
    }
)


@dataclass(frozen=True, slots=True)
class Override:
    """Other weights for requests that have one of the values of every label."""

    labels: Mapping[str, frozenset[str]]
    weights: Weights


class Weighted:
    """Scores every model that may get the request and chooses the highest score.

    A score is the weighted mean of three terms in [0, 1], 1 for the best candidate and 0 for the worst: latency and
    quality (observed, before the first observation expected by the catalogue), and the expected cost of this request.
    A term counts only if it is known for every candidate; the reason names the others.

    Args:
        pool: the models.
        weights: for every request without an override.
        overrides: the first match counts.
        reason: prefix of the decision's reason.
    """

    def __init__(self, pool: Pool, weights: Weights, overrides: Sequence[Override] = (), *, reason: str = "") -> None:
        self._pool = pool
        self._weights = weights
        self._overrides = tuple(overrides)
        self._before = f"{reason}; " if reason else ""
        self._needs_cost = any(each.cost > 0 for each in (weights, *(override.weights for override in overrides)))
        self.models = pool.names
        self._steps = {name: (Step(kind="primary", model=name),) for name in pool.names}
        labels = frozenset(LABEL + key for override in overrides for key in override.labels)
        self.reads: frozenset[str] | None = labels | READS if self._needs_cost else labels

    def choose(self, request: Request, snapshot: Snapshot, refused: Refused) -> Plan:
        """The model of the highest score; equal scores go to the cheaper one, then by name.

        Raises:
            UnknownFeatureError: cost or override needs an unknown feature of the request.
        """
        weights = self._weights_of(request) if self._overrides else self._weights
        field = self._pool.field(request, snapshot, refused, priced=self._needs_cost)
        entries = field.entries
        if not entries:
            return Plan(steps=(), candidates=tuple(field.rejected), reason=self._before + "no candidate is left")
        ranked, missing = _ranked(entries, weights)
        reason = f"{self._before}best weighted score ({weights.name})"
        if missing:
            reason += f", without {' and '.join(missing)}"
        if not field.healthy:
            reason += "; none is healthy"
        return Plan(
            steps=self._steps[ranked[0].model],
            candidates=(*ranked, *field.rejected),
            reason=reason,
        )

    def _weights_of(self, request: Request) -> Weights:
        for override in self._overrides:
            unknown = ""
            for key, values in override.labels.items():
                if LABEL + key in request.unknown:
                    unknown = unknown or LABEL + key
                elif request.labels.get(key) not in values:
                    break
            else:
                if unknown:
                    raise UnknownFeatureError(unknown)
                return override.weights
        return self._weights


def _ranked(entries: Sequence[Entry], weights: Weights) -> tuple[list[Candidate], list[str]]:
    """The scored candidates, the best first, and the unknown terms.

    One loop with everything in it: this is most of a decision's time.
    """
    _, latencies, costs, qualities = zip(*entries, strict=True)
    slow, fast = _ends(latencies, max, min)
    dear, cheap = _ends(costs, max, min)
    bad, good = _ends(qualities, min, max)
    for_latency, for_cost, for_quality = weights.latency, weights.cost, weights.quality
    missing = [
        term
        for term, weight, best in (
            ("latency", for_latency, fast),
            ("cost", for_cost, cheap),
            ("quality", for_quality, good),
        )
        if best is None and weight
    ]
    whole = for_latency * (fast is not None) + for_cost * (cheap is not None) + for_quality * (good is not None)
    ranked: list[tuple[int, float, str, Candidate]] = []
    for name, latency_s, cost_usd, quality in entries:
        terms: dict[str, float] = {}
        points = 0.0
        if latency_s is not None:
            terms["expected_latency_s"] = latency_s
            if fast is not None:
                terms["latency"] = term = 1.0 if slow == fast else (latency_s - slow) / (fast - slow)
                points = for_latency * term
        if cost_usd is not None:
            terms["expected_cost_usd"] = cost_usd
            if cheap is not None:
                terms["cost"] = term = 1.0 if dear == cheap else (cost_usd - dear) / (cheap - dear)
                points += for_cost * term
        if quality is not None:
            terms["expected_quality"] = quality
            if good is not None:
                terms["quality"] = term = 1.0 if bad == good else (quality - bad) / (good - bad)
                points += for_quality * term
        score = None
        at = 0
        if whole:
            score = points / whole
            if score > 1.0:  # noqa: PLR1730 - min() costs more than the whole division
                score = 1.0
            at = -round(score * EQUAL_STEPS)
        candidate = Candidate(name, score, terms)
        ranked.append((at, INFINITE if cost_usd is None else cost_usd, name, candidate))
    ranked.sort()  # names differ, so that no candidate is compared
    return [candidate for _, _, _, candidate in ranked], missing


def _ends(values: tuple[float | None, ...], worst: Extreme, best: Extreme) -> tuple[float, float | None]:
    """The worst and the best value; no best one if a value is unknown. Values that differ by rounding are equal."""
    if None in values:
        return 0.0, None
    known = cast("tuple[float, ...]", values)
    bad, good = worst(known), best(known)
    return (good if isclose(bad, good) else bad), good
