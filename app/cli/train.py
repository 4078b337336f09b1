"""`shadowroute train`: a learned policy from recorded outcomes, or from stored decisions and their signals."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from shadowroute.app.cli.options import DEFAULT_STORE, JsonOption, ProjectOption, StoreOption, day
from shadowroute.app.cli.progress import progress_bar

if TYPE_CHECKING:
    from shadowroute.analysis.training.examples import Examples

SHOWN: Final = {"trained_at", "trained_from", "trained_to", "data", "target", "features", "threshold", "report"}
"""The artifact as printed by `--json`: all but the weights."""


def train(
    *,
    out: Annotated[Path, typer.Option(help="Artifact to write, for `learned: {artifact: ...}` in a policy file.")],
    queries: Annotated[
        Path | None, typer.Option(help="Parquet: query_id, prompt; optional task, user_tier, session_id.")
    ] = None,
    outcomes: Annotated[
        Path | None, typer.Option(help="Parquet: query_id, model, input_tokens, output_tokens, score.")
    ] = None,
    signal: Annotated[str, typer.Option(help="Learn this signal from stored decisions instead of from files.")] = "",
    model: Annotated[
        list[str] | None, typer.Option(help="A model to choose from; at least two, needed with --outcomes.")
    ] = None,
    threshold: Annotated[
        float, typer.Option(min=-1, max=1, help="Accepted loss of predicted success for a cheaper model.")
    ] = 0.05,
    prices: Annotated[
        Path | None, typer.Option(help="Models and prices of --outcomes, as models.yaml. Default: the price registry.")
    ] = None,
    rename: Annotated[list[str] | None, typer.Option(help="THEIRS=OURS: a column under another name.")] = None,
    first: Annotated[str, typer.Option("--from", help="First UTC day of stored decisions, YYYY-MM-DD.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last UTC day of stored decisions, YYYY-MM-DD.")] = "",
    project: ProjectOption = "",
    as_json: JsonOption = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Train a learned policy and test it on held-out requests against a random mix of the same cost."""
    from datetime import UTC, datetime

    from shadowroute.analysis.training.text import render
    from shadowroute.analysis.training.train import artifact_json
    from shadowroute.analysis.training.train import train as fit_and_test
    from shadowroute.app.cli.writing import check_writable

    by_files = queries is not None or outcomes is not None
    if by_files == bool(signal):
        raise typer.BadParameter("give --queries and --outcomes, or --signal to learn from the store")
    if by_files and (queries is None or outcomes is None):
        raise typer.BadParameter("--queries and --outcomes belong together")
    check_writable(out, "--out")
    with progress_bar() as progress, _explained(from_store=bool(signal)):
        if queries is not None and outcomes is not None:
            examples = _of_files(queries, outcomes, model or [], prices, rename or [])
        else:
            examples = _of_store(store, project, signal, model or [], (first, last))
        trained = fit_and_test(examples, trained_at=datetime.now(UTC), threshold=threshold, progress=progress)
    out.write_text(artifact_json(trained.artifact))
    if as_json:
        print(json.dumps({"artifact": str(out), **trained.artifact.model_dump(mode="json", include=SHOWN)}, indent=2))
    else:
        print(render(trained))
        print(f"Wrote {out}. Use it: choose: {{learned: {{artifact: {out.name}}}}}")


def _of_files(queries: Path, outcomes: Path, models: Sequence[str], prices: Path | None, rename: list[str]) -> Examples:
    from shadow.config import load_catalogue
    from shadowroute.analysis.training.from_outcomes import examples_from_outcomes
    from shadowroute.app.cli.backtest import renames

    if len(models) < 2:
        raise typer.BadParameter(f"--model must be given at least twice, got {len(models)}")
    return examples_from_outcomes(
        queries, outcomes, models=models, catalogue=load_catalogue(prices), rename=renames(rename)
    )


def _of_store(store: str, project: str, signal: str, models: Sequence[str], days: tuple[str, str]) -> Examples:
    from shadowroute.analysis.prices import PriceTable
    from shadowroute.analysis.queries import Queries
    from shadowroute.analysis.training.from_store import examples_from_store
    from shadowroute.app.cli.choosing import chosen_project, chosen_window
    from shadowroute.collector.price_books import current_book
    from shadowroute.collector.store import open_store

    first, last = day(days[0]), day(days[1])
    with open_store(store, create=False) as opened:
        queries = Queries(opened.reader(), chosen_project(opened, project))
        window = chosen_window(queries, first, last)
        book = current_book(queries.client, queries.project)
        prices = queries.price_table(book) if book else PriceTable(())
        return examples_from_store(queries, window, signal=signal, models=models, prices=prices)


@contextmanager
def _explained(*, from_store: bool) -> Iterator[None]:
    """Too little to learn from is a wrong file, or a store that does not hold it yet."""
    from shadow.errors import ConfigError
    from shadowroute.analysis.training.examples import TooFewExamplesError
    from shadowroute.app.cli.exits import NothingStoredError

    try:
        yield
    except TooFewExamplesError as error:
        raise (NothingStoredError if from_store else ConfigError)(str(error)) from None
