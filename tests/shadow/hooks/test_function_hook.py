"""`@observer.route` above everything that a function can be, and over everything that it can return."""

from __future__ import annotations

import asyncio
import functools
import inspect
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

from shadow.observer import Observer
from shadow.telemetry import keys
from shadow.testing import ManualClock, MemorySink
from tests.support.fake_openai import FakeOpenAI, fake_openai
from tests.support.sdk import routing

MESSAGES: Any = [{"role": "user", "content": "hi"}]
REPLY = {
    "object": "chat.completion",
    "id": "chatcmpl-1",
    "model": "big",
    "choices": [{"message": {"role": "assistant", "content": "By post."}}],
    "usage": {"prompt_tokens": 12, "completion_tokens": 3},
}
CHUNKS = [
    {"object": "chat.completion.chunk", "model": "big", "choices": [{"delta": {"content": "By"}}]},
    {"object": "chat.completion.chunk", "model": "big", "choices": [{"delta": {}, "finish_reason": "stop"}]},
]


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
def observer(sink: MemorySink) -> Iterator[Observer]:
    with Observer(routing(), exporter=sink, clock=ManualClock()) as running:
        yield running
        assert running.stats.contained == {}


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with fake_openai() as running:
        yield running


def live(observer: Observer, sink: MemorySink) -> list[tuple[str, str, str]]:
    """Status, error and task of each request."""
    assert observer.flush(5)
    rows = sink.rows("live")
    return [(row[keys.OUTCOME_STATUS], row.get(keys.ERROR_TYPE, ""), row.get(keys.TASK, "")) for row in rows]


def test_static_and_class_methods_stay_what_they_are(observer: Observer, sink: MemorySink) -> None:
    """In either order of the decorators, called on the class and on an object."""

    class Router:
        name = "router"

        @observer.route(task="kind")
        @staticmethod
        def fixed(kind: str) -> Any:
            return REPLY

        @staticmethod
        @observer.route(task="kind")
        def inner(kind: str) -> Any:
            return REPLY

        @observer.route(task="kind")
        @classmethod
        def of_class(cls, kind: str) -> Any:
            assert cls.name == "router"
            return REPLY

    for owner in (Router, Router()):
        assert owner.fixed("a") is REPLY
        assert owner.inner("b") is REPLY
        assert owner.of_class("c") is REPLY
    assert isinstance(vars(Router)["fixed"], staticmethod)
    assert isinstance(vars(Router)["of_class"], classmethod)
    assert [task for _, _, task in live(observer, sink)] == ["a", "b", "c"] * 2


def test_a_partial_and_an_object_with_call_are_observed(observer: Observer, sink: MemorySink) -> None:
    """What a partial fixes is found like any other argument."""

    def answer(prefix: str, kind: str, *, model: str) -> Any:
        return REPLY

    async def aanswer(kind: str, *, model: str) -> Any:
        return REPLY

    class Answers:
        def __call__(self, kind: str) -> Any:
            return REPLY

    assert observer.route(task="kind")(functools.partial(answer, "x", model="big"))("a") is REPLY
    assert observer.route(task="kind", model="model")(functools.partial(answer, "x", kind="b"))(model="big") is REPLY
    coroutine = observer.route(task="kind")(functools.partial(aanswer, model="big"))
    assert inspect.iscoroutinefunction(coroutine)
    assert asyncio.run(coroutine("c")) is REPLY
    assert observer.route(task="kind")(Answers())("d") is REPLY
    assert [task for _, _, task in live(observer, sink)] == ["a", "b", "c", "d"]


def test_a_plain_function_that_returns_a_coroutine(observer: Observer, sink: MemorySink) -> None:
    """Its request begins with the await, and there is none without one."""

    async def ask(*, fails: bool = False) -> Any:
        if fails:
            raise ValueError
        return REPLY

    @observer.route(task="kind", model="model")
    def answer(kind: str, model: str, *, fails: bool = False) -> Any:
        return ask(fails=fails)

    async def run() -> None:
        with warnings.catch_warnings(record=True):  # Python says that the function's own coroutine never ran
            warnings.simplefilter("always")
            answer("never", "big").close()
        assert inspect.iscoroutine(waiting := answer("a", "big"))
        assert await waiting is REPLY
        with pytest.raises(ValueError, match=r"^$"):
            await answer("b", "big", fails=True)

    asyncio.run(run())
    assert live(observer, sink) == [("complete", "", "a"), ("error", "ValueError", "b")]


def test_a_function_that_returns_a_task_or_a_future(observer: Observer, sink: MemorySink) -> None:
    """The same object; its result, error or cancellation is the outcome, and stays the host's to handle."""

    async def ask(kind: str) -> Any:
        if kind == "slow":
            await asyncio.Event().wait()
        if kind == "bad":
            raise ValueError
        return REPLY

    @observer.route(task="kind")
    def answer(kind: str) -> Any:
        return asyncio.ensure_future(ask(kind))

    unseen: list[str] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context["message"]))
        assert isinstance(good := answer("good"), asyncio.Task)
        assert await good is REPLY
        bad = answer("bad")
        await asyncio.wait([bad])
        slow = answer("slow")
        await asyncio.sleep(0)
        slow.cancel()
        await asyncio.wait([slow])
        await asyncio.sleep(0)
        del bad

    asyncio.run(run())
    assert unseen == ["Task exception was never retrieved"]  # as without an observation
    with ThreadPoolExecutor(1) as pool:

        @observer.route(task="kind")
        def submit(kind: str) -> Any:
            return pool.submit(lambda: REPLY)

        assert submit("pool").result(10) is REPLY
    assert live(observer, sink) == [
        ("complete", "", "good"),
        ("error", "ValueError", "bad"),
        ("error", "CancelledError", "slow"),
        ("complete", "", "pool"),
    ]


def test_a_plain_function_that_returns_a_generator(observer: Observer, sink: MemorySink) -> None:
    """Of either kind, from a plain function or a coroutine function."""

    def items() -> Iterator[Any]:
        yield from CHUNKS

    async def aitems() -> AsyncIterator[Any]:
        for chunk in CHUNKS:
            yield chunk

    @observer.route(task="kind")
    def answer(kind: str, make: Callable[[], Any]) -> Any:
        return make()

    @observer.route(task="kind")
    async def aanswer(kind: str) -> Any:
        return aitems()

    async def run() -> None:
        assert inspect.isasyncgen(stream := answer("b", aitems))
        assert [item async for item in stream] == CHUNKS
        assert [item async for item in await aanswer("c")] == CHUNKS

    assert inspect.isgenerator(stream := answer("a", items))
    assert list(stream) == CHUNKS
    asyncio.run(run())
    assert live(observer, sink) == [("complete", "", kind) for kind in "abc"]


def test_a_function_that_returns_a_stream_of_a_client(observer: Observer, sink: MemorySink, server: FakeOpenAI) -> None:
    """The client's own object, from plain functions and coroutine functions."""
    client = openai.OpenAI(base_url=server.base_url, api_key="k")

    @observer.route(messages="messages", model="model", task="kind")
    def answer(messages: Any, model: str, kind: str) -> Any:
        return client.chat.completions.create(model="big", messages=messages, stream=True)

    stream = answer(MESSAGES, "big", "whole")
    assert type(stream) is openai.Stream
    assert len(list(stream)) > 2
    with answer(MESSAGES, "big", "left") as stream:
        next(stream)

    async def run() -> None:
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key="k") as aclient:

            @observer.route(task="kind")
            async def aanswer(kind: str) -> Any:
                return await aclient.chat.completions.create(model="big", messages=MESSAGES, stream=True)

            stream = await aanswer("async")
            assert type(stream) is openai.AsyncStream
            assert len([chunk async for chunk in stream]) > 2

    asyncio.run(run())
    assert live(observer, sink) == [("complete", "", "whole"), ("partial", "", "left"), ("complete", "", "async")]


def test_a_function_that_returns_an_iterator_of_its_own(observer: Observer, sink: MemorySink) -> None:
    """The same object, and an instance of its class; one of a class in C cannot be observed and passes as it is."""

    class Stream:
        def __init__(self) -> None:
            self._items = iter(CHUNKS)

        def __iter__(self) -> Stream:
            return self

        def __next__(self) -> Any:
            return next(self._items)

    @observer.route(task="kind")
    def answer(kind: str, reply: Any) -> Any:
        return reply

    stream = Stream()
    assert answer("own", stream) is stream
    assert isinstance(stream, Stream)
    assert list(stream) == CHUNKS
    assert live(observer, sink) == [("complete", "", "own")]


def test_an_iterator_that_cannot_be_observed_passes_as_it_is(sink: MemorySink) -> None:
    """The request is unreported, and counted."""
    with Observer(routing(), exporter=sink) as observer:
        items = iter(CHUNKS)

        @observer.route(model="model")
        def answer(model: str) -> Any:
            return items

        assert answer("big") is items
        assert list(items) == CHUNKS
        assert observer.stats.contained == {"served": 1}
        assert live(observer, sink) == [("unreported", "", "")]


def test_a_function_without_a_signature_is_observed(observer: Observer, sink: MemorySink) -> None:
    """Some functions in C have none."""

    class Unsigned:
        __signature__ = "none"

        def __call__(self, reply: Any) -> Any:
            return reply

    assert observer.route(Unsigned())(REPLY) is REPLY
    assert live(observer, sink) == [("complete", "", "")]
