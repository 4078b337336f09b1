"""Common options of several commands, with one name and one help text."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final

import typer

DEFAULT_STORE: Final = "chdb://.shadowroute/store"

StoreOption = Annotated[
    str,
    typer.Option(
        "--store",
        envvar="SHADOWROUTE_STORE",
        help="chdb://PATH (embedded) or clickhouse://HOST:PORT/DATABASE.",
        show_default=True,
    ),
]
ProjectOption = Annotated[
    str,
    typer.Option("--project", envvar="SHADOWROUTE_PROJECT", help="Project; not needed where the store holds only one."),
]
FromOption = Annotated[str, typer.Option("--from", help="First UTC day, YYYY-MM-DD; default: the first with requests.")]
ToOption = Annotated[str, typer.Option("--to", help="Last UTC day, YYYY-MM-DD; default: the last with requests.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout instead of text.")]


def day(text: str) -> date | None:
    """The UTC day written as YYYY-MM-DD; None for an option that was not given.

    Raises:
        typer.BadParameter: if the text is not a day.
    """
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"a day must be YYYY-MM-DD, got {text!r}") from None
