"""What `import shadow` costs a service, and the first recorded request."""

from __future__ import annotations

import statistics
import subprocess
import sys

from tests.benchmarks.figures import Figure

RUNS = 7
MEMORY = """
lines = open("/proc/self/status").read().splitlines()  # getrusage would count what the parent had before exec
print(next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")))
"""
IMPORT = "import time; t = time.perf_counter(); import shadow; print((time.perf_counter() - t) * 1000)"
FIRST = """
import time
started = time.perf_counter()
import shadow
from shadow.prices.catalogue import Catalogue, Model
from shadow.config import LiveSpec, Routing
from shadow.testing import MemorySink
models = Catalogue([Model(name="gpt-4o", tier="large")])
observer = shadow.Observer(Routing.of(live=LiveSpec(name="live"), catalogue=models), exporter=MemorySink())
with observer.request(messages=[{"role": "user", "content": "hello"}]) as request:
    request.chose("gpt-4o")
    request.served(model="gpt-4o", input_tokens=1, output_tokens=1)
observer.flush()
print((time.perf_counter() - started) * 1000)
"""


def run() -> list[Figure]:
    """Median of fresh processes."""
    import_ms, import_mb = _median(IMPORT)
    first_ms, first_mb = _median(FIRST)
    return [
        Figure("import shadow", f"{import_ms:.1f} ms, {import_mb:.0f} MB", "≤ 150 ms, ≤ 40 MB"),
        Figure("import, first observer, first record", f"{first_ms:.0f} ms, {first_mb:.0f} MB", "≤ 700 ms, ≤ 80 MB"),
    ]


def _median(program: str) -> tuple[float, float]:
    """Milliseconds, and the process's peak memory in MB."""
    results = []
    for _ in range(RUNS):
        run = subprocess.run([sys.executable, "-c", f"{program}\n{MEMORY}"], capture_output=True, text=True, check=True)
        took, memory = run.stdout.split()
        results.append((float(took), float(memory)))
    return statistics.median(r[0] for r in results), statistics.median(r[1] for r in results)
