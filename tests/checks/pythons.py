"""The SDK under every Python that it is said to run under: its tests, each time in a virtual environment of its own.

`make test-pythons` takes the Pythons that it finds on the path and in pyenv; `make test-pythons PYTHONS="3.12
/opt/python3.13/bin/python"` takes these, and a version among them must be there. The environments stay in
`build/pythons`; each holds what `requirements/dev.lock` pins, so that the lock is tried as well.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.support.groups import ROOT

ENVIRONMENTS: Final = ROOT / "build" / "pythons"
PYENV: Final = Path.home() / ".pyenv" / "versions"
TESTS: Final = "tests/shadow"
PLATFORM: Final = "Programming Language :: Python :: "


def supported() -> list[str]:
    """Versions that the package names, such as 3.11."""
    classifiers = tomllib.loads((ROOT / "shadow" / "pyproject.toml").read_text())["project"]["classifiers"]
    return [each.removeprefix(PLATFORM) for each in classifiers if re.fullmatch(rf"{PLATFORM}\d+\.\d+", each)]


def found(version: str) -> str | None:
    """Path of an interpreter of this version; pyenv's newest before the one on the path, which may be a shim."""
    own = sorted(PYENV.glob(f"{version}.*/bin/python"), key=lambda path: int(path.parts[-3].rpartition(".")[2]))
    return str(own[-1]) if own else shutil.which(f"python{version}")


def main(wanted: Sequence[str]) -> int:
    """Run the tests under each; 0 if all pass under each."""
    chosen = list(_chosen(wanted))
    if not chosen:
        print(f"no Python of {', '.join(supported())} is installed; PYTHONS=/path/to/python names one")
        return 2
    codes = {python: _run(python) for python in chosen}
    print()
    for python, code in codes.items():
        print(f"{'passed' if code == 0 else f'FAILED ({code})':12} {python}")
    return 1 if any(codes.values()) else 0


def _chosen(wanted: Sequence[str]) -> Iterator[str]:
    for each in wanted or supported():
        python = each if "/" in each else found(each)
        if python is not None:
            yield python
        elif wanted:
            raise SystemExit(f"Python {each} is not installed; name its path, or install it (pyenv install {each})")
        else:
            print(f"Python {each} is not installed, so it is left out")


def _run(python: str) -> int:
    asked = [python, "-c", "import sys; print('{}.{}.{}'.format(*sys.version_info))"]
    version = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    print(f"\nPython {version} ({python})", flush=True)
    home = ENVIRONMENTS / version
    uv = [str(Path(sys.executable).with_name("uv"))]
    install = [*uv, "pip", "install", "--quiet", "--python", str(home)]
    for command in (
        [*uv, "venv", "--quiet", "--allow-existing", "--python", python, str(home)],
        [*install, "--require-hashes", "-r", "requirements/dev.lock"],
        [*install, "--no-deps", "--no-build-isolation", "-e", "./shadow", "-e", "."],
    ):
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        if code:
            return code
    tests = [str(home / "bin" / "pytest"), TESTS, "-q", "-n", "auto", "--maxprocesses", "4", "-p", "no:cacheprovider"]
    return subprocess.run(tests, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
