"""A plain clickhouse-connect script, as a user writes one: run it with `write PORT TOKEN` or `read PORT TOKEN FOLDER`.

It imports nothing of this project, so that it proves what any other program can do over the ClickHouse port.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import clickhouse_connect
import numpy as np
import pandas as pd
import pyarrow as pa
from clickhouse_connect.driver.client import Client

FRAME_ROWS = 200_000
ARROW_ROWS = 3_000
LIST_ROWS = 500
ROWS = FRAME_ROWS + ARROW_ROWS + LIST_ROWS

COLUMNS = ["project", "target", "name", "source", "ts", "value", "label", "version"]
QUERIES = {
    "signals": f"SELECT {', '.join(COLUMNS)} FROM signals FINAL ORDER BY project, target",
    "decisions": "SELECT * EXCEPT (ingested_at) FROM decisions FINAL ORDER BY request_id, role, policy",
}
TOTALS = (
    "SELECT project, count(), uniqExact(target), sum(value), countIf(value IS NULL), sum(cityHash64(target, label)), "
    "max(version) FROM signals FINAL GROUP BY project ORDER BY project"
)


def frame(project: str, rows: int) -> pd.DataFrame:
    """Signals with unknown values, odd text and microseconds."""
    numbers = np.arange(rows)
    values = np.random.default_rng(rows).random(rows)
    start = datetime(2026, 11, 16, tzinfo=UTC)
    return pd.DataFrame(
        {
            "project": project,
            "target": [f"{project}-{number:06d}" for number in numbers],
            "name": "thumb",
            "source": "human",
            "ts": [start + timedelta(microseconds=int(number) * 1_001) for number in numbers],
            "value": pd.array(np.where(numbers % 7 == 0, np.nan, values), dtype="Float64"),
            "label": np.where(numbers % 3 == 0, "it's \\ a\ttab\nü", ""),
            "version": numbers.astype("uint64"),
        }
    )


def write(client: Client) -> None:
    """The three ways to insert."""
    rows = frame("rows", LIST_ROWS)
    client.insert("signals", rows.astype(object).where(rows.notna(), None).to_numpy().tolist(), column_names=COLUMNS)
    client.insert_arrow("signals", pa.Table.from_pandas(frame("arrow", ARROW_ROWS), preserve_index=False))
    summary = client.insert_df("signals", frame("frame", FRAME_ROWS))
    assert summary.written_rows == FRAME_ROWS, summary.written_rows


def read(client: Client, folder: Path) -> None:
    """Every row, as data frames and as Python rows, into files."""
    folder.mkdir()
    for name, sql in QUERIES.items():
        client.query_df(sql).to_pickle(folder / f"{name}.pickle")
    rows = client.query(TOTALS).result_rows
    (folder / "totals.json").write_text(json.dumps(rows, default=str))


if __name__ == "__main__":
    with clickhouse_connect.get_client(host="127.0.0.1", port=int(sys.argv[2]), password=sys.argv[3]) as connected:
        if sys.argv[1] == "write":
            write(connected)
        else:
            read(connected, Path(sys.argv[4]))
