"""The plans of the simulated week: conditions for each shadow, fixed before it is measured."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from shadowroute.app.demo.executed import SIGNAL
from shadowroute.app.demo.traffic import Traffic

PLANNED: Final = ("cheap-first", "bold", "new-idea")

_PLAN: Final = """# Conditions before {policy} may serve the first requests. shadowroute gate --plan {file}
plan: {policy}-demo
policy: {policy}
window: {{starts: {first}, ends: {last}, min_days: 7}}
confidence: 95%
must:
  cost: {{saves_at_least: 10%}}
  quality: {{signal: {signal}, loses_at_most_points: 2.0, over: all_requests, evidence: executed}}
{escalation}segments: {{by: [task]}}
costs: {{router_usd_per_decision: 0.00001}}
"""
_ESCALATION: Final = "  escalation: {below: break_even}\n"
_CASCADES: Final = frozenset({"cheap-first"})


def write_plans(folder: Path, traffic: Traffic) -> dict[str, Path]:
    """Write a plan file per planned shadow, for this week's days; by shadow."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {policy: folder / f"{policy}.yaml" for policy in PLANNED}
    for policy, file in files.items():
        file.write_text(
            _PLAN.format(
                policy=policy,
                file=file,
                first=traffic.first_day,
                last=traffic.last_day,
                signal=SIGNAL,
                escalation=_ESCALATION if policy in _CASCADES else "",
            )
        )
    return files
