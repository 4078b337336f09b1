from __future__ import annotations

import json
from collections import Counter
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
        ({"completion_tokens": 0, "prompt_tokens": 0}, UNKNOWN_USAGE),
        ({"completion_tokens": 0, "prompt_tokens": 5}, Usage(input_tokens=5, output_tokens=0)),
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
        ({"total_tokens": 12}, UNKNOWN_USAGE),
        ({"readUnits": 6}, UNKNOWN_USAGE),
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


XAI = {"completion_tokens_details": {"reasoning_tokens": 2809}, "prompt_tokens_details": {"cached_tokens": 128}}
SONNET = {"input_tokens": 5000, "output_tokens": 100, "cache_read_input_tokens": 3000}
LANGFUSE = {"input": 1000, "input_cached_tokens": 200, "output": 40, "output_reasoning_tokens": 60}
SDK6 = {
    "inputTokenDetails": {"noCacheTokens": 1000, "cacheReadTokens": 8000, "cacheWriteTokens": 1000},
    "outputTokenDetails": {"reasoningTokens": 60},
}


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        # xAI counts reasoning beside the answer, OpenAI within it.
        ({"prompt_tokens": 10120, "completion_tokens": 1499, "total_tokens": 14428, **XAI}, (10120, 4308, 128, 0)),
        ({"prompt_tokens": 10120, "completion_tokens": 3000, "total_tokens": 13120, **XAI}, (10120, 3000, 128, 0)),
        ({"prompt_tokens": 10120, "completion_tokens": 1499, **XAI}, (10120, 4308, 128, 0)),
        ({"prompt_tokens": 10120, "completion_tokens": 3000, **XAI}, (10120, 3000, 128, 0)),
        # Gemini's OpenAI endpoint names no reasoning; only the total has it.
        ({"prompt_tokens": 9, "completion_tokens": 13, "total_tokens": 229}, (9, 220, 0, 0)),
        # A total below the sum says nothing.
        ({"prompt_tokens": 9, "completion_tokens": 13, "total_tokens": 9}, (9, 13, 0, 0)),
        # Anthropic's names, with the total of a gateway that put the cache inside, and of one that did not.
        (SONNET | {"total_tokens": 5100}, (5000, 100, 3000, 0)),
        (SONNET | {"total_tokens": 8100}, (8000, 100, 3000, 0)),
        (SONNET, (8000, 100, 3000, 0)),
        ({"prompt_tokens": 5000, "completion_tokens": 100, "total_tokens": 8100, "cached_tokens": 3000},
         (8000, 100, 3000, 0)),
        # A total of which one kind of cached tokens is missing still says that they stand outside.
        ({"inputTokens": 10, "outputTokens": 5, "totalTokens": 45, "cachedInputTokens": 30,
          "inputTokenDetails": {"cacheWriteTokens": 7}}, (47, 5, 30, 7)),
        # Gemini and Vertex AI: cached inside, thoughts and the prompts of tools outside.
        ({"promptTokenCount": 11, "candidatesTokenCount": 17, "thoughtsTokenCount": 190, "totalTokenCount": 218,
          "cachedContentTokenCount": 4}, (11, 207, 4, 0)),
        ({"promptTokenCount": 32, "candidatesTokenCount": 341, "totalTokenCount": 1196, "toolUsePromptTokenCount": 720,
          "thoughtsTokenCount": 103}, (752, 444, 0, 0)),
        ({"prompt_token_count": 5, "thoughts_token_count": 4, "total_token_count": 9}, (5, 4, 0, 0)),
        ({"promptTokenCount": 5, "totalTokenCount": 5}, (5, 0, 0, 0)),
        ({"candidatesTokenCount": 18, "thoughtsTokenCount": 58}, (None, 76, 0, 0)),
        ({"total_input_tokens": 9, "total_output_tokens": 13, "total_thought_tokens": 207, "total_tokens": 229},
         (9, 220, 0, 0)),
        # Bedrock's Converse counts the cache beside the input.
        ({"inputTokens": 21, "outputTokens": 134, "totalTokens": 1889, "cacheReadInputTokens": 0,
          "cacheWriteInputTokens": 1734}, (1755, 134, 0, 1734)),
        ({"inputTokens": 21, "outputTokens": 134, "cacheReadInputTokens": 4}, (25, 134, 4, 0)),
        ({"inputTokens": 30}, (30, None, 0, 0)),
        # The AI SDK: version 6 has the details and counts inside, before it the total tells.
        ({"inputTokens": 10000, "outputTokens": 100, **SDK6}, (10000, 100, 8000, 1000)),
        ({"inputTokens": 3000, "outputTokens": 100, "totalTokens": 5100, "cachedInputTokens": 2000},
         (5000, 100, 2000, 0)),
        ({"inputTokens": 3000, "outputTokens": 100, "totalTokens": 3100, "cachedInputTokens": 2000},
         (3000, 100, 2000, 0)),
        ({"promptTokens": 30, "completionTokens": 4}, (30, 4, 0, 0)),
        # Langfuse's parts stand side by side, unless their total says otherwise.
        (LANGFUSE | {"total": 1300}, (1200, 100, 200, 0)),
        (LANGFUSE, (1200, 100, 200, 0)),
        ({"input": 1200, "input_cached_tokens": 200, "output": 100, "total": 1300}, (1200, 100, 200, 0)),
        # Cohere bills other numbers than it counts.
        ({"billed_units": {"input_tokens": 12, "output_tokens": 65}, "tokens": {"input_tokens": 212}}, (12, 65, 0, 0)),
        # A 0 under one name hides nothing under another.
        ({"prompt_tokens": 90, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 0},
          "cache_read_input_tokens": 70}, (90, 4, 70, 0)),
        ({"prompt_tokens": 0, "completion_tokens": 0, "input_tokens": 9, "output_tokens": 4}, (9, 4, 0, 0)),
        ({"input_tokens": 0, "output_tokens": 0, "cache_read_input_tokens": 50}, (50, 0, 50, 0)),
        ({"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}, (None, None, 0, 0)),
    ],
)  # fmt: skip
def test_what_a_number_contains_follows_from_names_and_totals(
    block: Any, expected: tuple[int | None, int | None, int, int]
) -> None:
    """Input with what was cached, output with what was thought: whatever the provider counts together."""
    usage = usage_of(block)
    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens) == expected


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"cost": 0, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.02}}, 0.02),
        ({"cost": 0, "cost_details": {"upstream_inference_cost": 0.02}}, 0.02),
        ({"cost": 0.001, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.02}}, 0.021),
        ({"cost": 0.95, "cost_details": {"upstream_inference_cost": 19}}, 19.95),
        ({"cost": 0.02, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.02}}, 0.02),
        ({"cost": 0.02, "cost_details": {"upstream_inference_cost": 0.02}}, 0.02),
        ({"cost": 0.02, "cost_details": {"upstream_inference_cost": None}}, 0.02),
        ({"cost": 0, "is_byok": True}, None),
        ({"cost": 0, "is_byok": False, "cost_details": {"upstream_inference_cost": 0}}, 0.0),
    ],
)
def test_a_key_of_ones_own_is_not_free(usage: dict[str, Any], expected: float | None) -> None:
    """OpenRouter charges nothing, or its fee, and the provider sends its own bill."""
    cost = answer_of({**COMPLETION, "usage": {"prompt_tokens": 1, **usage}}).cost_usd
    assert cost == (None if expected is None else pytest.approx(expected))


def test_recorded_usage_blocks_of_many_providers_are_read_right() -> None:
    """Of 1,159 real blocks all are read but those that count no tokens of an answer."""
    (file,) = need_data("usage_cassettes.parquet")
    unknown: Counter[frozenset[str]] = Counter()
    for row in pq.read_table(file).to_pylist():
        block = json.loads(row["usage_json"])
        usage = usage_of(block)
        if usage == UNKNOWN_USAGE:
            unknown[frozenset(block)] += 1
            continue
        assert usage.input_tokens == _input_of(block, row)
        assert usage.output_tokens == _output_of(block, row)
        assert usage.cache_write_tokens == (row["cache_creation_tokens"] or 0)
        assert usage.cache_read_tokens == (row["cached_input_tokens"] or 0)
        total = block.get("totalTokenCount") or (None if "billed_units" in block else block.get("total_tokens"))
        if total is not None and usage.input_tokens is not None and usage.output_tokens is not None:
            assert usage.input_tokens + usage.output_tokens == total
    assert unknown == {
        frozenset({"total_tokens"}): 4,
        frozenset({"totalTokenCount"}): 2,
        frozenset({"readUnits"}): 1,
        next(name for name in unknown if "wordPolicyUnits" in name): 3,
    }


def _input_of(block: dict[str, Any], row: dict[str, Any]) -> int | None:
    """From the recorded columns, which hold the number under the provider's name for the input."""
    if "billed_units" in block or "total_input_tokens" in block:
        return int(block.get("billed_units", {}).get("input_tokens") or block["total_input_tokens"])
    if "prompt_tokens" not in block and "cache_read_input_tokens" in block:
        return int(row["input_tokens"] + (row["cached_input_tokens"] or 0) + (row["cache_creation_tokens"] or 0))
    recorded: int | None = row["input_tokens"]
    return recorded if recorded is None else recorded + block.get("toolUsePromptTokenCount", 0)


def _output_of(block: dict[str, Any], row: dict[str, Any]) -> int | None:
    if "billed_units" in block:
        return int(block["billed_units"]["output_tokens"])
    if "total_output_tokens" in block:
        return int(block["total_output_tokens"] + block["total_thought_tokens"])
    recorded: int | None = row["output_tokens"]
    thought: int = block.get("thoughtsTokenCount", 0)
    return thought or None if recorded is None else recorded + thought


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
