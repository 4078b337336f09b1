"""Groups of tests that need something a machine may lack. A named group must run: there its skip is a failure.

`SHADOWROUTE_REQUIRE=browser,data` is what CI sets where a browser and the shared data exist.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("SHADOWROUTE_DATA", ROOT.parent / "shared" / "data"))
CASES = DATA.parent / "cases"


def required_groups() -> set[str]:
    """Groups that this run must not skip."""
    return {name.strip() for name in os.environ.get("SHADOWROUTE_REQUIRE", "").split(",") if name.strip()}


def skip_group(group: str, reason: str) -> None:
    """Skip the calling test with a reason, or fail it where the group is required."""
    if group in required_groups():
        pytest.fail(f"group {group!r} is required by SHADOWROUTE_REQUIRE, but {reason}", pytrace=False)
    pytest.skip(f"{group}: {reason}")


def need_data(*names: str) -> list[Path]:
    """Paths of the named files of the shared data; skips the test where one is absent."""
    paths = [DATA / name for name in names]
    missing = [path.name for path in paths if not path.exists()]
    if missing:
        skip_group("data", f"the shared data is absent ({', '.join(missing)}; SHADOWROUTE_DATA names its folder)")
    return paths


def need_case(name: str) -> Path:
    """The input of a shared case, `import/csv-epoch-ms-text` for example; skips the test where it is absent."""
    found = sorted((CASES / name).glob("input.*"))
    if not found:
        skip_group("data", f"the shared case {name} is absent (SHADOWROUTE_DATA names the folder beside the cases)")
    return found[0]


def need_browser() -> str:
    """Path of a Chromium; skips the test where there is none."""
    for name in (os.environ.get("SHADOWROUTE_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name) if name else None
        if found:
            return found
    skip_group("browser", "no Chromium is installed (Debian: apt-get install chromium)")
    raise AssertionError


def need_node() -> str:
    """Path of npm; skips the test where Node.js is absent."""
    found = shutil.which("npm") if shutil.which("node") else None
    if not found:
        skip_group("node", "Node.js with npm is not installed")
        raise AssertionError
    return found
