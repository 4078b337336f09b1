"""What an observer and a router have in common: a recorder, a state, and reloads."""

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
        """Take over the routing files as they are now, or a routing made in code; whether it runs now. Never raises.

        New requests see the new version of everything; those that have begun end with the old one. If anything is
        wrong, everything stays as it is, and `stats.reload_error` says why.
        """
        return self._reloader.reload(routing)

    @property
    def stats(self) -> RecorderStats:
        """What this process recorded, shed, dropped and contained so far."""
        return self._recorder.stats

    def flush(self, timeout_s: float = CLOSE_TIMEOUT_S) -> bool:
        """Wait until everything finished so far reached the collector; False if late, or if something was lost."""
        return self._recorder.flush(timeout_s)

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> bool:
        """Record open requests as unreported, flush, and end the threads. Also happens when the process ends."""
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
