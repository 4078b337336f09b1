"""Buffers the streams of one request, and adds up their chunks to answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shadow.domain.chunk import Chunk
from shadow.domain.outcome import UNKNOWN_USAGE, Answer
from shadow.execution.streamed_tool_calls import StreamedToolCalls

Tick = Callable[[], float]
"""A monotonic clock in seconds."""


class StreamBuffer:
    """The stream of one dispatch so far.

    Attributes:
        kept: raw chunks that are held back, because the answer must be validated first.
        handed_out: a chunk reached the caller, so that no other step may serve the request.
        ttft_s: seconds from the dispatch to the first chunk; None before it.
    """

    def __init__(self, tick: Tick) -> None:
        self._tick = tick
        self._started = tick()
        self._texts: list[str] = []
        self._tool_calls: StreamedToolCalls | None = None
        self._whole: Answer | None = None
        self._model = ""
        self._response_id = ""
        self._usage = UNKNOWN_USAGE
        self._cost_usd: float | None = None
        self._finish_reasons: dict[int, str] = {}
        self._system_fingerprint = ""
        self.kept: list[Any] = []
        self.handed_out = False
        self.ttft_s: float | None = None

    @property
    def latency_s(self) -> float:
        """Seconds since the dispatch."""
        return self._tick() - self._started

    def add(self, chunk: Chunk) -> None:
        """Add one chunk. Later values replace earlier ones."""
        if self.ttft_s is None:
            self.ttft_s = self.latency_s
        self.kept.append(chunk.raw)
        self._texts.append(chunk.text)
        if chunk.tool_calls is not None:
            if self._tool_calls is None:
                self._tool_calls = StreamedToolCalls()
            self._tool_calls.add(chunk.tool_calls)
        self._whole = chunk.answer or self._whole
        self._model = chunk.model or self._model
        self._response_id = chunk.response_id or self._response_id
        if chunk.usage is not None and chunk.usage != UNKNOWN_USAGE:
            self._usage = chunk.usage
        self._cost_usd = self._cost_usd if chunk.cost_usd is None else chunk.cost_usd
        if chunk.finish_reasons:
            self._finish_reasons.update(chunk.finish_reasons)
        self._system_fingerprint = chunk.system_fingerprint or self._system_fingerprint

    def hand_out(self, chunk: Chunk) -> Any:
        """The raw chunk, for the caller."""
        self.handed_out = True
        self.kept.clear()
        return chunk.raw

    def answer(self) -> Answer:
        """The answer of all chunks. Its `raw` is None: the caller has the chunks."""
        calls = self._tool_calls
        return self._whole or Answer(
            text="".join(self._texts),
            model=self._model,
            response_id=self._response_id,
            usage=self._usage,
            cost_usd=self._cost_usd,
            tool_calls=None if calls is None else calls.calls(),
            finish_reasons=tuple([reason for _, reason in sorted(self._finish_reasons.items())]),
            system_fingerprint=self._system_fingerprint,
        )


class HeldStreams:
    """The complete streams of one request, with their held back chunks."""

    def __init__(self) -> None:
        self._streams: list[tuple[Answer, list[Any]]] = []

    def add(self, buffer: StreamBuffer) -> Answer:
        """Keep a stream's chunks; returns its answer."""
        answer = buffer.answer()
        self._streams.append((answer, buffer.kept))
        return answer

    def chunks_of(self, served: Answer | None) -> list[Any]:
        """The held back chunks of the served answer: the last one, or an approved draft."""
        return next(kept for answer, kept in reversed(self._streams) if answer is served)
