"""What a mechanism needs from the builder of a policy."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from shadow.catalogue import Catalogue
from shadow.config.source import Place
from shadow.config.validator_document import ValidatorDocument
from shadow.validators import Validator


class Building(Protocol):
    """The policy that is being built. Problems are noted with their file and line, and building goes on."""

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

    def validator(self, document: ValidatorDocument, place: Place) -> Validator | None:
        """The validator, known to the whole policy by its name; None if it has a problem."""
        ...

    def artifact(self, what: str, digest: str) -> None:
        """Let something outside of the file that decisions depend on be part of the policy's version."""
        ...

    def problem(self, message: str, place: Place) -> None:
        """Note that something is wrong there."""
        ...
