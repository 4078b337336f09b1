"""One size of `bench_scale`: times what people wait for in a filled store, and prints one line of JSON.

A process of its own, so that its peak memory is that of reading alone.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from shadowroute.analysis.packet.content import packet
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.reader import Memory
from shadowroute.analysis.queries.records import Record
from shadowroute.analysis.report import project_report
from shadowroute.analysis.study import Study
from shadowroute.app.packet.files import write
from shadowroute.collector.store import Store, open_store
from tests.benchmarks.fill import BOOK, PROJECT, WINDOW

RUNS: Final = 5
SHOWN: Final = 5
"""Statements that are shown one by one."""

MORE: Final[dict[str, Callable[[Store], tuple[str, str]]]] = {}
"""What else is timed on each size: a name, and a function that returns the figure and its aim, both as text."""


def packet_of(store: Store) -> tuple[str, str]:
    """Seconds of a whole packet of one shadow, as `shadowroute packet` makes it, its files written."""
    q = Queries(store.reader(), PROJECT)
    policy = next(row.policy for row in q.policies(WINDOW) if not row.is_live)
    began = time.perf_counter()
    made = packet(q, policy, WINDOW, book=BOOK, now=datetime(2026, 11, 20, tzinfo=UTC))
    with tempfile.TemporaryDirectory() as folder:
        write(made, Path(folder), key=None)
    return f"{time.perf_counter() - began:.1f} s", "≤ 10 s"


MORE["packet"] = packet_of


class Timed(Queries):
    """Queries that keep how long each statement took, its records read to the end."""

    def __init__(self, client: Any, project: str, memory: Memory | None = None) -> None:
        super().__init__(client, project, memory)
        self.seconds: dict[str, list[float]] = defaultdict(list)

    def remembering(self) -> Self:
        """As `Reader.remembering`, with the same times."""
        made = super().remembering()
        made.seconds = self.seconds
        return made

    def ask(self, file: str, params: Mapping[str, Any]) -> list[Record]:
        """As `Reader.ask`."""
        began = time.perf_counter()
        records = super().ask(file, params)
        self.seconds[file].append(time.perf_counter() - began)
        return records


def measure(store: Store) -> dict[str, Any]:
    """Seconds of the overview, as `Overview` and `shadowroute report` make it: statistics included."""
    q = Timed(store.reader(), PROJECT)
    took, parts = [], []
    for _ in range(RUNS + 1):
        q.seconds.clear()
        began = time.perf_counter()
        report = project_report(Study(q, WINDOW, book=BOOK))
        took.append(time.perf_counter() - began)
        parts.append({name: sum(all_of) for name, all_of in q.seconds.items()})
    if len(report.policies) != 3:
        raise ValueError(
            f"the report must have 3 policies, got {len(report.policies)}; remove the store, fill it again"
        )
    median = sorted(range(1, RUNS + 1), key=took.__getitem__)[RUNS // 2]
    slowest = sorted(parts[median].items(), key=lambda part: -part[1])[:SHOWN]
    return {
        "overview_first_s": took[0],
        "overview_s": statistics.median(took[1:]),
        "statements": sum(len(all_of) for all_of in q.seconds.values()),
        "sql_s": sum(parts[median].values()),
        "slowest": [(f"{name} ({len(q.seconds[name])} times)", seconds) for name, seconds in slowest],
    }


def main(folder: str) -> None:
    """Print the figures of a filled store."""
    with open_store(f"chdb://{folder}", own=True, create=False) as store:
        found = measure(store) | {"more": {what: timed(store) for what, timed in MORE.items()}}
    found["peak_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
