"""Filter of the SQL on the embedded store's HTTP interface: one read, or one insert into our own tables.

The engine parses its own language: its classifier tells reads from writes, and `EXPLAIN AST` gives the tree that it
would run. The tree is checked against what is allowed, because the classifier alone calls `file('/etc/passwd')` a read,
and because the engine's `default` database resolves any path as a table name (tested on 26.9). Anything outside
the tree is refused: a SETTINGS clause could carry expressions and names of files, so settings travel beside the
statement, and inserted VALUES are data (`engine_session.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal

from shadowroute.collector.errors import StatementRefusedError

SAFE_TABLE_FUNCTIONS: Final = frozenset(
    {"generate_series", "generateseries", "null", "numbers", "numbers_mt", "values", "view", "zeros", "zeros_mt"}
)
"""Table functions that make rows from their arguments alone; every other one is refused, whatever its name."""

_FORBIDDEN_FUNCTIONS: Final = frozenset(
    {
        *("aiclassify", "aiembed", "aiextract", "aifilter", "aigenerate", "airedact", "aisimilarity", "aitranslate"),
        "catboostevaluate",  # loads a library
        "file",  # reads a file, even on a read-only handle
        "hascolumnintable",  # connects to a host
    }
)
"""Functions of one value that reach beyond the store; those named ai* send their arguments to a provider."""
_SCALAR_NAMESAKES: Final = frozenset({"format"})
"""Functions of one value that share a table function's name. As a source of rows they are refused."""
_FIRST_WORD: Final = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/|\()*(\w+)", re.DOTALL)
_NODE: Final = re.compile(r"^( *)(\w+)(?: +(.*))?$")
_FILES_AS_TABLES: Final = "default"
_UNPROTECTED: Final = re.compile(rf"(^|\s){_FILES_AS_TABLES}(\.|\s|$)")

Kind = Literal["select", "show", "insert"]
"""`show` is every read other than SELECT: SHOW, DESCRIBE, EXISTS, EXPLAIN."""


@dataclass(frozen=True, slots=True)
class _Node:
    """A line of the engine's tree."""

    depth: int
    kind: str
    text: str

    @property
    def name(self) -> str:
        """First word of the text: a function's or an identifier's own name."""
        return self.text.split(" ", 1)[0]


def check(connection: Any, sql: str, *, database: str, params: Mapping[str, str], functions: frozenset[str]) -> Kind:
    """Allow or refuse a statement.

    Args:
        connection: an engine handle.
        sql: the statement, without inserted data.
        database: the handle's current one; the only one that an insert may name.
        params: values of `{name:Type}` parameters; an identifier may be one of them.
        functions: result of `table_functions`.

    Raises:
        StatementRefusedError: the statement is not one read or one insert into our tables, or does not parse.
    """
    kind = _classified(connection, sql, database)
    tree = bytes(connection.query(f"EXPLAIN AST {sql}", "TabSeparatedRaw", params=dict(params)).bytes()).decode()
    reason = refusal(tree, functions)
    if reason:
        raise StatementRefusedError(f"statement must not reach beyond this store: {reason}")
    return "select" if kind == "show" and tree.startswith("Select") else kind


def table_functions(connection: Any) -> frozenset[str]:
    """Lower-case names of every table function that the engine has."""
    names = bytes(connection.query("SELECT lower(name) FROM system.table_functions", "TabSeparatedRaw").bytes())
    return frozenset(names.decode().split())


def refusal(tree: str, functions: frozenset[str]) -> str:
    """The reason to refuse a statement with this syntax tree; empty if nothing in it reaches beyond the store.

    Args:
        tree: output of `EXPLAIN AST`.
        functions: lower-case names of the engine's table functions.
    """
    nodes = [_Node(len(match[1]), match[2], match[3] or "") for match in map(_NODE.match, tree.splitlines()) if match]
    if not nodes:
        return "it has no syntax tree"
    forbidden = (functions - SAFE_TABLE_FUNCTIONS - _SCALAR_NAMESAKES) | _FORBIDDEN_FUNCTIONS
    reasons = [_root(nodes[0])]
    reasons += [_source(child) for node, child in pairwise(nodes) if node.kind == "TableExpression"]
    reasons += [_insert(node) for node in nodes[1:] if nodes[0].kind == "InsertQuery" and node.depth == 1]
    reasons += [_mention(node, forbidden) for node in nodes]
    return next(filter(None, reasons), "")


def _classified(connection: Any, sql: str, database: str) -> Kind:
    # The classifier has no public name yet; the engine's own durable store calls it the same way.
    report = connection._conn.classify_query(sql, database)  # noqa: SLF001
    found = getattr(report["query_class"], "name", "UNKNOWN")
    if found == "UNKNOWN":
        raise StatementRefusedError("statement must be valid SQL, and the engine cannot parse it", syntax=True)
    if report["statement_count"] != 1:
        raise StatementRefusedError(
            f"request must hold one statement, got {report['statement_count']}; send them separately"
        )
    if found == "READ_ONLY":
        return "show"
    verb = _FIRST_WORD.match(sql)
    word = verb[1].upper() if verb else ""
    if found == "MUTATING" and word == "INSERT" and report["writes_only_target_database"]:
        return "insert"
    raise StatementRefusedError(
        f"statement must be a read or an INSERT into this store's tables, got {word!r}; "
        "only the process that owns the store makes other changes"
    )


def _root(root: _Node) -> str:
    if _UNPROTECTED.search(root.text):
        return f"the database {_FILES_AS_TABLES!r} would read files"
    return ""


def _source(child: _Node) -> str:
    """A source of rows is a table, a subquery or a harmless function: a list of what is allowed."""
    if child.kind == "Function" and child.name.lower() not in SAFE_TABLE_FUNCTIONS:
        return f"it reads from {child.name}(...)"
    if child.kind not in ("Function", "TableIdentifier", "Subquery"):
        return f"it reads from a {child.kind}"
    return ""


def _insert(child: _Node) -> str:
    """Direct children of an insert: its table and columns, a select, settings. A literal is a file to read."""
    if child.kind in ("Literal", "Function"):
        return "it inserts from a file or into a function"
    if child.kind == "Identifier" and child.name.rpartition(".")[2] == "schema_migrations":
        return "only migrations write schema_migrations"
    return ""


def _mention(node: _Node, forbidden: frozenset[str]) -> str:
    if node.kind == "Set":
        return "it has a SETTINGS clause; send settings beside the statement"
    if node.kind == "Function" and node.name.lower() in forbidden:
        return f"it calls {node.name}(...)"
    if node.kind in ("Identifier", "TableIdentifier") and node.text.startswith(f"{_FILES_AS_TABLES}."):
        return f"the database {_FILES_AS_TABLES!r} would read files"
    return ""
