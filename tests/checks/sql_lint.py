"""Checks every SQL file without a server: it parses as ClickHouse, says what it is, and does only what its folder may.

Run as a script; prints one line per problem and exits with 1 if there is any.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import sqlglot
from sqlglot import expressions as exp
from sqlglot.errors import SqlglotError

from shadowroute.analysis.sql_files import body_of

ROOT = Path(__file__).resolve().parents[2]

HEADER = re.compile(r"^-- (what|grain|params): (\S.*)$")
DECLARED = re.compile(r"(\w+) ([A-Z]\w*(?:\((?:[^()]|\([^()]*\))*\))?)")
REPLACED_VIEW = re.compile(r"^ALTER TABLE (\w+) /\*ON_CLUSTER\*/ MODIFY QUERY$", re.MULTILINE)
USED = re.compile(r"\{(\w+):([A-Z][^{}]*)\}")


def problems() -> Iterator[str]:
    """One line per problem: file, then what is wrong and what would be right."""
    for path in sorted((ROOT / "analysis/sql").glob("*.sql")):
        yield from _named(path, [*_header(path), *_parameters(path), *_select_only(path)])
    for path in sorted((ROOT / "analysis/sql/parts").glob("*.sql")):
        yield from _named(path, _used(path))
    for path in sorted((ROOT / "collector/sql").glob("*.sql")):
        yield from _named(path, [*_header(path), *_parameters(path), *_parses(path)])
    for path in sorted((ROOT / "collector/migrations").glob("*.sql")):
        yield from _named(path, _parses(path))


def _named(path: Path, found: Iterator[str] | list[str]) -> Iterator[str]:
    return (f"{path.relative_to(ROOT)}: {problem}" for problem in found)


def _head(path: Path) -> dict[str, str]:
    matches = (HEADER.match(line) for line in path.read_text().splitlines())
    return {match[1]: match[2] for match in matches if match}


def _header(path: Path) -> Iterator[str]:
    for word in ("what", "grain", "params"):
        if word not in _head(path):
            yield f"must have a header line `-- {word}: ...`; say it in one line (params: none, if it takes none)"


def _used(path: Path) -> Iterator[str]:
    users = [file for file in (ROOT / "analysis/sql").rglob("*.sql") if f"-- part: {path.stem}\n" in file.read_text()]
    if not users:
        yield "must stand in a statement; delete a part that none uses"
    if "what" not in _head(path):
        yield "must have a header line `-- what: ...`; say it in one line"


def _parameters(path: Path) -> Iterator[str]:
    declared = dict(DECLARED.findall(_head(path).get("params", "")))
    used = dict(USED.findall(body_of(path)))
    for name in sorted(declared.keys() ^ used.keys()):
        yield f"parameter {name} must be both declared and used; fix the header or the statement"
    for name in sorted(declared.keys() & used.keys()):
        if declared[name] != used[name]:
            yield f"parameter {name} must have one type, got {declared[name]} in the header and {used[name]} below"


def _parses(path: Path) -> Iterator[str]:
    try:
        statements = _parsed(path)
    except SqlglotError as error:
        yield f"must parse as ClickHouse: {str(error).splitlines()[0]}"
        return
    # sqlglot falls back to a raw command for what it does not know: that is no proof of anything.
    for statement in statements:
        if isinstance(statement, exp.Command):
            yield f"must parse as ClickHouse, got a statement that only starts with {statement.this}"


def _select_only(path: Path) -> Iterator[str]:
    try:
        statements = _parsed(path)
    except SqlglotError as error:
        yield f"must parse as ClickHouse: {str(error).splitlines()[0]}"
        return
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        yield "must be exactly one SELECT; the analysis never writes"
        return
    for star in statements[0].find_all(exp.Star):
        if not isinstance(star.parent, exp.Count):
            yield "must name its columns, got a star; write them out with a comment and a unit"


def _parsed(path: Path) -> list[exp.Expr]:
    # The parser does not know MODIFY QUERY; as a view of its own the new SELECT is parsed like any other.
    text = REPLACED_VIEW.sub(r"CREATE MATERIALIZED VIEW \1 TO \1 AS", body_of(path))
    return [statement for statement in sqlglot.parse(text, dialect="clickhouse") if statement is not None]


def main() -> int:
    """Exit code: 0 if every file is right."""
    found = list(problems())
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
