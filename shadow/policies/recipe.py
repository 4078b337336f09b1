"""How a policy is built a second time, in another process."""

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
    """What travels to the other process. Nothing in it is open or running."""

    def build(self, catalogue: Catalogue) -> Policy:
        """The policy.

        Raises:
            ConfigError: something that it needs is not there any more.
        """
        ...


@dataclass(frozen=True, slots=True)
class CodeRecipe:
    """A policy made in code, as a pickle: classes and functions by their importable names, and their plain values."""

    policy: bytes

    @classmethod
    def of(cls, policy: Policy) -> CodeRecipe:
        """The recipe of a policy object.

        Raises:
            ConfigError: something in it cannot be imported by its name.
        """
        try:
            body = pickled(policy)
        except Exception as error:  # noqa: BLE001 - pickling runs a stranger's code
            raise ConfigError(_rule(policy.name, str(error))) from None
        if any(argument == "__main__" for _, argument, _ in pickletools.genops(body)):
            raise ConfigError(_rule(policy.name, "something of the script that was started"))
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
