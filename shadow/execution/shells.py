"""The four shells that run an execution: for a whole answer or a stream, blocking or on an event loop.

Only shells wait. On an event loop a dispatch is cancelled at its time limit, whatever its provider does; a
blocking provider must keep the limits of its `Call`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import aclosing, closing
from types import TracebackType
from typing import Any

from shadow.domain.chunk import Chunk
from shadow.domain.outcome import Answer
from shadow.errors import ProviderError
from shadow.execution.dispatch import Dispatch
from shadow.execution.state_machine import Execution
from shadow.execution.stream_buffer import HeldStreams, StreamBuffer, Tick

Sleep = Callable[[float], None]
AsyncSleep = Callable[[float], Awaitable[None]]


def run(
    execution: Execution, dispatch: Callable[[Dispatch], Answer], tick: Tick, *, sleep: Sleep | None = None
) -> Answer:
    """Run an execution to its end and return the served answer.

    Raises:
        UnservedError: no step may be asked.
        Exception: of the last dispatch, unchanged, if no step is left.
    """
    while True:
        planned = _next_after_wait(execution, sleep)
        started = tick()
        try:
            answer = dispatch(planned)
        except BaseException as error:  # an interrupt or a cancellation is recorded, too
            if not execution.failed(error, tick() - started):
                raise
        else:
            latency_s = tick() - started
            finding = execution.inspect(answer, latency_s)
            if execution.answered(answer, latency_s, finding):
                return execution.answer or answer


async def arun(
    execution: Execution,
    dispatch: Callable[[Dispatch], Awaitable[Answer]],
    tick: Tick,
    *,
    sleep: AsyncSleep | None = None,
) -> Answer:
    """As `run`, without blocking the event loop."""
    while True:
        planned = await _anext_after_wait(execution, sleep)
        started = tick()
        try:
            async with _Limited(planned.model, planned.whole_s):
                answer = await dispatch(planned)
        except BaseException as error:  # an interrupt or a cancellation is recorded, too
            if not execution.failed(error, tick() - started):
                raise
        else:
            latency_s = tick() - started
            finding = await execution.ainspect(answer, latency_s)
            if execution.answered(answer, latency_s, finding):
                return execution.answer or answer


def stream(
    execution: Execution,
    dispatch: Callable[[Dispatch], Generator[Chunk, None, None]],
    tick: Tick,
    *,
    sleep: Sleep | None = None,
) -> Generator[Any, None, None]:
    """Run an execution and yield the raw chunks of the served answer.

    Raises:
        UnservedError: no step may be asked.
        Exception: as `run`; also after the first chunk, when no other step may serve the request.
    """
    held = HeldStreams()
    while True:
        planned, buffer = _next_after_wait(execution, sleep), StreamBuffer(tick)
        try:
            with closing(dispatch(planned)) as chunks:
                for chunk in chunks:
                    buffer.add(chunk)
                    if not planned.held:
                        yield buffer.hand_out(chunk)
        except BaseException as error:  # an interrupt or a cancellation is recorded, too
            if not _goes_on(execution, error, buffer):
                raise
        else:
            answer, latency_s = held.add(buffer), buffer.latency_s
            finding = execution.inspect(answer, latency_s)
            if execution.answered(answer, latency_s, finding, ttft_s=buffer.ttft_s):
                yield from held.chunks_of(execution.answer)
                return


async def astream(
    execution: Execution,
    dispatch: Callable[[Dispatch], AsyncGenerator[Chunk, None]],
    tick: Tick,
    *,
    sleep: AsyncSleep | None = None,
) -> AsyncGenerator[Any, None]:
    """As `stream`, without blocking the event loop."""
    held = HeldStreams()
    while True:
        planned = await _anext_after_wait(execution, sleep)
        buffer = StreamBuffer(tick)
        try:
            async with aclosing(dispatch(planned)) as chunks:
                async with _Limited(planned.model, planned.first_chunk_s):  # the provider keeps the later limits
                    chunk = await anext(chunks, None)
                while chunk is not None:
                    buffer.add(chunk)
                    if not planned.held:
                        yield buffer.hand_out(chunk)
                    chunk = await anext(chunks, None)
        except BaseException as error:  # an interrupt or a cancellation is recorded, too
            if not _goes_on(execution, error, buffer):
                raise
        else:
            answer, latency_s = held.add(buffer), buffer.latency_s
            finding = await execution.ainspect(answer, latency_s)
            if execution.answered(answer, latency_s, finding, ttft_s=buffer.ttft_s):
                for raw in held.chunks_of(execution.answer):
                    yield raw
                return


def _next_after_wait(execution: Execution, sleep: Sleep | None) -> Dispatch:
    planned = execution.next()
    if planned.wait_s:
        try:
            (sleep or time.sleep)(planned.wait_s)
        except BaseException as error:
            execution.withdrawn(planned, error)
            raise
    return planned


async def _anext_after_wait(execution: Execution, sleep: AsyncSleep | None) -> Dispatch:
    planned = execution.next()
    if planned.wait_s:
        try:
            await (sleep or asyncio.sleep)(planned.wait_s)
        except BaseException as error:
            execution.withdrawn(planned, error)
            raise
    return planned


class _Limited:
    """Ends the block after a time with a time-out error of the provider."""

    def __init__(self, model: str, limit_s: float | None) -> None:
        self._model = model
        self._limit_s = limit_s
        self._limit = asyncio.timeout(limit_s)

    async def __aenter__(self) -> None:
        await self._limit.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        try:
            await self._limit.__aexit__(kind, error, at)
            if not (isinstance(error, TimeoutError) and self._limit.expired()):
                return
        except TimeoutError:
            pass
        text = f"{self._model} did not answer within {self._limit_s:.3g} s"
        raise ProviderError(text, error_type="timeout", retryable=True) from None


def _goes_on(execution: Execution, error: BaseException, buffer: StreamBuffer) -> bool:
    """Report a broken stream to the execution; whether another step may serve the request."""
    if not buffer.handed_out:
        return execution.failed(error, buffer.latency_s)
    execution.broken(error, buffer.answer(), buffer.latency_s, ttft_s=buffer.ttft_s)
    return False
