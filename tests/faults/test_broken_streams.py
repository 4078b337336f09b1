"""F10: streams that break. The caller sees what the provider sent, then the error, and no text twice."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from shadow.errors import ProviderError
from shadow.execution import ExecutionSettings, RetrySettings
from shadow.providers import openai_http
from shadow.providers.openai_http import OpenAIHttp
from shadow.router import ShadowRouter
from tests.support.faulty import FULL, MESSAGES, adrain, by_astream, by_stream, drain, faulty, text_of
from tests.support.scripted_provider import DONE, USAGE, Play, Wire, delta, event, head, says, scripted, sends, streams

WORDS = [f"w{number} " for number in range(200 if FULL else 5)]
ONCE = ExecutionSettings(retry=RetrySettings(times=0))


@pytest.fixture(autouse=True)
def patient_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Client and server share this process: on a busy machine a connection may take seconds."""
    monkeypatch.setattr(openai_http, "CONNECT_TIMEOUT_S", 60.0)


@pytest.fixture
def healthy() -> Iterator[str]:
    with scripted(says("fine")) as provider:
        yield provider.base_url


Reading = Callable[[ShadowRouter, list[str]], None]


def reads(router: ShadowRouter, received: list[str]) -> None:
    drain(router.stream(messages=MESSAGES), received)


def areads(router: ShadowRouter, received: list[str]) -> None:
    asyncio.run(adrain(router, received))


both_ways = pytest.mark.parametrize("reading", [reads, areads])

ENDS: dict[str, tuple[Callable[[list[bytes]], Play], str]] = {
    "reset": (lambda sent: streams(*sent, then="reset"), "connection"),
    "end of the connection": (lambda sent: streams(*sent, then="cut"), "connection"),
    "end of the body": (lambda sent: streams(*sent), "stream_truncated"),
    "half a chunk": (lambda sent: streams(*sent, delta("never")[:30]), "bad_response"),
    "no JSON": (lambda sent: streams(*sent, event("{'delta'")), "bad_response"),
    "another JSON": (lambda sent: streams(*sent, event([1, 2])), "bad_response"),
    "an error": (lambda sent: streams(*sent, event({"error": {"message": "late"}})), "provider_error"),
    "a named error": (
        lambda sent: streams(
            *sent, b"event: error\n" + event({"type": "error", "error": {"type": "overloaded_error"}})
        ),
        "provider_error",
    ),
    "a rate limit": (lambda sent: streams(*sent, event({"error": {"code": 429, "message": "x"}})), "429"),
    "silence": (lambda sent: streams(*sent, then="silence"), "timeout"),
}


@both_ways
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("chunks", [1, 3, *range(50, 200, 50)] if FULL else [1, 3])
def test_after_the_first_chunk_the_caller_gets_what_came_and_the_error(
    reading: Reading, end: str, chunks: int, healthy: str
) -> None:
    """No peer is asked, the record says partial, and tokens that nobody counted stay unknown."""
    play, error_type = ENDS[end]
    provider = OpenAIHttp(timeout_s=0.5 if error_type == "timeout" else 60.0)
    received: list[str] = []
    with scripted(play([delta(word) for word in WORDS[:chunks]])) as broken, scripted(says("fine")) as peer:
        with faulty(broken.base_url, peer.base_url, providers={"broken": provider}) as case:
            with pytest.raises(ProviderError) as caught:
                reading(case.router, received)
            row = case.row()
        assert peer.calls == 0
    assert received == WORDS[:chunks]
    assert caught.value.error_type == error_type
    assert (row["llm_router.outcome.status"], row["error.type"]) == ("partial", error_type)
    assert row["gen_ai.response.model"] == "a"
    assert row["gen_ai.response.time_to_first_chunk"] > 0
    assert not [key for key in row if key.startswith("gen_ai.usage")]


@both_ways
@pytest.mark.parametrize("end", ENDS)
def test_before_the_first_chunk_a_peer_serves(reading: Reading, end: str, healthy: str) -> None:
    """Its text alone reaches the caller."""
    play, error_type = ENDS[end]
    provider = OpenAIHttp(timeout_s=0.5 if error_type == "timeout" else 60.0)
    impatient = ExecutionSettings(retry=RetrySettings(patience_s=0.0))
    received: list[str] = []
    with (
        scripted(play([])) as broken,
        faulty(broken.base_url, healthy, providers={"broken": provider}, settings=impatient) as case,
    ):
        reading(case.router, received)
        attempts = case.attempts()
    assert "".join(received) == "fine"
    # A stream of nothing at all is one that ended; half of its first chunk is no event stream yet.
    assert attempts == [("primary", "a", error_type), ("fallback", "b", "")]


@pytest.mark.parametrize("way", [by_stream, by_astream])
@pytest.mark.parametrize(
    ("tail", "tokens"),
    [
        ((delta("", "stop"), USAGE), 5),
        ((delta("", "stop"),), None),
        ((delta("", "length"), DONE), None),
        ((USAGE, DONE), 5),
    ],
    ids=["no end mark", "neither end mark nor usage", "no usage", "no finish reason"],
)
def test_a_finished_answer_is_complete_whatever_else_is_missing(
    way: Callable[[ShadowRouter], str], tail: tuple[bytes, ...], tokens: int | None
) -> None:
    """A finish reason or the end mark is enough; tokens that were not told are unknown and not guessed."""
    with scripted(streams(delta("all "), delta("of it"), *tail)) as odd, faulty(odd.base_url) as case:
        assert way(case.router) == "all of it"
        row = case.row()
    assert row["llm_router.outcome.status"] == "complete"
    assert row.get("gen_ai.usage.output_tokens") == tokens


@both_ways
def test_pieces_of_any_size_make_the_same_answer(reading: Reading) -> None:
    """Events that are cut anywhere, also inside a character of several bytes, and comments between them."""
    whole = b": ping\n\n" + delta("café ") + b": ping\n\n" + delta("☃", "stop") + DONE
    for size in (1, 2, 3, 7, 64):
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        received: list[str] = []
        with scripted(streams(*pieces)) as odd, faulty(odd.base_url) as case:
            reading(case.router, received)
        assert received == ["café ", "☃"]


def test_a_plain_error_instead_of_a_stream_is_read() -> None:
    """Some servers answer 200 and plain JSON, though a stream was asked for."""
    body = b'{"error": {"code": "context_length_exceeded", "message": "too long"}}'
    with (
        scripted(sends(head(200, {}) + body)) as odd,
        faulty(odd.base_url, settings=ONCE) as case,
        pytest.raises(ProviderError, match="too long") as caught,
    ):
        by_stream(case.router)
    assert caught.value.error_type == "context_length"


def test_a_stream_that_the_caller_leaves_is_ended_at_the_provider() -> None:
    """Tokens that nobody reads must not be paid for."""
    left = threading.Event()

    def play(wire: Wire) -> None:
        streams(delta("one"), then="silence")(wire)
        left.set()

    with scripted(play) as slow, faulty(slow.base_url) as case:
        with case.router.stream(messages=MESSAGES) as stream:
            assert text_of(next(stream)) == "one"
        assert left.wait(60)
        row = case.row()
    assert (row["llm_router.outcome.status"], row.get("error.type")) == ("partial", None)
