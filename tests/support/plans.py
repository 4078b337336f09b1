"""Plan files for tests, each as a difference from one that is right."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from shadowroute.analysis.plan import load_plan
from shadowroute.analysis.plan.loading import Plan

PLAN: Final = """\
plan: cheap-first-2026-11
policy: cheap-first
window: {starts: 2026-11-09, ends: 2026-11-22, min_days: 7}
confidence: 95%
must:
  cost:        {saves_at_least: 10%}
  quality:     {signal: resolved, loses_at_most_points: 1.0, over: all_requests, evidence: executed}
  escalation:  {below: break_even}
  latency_p95: {adds_at_most_ms: 300}
segments: {by: [task, user_tier], stricter: {"task=refund": {quality: {loses_at_most_points: 0.5}}}}
signals: {resolved: {matures_after: 48h}}
review: {signatures: 1, not_the_author: true, valid_days: 90, first_step: 5%}
"""


def text_with(old: str = "", new: str = "") -> str:
    """The plan with one piece of text replaced, which must be there."""
    assert old in PLAN
    return PLAN.replace(old, new, 1) if old else PLAN


def plan_with(folder: Path, old: str = "", new: str = "") -> Plan:
    """The same, loaded."""
    path = folder / "plan.yaml"
    path.write_text(text_with(old, new))
    return load_plan(path)
