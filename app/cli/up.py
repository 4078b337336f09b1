"""`shadowroute up`: the whole platform in one process."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from shadowroute.app.cli.options import DEFAULT_STORE, ProjectOption, StoreOption


def up(
    *,
    store: StoreOption = DEFAULT_STORE,
    host: Annotated[
        str, typer.Option(help="Address of the review app and the receiver; beyond loopback a token is needed.")
    ] = "127.0.0.1",
    ui_port: Annotated[int, typer.Option(min=1, max=65535, help="Review app.")] = 8501,
    otlp_port: Annotated[int, typer.Option(min=1, max=65535, help="OTLP/HTTP receiver; SDKs send spans here.")] = 4318,
    clickhouse_port: Annotated[
        int, typer.Option(min=1, max=65535, help="ClickHouse HTTP interface, loopback only.")
    ] = 8123,
    project: ProjectOption = "",
    prices: Annotated[
        Path | None,
        typer.Option(
            help="models.yaml whose prices are pinned; default: routing/models.yaml, else the registry's prices."
        ),
    ] = None,
    segment: Annotated[
        list[str] | None, typer.Option(help="A request label that becomes a segment: label:NAME. Up to 8 times.")
    ] = None,
    token: Annotated[
        str | None, typer.Option(envvar="SHADOWROUTE_TOKEN", help="Bearer token required by the receiver.")
    ] = None,
) -> None:
    """Start the review app, the receiver and the store in one process. Ctrl-C stops it and loses nothing."""
    labels = label_names(segment or [])
    from shadowroute.app.prices import routing_models
    from shadowroute.app.up import Platform, UpOptions

    options = UpOptions(
        store=store,
        host=host,
        ui_port=ui_port,
        otlp_port=otlp_port,
        clickhouse_port=clickhouse_port,
        token=token,
        project=project,
        prices=prices or routing_models(),
        labels=labels,
    )
    with Platform(options) as platform:
        platform.serve_pages(lambda: print(platform.addresses(), file=sys.stderr, flush=True))
        print("Stopping: storing what was received ...", file=sys.stderr, flush=True)


def label_names(segments: list[str]) -> tuple[str, ...]:
    """The label names of `--segment label:NAME` options.

    Raises:
        typer.BadParameter: for another form, or for more than eight.
    """
    names = []
    for text in segments:
        kind, _, name = text.partition(":")
        if kind != "label" or not name:
            raise typer.BadParameter(
                f"segment must be label:NAME, got {text!r}; task, user tier and bands are built in"
            )
        names.append(name)
    if len(names) > 8:
        raise typer.BadParameter(f"segments must be at most 8 labels, got {len(names)}; others stay in Requests")
    return tuple(names)
