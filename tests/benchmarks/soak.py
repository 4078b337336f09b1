"""The gateway at half of what it can, for a long time: errors, memory, and every request recorded exactly once.

`python -m tests.benchmarks.soak [MINUTES]`; exit code 1 if one of the three does not hold.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from tests.benchmarks.bench_gateway import CONNECTIONS, provider
from tests.benchmarks.figures import milliseconds, percentile
from tests.benchmarks.gateway_folder import measured_gateway
from tests.benchmarks.kept_spans import kept_spans, rows_by_request
from tests.benchmarks.load import Load, drive
from tests.benchmarks.measured_process import MeasuredProcess, cores

CAPACITY_S = 15.0
SETTLED_FROM = 0.2
"""Share of the run after which memory must be flat."""

MEMORY_MAY_VARY = 0.05
SHADOWS = ("cheap-first", "bold", "careful")


@dataclass(frozen=True)
class Soak:
    """What a run showed.

    Attributes:
        per_second: rate that was asked for.
        load: of the run itself.
        sent: all requests, failed ones and those that measured the capacity included: each has its record.
        rows: rows per policy and request id.
        rss_bytes: memory, once a second.
    """

    per_second: float
    load: Load
    sent: int
    rows: dict[str, Counter[str]]
    rss_bytes: list[int]

    @property
    def memory_varies(self) -> float:
        """Largest distance from the mean after the beginning, as a share of it."""
        settled = self.rss_bytes[int(len(self.rss_bytes) * SETTLED_FROM) :]
        mean = sum(settled) / len(settled)
        return max(abs(each - mean) for each in settled) / mean

    def problems(self) -> list[str]:
        """What does not hold, one sentence each; memory is judged by whoever ran long enough."""
        found = [f"{self.load.errors} requests failed: {dict(self.load.statuses)}"] if self.load.errors else []
        for policy in ("live", *SHADOWS):
            rows = self.rows.get(policy, Counter())
            twice = sum(count > 1 for count in rows.values())
            if len(rows) != self.sent or twice:
                found.append(f"{policy}: {len(rows)} of {self.sent} requests recorded, {twice} of them more than once")
        return found


def soak(seconds: float, *, per_second: float = 0.0) -> Soak:
    """Run provider, gateway, collector and load.

    Args:
        seconds: length of the run.
        per_second: rate; 0 = half of what the gateway does at full load, which is measured first.
    """
    available = cores()
    os.sched_setaffinity(0, {available[-1]})
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            return _soak(folder, available, seconds, per_second)
    finally:
        os.sched_setaffinity(0, set(available))


def _soak(folder: Path, available: list[int], seconds: float, per_second: float) -> Soak:
    kept, rss_bytes, sent = folder / "spans", list[int](), 0
    with (
        kept_spans(kept, available[-1]) as spans,
        provider(folder, available[-1]) as upstream,
        measured_gateway(folder / "gateway", upstream=upstream, collector=spans, core=available[0]) as (
            process,
            target,
        ),
    ):
        if not per_second:
            full = drive(replace(target, name="full"), connections=CONNECTIONS, seconds=CAPACITY_S)
            per_second, sent = full.per_second / 2, full.statuses.total()
        over = threading.Event()
        watch = threading.Thread(target=_watch, args=(process, over, rss_bytes))
        watch.start()
        load = drive(target, connections=CONNECTIONS, seconds=seconds, per_second=per_second)
        over.set()
        watch.join()
    return Soak(per_second, load, sent + load.statuses.total(), rows_by_request(kept), rss_bytes)


def _watch(process: MeasuredProcess, over: threading.Event, rss_bytes: list[int]) -> None:
    while not over.wait(1.0):
        rss_bytes.append(process.rss_bytes())


def main(minutes: float) -> int:
    """Run, print, and say by the exit code whether all holds."""
    done = soak(minutes * 60)
    problems = done.problems()
    if done.memory_varies > MEMORY_MAY_VARY:
        problems.append(f"memory varies by {done.memory_varies:.1%}, more than {MEMORY_MAY_VARY:.0%}")
    times = done.load.latencies_s
    print(f"{minutes:g} minutes at {done.per_second:,.0f} requests/s, half of full load: {len(times):,} answers")
    print(f"p50 {milliseconds(percentile(times, 50))}, p99 {milliseconds(percentile(times, 99))}")
    first, last = done.rss_bytes[int(len(done.rss_bytes) * SETTLED_FROM)], done.rss_bytes[-1]
    print(
        f"memory {first / 1e6:,.1f} MB after the beginning, {last / 1e6:,.1f} MB at the end, ± {done.memory_varies:.1%}"
    )
    print(f"rows { ({policy: rows.total() for policy, rows in done.rows.items()}) } for {done.sent:,} requests")
    print("\n".join(problems) or "no errors, flat memory, every request recorded exactly once")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0))
