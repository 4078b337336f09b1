"""Adds up an OpenAI-shaped stream while it passes, and closes the record when it ends, breaks or is left."""

from __future__ import annotations

from typing import Any, Protocol

from shadow.domain.outcome import UNREPORTED, Answer, Outcome, OutcomeStatus
from shadow.domain.usage import chunk_of, ends_answer, failure_of, is_chunk
from shadow.execution.received import Received
from shadow.runtime.containment import Guard


class Streamed(Protocol):
    """Whose stream it is. Its methods never raise."""

    def guard(self, where: str, /) -> Guard:
        """Counts what goes wrong at a named place and keeps it from the host."""
        ...

    def since_chosen_s(self) -> float:
        """Seconds since the live decision."""
        ...

    def finish(
        self, answer: Answer, status: OutcomeStatus, *, ttft_s: float | None = None, error_type: str = ""
    ) -> None:
        """What arrived, and whether it is whole."""
        ...

    def failed(self, error: BaseException, /) -> None:
        """It broke before anything arrived."""
        ...

    def close(self, outcome: Outcome, /) -> None:
        """Nothing arrived."""
        ...


class ObservedStream:
    """What one stream gave so far."""

    def __init__(self, observed: Streamed) -> None:
        self._observed = observed
        self._received = Received(observed.since_chosen_s)
        self._ttft_s: float | None = None
        self._is_whole = False
        self._failure = ""

    def see(self, item: Any) -> None:
        """Note one item. Items of another shape are not ours to judge."""
        with self._observed.guard("stream"):
            if is_chunk(item):
                if self._ttft_s is None:
                    self._ttft_s = self._observed.since_chosen_s()
                self._is_whole = self._is_whole or ends_answer(item)
                self._failure = self._failure or failure_of(item)
                chunk = chunk_of(item)
                self._received.add(chunk)
                self._received.hand_out(chunk)

    def ended(self) -> None:
        """The stream is exhausted. An event may have said that the answer broke off."""
        self._finish(complete=not self._failure, error_type=self._failure)

    def left(self) -> None:
        """The caller closed the stream, or lost interest in it."""
        self._finish(complete=self._is_whole)

    def failed(self, error: BaseException) -> None:
        """The stream broke. What arrived before counts as a partial answer."""
        if self._ttft_s is not None:
            self._finish(complete=False, error_type=type(error).__name__)
        else:
            self._observed.failed(error)

    def _finish(self, *, complete: bool, error_type: str = "") -> None:
        if self._ttft_s is None:
            self._observed.close(UNREPORTED)
            return
        self._observed.finish(
            self._received.answer(),
            "complete" if complete else "partial",
            ttft_s=self._ttft_s,
            error_type=error_type,
        )
