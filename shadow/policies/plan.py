"""What a chooser answers: the first steps of a decision, and how it came to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from shadow.policy import Candidate, Step
from shadow.request import Request, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps without the fallbacks of the document, and the reasons for them; fields as in `Decision`."""

    steps: tuple[Step, ...]
    candidates: tuple[Candidate, ...] = ()
    reason: str = ""
    confidence: float | None = None
    propensity: float | None = 1.0


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

    def choose(self, request: Request, snapshot: Snapshot) -> Plan:
        """The plan for this request. Does no input or output."""
        ...
