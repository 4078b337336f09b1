"""`shadowroute rollup`: rebuild the daily sums once, for stores without an `up` process."""

from __future__ import annotations

import json

from shadowroute.app.cli.options import DEFAULT_STORE, JsonOption, StoreOption


def rollup(*, store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """Rebuild the days that changed since the last run. `up` does this every minute or sooner."""
    from shadowroute.analysis.format import counted
    from shadowroute.collector.serve import rollup_now
    from shadowroute.collector.store import open_store

    with open_store(store, create=False) as opened:
        result = rollup_now(opened)
    if as_json:
        figures = {"days": result.days, "rows": result.rows, "seconds": result.seconds}
        print(json.dumps({"schema": "shadowroute/rollup/1", **figures, "as_of": result.as_of.isoformat()}))
        return
    print(
        f"{counted(result.days, 'project-day')} rebuilt, {counted(result.rows, 'row')} written in"
        f" {result.seconds:.1f} s; figures as of {result.as_of:%Y-%m-%d %H:%M:%S} UTC"
    )
