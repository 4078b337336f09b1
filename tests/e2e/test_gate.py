"""The gate as a CI job runs it: a process, a file, an exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli import free_ports, running_up, shadowroute
from tests.support.groups import ROOT
from tests.support.judged_fortnight import PLAN


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a filled store and a plan."""
    made = subprocess.run(
        [sys.executable, "-m", "tests.support.judged_fortnight", f"chdb://{tmp_path}/.shadowroute/store"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    (tmp_path / "plan.yaml").write_text(PLAN)
    return tmp_path


def test_the_exit_code_is_the_answer(folder: Path) -> None:
    """SHIP; then what a job must never read as an answer: a typo, a missing file, no store."""
    shipped = shadowroute("gate", "--plan", "plan.yaml", "--comment", "comment.md", cwd=folder)
    assert (shipped.returncode, shipped.stderr) == (0, "")
    assert shipped.stdout.startswith("SHIP  cheap-first")
    assert (folder / "comment.md").read_text().startswith("<!-- shadowroute gate -->")
    assert shadowroute("gate", "--plna", "plan.yaml", cwd=folder).returncode == 64
    assert shadowroute("gate", "--plan", "none.yaml", cwd=folder).returncode == 65
    nowhere = shadowroute("gate", "--plan", "plan.yaml", "--store", "chdb://none", cwd=folder)
    assert nowhere.returncode == 69
    assert not (folder / "none").exists()


def test_a_plan_is_recorded_through_the_process_that_owns_the_store(folder: Path) -> None:
    """While `up` runs, the gate reads and records over its port; what it recorded judges afterwards."""
    with running_up(cwd=folder, ports=free_ports(3)):
        through = shadowroute("gate", "--plan", "plan.yaml", cwd=folder)
    assert (through.returncode, through.stderr) == (0, "")
    assert "(unchanged)" in through.stdout
    assert "not recorded" not in through.stdout
    (folder / "plan.yaml").write_text(PLAN.replace("signatures: 0", "signatures: 1"))
    edited = shadowroute("gate", "--plan", "plan.yaml", cwd=folder)
    assert edited.returncode == 0, "the first plan judges"
    assert "signatures 0 -> 1" in edited.stdout
