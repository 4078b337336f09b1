"""Differences of two policy files: in their documents and in their decisions."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from shadow.config.policy_document import PolicyDocument
from shadow.config.source import read_source
from shadow.config.validation import validated
from shadow.domain.policy import Policy
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import ConfigError, PolicyError

NO_DECISION = "no decision"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Decisions of two policies on the same requests.

    Attributes:
        n: requests.
        model: of them, with another first model.
        steps: of them, with other steps.
        moves: first model before, first model after, and their number; the most frequent first, only where they differ.
    """

    n: int
    model: int
    steps: int
    moves: tuple[tuple[str, str, int], ...]


def document_diff(before: Path, after: Path) -> list[str]:
    """Lines of a unified diff of both documents without layout and comments; empty if they are equal.

    Raises:
        ConfigError: a file is not a policy.
    """
    return list(difflib.unified_diff(_resolved(before), _resolved(after), str(before), str(after), lineterm="", n=2))


def decision_diff(before: Policy, after: Policy, requests: Iterable[Request], snapshot: Snapshot) -> Difference:
    """Ask both policies about every request, in one state."""
    n = model = steps = 0
    moves: Counter[tuple[str, str]] = Counter()
    for request in requests:
        (one, one_steps), (other, other_steps) = _answer(before, request, snapshot), _answer(after, request, snapshot)
        n += 1
        model += one != other
        steps += one_steps != other_steps
        if one != other:
            moves[one, other] += 1
    return Difference(
        n=n, model=model, steps=steps, moves=tuple((one, other, count) for (one, other), count in moves.most_common())
    )


def _answer(policy: Policy, request: Request, snapshot: Snapshot) -> tuple[str, str]:
    """First model and id of the steps; a policy that cannot decide is told apart from one that can."""
    try:
        decision = policy.decide(request, snapshot)
    except PolicyError as error:
        return f"{NO_DECISION} ({error.error_type})", error.error_type
    return decision.model, decision.steps_id


def _resolved(file: Path) -> list[str]:
    problems: list[ConfigError] = []
    document = validated(read_source(file), PolicyDocument, "policy", problems)
    if document is None:
        raise problems[0]
    content = document.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120).splitlines()
