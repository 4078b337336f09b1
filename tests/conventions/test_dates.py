"""The clocks under which `make test-dates` runs the tests."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.clocks import moved, need_moved_clock, until_leap_day

BY = timedelta(days=500)
SAYS = """
import datetime, json, subprocess, sys, threading, time

import clickhouse_connect

began = time.monotonic()
time.sleep(0.01)
threading.Event().wait(0.01)
client = clickhouse_connect.get_client(interface="chdb", path=sys.argv[1])
client.command("CREATE TABLE kept (at DateTime) ENGINE = MergeTree ORDER BY at TTL at + INTERVAL 400 DAY")
client.command(f"INSERT INTO kept VALUES ({time.time() - 399 * 86_400:.0f}), ({time.time() - 401 * 86_400:.0f})")
working_s = time.process_time()
threading.Event().wait(1)
working_s = time.process_time() - working_s
child = subprocess.run([sys.executable, "-c", "import time; print(time.time())"], capture_output=True, text=True)
print(json.dumps({
    "python": time.time(),
    "datetime": datetime.datetime.now(datetime.UTC).timestamp(),
    "engine": client.query("SELECT toUnixTimestamp(now())").result_rows[0][0],
    "child": float(child.stdout),
    "kept": client.query("SELECT count() FROM kept").result_rows[0][0],
    "waited_s": time.monotonic() - began,
    "working_s": working_s,
}))
"""


def test_python_the_engine_and_its_retention_live_under_the_moved_clock(tmp_path: Path) -> None:
    """Otherwise rows would be older for one than for the other; and time goes on at its own pace."""
    need_moved_clock()
    before = datetime.now(UTC).timestamp()
    said = subprocess.run(
        [sys.executable, "-c", SAYS, str(tmp_path / "store")], env=moved(BY), check=True, capture_output=True, text=True
    )
    after = datetime.now(UTC).timestamp()
    found = json.loads(said.stdout)
    for clock in ("python", "datetime", "engine", "child"):
        assert before - 1 <= found[clock] - BY.total_seconds() <= after + 1, clock
    assert found["kept"] == 1
    assert 0.01 <= found["waited_s"] <= after - before
    assert found["working_s"] < 0.5, "threads of the engine do not wait"


@pytest.mark.parametrize(
    ("now", "leap_day"),
    [
        (datetime(2026, 12, 1, tzinfo=UTC), datetime(2028, 2, 29, 12, tzinfo=UTC)),
        (datetime(2028, 2, 29, 11, tzinfo=UTC), datetime(2028, 2, 29, 12, tzinfo=UTC)),
        (datetime(2028, 2, 29, 12, tzinfo=UTC), datetime(2032, 2, 29, 12, tzinfo=UTC)),
        (datetime(2097, 1, 1, tzinfo=UTC), datetime(2104, 2, 29, 12, tzinfo=UTC)),
    ],
)
def test_the_leap_day_is_the_next_one(now: datetime, leap_day: datetime) -> None:
    """Noon of it; 2100 has none."""
    assert now + until_leap_day(now) == leap_day
