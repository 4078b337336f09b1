"""The mechanism `call`: a Python function of the user decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from shadow.domain.policy import Candidate, Decision, Step
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import ConfigError, PolicyError
from shadow.policies.composed import Composed
from shadow.policies.plan import Plan, Refused
from shadow.policies.unknown_features import partly_known

Function = Callable[[Request], "str | Decision"]


class FunctionChooser:
    """Asks a function for a model's name or a whole decision.

    Args:
        function: takes the frozen request.
        name: of the policy, for messages.
    """

    def __init__(self, function: Function, *, name: str) -> None:
        self._function = function
        self._name = name
        self.models: tuple[str, ...] = ()
        self.reads: frozenset[str] | None = None

    def choose(self, request: Request, snapshot: Snapshot, refused: Refused) -> Plan:  # noqa: ARG002 - Chooser
        """The function's answer as a plan.

        Raises:
            PolicyError: it is neither a model's name nor a decision.
            UnknownFeatureError: the function read an unknown feature of the request.
            Exception: of the function.
        """
        answer: Any = self._function(partly_known(request) if request.unknown else request)
        if isinstance(answer, Decision):
            return Plan(
                steps=answer.steps,
                candidates=answer.candidates,
                reason=answer.reason,
                confidence=answer.confidence,
                propensity=answer.propensity,
            )
        if isinstance(answer, str) and answer:
            return Plan(
                steps=(Step(kind="primary", model=answer),), candidates=(Candidate(model=answer),), propensity=None
            )
        raise PolicyError(
            self._name, f"the function must return a model's name or a Decision, got {type(answer).__name__}"
        )


class Call(Composed):
    """A function as a policy.

    A function that returns a name may be random, so the propensity of its decisions is unknown; return a `Decision` to
    state it.

    Args:
        function: takes the frozen request, returns a model's name or a `Decision`.
        name: kebab-case name.
        version: the caller's own, because a change of the function cannot be detected.
        fallback: models for failures of providers.

    Raises:
        ConfigError: name or version is empty.
    """

    def __init__(self, function: Function, *, name: str, version: str, fallback: Iterable[str] = ()) -> None:
        if not name or not version:
            raise ConfigError(
                f"a function's policy must have a name and a version, got {name!r} and {version!r}; "
                "change the version whenever the function may decide differently"
            )
        super().__init__(name=name, version=version, chooser=FunctionChooser(function, name=name), fallback=fallback)
