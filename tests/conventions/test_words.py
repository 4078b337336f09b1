"""The fixed words of the project, and what must never be in its files."""

from __future__ import annotations

import re
import subprocess

from tests.support.groups import ROOT


def tracked_text() -> dict[str, str]:
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    text = {}
    for name in names:
        path = ROOT / name
        if path.is_file() and path.suffix in {".py", ".md", ".sql", ".yaml", ".toml", ".yml", ".mjs", ""}:
            text[name] = path.read_text(errors="replace")
    return text


def test_no_unfinished_places() -> None:
    """No file carries a marker of unfinished work."""
    marker = re.compile(r"\b(TODO|FIXME|XXX)\b|NotImplementedError")
    found = [name for name, text in tracked_text().items() if marker.search(text) and name != "LICENSE"]
    assert [name for name in found if not name.startswith("tests/conventions/")] == []


def test_no_absolute_paths_of_a_machine() -> None:
    """No file names a path of the machine it was written on."""
    path = re.compile(r"(?<![A-Za-z0-9_.])/(?:home|root|work|Users)/[a-z]")
    assert [name for name, text in tracked_text().items() if path.search(text)] == []
