"""The four ways to wait for the dispatches of an execution: whole or as a stream, blocking or on an event loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import aclosing, closing
from typing import Any

from shadow.execution.course import Dispatch, Execution
from shadow.execution.received import Received, Tick
from shadow.outcome import Answer
from shadow.providers.base import Chunk


def run(execution: Execution, dispatch: Callable[[Dispatch], Answer], tick: Tick) -> Answer:
    """Run an execution to its end and return the answer that is served.

    Raises:
        Exception: whatever the last dispatch raised, unchanged, if no step is left that may serve the request.
    """
    while True:
        planned, started = execution.next(), tick()
        try:
            answer = dispatch(planned)
        except BaseException as error:  # an interrupt or a cancellation is recorded, too, before it goes on
            if not execution.failed(error, tick() - started):
                raise
        else:
            if execution.answered(answer, tick() - started):
                return answer


async def arun(execution: Execution, dispatch: Callable[[Dispatch], Awaitable[Answer]], tick: Tick) -> Answer:
    """As `run`, without blocking the event loop."""
    while True:
        planned, started = execution.next(), tick()
        try:
            answer = await dispatch(planned)
        except BaseException as error:  # an interrupt or a cancellation is recorded, too, before it goes on
            if not execution.failed(error, tick() - started):
                raise
        else:
            if execution.answered(answer, tick() - started):
                return answer


def stream(
    execution: Execution, dispatch: Callable[[Dispatch], Generator[Chunk, None, None]], tick: Tick
) -> Generator[Any, None, None]:
    """Run an execution and yield the raw chunks of the answer that is served.

    Raises:
        Exception: as `run`; also after the first chunk, where no other step may serve the request any more.
    """
    while True:
        planned, received = execution.next(), Received(tick)
        try:
            with closing(dispatch(planned)) as chunks:
                for chunk in chunks:
                    received.add(chunk)
                    if not planned.judged:
                        yield received.hand_out(chunk)
        except BaseException as error:  # an interrupt or a cancellation is recorded, too, before it goes on
            if not _goes_on(execution, error, received):
                raise
        else:
            if execution.answered(received.answer(), received.latency_s, ttft_s=received.ttft_s):
                yield from received.kept
                return


async def astream(
    execution: Execution, dispatch: Callable[[Dispatch], AsyncGenerator[Chunk, None]], tick: Tick
) -> AsyncGenerator[Any, None]:
    """As `stream`, without blocking the event loop."""
    while True:
        planned, received = execution.next(), Received(tick)
        try:
            async with aclosing(dispatch(planned)) as chunks:
                async for chunk in chunks:
                    received.add(chunk)
                    if not planned.judged:
                        yield received.hand_out(chunk)
        except BaseException as error:  # an interrupt or a cancellation is recorded, too, before it goes on
            if not _goes_on(execution, error, received):
                raise
        else:
            if execution.answered(received.answer(), received.latency_s, ttft_s=received.ttft_s):
                for raw in received.kept:
                    yield raw
                return


def _goes_on(execution: Execution, error: BaseException, received: Received) -> bool:
    """Tell the execution about a broken stream; whether another step may serve the request."""
    if not received.handed_out:
        return execution.failed(error, received.latency_s)
    execution.broken(error, received.answer(), received.latency_s, ttft_s=received.ttft_s)
    return False
