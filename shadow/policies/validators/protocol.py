"""The protocols of validators."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from shadow.domain.outcome import Answer
from shadow.domain.policy import ValidatorContext
from shadow.domain.request import Request
from shadow.errors import UnjudgedError
from shadow.runtime.frozen import quickly_made

NAME_CHARACTERS: Final = 80


@quickly_made
@dataclass(frozen=True, slots=True)
class Case:
    """One answer to one request, for validators, which must not change it."""

    request: Request
    answer: Answer

    @property
    def text(self) -> str:
        """The answer's text."""
        return self.answer.text


class Validator(Protocol):
    """A named test of an answer, from only the answer and its request.

    It does no input or output and returns at once: the router runs it between two calls of a model, and shadow policies
    run it on every live answer.
    """

    @property
    def name(self) -> str:
        """Describes the test, and is unique to it; part of the recorded step."""
        ...

    @property
    def asks(self) -> str:
        """The requirement, to follow the words "it must"; for a model that is asked again."""
        ...

    def accepts(self, case: Case) -> bool:
        """True if the answer may be served.

        Raises:
            UnjudgedError: the validator lacks information. The result is unknown, never refused.
            Exception: the validator failed. The result is unknown, too, and counted as an error.
        """
        ...


@runtime_checkable
class SlowValidator(Protocol):
    """A named test of an answer that takes time or money: it runs a program, asks a model, or waits.

    The live path waits for it within its time limit, without blocking an event loop. A shadow does not run it, so
    that its verdict stays unknown, unless `in_shadows` is true.
    """

    @property
    def name(self) -> str:
        """As `Validator.name`."""
        ...

    @property
    def asks(self) -> str:
        """As `Validator.asks`."""
        ...

    @property
    def in_shadows(self) -> bool:
        """Whether it may run for a shadow, in the shadow's own thread. It must not spend money then."""
        ...

    def check(self, case: Case, context: ValidatorContext) -> bool:
        """True if the answer may be served.

        Raises:
            Exception: as `Validator.accepts`.
        """
        ...

    async def acheck(self, case: Case, context: ValidatorContext) -> bool:
        """As `check`, without blocking the event loop."""
        ...


AnyValidator = Validator | SlowValidator


class ShadowValidatorContext:
    """The context of a shadow's validators: time, but no money."""

    def time_left_s(self, at_most: float) -> float:
        """All of it: the shadow's runner watches its time budget."""
        return at_most

    def ask(self, model: str, prompt: str, timeout_s: float) -> Answer:  # noqa: ARG002 - ValidatorContext
        """Refuse.

        Raises:
            UnjudgedError: always.
        """
        raise UnjudgedError(f"a shadow must not ask {model}")

    async def aask(self, model: str, prompt: str, timeout_s: float) -> Answer:
        """As `ask`."""
        return self.ask(model, prompt, timeout_s)


def named(kind: str, what: str = "") -> str:
    """`kind(what)`; a long name is cut and ends in a hash, so that it stays unique."""
    if len(what) > NAME_CHARACTERS:
        what = f"{what[:NAME_CHARACTERS]}~{hashlib.sha256(what.encode()).hexdigest()[:8]}"
    return f"{kind}({what})" if what else kind


def limits(at_least: float | None, at_most: float | None) -> str:
    """Two limits in words; None = no limit on that side."""
    words = [] if at_least is None else [f"at least {at_least:g}"]
    return " and ".join(words if at_most is None else [*words, f"at most {at_most:g}"])
