"""`shadowroute import`: loads external files into the store; here executed answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shadowroute.app.cli.backtest import renames
from shadowroute.app.cli.options import DEFAULT_STORE, JsonOption, ProjectOption, StoreOption
from shadowroute.app.cli.progress import progress_bar

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from shadowroute.collector.executions import Execution

imports = typer.Typer(
    name="import",
    help="Load external data: logs of calls, executed answers. A repeated import changes nothing.",
    no_args_is_help=True,
)


@imports.callback()
def options() -> None:
    """Keep the sub-commands apart even while there is only one."""


@imports.command()
def executions(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV, JSON lines or Parquet, by its ending: request_id, model, inclusion_probability; optional policy,"
            " version, score, live_score, cost_usd, input_tokens, output_tokens, escalated, latency_s, stratum, sample,"
            " status, scorer, signal, executed_at."
        ),
    ],
    *,
    project: ProjectOption = "",
    policy: Annotated[
        str, typer.Option(help="Policy of the executed plan; without it the answers are of the model alone.")
    ] = "",
    version: Annotated[str, typer.Option(help="Version of that policy; default: any.")] = "",
    sample: Annotated[str, typer.Option(help="Name of the draw; default: the file's name.")] = "",
    signal: Annotated[str, typer.Option(help="Name of the scored signal, for example resolved.")] = "",
    scorer: Annotated[str, typer.Option(help="Source of the scores.")] = "",
    inclusion_probability: Annotated[
        str, typer.Option(help="Chance that the draw includes a request, as 0.1 or 10%, if it is the same for all.")
    ] = "",
    rename: Annotated[
        list[str] | None,
        typer.Option(help="THEIRS=OURS: a column of the file under another name; may be given several times."),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Load answers that were run on purpose, for a sample of requests with known chances: the whole file or nothing."""
    from shadowroute.analysis.evaluation_list import COLUMNS
    from shadowroute.app.cli.choosing import chosen_project
    from shadowroute.collector.executions import write
    from shadowroute.collector.replay.readers.executions import Given, read_executions, unread_columns
    from shadowroute.collector.store import open_store

    if version and not policy:
        raise typer.BadParameter("--version needs --policy, whose version it is")
    given = Given(
        inclusion_probability=chance(inclusion_probability) if inclusion_probability else None,
        sample=sample,
        policy=policy,
        version=version,
        signal=signal,
        scorer=scorer,
        rename=renames(rename or []),
    )
    with progress_bar() as progress:
        progress("read", 0, 1)
        rows = read_executions(file, given)
        progress("read", 1, 1)
        with open_store(store, create=False) as opened:
            chosen = chosen_project(opened, project)
            check_requests(opened.client(), chosen, rows, file, progress)
            written = write(opened.client(), chosen, rows, now=datetime.now(UTC), progress=progress)
    found = summary(rows) | {
        "project": chosen,
        "new": written.new,
        "replaced": written.replaced,
        "already_known": written.known,
        # The columns of `queue` return with the file, and are known already.
        "unread_columns": [name for name in unread_columns(file, given) if name not in COLUMNS],
    }
    print(json.dumps(found, indent=2) if as_json else summary_text(found))


def chance(text: str) -> float:
    """The probability written as 0.1 or 10%.

    Raises:
        typer.BadParameter: it lies outside (0, 1], or is a bare number above 1.
    """
    try:
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        value = float("nan")
    if not text.endswith("%") and value > 1:
        raise typer.BadParameter(
            f"--inclusion-probability: {text} is not a probability; write {text}% or {value / 100:g}"
        )
    if not 0 < value <= 1:
        raise typer.BadParameter(f"--inclusion-probability must lie in (0, 1] or be a percentage, got {text!r}")
    return value


def check_requests(
    client: Client, project: str, rows: Sequence[Execution], file: Path, progress: Callable[[str, int, int], None]
) -> None:
    """Refuse answers to requests that the project does not hold, or on which the policy did not decide.

    Raises:
        ConfigError: has their number and names the first.
    """
    from shadow.errors import ConfigError
    from shadowroute.collector.executions import deciders

    progress("look up requests", 0, 1)
    known = deciders(client, project, [row.request_id for row in rows])
    progress("look up requests", 1, 1)
    absent = [row.request_id for row in rows if row.request_id not in known]
    if absent:
        raise ConfigError(
            f"{len(set(absent)):,} of {len({row.request_id for row in rows}):,} request ids are not in project "
            f"{project!r}, first {absent[0]!r}; nothing was imported. Draw from its requests, or correct --project",
            file=file,
        )
    for policy in sorted({row.policy for row in rows if row.policy}):
        undecided = [row.request_id for row in rows if row.policy == policy and policy not in known[row.request_id]]
        if undecided:
            raise ConfigError(
                f"policy {policy!r} did not decide on {len(set(undecided)):,} of these requests, first "
                f"{undecided[0]!r}; nothing was imported. Check --policy, or leave it out for answers of a model alone",
                file=file,
            )


def summary(rows: Sequence[Execution]) -> dict[str, Any]:
    """The content of a file and its missing columns."""
    scored = [row for row in rows if row.score is not None]
    costs = [row.cost_usd for row in rows if row.cost_usd is not None]
    return {
        "rows": len(rows),
        "requests": len({row.request_id for row in rows}),
        "samples": sorted({row.sample for row in rows}),
        "policies": sorted({row.policy for row in rows if row.policy}),
        "signals": sorted({row.signal for row in scored}),
        "scored": len(scored),
        "live_scored": sum(row.live_score is not None for row in scored),
        "failed": sum(row.status == "error" for row in rows),
        "spend_usd": sum(costs) if len(costs) == len(rows) else None,
        "known_spend_usd": sum(costs),
        "with_cost": len(costs),
        "missing": _missing(rows),
    }


def _missing(rows: Sequence[Execution]) -> list[str]:
    """Missing columns of the file, and the consequences."""
    scored = [row for row in rows if row.score is not None]
    lacking = {
        "score: quality stays unknown": not scored,
        "live_score: the signal of that name on the live request stands for it, where one arrived": bool(scored)
        and all(row.live_score is None for row in scored),
        "cost_usd: cost is priced from the tokens, where they are known": all(row.cost_usd is None for row in rows),
        "output_tokens: no output length can be fitted": all(row.output_tokens is None for row in rows),
        "escalated: how often a cascade pays twice stays unknown": any(row.policy for row in rows)
        and all(row.escalated is None for row in rows),
        "latency_s: latency stays predicted": all(row.latency_s is None for row in rows),
    }
    return [text for text, absent in lacking.items() if absent]


def summary_text(found: dict[str, Any]) -> str:
    """The summary for people."""
    from shadowroute.analysis.format import counted

    n = found["rows"]
    whose = f"whole plan of {', '.join(found['policies'])}" if found["policies"] else "of models alone"
    replaced = f", {found['replaced']:,} replaced by newer ones" if found["replaced"] else ""
    spend = f"${found['known_spend_usd']:,.2f}"
    if found["spend_usd"] is None:
        spend += f" on {found['with_cost']:,} of {n:,}; the rest has no cost_usd"
    scored = f"{found['scored'] / n:.1%}" + (f" by {', '.join(found['signals'])}" if found["signals"] else "")
    if found["scored"] < n:
        scored += f"; {n - found['scored']:,} without a score widen the figures to bounds"
    where = f"{counted(found['requests'], 'request')} of project {found['project']}"
    lines = [
        f"{counted(n, 'executed answer')} to {where} ({whose}; sample {', '.join(found['samples'])})",
        f"new      {found['new']:,}, already known {found['already_known']:,}{replaced}",
        f"spend    {spend}",
        f"scored   {scored}",
    ]
    if found["failed"]:
        lines.append(f"failed   {found['failed']:,}: drawn requests without an answer")
    if found["unread_columns"]:
        lines.append(f"not read {', '.join(found['unread_columns'])}: unknown columns")
    return "\n".join([*lines, *(f"missing  {each}" for each in found["missing"])])
