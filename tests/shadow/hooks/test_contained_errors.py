"""Whatever of ours fails inside an observed call, the caller gets what the client or the function gave, as it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from shadow.observer import Observer
from shadow.testing import MemorySink
from tests.support.sdk import always, routing

MESSAGES = [{"role": "user", "content": "hi"}]
REPLY = {"object": "chat.completion", "id": "r1", "model": "big", "choices": [{"message": {"content": "By post."}}]}
CHUNKS = [{"object": "chat.completion.chunk", "model": "big", "choices": [{"delta": {"content": c}}]} for c in "ab"]
ERROR = KeyError("the provider's own")


class Stream:
    """As the client's stream is to the hooks: it iterates over what is in `_iterator`."""

    def __init__(self, *chunks: Any) -> None:
        self._iterator: Iterator[Any] = (chunk for chunk in chunks)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._iterator)

    def close(self) -> None:
        """Leave it."""


class AsyncStream:
    """As `Stream`."""

    def __init__(self) -> None:
        self._iterator = self._chunks()

    async def _chunks(self) -> AsyncIterator[Any]:
        for chunk in CHUNKS:
            yield chunk

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        return await anext(self._iterator)

    def close(self) -> None:
        """Leave it."""


class Methods:
    """The methods of a resource; what `give` gives, they give."""

    def __init__(self, give: Callable[[], Any]) -> None:
        self._give = give

    def create(self, **_: Any) -> Any:
        return self._give()

    def retrieve(self, _: str) -> Any:
        return self._give()


class AsyncMethods(Methods):
    """As `Methods`."""

    async def create(self, **_: Any) -> Any:
        return self._give()

    async def retrieve(self, _: str) -> Any:
        return self._give()


class Client:
    """A client of the `openai` package, to the hooks."""

    def __init__(self, give: Callable[[], Any], methods: type[Methods] = Methods) -> None:
        self.chat = SimpleNamespace(completions=methods(give))
        self.responses = methods(give)
        self._other = self

    def copy(self) -> Any:
        if self._other is self:
            self._other = Client(lambda: REPLY)
        return self._other


def fail() -> Any:
    raise ERROR


async def answer_later() -> Any:
    return REPLY


async def fail_later() -> Any:
    raise ERROR


class Calls:
    """Every kind of observed call, of one observer."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        parsed = SimpleNamespace(parse=lambda: REPLY)
        self.gives: list[tuple[Callable[[], Any], Any]] = [
            *((self._create(give), expected) for give, expected in ((lambda: REPLY, REPLY), (lambda: parsed, parsed))),
            (lambda: retrieving.responses.create(model="big"), REPLY),
            (lambda: retrieving.responses.retrieve("r1"), REPLY),
            (lambda: asyncio.run(later.chat.completions.create(model="big", messages=MESSAGES)), REPLY),
            (lambda: asyncio.run(later.responses.retrieve("r1")), REPLY),
            (lambda: self._create(lambda: SimpleNamespace(parse=lambda: REPLY))().parse(), REPLY),
            (lambda: asyncio.run(self._create(answer_later)()), REPLY),
            (lambda: plain("big", MESSAGES), REPLY),
            (lambda: asyncio.run(coroutine("big", MESSAGES)), REPLY),
            (lambda: understood("big", MESSAGES), REPLY),
        ]
        retrieving = observer.wrap(Client(lambda: REPLY))
        later = observer.wrap(Client(lambda: REPLY, AsyncMethods))
        route = observer.route(model="model", messages="messages")

        @route
        def plain(model: str, messages: Any) -> Any:
            return REPLY

        @route
        async def coroutine(model: str, messages: Any) -> Any:
            return REPLY

        @observer.route(served=lambda _: fail())
        def understood(model: str, messages: Any) -> Any:
            return REPLY

        @route
        def generated(model: str, messages: Any) -> Any:
            yield from CHUNKS

        @route
        def streamed(model: str, messages: Any) -> Any:
            return Stream(*CHUNKS)

        self.streams: list[Callable[[], Any]] = [
            self._create(lambda: Stream(*CHUNKS)),
            lambda: generated("big", MESSAGES),
            lambda: streamed("big", MESSAGES),
        ]
        failing = observer.wrap(Client(fail, AsyncMethods))

        @route
        def failed(model: str, messages: Any) -> Any:
            raise ERROR

        self.fails: list[Callable[[], Any]] = [
            self._create(fail),
            lambda: asyncio.run(self._create(fail_later)()),
            lambda: asyncio.run(failing.chat.completions.create(model="big", messages=MESSAGES)),
            lambda: failed("big", MESSAGES),
        ]
        self.empty = self._create(Stream)
        self.block = observer.request(messages=MESSAGES)
        self.copied: Any = observer.wrap(Client(lambda: REPLY))
        self.later_stream = observer.wrap(Client(AsyncStream, AsyncMethods)).chat.completions.create

    def _create(self, give: Callable[[], Any]) -> Callable[[], Any]:
        create = self.observer.wrap(Client(give)).chat.completions.create
        return lambda: create(model="big", messages=MESSAGES)

    def check(self) -> None:
        """Each gives what the client or the function gave: the same object, or the same exception."""
        for call, expected in self.gives:
            assert call() is expected
        for call in self.streams:
            items = list(call())
            assert [id(item) for item in items] == [id(chunk) for chunk in CHUNKS]
        assert list(self.empty()) == []
        with self.block as request:
            request.chose("big")
        assert asyncio.run(self._received()) == [id(chunk) for chunk in CHUNKS]
        for call in self.fails:
            with pytest.raises(KeyError) as raised:
                call()
            assert raised.value is ERROR
        assert self.copied.copy() is self.copied.copy()

    async def _received(self) -> list[int]:
        stream = await self.later_stream(model="big", messages=MESSAGES)
        assert type(stream) is AsyncStream
        return [id(item) async for item in stream]


@pytest.mark.parametrize(
    "broken",
    [
        "shadow.hooks.openai_client.facts_of_call",
        "shadow.hooks.openai_client.is_answer",
        "shadow.hooks.openai_client.watch_client_stream",
        "shadow.hooks.openai_client.observe_client",
        "shadow.hooks.background.Background.seen",
        "shadow.hooks.function.ArgumentReader.read",
        "shadow.hooks.function.watched_stream",
        "shadow.hooks.streams.is_chunk",
        "shadow.hooks.streams.chunk_of",
        "shadow.hooks.observer_context.ObserverContext.now",
        "shadow.hooks.observer_context.ObserverContext.decision",
        "shadow.hooks.observer_context.ObserverContext.failure",
        "shadow.hooks.observed.extract",
        "shadow.hooks.observed.is_pending",
        "shadow.hooks.observed.answer_of",
        "shadow.hooks.observed.Outcome",
        "shadow.recording.recorder.Recorder.open",
        "shadow.recording.recorder.Recorder.close",
    ],
)
def test_an_error_of_ours_reaches_no_caller(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted, and the call goes on without a record."""

    def raises(*_: Any, **__: Any) -> Any:
        raise RuntimeError(broken)

    with Observer(routing([always("small")]), exporter=MemorySink()) as observer:
        calls = Calls(observer)
        with monkeypatch.context() as patched:
            patched.setattr(broken, raises)
            calls.check()
        assert sum(observer.stats.contained.values()) > observer.stats.contained.get("served=", 0)


def test_what_is_observed_stays_what_it_is() -> None:
    """The same objects and exceptions, while everything of ours works; only the host's own `served=` fails."""
    sink = MemorySink()
    with Observer(routing([always("small")]), exporter=sink) as observer:
        Calls(observer).check()
        assert set(observer.stats.contained) == {"served=", "served"}
        assert observer.flush(5)
    assert sink.rows("live")
