"""What a newcomer reads first is true: the walks through the files, the map of the rooms, and the decisions."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

from tests.support.groups import ROOT

CONTRIBUTING: Final = (ROOT / "CONTRIBUTING.md").read_text()
WALKS: Final = ("One request", "One OTLP body", "One figure", "One verdict")
AT_MOST: Final = 12
DECISIONS: Final = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
PARTS: Final = ["Context", "Decision", "Consequences", "Measurements", "Refused"]
PAGE_LINES: Final = 60
PAGE_WORDS: Final = 650


def section(title: str) -> str:
    """The text below a heading of the third level."""
    return CONTRIBUTING.split(f"\n### {title}\n", 1)[1].split("\n#", 1)[0]


@pytest.mark.parametrize("title", WALKS)
def test_a_walk_leads_through_files_that_exist(title: str) -> None:
    """At most twelve, each once, in order, and each with a line that says what happens there."""
    steps = re.findall(r"^(\d+)\. (.*)$", section(title), re.MULTILINE)
    assert 8 <= len(steps) <= AT_MOST
    assert [int(number) for number, _ in steps] == list(range(1, len(steps) + 1))
    said = [re.fullmatch(r"`([\w/.]+)`: (.{15,160})", step) for _, step in steps]
    assert None not in said, [step for (_, step), match in zip(steps, said, strict=True) if match is None]
    files = [match[1] for match in said if match]
    assert len(set(files)) == len(files)
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_the_map_shows_every_room_and_door() -> None:
    """And the rooms stand in the order in which they may import each other."""
    text = section("The rooms of `shadow/`")
    rooms = re.findall(r"^\| `(\w+)/` \|", text, re.MULTILINE)
    assert sorted(rooms) == sorted(path.parent.name for path in (ROOT / "shadow").glob("*/__init__.py"))
    doors = re.findall(r"`(\w+)`", text.split(".", 1)[0])
    assert sorted(doors) == sorted(path.stem for path in (ROOT / "shadow").glob("*.py"))
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract.get("containers") == ["shadow"]]
    order = [name for layer in layers for name in layer.split(" | ") if name in rooms]
    assert rooms == order


@pytest.mark.parametrize("page", DECISIONS, ids=[page.stem for page in DECISIONS])
def test_a_decision_fits_on_a_page_and_says_why(page: Path) -> None:
    """With all its parts, and linked from where readers begin."""
    text = page.read_text()
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == PARTS
    assert len(text.splitlines()) <= PAGE_LINES
    assert len(text.split()) <= PAGE_WORDS
    assert re.search(r"^\*Accepted on \d{4}-\d\d-\d\d", text, re.MULTILINE)
    assert page.name in (ROOT / "docs" / "decisions" / "README.md").read_text()
    assert page.name in CONTRIBUTING


def test_the_decisions_are_numbered_and_on_the_map() -> None:
    """Without a gap; the README leads to them."""
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    assert len(DECISIONS) >= 5
    assert "docs/decisions/README.md" in (ROOT / "README.md").read_text()
