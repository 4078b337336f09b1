"""`shadowroute migrate`: bring a store's tables to this version."""

from __future__ import annotations

import json

from shadowroute.app.cli.options import DEFAULT_STORE, JsonOption, StoreOption


def migrate(*, store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """Create or update the tables of a store. Running it again changes nothing; `up` does it by itself."""
    from shadowroute.collector.store import open_store
    from shadowroute.collector.store.migrate import status

    with open_store(store) as opened:
        applied, where = opened.applied, str(opened.dsn)
        number = max((entry.number for entry in status(opened.client()) if entry.applied), default=0)
    if as_json:
        print(json.dumps({"schema": "shadowroute/migrate/1", "store": where, "number": number, "applied": applied}))
        return
    print(f"{where}: {'applied ' + ', '.join(applied) if applied else 'up to date'}; schema {number}")
