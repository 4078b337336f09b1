"""A plan file for a store: read, and recorded there before it judges."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from shadowroute.analysis.plan import Plan, RegisteredPlan
    from shadowroute.collector.store import Store


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan that was read, and the name of its file."""

    plan: Plan
    name: str


def checked_plan(file: Path, *, policy: str = "") -> PlanFile:
    """The plan of a file; a bad one is reported before any store is opened.

    Args:
        file: the plan.
        policy: expected policy of the plan; empty = any.

    Raises:
        ConfigError: the file breaks a rule.
        typer.BadParameter: the plan is about another policy.
    """
    from shadowroute.analysis.plan import load_plan

    plan = load_plan(file)
    if policy and policy != plan.document.policy:
        raise typer.BadParameter(f"--policy must be the plan's, {plan.document.policy}, got {policy!r}")
    return PlanFile(plan, file.name)


def registered(file: PlanFile, store: Store, project: str) -> RegisteredPlan:
    """The plan that judges a project of the store: recorded there if its content is new."""
    from shadowroute.analysis.plan import register

    return register(
        file.plan, project, reader=store.reader(), writer=store.client(), author=_author(), source=file.name
    )


def _author() -> str:
    """Login name of the user; empty if the system knows none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""
