"""The models that a mechanism compares, and which of them may get a request: what `weighted` and `budget` share."""

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
"""Share of a rate limit that is left to what is under way elsewhere; the executor dispatches nothing below it."""


class Entry(NamedTuple):
    """A model that may get the request. None = unknown, or in `cost_usd` not asked for.

    Latency and quality are the observed ones, before the first observation those that the catalogue expects.
    """

    name: str
    latency_s: float | None
    cost_usd: float | None
    quality: float | None


@dataclass(frozen=True, slots=True)
class Field:
    """Who may be chosen.

    Attributes:
        entries: models that may get the request, in the given order; empty = none may.
        rejected: the others, with the reason.
        healthy: False if the entries are those that their breaker or rate limit holds back, because no other is left.
    """

    entries: list[Entry]
    rejected: list[Candidate]
    healthy: bool = True


class Pool:
    """Models to choose from.

    Args:
        models: by their names in the catalogue, in the given order.
        catalogue: their providers, prices and expected values.
        output_tokens: expected tokens of an answer where the catalogue does not say.

    Attributes:
        costing: prices a model for a request.
    """

    def __init__(self, models: Sequence[str], catalogue: Catalogue, *, output_tokens: int = OUTPUT_TOKENS) -> None:
        self.names = tuple(dict.fromkeys(models))
        self._models = tuple(catalogue.get(name) or Model(name=name) for name in self.names)
        self.costing = Costing(catalogue, self.names, output_tokens=output_tokens)

    def field(self, request: Request, snapshot: Snapshot, refused: Refused, *, priced: bool) -> Field:
        """Which models may get this request.

        A filter, a kill switch and a spending limit shut a model out. A breaker and a used up rate limit do so only as
        long as another model is left: somebody must be asked.

        Args:
            request: the request.
            snapshot: the router's state.
            refused: what the policy's filters refuse.
            priced: the expected cost is asked for; with a spending limit it always is.

        Raises:
            UnknownFeatureError: the cost depends on what is not known of the request.
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
    """A number in [0, 1) that looks random and is always the same for a text: the first 8 bytes of its MD5."""
    return (
        int.from_bytes(hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()[:8]) / 2**64
    )


def _holds_back(state: ModelState, name: str, request: Request) -> str:
    """Why the state keeps a request from a model that may get it in principle."""
    if state.headroom is not None and state.headroom <= RESERVE:
        return EXHAUSTED
    if state.admitted <= 0:
        return OPEN
    return "" if lets_through(state.admitted, name, request.request_id) else RETURNING
