"""`shadowroute gateway`: the SDK's OpenAI-compatible server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def gateway(
    *,
    routing: Annotated[Path, typer.Option(help="Routing file whose live policy is executed.", dir_okay=False)] = Path(
        "routing/router.yaml"
    ),
    host: Annotated[
        str, typer.Option(help="Address to listen on; beyond loopback gateway.keys are needed.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 takes a free one.")] = 8600,
) -> int:
    """Serve OpenAI's chat completions through the router. Ctrl-C or SIGTERM finishes what is in progress."""
    from shadow.gateway.command import run_gateway

    return run_gateway(routing, host, port)
