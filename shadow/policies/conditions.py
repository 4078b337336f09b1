"""Conditions of rules. Each is one test with a description."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from shadow.domain.request import LABEL, Request

MATCHED_CHARACTERS: Final = 20_000
"""A pattern sees this part of the last user message, so that its time is bounded."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A test, its description (`task in extract, classify`), and the feature that it reads.

    The feature's name is as in `Request.unknown`; the test does not apply to an unknown feature.
    """

    needs: str
    holds: Callable[[Request], bool]
    reads: str


def one_of(field: str, values: Collection[str]) -> Condition:
    """The request's field has one of the values."""
    wanted, read = frozenset(values), attrgetter(field)
    return Condition(f"{field} in {', '.join(sorted(wanted))}", lambda request: read(request) in wanted, field)


def between(field: str, at_least: float | None, at_most: float | None) -> Condition:
    """The request's field lies between two numbers, ends included; None = no limit on that side."""
    low = float("-inf") if at_least is None else at_least
    high = float("inf") if at_most is None else at_most
    read = attrgetter(field)
    words = [f"at least {at_least:g}"] if at_least is not None else []
    words += [f"at most {at_most:g}"] if at_most is not None else []
    reads = "messages" if field == "complexity" else field
    return Condition(f"{field} {' and '.join(words)}", lambda request: low <= read(request) <= high, reads)


def label(key: str, values: Collection[str]) -> Condition:
    """The request has this label with one of the values."""
    wanted = frozenset(values)
    needs = f"label {key} in {', '.join(sorted(wanted))}"
    return Condition(needs, lambda request: request.labels.get(key) in wanted, f"{LABEL}{key}")


def flag(field: str, *, wanted: bool) -> Condition:
    """A yes-or-no field has the wanted value."""
    read = attrgetter(field)
    return Condition(f"{field} {'yes' if wanted else 'no'}", lambda request: read(request) is wanted, field)


def text_matches(pattern: str) -> Condition:
    """The pattern is found in the last user message."""
    search = re.compile(pattern).search
    return Condition(
        f"text matches {pattern}", lambda request: search(request.text[:MATCHED_CHARACTERS]) is not None, "messages"
    )
