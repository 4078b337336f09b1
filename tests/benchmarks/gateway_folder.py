"""The gateway that the benchmarks load: live rules, three shadows, records to a collector; and how it is started."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.load import Target
from tests.benchmarks.measured_process import MeasuredProcess, free_port, program
from tests.benchmarks.traffic import MESSAGES
from tests.support.routing_folder import write_folder

MODELS = """\
models:
  big: {{provider: fake, tier: large, base_url: "{upstream}", price_usd_per_million: {{input: 1, output: 4}}}}
  small: {{provider: fake, tier: small, base_url: "{upstream}", price_usd_per_million: {{input: 0.1, output: 0.4}}}}
"""
ROUTER = """\
live: policies/live.yaml
shadows: [policies/cheap-first.yaml, policies/bold.yaml, policies/careful.yaml]
service: bench
from_request: {{session: metadata.session, task: metadata.task, request_id: headers.x-request-id}}
labels: [team, channel]
export: {{to: "{collector}"}}
gateway: {{keys: {{bench: BENCH_KEY}}}}
"""
RULES = """\
policy: {name}
choose:
  rules:
    - {{when: {{task: legal}}, use: big, why: contract}}
    - {{when: {{input_tokens: {{at_most: {tokens}}}}}, use: small, why: short question}}
    - {{otherwise: big}}
"""
KEY = "bench-0123456789abcdef"
BODY = json.dumps(
    {"model": "auto", "messages": MESSAGES, "temperature": 0, "metadata": {"session": "s-4", "task": "support"}}
).encode()


@contextmanager
def measured_gateway(
    folder: Path, *, upstream: str, collector: str, core: int
) -> Iterator[tuple[MeasuredProcess, Target]]:
    """The gateway as users start it, on one core.

    Args:
        folder: for its files and its log.
        upstream: base URL of the provider.
        collector: where its spans go.
        core: the core that it gets.
    """
    rules = {"live": 50, "cheap_first": 2000, "bold": 100_000, "careful": 100}
    policies = {name: RULES.format(name=name.replace("_", "-"), tokens=tokens) for name, tokens in rules.items()}
    write_folder(folder, models=MODELS.format(upstream=upstream), shadow=ROUTER.format(collector=collector), **policies)
    port = free_port()
    routing = str(folder / "shadow.yaml")
    command = [sys.executable, "-m", "shadow", "gateway", "--routing", routing, "--port", str(port)]
    log = folder / "gateway.log"
    with program(
        command, port=port, core=core, log=log, environment={"SHADOW_ID_KEY": "bench", "BENCH_KEY": KEY}
    ) as process:
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        yield process, Target(url, BODY, (f"Authorization: Bearer {KEY}",), ids="X-Request-Id")
