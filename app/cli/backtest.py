"""`shadowroute backtest`: recorded outcomes through the real router, with the truth beside every estimate."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from shadowroute.app.cli.options import DEFAULT_STORE, JsonOption, StoreOption
from shadowroute.app.cli.progress import progress_bar


def backtest(
    *,
    queries: Annotated[
        Path, typer.Option(help="Parquet: query_id, prompt; optional task, user_tier, session_id, prompt_tokens.")
    ],
    outcomes: Annotated[
        Path,
        typer.Option(
            help="Parquet, one row per query and model: query_id, model, input_tokens, output_tokens; optional score."
        ),
    ],
    live: Annotated[Path, typer.Option(help="Policy file of the live policy.")],
    shadow: Annotated[list[Path], typer.Option(help="Policy file of a shadow policy; may be given several times.")],
    prices: Annotated[
        Path | None,
        typer.Option(
            help="Models and prices, as models.yaml. Default: models.yaml beside the live policy, else the registry."
        ),
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(help="THEIRS=OURS: a column of the files under another name; may be given several times."),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Measure shadow policies on recorded outcomes, with the error of each estimate against the truth."""
    from shadowroute.analysis.backtest.case import Inputs, load
    from shadowroute.analysis.backtest.run import run
    from shadowroute.analysis.backtest.text import render
    from shadowroute.collector.store import open_store

    inputs = Inputs(
        queries=queries,
        outcomes=outcomes,
        live=live,
        shadows=tuple(shadow),
        prices=prices,
        rename=renames(rename or []),
    )
    with progress_bar() as progress:
        progress("read", 0, 1)
        case = load(inputs)
        progress("read", 1, 1)
        with open_store(store) as opened:
            document = run(case, opened, progress)
    print(document.to_json() if as_json else render(document), file=sys.stdout)


def renames(texts: list[str]) -> dict[str, str]:
    """The columns of `--rename THEIRS=OURS` options.

    Raises:
        typer.BadParameter: an option of another form, or a column renamed twice.
    """
    named: dict[str, str] = {}
    for text in texts:
        theirs, equals, ours = text.partition("=")
        if not (theirs and equals and ours):
            raise typer.BadParameter(
                f"--rename must be THEIRS=OURS, got {text!r}; for example completion_tokens=output_tokens"
            )
        if theirs in named or ours in named.values():
            raise typer.BadParameter(f"--rename must name each column once, got {text!r} again")
        named[theirs] = ours
    return named
