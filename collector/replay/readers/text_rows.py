"""Rows of text files: CSV with any separator, JSON lines, JSON documents. A row that is broken costs itself."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from shadow.errors import ConfigError
from shadowroute.collector.replay.readers.files import Text
from shadowroute.collector.replay.record import Skipped

Row = Mapping[str, Any]
Placed = tuple[str, Row | Skipped]
"""Where a row stands, and the row."""
SEPARATORS: Final = (",", ";", "\t", "|")
TOLD_SEPARATOR: Final = re.compile(r"sep=(.)\s*", re.IGNORECASE)
"""Excel's line before the header."""
DECIMAL_COMMA: Final = re.compile(r"-?[0-9]+,[0-9]+")
END: Final = "end of file"
HELD_UNDER: Final = ("data", "rows", "items", "results", "records", "logs")
"""Names under which a document holds its rows."""
SURROGATE: Final = re.compile("[\ud800-\udfff]")
MAY_HOLD_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


class CsvRows:
    """Rows of a CSV file whose header tells the separator.

    Raises:
        ConfigError: there is no such file, or it is no text.
    """

    def __init__(self, file: Path) -> None:
        self._text = Text(file)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        reader, _ = self._reader()
        return tuple(name for name in reader.fieldnames or () if name)

    def __iter__(self) -> Iterator[Placed]:
        """Every row that has a cell for each column, and the others as skipped."""
        csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
        reader, before = self._reader()
        while True:
            try:
                row = next(reader, None)
            except csv.Error as error:
                place = f"line {reader.line_num + before}"
                yield place, Skipped(place, f"no CSV ({error})")
                continue
            if row is None:
                break
            place = f"line {reader.line_num + before}"
            if None in row or None in row.values():
                yield place, Skipped(place, "another number of cells than the header has")
            else:
                yield place, _with_points(row) if reader.reader.dialect.delimiter == ";" else row
        if self._text.cut_off:
            yield END, Skipped(END, self._text.cut_off)

    def _reader(self) -> tuple[csv.DictReader[str], int]:
        """A reader that has read the header, and how many lines stood before it."""
        lines = iter(self._text)
        first = next(lines, "")
        told = TOLD_SEPARATOR.fullmatch(first)
        before = 0
        if told:
            first, before = next(lines, ""), 1
        separator = told[1] if told else separator_of(first)

        def rest() -> Iterator[str]:
            yield first
            yield from lines

        reader = csv.DictReader(rest(), delimiter=separator)
        reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
        return reader, before


def separator_of(header: str) -> str:
    """What stands most often between the names of a header."""
    return max(SEPARATORS, key=re.sub(r'"[^"]*"', "", header).count)


def json_rows(file: Path) -> Iterator[Placed]:
    """Rows of a JSON file: one per line, or of an array, or of documents one after another.

    Raises:
        ConfigError: there is no such file, or it is no text.
    """
    text = Text(file)
    if is_document(text):
        yield from _of_documents(text.whole(), file)
    else:
        for number, line in enumerate(text, 1):
            if line.strip():
                place = f"line {number}"
                yield place, _of_line(line, place)
    if text.cut_off:
        yield END, Skipped(END, text.cut_off)


def is_document(text: Text) -> bool:
    """Whether lines mean nothing: an array, an object over several lines, or one that holds the rows."""
    lines = iter(text)
    first = next((line for line in lines if line.strip()), "")
    if first.lstrip().startswith("["):
        return True
    row = _of_line(first, "")
    if isinstance(row, Skipped):
        return not first.rstrip().endswith("}")
    return any(isinstance(row.get(name), list) for name in HELD_UNDER) and not any(line.strip() for line in lines)


def documents(body: str) -> Iterator[tuple[str, Any]]:
    """Whole JSON values one after another, the entries of an array each for itself, and where each stands.

    Raises:
        ValueError: what follows is no JSON; the values before it have been given.
    """
    decoder = json.JSONDecoder()
    blank = re.compile(r"[\s,\0]*")
    place = blank.match(body, 0).end()  # type: ignore[union-attr]  # matches nothing too
    in_array = body[place : place + 1] == "["
    place += in_array
    line, counted = 1, 0
    while True:
        place = blank.match(body, place).end()  # type: ignore[union-attr]  # matches nothing too
        if place >= len(body) and not in_array:
            return
        if in_array and body[place : place + 1] == "]":
            in_array, place = False, place + 1
            continue
        line, counted = line + body.count("\n", counted, place), place
        try:
            value, place = decoder.raw_decode(body, place)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"line {line}") from error
        yield f"line {line}", value


def repaired(value: Any) -> Any:
    """A value of JSON without lone surrogates, which a text gets that was cut within an emoji, and no store takes."""
    if isinstance(value, str):
        return SURROGATE.sub("", value)
    if isinstance(value, dict):
        return {repaired(key): repaired(held) for key, held in value.items()}
    return [repaired(each) for each in value] if isinstance(value, list) else value


def _of_line(line: str, place: str) -> Row | Skipped:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return Skipped(place, "no JSON")
    if MAY_HOLD_SURROGATE.search(line):
        row = repaired(row)
    return row if isinstance(row, dict) else Skipped(place, "no JSON object")


def _of_documents(body: str, file: Path) -> Iterator[Placed]:
    number = 0
    found = documents(body)
    while True:
        try:
            _, value = next(found)
        except StopIteration:
            return
        except ValueError as error:
            if number:
                yield str(error), Skipped(str(error), "no JSON")
            else:
                yield from _of_lines_after_all(body, file, str(error))
            return
        held = [value[name] for name in HELD_UNDER if isinstance(value.get(name), list)] if _is_object(value) else []
        for row in held[0] if held else [value]:
            number += 1
            place = f"entry {number}"
            yield place, repaired(row) if _is_object(row) else Skipped(place, "no JSON object")


def _of_lines_after_all(body: str, file: Path, where: str) -> Iterator[Placed]:
    """Lines of which the first is cut, so that it looked like the beginning of a document."""
    rows = [(f"line {n}", _of_line(line, f"line {n}")) for n, line in enumerate(body.split("\n"), 1) if line.strip()]
    if all(isinstance(row, Skipped) for _, row in rows):
        raise ConfigError(f"must be JSON lines or one JSON array ({where} is no JSON)", file=file)
    yield from rows


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _with_points(row: Row) -> Row:
    """Where a semicolon separates, a comma is the decimal point."""
    return {
        name: value.replace(",", ".") if isinstance(value, str) and DECIMAL_COMMA.fullmatch(value) else value
        for name, value in row.items()
    }
