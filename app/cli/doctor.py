"""`shadowroute doctor`: checks the connections and the reliability of the figures."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from shadow.runtime.exits import FAILED
from shadowroute.app.cli.options import DEFAULT_STORE, JsonOption, ProjectOption, StoreOption


def doctor(
    *,
    wait: Annotated[str, typer.Option(help="Wait up to this long for a first request: 60s, 5m.")] = "0s",
    project: ProjectOption = "",
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Check the store, arriving requests, prices and ids. Exit 1 if a check fails; warnings alone give 0."""
    wait_s = seconds(wait)
    from shadowroute.collector.store import open_store

    with open_store(store, create=False) as opened:
        from shadowroute.app.doctor import examine

        checks = examine(opened, project, wait_s=wait_s)
    if as_json:
        body = [{"level": check.level, "name": check.name, "text": check.text, "fix": check.fix} for check in checks]
        print(json.dumps({"schema": "shadowroute/doctor/1", "checks": body}, indent=2))
    else:
        for check in checks:
            print(f"{check.level:<4}  {check.text}" + (f"\n      -> {check.fix}" if check.fix else ""))
    if any(check.level == "FAIL" for check in checks):
        raise typer.Exit(FAILED)


def seconds(text: str) -> float:
    """A duration written as `90s`, `5m` or a bare number of seconds.

    Raises:
        typer.BadParameter: for another form or a negative one.
    """
    units = {"s": 1.0, "m": 60.0}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        duration = float(number) * units[unit]
    except ValueError:
        duration = -1.0
    if not 0 <= duration <= 86_400:
        raise typer.BadParameter(f"--wait must be a time of at most a day like 60s or 5m, got {text!r}")
    return duration
