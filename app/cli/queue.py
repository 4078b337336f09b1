"""`shadowroute queue`: requests to answer again with the shadow, drawn with known chances."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Final

import typer

from shadowroute.app.cli.choosing import chosen_policies, chosen_study
from shadowroute.app.cli.options import (
    DEFAULT_STORE,
    FromOption,
    JsonOption,
    ProjectOption,
    StoreOption,
    ToOption,
    day,
)

if TYPE_CHECKING:
    from shadowroute.analysis.evaluation_list import EvaluationList

SCHEMA: Final = "shadowroute/queue/1"
SHOWN: Final = 10


def queue(
    *,
    policy: Annotated[str, typer.Option(help="The shadow policy for the answers.")],
    version: Annotated[str, typer.Option(help="Its version, where several decided in the window.")] = "",
    n: Annotated[float | None, typer.Option("--n", help="Mean number of requests to draw.")] = None,
    budget_usd: Annotated[float | None, typer.Option(help="Instead of --n: mean cost of the answers, USD.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed draws other requests with the same chances.")] = 1,
    segment: Annotated[list[str] | None, typer.Option(help="Only requests with key=value; may be repeated.")] = None,
    first: FromOption = "",
    last: ToOption = "",
    project: ProjectOption = "",
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, one row per request.")] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Draw the requests worth answering again, to run them elsewhere and load them with `import executions`.

    Reads only and calls no model. Every request on which the shadow's answer could differ may be drawn.
    """
    from dataclasses import replace

    from shadowroute.analysis.evaluation_list import COLUMNS, evaluation_list, records
    from shadowroute.analysis.selection import Segment, slice_of
    from shadowroute.app.tables import csv_text
    from shadowroute.collector.store import open_store

    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other")
    first_day, last_day = day(first), day(last)
    try:
        where = slice_of(tuple(Segment.parse(text) for text in segment or []))
    except ValueError as error:
        raise typer.BadParameter(f"--segment: {error}") from None
    with open_store(store, create=False) as opened:
        study = replace(chosen_study(opened, project, first_day, last_day), slice=where)
        known = chosen_policies(study, policy)
        found = [each for each in known if version in {"", each.version}]
        if len(found) != 1:
            versions = ", ".join(each.version for each in known)
            raise typer.BadParameter(f"--version must be one of {versions}, got {version!r}")
        try:
            made = evaluation_list(study, found[0], seed=seed, n=n, budget_usd=budget_usd)
        except ValueError as error:
            raise typer.BadParameter(
                re.sub(r"\bn\b", "--n", str(error)).replace("budget_usd", "--budget-usd")
            ) from None
    if as_csv:
        print(csv_text(tuple(COLUMNS), (tuple(row.values()) for row in records(made))), end="")
    elif as_json:
        print(json.dumps({"schema": SCHEMA, **_summary(made), "requests": records(made)}, indent=2))
    else:
        print(_text(made))


def _summary(made: EvaluationList) -> dict[str, object]:
    return {
        "sample": made.sample,
        "policy": made.policy.name,
        "policy_version": made.policy.version,
        "from": made.window.first.isoformat(),
        "to": made.window.last.isoformat(),
        "seed": made.seed,
        "drawn": len(made.rows),
        "frame": made.frame_n,
        "expected": made.expected_n,
        "expected_usd": made.expected_usd,
        "drawn_usd": made.drawn_usd,
        "smallest_chance": made.floor,
    }


def _text(made: EvaluationList) -> str:
    from shadowroute.analysis.format import count, counted
    from shadowroute.app.tables import text_table

    if not made.rows:
        return f"{made.policy}: no request to run: it names the same plan as live on all of them, or nothing was drawn."
    cost = _cost(made)
    header = ("request", "task", "live", "shadow", "chance", "priority")
    cells = [
        (
            row.request_id,
            row.cell.task,
            row.cell.live_model,
            row.cell.shadow_model,
            f"{row.chance:.4f}",
            f"{row.score:.2g}",
        )
        for row in made.rows[:SHOWN]
    ]
    rest = len(made.rows) - len(cells)
    drawn = f"{count(len(made.rows))} of {counted(made.frame_n, 'request')}"
    lines = [
        f"{made.policy}: {drawn} drawn, {cost}; sample {made.sample}",
        text_table(header, cells),
        *([f"  and {count(rest)} more"] if rest else []),
        "Next: shadowroute queue ... --csv > queue.csv, run the policy on these requests and add its answers,",
        "      then shadowroute import executions queue.csv",
    ]
    return "\n".join(lines)


def _cost(made: EvaluationList) -> str:
    """Cost of the drawn answers; if some are unknown, the sum of the others and the number of unknown ones."""
    from shadowroute.analysis.format import count, usd

    known = [row.run_usd for row in made.rows if row.run_usd is not None]
    if not known:
        return "unknown cost"
    unknown = len(made.rows) - len(known)
    without = f", without {count(unknown)} whose tokens or price are unknown" if unknown else ""
    return f"about {usd(sum(known))} at the served tokens{without}"
