"""Quality signals, and the form of the SDK's own ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from shadow.runtime.frozen import quickly_made

SignalSource = Literal["human", "user", "code", "llm", "reference"]
"""Who or what judged an answer."""


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One quality observation.

    Attributes:
        target: request id, or `response:<provider response id>`.
        value: in [0, 1], 1 is best; None = only a label.
        time_ns: when it was observed, epoch nanoseconds.
        source: human, user, code, llm or reference.
        scorer: name of the scorer, if one source has several.
        deleted: the observation is withdrawn.
    """

    target: str
    name: str
    value: float | None
    time_ns: int
    label: str = ""
    source: str = "code"
    scorer: str = ""
    explanation: str = ""
    deleted: bool = False


def checked_signal(*, target: str, name: str, value: float | None, time_ns: int, **rest: Any) -> Signal:
    """A signal that fits the contract.

    Raises:
        ValueError: the target or name is empty, or the value is outside [0, 1].
    """
    if not target or not name:
        raise ValueError(f"signal must have a target and a name, got {target!r} and {name!r}")
    if value is not None and not 0 <= value <= 1:
        raise ValueError(f"signal {name} must be in [0, 1], got {value!r}; scale it so that 1 is best")
    return Signal(target=target, name=name, value=None if value is None else float(value), time_ns=time_ns, **rest)


def looks_like_our_id(some_id: str) -> bool:
    """Whether an id is a UUIDv7, the form of the SDK's request ids; no known provider uses it for responses."""
    return len(some_id) == 36 and some_id[14] == "7" and some_id[8] == some_id[13] == some_id[18] == some_id[23] == "-"
