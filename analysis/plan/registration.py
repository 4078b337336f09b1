"""The content of a plan that judges: the first one that was judged; later contents are reported as edits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from shadow.domain.ids import canonical_json
from shadow.errors import ConfigError
from shadowroute.analysis.plan.loading import Plan, plan_of
from shadowroute.analysis.plan.status import PlanEdit, PlanStatus
from shadowroute.collector.plans import PlanRecord, plan_records, record_plan, recorded_plan_names

_NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class RegisteredPlan:
    """The plan that judges, and the file's differences from it.

    Attributes:
        plan: the first registered content.
    """

    plan: Plan
    status: PlanStatus


def register(
    plan: Plan, project: str, *, reader: Client, writer: Client | None, author: str = "", source: str = ""
) -> RegisteredPlan:
    """Record the plan if its content is new, and return the content that judges.

    Args:
        plan: as the file has it now.
        project: judged by the plan.
        reader: client for reads.
        writer: client that may write; None only reads, and the status shows that nothing was recorded.
        author: login name of the user.
        source: name of the file, for people.
    """
    content = canonical_json(plan.content)
    records = plan_records(reader, project, plan.name)
    if writer is not None and plan.hash not in {each.hash for each in records}:
        # A read-only store still judges; the status shows that nothing was recorded.
        with suppress(ClickHouseError):
            record_plan(writer, project, plan.name, plan.hash, content, author=author, source=source)
        records = plan_records(reader, project, plan.name)
    return judged_by(plan, records)


def recorded_plans(reader: Client, project: str) -> tuple[RegisteredPlan, ...]:
    """Every recorded plan of a project, the latest first.

    No file is read here, so the newest recorded content stands for it. A plan that this version cannot read any more is
    left out: nothing could be judged by it.
    """
    found = []
    for name in recorded_plan_names(reader, project):
        records = plan_records(reader, project, name)
        with suppress(ConfigError):
            found.append(judged_by(plan_of(json.loads(records[-1].content)), records))
    return tuple(found)


def judged_by(plan: Plan, records: Sequence[PlanRecord]) -> RegisteredPlan:
    """The plan that judges, given every content that was recorded, the first one first."""
    if not records:
        return RegisteredPlan(plan, _status(plan, registered_at=None, edits=()))
    first = records[0]
    original = plan if first.hash == plan.hash else plan_of(json.loads(first.content))
    edits = tuple(_edits(original.content, plan.content, records))
    return RegisteredPlan(original, _status(original, registered_at=first.seen_at, edits=edits))


def _status(plan: Plan, *, registered_at: datetime | None, edits: tuple[PlanEdit, ...]) -> PlanStatus:
    return PlanStatus(
        name=plan.name,
        hash=plan.hash,
        registered_at=registered_at,
        edits=edits,
        signatures=plan.document.review.signatures,
    )


def differences(before: Any, after: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Places that differ between two contents, by dotted path, with both values; None = not there."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from differences(before.get(key), after.get(key), f"{where}.{key}" if where else str(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, f"{where}[{place}]" if len(before) > 1 else where)
    elif before != after:
        yield where, before, after


def _edits(first: Mapping[str, Any], now: Mapping[str, Any], records: Sequence[PlanRecord]) -> Iterator[PlanEdit]:
    for where, before, after in differences(first, now):
        yield PlanEdit(
            where=where, before=_said(before), after=_said(after), seen_on=_first_seen(where, after, first, records)
        )


def _first_seen(where: str, after: Any, first: Mapping[str, Any], records: Sequence[PlanRecord]) -> date:
    """Day on which a recorded content first had this value at this place; the last record's if none had."""
    for record in records[1:]:
        changed = {place: value for place, _, value in differences(first, json.loads(record.content))}
        if where in changed and changed[where] == after:
            return record.seen_at.date()
    return records[-1].seen_at.date()


def _said(value: Any) -> str:
    if value is None:
        return _NOTHING
    return value if isinstance(value, str) else canonical_json(value)
