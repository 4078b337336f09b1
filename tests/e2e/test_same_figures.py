"""The same rows give the same figures in an embedded store and over the ClickHouse HTTP interface of a server."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from shadowroute.collector.rollup import Rollup
from shadowroute.collector.store import open_store
from tests.support.clickhouse_server import PASSWORD, running_server
from tests.support.stores import fresh_store
from tests.support.trees import assert_same
from tests.support.whole_chain import chain, figures, store_rows


def test_a_server_gives_what_the_embedded_engine_gives(engine_folder: Path, tmp_path: Path) -> None:
    """Packet with judgement, report and off-policy estimates; hashes of the inputs too."""
    rows = chain()
    with running_server(tmp_path / "data") as where, fresh_store(engine_folder) as embedded:
        server = open_store(f"clickhouse://default:{quote(PASSWORD, safe='')}@{where}/figures", own=True)
        made = []
        for store in (embedded, server):
            store_rows(store.client(), rows, "p")
            Rollup(store).run_once()
            made.append(figures(store.client(), rows, "p"))
        server.close()
    assert_same(*made, but=("data_through", "as_of"))
