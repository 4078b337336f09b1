"""Policies that a process of its own can import, good and bad ones.

Every such process pays for what is imported here, so the helpers of `tests.support.sdk` are not.
"""

from __future__ import annotations

import os
import re
import sys
import time
from dataclasses import replace
from typing import Any

from shadow.domain.outcome import Answer
from shadow.domain.policy import Decision, Step
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot


def decision(model: str, policy: str, **changes: Any) -> Decision:
    """A decision for one model."""
    made = Decision(policy=policy, version="1111", steps=(Step(kind="primary", model=model),), reason="a rule")
    return replace(made, **changes)


class Asked:
    """A policy whose task says what it does."""

    def __init__(self, name: str = "asked", version: str = "1111") -> None:
        self.name = name
        self.version = version

    def decide(self, request: Request, snapshot: Snapshot) -> Decision:
        """What the task says, else `small`."""
        behave = BEHAVIOURS.get(request.task)
        given: Decision = decision("small", self.name, reason=str(os.getpid())) if behave is None else behave(request)
        return given


class Judged(Asked):
    """A cascade that refuses answers with the word `bad`, and cannot judge those with `odd`."""

    def decide(self, request: Request, snapshot: Snapshot) -> Decision:
        """First `small`."""
        steps = (Step(kind="primary", model="small", accept_if=("ok",)), Step(kind="escalation", model="big"))
        return decision("small", self.name, steps=steps)

    def accepts(self, request: Request, decision: Decision, step: Step, answer: Answer) -> str:
        """By the text of the answer."""
        if "odd" in answer.text:
            raise ValueError(answer.text)
        return "ok" if "bad" in answer.text else ""


def loops(request: Request) -> Any:
    """Python code without an end."""
    while True:
        pass


def blocks(request: Request) -> Any:
    """One call into C that holds the interpreter for hours: no exception and no other thread reaches it."""
    return re.match(r"(a+)+$", "a" * 60 + "b")


def sleeps(request: Request) -> Any:
    """Far over every budget."""
    time.sleep(3600)


def ends(request: Request) -> Any:
    """The whole process."""
    os._exit(3)


def raises(request: Request) -> Any:
    """With the prompt in the text of the error."""
    raise ValueError(request.text)


def exits(request: Request) -> Any:
    """As a script does."""
    sys.exit(1)


def mutates(request: Request) -> Any:
    """Past the frozen dataclass."""
    object.__setattr__(request, "task", "changed")
    return decision("small", "asked")


def prints(request: Request) -> Any:
    """Onto the file that the frames of the pipe would go through."""
    print("hello")
    os.write(1, b"\x00\x00\x00\x01x")
    return decision("small", "asked", reason="printed")


def unknown(request: Request) -> Any:
    """A model that nobody knows."""
    return decision("smal", "asked")


def huge(request: Request) -> Any:
    """10 MB."""
    return decision("small", "asked", reason="x" * 10_000_000)


def nan(request: Request) -> Any:
    """No number."""
    return decision("small", "asked", confidence=float("nan"))


def nothing(request: Request) -> Any:
    """No decision."""


BEHAVIOURS = {
    each.__name__: each
    for each in (loops, blocks, sleeps, ends, raises, exits, mutates, prints, unknown, huge, nan, nothing)
}


def counts_words(request: Request) -> str:
    """For `choose: {call: ...}` in a policy file."""
    return "gpt-5-mini" if len(request.text.split()) < 5 else "gpt-5"
