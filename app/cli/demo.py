"""`shadowroute demo`: a simulated week through the real path, measured beside its known truth."""

from __future__ import annotations

import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shadowroute.app.cli.progress import progress_bar

if TYPE_CHECKING:
    from shadowroute.collector.store import Store

DATA = Path(".shadowroute/demo")
STORE = "store"
PLANS = "plans"
MARKER = "made-by-shadowroute-demo"
"""Marker file of a demo's folder, which may be deleted."""

_PORT = {"min": 1, "max": 65535}


def demo(
    *,
    requests: Annotated[int, typer.Option(min=100, help="Requests of the week.")] = 40_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same week.")] = 7,
    exit_after: Annotated[bool, typer.Option("--exit", help="End after the summary; no review app.")] = False,
    data: Annotated[Path, typer.Option(help="Folder of the demo's store; recreated on every run.")] = DATA,
    ui_port: Annotated[int, typer.Option(help="Review app.", **_PORT)] = 8501,
    otlp_port: Annotated[int, typer.Option(help="OTLP/HTTP receiver.", **_PORT)] = 4318,
    clickhouse_port: Annotated[int, typer.Option(help="ClickHouse HTTP interface.", **_PORT)] = 8123,
) -> None:
    """Simulate a week of traffic whose truth is known, measure four shadow policies, and open the review app."""
    from shadowroute.app.demo.policies import MODELS_FILE, PROJECT
    from shadowroute.collector.store import open_store

    fresh_folder(data)
    dsn = f"chdb://{data / STORE}"
    if exit_after:
        with open_store(dsn, own=True) as store:
            _week(store, data / PLANS, requests, seed)
        return
    from shadowroute.app.up import Platform, UpOptions

    options = UpOptions(
        store=dsn,
        ui_port=ui_port,
        otlp_port=otlp_port,
        clickhouse_port=clickhouse_port,
        project=PROJECT,
        prices=MODELS_FILE,
    )
    with Platform(options) as platform:
        _week(platform.store, data / PLANS, requests, seed)
        ready = f"Open {platform.ui_url} (Ctrl-C stops; data in {data / STORE})"
        platform.serve_pages(lambda: print(ready, flush=True))


def fresh_folder(folder: Path) -> None:
    """Empty the demo's own folder, or create it.

    Raises:
        typer.BadParameter: the folder was not created by a demo.
        StoreBusyError: an earlier demo still runs on it.
    """
    from shadowroute.collector.errors import StoreBusyError
    from shadowroute.collector.store.embedded import busy_message
    from shadowroute.collector.store.owner import holder_of

    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        raise typer.BadParameter(f"--data must be a new folder or an earlier demo's, got {folder}; name another one")
    holder = holder_of(folder / STORE)
    if holder is not None:
        raise StoreBusyError(busy_message(folder / STORE, holder), pid=holder.pid)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARKER).touch()


def _week(store: Store, plans: Path, requests: int, seed: int) -> None:
    """Simulate, send and measure one week, and print the summary."""
    from shadowroute.app.demo.policies import load
    from shadowroute.app.demo.run import run
    from shadowroute.app.demo.text import headline, summary
    from shadowroute.app.demo.traffic import past_week, simulate
    from shadowroute.collector.serve import ingest

    started = time.perf_counter()
    traffic = simulate(requests, seed, past_week(datetime.now(UTC).date()))
    print(headline(traffic), flush=True)
    with ingest(store) as endpoint, progress_bar() as progress:
        outcome = run(traffic, load(endpoint.url), store, endpoint, plans=plans, progress=progress)
    print(summary(outcome))
    print(f"\nRun the gate: shadowroute gate --plan {plans / 'cheap-first.yaml'} --store {store.dsn}")
    print(f"{time.perf_counter() - started:.0f} s", flush=True)
