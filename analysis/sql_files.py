"""The SELECTs of `analysis/sql`, with the content of their headers, and their common parts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import indent
from typing import Final

FOLDER: Final = Path(__file__).parent / "sql"

_PART: Final = re.compile(r"^( *)-- part: (\w+)$", re.MULTILINE)
_HEADER: Final = re.compile(r"^-- (what|grain|params): (.*)$")
_PARAM: Final = re.compile(r"(\w+) ([A-Z]\w*(?:\([^)]*\))?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One file.

    Attributes:
        text: the SELECT, header and comments removed: some proxies read the first word only.
        params: name to ClickHouse type, as the header lists them.
    """

    name: str
    what: str
    grain: str
    params: dict[str, str]
    text: str


@cache
def statement(name: str) -> Statement:
    """The statement of `sql/<name>.sql`.

    Raises:
        FileNotFoundError: if there is no such file.
        KeyError: if its header lacks a line.
    """
    path = FOLDER / f"{name}.sql"
    matches = (_HEADER.match(line) for line in path.read_text().splitlines())
    header = {match[1]: match[2] for match in matches if match}
    body = "\n".join(line.split(" -- ")[0].rstrip() for line in body_of(path).splitlines())
    return Statement(
        name=name,
        what=header["what"],
        grain=header["grain"],
        params=dict(_PARAM.findall(header["params"])),
        text=body.strip(),
    )


def body_of(path: Path) -> str:
    """A file below its header; a line `-- part: NAME` stands for `parts/NAME.sql`, indented like the line.

    Raises:
        FileNotFoundError: if there is no such part.
    """
    lines = path.read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("--") or line.startswith("-- part: "))
    return _PART.sub(lambda match: indent(body_of(FOLDER / "parts" / f"{match[2]}.sql"), match[1]), text)


def names() -> list[str]:
    """All statements, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.sql"))
