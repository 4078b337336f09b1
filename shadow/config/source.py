"""A YAML file as plain values with their lines.

By the rules of YAML 1.2: only true and false are booleans, and there are no dates, so that `version: 2026-11-01` and
`task: no` are texts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import yaml

from shadow.config.noted_files import read_bytes
from shadow.errors import ConfigError

BYTES_AT_MOST: Final = 1_048_576
VALUES_AT_MOST: Final = 20_000
DEPTH_AT_MOST: Final = 30
DIGITS_AT_MOST: Final = 20
"""A longer run of digits is an id, not a count, and stays text."""

NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
BOOLEANS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
INTEGER: Final = re.compile(r"[-+]?[0-9]+")
NUMBER: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
NOT_FINITE: Final = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")

Place = tuple[str | int, ...]
"""Keys and list indices from the root of a file to a value."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its value, and the line of every value by its path."""

    file: Path
    value: Any
    lines: Mapping[Place, int]

    def error(self, message: str, path: Place = ()) -> ConfigError:
        """An error at a value, or at its parent if the value is absent."""
        while path and path not in self.lines:
            path = path[:-1]
        return ConfigError(message, file=self.file, line=self.lines.get(path))

    def located(self, location: Sequence[str | int]) -> Place:
        """The path of a location, without names that are not in the file, such as a type's tag."""
        path: Place = ()
        for part in location:
            if (*path, part) in self.lines:
                path = (*path, part)
        return path

    def with_environment(self) -> tuple[Source, list[ConfigError]]:
        """The same file with `${NAME}` and `${NAME:-default}` replaced, and the errors of unset variables."""
        problems: list[ConfigError] = []
        return replace(self, value=self._substituted(self.value, (), problems)), problems

    def _substituted(self, value: Any, path: Place, problems: list[ConfigError]) -> Any:
        if isinstance(value, dict):
            return {key: self._substituted(each, (*path, key), problems) for key, each in value.items()}
        if isinstance(value, list):
            return [self._substituted(each, (*path, place), problems) for place, each in enumerate(value)]
        if not isinstance(value, str):
            return value

        def read(match: re.Match[str]) -> str:
            name: str = match[1]
            default: str | None = match[2]
            found: str | None = os.environ.get(name, default)
            if found is None:
                problems.append(
                    self.error(
                        f"environment variable {name} must be set; export it, or write ${{{name}:-a default}}", path
                    )
                )
            return match[0] if found is None else found

        return VARIABLE.sub(read, value)


def read_source(file: Path) -> Source:
    """Read and parse a file.

    Raises:
        ConfigError: the file cannot be read, is not YAML, repeats a key, or is too large.
    """
    text = _read_text(file)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise ConfigError(
            f"file must be YAML; {error.problem or error.context or 'it cannot be parsed'}",
            file=file,
            line=None if mark is None else mark.line + 1,
        ) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"file must be YAML; {str(error)[:200]}", file=file) from None
    if node is None:
        raise ConfigError("file must not be empty", file=file)
    reader = _Reader(file)
    value = reader.value(node, ())
    return Source(file, value, reader.lines)


def _read_text(file: Path) -> str:
    try:
        body = read_bytes(file, BYTES_AT_MOST + 1)
    except FileNotFoundError:
        raise ConfigError("file must exist; check the path", file=file) from None
    except OSError as error:
        raise ConfigError(f"file must be readable; {error.strerror}", file=file) from None
    if len(body) > BYTES_AT_MOST:
        raise ConfigError(f"file must be at most {BYTES_AT_MOST:,} bytes", file=file)
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError("file must be UTF-8 text", file=file) from None


class _Reader:
    """Turns the nodes of one file into values, and notes their lines."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.lines: dict[Place, int] = {}

    def value(self, node: yaml.Node, path: Place) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if len(self.lines) > VALUES_AT_MOST or len(path) > DEPTH_AT_MOST:
            raise self._error(f"file must have at most {VALUES_AT_MOST:,} values, {DEPTH_AT_MOST} deep", node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*path, place)) for place, child in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        raise self._error("value must be text, a number, a list or a mapping", node)

    def _mapping(self, node: yaml.MappingNode, path: Place) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error("keys must be text", key_node)
            if key in values:
                raise self._error(f'key "{key}" must appear once; remove one of them', key_node)
            self.lines[*path, key] = key_node.start_mark.line + 1
            values[key] = self.value(value_node, (*path, key))
        return values

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text: str = node.value
        if node.style is not None:
            return text
        if text in NULLS:
            return None
        if text in BOOLEANS:
            return BOOLEANS[text]
        if INTEGER.fullmatch(text):
            return int(text) if len(text) <= DIGITS_AT_MOST else text
        if NUMBER.fullmatch(text) or NOT_FINITE.fullmatch(text):
            return float(NOT_FINITE.sub(lambda match: match[0].replace(".", ""), text))
        return text

    def _error(self, message: str, node: yaml.Node) -> ConfigError:
        return ConfigError(message, file=self._file, line=node.start_mark.line + 1)


def source_of(path: Path, problems: list[ConfigError]) -> Source | None:
    """The content of a file; None if it cannot be read, which is added to `problems`."""
    try:
        return read_source(path)
    except ConfigError as error:
        problems.append(error)
        return None
