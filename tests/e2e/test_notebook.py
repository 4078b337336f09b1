"""The documented Python interface runs as it stands in the documentation, in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.groups import ROOT
from tests.support.judged_fortnight import PLAN, PROJECT

EXAMPLE = ROOT / "examples" / "notebook.py"
PAGE = ROOT / "docs" / "reference" / "python.md"


def test_the_example_runs_on_a_stored_fortnight(tmp_path: Path) -> None:
    """Every call of the page works, and the figures are of the store that was named."""
    dsn = f"chdb://{tmp_path}/store"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    # A process can own one embedded store; the tests own theirs, so this one is filled and read by others.
    for command in (["-m", "tests.support.judged_fortnight", dsn], [str(EXAMPLE), dsn, PROJECT, "plan.yaml"]):
        (tmp_path / "plan.yaml").write_text(PLAN)
        done = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "cheap-first 9f3c1e0a77b2: 1000 requests, 2025-03-03..2025-03-16"
    for start in ("differs: +0.", "  task=chat: cost ", "cost with book-fortnight: -0.", "answers that were run: "):
        assert [line for line in lines if line.startswith(start)], start
    assert re.fullmatch(r"packet of traffic [0-9a-f]{16}", lines[-1])


def test_the_page_shows_the_example_as_it_runs() -> None:
    """What a reader copies is what the test above has run."""
    assert f"```python\n{EXAMPLE.read_text().strip()}\n```" in PAGE.read_text()
