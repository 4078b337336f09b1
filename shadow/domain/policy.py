"""Policies and their decisions.

A policy is a named, versioned function from a frozen request and a state snapshot to a decision. `decide` does no
input or output and depends on nothing but its arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, Protocol, runtime_checkable

from shadow.domain.ids import canonical_id
from shadow.domain.outcome import Answer
from shadow.domain.request import NOTHING, Request
from shadow.domain.snapshot import STATE_MODES, Snapshot, StateMode
from shadow.errors import ConfigError
from shadow.runtime.frozen import quickly_made

FIRST_STEP_KEYS: Final = frozenset({"kind", "model", "accept_if", "retry_same", "tells_why", "verifies"})
"""Of `Step.document()` in the first release. Closed: hashed without its name, a later value could pass for another."""
StepKind = Literal["primary", "fallback", "escalation"]
DecisionStatus = Literal["ok", "error", "timeout", "invalid"]
Decides = Literal["repeatably", "randomly", "unknown"]


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One planned dispatch.

    Attributes:
        accept_if: names of the validators that its answer must pass; else the next escalation is asked.
        retry_same: how often the same model is asked again after a refused answer, before the escalation.
        tells_why: whether the new question includes the refused answer and the reason.
        verifies: it checks the previous answer, a draft, and approves it or writes its own. An unchecked draft is never
            served.
    """

    kind: StepKind
    model: str
    accept_if: tuple[str, ...] = ()
    retry_same: int = 0
    tells_why: bool = False
    verifies: bool = False

    def document(self) -> dict[str, Any]:
        """The step as it is recorded and hashed, without unused options."""
        recorded: dict[str, Any] = {"kind": self.kind, "model": self.model, "accept_if": list(self.accept_if)}
        if self.retry_same:
            recorded |= {"retry_same": self.retry_same, "tells_why": self.tells_why}
        if self.verifies:
            recorded["verifies"] = True
        return recorded


class Candidate(NamedTuple):
    """A considered model: its score with its terms, or the reason of its rejection. None = no score."""

    model: str
    score: float | None = None
    terms: Mapping[str, float] = NOTHING
    rejected: str = ""


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The ordered steps a policy chose, and why.

    Attributes:
        steps: at least one; the first is the primary, then escalations, then fallbacks.
        reason: for the choice, one short sentence of low cardinality.
        confidence: the policy's own belief in [0, 1]; None = unknown.
        propensity: probability of this decision given the request, 1.0 if deterministic; None = unknown.
    """

    policy: str
    version: str
    steps: tuple[Step, ...]
    candidates: tuple[Candidate, ...] = ()
    reason: str = ""
    confidence: float | None = None
    propensity: float | None = 1.0
    state_mode: str = "none"

    @property
    def model(self) -> str:
        """The planned primary model."""
        return self.steps[0].model

    @property
    def escalation_model(self) -> str:
        """Model of the first escalation step, empty if there is none."""
        for step in self.steps:
            if step.kind == "escalation":
                return step.model
        return ""

    @property
    def steps_id(self) -> str:
        """First 16 hex characters of the SHA-256 of the canonical JSON of the steps.

        Keys of the first release are hashed by their values alone, later ones with their names.
        """
        hashed = [
            [value if key in FIRST_STEP_KEYS else [key, value] for key, value in step.document().items()]
            for step in self.steps
        ]
        return canonical_id(hashed, length=16)


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A missing decision of a policy. It is recorded like a decision, so that no row is missing."""

    policy: str
    version: str
    status: Literal["error", "timeout", "invalid"]
    error_type: str
    message: str = ""


@runtime_checkable
class Policy(Protocol):
    """The method to implement, and the two names on every record."""

    @property
    def name(self) -> str:
        """Kebab-case name, unique within a routing file."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever the policy may decide differently."""
        ...

    def decide(self, request: Request, snapshot: Snapshot) -> Decision:
        """The decision for this request. Must not block, must not change anything."""
        ...


def state_mode_of(policy: Policy) -> StateMode:
    """The state that a policy sees as a shadow: its `state_mode`, by default `shared`.

    Raises:
        ConfigError: it is none of shared, own and none.
    """
    said: StateMode = getattr(policy, "state_mode", "shared")
    if said not in STATE_MODES:
        raise ConfigError(f"state_mode of policy {policy.name} must be one of {', '.join(STATE_MODES)}, got {said!r}")
    return said


@runtime_checkable
class Escalating(Protocol):
    """A policy with a cascade, which can validate an answer of one of its steps."""

    def accepts(self, request: Request, decision: Decision, step: Step, answer: Answer) -> str:
        """Empty if the answer passes every validator of this step, else the name of the first that refuses it.

        Does no input or output: shadows call it for live answers.

        Raises:
            UnjudgedError: a validator lacks information.
        """
        ...


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result of an answer's validators.

    Attributes:
        refused_by: name of the validator that refuses it; empty if none does.
        asks: its requirement, to follow the words "it must".
    """

    refused_by: str = ""
    asks: str = ""


ACCEPTED: Final = Verdict()


class ValidatorContext(Protocol):
    """Time and models for a validator of the live path. Both are part of the record."""

    def time_left_s(self, at_most: float) -> float:
        """Seconds that a check may take now: `at_most`, or less where the request has a deadline."""
        ...

    def ask(self, model: str, prompt: str, timeout_s: float) -> Answer:
        """The answer of a model of the catalogue to one question, which costs money."""
        ...

    async def aask(self, model: str, prompt: str, timeout_s: float) -> Answer:
        """As `ask`, without blocking the event loop."""
        ...


@runtime_checkable
class Examining(Protocol):
    """An escalating policy whose validators may run programs and ask models, for answers of the live path."""

    def examine(self, request: Request, step: Step, answer: Answer, context: ValidatorContext) -> Verdict:
        """The verdict of every validator of this step.

        Raises:
            Exception: a validator cannot judge the answer.
        """
        ...

    async def aexamine(self, request: Request, step: Step, answer: Answer, context: ValidatorContext) -> Verdict:
        """As `examine`, without blocking the event loop."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSpec:
    """A live router of the host: only its name and version are known.

    Attributes:
        version: of the host's router configuration; empty = unversioned.
        decides: whether it repeats its decision for the same request.
    """

    name: str
    version: str = ""
    decides: Decides = "unknown"
