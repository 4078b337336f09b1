"""Runs the shipped examples as a user would: as scripts, in their folder, against whatever addresses are given."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.support.groups import ROOT

EXAMPLES = ("decorator", "context_manager", "openai_client", "shadow_router")
DEFAULT_OTLP = "http://127.0.0.1:4318"


def copy_examples(target: Path, otlp_url: str) -> Path:
    """The examples with their routing folder, exporting to this address; returns the folder to run them in."""
    folder = target / "examples"
    shutil.copytree(ROOT / "examples" / "routing", folder / "routing")
    for name in EXAMPLES:
        shutil.copy2(ROOT / "examples" / f"{name}.py", folder)
    for file in folder.glob("routing/*.yaml"):
        file.write_text(file.read_text().replace(DEFAULT_OTLP, otlp_url))
    return folder


def run_example(python: Path, folder: Path, name: str, base_url: str) -> str:
    """Standard output of one example; fails with its errors if it does not end well."""
    # Nothing of the repository may be importable but what is installed beside this interpreter.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "OPENAI", "OTEL"))}
    done = subprocess.run(
        [python, "-W", "error", f"{name}.py"],
        cwd=folder,
        env={**environment, "OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": "sk-test", "SHADOW_ID_KEY": "s3cret"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout
