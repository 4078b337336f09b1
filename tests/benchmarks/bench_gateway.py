"""The gateway, a bare forwarder, and LiteLLM's proxy: one worker and one core each, same provider, same requests."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.figures import Figure, collector, milliseconds, percentile
from tests.benchmarks.gateway_folder import BODY, measured_gateway
from tests.benchmarks.litellm_peer import VERSION, measured_proxy
from tests.benchmarks.load import Load, Target, drive
from tests.benchmarks.measured_process import MeasuredProcess, cores, free_port, program

CONNECTIONS = 16
WARM_UP_S = 3.0
FULL_S = 15.0
HALF_S = 15.0


def run() -> list[Figure]:
    """All at full load, and the gateway at half of what it reached; their core runs nothing else of ours."""
    available = cores()
    theirs, ours = available[0], available[-1]
    os.sched_setaffinity(0, {ours})
    try:
        with tempfile.TemporaryDirectory() as folder, collector() as spans, provider(Path(folder), ours) as upstream:
            direct = Target(f"{upstream}/chat/completions", BODY)
            with measured_gateway(Path(folder, "gateway"), upstream=upstream, collector=spans, core=theirs) as (p, t):
                gateway = _full("gateway, 3 shadows, records exported", p, t)
                half = _half(direct, t, gateway.per_second / 2)
            with _forwarder(Path(folder), upstream=upstream, core=theirs) as (p, t):
                forwarder = _full("bare forwarder, same server and client, nothing of ours", p, t)
            with measured_proxy(Path(folder, "litellm"), upstream=upstream, core=theirs, body=BODY) as (p, t):
                litellm = _full(f"LiteLLM {VERSION} proxy, no shadows, no records", p, t)
    finally:
        os.sched_setaffinity(0, set(available))
    ratio = gateway.per_core / litellm.per_core
    return [
        *gateway.figures("≥ 1,000"),
        *half,
        *forwarder.figures("compare"),
        *litellm.figures("compare"),
        Figure("gateway / bare forwarder, CPU per request", f"{forwarder.per_core / gateway.per_core:,.2f} x", "-"),
        Figure("gateway / LiteLLM, requests per second of CPU", f"{ratio:,.1f} x", "> 1 x"),
    ]


@contextmanager
def provider(folder: Path, core: int) -> Iterator[str]:
    """Base URL of the provider that costs little."""
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.upstream", str(port)]
    with program(command, port=port, core=core, log=folder / "upstream.log"):
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def _forwarder(folder: Path, *, upstream: str, core: int) -> Iterator[tuple[MeasuredProcess, Target]]:
    """What remains of a gateway if nothing of ours is in it."""
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.forwarder", str(port), upstream]
    with program(command, port=port, core=core, log=folder / "forwarder.log") as process:
        yield process, Target(f"http://127.0.0.1:{port}/v1/chat/completions", BODY)


class Full:
    """What one server did at full load."""

    def __init__(self, name: str, process: MeasuredProcess, load: Load, cpu_s: float) -> None:
        print(f"  $ {process.command}", flush=True)
        self._name = name
        self._load = load
        self._cpu_s = cpu_s
        self._rss_bytes = process.rss_bytes()
        self.per_second = load.per_second
        self.per_core = load.statuses[200] / cpu_s

    def figures(self, aim: str) -> list[Figure]:
        """For the table."""
        times = self._load.latencies_s
        share = self._cpu_s / self._load.seconds
        return [
            Figure(f"{self._name}: requests per second of CPU", f"{self.per_core:,.0f}", aim),
            Figure("  requests/s by the clock, share of the core", f"{self.per_second:,.0f}, {share:.0%}", "-"),
            Figure("  p50, p99 at full load", _both(percentile(times, 50), percentile(times, 99)), "-"),
            Figure("  CPU per request", milliseconds(self._cpu_s / self._load.statuses[200]), "-"),
            Figure("  memory, errors", f"{self._rss_bytes / 1e6:,.0f} MB, {self._load.errors}", "-, 0"),
        ]


def _full(name: str, process: MeasuredProcess, target: Target) -> Full:
    drive(target, connections=CONNECTIONS, seconds=WARM_UP_S)
    before_s = process.cpu_s()
    load = drive(target, connections=CONNECTIONS, seconds=FULL_S)
    return Full(name, process, load, process.cpu_s() - before_s)


def _half(direct: Target, gateway: Target, per_second: float) -> list[Figure]:
    """Added time at half load: through the gateway, less the same rate at the provider itself."""
    alone = drive(direct, connections=CONNECTIONS, seconds=HALF_S, per_second=per_second)
    through = drive(gateway, connections=CONNECTIONS, seconds=HALF_S, per_second=per_second)
    added = [percentile(through.latencies_s, q) - percentile(alone.latencies_s, q) for q in (50, 99)]
    return [
        Figure(f"gateway at half load, {per_second:,.0f}/s: p50, p99 added", _both(*added), "-, ≤ 5 ms"),
        Figure("  errors", f"{through.errors}", "0"),
    ]


def _both(first_s: float, second_s: float) -> str:
    return f"{milliseconds(first_s)}, {milliseconds(second_s)}"
