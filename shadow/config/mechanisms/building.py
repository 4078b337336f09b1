"""The interface between a mechanism and the builder of its policy."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from shadow.config.policy_document import MechanismDocument, WhenDocument
from shadow.config.source import Place
from shadow.config.validator_document import ValidatorDocument
from shadow.policies.composed import Composed
from shadow.policies.conditions import Condition
from shadow.policies.plan import Chooser
from shadow.policies.validators import AnyValidator
from shadow.prices.catalogue import Catalogue


class Building(Protocol):
    """The builder of a policy. Problems are collected with file and line, and building continues."""

    @property
    def name(self) -> str:
        """The policy's name."""
        ...

    @property
    def is_live(self) -> bool:
        """Whether its decisions are executed."""
        ...

    @property
    def catalogue(self) -> Catalogue:
        """The models that the policy may name."""
        ...

    @property
    def folder(self) -> Path:
        """Paths in the file are relative to it."""
        ...

    def model(self, name: str, place: Place) -> str:
        """The model's own name, for a name or an alias; an unknown one is a problem."""
        ...

    def validator(self, document: ValidatorDocument, place: Place) -> AnyValidator | None:
        """The validator, shared by the whole policy under its name; None if it has a problem."""
        ...

    def choice(self, choice: MechanismDocument, place: Place, reason: str) -> Chooser:
        """The chooser of the given mechanism."""
        ...

    def conditions(self, when: WhenDocument | None, place: Place) -> list[Condition]:
        """The conditions of a `when`; none if it is absent."""
        ...

    def policy(self, file: str, place: Place) -> Composed | None:
        """The policy of another file of the same folder; None if it has a problem."""
        ...

    def label(self, key: str, place: Place) -> None:
        """Note that decisions depend on a label; an undeclared label is a problem."""
        ...

    def artifact(self, what: str, digest: str) -> None:
        """Add the digest of an artifact to the policy's version."""
        ...

    def problem(self, message: str, place: Place) -> None:
        """Add a problem at a place in the file."""
        ...
