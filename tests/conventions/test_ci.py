"""`.ci/run` says by its exit code whether everything passed, and shows all of it, whichever part fails."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.groups import ROOT

MAKE = """#!/usr/bin/env bash
case "$1" in
check) touch began; for i in 1 2 3; do echo "check line $i"; sleep 0.05; done ;;
test-dates) for i in 1 2 3; do echo "test-dates line $i"; done ;;
test) until [ -e began ]; do sleep 0.01; done; for i in 1 2 3; do echo "test line $i"; sleep 0.05; done
      echo "=== 5 passed, 1 skipped in 7.08s ===" ;;
esac
[[ " $FAILING " != *" $1 "* ]]
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the script, and programs that stand for those of a real run."""
    (tmp_path / ".ci").mkdir()
    shutil.copy2(ROOT / ".ci" / "run", tmp_path / ".ci")
    programs = {"bin/make": MAKE, "bin/chromium": "#!/bin/sh\n", "bin/faketime": "#!/bin/sh\n"}
    for name, text in {**programs, ".venv/bin/python": "#!/bin/sh\n"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def environment(clone: Path, failing: str = "") -> dict[str, str]:
    return {**os.environ, "PATH": f"{clone / 'bin'}:{os.environ['PATH']}", "FAILING": failing}


def run(clone: Path, failing: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [clone / ".ci" / "run"], env=environment(clone, failing), capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("failing", ["check", "test", "test-dates", "check test"])
def test_a_part_that_fails_fails_the_run_and_hides_nothing(clone: Path, failing: str) -> None:
    """The other part is seen to its end, and a line for each says how it ended."""
    done = run(clone, failing)
    assert done.returncode == 1, done.stderr
    for part, target in (("check", "check"), ("test", "test"), ("dates", "test-dates")):
        assert f"{target} line 3" in done.stdout
        (summary,) = (line for line in done.stdout.splitlines() if line.split()[1:3] == ["s", part])
        assert summary.endswith("FAILED (1)" if target in failing.split() else "passed")


def test_without_what_it_installs_nothing_runs(clone: Path) -> None:
    """A failed installation ends the run."""
    done = run(clone, "install")
    assert done.returncode == 1
    assert "test line" not in done.stdout


def test_what_passes_is_shown_in_order(clone: Path) -> None:
    """Lines of tests and checks are not mixed, and pytest's closing line stands by the times at the end."""
    done = run(clone)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    parts = [line.split()[0] for line in said if " line " in line]
    assert parts == ["test"] * 3 + ["test-dates"] * 3 + ["check"] * 3
    closing = said[said.index("check line 3") + 1 :]
    assert "=== 5 passed, 1 skipped in 7.08s ===" in closing
    times = [line.split()[2] for line in closing if line.endswith("passed")]
    assert sorted(times) == ["all", "check", "dates", "install", "packages", "test"]


def test_what_python_compiled_is_kept() -> None:
    """A machine that forbids it would have every process of the tests compile all that it imports."""
    shown = subprocess.run(
        ["make", "--no-print-directory", "--eval", "shown: ; @env", "shown"],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert "PATH=" in shown.stdout
    assert "PYTHONDONTWRITEBYTECODE" not in shown.stdout


def test_an_interrupted_run_leaves_nothing_behind(clone: Path) -> None:
    """The checks run in the background, and must not go on there."""
    make = clone / "bin" / "make"
    make.write_text('#!/usr/bin/env bash\n[ "$1" = install ] || { echo $$ >$1.pid; sleep 600; }\n')
    with subprocess.Popen([clone / ".ci" / "run"], env=environment(clone), start_new_session=True) as process:
        pids = [clone / "check.pid", clone / "test.pid"]
        while not all(each.exists() and each.read_text() for each in pids):
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)
    for each in pids:
        stat = Path(f"/proc/{each.read_text().strip()}/stat")
        for _ in range(1000):
            if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
                break
            time.sleep(0.01)
        else:
            pytest.fail(f"{each.stem} still runs")
