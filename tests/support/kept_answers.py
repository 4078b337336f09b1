"""Answers of a filled store, kept in a file, for a test file that runs in hundreds of processes.

`make mutants` names a folder in `SHADOWROUTE_ANSWERS`: starting the engine and filling a store would take most of its
time. Without the folder a store is filled for each use, and answers what it is asked.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.query import QueryResult

from tests.support.judged_fortnight import Fortnight, fill
from tests.support.stores import fresh_store

ANSWERS = os.environ.get("SHADOWROUTE_ANSWERS", "")


@contextmanager
def answers_of(truth: Fortnight, engine_folder: Callable[[], Path]) -> Iterator[Client]:
    """A client that reads from a store with this fortnight."""
    with ExitStack() as ends:

        def connect() -> Client:
            store = ends.enter_context(fresh_store(engine_folder()))
            fill(store, truth)
            return store.reader()

        yield cast("Client", KeptClient(Path(ANSWERS) / f"{truth}", connect)) if ANSWERS else connect()


class KeptClient:
    """Asks the store only what nobody asked before. The store of each process has the same rows."""

    def __init__(self, file: Path, connect: Callable[[], Client]) -> None:
        self._file = file
        self._connect = connect
        self._kept: dict[tuple[str, str], tuple[Any, Any]] = pickle.loads(file.read_bytes()) if file.exists() else {}

    @cached_property
    def _client(self) -> Client:
        return self._connect()

    def query(self, text: str, parameters: Mapping[str, Any] | None = None) -> QueryResult:
        """The answer, with its rows and the names of their columns."""
        asked = text, repr(parameters)
        if asked not in self._kept:
            found = self._client.query(text, parameters=dict(parameters or {}))
            self._kept[asked] = found.column_names, list(found.result_rows)
            self._file.parent.mkdir(exist_ok=True)
            written = self._file.with_name(f"{os.getpid()}")
            written.write_bytes(pickle.dumps(self._kept))
            written.replace(self._file)  # whole, whoever reads it meanwhile
        names, rows = self._kept[asked]
        return QueryResult(rows, column_names=names)
