"""`python -m tests.benchmarks.fill REQUESTS FOLDER`: a fortnight of a busy service in a store, three shadows each.

The engine makes the rows itself (`fill.sql`), 40 million decisions in some minutes. Everything about a request follows
from its number, so that a second run of the same size writes the same rows.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from clickhouse_connect.driver.client import Client

from shadow.prices.registry import Price, PriceRow
from shadowroute.analysis.selection import Window
from shadowroute.collector.price_books import pin
from shadowroute.collector.rollup import Rollup
from shadowroute.collector.store import Store, open_store

PROJECT: Final = "bench"
BOOK: Final = "book-bench"
FIRST: Final = dt.date(2026, 11, 2)
DAYS: Final = 14
WINDOW: Final = Window(FIRST, FIRST + dt.timedelta(days=DAYS - 1))
ROWS_PER_REQUEST: Final = 4

_USD_PER_MTOK: Final = {
    "gpt-5": (1.25, 0.125, 10.0),
    "gpt-5-mini": (0.25, 0.025, 2.0),
    "claude-sonnet-4-5": (3.0, 0.3, 15.0),
    "llama-70b": (0.4, 0.4, 0.8),
}

# Thumbs on one request in twenty, a judge on one in fifty; the id is the one that fill.sql gives.
_SIGNALS: Final = """
INSERT INTO signals (project, target, name, source, scorer, ts, value, label, explanation, version, is_deleted)
SELECT
  project, request_id, kind.1, kind.2, '', ts + INTERVAL 1 HOUR,
  if(kind.1 = 'thumbs', sipHash64(request_id, 'good') % 100 < 92, (60 + sipHash64(request_id, 'score') % 41) / 100),
  '', '', toUnixTimestamp(ts) * 1000000000, 0
FROM decisions
ARRAY JOIN arrayFilter(
  k -> sipHash64(request_id, k.1) % 100 < k.3, [('thumbs', 'user', 5), ('judge', 'llm', 2)]) AS kind
WHERE project = {project:String} AND role = 'live' AND toDate(ts) = {day:Date}"""


@dataclass(frozen=True, slots=True)
class Filled:
    """What a fill did.

    Attributes:
        rows: decision rows written.
        fill_s: seconds to write them and their signals.
        rollup_s: seconds of the first rollup of all of them.
        rollup_rows: rows that it wrote.
        disk_bytes: of the whole store afterwards.
    """

    rows: int
    fill_s: float
    rollup_s: float
    rollup_rows: int
    disk_bytes: int


def fill(store: Store, requests: int) -> Filled:
    """Write the requests with their signals and prices, and roll them up.

    Args:
        store: writable; whatever the project `bench` holds of these days is written again, not added to.
        requests: about so many, a whole number per day.
    """
    client = store.client()
    began = time.perf_counter()
    a_day = requests // DAYS
    for day in range(DAYS):
        fill_day(client, day=day, a_day=a_day)
    pin(client, PROJECT, _prices(), BOOK, "benchmark")
    filled = time.perf_counter()
    result = Rollup(store, labels=("team",)).run_once()
    rolled = time.perf_counter()
    ((size,),) = client.query("SELECT sum(bytes_on_disk) FROM system.parts WHERE active").result_rows
    rows = a_day * DAYS * ROWS_PER_REQUEST
    return Filled(rows, filled - began, rolled - filled, result.rows, int(size))


def fill_day(client: Client, *, day: int, a_day: int) -> None:
    """Write one day's requests and their signals."""
    text = "\n".join(line for line in _sql().splitlines() if not line.lstrip().startswith("--"))
    client.command(
        text,
        parameters={
            "project": PROJECT,
            "start": dt.datetime.combine(FIRST, dt.time(), dt.UTC),
            "gap_us": 86_400e6 / a_day,
            "users": max(a_day * DAYS // 7, 1),
            "first": day * a_day,
            "amount": a_day,
        },
    )
    client.command(_SIGNALS, parameters={"project": PROJECT, "day": FIRST + dt.timedelta(days=day)})


def _sql() -> str:
    return Path(__file__).with_suffix(".sql").read_text()


def _prices() -> list[PriceRow]:
    return [
        PriceRow(
            provider="openai",
            model=model,
            context_band=band,
            effective_from=dt.date(2026, 1, 1),
            price=Price(
                input_usd_per_mtok=tokens_in,
                cache_read_usd_per_mtok=cached,
                cache_write_usd_per_mtok=tokens_in,
                output_usd_per_mtok=tokens_out,
            ),
            source="benchmark",
        )
        for model, (tokens_in, cached, tokens_out) in _USD_PER_MTOK.items()
        for band in range(4)
    ]


def main(requests: int, folder: str) -> None:
    """Fill a store in a folder and print what it took, as one line of JSON."""
    with open_store(f"chdb://{folder}", own=True) as store:
        print(json.dumps(asdict(fill(store, requests))))


if __name__ == "__main__":
    main(int(float(sys.argv[1])), sys.argv[2])
