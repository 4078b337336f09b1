"""`shadowroute init`: a routing folder to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    folder: Annotated[Path, typer.Argument(help="Routing folder to write; never call it shadow.")] = Path("routing"),
    *,
    service: Annotated[str, typer.Option(help="Name of the service.")] = "my-service",
    litellm: Annotated[Path | None, typer.Option(help="config.yaml of a LiteLLM proxy: its models are used.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over files that exist.")] = False,
) -> None:
    """Write shadow.yaml, models.yaml, a live and a cheap-first policy and a plan; keys are never written."""
    from datetime import UTC, datetime

    from shadowroute.app.policy_files.lint import lint
    from shadowroute.app.starting_set.files import starting_set, write
    from shadowroute.app.starting_set.litellm_config import check_at_least_two, read_litellm

    if folder.resolve().name == "shadow":
        raise typer.BadParameter(f"the folder must not be called shadow, got {folder}: it would hide `import shadow`")
    config = None
    if litellm is not None:
        config = read_litellm(litellm)
        check_at_least_two(config, litellm)
    for path in write(folder, starting_set(service, today=datetime.now(UTC).date(), litellm=config), force=force):
        print(f"wrote {path}")
    for problem in lint(folder).problems:
        print(f"to do: {problem}")
    print(f"Next: correct {folder}/policies/live.yaml and {folder}/plans/cheap-first.yaml, then")
    print(f"  shadowroute policy lint {folder}")
    print("  shadowroute up, and wrap your client: docs/hooks.md")
