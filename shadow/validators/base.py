"""What a validator is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, Protocol

from shadow.outcome import Answer
from shadow.request import Request

NAME_CHARACTERS: Final = 80


@dataclass(frozen=True, slots=True)
class Case:
    """One answer to one request, as validators see it. Nothing of it may be changed."""

    request: Request
    answer: Answer

    @property
    def text(self) -> str:
        """The answer's text."""
        return self.answer.text


class Validator(Protocol):
    """A named test of an answer that needs nothing but the answer and its request.

    It does no input or output and returns at once: the router runs it between two calls of a model, and shadow policies
    run it on every answer that live served.
    """

    @property
    def name(self) -> str:
        """Says what is tested, and differs between tests that differ; it is part of the recorded step."""
        ...

    @property
    def asks(self) -> str:
        """What the answer must do, to follow the words "it must"; a model that is asked again may be told."""
        ...

    def accepts(self, case: Case) -> bool:
        """True if the answer may be served.

        Raises:
            UnjudgedError: the answer cannot be judged. That is recorded as unknown, never as refused.
            Exception: the validator itself is at fault. That is unknown, too, and counted as an error.
        """
        ...


def named(kind: str, what: str = "") -> str:
    """`kind(what)`; a long one is cut and ends in a hash, so that it still differs from others."""
    if len(what) > NAME_CHARACTERS:
        what = f"{what[:NAME_CHARACTERS]}~{hashlib.sha256(what.encode()).hexdigest()[:8]}"
    return f"{kind}({what})" if what else kind


def limits(at_least: float | None, at_most: float | None) -> str:
    """Two limits in words; None = no limit on that side."""
    words = [] if at_least is None else [f"at least {at_least:g}"]
    return " and ".join(words if at_most is None else [*words, f"at most {at_most:g}"])
