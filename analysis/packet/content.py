"""The content of a packet, and its inputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import version
from typing import Final

from shadowroute.analysis.evidence import PolicyEvidence, evidence
from shadowroute.analysis.plan.meaning import wishes_of
from shadowroute.analysis.plan.registration import RegisteredPlan
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.digests import book_digest, executions_digest, traffic_digest
from shadowroute.analysis.report import ProjectReport, project_report
from shadowroute.analysis.selection import PolicyRef, Window
from shadowroute.analysis.study import Study
from shadowroute.analysis.verdict.judge import judge
from shadowroute.analysis.verdict.results import Judgement
from shadowroute.analysis.worksheet import Worksheet, worksheet

SCHEMA: Final = "shadowroute/packet/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Hashes of the inputs of the figures; the same inputs give the same figures.

    Attributes:
        policy_version: hash of the policy document.
        live: live policies of the window and their versions.
        plan: name of the plan; empty without one. plan_hash: of its content that judged.
        book: price book. prices: 16 hex characters of its rows.
        traffic: 16 hex characters of the decisions, tokens and signals of the window.
        executions: 16 hex characters of the executed answers; empty without any.
        data_through: everything that arrived before this is in the figures, UTC.
        made_by: version of the platform.
    """

    policy_version: str
    live: tuple[PolicyRef, ...]
    plan: str
    plan_hash: str
    book: str
    prices: str
    traffic: str
    executions: str
    data_through: datetime | None
    made_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """The evidence behind one decision about one policy.

    Attributes:
        judgement: by the plan; None without a plan.
        report: the four measures of every shadow of the window, to compare.
        evidence: everything about the policy, with intervals for one look; those of the judgement are wider.
        worksheet: the project's tasks, the one to optimise first on top.
    """

    made_at: datetime
    project: str
    policy: PolicyRef
    window: Window
    inputs: Inputs
    judgement: Judgement | None
    report: ProjectReport
    evidence: PolicyEvidence
    worksheet: Worksheet


def packet(
    q: Queries, policy: PolicyRef, window: Window, *, book: str, now: datetime, plan: RegisteredPlan | None = None
) -> Packet:
    """Collect all evidence of a store about a policy.

    Args:
        q: reads the project.
        policy: a shadow policy.
        window: UTC days; with a plan, the days that it judges.
        book: price book.
        now: time of making, UTC.
        plan: with the conditions; None measures without judging.
    """
    q = q.remembering()
    judgement = None if plan is None else judge(q, plan, now=now)
    if judgement is not None:
        policy, window, book = judgement.policy, judgement.window, judgement.book
    study = Study(q, window, book=book)
    report = project_report(study)
    asked = study if plan is None else replace(study, **wishes_of(plan.plan.document))
    return Packet(
        made_at=now,
        project=q.project,
        policy=policy,
        window=window,
        inputs=Inputs(
            policy_version=policy.version,
            live=report.live,
            plan="" if judgement is None else judgement.plan.name,
            plan_hash="" if judgement is None else judgement.plan.hash,
            book=book,
            prices=book_digest(q, book),
            traffic=traffic_digest(q, window),
            executions=executions_digest(q),
            data_through=report.as_of,
            made_by=version("shadowroute-platform"),
        ),
        judgement=judgement,
        report=report,
        evidence=evidence(asked, policy, by=() if plan is None else plan.plan.segment_keys),
        worksheet=worksheet(study, plans=() if plan is None else (plan.plan,)),
    )
