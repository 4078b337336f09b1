"""`shadowroute worksheet`: live's route for each task, the one to optimise first on top."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from shadowroute.app.cli.choosing import chosen_study
from shadowroute.app.cli.options import (
    DEFAULT_STORE,
    FromOption,
    JsonOption,
    ProjectOption,
    StoreOption,
    ToOption,
    day,
)


def worksheet(
    *,
    project: ProjectOption = "",
    first: FromOption = "",
    last: ToOption = "",
    plan: Annotated[
        list[Path] | None, typer.Option(help="Plan file whose margins are the quality thresholds; may be repeated.")
    ] = None,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, one row per task.")] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Print the routing worksheet: one row per task, the route to optimise first on top. Reads only."""
    from shadowroute.analysis.plan import load_plan
    from shadowroute.analysis.worksheet import worksheet as make
    from shadowroute.app.tables import csv_text
    from shadowroute.app.worksheet_text import CSV_HEADER, csv_rows, worksheet_json, worksheet_text
    from shadowroute.collector.store import open_store

    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other")
    first_day, last_day = day(first), day(last)
    plans = [load_plan(path) for path in plan or []]
    with open_store(store, create=False) as opened:
        sheet = make(chosen_study(opened, project, first_day, last_day), plans=plans)
    if as_json:
        print(json.dumps(worksheet_json(sheet), indent=2))
    elif as_csv:
        print(csv_text(CSV_HEADER, csv_rows(sheet)), end="")
    else:
        print(worksheet_text(sheet))
