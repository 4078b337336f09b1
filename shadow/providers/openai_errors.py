"""Classifies a provider's error by its status and its body, in the formats of several providers.

OpenAI, Azure, Anthropic, Gemini, Mistral, Groq, DeepSeek, OpenRouter, vLLM, llama.cpp and LiteLLM's proxy name the
same failures in different ways: by a code, by a type, or only in the message.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shadow.domain.usage import ERROR_IN_ANSWER, read
from shadow.errors import CONTENT_POLICY, CONTEXT_LENGTH, QUOTA
from shadow.providers.error_texts import type_of_text

RETRYABLE_STATUSES: Final = frozenset({408, 409, 425, 429})
"""Statuses below 500 after which another try may succeed; every other 4xx is about the request or its key."""

MAX_DETAIL_CHARACTERS: Final = 300
TEXT_CHARACTERS_READ: Final = 4000
RATE_LIMIT: Final = "429"

NAMES: Final = {
    CONTEXT_LENGTH: frozenset({"context_length_exceeded", "exceed_context_size_error"}),
    CONTENT_POLICY: frozenset(
        {"content_filter", "content_policy_violation", "responsibleaipolicyviolation", "moderation_blocked"}
    ),
    QUOTA: frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "billing_error"}),
    RATE_LIMIT: frozenset({"rate_limit_exceeded", "rate_limit_error", "resource_exhausted", "too_many_requests"}),
}
"""Codes and types, in lower case, by error type."""

TOO_LONG: Final = "string_above_max_length"
"""OpenAI's code for any field whose text is too long."""
PROMPT_FIELDS: Final = ("messages", "input", "prompt", "instructions")


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """The content of an error body.

    Attributes:
        error_type: of the failure.
        retryable: whether another provider may succeed.
        detail: the provider's own message, cut; empty if there is none.
    """

    error_type: str
    retryable: bool
    detail: str


def read_error(status: int, content: bytes) -> ErrorBody:
    """The failure of a response. With the status of an answer (2xx), only the body has it.

    Args:
        status: HTTP status.
        content: the body, without the key.
    """
    body = _parsed(content)
    error = _error_of(body)
    detail = _detail(error, content)
    own = _status_in(error) if 200 <= status < 300 else status
    error_type = _named(error, detail, own)
    if error_type:
        return ErrorBody(error_type, error_type in (QUOTA, RATE_LIMIT), detail)
    if own is None:
        return ErrorBody(ERROR_IN_ANSWER, retryable=True, detail=detail)
    return ErrorBody(str(own), own >= 500 or own in RETRYABLE_STATUSES, detail)


def _named(error: Any, detail: str, status: int | None) -> str:
    """The named class of an error; empty for one that only has a status."""
    names = {name.lower() for name in _names(error)}
    for error_type, known in NAMES.items():
        if names & known and (error_type != RATE_LIMIT or status in (None, 429)):  # Groq's 413 has that name, too
            return error_type
    if status == 402:
        return QUOTA
    if status is not None and (status >= 500 or status in (401, 404)):
        return ""
    if TOO_LONG in names:
        return CONTEXT_LENGTH if _is_about_the_prompt(error, detail) else ""
    return type_of_text(detail)


def _is_about_the_prompt(error: Any, detail: str) -> bool:
    """Whether the field with a text that is too long holds the prompt, and not, say, the name of a user."""
    field = read(error, "param")
    named = field if isinstance(field, str) and field else detail.partition("'")[2]
    return named.startswith(PROMPT_FIELDS)


def _names(error: Any) -> Iterator[str]:
    """Possible names of the failure: code, type and status, also of an inner error."""
    for holder in (error, read(error, "innererror")):
        for key in ("code", "type", "status"):
            name = read(holder, key)
            if isinstance(name, str):
                yield name


def _status_in(error: Any) -> int | None:
    """The HTTP status in the body of an error that a gateway sends as an answer."""
    code = read(error, "code")
    if isinstance(code, str) and code.isascii() and code.isdigit():
        code = int(code)
    return code if isinstance(code, int) and 400 <= code < 600 else None


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _error_of(body: Any) -> Any:
    """The error itself: under `error`, or the body, or in a list of one (Gemini)."""
    if isinstance(body, list) and body:
        body = body[0]
    error = body.get("error", body) if isinstance(body, Mapping) else body
    return error if isinstance(error, Mapping) else {"message": error} if isinstance(error, str) else {}


def _detail(error: Any, content: bytes) -> str:
    message = read(error, "message") or read(error, "detail")
    if isinstance(message, str):
        return message[:TEXT_CHARACTERS_READ]
    return (json.dumps(error) if error else content[:TEXT_CHARACTERS_READ].decode("utf-8", "replace").strip())[
        :TEXT_CHARACTERS_READ
    ]
