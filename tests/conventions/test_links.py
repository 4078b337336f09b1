"""Every link of the documentation leads somewhere: to a file of the repository, and to a heading in it."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from tests.support.groups import ROOT

LINK: Final = re.compile(r"\]\(<?([^)<>\s]+)>?(?:\s+\"[^\"]*\")?\)|\b(?:src|href)=\"([^\"]+)\"")
CODE: Final = re.compile(r"^(```|~~~).*?^\1\s*?$|`[^`\n]+`", re.DOTALL | re.MULTILINE)
MENTION: Final = re.compile(r"(?<![\w/.-])(?:[\w-]+/)*[\w-]+\.md\b(?:#[\w-]+)?")
"""A page that a message, docstring or comment sends its reader to, from the root of the repository."""
NAMED_FILE: Final = re.compile(r"`((?:shadow|collector|analysis|app|tests|examples|docs|deploy)/[\w/.-]*\w)`")
"""A file or folder that a page names."""
ELSEWHERE: Final = ("http://", "https://", "mailto:")


@cache
def tracked() -> tuple[Path, ...]:
    """Files of the repository, those included that are about to be added."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return tuple(path for name in names if (path := ROOT / name).is_file())


def pages() -> list[Path]:
    """Everything in Markdown."""
    return [path for path in tracked() if path.suffix == ".md"]


@cache
def anchors(page: Path) -> frozenset[str]:
    """What `#...` may say of a page, as GitHub makes it of headings: a second one of the same name ends with -1."""
    seen: Counter[str] = Counter()
    found = set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", page.read_text()))
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", without_fences(page.read_text()), re.MULTILINE):
        slug = slug_of(heading)
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return frozenset(found)


def slug_of(heading: str) -> str:
    """The anchor of a heading."""
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", heading.strip()).lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def without_fences(text: str) -> str:
    """The text without blocks of code, whose comments look like headings."""
    return re.sub(r"^(```|~~~).*?^\1\s*?$", "", text, flags=re.DOTALL | re.MULTILINE)


def links(page: Path) -> Iterator[str]:
    """Targets of links and pictures outside of code."""
    for match in LINK.finditer(CODE.sub("", page.read_text())):
        target = match[1] or match[2]
        if not target.startswith(ELSEWHERE):
            yield target


def broken(page: Path, target: str) -> str:
    """What is wrong with a link, in a few words; empty if it leads somewhere."""
    path, _, anchor = target.partition("#")
    place = (page.parent / path).resolve() if path else page
    if not place.exists():
        return "there is no such file"
    if not place.is_relative_to(ROOT):
        return "it leads out of the repository"
    if anchor and (place.suffix != ".md" or anchor not in anchors(place)):
        return "there is no such heading"
    return ""


def test_every_link_of_the_documentation_leads_somewhere() -> None:
    """To a file of the repository, and to a heading where it names one."""
    checked = [(page, target) for page in pages() for target in links(page)]
    assert len(checked) > 150
    wrong = [f"{page.relative_to(ROOT)}: {target}: {why}" for page, target in checked if (why := broken(page, target))]
    assert wrong == []


def test_a_page_that_the_code_names_exists() -> None:
    """Messages, docstrings, settings and SQL send their readers to pages and headings that are there."""
    suffixes = {".py", ".sql", ".toml", ".yaml", ".yml", ".j2"}
    sources = [path for path in tracked() if path.suffix in suffixes and not path.is_relative_to(ROOT / "tests")]
    named = [(path, mention) for path in sources for mention in MENTION.findall(path.read_text(errors="replace"))]
    assert len(named) > 10
    wrong = [f"{path.relative_to(ROOT)}: {name}: {why}" for path, name in named if (why := broken(ROOT / "x", name))]
    assert wrong == []


def test_a_file_that_a_page_names_exists() -> None:
    """Pages say which code does what; the code moves, and they move with it."""
    named = [(page, name) for page in pages() for name in NAMED_FILE.findall(page.read_text())]
    assert len(named) > 20
    assert [f"{page.relative_to(ROOT)}: {name}" for page, name in named if not (ROOT / name).exists()] == []


def test_every_page_is_reached() -> None:
    """From the README a reader gets to every page below docs/ by links alone."""
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page.suffix == ".md" and page not in reached:
            reached.add(page)
            waiting += [(page.parent / target.partition("#")[0]).resolve() for target in links(page)]
    below_docs = {page for page in pages() if page.is_relative_to(ROOT / "docs")}
    assert sorted(str(page.relative_to(ROOT)) for page in below_docs - reached) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    """The check can fail: a missing file, a missing heading, a heading that only code has, a way out."""
    page = ROOT / "docs" / "packet.md"
    assert broken(page, "nowhere.md") == "there is no such file"
    assert broken(page, "verdict.md#nowhere") == "there is no such heading"
    assert broken(page, "../../../../../../etc") != ""
    assert broken(page, "verdict.md") == ""
    sample = tmp_path / "sample.md"
    sample.write_text(
        "# A heading: `code`, twice!\n```sh\n# no heading\n```\n## Twice\n## Twice\n[a](b.md) `[c](d.md)`\n"
    )
    assert anchors(sample) == {"a-heading-code-twice", "twice", "twice-1"}
    assert list(links(sample)) == ["b.md"]
