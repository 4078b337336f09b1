"""One HTTP request's own handle on the embedded engine; its settings and its database end with it.

A handle costs 0.1 ms. Sharing one would need settings to be set and reset, and a read-only handle cannot be made
writable again.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Final

import chdb

from shadowroute.collector.doors.statements import Kind, check, table_functions

_STREAMED: Final = frozenset({"Native", "TabSeparated", "TSV", "CSV", "RowBinary", "JSONEachRow"})
"""Formats whose blocks can be sent one by one; the others have a header and a footer around all rows."""

_TRAILING_FORMAT: Final = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
_ENGINE_ERROR: Final = re.compile(r"Code: (\d+)\. (.*)", re.DOTALL)
_APPEND: Final = 8 << 20
_DEFAULTS: Final[Mapping[str, str]] = {"max_execution_time": "60", "max_memory_usage": "4000000000"}
_FORCED: Final[Mapping[str, str]] = {
    # Inserted VALUES are data. As expressions they could call file(), and no syntax tree shows them.
    "input_format_values_interpret_expressions": "0",
    "input_format_values_deduce_templates_of_expressions": "0",
}
_BUFFERED_LIMIT: Final = "1000000000"


class EngineError(Exception):
    """The engine refused or failed a statement; `.code` is ClickHouse's error code."""

    def __init__(self, message: str, *, code: int) -> None:
        self.code = code
        super().__init__(message)

    @classmethod
    def of(cls, error: Exception) -> EngineError:
        """From an error of the engine's binding, which has the code only in its text."""
        match = _ENGINE_ERROR.search(str(error))
        return cls(match[0].strip(), code=int(match[1])) if match else cls(str(error), code=1002)


class EngineSession:
    """Runs one statement. Methods block; they may be called from different threads, one at a time."""

    _table_functions: ClassVar[frozenset[str]] = frozenset()
    """Asked for once: they are part of the engine."""

    def __init__(self, path: str, *, database: str, settings: Mapping[str, str]) -> None:
        """Open a handle, use the database and apply the settings.

        Raises:
            EngineError: no such database, or a setting is unknown or has a wrong value.
        """
        self._lock = threading.Lock()
        self._settings = settings
        self._database = database
        self._rows: Any = None
        # chdb and chdb-core both ship `chdb/__init__.py`; the one that is unpacked last decides whether this is typed.
        connect: Any = chdb.connect
        self._connection: Any = connect(path)
        try:
            self._connection.query("USE {database:Identifier}", "TabSeparated", params={"database": database})
            self._apply({**_DEFAULTS, **settings, **_FORCED})
        except Exception as error:
            self.close()
            raise EngineError.of(error) from error

    def check(self, sql: str, params: Mapping[str, str]) -> Kind:
        """The kind of an allowed statement.

        Raises:
            StatementRefusedError: the statement is not allowed.
            EngineError: the engine cannot read it.
        """
        with _engine_errors():
            functions = self._table_functions or table_functions(self._connection)
            EngineSession._table_functions = functions
            return check(self._connection, sql, database=self._database, params=params, functions=functions)

    def read(self, sql: str, params: Mapping[str, str], default_format: str, *, stream: bool) -> bytes:
        """Start a read; returns the first bytes of its result, `more` gives the rest.

        Args:
            sql: the statement; its own FORMAT clause wins over the default.
            params: values of its `{name:Type}` parameters.
            default_format: for a statement without a FORMAT clause.
            stream: whether the engine can stream it; it streams SELECT only.

        Raises:
            EngineError: the statement failed before its first rows.
        """
        match = _TRAILING_FORMAT.search(sql)
        streamed = stream and (match[1] if match else default_format) in _STREAMED
        with _engine_errors():
            if not streamed and "max_result_bytes" not in self._settings:
                self._apply({"max_result_bytes": _BUFFERED_LIMIT})
            # The engine holds reads to reading, below our own check. At level 1 its list of settings would tell clients
            # that they may send none.
            self._apply({"readonly": "2" if "system.settings" in sql else "1"})
            if not streamed:
                return _bytes(self._connection.query(sql, default_format, params=dict(params)))
            self._rows = self._connection.send_query(sql, default_format, params=dict(params))
        return self.more()

    def more(self) -> bytes:
        """The next bytes of the result; empty at its end.

        Raises:
            EngineError: the statement failed on the way.
        """
        with self._lock, _engine_errors():
            return next((data for data in map(_bytes, () if self._rows is None else self._rows) if data), b"")

    def execute(self, sql: str, params: Mapping[str, str]) -> int:
        """Run an insert that carries no data of its own; returns the rows written, views included.

        Raises:
            EngineError: it failed.
        """
        with _engine_errors():
            return int(self._connection.query(sql, "TabSeparated", params=dict(params)).rows_written())

    def insert(self, sql: str, data_format: str, data: memoryview) -> int:
        """Insert data in a format; returns the rows written, views included.

        Raises:
            EngineError: the table, the format or the data is wrong.
        """
        with _engine_errors(), self._connection.send_insert(sql, data_format) as inserter:
            for start in range(0, len(data), _APPEND):
                inserter.append(data[start : start + _APPEND])
            return int(inserter.finish().rows_written)

    def close(self) -> None:
        """End a running read and give the handle back; waits for a call that is under way."""
        with self._lock:
            if self._rows is not None:
                self._rows.close()
                self._rows = None
            self._connection.close()

    def _apply(self, settings: Mapping[str, str]) -> None:
        assignments = ", ".join(f"{name} = {_quoted(value)}" for name, value in settings.items())
        self._connection.query(f"SET {assignments}", "TabSeparated")


@contextmanager
def _engine_errors() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise EngineError.of(error) from error


def _bytes(result: Any) -> bytes:
    return b"" if result is None else bytes(result.bytes())


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
