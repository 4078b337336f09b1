"""Requests between their live decision and their outcome, without a lock.

Every step is one atomic operation on a dictionary. Of two threads that take the same request, the first `pop` wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shadow.recording.backlog import Pending

if TYPE_CHECKING:
    from shadow.recording.routing_version import RoutingVersion


class OpenRequests:
    """Open requests by id, oldest first."""

    def __init__(self) -> None:
        self._by_id: dict[str, Pending] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def add(self, pending: Pending) -> Pending | None:
        """Add a request; returns an earlier one of the same id, which must be closed."""
        request_id = pending.request.request_id
        earlier = self._by_id.pop(request_id, None)
        self._by_id[request_id] = pending
        return earlier

    def find(self, request_id: str) -> Pending | None:
        """The open request of that id."""
        return self._by_id.get(request_id)

    def take(self, pending: Pending) -> bool:
        """Take a request out; False if another thread has taken it."""
        request_id = pending.request.request_id
        if self._by_id.get(request_id) is not pending:
            return False
        popped = self._by_id.pop(request_id, None)
        if popped is not None and popped is not pending:
            self._by_id[request_id] = popped  # a later request with the same id
        return popped is pending

    def take_oldest(self, opened_before: float = float("inf")) -> Pending | None:
        """Take the oldest request out, if it was opened before that time; None if there is none.

        Args:
            opened_before: in seconds of `time.perf_counter()`.
        """
        while self._by_id:
            try:
                oldest = next(iter(self._by_id.values()))
            except (StopIteration, RuntimeError):  # another thread changed the dictionary
                continue
            if oldest.opened_at >= opened_before:
                return None
            oldest.is_overdue = True  # before, so that a report in this moment comes late, and not never
            if self.take(oldest):
                return oldest
        return None

    def holds(self, routing_version: RoutingVersion) -> bool:
        """Whether a request of that version is open."""
        return any(pending.routing_version is routing_version for pending in list(self._by_id.values()))

    def clear(self) -> None:
        """Forget all."""
        self._by_id.clear()
