"""What a mechanism needs from the builder of a policy."""

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
    """The policy that is being built. Problems are noted with their file and line, and building goes on."""

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
        """The model's own name, for a name or an alias; a problem if it is not known."""
        ...

    def validator(self, document: ValidatorDocument, place: Place) -> AnyValidator | None:
        """The validator, known to the whole policy by its name; None if it has a problem."""
        ...

    def choice(self, choice: MechanismDocument, place: Place, reason: str) -> Chooser:
        """The chooser of the mechanism that is given there."""
        ...

    def conditions(self, when: WhenDocument | None, place: Place) -> list[Condition]:
        """The conditions of a `when`; none if it is absent."""
        ...

    def policy(self, file: str, place: Place) -> Composed | None:
        """The policy of another file of the same folder; None if it has a problem."""
        ...

    def label(self, key: str, place: Place) -> None:
        """Note that decisions depend on a label; a problem if requests cannot carry it."""
        ...

    def artifact(self, what: str, digest: str) -> None:
        """Let something outside of the file that decisions depend on be part of the policy's version."""
        ...

    def problem(self, message: str, place: Place) -> None:
        """Note that something is wrong there."""
        ...
