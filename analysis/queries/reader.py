"""The only access of the analysis to the store: runs a statement of `analysis/sql` and returns its records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Self

from clickhouse_connect.driver.client import Client

from shadowroute.analysis.queries.records import Record
from shadowroute.analysis.selection import ALL, Cross, PolicyRef, Segment, Slice, Window, stored_key
from shadowroute.analysis.sql_files import statement

Memory = dict[tuple[object, ...], list[Record]]
"""File and parameters to the records that came back."""


class Reader:
    """Reads of one project.

    Args:
        client: of this thread; a client must not be shared between threads.
        project: the only project that is read.
        memory: answers that were read before; None reads every time.
    """

    def __init__(self, client: Client, project: str, memory: Memory | None = None) -> None:
        self.client = client
        self.project = project
        self._memory = memory

    def remembering(self) -> Self:
        """A reader of the same project that runs each query once.

        For one report or judgement: its measures share most of what they read, and figures that are shown together
        should rest on the same answers even while rows arrive.
        """
        return type(self)(self.client, self.project, {} if self._memory is None else self._memory)

    def select(self, file: str, /, **params: Any) -> Iterator[Record]:
        """Records of `sql/<file>.sql`; parameters that it does not take are left out."""
        bound = {"project": self.project, **params}
        wanted = {key: value for key, value in bound.items() if key in statement(file).params}
        if self._memory is None:
            return iter(self.ask(file, wanted))
        asked = (
            file,
            *((key, tuple(value) if isinstance(value, list) else value) for key, value in sorted(wanted.items())),
        )
        if asked not in self._memory:
            self._memory[asked] = self.ask(file, wanted)
        return iter(self._memory[asked])

    def ask(self, file: str, params: Mapping[str, Any]) -> list[Record]:
        """All records of `sql/<file>.sql`, read from the store."""
        return list(self.client.query(statement(file).text, parameters=dict(params)).named_results())

    def one(self, file: str, /, **params: Any) -> Record:
        """The only record of a statement that always has one."""
        return next(self.select(file, **params))

    def in_slice(self, rolled_up: str, rows: str, where: Slice, /, **params: Any) -> Iterator[Record]:
        """Records of a slice: from the rollup where it is one segment, else from the rows."""
        if isinstance(where, Cross):
            return self.select(rows, **params, **conditions(where))
        return self.select(
            rolled_up, **params, segment_key=stored_key(where.key), segment_value=where.value, every_value=False
        )

    def per_value(self, file: str, key: str, /, **params: Any) -> Iterator[Record]:
        """Records for every value of a segment key; each has its `segment_value`."""
        return self.select(file, **params, segment_key=stored_key(key), segment_value="", every_value=True)


def days(window: Window) -> dict[str, date]:
    """Parameters of a window."""
    return {"first": window.first, "last": window.last}


def of_policy(policy: PolicyRef) -> dict[str, str]:
    """Parameters of a shadow policy."""
    return {"policy": policy.name, "version": policy.version}


def role_of(policy: PolicyRef | None) -> dict[str, str]:
    """Parameters of a statement that takes a role: a shadow policy, or live for None."""
    return {"role": "live", "policy": "", "version": ""} if policy is None else {"role": "shadow", **of_policy(policy)}


def conditions(where: Slice) -> dict[str, list[str]]:
    """Parameters of a statement that reads rows of a slice."""
    segments: tuple[Segment, ...] = where.segments if isinstance(where, Cross) else (where,)
    kept = [segment for segment in segments if segment != ALL]
    return {"segment_keys": [stored_key(s.key) for s in kept], "segment_values": [s.value for s in kept]}
