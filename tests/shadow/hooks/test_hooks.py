from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from typing import Any

import openai
import pytest

from shadow.domain.outcome import Usage
from shadow.observer import Observer
from shadow.telemetry import keys
from shadow.testing import MemorySink
from tests.support.fake_openai import Behaviour, FakeOpenAI, fake_openai
from tests.support.sdk import always, routing

MESSAGES: Any = [{"role": "user", "content": "hi"}]
REPLY = {
    "object": "chat.completion",
    "id": "chatcmpl-1",
    "model": "big",
    "choices": [{"message": {"role": "assistant", "content": "By post."}}],
    "usage": {"prompt_tokens": 12, "completion_tokens": 3},
}


def chunks(*texts: str) -> list[dict[str, Any]]:
    common = {"object": "chat.completion.chunk", "id": "chatcmpl-2", "model": "big"}
    pieces = [{**common, "choices": [{"delta": {"content": text}}]} for text in texts]
    end = {**common, "choices": [{"delta": {}, "finish_reason": "stop"}]}
    usage = {**common, "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": len(texts)}}
    return [*pieces, end, usage]


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
def observer(sink: MemorySink) -> Iterator[Observer]:
    settings = routing([always("small")], labels=frozenset({"team"}), from_request={"session": "metadata.session_id"})
    with Observer(settings, exporter=sink) as running:
        yield running
        assert running.stats.contained == {}


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with fake_openai() as running:
        yield running


def live_row(observer: Observer, sink: MemorySink) -> dict[str, Any]:
    assert observer.flush(5)
    (row,) = sink.rows("live")
    return row


# the decorator


def test_a_plain_function_is_observed(observer: Observer, sink: MemorySink) -> None:
    """Arguments are found by name wherever the call puts them, also inside others and in defaults."""

    @observer.route(
        messages="messages",
        model="model",
        session="who.id",
        labels={"task": "kind", "team": "team", "user": "who.name"},
    )
    def answer(messages: Any, who: Any, *, kind: str, model: str = "big", team: str = "a") -> Any:
        """Doc."""
        return REPLY

    assert answer(MESSAGES, {"id": "s1", "name": "ann"}, kind="returns") is REPLY
    row = live_row(observer, sink)
    assert (row[keys.TASK], row[keys.LABELS], row[keys.DECISION_MODEL]) == ("returns", '{"team":"a"}', "big")
    assert row[keys.SESSION_KEY]
    assert row[keys.USER_KEY]
    assert (row[keys.RESPONSE_ID], row[keys.USAGE_OUTPUT_TOKENS]) == ("chatcmpl-1", 3)
    assert (answer.__name__, answer.__doc__) == ("answer", "Doc.")


def test_a_coroutine_function_is_observed(observer: Observer, sink: MemorySink) -> None:
    """It stays one."""

    @observer.route(messages="messages")
    async def answer(messages: Any) -> Any:
        await asyncio.sleep(0)
        return REPLY

    assert inspect.iscoroutinefunction(answer)
    assert asyncio.run(answer(MESSAGES)) is REPLY
    assert live_row(observer, sink)[keys.OUTCOME_STATUS] == "complete"


def test_a_method_is_observed(observer: Observer, sink: MemorySink) -> None:
    """Routers are often objects."""

    class Router:
        @observer.route(messages="messages")
        def answer(self, messages: Any) -> Any:
            return REPLY

    assert Router().answer(messages=MESSAGES) is REPLY
    assert live_row(observer, sink)[keys.RESPONSE_MODEL] == "big"


def test_served_understands_replies_of_another_shape(observer: Observer, sink: MemorySink) -> None:
    """Model and usage, as the documentation shows it."""

    @observer.route(served=lambda reply: (reply[0], {"prompt_tokens": reply[1]}))
    def first(text: str) -> Any:
        return "big", 5

    @observer.route(served=lambda reply: ("big", Usage(input_tokens=6)))
    def second(text: str) -> Any:
        return object()

    first("x")
    second("x")
    assert observer.flush(5)
    assert [row[keys.USAGE_INPUT_TOKENS] for row in sink.rows("live")] == [5, 6]


def test_an_error_of_the_function_is_its_callers(observer: Observer, sink: MemorySink) -> None:
    """Also one that is no `Exception`, in all kinds of functions."""
    error = KeyboardInterrupt()

    @observer.route(model="model")
    def plain(model: str) -> Any:
        raise error

    @observer.route(model="model")
    async def coroutine(model: str) -> Any:
        raise error

    @observer.route(model="model")
    def generator(model: str) -> Any:
        yield chunks("a")[0]
        raise error

    calls: list[Callable[[], Any]] = [
        lambda: plain("big"),
        lambda: coroutine("big").send(None),
        lambda: list(generator("big")),
    ]
    for call in calls:
        with pytest.raises(KeyboardInterrupt) as caught:
            call()
        assert caught.value is error
    assert observer.flush(5)
    assert [(row[keys.OUTCOME_STATUS], row[keys.ERROR_TYPE]) for row in sink.rows("live")] == [
        ("error", "KeyboardInterrupt"),
        ("error", "KeyboardInterrupt"),
        ("partial", "KeyboardInterrupt"),
    ]


def test_a_generator_is_added_up_while_it_passes(observer: Observer, sink: MemorySink) -> None:
    """Every item goes on as the object that it is."""
    items = chunks("By ", "post.")

    @observer.route(messages="messages", model="model")
    def answer(messages: Any, model: str) -> Generator[Any, None, str]:
        yield from items
        return "returned"

    assert inspect.isgeneratorfunction(answer)
    passed: list[Any] = []

    def outer() -> Generator[Any, None, None]:
        passed.append((yield from answer(MESSAGES, "big")))

    received = list(outer())
    assert all(one is other for one, other in zip(received, items, strict=True))
    assert passed == ["returned"]
    row = live_row(observer, sink)
    assert (row[keys.OUTCOME_STATUS], row[keys.USAGE_INPUT_TOKENS], row[keys.USAGE_OUTPUT_TOKENS]) == ("complete", 7, 2)
    assert row[keys.TIME_TO_FIRST_CHUNK] <= row[keys.OUTCOME_DURATION_S]


def test_send_throw_and_close_reach_the_generator(observer: Observer, sink: MemorySink) -> None:
    """A generator is more than a loop."""
    log: list[Any] = []

    @observer.route()
    def answer() -> Generator[Any, Any, None]:
        try:
            log.append((yield 1))
            try:
                yield 2
            except ValueError as error:
                log.append(str(error))
            yield 3
        finally:
            log.append("closed")

    items = answer()
    assert next(items) == 1
    assert items.send("sent") == 2
    assert items.throw(ValueError("thrown")) == 3
    items.close()
    assert log == ["sent", "thrown", "closed"]


def test_an_asynchronous_generator_is_observed(observer: Observer, sink: MemorySink) -> None:
    """With `asend`, `athrow` and `aclose`."""
    log: list[Any] = []

    @observer.route(model="model")
    async def answer(model: str) -> AsyncGenerator[Any, Any]:
        try:
            for item in chunks("a", "b"):
                try:
                    log.append((yield item))
                except ValueError as error:
                    log.append(str(error))
        finally:
            log.append("closed")

    assert inspect.isasyncgenfunction(answer)

    async def whole() -> list[Any]:
        return [item async for item in answer("big")]

    async def left() -> None:
        items = answer("big")
        await anext(items)
        await items.asend("sent")
        await items.athrow(ValueError("thrown"))
        await items.aclose()

    assert len(asyncio.run(whole())) == 4
    log.clear()
    asyncio.run(left())
    assert log == ["sent", "thrown", "closed"]
    assert observer.flush(5)
    assert [row[keys.OUTCOME_STATUS] for row in sink.rows("live")] == ["complete", "complete"]


def test_a_stream_that_is_left_early_is_partial(observer: Observer, sink: MemorySink) -> None:
    """Tokens that nobody counted stay unknown."""

    @observer.route(model="model")
    def answer(model: str) -> Any:
        yield from chunks("By ", "post.")

    for _ in answer("big"):
        break
    row = live_row(observer, sink)
    assert row[keys.OUTCOME_STATUS] == "partial"
    assert keys.USAGE_INPUT_TOKENS not in row


def test_a_wrong_argument_name_is_said_in_the_log(sink: MemorySink, caplog: pytest.LogCaptureFixture) -> None:
    """The function works all the same."""
    with Observer(routing(), exporter=sink) as observer:

        @observer.route(messages="mesages")
        def answer(messages: Any) -> Any:
            return REPLY

        assert answer(MESSAGES) is REPLY
    assert "route() must name arguments of" in caplog.text
    assert "got mesages" in caplog.text


def test_the_decorator_works_without_arguments(observer: Observer, sink: MemorySink) -> None:
    """Then only the reply is read."""

    @observer.route
    def answer(text: str) -> Any:
        return REPLY

    assert answer("x") is REPLY
    assert live_row(observer, sink)[keys.DECISION_MODEL] == "big"


# the OpenAI client


def client_of(observer: Observer, server: FakeOpenAI) -> openai.OpenAI:
    client = openai.OpenAI(base_url=server.base_url, api_key="k", max_retries=0)
    assert observer.wrap(client) is client
    return client


def test_a_call_of_the_client_is_observed_and_sent_unchanged(
    observer: Observer, sink: MemorySink, server: FakeOpenAI
) -> None:
    """What reaches OpenAI is what an unobserved client sends; labels travel outside of it."""
    plain = openai.OpenAI(base_url=server.base_url, api_key="k")
    arguments: Any = {"model": "big", "messages": MESSAGES, "temperature": 0.5, "metadata": {"session_id": "s1"}}
    plain.chat.completions.create(**arguments)
    with observer.labels(task="extract", team="a"), client_of(observer, server) as client:
        reply = client.chat.completions.create(**arguments)
    assert type(reply) is openai.types.chat.ChatCompletion
    assert reply.choices[0].message.content == "echo hi"
    assert server.received[0].body == server.received[1].body
    row = live_row(observer, sink)
    assert (row[keys.TASK], row[keys.LABELS], row[keys.DECISION_MODEL]) == ("extract", '{"team":"a"}', "big")
    assert row[keys.SESSION_KEY]
    assert (row[keys.USAGE_INPUT_TOKENS], row[keys.USAGE_CACHE_READ_TOKENS]) == (10, 4)


@pytest.mark.parametrize("with_usage", [True, False])
def test_a_stream_of_the_client_stays_a_stream(
    observer: Observer, sink: MemorySink, server: FakeOpenAI, with_usage: bool
) -> None:
    """Its type, its chunks and its request; usage is known only if the host asked for it."""
    client = client_of(observer, server)
    options: Any = {"stream_options": {"include_usage": True}} if with_usage else {}
    stream = client.chat.completions.create(model="big", messages=MESSAGES, stream=True, **options)
    assert type(stream) is openai.Stream
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == "echo hi"
    assert ("stream_options" in server.received[0].body) is with_usage
    row = live_row(observer, sink)
    assert row[keys.OUTCOME_STATUS] == "complete"
    assert (keys.USAGE_INPUT_TOKENS in row) is with_usage


def test_a_stream_left_by_its_with_block_is_partial(observer: Observer, sink: MemorySink, server: FakeOpenAI) -> None:
    """`close` is noticed at once, not when the garbage is collected."""
    client = client_of(observer, server)
    with client.chat.completions.create(model="big", messages=MESSAGES, stream=True) as stream:
        next(stream)
    assert live_row(observer, sink)[keys.OUTCOME_STATUS] == "partial"


def test_a_stream_is_closed_by_its_method_alone(observer: Observer, sink: MemorySink, server: FakeOpenAI) -> None:
    """As an `ExitStack` does it. Another hook keeps its place; a stream that is over has its own method back."""
    client = client_of(observer, server)
    close = client.chat.completions.create(model="big", messages=MESSAGES, stream=True).close
    close()
    close()
    stream = client.chat.completions.create(model="big", messages=MESSAGES, stream=True)
    noticed: list[str] = []
    ours = stream.close

    def theirs() -> None:
        noticed.append("closed")
        ours()

    stream.close = theirs  # type: ignore[method-assign]
    next(stream)
    stream.close()
    assert (noticed, stream.close) == (["closed"], theirs)
    whole = client.chat.completions.create(model="big", messages=MESSAGES, stream=True)
    list(whole)
    assert "close" not in vars(whole)
    assert observer.flush()
    assert [row[keys.OUTCOME_STATUS] for row in sink.rows("live")] == ["unreported", "partial", "complete"]


def test_a_stream_that_breaks_raises_as_without_us(observer: Observer, sink: MemorySink, server: FakeOpenAI) -> None:
    """The chunks before it, then the client's own error."""
    server.will("big", Behaviour(cut_after=1))
    stream = client_of(observer, server).chat.completions.create(model="big", messages=MESSAGES, stream=True)
    assert next(stream).choices
    with pytest.raises(openai.APIConnectionError):
        next(stream)
    row = live_row(observer, sink)
    assert (row[keys.OUTCOME_STATUS], row[keys.ERROR_TYPE]) == ("partial", "APIConnectionError")


def test_an_error_of_the_client_goes_through(observer: Observer, sink: MemorySink, server: FakeOpenAI) -> None:
    """With its class on the record."""
    server.will("big", Behaviour(status=429))
    with pytest.raises(openai.RateLimitError):
        client_of(observer, server).chat.completions.create(model="big", messages=MESSAGES)
    row = live_row(observer, sink)
    assert (row[keys.OUTCOME_STATUS], row[keys.ERROR_TYPE]) == ("error", "RateLimitError")


def test_the_asynchronous_client_is_observed(observer: Observer, sink: MemorySink, server: FakeOpenAI) -> None:
    """Replies, streams and errors."""
    server.will("small", Behaviour(status=500))

    async def calls() -> None:
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key="k", max_retries=0) as client:
            create = observer.wrap(client).chat.completions.create
            assert (await create(model="big", messages=MESSAGES)).model == "big"
            stream = await create(model="big", messages=MESSAGES, stream=True)
            assert type(stream) is openai.AsyncStream
            assert len([chunk async for chunk in stream]) > 1
            with pytest.raises(openai.InternalServerError):
                await create(model="small", messages=MESSAGES)

    asyncio.run(calls())
    assert observer.flush(5)
    assert [row[keys.OUTCOME_STATUS] for row in sink.rows("live")] == ["complete", "complete", "error"]


def test_wrapping_twice_records_once(observer: Observer, sink: MemorySink, server: FakeOpenAI) -> None:
    """An application may build its client in one place and wrap it in another."""
    client = observer.wrap(client_of(observer, server))
    client.chat.completions.create(model="big", messages=MESSAGES)
    assert live_row(observer, sink)[keys.OUTCOME_STATUS] == "complete"


def test_the_helper_with_its_own_stream_object_is_observed(
    observer: Observer, sink: MemorySink, server: FakeOpenAI
) -> None:
    """`chat.completions.stream` ends in the wrapped `create`."""
    with client_of(observer, server).chat.completions.stream(model="big", messages=MESSAGES) as stream:
        assert stream.get_final_completion().choices[0].message.content == "echo hi"
    assert live_row(observer, sink)[keys.OUTCOME_STATUS] == "complete"


@pytest.mark.parametrize("streams", [False, True])
def test_a_raw_response_is_observed_when_it_is_parsed(
    observer: Observer, sink: MemorySink, server: FakeOpenAI, streams: bool
) -> None:
    """Frameworks read headers that way (`with_raw_response`); parsing twice gives the same object and one record."""
    create = client_of(observer, server).chat.completions.with_raw_response.create
    raw = create(model="big", messages=MESSAGES, stream=streams)
    assert raw.status_code == 200
    parsed = raw.parse()
    assert raw.parse() is parsed
    if streams:
        assert len(list(parsed)) > 1
    row = live_row(observer, sink)
    assert (row[keys.OUTCOME_STATUS], row[keys.RESPONSE_MODEL]) == ("complete", "big")
    assert (keys.USAGE_INPUT_TOKENS in row) is not streams


def test_an_asynchronous_raw_response_is_observed(observer: Observer, sink: MemorySink, server: FakeOpenAI) -> None:
    """Both kinds: the one whose `parse` is awaited, and the one whose is not."""

    async def calls() -> None:
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key="k", max_retries=0) as client:
            completions = observer.wrap(client).chat.completions
            raw = await completions.with_raw_response.create(model="big", messages=MESSAGES)
            assert raw.parse().model == "big"
            streaming = completions.with_streaming_response.create(model="small", messages=MESSAGES)
            async with streaming as response:
                assert (await response.parse()).model == "small"

    asyncio.run(calls())
    assert observer.flush(5)
    assert [row[keys.RESPONSE_MODEL] for row in sink.rows("live")] == ["big", "small"]


def test_the_client_reads_every_field_of_from_request(sink: MemorySink, server: FakeOpenAI) -> None:
    """Out of the arguments of the call; what `labels` says around it fills the rest."""
    paths = {
        "user": "user", "session": "metadata.session_id", "task": "metadata.task", "user_tier": "metadata.plan",
        "prompt_version": "metadata.prompt", "request_id": "metadata.request", "input_tokens": "extra_body.tokens",
    }  # fmt: skip
    metadata = {"session_id": "s1", "task": "extract", "plan": "pro", "prompt": "v7", "request": "host-1"}
    with Observer(routing(from_request=paths), exporter=sink) as observer:
        create = client_of(observer, server).chat.completions.create
        create(model="big", messages=MESSAGES, user="u1", metadata=metadata, extra_body={"tokens": 4321})
        with observer.labels(session="s2", task="classify"):
            create(model="big", messages=MESSAGES, extra_body={"tokens": 1})
        assert observer.flush(5)
        assert observer.stats.contained == {}
    first, second = sink.rows("live")
    assert first[keys.USER_KEY]
    assert first[keys.SESSION_KEY]
    assert (first[keys.TASK], first[keys.USER_TIER], first[keys.PROMPT_VERSION]) == ("extract", "pro", "v7")
    assert (first[keys.REQUEST_ID], first[keys.INPUT_TOKENS_ESTIMATE]) == ("host-1", 4321)
    assert (second[keys.TASK], second[keys.INPUT_TOKENS_ESTIMATE]) == ("classify", 1)
    assert second[keys.SESSION_KEY]
    assert second[keys.SESSION_KEY] != first[keys.SESSION_KEY]


def test_a_stream_that_says_it_failed_is_partial(observer: Observer, sink: MemorySink) -> None:
    """The Responses API ends such a stream without an exception."""

    @observer.route(model="model")
    def answer(model: str) -> Generator[Any, None, None]:
        yield {"type": "response.output_text.delta", "delta": "Send"}
        failed = {"object": "response", "model": "big", "status": "failed", "error": {"code": "server_error"}}
        yield {"type": "response.failed", "response": failed}

    assert len(list(answer("big"))) == 2
    row = live_row(observer, sink)
    assert (row[keys.OUTCOME_STATUS], row[keys.ERROR_TYPE]) == ("partial", "server_error")


# what is not the router's choice


@pytest.mark.parametrize("word", ["fallback", "cache_hit", "pinned", "rewritten"])
def test_a_host_says_why_the_served_model_is_not_simply_the_choice(
    word: str, observer: Observer, sink: MemorySink
) -> None:
    """With the outcome, around a block, by an argument of a decorated function, or later by request id."""

    @observer.route(labels={"contamination": "why"})
    def answer(why: str) -> Any:
        return REPLY

    with observer.request(messages=MESSAGES) as request:
        request.chose("big")
        request.served(REPLY, contamination=word)
    with observer.labels(contamination=word), observer.request(messages=MESSAGES) as request:
        request.served(REPLY)
    answer(word)
    observer.outcome("later", model="big", contamination=[word])
    assert observer.flush(5)
    rows = [*sink.rows("live"), *sink.rows("outcome")]
    assert [row[keys.OUTCOME_CONTAMINATION] for row in rows] == [word] * 4


def test_a_wrapped_client_reads_contamination_where_the_routing_file_says(server: FakeOpenAI, sink: MemorySink) -> None:
    """The caller's arguments reach the provider as they are."""
    settings = routing([], from_request={"contamination": "metadata.why"})
    with Observer(settings, exporter=sink) as observer:
        client = observer.wrap(openai.OpenAI(base_url=server.base_url, api_key="sk-test"))
        client.chat.completions.create(model="big", messages=MESSAGES, metadata={"why": "pinned"})
        assert observer.flush(5)
    assert sink.rows("live")[0][keys.OUTCOME_CONTAMINATION] == "pinned"
    assert server.received[0].body["metadata"] == {"why": "pinned"}


def test_an_unknown_reason_is_counted_and_left_out(sink: MemorySink) -> None:
    """The outcome is recorded all the same."""
    with Observer(routing([]), exporter=sink) as observer:
        with observer.request(messages=MESSAGES) as request:
            request.served(REPLY, contamination="weather")
        observer.outcome("later", model="big", contamination="weather")
        assert observer.flush(5)
        assert observer.stats.contained == {"contamination": 2}
    assert keys.OUTCOME_CONTAMINATION not in sink.rows("live")[0]
    assert sink.rows("live")[0][keys.OUTCOME_STATUS] == "complete"
    assert sink.rows("outcome")[0][keys.RESPONSE_MODEL] == "big"
