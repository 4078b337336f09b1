from __future__ import annotations

import json
from typing import Any

import pyarrow.parquet as pq
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response

from shadow.domain.outcome import UNKNOWN_USAGE, Usage
from shadow.domain.usage import answer_of, chunk_of, ends_answer, failure_of, is_answer, is_chunk, usage_of
from tests.support.groups import need_data

COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-5-2025-08-07",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "42"}}],
    "usage": {
        "prompt_tokens": 100,
        "completion_tokens": 7,
        "total_tokens": 107,
        "prompt_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 10},
    },
}
RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "gpt-5",
    "output": [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "42", "annotations": []}],
        },
    ],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 10},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 107,
    },
}
USAGE = Usage(input_tokens=100, output_tokens=7, cache_read_tokens=64, cache_write_tokens=10)


@pytest.mark.parametrize("reply", [COMPLETION, ChatCompletion.model_validate(COMPLETION)], ids=["dict", "object"])
def test_a_chat_completion_is_read(reply: Any) -> None:
    """As the real client's object, and as the JSON it came from."""
    answer = answer_of(reply)
    assert is_answer(reply)
    assert (answer.text, answer.model, answer.response_id) == ("42", "gpt-5-2025-08-07", "chatcmpl-1")
    assert answer.usage == USAGE
    assert answer.raw is reply


@pytest.mark.parametrize("reply", [RESPONSE, Response.model_validate(RESPONSE)], ids=["dict", "object"])
def test_a_response_of_the_responses_api_is_read(reply: Any) -> None:
    """Its text is spread over output messages."""
    answer = answer_of(reply)
    assert is_answer(reply)
    assert (answer.text, answer.model, answer.response_id, answer.usage) == ("42", "gpt-5", "resp_1", USAGE)


FAILED: list[tuple[Any, str]] = [
    ({"error": {"message": "overloaded", "code": 502}}, "502"),
    ({"error": {"message": "no"}, "choices": None}, "provider_error"),
    ({"error": "late"}, "provider_error"),
    ({"choices": [{"error": {"code": "rate_limited", "message": "slow down"}}]}, "rate_limited"),
    ({**COMPLETION, "choices": [{"finish_reason": "error", "message": {"content": ""}}]}, "provider_error"),
    ({**RESPONSE, "status": "failed", "error": {"code": "server_error", "message": "x"}}, "server_error"),
    ({**RESPONSE, "status": "cancelled"}, "response_failed"),
    (ChatCompletion.model_construct(error={"message": "no", "code": "c"}), "c"),
]


@pytest.mark.parametrize(("reply", "error_type"), FAILED)
def test_an_error_in_the_place_of_an_answer_is_one(reply: Any, error_type: str) -> None:
    """Several gateways send it with the status of an answer."""
    assert is_answer(reply)
    assert failure_of(reply) == error_type


@pytest.mark.parametrize(
    ("event", "error_type"),
    [
        ({"error": {"message": "overloaded", "code": 502}}, "502"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "x"}}, "response_failed"),
        ({"object": "chat.completion.chunk", "choices": [{"delta": {}, "finish_reason": "error"}]}, "provider_error"),
        ({"choices": [{"delta": {}, "error": {"code": "c", "message": "x"}}]}, "c"),
        ({"type": "response.failed", "response": {"error": {"code": "server_error"}}}, "server_error"),
    ],
)
def test_an_event_may_say_that_the_answer_failed(event: Any, error_type: str) -> None:
    """In the middle of a stream."""
    assert is_chunk(event)
    assert failure_of(event) == error_type


@pytest.mark.parametrize(
    "reply",
    [
        COMPLETION,
        RESPONSE,
        {**RESPONSE, "error": None, "status": "completed"},
        {**COMPLETION, "error": {}},
        {**COMPLETION, "choices": [*COMPLETION["choices"], {"index": 1, "finish_reason": "error", "message": {}}]},
    ],
)
def test_an_answer_is_no_error(reply: Any) -> None:
    """Also not one of which a single choice failed, or with an empty field for errors."""
    assert failure_of(reply) == ""


@pytest.mark.parametrize(
    "reply",
    [
        None,
        "text",
        {},
        {"error": None},
        {"error": {}},
        {"error": True},
        {"choices": []},
        {"choices": "x"},
        object(),
        7,
        [COMPLETION],
    ],
)
def test_another_shape_is_not_taken_for_an_answer(reply: Any) -> None:
    """Then nothing is guessed from it."""
    assert not is_answer(reply)
    assert answer_of(reply).usage == UNKNOWN_USAGE


def chunk(**fields: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-5",
        "choices": [],
        **fields,
    }


def test_a_chunk_adds_its_text_and_the_last_one_its_usage() -> None:
    """The real client's objects; the chunk with the usage has no choice."""
    text = ChatCompletionChunk.model_validate(chunk(choices=[{"index": 0, "delta": {"content": "4"}}]))
    end = ChatCompletionChunk.model_validate(chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}]))
    usage = ChatCompletionChunk.model_validate(chunk(usage=COMPLETION["usage"]))
    assert all(is_chunk(event) for event in (text, end, usage))
    assert [ends_answer(event) for event in (text, end, usage)] == [False, True, False]
    assert (chunk_of(text).text, chunk_of(text).usage, chunk_of(text).response_id) == ("4", None, "chatcmpl-1")
    assert chunk_of(end).text == ""
    assert chunk_of(usage).usage == USAGE


def test_events_of_the_responses_api_are_read() -> None:
    """Text as it comes; the whole answer at the end."""
    delta = {"type": "response.output_text.delta", "delta": "4"}
    done = {"type": "response.completed", "response": RESPONSE}
    assert is_chunk(delta)
    assert is_chunk(done)
    assert (ends_answer(delta), ends_answer(done)) == (False, True)
    assert chunk_of(delta).text == "4"
    assert chunk_of({"type": "response.created"}).text == ""
    whole = chunk_of(done).answer
    assert whole is not None
    assert (whole.text, whole.usage) == ("42", USAGE)


def test_an_item_of_another_shape_is_no_chunk() -> None:
    """A generator of the host may yield anything."""
    assert not any(is_chunk(item) for item in ("text", None, 7, {"type": "message"}, {"type": None}, object()))


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"prompt_tokens": 9, "total_tokens": 9}, Usage(input_tokens=9)),
        ({"completion_tokens": 0, "prompt_tokens": 0}, Usage(input_tokens=0, output_tokens=0)),
        ({"completion_tokens": 3}, Usage(output_tokens=3)),
        (
            {"prompt_tokens": 10, "prompt_token_details": {"cached_tokens": 4}},
            Usage(input_tokens=10, cache_read_tokens=4),
        ),
        ({"prompt_tokens": 10, "prompt_cache_hit_tokens": 4}, Usage(input_tokens=10, cache_read_tokens=4)),
        ({"prompt_tokens": 10, "cached_tokens": 4}, Usage(input_tokens=10, cache_read_tokens=4)),
        (
            {
                "input_tokens": 4,
                "cache_creation_input_tokens": 1165,
                "cache_read_input_tokens": 31,
                "output_tokens": 207,
            },
            Usage(input_tokens=1200, output_tokens=207, cache_read_tokens=31, cache_write_tokens=1165),
        ),
        (
            {"prompt_tokens": 1200, "cache_creation_input_tokens": 1165, "cache_read_input_tokens": 31},
            Usage(input_tokens=1200, cache_read_tokens=31, cache_write_tokens=1165),
        ),
        ({"prompt_tokens": 10, "completion_tokens": 1, "cached_tokens": 11}, Usage(output_tokens=1)),
        ({"prompt_tokens": -1, "completion_tokens": 1.5}, UNKNOWN_USAGE),
        ({"prompt_tokens": True, "completion_tokens": "7"}, UNKNOWN_USAGE),
        ({"prompt_tokens": 2**40, "completion_tokens": float("nan")}, UNKNOWN_USAGE),
        ({"prompt_tokens": 5.0}, Usage(input_tokens=5)),
        ({"promptTokenCount": 11, "candidatesTokenCount": 17}, UNKNOWN_USAGE),
        (None, UNKNOWN_USAGE),
        ("100 tokens", UNKNOWN_USAGE),
    ],
)
def test_a_usage_block_is_read_or_unknown(block: Any, expected: Usage) -> None:
    """Known spellings of cached tokens; both accountings; and nothing from what contradicts itself."""
    assert usage_of(block) == expected


@pytest.mark.parametrize(
    ("cost", "expected"), [(0.25, 0.25), (0, 0.0), (-1, None), ("0.25", None), (float("inf"), None), (None, None)]
)
def test_a_cost_is_taken_only_from_the_provider(cost: Any, expected: float | None) -> None:
    """Gateways report it beside the tokens."""
    assert answer_of({**COMPLETION, "usage": {"prompt_tokens": 1, "cost": cost}}).cost_usd == expected


def test_recorded_usage_blocks_of_many_providers_are_read_right() -> None:
    """Every OpenAI-shaped block of 1,159 real ones gives the recorded counts; the other shapes stay unknown."""
    (file,) = need_data("usage_cassettes.parquet")
    read = unknown = 0
    for row in pq.read_table(file).to_pylist():
        block = json.loads(row["usage_json"])
        usage = usage_of(block)
        if not {"prompt_tokens", "input_tokens", "completion_tokens", "output_tokens"} & set(block):
            assert usage == UNKNOWN_USAGE
            unknown += 1
            continue
        read += 1
        cache_read, cache_write = row["cached_input_tokens"] or 0, row["cache_creation_tokens"] or 0
        leaves_cache_out = "prompt_tokens" not in block and "cache_read_input_tokens" in block
        expected = row["input_tokens"] + (cache_read + cache_write if leaves_cache_out else 0)
        assert usage.input_tokens == expected
        assert usage.output_tokens == row["output_tokens"]
        assert (usage.cache_read_tokens, usage.cache_write_tokens) == (cache_read, cache_write)
    assert read > 900
    assert unknown > 100


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (RESPONSE | {"status": "completed"}, ""),
        (RESPONSE | {"status": "incomplete"}, ""),
        (RESPONSE | {"status": "failed", "error": {"code": "server_error", "message": "x"}}, "server_error"),
        (RESPONSE | {"status": "cancelled"}, "response_failed"),
        ({"type": "response.failed", "response": {"error": {"code": "rate_limit_exceeded"}}}, "rate_limit_exceeded"),
        ({"type": "error", "code": "server_error"}, "server_error"),
        ({"type": "response.completed", "response": RESPONSE}, ""),
        (COMPLETION, ""),
        (None, ""),
    ],
)
def test_a_response_that_failed_is_no_answer(reply: Any, failure: str) -> None:
    """The Responses API says so inside a reply that looks like any other."""
    assert failure_of(reply) == failure
