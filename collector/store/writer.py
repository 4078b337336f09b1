"""Group commit: one insert stores the rows of several senders, and each is answered after it.

One thread inserts. While it is busy the next bodies gather; a body that finds it idle is inserted at once. Two rules
keep the store's parts large: small bodies gather for at least `LINGER_S` after the last insert, and `ENOUGH_ROWS`
rows together never wait.

Deduplication. A body's token is the SHA-256 of its bytes. A body that is inserted alone (it has `ALONE_ROWS` or more,
or no other body waits) is a block under its own token. So a sender that repeats it byte for byte (its answer was lost)
adds nothing, and a crash between `otel_traces` and its views is healed by the repeat: the source skips the block, the
views catch up. Bodies that share an insert share a token, made of their sorted tokens. Such a body may be repeated in
another group and is inserted again: `otel_traces` then holds a copy, the row keys of `decisions`, `signals` and
`late_outcomes` keep every measure the same, and a row that a crash kept out of a view is there too.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from shadowroute.collector.store import Store

LINGER_S: Final = 0.2
ENOUGH_ROWS: Final = 500
ALONE_ROWS: Final = 2_000
GROUP_ROWS: Final = 5_000
_TABLE: Final = "otel_traces"

_log = logging.getLogger(__name__)


class WriteError(Exception):
    """The rows are not stored; the sender must keep them and may try again."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one body. Its future cannot be cancelled: a request that ends early takes nothing from the others.

    Attributes:
        token: deduplication token: equal bodies have equal tokens.
    """

    rows: pa.Table
    token: str
    done: Future[None] = field(default_factory=Future)

    def __post_init__(self) -> None:
        self.done.set_running_or_notify_cancel()


@dataclass(frozen=True, slots=True)
class WriterStats:
    """Counts since the start; `seconds` is time spent inserting."""

    inserts: int = 0
    rows: int = 0
    failures: int = 0
    seconds: float = 0.0
    waiting: int = 0


class Writer:
    """The one thread that inserts spans. Thread-safe; `submit` never blocks."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[Batch] = []
        self._changed = threading.Condition()
        self._closing = False
        self._last_insert = 0.0
        self._counts: dict[str, Any] = {"inserts": 0, "rows": 0, "failures": 0, "seconds": 0.0}
        self._thread = threading.Thread(target=self._run, name="shadowroute-writer", daemon=True)
        self._thread.start()

    def submit(self, rows: pa.Table, token: str) -> Future[None]:
        """Queue the rows of one body; the future is done once they are stored, or fails with WriteError."""
        batch = Batch(rows, token)
        with self._changed:
            if self._closing:
                batch.done.set_exception(WriteError("the receiver is stopping"))
                return batch.done
            self._waiting.append(batch)
            self._changed.notify()
        return batch.done

    def close(self, timeout_s: float = 30.0) -> bool:
        """Store the waiting rows, then stop; False after the time-out."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def stats(self) -> WriterStats:
        """A snapshot."""
        with self._changed:
            return WriterStats(**self._counts, waiting=len(self._waiting))

    def _run(self) -> None:
        while True:
            group = self._next_group()
            if not group:
                return
            self._insert_group(group)

    def _next_group(self) -> list[Batch]:
        """Wait for bodies; an empty list means the writer is closed and everything is stored."""
        with self._changed:
            while True:
                pause = self._pause()
                if pause == 0.0:
                    break
                if self._closing and not self._waiting:
                    return []
                self._changed.wait(pause)
            group, self._waiting = take_group(self._waiting)
            return group

    def _pause(self) -> float | None:
        """Seconds until the next insert is due; None = wait for a body."""
        if not self._waiting:
            return None
        gathered = sum(batch.rows.num_rows for batch in self._waiting)
        if self._closing or gathered >= ENOUGH_ROWS:
            return 0.0
        return max(0.0, self._last_insert + LINGER_S - time.monotonic())

    def _insert_group(self, group: Sequence[Batch]) -> None:
        try:
            self._insert([batch.rows for batch in group], group_token(group))
        except OperationalError as error:
            self._fail(group, error)  # the store does not answer: trying each body alone would only wait again
        except ClickHouseError as error:
            if len(group) == 1:
                self._fail(group, error)
                return
            # One body must not hold up the others: each gets its own answer.
            for batch in group:
                self._insert_group([batch])
        except Exception as error:  # noqa: BLE001  # the thread must live, and the sender must get the error
            self._fail(group, error)
        else:
            for batch in group:
                batch.done.set_result(None)

    def _insert(self, tables: Sequence[pa.Table], token: str) -> None:
        began = time.monotonic()
        rows = pa.concat_tables(tables)
        try:
            self._store.client().insert_arrow(_TABLE, rows, settings={"insert_deduplication_token": token})
        finally:
            self._last_insert = time.monotonic()
        with self._changed:
            self._counts["inserts"] += 1
            self._counts["rows"] += rows.num_rows
            self._counts["seconds"] += self._last_insert - began

    def _fail(self, group: Sequence[Batch], error: Exception) -> None:
        reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
        _log.error(
            "insert of %d bodies failed; their rows are not stored, the senders retry; check the store: %s",
            len(group),
            reason,
        )
        with self._changed:
            self._counts["failures"] += 1
        for batch in group:
            batch.done.set_exception(WriteError(reason))


def body_token(body: bytes) -> str:
    """Deduplication token of one body."""
    return hashlib.sha256(body).hexdigest()


def group_token(group: Sequence[Batch]) -> str:
    """Token of an insert: a body's own if it is alone, else one that does not depend on the order of arrival."""
    if len(group) == 1:
        return group[0].token
    return hashlib.sha256("\n".join(sorted(batch.token for batch in group)).encode()).hexdigest()


def take_group(waiting: Sequence[Batch]) -> tuple[list[Batch], list[Batch]]:
    """The next insert and the rest of the waiting bodies: a large body alone, else small ones in order of arrival."""
    if waiting[0].rows.num_rows >= ALONE_ROWS:
        return [waiting[0]], list(waiting[1:])
    group: list[Batch] = []
    rest: list[Batch] = []
    rows = 0
    for batch in waiting:
        if batch.rows.num_rows >= ALONE_ROWS or rows >= GROUP_ROWS:
            rest.append(batch)
        else:
            group.append(batch)
            rows += batch.rows.num_rows
    return group, rest
