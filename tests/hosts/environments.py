"""Environments outside the one of the tests, each with one release of a library that hosts use.

LiteLLM is never a dependency of this project, and an older `openai` cannot live beside the current one. What comes from
the index is an entry of the cache of tests/support/ci_cache.py; `.venv/hosts/` holds an environment that sees it and
this clone's SDK, so that `make clean` takes it along.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support import ci_cache
from tests.support.groups import ROOT, skip_group

FOLDER = ROOT / ".venv" / "hosts"
UV = Path(sys.executable).with_name("uv")
SDK = ROOT / "shadow"
LINK = "from-the-cache.pth"


@dataclass(frozen=True)
class Release:
    """One set of pinned packages.

    Attributes:
        name: of its folder.
        packages: what is installed beside the SDK.
        overrides: replaces requirements of those packages.
    """

    name: str
    packages: tuple[str, ...]
    overrides: tuple[str, ...] = ()


CURRENT = Release(
    "current",
    ("litellm[proxy]==1.110.2", "openai==3.57.0"),
    # Companions of the proxy for its database and its paid parts; this release pins files that no index has.
    ("litellm-proxy; sys_platform == 'never'", "litellm-proxy-extras>=0.4.100", "litellm-enterprise>=0.1.80"),
)
OLDER = Release("older", ("litellm[proxy]==1.80.0", "openai==2.8.0"))
RELEASES = (CURRENT, OLDER)


def python_of(release: Release) -> Path:
    """Interpreter of the environment; made now if it is not there. Skips the test where it cannot be installed."""
    packages = ci_cache.found_or_made(
        f"hosts-{release.name}",
        repr(release),
        (SDK / "pyproject.toml").read_text(),
        make=lambda folder: _install(release, folder),
    )
    return _beside_the_sdk(release, packages)


def _install(release: Release, folder: Path) -> None:
    """Everything that the SDK and the host need, and not the SDK, which is this clone's."""
    overrides = folder / "overrides.txt"
    overrides.write_text("\n".join(release.overrides))
    _run(UV, "venv", "--quiet", "--relocatable", "--allow-existing", "--python", sys.executable, folder)
    install = (UV, "pip", "install", "--quiet", "--python", folder / "bin" / "python", "--override", overrides)
    _run(*install, *release.packages, "-r", SDK / "pyproject.toml")


def _beside_the_sdk(release: Release, packages: Path) -> Path:
    """An environment of this clone: its SDK, and behind it what lies in the cache."""
    folder = FOLDER / release.name
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{release.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes run side by side
        links = list(folder.glob(f"lib/python*/site-packages/{LINK}"))
        (cached,) = packages.glob("lib/python*/site-packages")
        if not links or links[0].read_text() != f"{cached}\n":
            _run(UV, "venv", "--quiet", "--clear", "--python", sys.executable, folder)
            python = folder / "bin" / "python"
            _run(UV, "pip", "install", "--quiet", "--python", python, "--no-deps", "-e", SDK)
            shutil.copy2(packages / "bin" / "litellm", folder / "bin")  # it starts the interpreter that lies beside it
            (folder / cached.relative_to(packages) / LINK).write_text(f"{cached}\n")
    return folder / "bin" / "python"


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        skip_group("litellm", f"an environment cannot be installed ({done.stderr.strip()[-300:]})")
