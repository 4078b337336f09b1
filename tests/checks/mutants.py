"""Mutants: how many small mistakes in the modules that decide what is safe make a test fail.

`make mutants` runs mutmut over each module in a tree of its own below `build/mutants`, prints how many mutants the
tests kill, and fails where that is less than `AT_LEAST`. `make mutants ONLY=breaker` runs one module. What survived is
listed; `cd build/mutants/breaker && ../../../.venv/bin/mutmut show NAME` shows one.

mutmut derives a module's name from its path, so the tree has the folders where their import names say.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parents[2]
TREES = ROOT / "build" / "mutants"
AT_LEAST: Final = 0.85
HANGS: Final = "timeout"
KILLED: Final = ("killed", HANGS, "caught by type check", "segfault")
"""A mutant that hangs is noticed: `make test` ends a test after five minutes."""
PATIENCE: Final = (15, 60)
"""Times the usual time of its tests, and seconds at least, after which a mutant hangs. What hangs is tried again with
more: on a busy machine tests may only be slow."""


@dataclass(frozen=True)
class Module:
    """A module, and the tests that are to notice mistakes in it."""

    path: str
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        """As in `ONLY=`."""
        return Path(self.path).stem


MODULES: Final = (
    Module(
        "shadow/policies/guarded.py",
        ("tests/shadow/policies/test_guarded.py", "tests/shadow/policies/test_policies.py"),
    ),
    Module(
        "shadow/recording/span_writer.py",
        (
            "tests/shadow/recording/test_span_writer.py",
            "tests/shadow/recording/test_recorder.py",
            "tests/shadow/recording/test_content.py::test_full_content_is_on_route_spans_in_the_genai_form",
            "tests/shadow/recording/test_reload.py::test_a_bad_file_keeps_the_old_version_running_and_says_why",
            "tests/shadow/test_observer.py::test_shadows_and_rows_see_the_complexity_that_the_caller_did_not_wait_for",
        ),
    ),
    Module("shadow/state/breaker.py", ("tests/shadow/state/test_breaker.py",)),
    Module("shadow/runtime/containment.py", ("tests/shadow/runtime/test_containment.py",)),
    Module("collector/store/writer.py", ("tests/collector/test_writer.py",)),
    Module(
        "analysis/verdict/judge.py",
        ("tests/analysis/test_verdict_rule.py", "tests/analysis/test_verdict_judge.py"),
    ),
    Module("analysis/verdict/rule.py", ("tests/analysis/test_verdict_rule.py",)),
    Module("analysis/measures/noise_floor.py", ("tests/analysis/test_noise_floor.py",)),
)


def main(only: Sequence[str]) -> int:
    """Run the named modules, else all; 0 if each kills enough."""
    chosen = [module for module in MODULES if not only or module.name in only]
    if not chosen:
        print(f"no module {', '.join(only)}; there are {', '.join(module.name for module in MODULES)}")
        return 2
    found = {module.name: _run(module) for module in chosen}
    enough = True
    for name, states in found.items():
        total = states.total()
        killed = sum(states[state] for state in KILLED)
        ok = bool(total) and killed >= AT_LEAST * total
        enough &= ok
        rest = ", ".join(f"{n} {state}" for state, n in states.items() if state not in KILLED)
        hang = f"({states[HANGS]} of them hang)" if states[HANGS] else ""
        share = killed / max(total, 1)
        print(f"{name:14} {killed:4}/{total:<4} killed {share:6.1%}  {'' if ok else 'TOO FEW  '}{hang:20}{rest}")
    return 0 if enough else 1


def _run(module: Module) -> Counter[str]:
    tree = TREES / module.name
    _plant(tree)
    mutants = tree / "mutants"
    environment = os.environ | {
        "PYTHONPATH": str(mutants),
        "SHADOWROUTE_EXAMPLES": "10",
        "SHADOWROUTE_ANSWERS": str(tree / "answers"),
    }
    print(f"\n{module.path}", flush=True)
    mutmut = str(Path(sys.executable).with_name("mutmut"))
    states: dict[str, str] = {}
    for patience in PATIENCE:
        (tree / "pyproject.toml").write_text(_settings(module, patience))  # all but what hung keeps its state
        with (tree / "log.txt").open("a") as log:
            done = subprocess.run([mutmut, "run"], cwd=tree, env=environment, check=False, stdout=log, stderr=log)
        if done.returncode:
            print(f"  mutmut failed; {tree.relative_to(ROOT)}/log.txt says why")
            return Counter()
        listed = subprocess.run(
            [mutmut, "results", "--all", "true"], cwd=tree, env=environment, check=True, capture_output=True, text=True
        )
        states = dict(line.strip().split(": ", 1) for line in listed.stdout.splitlines())
        if HANGS not in states.values():
            break
    for name, state in states.items():
        if state != "killed":
            print(f"  {state}: {name}")
    return Counter(states.values())


def _plant(tree: Path) -> None:
    shutil.rmtree(tree, ignore_errors=True)
    (tree / "mutants").mkdir(parents=True)  # Python remembers of a missing folder on its path that it is missing
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for folder in ("shadow", "tests"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=ignored)
    for folder in ("collector", "analysis", "app"):
        shutil.copytree(ROOT / folder, tree / "shadowroute" / folder, ignore=ignored)


def _settings(module: Module, patience: int) -> str:
    path = module.path if module.path.startswith("shadow/") else f"shadowroute/{module.path}"
    whole = (ROOT / "pyproject.toml").read_text()
    assert tomllib.loads(whole)["tool"]["pytest"]
    _, _, pytest = whole.partition("[tool.pytest.ini_options]")
    return (
        "[tool.mutmut]\n"
        'source_paths = ["shadow", "shadowroute"]\n'
        f'only_mutate = ["{path}"]\n'
        f"pytest_add_cli_args_test_selection = {list(module.tests)!r}\n"
        'pytest_add_cli_args = ["-p", "no:cacheprovider"]\n'
        'process_isolation = "forkserver"\n'
        "use_git_change_detection = false\n"
        f"timeout_multiplier = {patience}.0\n"
        f"\n[tool.pytest.ini_options]{pytest}"
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
