"""Collects an OpenAI-shaped stream, and closes the record when it ends, fails or is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from shadow.domain.outcome import UNREPORTED, Answer, Outcome, OutcomeStatus
from shadow.domain.usage import chunk_of, ends_answer, failure_of, is_chunk
from shadow.execution.stream_buffer import StreamBuffer
from shadow.runtime.containment import Guard


class Streamed(Protocol):
    """The request of the stream. Its methods never raise."""

    def guard(self, where: str, /) -> Guard:
        """Contains and counts internal errors by place."""
        ...

    def since_chosen_s(self) -> float:
        """Seconds since the live decision."""
        ...

    def arrives(self, answer: Answer, ttft_s: float) -> None:
        """The first chunk is here; without an end, the answer so far is partial."""
        ...

    def finish(
        self,
        answer: Answer,
        status: OutcomeStatus,
        *,
        ttft_s: float | None = None,
        error_type: str = "",
        duration_s: float | None = None,
    ) -> None:
        """Close with the answer so far."""
        ...

    def soon(self, task: Callable[[], None], /) -> None:
        """Call it within about a second. Takes no lock."""
        ...

    def failed(self, error: BaseException, /) -> None:
        """Close with a failure before the first chunk."""
        ...

    def close(self, outcome: Outcome, /) -> None:
        """Close without a chunk."""
        ...


class ObservedStream:
    """One stream so far. Only its first end counts."""

    def __init__(self, observed: Streamed) -> None:
        self._observed = observed
        self._buffer = StreamBuffer(observed.since_chosen_s)
        self._ttft_s: float | None = None
        self._is_whole = False
        self._is_over = False
        self._failure = ""

    def see(self, item: Any) -> None:
        """Note one item. Items of another form are ignored."""
        with self._observed.guard("stream"):
            if is_chunk(item):
                self._is_whole = self._is_whole or ends_answer(item)
                self._failure = self._failure or failure_of(item)
                chunk = chunk_of(item)
                self._buffer.add(chunk)
                self._buffer.hand_out(chunk)
                if self._ttft_s is None:
                    self._ttft_s = self._observed.since_chosen_s()
                    self._observed.arrives(self._buffer.answer(), self._ttft_s)

    def ended(self) -> None:
        """The stream is exhausted. An event may have reported a failure."""
        if self._ends():
            self._finish(complete=not self._failure, error_type=self._failure)

    def left(self) -> None:
        """The caller closed the stream."""
        if self._ends():
            self._finish(complete=self._is_whole and not self._failure, error_type=self._failure)

    def dropped(self) -> None:
        """The caller lost the stream. A garbage collection may call this anywhere, so it only takes a note."""
        if self._ends():
            duration_s = self._observed.since_chosen_s()
            complete = self._is_whole and not self._failure
            self._observed.soon(
                lambda: self._finish(complete=complete, error_type=self._failure, duration_s=duration_s)
            )

    def failed(self, error: BaseException) -> None:
        """The stream failed. The chunks so far are a partial answer."""
        if not self._ends():
            return
        if self._ttft_s is not None:
            self._finish(complete=False, error_type=type(error).__name__)
        else:
            self._observed.failed(error)

    def over(self) -> None:
        """Nothing more is observed. Must not raise."""

    def _ends(self) -> bool:
        """Whether this is the first end."""
        if self._is_over:
            return False
        self._is_over = True
        self.over()
        return True

    def _finish(self, *, complete: bool, error_type: str = "", duration_s: float | None = None) -> None:
        if self._ttft_s is None:
            self._observed.close(UNREPORTED)
            return
        self._observed.finish(
            self._buffer.answer(),
            "complete" if complete else "partial",
            ttft_s=self._ttft_s,
            error_type=error_type,
            duration_s=duration_s,
        )
