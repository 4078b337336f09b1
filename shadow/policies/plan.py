"""The plan of a chooser: the first steps of a decision, with the reasons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from shadow.domain.policy import Candidate, Step
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.runtime.frozen import quickly_made

Refused = Callable[[str], str]
"""The reason why the policy's filters refuse a model for this request; empty if they do not."""


def nothing_refused(model: str) -> str:  # noqa: ARG001 - Refused
    """Refuses no model."""
    return ""


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps without the fallbacks of the document, and the reasons for them; fields as in `Decision`.

    Attributes:
        steps: empty = no model may get the request; then a fallback of the policy may.
        propensity: probability of this draw.
        others: the other possible draws. Filters may turn several draws into the same decision, so the policy with
            the filters adds up their probabilities.
    """

    steps: tuple[Step, ...]
    candidates: tuple[Candidate, ...] = ()
    reason: str = ""
    confidence: float | None = None
    propensity: float | None = 1.0
    others: tuple[Draw, ...] = ()


@quickly_made
@dataclass(frozen=True, slots=True)
class Draw:
    """A possible plan of a random choice; None = it needs an unknown feature of the request."""

    probability: float
    plan: Plan | None


class Chooser(Protocol):
    """One mechanism of choosing."""

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that it may choose, if that is known before a request."""
        ...

    @property
    def reads(self) -> frozenset[str] | None:
        """Features of the request that the choice depends on, as in `Request.unknown`; None = not known."""
        ...

    def choose(self, request: Request, snapshot: Snapshot, refused: Refused) -> Plan:
        """The plan for this request. Does no input or output.

        A chooser that compares models leaves out refused ones. Other choosers may ignore `refused`: the policy
        removes refused steps from every plan.
        """
        ...


class Filter(Protocol):
    """A hard condition on models, checked before anything is chosen."""

    @property
    def reads(self) -> frozenset[str]:
        """Features of the request that it depends on, as in `Request.unknown`."""
        ...

    def refusal(self, request: Request, snapshot: Snapshot, model: str) -> str:
        """Why this model must not get this request, in a few words of low cardinality; empty if it may."""
        ...
