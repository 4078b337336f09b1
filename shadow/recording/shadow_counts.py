"""Counts of shadow rows and of their failures, for one process."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable

from shadow.domain.policy import Failure
from shadow.policies.guarded import PolicyResult


class ShadowCounts:
    """Counts since the start of a process, over all versions of its policies."""

    def __init__(self) -> None:
        self.after_fork()

    def after_fork(self) -> None:
        """A forked child counts from zero, with a new lock."""
        self._lock = threading.Lock()
        self._evaluated = 0
        self._failures: dict[str, Counter[str]] = {}

    def add(self, results: Iterable[PolicyResult]) -> None:
        """Count rows."""
        with self._lock:
            for result in results:
                self._evaluated += 1
                decision = result.decision
                if isinstance(decision, Failure):
                    self._failures.setdefault(decision.policy, Counter())[decision.error_type] += 1

    @property
    def evaluated(self) -> int:
        """Shadow rows produced, failures included."""
        return self._evaluated

    @property
    def failures(self) -> dict[str, dict[str, int]]:
        """By policy and `error_type`."""
        with self._lock:
            return {policy: dict(counts) for policy, counts in self._failures.items()}
