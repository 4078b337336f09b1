"""The one way from the analysis to the store: a statement of `analysis/sql`, its parameters, records out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from analysis.selection import ALL, Cross, PolicyRef, Segment, Slice, Window
from analysis.sql_files import statement

LIVE: Final = {"role": "live", "policy": "", "version": ""}
"""Parameters of a statement that takes a role, for the decisions of live."""

Record = Mapping[str, Any]


class Reader:
    """Reads of one project.

    Args:
        client: of this thread; a client must not be shared between threads.
        project: the only project that is read.
    """

    def __init__(self, client: Client, project: str) -> None:
        self.client = client
        self.project = project

    def select(self, file: str, /, **params: Any) -> Iterator[Record]:
        """Records of `sql/<file>.sql`; parameters that it does not take are left out."""
        bound = {"project": self.project, **params}
        wanted = statement(file).params
        result = self.client.query(
            statement(file).text, parameters={key: value for key, value in bound.items() if key in wanted}
        )
        return iter(result.named_results())

    def one(self, file: str, /, **params: Any) -> Record:
        """The only record of a statement that always has one."""
        return next(self.select(file, **params))

    def in_slice(self, rolled_up: str, rows: str, where: Slice, /, **params: Any) -> Iterator[Record]:
        """Records of a slice: from the rollup where it is one segment, else from the rows."""
        if isinstance(where, Cross):
            return self.select(rows, **params, **conditions(where))
        return self.select(rolled_up, **params, segment_key=where.key, segment_value=where.value, every_value=False)

    def per_value(self, file: str, key: str, /, **params: Any) -> Iterator[Record]:
        """Records for every value of a segment key; each has its `segment_value`."""
        return self.select(file, **params, segment_key=key, segment_value="", every_value=True)


def days(window: Window) -> dict[str, date]:
    """Parameters of a window."""
    return {"first": window.first, "last": window.last}


def of_policy(policy: PolicyRef) -> dict[str, str]:
    """Parameters of a shadow policy."""
    return {"policy": policy.name, "version": policy.version}


def conditions(where: Slice) -> dict[str, list[str]]:
    """Parameters of a statement that reads rows of a slice."""
    segments: tuple[Segment, ...] = where.segments if isinstance(where, Cross) else (where,)
    kept = [segment for segment in segments if segment != ALL]
    return {"segment_keys": [s.key for s in kept], "segment_values": [s.value for s in kept]}
