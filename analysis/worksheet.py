"""The routing worksheet: one row per task, the route to optimise first on top.

Twelve columns, as a routing specification asks for them (docs/worksheet.md). An unknown value is None, never 0. Rows
are sorted by **money that could be saved**: the task's cost per month times the largest saving that a shadow policy is
predicted to make on it. Where no shadow saves anything, or prices are missing, rows follow by cost, then by traffic.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from shadowroute.analysis.cost_cube import CostCube
from shadowroute.analysis.measures.latency_quantiles import quantiles_of
from shadowroute.analysis.measures.rates import share_of
from shadowroute.analysis.plan.loading import Plan
from shadowroute.analysis.queries import money, tasks
from shadowroute.analysis.queries.tasks import PlanRow, TaskCost, TaskRow
from shadowroute.analysis.results import Measured
from shadowroute.analysis.selection import MONTH_DAYS, PolicyRef, Segment, Window
from shadowroute.analysis.study import Study
from shadowroute.analysis.summaries import RatioSums


@dataclass(frozen=True, slots=True, kw_only=True)
class WorksheetRow:
    """One task. None and empty texts are unknown.

    Attributes:
        task: task category; empty for requests that carry none.
        share: of all live requests.
        quality_threshold: margins of the plans, in words.
        primary: model that live calls first in its most frequent plan; for a cascade also the next one.
        fallback: models that it falls back to, in order.
        plan_share: share of the task's requests that have this plan.
        input_tokens: mean per request with known tokens. output_tokens: the same.
        validation_rule: check of a first answer before it is served.
        pass_rate: share of judged first answers that passed.
        latency_p95_s: dispatch to end of the answer.
        cost_usd: per request. cost_usd_per_month: of the task.
        last_review: day of the last signed review; reviews are not stored yet.
        saving_usd_per_month: saving of the best shadow here; None if no shadow can be priced.
        saved_by: that shadow.
        n: requests.
    """

    task: str
    share: float
    quality_threshold: str
    primary: str
    fallback: tuple[str, ...]
    plan_share: float | None
    input_tokens: float | None
    output_tokens: float | None
    validation_rule: str
    pass_rate: Measured | None
    latency_p95_s: Measured
    cost_usd: float | None
    cost_usd_per_month: float | None
    last_review: date | None
    saving_usd_per_month: float | None
    saved_by: PolicyRef | None
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Worksheet:
    """All tasks of a window, the one to optimise first on top; `unpriced` names models without a price."""

    window: Window
    days: int
    book: str
    rows: tuple[WorksheetRow, ...]
    unpriced: tuple[str, ...]


def worksheet(study: Study, *, plans: Sequence[Plan] = ()) -> Worksheet:
    """The worksheet of a study; the margins of `plans` become quality thresholds."""
    shadows = [row.policy for row in study.shadows]
    return worksheet_of(
        study.once(tasks.tasks),
        study.once(tasks.plans),
        study.once(tasks.costs, study.book),
        {policy: study.once(money.cost_cubes_by_value, policy, study.book, "task") for policy in shadows},
        window=study.window,
        book=study.book,
        plans=plans,
        level=study.level,
    )


def worksheet_of(
    task_rows: Iterable[TaskRow],
    made_plans: Iterable[PlanRow],
    costs: Iterable[TaskCost],
    cubes: Mapping[PolicyRef, Mapping[str, CostCube]],
    *,
    window: Window,
    book: str,
    plans: Sequence[Plan] = (),
    level: float = 0.95,
) -> Worksheet:
    """The same from rows."""
    by_task: dict[str, list[TaskRow]] = {}
    for row in task_rows:
        by_task.setdefault(row.task, []).append(row)
    first_plans: dict[str, PlanRow] = {}
    for plan in made_plans:
        first_plans.setdefault(plan.task, plan)
    cost_of = {cost.task: cost for cost in costs}
    days = len(frozenset[date]().union(*(cost.days for cost in cost_of.values()))) or window.days
    total = sum(row.n for group in by_task.values() for row in group)
    made = [
        _row(
            task,
            group,
            first_plans.get(task),
            cost_of.get(task),
            best_saving(cubes, task),
            total=total,
            months=days / MONTH_DAYS,
            threshold=threshold(plans, task),
            level=level,
        )
        for task, group in by_task.items()
    ]
    return Worksheet(
        window=window,
        days=days,
        book=book,
        rows=tuple(sorted(made, key=_first_to_optimise)),
        unpriced=tuple(sorted({model for cost in cost_of.values() for model in cost.unpriced})),
    )


def _first_to_optimise(row: WorksheetRow) -> tuple[float, float, float, str]:
    return -(row.saving_usd_per_month or 0.0), -(row.cost_usd_per_month or 0.0), -row.share, row.task


def best_saving(cubes: Mapping[PolicyRef, Mapping[str, CostCube]], task: str) -> tuple[PolicyRef, float] | None:
    """The shadow that saves the largest share of a task's cost, with unseen escalations counted as happening."""
    found = {policy: _saving(by_value[task]) for policy, by_value in cubes.items() if task in by_value}
    known = [(policy, share) for policy, share in found.items() if share is not None]
    return max(known, key=lambda each: each[1]) if known else None


def _saving(cube: CostCube) -> float | None:
    clean = {line: dollars for line, dollars in cube.cells.items() if not line.is_contaminated}
    if any(dollars.unpriced_n for dollars in clean.values()):
        return None
    live = sum(float(dollars.usd().sum()) for line, dollars in clean.items() if line.side == "live")
    shadow = sum(float(dollars.usd().sum()) for line, dollars in clean.items() if line.side == "shadow")
    return 1 - shadow / live if live > 0 else None


def threshold(plans: Sequence[Plan], task: str) -> str:
    """The margins of the plans for a task, in words; empty without a plan."""
    said: dict[str, None] = {}
    for plan in plans:
        for quality in plan.document.must.quality:
            margin = plan.loses_at_most(quality, Segment("task", task)) * 100
            said[f"{quality.signal} loses at most {margin:.10g} points"] = None
    return "; ".join(said)


def _row(
    task: str,
    group: Sequence[TaskRow],
    plan: PlanRow | None,
    cost: TaskCost | None,
    saving: tuple[PolicyRef, float] | None,
    *,
    total: int,
    months: float,
    threshold: str,
    level: float,
) -> WorksheetRow:
    n = sum(row.n for row in group)
    known = sum(row.token_n for row in group)
    steps = _steps(plan)
    usd = cost.usd if cost is not None and not cost.unpriced else None
    per_month = None if usd is None else usd / months
    return WorksheetRow(
        task=task,
        share=n / total,
        quality_threshold=threshold,
        primary=", then ".join(step["model"] for step in steps if step.get("kind") in {"primary", "escalation"}),
        fallback=tuple(step["model"] for step in steps if step.get("kind") == "fallback"),
        plan_share=None if plan is None else plan.n / n,
        input_tokens=sum(row.input_tokens for row in group) / known if known else None,
        output_tokens=sum(row.output_tokens for row in group) / known if known else None,
        validation_rule=", ".join(dict.fromkeys(rule for step in steps for rule in step.get("accept_if") or ())),
        pass_rate=_pass_rate(group, level),
        latency_p95_s=quantiles_of([row.bins for row in group], sum(row.timed_n for row in group), level=level).p95_s,
        cost_usd=usd / known if usd is not None and known else None,
        cost_usd_per_month=per_month,
        last_review=None,
        saving_usd_per_month=None if per_month is None or saving is None else per_month * max(saving[1], 0.0),
        saved_by=saving[0] if saving is not None and saving[1] > 0 else None,
        n=n,
    )


def _pass_rate(group: Sequence[TaskRow], level: float) -> Measured | None:
    judged = sum(row.judged_n for row in group)
    if not judged:
        return None
    sums = RatioSums.of(
        [row.bucket for row in group],
        [row.judged_n - row.refused_n for row in group],
        [row.judged_n for row in group],
        [row.judged_n for row in group],
    )
    # Without a pass over the users, a rate at which no bucket differs rests on the buckets.
    return share_of(sums, subject="judged first answer", clusters=lambda: sums.effective_clusters, level=level)


def _steps(plan: PlanRow | None) -> list[dict[str, Any]]:
    """The steps of a plan; from its first model alone where the record holds no steps."""
    if plan is None:
        return []
    try:
        steps = json.loads(plan.steps)
    except ValueError:
        steps = []
    known = [step for step in steps if isinstance(step, dict) and isinstance(step.get("model"), str)]
    return known or [{"kind": "primary", "model": plan.model}]
