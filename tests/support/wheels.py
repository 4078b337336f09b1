"""Both distributions as they ship: built once per test run, installed into environments that hold nothing else."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.checks.wheel_contents import UV, build, copy_sources
from tests.support.groups import ROOT

LOCKED = ("-c", ROOT / "requirements" / "dev.lock")


def sdk_wheel(factory: pytest.TempPathFactory) -> Path:
    """The wheel of the SDK."""
    return _wheel(factory, "shadow")


def platform_wheel(factory: pytest.TempPathFactory) -> Path:
    """The wheel of the platform."""
    return _wheel(factory, ".")


def environment(factory: pytest.TempPathFactory, name: str, *packages: str | Path) -> Path:
    """Interpreter of an environment with these packages and what they depend on; all test processes share it."""

    def make(folder: Path) -> None:
        subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, folder], check=True)
        # With the locked versions: from uv's cache, which `make install` filled, else from the index.
        command = [UV, "pip", "install", "--quiet", "--python", folder / "bin" / "python", *LOCKED, *packages]
        if subprocess.run([*command, "--offline"], check=False, capture_output=True).returncode:
            subprocess.run(command, check=True)

    return _once(factory, name, make) / "bin" / "python"


def with_another(python: Path, folder: Path, package: str, text: str | None) -> Path:
    """Interpreter of an environment like that one, in which one top-level package is another, or none for None."""
    site = next(python.parents[1].glob("lib/python*/site-packages"))
    copy = folder / site.relative_to(python.parents[1])
    copy.mkdir(parents=True)
    for entry in site.iterdir():
        if entry.name != package:
            (copy / entry.name).symlink_to(entry)
    if text is not None:
        (copy / package).mkdir()
        (copy / package / "__init__.py").write_text(text)
    (folder / "pyvenv.cfg").write_bytes((python.parents[1] / "pyvenv.cfg").read_bytes())
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(python.resolve())
    script = (python.parent / "shadowroute").read_text().replace(str(python), str(folder / "bin" / "python"))
    (folder / "bin" / "shadowroute").write_text(script)
    (folder / "bin" / "shadowroute").chmod(0o755)
    return folder / "bin" / "python"


def _wheel(factory: pytest.TempPathFactory, project: str) -> Path:
    def make(folder: Path) -> None:
        copy_sources(folder / "source")
        for each in ("shadow", "."):
            build(folder / "source" / each, folder / each)

    return next((_once(factory, "wheels", make) / project).glob("*.whl"))


def _once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first test process to need it makes, and all of this run share."""
    own = factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder = shared / name
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".made").exists():
            make(folder)
            (folder / ".made").touch()
    return folder
