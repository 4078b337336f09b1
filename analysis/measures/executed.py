"""What a shadow policy's own answers show, from a probability sample of requests that were answered again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analysis.queries.executions import signals_executed
from analysis.queries.reader import Reader
from analysis.results import Measured, Undefined
from analysis.selection import ALL, PolicyRef, Slice, Window

__all__ = ["Executed", "executed", "executed_by_value", "signals_executed"]

_NOTHING = Undefined(
    reason="no answer of the shadow was run",
    next_step="draw a sample, run it, and load it: shadowroute import executions FILE",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """Executed answers against the live ones, over all clean requests of a window and a slice.

    Where both plans are the same the difference is 0 and nothing needs to be run; `diverging` means the other requests.

    Attributes:
        n: diverging requests with both scores; the figures of quality rest on these.
        drawn: diverging requests that a draw took.
        missing_share: of these, weighted, those without one of the scores; None without any.
        samples: names of the draws, sorted.
        signal: what was scored; empty if nothing was.
        quality_change: mean score of the shadow minus live, over all requests. Unit `score`, -1 to 1.
        diverging_quality_change: the same over the diverging requests.
        shadow_score: mean score of the shadow's answers over the diverging requests. live_score: of live's.
        cost_change: (shadow - live) / live over all requests: predictions, corrected by what was paid. Unit `ratio`.
        escalation: share of cascade requests that pay twice.
        spend_usd: paid for everything that was drawn; None if part of it is unknown.
        rung: `executed`, or `none` without a usable answer.
    """

    n: int
    drawn: int
    missing_share: float | None
    samples: tuple[str, ...]
    signal: str
    quality_change: Measured
    diverging_quality_change: Measured
    shadow_score: Measured
    live_score: Measured
    cost_change: Measured
    escalation: Measured
    spend_usd: float | None
    rung: Literal["executed", "none"]


NOTHING = Executed(
    n=0,
    drawn=0,
    missing_share=None,
    samples=(),
    signal="",
    quality_change=_NOTHING,
    diverging_quality_change=_NOTHING,
    shadow_score=_NOTHING,
    live_score=_NOTHING,
    cost_change=_NOTHING,
    escalation=_NOTHING,
    spend_usd=None,
    rung="none",
)
"""What is known where nothing was run."""


def executed(
    q: Reader, policy: PolicyRef, window: Window, where: Slice = ALL, *, signal: str, book: str, level: float = 0.95
) -> Executed:
    """What executed answers show about a policy in a window and a slice."""
    del q, policy, window, where, signal, book, level
    return NOTHING


def executed_by_value(
    q: Reader, policy: PolicyRef, window: Window, key: str, *, signal: str, book: str, level: float = 0.95
) -> dict[str, Executed]:
    """The same for every value of a segment key."""
    del q, policy, window, key, signal, book, level
    return {}
