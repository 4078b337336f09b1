"""A wrapped client and a bare one beside it: the caller sees no difference, and the record is right."""

from __future__ import annotations

import asyncio
import copy
import inspect
import itertools
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import openai
import pytest

from shadow.observer import Observer
from shadow.telemetry import keys
from shadow.testing import ManualClock, MemorySink
from tests.support.fake_openai import Behaviour, FakeOpenAI, fake_openai
from tests.support.sdk import always, routing

MESSAGES: Any = [{"role": "user", "content": "hi there"}]
METHODS = (
    "chat.completions.create",
    "chat.completions.parse",
    "beta.chat.completions.create",
    "responses.create",
    "responses.parse",
)
RECORDS = {
    "done": ("complete", ""),
    "refused": ("error", "RateLimitError"),
    "cancelled whole": ("error", "CancelledError"),
    "cancelled": ("partial", "CancelledError"),
    "left": ("partial", ""),
    "closed": ("partial", ""),
    "broken": ("partial", "APIConnectionError"),
}


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with fake_openai() as running:
        yield running


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
def observer(sink: MemorySink) -> Iterator[Observer]:
    with Observer(routing([always("small")]), exporter=sink) as running:
        yield running
        assert running.stats.contained == {}


def sync_client(server: FakeOpenAI) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.base_url, api_key="k", max_retries=0)


def async_client(server: FakeOpenAI) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=server.base_url, api_key="k", max_retries=0)


def method_of(client: Any, path: str) -> Callable[..., Any]:
    for name in path.split("."):
        client = getattr(client, name)
    found: Callable[..., Any] = client
    return found


def arguments(path: str, *, stream: bool) -> dict[str, Any]:
    asked = {"input": "hi there"} if path.startswith("responses") else {"messages": MESSAGES}
    return {"model": "big", **asked, **({"stream": True} if stream else {})}


@dataclass
class Seen:
    """What the caller of one client sees."""

    items: list[str]
    types: list[str]
    attributes: list[list[str]]
    error: str = ""

    def take(self, item: Any) -> Any:
        self.items.append(re.sub(r"(chatcmpl-|resp_)\d+", r"\1N", repr(item)))
        self.take_kind(item)
        return item

    def take_kind(self, item: Any) -> None:
        self.types.append(f"{type(item).__module__}.{type(item).__qualname__}")
        self.attributes.append(dir(item))


def behaviour_of(end: str) -> Behaviour:
    match end:
        case "refused":
            return Behaviour(status=429)
        case "broken":
            return Behaviour(cut_after=2)
        case "cancelled":
            return Behaviour(stall_after=2)
        case "cancelled whole":
            return Behaviour(delay_s=2.0)
        case _:
            return Behaviour()


def called(client: openai.OpenAI, path: str, end: str, *, stream: bool) -> Seen:
    """One synchronous call to its end."""
    seen = Seen([], [], [])
    try:
        reply: Any = method_of(client, path)(**arguments(path, stream=stream))
        if not stream:
            seen.take(reply)
        elif end == "closed":
            with reply as entered:
                seen.take(next(entered))
        else:
            for item in reply:
                seen.take(item)
                if end == "left":
                    break
        if stream:
            seen.take_kind(reply)
    except openai.OpenAIError as error:
        seen.error = f"{type(error).__qualname__}: {error}"
    return seen


async def acalled(client: openai.AsyncOpenAI, server: FakeOpenAI, path: str, end: str, *, stream: bool) -> Seen:
    """One asynchronous call to its end."""
    seen = Seen([], [], [])
    received = len(server.received)

    async def run() -> None:
        reply: Any = await method_of(client, path)(**arguments(path, stream=stream))
        if not stream:
            seen.take(reply)
            return
        if end == "closed":
            async with reply as entered:
                seen.take(await anext(entered))
        else:
            async for item in reply:
                seen.take(item)
                if end == "left":
                    break
        seen.take_kind(reply)

    task = asyncio.ensure_future(run())
    if end.startswith("cancelled"):
        while len(server.received) == received or (stream and len(seen.items) < 2):  # noqa: ASYNC110 - a thread
            await asyncio.sleep(0.01)
        task.cancel()
    try:
        await task
    except (openai.OpenAIError, asyncio.CancelledError) as error:
        seen.error = f"{type(error).__qualname__}: {error}"
    return seen


CASES = [
    *itertools.product(METHODS, ["sync", "async"], ["whole"], ["done", "refused"]),
    *itertools.product(METHODS, ["async"], ["whole"], ["cancelled whole"]),
    *(
        (path, colour, "stream", end)
        for path, colour, end in itertools.product(
            METHODS, ["sync", "async"], ["done", "refused", "left", "closed", "broken", "cancelled"]
        )
        if path.endswith("create") and (colour, end) != ("sync", "cancelled")
    ),
]


@pytest.mark.parametrize("case", CASES, ids=["-".join(case) for case in CASES])
def test_a_wrapped_client_is_a_bare_one_to_its_caller(
    server: FakeOpenAI, observer: Observer, sink: MemorySink, caplog: pytest.LogCaptureFixture, case: tuple[str, ...]
) -> None:
    """Same chunks, exceptions, types and attributes; nothing of ours in the host's log; one record with its end."""
    path, colour, form, end = case
    caplog.set_level(logging.WARNING)

    def both() -> list[Seen]:
        seen = []
        for wraps in (False, True):
            server.will("big", behaviour_of(end))
            if colour == "sync":
                with sync_client(server) as client:
                    seen.append(called(observer.wrap(client) if wraps else client, path, end, stream=form == "stream"))
            else:

                async def run(*, wraps: bool = wraps) -> Seen:
                    async with async_client(server) as client:
                        chosen = observer.wrap(client) if wraps else client
                        return await acalled(chosen, server, path, end, stream=form == "stream")

                seen.append(asyncio.run(run()))
        return seen

    bare, wrapped = both()
    assert wrapped == bare
    assert server.received[0].body == server.received[1].body
    assert "shadow" not in caplog.text  # httpx has its own trouble with streams that are left
    observer.close()
    (row,) = sink.rows("live")
    assert (row[keys.OUTCOME_STATUS], row.get(keys.ERROR_TYPE, "")) == RECORDS[end]
    if end not in ("refused", "cancelled whole"):
        assert row[keys.RESPONSE_MODEL] == "big"


@pytest.mark.parametrize("path", METHODS)
@pytest.mark.parametrize("make", [sync_client, async_client])
def test_a_method_stays_what_it_was(
    server: FakeOpenAI, observer: Observer, make: Callable[[FakeOpenAI], Any], path: str
) -> None:
    """For decorators that look at a function before they call it: retries, tracers, caches, mocks."""
    bare, wrapped = make(server), observer.wrap(make(server))
    before, after = method_of(bare, path), method_of(wrapped, path)
    resource, _, name = path.rpartition(".")
    assert inspect.iscoroutinefunction(after) == inspect.iscoroutinefunction(before)
    assert inspect.ismethod(after)
    assert after.__self__ is method_of(wrapped, resource)
    assert inspect.signature(after) == inspect.signature(before)
    assert (after.__name__, after.__qualname__, after.__doc__) == (before.__name__, before.__qualname__, before.__doc__)
    assert inspect.getsource(after) == inspect.getsource(before)
    assert type(mock.create_autospec(after)) is type(mock.create_autospec(before))
    assert name in dir(method_of(wrapped, resource))
    assert type(wrapped) is type(bare)
    assert type(method_of(wrapped, resource)) is type(method_of(bare, resource))


def test_a_replacement_that_comes_later_is_called(server: FakeOpenAI, observer: Observer, sink: MemorySink) -> None:
    """A tracer patches the class, a test the object; both go again, and the observation stays."""
    client = observer.wrap(sync_client(server))
    kind = type(client.chat.completions)
    original = kind.create
    traced: list[str] = []

    def tracer(self: Any, *args: Any, **kwargs: Any) -> Any:
        traced.append(kwargs["model"])
        return original(self, *args, **kwargs)

    with mock.patch.object(kind, "create", tracer):
        assert client.chat.completions.create(model="big", messages=MESSAGES).model == "big"
    with mock.patch.object(client.chat.completions, "create", return_value="mocked"):
        assert client.chat.completions.create(model="big", messages=MESSAGES) == "mocked"
    client.chat.completions.create(model="small", messages=MESSAGES)
    assert traced == ["big"]
    assert observer.flush(5)
    assert [row[keys.DECISION_MODEL] for row in sink.rows("live")] == ["big", "small"]


def test_a_retry_decorator_sees_the_errors_of_a_wrapped_method(
    server: FakeOpenAI, observer: Observer, sink: MemorySink
) -> None:
    """It awaits coroutine functions, and would take any other function's coroutine for a result."""
    server.will("big", Behaviour(status=429), Behaviour())

    def retried(function: Callable[..., Any]) -> Callable[..., Any]:
        if not inspect.iscoroutinefunction(function):
            raise TypeError

        async def again(*args: Any, **kwargs: Any) -> Any:
            try:
                return await function(*args, **kwargs)
            except openai.RateLimitError:
                return await function(*args, **kwargs)

        return again

    async def run() -> None:
        async with observer.wrap(async_client(server)) as client:
            assert (await retried(client.responses.create)(model="big", input="hi")).output_text == "echo hi"

    asyncio.run(run())
    assert observer.flush(5)
    assert [row[keys.OUTCOME_STATUS] for row in sink.rows("live")] == ["error", "complete"]


@pytest.mark.parametrize("name", ["with_options", "copy"])
def test_a_client_with_other_options_is_observed(
    server: FakeOpenAI, observer: Observer, sink: MemorySink, name: str
) -> None:
    """Once, however often it is copied."""
    client = observer.wrap(sync_client(server))
    other = getattr(getattr(client, name)(timeout=9), name)(api_key="k2")
    assert other.timeout == 9
    other.chat.completions.create(model="big", messages=MESSAGES)
    assert server.received[0].headers["authorization"] == "Bearer k2"
    assert observer.flush(5)
    assert len(sink.rows("live")) == 1


def test_a_shallow_copy_is_a_client_of_its_own(server: FakeOpenAI, observer: Observer, sink: MemorySink) -> None:
    """With its own key, as without an observation; it is observed when it is wrapped."""
    client = observer.wrap(sync_client(server))
    other = copy.copy(client)
    other.api_key = "k2"
    other.chat.completions.create(model="big", messages=MESSAGES)
    assert server.received[0].headers["authorization"] == "Bearer k2"
    assert other.with_options(timeout=9).api_key == "k2"
    observer.wrap(other).chat.completions.create(model="big", messages=MESSAGES)
    client.chat.completions.create(model="big", messages=MESSAGES)
    assert [received.headers["authorization"] for received in server.received[1:]] == ["Bearer k2", "Bearer k"]
    assert observer.flush(5)
    assert len(sink.rows("live")) == 2


def test_a_raw_view_that_was_made_before_is_observed(server: FakeOpenAI, observer: Observer, sink: MemorySink) -> None:
    """It keeps the methods that it finds when it is made."""
    client = sync_client(server)
    _ = client.chat.completions.with_raw_response
    observer.wrap(client).chat.completions.with_raw_response.create(model="big", messages=MESSAGES).parse()
    client.with_raw_response.chat.completions.create(model="big", messages=MESSAGES).parse()
    assert observer.flush(5)
    assert [row[keys.OUTCOME_STATUS] for row in sink.rows("live")] == ["complete", "complete"]


@pytest.mark.parametrize("path", ["chat.completions.create", "responses.create"])
def test_a_call_that_is_never_awaited_is_no_request(server: FakeOpenAI, sink: MemorySink, path: str) -> None:
    """And the time of one that is awaited begins with the await."""
    clock = ManualClock()
    observer = Observer(routing(), exporter=sink, clock=clock)

    async def run() -> None:
        async with observer.wrap(async_client(server)) as client:
            call = method_of(client, path)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                call(**arguments(path, stream=False)).close()
            assert all(warning.category is RuntimeWarning for warning in caught)
            waiting = call(**arguments(path, stream=False))
            clock.advance(7)
            await waiting

    asyncio.run(run())
    observer.close()
    (row,) = sink.rows("live")
    assert row[keys.OUTCOME_DURATION_S] == 0


def test_a_missing_argument_is_refused_as_before(server: FakeOpenAI, observer: Observer) -> None:
    """With the call, not with the await."""
    bare, wrapped = async_client(server), observer.wrap(async_client(server))
    errors = []
    for client in (bare, wrapped):
        with pytest.raises(TypeError) as caught:
            client.chat.completions.create(model="big")  # type: ignore[call-overload]
        errors.append(str(caught.value)[:27])
    assert errors[0] == errors[1]


def test_a_stream_that_is_left_open_is_no_error_of_the_event_loop(
    server: FakeOpenAI, observer: Observer, sink: MemorySink, caplog: pytest.LogCaptureFixture
) -> None:
    """The loop closes all generators that are still open at its end, in any order."""
    caplog.set_level(logging.WARNING)
    kept: list[Any] = []

    async def run() -> None:
        client = observer.wrap(async_client(server))
        for path in ("chat.completions.create", "responses.create"):
            stream = await method_of(client, path)(**arguments(path, stream=True))
            await anext(stream)
            kept.append(stream)

    asyncio.run(run())
    observer.close()
    assert "shadow" not in caplog.text
    assert "AsyncStream" not in caplog.text
    ends = [(row[keys.OUTCOME_STATUS], row.get(keys.ERROR_TYPE)) for row in sink.rows("live")]
    assert ends == [("partial", None)] * 2
