"""The common base of observer and router: a recorder, a state, and reloads."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from shadow.config import Routing
from shadow.recording.recorder import Recorder
from shadow.recording.stats import RecorderStats

if TYPE_CHECKING:
    from shadow.recording.reload import Reloader
    from shadow.state.router_state import State

CLOSE_TIMEOUT_S: Final = 30.0


class RecordedService:
    """Records one service from its first request to the end of its process."""

    state: State
    _recorder: Recorder
    _reloader: Reloader

    def reload(self, routing: Routing | None = None) -> bool:
        """Load the routing files again, or a routing made in code; whether it is in use now. Never raises.

        New requests use the new version; requests in progress keep the old one. If the new one has a
        problem, the old one stays, and `stats.reload_error` has the reason.
        """
        return self._reloader.reload(routing)

    @property
    def stats(self) -> RecorderStats:
        """Counts of this process so far: recorded, shed, dropped, contained."""
        return self._recorder.stats

    def flush(self, timeout_s: float = CLOSE_TIMEOUT_S) -> bool:
        """Wait until all finished requests reached the collector; False if late, or if a record was lost."""
        return self._recorder.flush(timeout_s)

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> bool:
        """Record open requests as unreported, flush, and end the threads. Also called when the process exits."""
        return self._recorder.shutdown(timeout_s)

    def _note_signal(self, some_id: str, name: str, value: float | None, details: dict[str, Any]) -> None:
        target = self._recorder.target_of(some_id)
        self._recorder.signal(target, name, value, **details)
        if not details.get("deleted"):
            self.state.signal(target, name, value)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
