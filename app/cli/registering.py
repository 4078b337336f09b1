"""A plan file as the judge of a store: read, and recorded there before it judges."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from shadowroute.analysis.plan import RegisteredPlan
    from shadowroute.collector.store import Store


def registered_plan(file: Path, store: Store, project: str, *, policy: str = "") -> RegisteredPlan:
    """The plan of a file, recorded in the store if its content is new.

    Args:
        file: the plan.
        store: where it judges.
        project: of the store.
        policy: that the plan must be about; empty = whichever it is about.

    Raises:
        ConfigError: the file breaks a rule.
        typer.BadParameter: the plan is about another policy.
    """
    from shadowroute.analysis.plan import load_plan, register

    plan = load_plan(file)
    if policy and policy != plan.document.policy:
        raise typer.BadParameter(f"--policy must be the plan's, {plan.document.policy}, got {policy!r}")
    return register(plan, project, reader=store.reader(), writer=store.client(), author=_author(), source=file.name)


def _author() -> str:
    """Login name of who runs the command; empty where the system knows none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""
