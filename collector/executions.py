"""Executed answers in the store: append-only, each once, even if a file is imported again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, fields, replace
from datetime import datetime
from typing import Final

from clickhouse_connect.driver.client import Client

from shadow.errors import ConfigError
from shadowroute.collector.moments import utc
from shadowroute.collector.progress import Progress, silent

BLOCK_ROWS: Final = 20_000
_LONGEST_LIST: Final = 150_000
"""Characters of ids in one statement; servers read 262,144 of a statement by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One executed answer, as the table `executions` holds it; None = unknown.

    Attributes:
        sample: name of the draw.
        policy: the policy of the executed plan; empty = the model alone.
        policy_version: empty = any.
        inclusion_probability: chance that the draw takes the request, (0, 1].
        status: `ok`, or `error` without an answer.
        executed_at: time of the answer; None = not given.
    """

    sample: str
    request_id: str
    policy: str
    policy_version: str
    model: str
    inclusion_probability: float
    stratum: str
    status: str
    escalated: bool | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    latency_s: float | None
    signal: str
    score: float | None
    live_score: float | None
    scorer: str
    executed_at: datetime | None = field(default=None)

    @property
    def key(self) -> tuple[str, ...]:
        """The key of an execution; two rows with one key are the same answer."""
        return (
            self.sample,
            self.request_id,
            self.policy,
            self.policy_version,
            self.model,
            self.signal,
            self.scorer,
        )

    @property
    def content(self) -> tuple[object, ...]:
        """Everything but the time."""
        return astuple(replace(self, executed_at=None))


_NAMES: Final = tuple(each.name for each in fields(Execution))
_COLUMNS: Final = ("project", *_NAMES, "version")


@dataclass(frozen=True, slots=True)
class Written:
    """Result of an import: new rows, rows that replaced an older record, and known rows."""

    new: int
    replaced: int
    known: int


def write(
    client: Client, project: str, rows: Sequence[Execution], *, now: datetime, progress: Progress = silent
) -> Written:
    """Store the new rows. A repeated import changes nothing.

    Args:
        client: of the calling thread.
        project: of the answered requests.
        rows: no two with one key.
        now: time of the import, for rows without a time.
        progress: gets the number of stored rows.

    Raises:
        ConfigError: a row differs from the stored record and has no later time.
    """
    held = _held(client, project, {row.sample for row in rows})
    wanted = [row for row in rows if row.key not in held or _is_newer(row, held[row.key])]
    replaced = sum(row.key in held for row in wanted)
    for start in range(0, len(wanted), BLOCK_ROWS):
        block = wanted[start : start + BLOCK_ROWS]
        client.insert("executions", [_record(project, row, now) for row in block], column_names=_COLUMNS)
        progress("store", min(start + BLOCK_ROWS, len(wanted)), len(wanted))
    return Written(new=len(wanted) - replaced, replaced=replaced, known=len(rows) - len(wanted))


def deciders(client: Client, project: str, request_ids: Sequence[str]) -> dict[str, frozenset[str]]:
    """By known request of the project: the shadow policies that decided on it."""
    found: dict[str, frozenset[str]] = {}
    for some in _lists(request_ids):
        rows = client.query(
            "SELECT request_id, groupUniqArrayIf(policy, role = 'shadow') FROM decisions"
            " WHERE project = %(project)s AND request_id IN %(ids)s GROUP BY request_id",
            parameters={"project": project, "ids": some},
        ).result_rows
        found |= {request_id: frozenset(policies) for request_id, policies in rows}
    return found


def _lists(request_ids: Sequence[str]) -> Iterator[list[str]]:
    some: list[str] = []
    length = 0
    for request_id in dict.fromkeys(request_ids):
        size = 2 * len(request_id.encode()) + 4  # every byte may need an escape
        if some and length + size > _LONGEST_LIST:
            yield some
            some, length = [], 0
        some.append(request_id)
        length += size
    if some:
        yield some


def _held(client: Client, project: str, samples: set[str]) -> Mapping[tuple[str, ...], Execution]:
    found = client.query(
        f"SELECT {', '.join(f'`{name}`' for name in _NAMES)} FROM executions FINAL"  # noqa: S608  # our own names
        " WHERE project = {project:String} AND `sample` IN {samples:Array(String)}",
        parameters={"project": project, "samples": sorted(samples)},
    )
    rows = (Execution(**dict(zip(_NAMES, row, strict=True))) for row in found.result_rows)
    return {
        row.key: replace(
            row,
            escalated=None if row.escalated is None else bool(row.escalated),
            executed_at=row.executed_at and utc(row.executed_at),
        )
        for row in rows
    }


def _is_newer(row: Execution, held: Execution) -> bool:
    """Whether a row replaces the stored one; an equal row does not.

    Raises:
        ConfigError: it differs and is not newer.
    """
    if row.content == held.content:
        return False
    if row.executed_at is not None and held.executed_at is not None and row.executed_at > held.executed_at:
        return True
    name = next(n for n in _NAMES if getattr(row, n) != getattr(held, n) and n != "executed_at")
    raise ConfigError(
        f"request {row.request_id!r} of sample {row.sample!r} is stored with {name} {getattr(held, name)!r}, "
        f"got {getattr(row, name)!r}; a new draw needs another --sample, a correction a later executed_at"
    )


def _record(project: str, row: Execution, now: datetime) -> list[object]:
    at = row.executed_at or now
    values = [getattr(row, name) for name in _NAMES[:-1]]
    return [project, *values, at, int(at.timestamp() * 1_000_000) * 1_000]
