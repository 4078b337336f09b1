"""Plans as first judged: append-only, because a plan that changes after the data proves nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from clickhouse_connect.driver.client import Client

from shadowroute.collector.moments import utc


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRecord:
    """One content of a plan, with the time it was first seen.

    Attributes:
        content: canonical JSON.
        seen_at: UTC, the store's clock.
        author: login name; empty if unknown.
    """

    hash: str
    content: str
    seen_at: datetime
    author: str


def plan_records(client: Client, project: str, plan: str) -> list[PlanRecord]:
    """Every content of the plan, the first one first; a repeated content counts as first seen."""
    found = client.query(
        "SELECT hash, argMin(content, seen_at) AS content, min(seen_at) AS first_seen,"
        " argMin(author, seen_at) AS author FROM plans WHERE project = {project:String} AND plan = {plan:String}"
        " GROUP BY hash ORDER BY first_seen, hash",
        parameters={"project": project, "plan": plan},
    )
    return [
        PlanRecord(hash=hash_, content=content, seen_at=utc(seen_at), author=author)
        for hash_, content, seen_at, author in found.result_rows
    ]


def recorded_plan_names(client: Client, project: str) -> list[str]:
    """All recorded plans of a project, the latest first."""
    found = client.query(
        "SELECT plan FROM plans WHERE project = {project:String} GROUP BY plan ORDER BY min(seen_at) DESC, plan",
        parameters={"project": project},
    )
    return [str(name) for (name,) in found.result_rows]


def record_plan(client: Client, project: str, plan: str, hash_: str, content: str, *, author: str, source: str) -> None:
    """Store a content that the plan did not have before.

    Args:
        client: of the calling thread, one that may write.
        project: judged by the plan.
        plan: name of the plan.
        hash_: of the content.
        content: canonical JSON.
        author: login name; empty if unknown.
        source: file of the plan.
    """
    # The store's clock, not ours: records of several machines must have one order.
    client.command(
        "INSERT INTO plans (project, plan, hash, content, seen_at, author, source)"
        " SELECT {project:String}, {plan:String}, {hash:String}, {content:String}, now64(6), {author:String},"
        " {source:String}",
        parameters={
            "project": project, "plan": plan, "hash": hash_, "content": content, "author": author, "source": source,
        },
    )  # fmt: skip
