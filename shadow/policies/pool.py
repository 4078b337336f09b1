"""The candidates of a mechanism that compares models, for `weighted` and `budget`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from shadow.domain.policy import Candidate
from shadow.domain.request import Request
from shadow.domain.snapshot import UNOBSERVED, ModelState, Snapshot
from shadow.policies.plan import Refused
from shadow.prices.catalogue import Catalogue, Model
from shadow.prices.costing import OUTPUT_TOKENS, Costing
from shadow.state.admission import lets_through
from shadow.state.settings import StateSettings

KILLED: Final = "killed"
NO_PRICE: Final = "no price"
SPENT: Final = "spending limit "
OPEN: Final = "breaker open"
RETURNING: Final = "breaker lets only some requests through"
EXHAUSTED: Final = "rate limit used up"
RESERVE: Final = StateSettings().reserve
"""Share of a rate limit that is kept free; the router dispatches nothing below it."""


class Entry(NamedTuple):
    """A model that may get the request. None = unknown, or a `cost_usd` that is not needed.

    Latency and quality are observed, before the first observation expected by the catalogue.
    """

    name: str
    latency_s: float | None
    cost_usd: float | None
    quality: float | None


@dataclass(frozen=True, slots=True)
class Field:
    """The candidates for one request.

    Attributes:
        entries: models that may get the request, in the given order; empty = none may.
        rejected: the others, with the reason.
        healthy: False if breakers or rate limits hold back all entries.
    """

    entries: list[Entry]
    rejected: list[Candidate]
    healthy: bool = True


class Pool:
    """Models to choose from.

    Args:
        models: by their names in the catalogue, in the given order.
        catalogue: their providers, prices and expected values.
        output_tokens: expected tokens of an answer for models without a value in the catalogue.

    Attributes:
        costing: prices a model for a request.
    """

    def __init__(self, models: Sequence[str], catalogue: Catalogue, *, output_tokens: int = OUTPUT_TOKENS) -> None:
        self.names = tuple(dict.fromkeys(models))
        self._models = tuple(catalogue.get(name) or Model(name=name) for name in self.names)
        self.costing = Costing(catalogue, self.names, output_tokens=output_tokens)

    def field(self, request: Request, snapshot: Snapshot, refused: Refused, *, priced: bool) -> Field:
        """The models that may get this request.

        A filter, a kill switch and a spending limit reject a model. A breaker and a used up rate limit do so only while
        another model is left, because a model must be asked.

        Args:
            request: the request.
            snapshot: the router's state.
            refused: refusals by the policy's filters.
            priced: whether the expected cost is needed; with a spending limit it always is.

        Raises:
            UnknownFeatureError: the cost needs an unknown feature of the request.
        """
        killed, left, states = snapshot.killed, snapshot.remaining_usd, snapshot.models
        expected_usd = self.costing.expected_usd
        limit = min(left, key=lambda name: left[name]) if left else ""
        entries: list[Entry] = []
        held_back: list[tuple[Entry, str]] = []
        rejected: list[Candidate] = []
        for model in self._models:
            name = model.name
            reason = refused(name)
            if not reason and killed and (name in killed or model.provider in killed):
                reason = KILLED
            cost_usd = None
            if not reason and (priced or limit):
                cost_usd = expected_usd(name, request, snapshot)
                if limit and (cost_usd is None or cost_usd > left[limit]):
                    reason = NO_PRICE if cost_usd is None else SPENT + limit
            if reason:
                rejected.append(Candidate(model=name, rejected=reason))
                continue
            state = states.get(name, UNOBSERVED)
            latency_s, quality = state.latency_s, state.quality
            entry = Entry(
                name,
                model.latency_s if latency_s is None else latency_s,
                cost_usd,
                model.quality if quality is None else quality,
            )
            healthy = state is UNOBSERVED or (state.admitted >= 1 and state.headroom is None)
            holds_back = "" if healthy else _holds_back(state, name, request)
            if holds_back:
                held_back.append((entry, holds_back))
            else:
                entries.append(entry)
        if not entries and held_back:
            return Field([entry for entry, _ in held_back], rejected, healthy=False)
        for entry, reason in held_back:
            rejected.append(Candidate(model=entry.name, rejected=reason))
        return Field(entries, rejected)


def share_of_hash(text: str) -> float:
    """A pseudo-random number in [0, 1) from a text: the first 8 bytes of its MD5."""
    return (
        int.from_bytes(hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()[:8]) / 2**64
    )


def _holds_back(state: ModelState, name: str, request: Request) -> str:
    """Why a breaker or rate limit holds back a model; empty if none does."""
    if state.headroom is not None and state.headroom <= RESERVE:
        return EXHAUSTED
    if state.admitted <= 0:
        return OPEN
    return "" if lets_through(state.admitted, name, request.request_id) else RETURNING
