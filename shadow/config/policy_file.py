"""Reads one policy file, and builds its policy again in another process."""

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
    """The policy of a file; None if there are problems.

    Args:
        path: the file.
        catalogue: the allowed models.
        problems: collects the problems.
        labels: declared keys of labels; None = unknown, not checked.
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
    """As `read_policy`, from the content of a file."""
    document = validated(source, PolicyDocument, "policy", problems)
    if document is None:
        return None
    return PolicyBuilder(source, catalogue, problems, labels=labels, live=live).build(document)


@dataclass(frozen=True, slots=True)
class FileRecipe:
    """A loaded policy file, so that a later process builds the same policy."""

    source: Source

    def build(self, catalogue: Catalogue) -> Policy:
        """The policy of the file. JSON schemas, artifacts and functions are read again."""
        problems: list[ConfigError] = []
        policy = build_policy(self.source, catalogue, problems)
        if policy is None:
            raise problems[0]
        return policy
