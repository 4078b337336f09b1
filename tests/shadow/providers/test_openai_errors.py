"""The class of a provider's error, in the words of several providers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from shadow.errors import FailureClass, ProviderError
from shadow.providers import error_texts
from shadow.providers.openai_errors import read_error


def error(message: str = "", **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, **fields}}


CASES: list[tuple[str, int, Any, str, FailureClass]] = [
    ("OpenAI context", 400, error(code="context_length_exceeded"), "context_length", "context_length"),
    (
        "OpenAI parameter",
        400,
        error("Invalid 'messages[0].content': string too long.", code="string_above_max_length"),
        "context_length",
        "context_length",
    ),
    (
        "vLLM",
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 4096 tokens.",
            "type": "BadRequestError",
            "code": 400,
        },
        "context_length",
        "context_length",
    ),
    ("llama.cpp", 400, error(code=400, type="exceed_context_size_error"), "context_length", "context_length"),
    (
        "Anthropic",
        400,
        {
            "type": "error",
            **error("prompt is too long: 200001 tokens > 200000 maximum", type="invalid_request_error"),
        },
        "context_length",
        "context_length",
    ),
    (
        "Gemini",
        400,
        [error("The input token count (9) exceeds the maximum number of tokens allowed (8).", code=400)],
        "context_length",
        "context_length",
    ),
    (
        "Mistral",
        400,
        {"object": "error", "message": "Prompt contains 9 tokens, too large for model with 8 maximum context length"},
        "context_length",
        "context_length",
    ),
    ("OpenAI policy", 400, error(code="content_policy_violation"), "content_policy", "content_policy"),
    (
        "Azure",
        400,
        error(code="content_filter", innererror={"code": "ResponsibleAIPolicyViolation"}),
        "content_policy",
        "content_policy",
    ),
    ("OpenRouter", 403, error("x requires moderation", code=403), "content_policy", "content_policy"),
    ("OpenAI quota", 429, error(code="insufficient_quota", type="insufficient_quota"), "insufficient_quota", "quota"),
    ("DeepSeek", 402, error("Insufficient Balance"), "insufficient_quota", "quota"),
    ("Anthropic credit", 400, error("Your credit balance is too low"), "insufficient_quota", "quota"),
    ("OpenAI rate", 429, error(code="rate_limit_exceeded", type="tokens"), "429", "rate_limit"),
    ("Gemini rate", 429, [error("You exceeded your current quota", status="RESOURCE_EXHAUSTED")], "429", "rate_limit"),
    ("Groq too large", 413, error(code="rate_limit_exceeded"), "413", "request"),
    ("wrong key", 401, error("prompt is too long", code="invalid_api_key"), "401", "configuration"),
    ("forbidden", 403, error("no access"), "403", "configuration"),
    ("unknown model", 404, error("no such model", code="model_not_found"), "404", "request"),
    (
        "OpenAI user too long",
        400,
        error("Invalid 'user': string too long.", code="string_above_max_length", param="user"),
        "400",
        "request",
    ),
    (
        "LiteLLM",
        400,
        error("litellm.BadRequestError: OpenAIException - This model's maximum context length is 8 tokens"),
        "context_length",
        "context_length",
    ),
    ("plain", 400, error("temperature must be a number"), "400", "request"),
    ("unprocessable", 422, {"detail": [{"msg": "field required"}]}, "422", "request"),
    ("overloaded", 529, error(type="overloaded_error"), "529", "outage"),
    ("conflict", 409, error("lock timeout"), "409", "outage"),
    ("early", 425, error(""), "425", "outage"),
    ("crash that quotes", 500, error("maximum context length"), "500", "outage"),
    ("no JSON", 503, None, "503", "outage"),
    ("in an answer", 200, error("overloaded", type="server_error"), "provider_error", "outage"),
    ("status in an answer", 200, error("slow down", code=429), "429", "rate_limit"),
    ("status as text", 200, error("bad key", code="401"), "401", "configuration"),
    ("class in an answer", 200, error(code="context_length_exceeded"), "context_length", "context_length"),
    ("text in an answer", 200, {"error": "late"}, "provider_error", "outage"),
]


@pytest.mark.parametrize(("status", "body", "error_type", "failure"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_providers_name_the_same_failure_in_their_own_words(
    status: int, body: Any, error_type: str, failure: FailureClass
) -> None:
    """A code or type counts before the sentence, and a server that failed says nothing about the request."""
    content = b"<html>unavailable</html>" if body is None else json.dumps(body).encode()
    said = read_error(status, content)
    assert said.error_type == error_type
    assert ProviderError("", error_type=said.error_type, retryable=said.retryable).failure_class == failure


TEXTS = {
    "context_length": [
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.",
        "This endpoint's maximum context length is 128000 tokens. However, you requested about 200000 tokens.",
        "Your input exceeds the context window of this model. Please adjust your input and try again.",
        "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens.",
        "prompt is too long: 213462 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease input length",
        "The model returned the following errors: input length and `max_tokens` exceed context limit: 1 + 2 > 2",
        "Input is too long for requested model.",
        "The input token count exceeds the maximum number of tokens allowed (1048576).",
        "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        "Please reduce the length of the messages or completion.",
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
        "The decoder prompt (length 8357) is longer than the maximum model length of 8192.",
        "The prompt (total length 5000) is too long to fit into the model (context length 4096).",
        "'max_tokens' or 'max_completion_tokens' is too large: 2000. This model's maximum context length is 4096",
        "You passed 5000 input tokens and requested 0 output tokens. However, the model's context length is only 4096",
        "Input length (5000) exceeds model's maximum context length (4096).",
        "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
        "Requested token count exceeds the model's maximum context length of 4096 tokens.",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: 5000",
        "the request exceeds the available context size. try increasing the context size or enable context shift",
        "request (9000 tokens) exceeds the available context size (4096 tokens), try increasing it",
        "The number of tokens to keep from the initial prompt is greater than the context length",
        "Current length is 9000 while limit is 8192",
    ],
    "content_policy": [
        "Output blocked by content filtering policy",
        "Your request was rejected as a result of our safety system. Your prompt may contain text that is not allowed",
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again",
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        "openai/gpt-5 requires moderation on OpenRouter. Your input was flagged for sexual content",
        "Your chosen model requires moderation and your input was flagged",
        "Content Exists Risk",
    ],
    "insufficient_quota": ["Your credit balance is too low to access the Anthropic API.", "Insufficient credits"],
}


@pytest.mark.parametrize(("error_type", "message"), [(kind, text) for kind, texts in TEXTS.items() for text in texts])
def test_a_message_without_a_code_is_found_in_the_table(error_type: str, message: str) -> None:
    """Each row has its message."""
    assert read_error(400, json.dumps(error(message)).encode()).error_type == error_type


def test_every_row_of_the_table_has_its_message_and_its_source() -> None:
    """A row that no message here needs may be wrong."""
    messages = [message for texts in TEXTS.values() for message in texts] + ["You exceeded your current quota"]
    for row in error_texts.TEXTS:
        assert any(re.match(error_texts.WRAPPERS + row.begins, message, re.IGNORECASE) for message in messages), row
        assert "https://" in row.source


@pytest.mark.parametrize(
    "quoted",
    [text for texts in TEXTS.values() for text in texts]
    + ["content policy", "safety system", "context window exceeded"],
)
@pytest.mark.parametrize(
    "around", ["Invalid value: '{}'. Supported values are: 'auto'.", 'Unknown field "{}" in messages[0]']
)
def test_a_word_that_a_400_quotes_is_not_its_reason(quoted: str, around: str) -> None:
    """A prompt may be about context windows and content policies."""
    said = read_error(400, json.dumps(error(around.format(quoted))).encode())
    assert (said.error_type, said.retryable) == ("400", False)


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"3", b'"x"', b'{"error": []}', b"[" * 100_000, b"\xff\xfe"])
def test_any_other_body_has_the_class_of_its_status(content: bytes) -> None:
    """What cannot be read is no reason to fail."""
    assert (read_error(400, content).error_type, read_error(503, content).retryable) == ("400", True)
