"""The arguments of a routed call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

RESERVED: Final = frozenset({"model", "stream", "base_url", "api_base", "api_key"})
"""Arguments that a caller must not pass: the policy chooses the model, the configuration has its address and key."""


def same_arguments(model: Callable[P, object]) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """Give a method the signature of another one, for readers, editors and type checkers."""

    def declare(method: Callable[..., R]) -> Callable[P, R]:
        arguments = inspect.signature(model)
        method.__signature__ = arguments.replace(  # type: ignore[attr-defined]  # what inspect reads is not declared
            return_annotation=inspect.signature(method).return_annotation
        )
        return method

    return declare


def refuse_reserved(params: Mapping[str, Any]) -> None:
    """Refuse arguments that the policy and the configuration decide.

    Raises:
        TypeError: one of them is given.
    """
    wrong = sorted(RESERVED.intersection(params))
    if wrong:
        raise TypeError(
            f"arguments must not name {', '.join(wrong)}; the live policy chooses the model, models.yaml has its "
            f"address and key, and stream() streams"
        )
