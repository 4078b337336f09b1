"""LiteLLM beside us: a fixed version in an environment of its own, its proxy, and its Router in its own process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.benchmarks.load import Target
from tests.benchmarks.measured_process import MeasuredProcess, free_port, program
from tests.support.groups import ROOT

VERSION: Final = "1.106.0"
ENVIRONMENT: Final = ROOT / ".shadowroute" / f"litellm-{VERSION}"
CONFIG: Final = """\
model_list:
  - model_name: auto
    litellm_params: {{model: openai/big, api_base: "{upstream}", api_key: none}}
  - model_name: auto
    litellm_params: {{model: openai/small, api_base: "{upstream}", api_key: none}}
router_settings: {{routing_strategy: simple-shuffle}}
litellm_settings: {{telemetry: false, num_retries: 0}}
"""
KEY: Final = f"sk-{'0123456789abcdef' * 2}"
"""The proxy does not start without a key."""
QUIET: Final = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "NO_PROXY": "*"}
ROUTER: Final = """\
import asyncio, json, sys, time, litellm
models = [{"model_name": "auto", "litellm_params": {"model": f"openai/{n}", "api_key": "none", "mock_response": "Hi."}}
          for n in ("big", "small")]
router, messages, calls = litellm.Router(model_list=models), json.loads(sys.argv[1]), int(sys.argv[2])
async def main():
    picks, whole = [], []
    for n in range(calls + 100):
        started = time.perf_counter()
        await router.async_get_available_deployment(model="auto", messages=messages, request_kwargs={})
        picked = time.perf_counter()
        await router.acompletion(model="auto", messages=messages)
        if n >= 100:
            picks.append(picked - started); whole.append(time.perf_counter() - picked)
    print(json.dumps([picks, whole]))
asyncio.run(main())
"""


def environment() -> Path:
    """The folder of LiteLLM's programs; made on first use.

    Raises:
        RuntimeError: it cannot be installed here.
    """
    programs = ENVIRONMENT / "bin"
    if not (programs / "litellm").exists():
        uv = Path(sys.executable).with_name("uv")
        commands: tuple[list[str | Path], ...] = (
            [uv, "venv", "--quiet", "--python", sys.executable, ENVIRONMENT],
            [uv, "pip", "install", "--quiet", "--python", programs / "python", f"litellm[proxy]=={VERSION}"],
        )
        for command in commands:
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"LiteLLM {VERSION} cannot be installed: {done.stderr[-500:]}")
    return programs


@contextmanager
def measured_proxy(folder: Path, *, upstream: str, core: int, body: bytes) -> Iterator[tuple[MeasuredProcess, Target]]:
    """LiteLLM's proxy with one worker and no database, on one core."""
    folder.mkdir()
    config = folder / "config.yaml"
    config.write_text(CONFIG.format(upstream=upstream))
    port = free_port()
    address = ["--host", "127.0.0.1", "--port", str(port)]
    command: list[str | Path] = [environment() / "litellm", "--config", config, *address, "--num_workers", "1"]
    with program(
        command, port=port, core=core, log=folder / "litellm.log", environment=QUIET | {"LITELLM_MASTER_KEY": KEY}
    ) as process:
        yield process, Target(f"http://127.0.0.1:{port}/v1/chat/completions", body, (f"Authorization: Bearer {KEY}",))


def router_times(messages: list[dict[str, str]], calls: int, core: int) -> tuple[list[float], list[float]]:
    """Seconds of choosing a deployment, and of a whole completion whose answer is mocked, per call."""
    python = str(environment() / "python")
    command = ["taskset", "-c", str(core), python, "-c", ROUTER, json.dumps(messages), str(calls)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=QUIET | {"PATH": "/usr/bin:/bin"})
    picks, whole = json.loads(done.stdout.splitlines()[-1])
    return picks, whole
