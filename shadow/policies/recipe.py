"""Builds a policy again in another process."""

from __future__ import annotations

import pickle
import pickletools
from dataclasses import dataclass
from typing import Protocol

from shadow.domain.policy import Policy
from shadow.errors import ConfigError
from shadow.prices.catalogue import Catalogue
from shadow.runtime.pickling import pickled


class Recipe(Protocol):
    """A picklable description of a policy, for the other process."""

    def build(self, catalogue: Catalogue) -> Policy:
        """The policy.

        Raises:
            ConfigError: a file or function of the policy is gone.
        """
        ...


@dataclass(frozen=True, slots=True)
class CodeRecipe:
    """A policy made in code, as a pickle: importable names of classes and functions, and plain values."""

    policy: bytes

    @classmethod
    def of(cls, policy: Policy) -> CodeRecipe:
        """The recipe of a policy object.

        Raises:
            ConfigError: a class or function in it cannot be imported by its name.
        """
        try:
            body = pickled(policy)
        except Exception as error:  # noqa: BLE001 - pickling runs the user's code
            raise ConfigError(_rule(policy.name, str(error))) from None
        if any(argument == "__main__" for _, argument, _ in pickletools.genops(body)):
            raise ConfigError(_rule(policy.name, "a class or function of the started script"))
        return cls(body)

    def build(self, catalogue: Catalogue) -> Policy:  # noqa: ARG002 - Recipe
        """The policy object, made again."""
        policy: Policy = pickle.loads(self.policy)  # noqa: S301 - it comes from the process that started this one
        return policy


def _rule(name: str, got: str) -> str:
    return (
        f"policy {name} must be importable to run in a process of its own, got {got[:200]}; put its class and "
        "functions at the top of a module, or let it run in a thread"
    )
