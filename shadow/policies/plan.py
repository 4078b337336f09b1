"""What a chooser answers: the first steps of a decision, and how it came to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from shadow.domain.policy import Candidate, Step
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.runtime.frozen import quickly_made

Refused = Callable[[str], str]
"""Why the policy's filters refuse a model for this request; empty if they let it through."""


def nothing_refused(model: str) -> str:  # noqa: ARG001 - Refused
    """Lets every model through."""
    return ""


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps without the fallbacks of the document, and the reasons for them; fields as in `Decision`.

    Attributes:
        steps: empty = no model may get the request; then a fallback of the policy may.
        propensity: probability of this draw.
        others: what else could have been drawn. Filters may turn several draws into the same decision; the policy
            around the chooser adds them up, because only it knows what is left of each.
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
    """A plan that chance could have chosen; None = whether and what it would decide is not known of the request."""

    probability: float
    plan: Plan | None


class Chooser(Protocol):
    """One mechanism of choosing."""

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that it may choose, as far as that is known before a request."""
        ...

    @property
    def reads(self) -> frozenset[str] | None:
        """Features of the request that the choice depends on, as `Request.unknown` names them; None = not known."""
        ...

    def choose(self, request: Request, snapshot: Snapshot, refused: Refused) -> Plan:
        """The plan for this request. Does no input or output.

        A chooser that compares models leaves out those that are refused. One that names its models need not look: the
        policy around it takes refused steps out of every plan.
        """
        ...


class Filter(Protocol):
    """A hard condition on models, checked before anything is chosen."""

    @property
    def reads(self) -> frozenset[str]:
        """Features of the request that it depends on, as `Request.unknown` names them."""
        ...

    def refusal(self, request: Request, snapshot: Snapshot, model: str) -> str:
        """Why this model must not get this request, in a few words of low cardinality; empty if it may."""
        ...
