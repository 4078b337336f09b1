"""Runs the shipped examples as a user would: as scripts, in their folder, against whatever addresses are given."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.support.groups import ROOT

EXAMPLES = ("decorator", "context_manager", "openai_client", "shadow_router")
"""What needs nothing but the SDK and `openai`."""
HOST_EXAMPLES = ("decorator", "context_manager", "openai_client", "litellm_router")
"""What observes a library that others maintain."""
DEFAULT_OTLP = "http://127.0.0.1:4318"


def copy_examples(target: Path, otlp_url: str) -> Path:
    """The examples with their routing folder, exporting to this address; returns the folder to run them in."""
    folder = target / "examples"
    shutil.copytree(ROOT / "examples" / "routing", folder / "routing")
    for name in {*EXAMPLES, *HOST_EXAMPLES}:
        shutil.copy2(ROOT / "examples" / f"{name}.py", folder)
    for file in folder.glob("routing/*.yaml"):
        file.write_text(file.read_text().replace(DEFAULT_OTLP, otlp_url))
    return folder


def run_example(python: Path, folder: Path, name: str, base_url: str, *, is_quiet: bool = True) -> str:
    """Standard output of one example; fails with its errors if it does not end well.

    Args:
        python: interpreter of the environment to run it in.
        folder: with the examples.
        name: of the example.
        base_url: of the provider.
        is_quiet: warnings are errors, and nothing may be written to standard error. Libraries of hosts may warn.
    """
    # Nothing of the repository may be importable but what is installed beside this interpreter.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "OPENAI", "OTEL"))}
    done = subprocess.run(
        [python, *(["-W", "error"] if is_quiet else []), f"{name}.py"],
        cwd=folder,
        env={
            **environment,
            "OPENAI_BASE_URL": base_url,
            "OPENAI_API_KEY": "sk-test",
            "SHADOW_ID_KEY": "s3cret",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it asks the internet when it is imported
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not is_quiet or done.stderr == ""
    return done.stdout
