"""Reads one policy file, and builds the policy of it again in another process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shadow.config.policy_builder import PolicyBuilder
from shadow.config.policy_document import PolicyDocument
from shadow.config.source import Source, source_of
from shadow.config.validation import validated
from shadow.domain.policy import Policy
from shadow.errors import ConfigError
from shadow.policies.composed import Composed
from shadow.prices.catalogue import Catalogue


def read_policy(
    path: Path,
    catalogue: Catalogue,
    problems: list[ConfigError],
    *,
    labels: frozenset[str] | None = None,
    live: bool = False,
) -> Composed | None:
    """The policy of a file; None if there are problems, which are noted.

    Args:
        path: the file.
        catalogue: the models that it may name.
        problems: receives what is wrong.
        labels: keys that requests can carry; None = not known here, nothing is checked.
        live: its decisions are executed.
    """
    source = source_of(path, problems)
    if source is None:
        return None
    return build_policy(source, catalogue, problems, labels=labels, live=live)


def build_policy(
    source: Source,
    catalogue: Catalogue,
    problems: list[ConfigError],
    *,
    labels: frozenset[str] | None = None,
    live: bool = False,
) -> Composed | None:
    """As `read_policy`, of a file that was read."""
    document = validated(source, PolicyDocument, "policy", problems)
    if document is None:
        return None
    return PolicyBuilder(source, catalogue, problems, labels=labels, live=live).build(document)


@dataclass(frozen=True, slots=True)
class FileRecipe:
    """A policy file as it was when it was loaded, so that a worker that starts later builds the same policy."""

    source: Source

    def build(self, catalogue: Catalogue) -> Policy:
        """The policy of the file. JSON schemas, artifacts and functions are read again."""
        problems: list[ConfigError] = []
        policy = build_policy(self.source, catalogue, problems)
        if policy is None:
            raise problems[0]
        return policy
