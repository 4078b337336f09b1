"""The next call of an execution, for its shell."""

from __future__ import annotations

from dataclasses import dataclass

from shadow.domain.outcome import AttemptKind
from shadow.execution.draft import Draft
from shadow.execution.inspection import Correction
from shadow.runtime.frozen import quickly_made


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """The next call and its limits.

    Attributes:
        kind: of its attempt.
        model: to call.
        judged: the answer may be refused, so it must be whole before a chunk may reach the caller.
        shown: follows the caller's messages: the model's own refused answer, or another model's draft.
        wait_s: seconds to wait before the call.
        timeout_s: the caller's limit for one dispatch: the whole answer, or in a stream the longest silence.
        deadline_s: seconds left for the whole request.
        latency_s: the latency budget, after which another step is asked.
        output_tokens: limit of the answer, to keep a cost budget; None = the caller's own.
        chunk_s: the configured limit for a stream's first chunk.
    """

    kind: AttemptKind
    model: str
    judged: bool
    shown: Correction | Draft | None = None
    wait_s: float = 0.0
    timeout_s: float | None = None
    deadline_s: float | None = None
    latency_s: float | None = None
    chunk_s: float | None = None
    output_tokens: int | None = None

    @property
    def draft(self) -> Draft | None:
        """The draft that this dispatch checks."""
        return self.shown if isinstance(self.shown, Draft) else None

    @property
    def held(self) -> bool:
        """Whether the answer must be whole before a chunk may reach the caller."""
        return self.judged or self.draft is not None

    @property
    def whole_s(self) -> float | None:
        """Seconds for an answer that comes whole."""
        return _least(self.timeout_s, self.deadline_s, self.latency_s)

    @property
    def first_chunk_s(self) -> float | None:
        """Seconds until the first chunk of a stream."""
        return _least(self.chunk_s, self.timeout_s, self.deadline_s, self.latency_s)

    @property
    def stream_s(self) -> float | None:
        """Seconds for a whole stream. Once chunks reached the caller, no latency budget ends it."""
        return _least(self.deadline_s, self.latency_s) if self.held else self.deadline_s

    def ran_out(self, latency_s: float) -> bool:
        """Whether the latency budget caused a time-out after this time."""
        return self.latency_s is not None and latency_s >= 0.9 * self.latency_s


def _least(*limits_s: float | None) -> float | None:
    known = [limit for limit in limits_s if limit is not None]
    return min(known) if known else None
