"""Flags a request for review when a cascade's first model was refused too often in a row."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from typing import Final

from shadow.domain.outcome import REFUSED, Outcome
from shadow.domain.policy import Decision
from shadow.domain.request import Request
from shadow.runtime.forks import on_fork_in_child

TASKS_AT_MOST: Final = 1000
"""Counted policies and tasks; above it the least recent one is forgotten."""


class RefusalRuns:
    """Counts refused first models in a row, per policy and task, in this process."""

    def __init__(self) -> None:
        self._runs: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._lock = threading.Lock()
        on_fork_in_child(self._after_fork)

    def with_review_flag(self, decision: Decision, request: Request, outcome: Outcome, *, review_after: int) -> Outcome:
        """The outcome, flagged if it is the last of `review_after` refusals; then the count starts again.

        An earlier reason of the outcome is kept.
        """
        first = decision.steps[0]
        results = [attempt.error_type for attempt in outcome.attempts if attempt.model == first.model]
        if not first.accept_if or not results or results[-1] not in ("", REFUSED):
            return outcome  # without a verdict: neither another refusal nor the end of a run
        run = self._run((decision.policy, request.task), review_after, is_refused=results[-1] == REFUSED)
        if run < review_after or outcome.needs_review:
            return outcome
        return replace(outcome, needs_review="refused_in_a_row")

    def _run(self, key: tuple[str, str], review_after: int, *, is_refused: bool) -> int:
        """Refusals in a row, this one included; 0 if it is none."""
        with self._lock:
            before = self._runs.pop(key, 0)
            run = before + 1 if is_refused else 0
            if 0 < run < review_after:
                self._runs[key] = run
                if len(self._runs) > TASKS_AT_MOST:
                    self._runs.popitem(last=False)
            return run

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
