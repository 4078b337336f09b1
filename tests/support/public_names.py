"""What docs/reference/python.md promises: its tables, and the objects that they name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Final

from shadow.errors import ConfigError
from tests.support.groups import ROOT

PAGE: Final = ROOT / "docs" / "reference" / "python.md"
CALL: Final = re.compile(r"(?P<name>[A-Za-z_][\w.]*)(?P<arguments>\(.*\))?")
ROW: Final = re.compile(r"^\| (?P<names>`shadow[^|]*`) \| (?P<text>.*) \|$", re.MULTILINE)
NO_DEFAULT: Final = object()


@dataclass(frozen=True)
class Named:
    """A name in backticks, with the arguments that it is shown with.

    Attributes:
        name: dotted.
        arguments: their names, each with its default; `NO_DEFAULT` where the page shows none. None = it is no call.
    """

    name: str
    arguments: dict[str, Any] | None

    @property
    def last(self) -> str:
        """Behind the last dot."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True)
class Row:
    """A row of a table: the names that it promises, and what it says of them."""

    names: tuple[Named, ...]
    mentions: tuple[Named, ...]


def rows() -> list[Row]:
    """Every row of the page that promises a name."""
    return [Row(tuple(named(row["names"])), tuple(named(row["text"]))) for row in ROW.finditer(PAGE.read_text())]


def named(text: str) -> Iterator[Named]:
    """The names in backticks of a text."""
    for code in re.findall(r"`([^`]+)`", text):
        match = CALL.fullmatch(code)
        if match:
            yield Named(match["name"], None if match["arguments"] is None else _arguments(code))


@cache
def public() -> dict[str, Any]:
    """Every promised object by its dotted name."""
    shadow = import_module("shadow")
    names = {f"shadow.{name}" for name in shadow.__all__} | {each.name for row in rows() for each in row.names}
    return {name: resolved(name) for name in sorted(names)}


def resolved(name: str) -> Any:
    """The object of a dotted name; None for one that is made of a routing file that nothing names here.

    Raises:
        AttributeError, ImportError: there is none.
    """
    module, _, last = name.rpartition(".")
    try:
        return getattr(import_module(module), last)
    except ConfigError:
        return None


def _arguments(code: str) -> dict[str, Any]:
    """`f(a, b=1, c=...)`: a and c without a default that is shown. `f(...)` shows nothing of its arguments."""
    call = ast.parse(code, mode="eval").body
    assert isinstance(call, ast.Call), code
    shown: dict[str, Any] = {argument.id: NO_DEFAULT for argument in call.args if isinstance(argument, ast.Name)}
    for keyword in call.keywords:
        value = ast.literal_eval(keyword.value)
        shown[str(keyword.arg)] = NO_DEFAULT if value is ... else value
    return shown
