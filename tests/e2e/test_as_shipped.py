"""Both wheels in an empty environment, run from a user's folder whose packages have names of ours, whole or broken."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import free_ports, running_up
from tests.support.groups import ROOT
from tests.support.wheels import environment, platform_wheel, sdk_wheel, with_another

FOREIGN = ("app", "analysis", "collector", "typer")
WHOLE = {
    "app/deciders.py": "from analysis import small\n\n\ndef decide(request):\n    return small()\n",
    "analysis/__init__.py": "def small():\n    return 'gpt-5-mini'\n",
}
BROKEN = dict.fromkeys((f"{name}/__init__.py" for name in FOREIGN), "raise RuntimeError('not what was meant')\n")
OWN = "policy: own\nchoose: {call: 'app.deciders:decide', version: '1'}\n"
DEMO = "chdb://.shadowroute/demo/store"
PLAN = ".shadowroute/demo/plans/cheap-first.yaml"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Interpreter of an environment that holds the two wheels, their dependencies, and nothing else."""
    return environment(tmp_path_factory, "both", sdk_wheel(tmp_path_factory), platform_wheel(tmp_path_factory))


@pytest.fixture(params=["whole", "broken"])
def beside(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder without the checkout, with foreign packages."""
    for name in FOREIGN:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    for file, text in (WHOLE if request.param == "whole" else BROKEN).items():
        (tmp_path / file).write_text(text)
    return tmp_path


def run(program: Path | str, *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """One command with PYTHONPATH=. and nothing else of this machine's settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "SHADOW"))}
    return subprocess.run(
        [program, *arguments], cwd=cwd, env={**kept, "PYTHONPATH": "."}, capture_output=True, text=True, check=False
    )


def done(program: Path | str, *arguments: str | Path, cwd: Path) -> str:
    """Standard output of a command that ends well."""
    ended = run(program, *arguments, cwd=cwd)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize(("make", "top"), [(sdk_wheel, "shadow"), (platform_wheel, "shadowroute")])
def test_a_wheel_has_one_top_level(make: Any, top: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Names like `app` belong to the user."""
    names = zipfile.ZipFile(make(tmp_path_factory)).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {top}


def test_the_commands_run_beside_foreign_packages(python: Path, beside: Path) -> None:
    """What needs no store: help, version, a routing folder to start from, and the check of its files."""
    script = python.with_name("shadowroute")
    assert "worksheet" in done(script, "--help", cwd=beside)
    assert done(script, "--version", cwd=beside).startswith("shadowroute 0.")
    done(script, "init", "--service", "shop", cwd=beside)
    assert "shop" in done(script, "policy", "lint", "routing", cwd=beside)
    assert "live" in done(python, "-m", "shadow", "check", "routing/shadow.yaml", cwd=beside)


def test_a_policy_in_python_is_the_user_s_own(python: Path, beside: Path) -> None:
    """Its package `app` and what that imports; a broken one is an error of the file, not of the command."""
    (beside / "own.yaml").write_text(OWN)
    script = python.with_name("shadowroute")
    ended = run(script, "policy", "explain", "own.yaml", "--request", '{"task": "x"}', "--json", cwd=beside)
    if ended.returncode == 0:
        assert json.loads(ended.stdout)["steps"][0]["model"] == "gpt-5-mini"
    else:
        assert ended.returncode == 65
        assert "got 'app.deciders' (RuntimeError: not what was meant)" in ended.stderr
    assert ("raise" in (beside / "app/__init__.py").read_text()) is (ended.returncode == 65)


@pytest.mark.timeout(900)  # five processes that load the engine, beside whatever else runs
def test_a_week_is_simulated_measured_and_read_in_a_notebook(python: Path, beside: Path) -> None:
    """The demo, the report and the doctor of its store, and the documented example in a process of its own."""
    script = python.with_name("shadowroute")
    assert "300 requests" in done(script, "demo", "--exit", "--requests", "300", cwd=beside)
    report = json.loads(done(script, "report", "--json", "--store", DEMO, cwd=beside))
    assert report["requests"] == 300
    assert "100.0 % of its decisions are there" in done(script, "doctor", "--store", DEMO, cwd=beside)
    (beside / "examples").mkdir()
    shutil.copy2(ROOT / "examples" / "notebook.py", beside / "examples")
    told = done(python, "examples/notebook.py", DEMO, "demo", PLAN, cwd=beside)
    assert told.splitlines()[-1].startswith("packet of traffic ")


@pytest.mark.parametrize("beside", ["broken"], indirect=True)
def test_the_review_app_starts_beside_foreign_packages(python: Path, beside: Path) -> None:
    """Streamlit imports most of what is installed, and the receiver, the engine and the pages run in its process."""
    with running_up(cwd=beside, ports=free_ports(3), script=python.with_name("shadowroute"), PYTHONPATH=".") as up:
        with urllib.request.urlopen(f"{up.ui_url}/_stcore/health", timeout=60) as answer:
            assert answer.read() == b"ok"
        assert up.stop()[0] == 0


@pytest.mark.parametrize(
    ("package", "text", "arguments", "named"),
    [
        ("typer", "raise RuntimeError('no')\n", ["gate", "--plan", "plan.yaml"], "typer"),
        ("typer", "raise SystemExit(1)\n", ["gate", "--plan", "plan.yaml"], "typer"),
        ("typer", "", ["--help"], "typer"),
        ("typer", None, ["report"], "typer"),
        (
            "numpy",
            "raise ImportError('no')\n",
            ["gate", "--plan", "plan.yaml"],
            "numpy",
        ),  # only imported by the command
        ("yaml", "def\n", ["policy", "lint", "routing"], "PyYAML"),
    ],
)
def test_a_broken_dependency_is_70(
    *, python: Path, tmp_path: Path, package: str, text: str | None, arguments: list[str], named: str
) -> None:
    """Never one of the gate's answers: one line with the package, what it means, and what to do."""
    script = with_another(python, tmp_path / "env", package, text).with_name("shadowroute")
    ended = run(script, *arguments, cwd=tmp_path)
    assert ended.returncode == 70, ended.stderr
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"shadowroute: the installed package {named} cannot be imported (")
    assert f"repair it: pip install --force-reinstall {named}==" in line


def test_the_sdk_s_own_command_names_a_broken_dependency(python: Path, tmp_path: Path) -> None:
    """`python -m shadow check` needs no platform, and Python's 1 is no code of ours."""
    another = with_another(python, tmp_path / "env", "pydantic", "raise RuntimeError('no')\n")
    ended = run(another, "-m", "shadow", "check", "routing/shadow.yaml", cwd=tmp_path)
    assert (ended.returncode, ended.stderr.count("\n")) == (70, 1), ended.stderr
    assert "the installed package pydantic cannot be imported" in ended.stderr


def test_a_platform_that_crashes_while_it_is_imported_is_70(python: Path, tmp_path: Path) -> None:
    """Half of an upgrade, for example; the trace comes with a sentence."""
    script = with_another(python, tmp_path / "env", "shadowroute", "raise RuntimeError('no')\n").with_name(
        "shadowroute"
    )
    ended = run(script, "gate", "--plan", "plan.yaml", cwd=tmp_path)
    assert ended.returncode == 70
    assert ended.stderr.endswith("this is a bug of ours (RuntimeError). Please report the lines above.\n")


def test_type_checkers_see_the_types_of_every_part(python: Path, tmp_path: Path) -> None:
    """`py.typed` in each portion: mypy reads a namespace package part by part."""
    lines = [
        "from shadow import ShadowError",
        "from shadowroute.analysis.format import counted",
        "from shadowroute.app.links import page_link",
        "from shadowroute.collector.errors import StoreError",
        "reveal_type((ShadowError, counted, page_link, StoreError))",
    ]
    (tmp_path / "theirs.py").write_text("\n".join(lines) + "\n")
    checker = (sys.executable, "-m", "mypy", "--strict", "--python-executable", str(python), "theirs.py")
    ended = run(*checker, cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout
    assert "Any" not in ended.stdout
