"""The class of a provider's error, in the words of several providers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shadow.errors import FailureClass, ProviderError
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


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"3", b'"x"', b'{"error": []}', b"[" * 100_000, b"\xff\xfe"])
def test_any_other_body_has_the_class_of_its_status(content: bytes) -> None:
    """What cannot be read is no reason to fail."""
    assert (read_error(400, content).error_type, read_error(503, content).retryable) == ("400", True)
