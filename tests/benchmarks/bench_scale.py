"""How reports and the rollup worker scale: a fortnight of 0.1, 1 and 10 million requests with three shadows each.

`SHADOWROUTE_BENCH_REQUESTS` names other sizes, in millions and by commas: `0.1,1`. `SHADOWROUTE_BENCH_STORES` names a
folder in which the stores are kept and found again; without it they are made in a temporary folder and removed. Ten
million requests need about 3 GB of disk and a quarter of an hour on two cores.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.figures import Figure, milliseconds

SIZES: Final = "0.1,1,10"
GB_PER_MILLION: Final = 0.3
"""Disk that a million requests need while they are written and merged; the finished store is half as large."""


def run() -> list[Figure]:
    """Each size in processes of its own: one process opens one store, and its peak memory is its own."""
    sizes = [float(size) for size in os.environ.get("SHADOWROUTE_BENCH_REQUESTS", SIZES).split(",")]
    with _folder() as folder:
        return [figure for size in sizes for figure in _figures(folder, size)]


def _figures(folder: Path, millions: float) -> list[Figure]:
    name = f"{millions:g} M x 3"
    free = shutil.disk_usage(folder).free / 1e9
    store = folder / f"requests-{millions:g}m"
    if not store.exists() and free < millions * GB_PER_MILLION + 1:
        return [
            Figure(f"{name}: skipped", f"{free:.0f} GB of disk are free", f"{millions * GB_PER_MILLION + 1:.0f} GB")
        ]
    found: dict[str, Any] = {}
    try:
        if not store.exists():
            found = _child("fill", str(round(millions * 1e6)), str(store))
        found |= _child("scale_run", str(store))
    except RuntimeError as error:
        return [Figure(f"{name}: failed", str(error)[-60:], "no failure")]
    return list(_measured(name, found))


def _child(module: str, *arguments: str) -> dict[str, Any]:
    """What a module of this folder prints.

    Raises:
        RuntimeError: it failed; the text is its last line.
    """
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _measured(name: str, found: dict[str, Any]) -> Iterator[Figure]:
    if "rollup_s" in found:
        yield Figure(f"{name}: decisions rolled up per second", f"{found['rows'] / found['rollup_s']:,.0f}", "-")
        disk = f"{found['disk_bytes'] / 1e9:.1f} GB"
        yield Figure(f"{name}: rollup rows, store on disk", f"{found['rollup_rows']:,}, {disk}", "-")
    yield Figure(f"{name}: overview, first", milliseconds(found["overview_first_s"]), "-")
    yield Figure(f"{name}: overview, median of 5", milliseconds(found["overview_s"]), "≤ 300 ms")
    yield Figure(
        f"{name}: of that, statements of the store", f"{found['statements']}, {found['sql_s'] * 1e3:.0f} ms", "-"
    )
    for what, seconds in found["slowest"]:
        yield Figure(f"{name}: overview, statement {what}", milliseconds(seconds), "-")
    for what, (measured, aim) in found["more"].items():
        yield Figure(f"{name}: {what}", measured, aim)
    yield Figure(f"{name}: peak memory of the process", f"{found['peak_gb']:.2f} GB", "≤ 2 GB")


@contextmanager
def _folder() -> Iterator[Path]:
    kept = os.environ.get("SHADOWROUTE_BENCH_STORES", "")
    if kept:
        Path(kept).mkdir(parents=True, exist_ok=True)
        yield Path(kept)
        return
    with tempfile.TemporaryDirectory(prefix="shadowroute-bench-") as made:
        yield Path(made)
