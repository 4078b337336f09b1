"""Environments outside the one of the tests, each with one release of a library that hosts use.

They lie in `.venv/hosts/`, so that `make clean` takes them along, and are made once: a finished one has a stamp with
what is in it. LiteLLM is never a dependency of this project, and an older `openai` cannot live beside the current one.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.groups import ROOT, skip_group

FOLDER = ROOT / ".venv" / "hosts"
UV = Path(sys.executable).with_name("uv")
STAMP = ".made-of"


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
    folder = FOLDER / release.name
    python = folder / "bin" / "python"
    made_of = hashlib.sha256(repr((release, (ROOT / "shadow" / "pyproject.toml").read_text())).encode()).hexdigest()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{release.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes run side by side
        stamp = folder / STAMP
        if not stamp.exists() or stamp.read_text() != made_of:
            overrides = FOLDER / f"{release.name}.overrides"
            overrides.write_text("\n".join(release.overrides))
            _run(UV, "venv", "--quiet", "--clear", "--python", sys.executable, folder)
            install = (UV, "pip", "install", "--quiet", "--python", python, "--override", overrides)
            _run(*install, *release.packages, "-e", ROOT / "shadow")
            stamp.write_text(made_of)
    return python


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        skip_group("litellm", f"an environment cannot be installed ({done.stderr.strip()[-300:]})")
