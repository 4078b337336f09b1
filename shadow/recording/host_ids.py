"""Distinguishes ids of requests from ids of responses: a signal may name either."""

from __future__ import annotations

from typing import Final

from shadow.domain.signals import looks_like_our_id

KEPT: Final = 10_000


class HostIds:
    """The newest request ids of the host. The SDK's own ids are known by their form."""

    def __init__(self) -> None:
        self._seen: dict[str, None] = {}

    def note(self, request_id: str) -> None:
        """A request began under this id."""
        if looks_like_our_id(request_id):
            return
        self._seen[request_id] = None
        if len(self._seen) > KEPT:
            self._seen.pop(next(iter(self._seen)), None)

    def target_of(self, some_id: str) -> str:
        """The signal target of an id: an id of the SDK or one seen here is a request, any other a response.

        `request:ID` and `response:ID` are explicit.
        """
        if some_id.startswith("request:"):
            return some_id.removeprefix("request:")
        if some_id.startswith("response:") or looks_like_our_id(some_id) or some_id in self._seen:
            return some_id
        return f"response:{some_id}"
