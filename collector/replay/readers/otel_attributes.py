"""Attributes of model-call spans under every name that instrumentations have used: gen_ai.* old and new, OpenInference.

One table, so that a new spelling is one more name here and nothing else; those of tokens and cost are in `otel_usage`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from shadow.domain.features import IMAGE_PARTS, output_limit
from shadowroute.collector.replay.readers import values
from shadowroute.collector.replay.readers.otel_usage import counts_something

Attributes = Mapping[str, Any]

OPERATION: Final = ("gen_ai.operation.name",)
KIND: Final = (
    "openinference.span.kind", "llm.request.type", "traceloop.span.kind", "langfuse.observation.type",
)  # fmt: skip
REQUEST_MODEL: Final = (
    "gen_ai.request.model", "llm.model_name", "llm.request.model_name", "llm.request.model", "ai.model.id",
    "langfuse.observation.model.name",
)  # fmt: skip
RESPONSE_MODEL: Final = (
    "gen_ai.response.model", "llm.response.model_name", "llm.response.model", "ai.response.model",
)  # fmt: skip
PROVIDER: Final = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "ai.model.provider")
RESPONSE_ID: Final = ("gen_ai.response.id", "llm.response.id", "ai.response.id")
TTFT: Final = ("gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token")
SESSION: Final = (
    "gen_ai.conversation.id", "session.id", "traceloop.association.properties.session_id", "langfuse.session.id",
    "langfuse.trace.session_id", "ai.telemetry.metadata.sessionId", "metadata.session_id",
)  # fmt: skip
USER: Final = (
    "user.id", "enduser.id", "gen_ai.request.user", "traceloop.association.properties.user_id", "langfuse.user.id",
    "langfuse.trace.user_id", "ai.telemetry.metadata.userId",
)  # fmt: skip
TASK: Final = ("llm_router.task", "traceloop.association.properties.task", "metadata.task")
USER_TIER: Final = ("llm_router.user.tier", "traceloop.association.properties.user_tier", "metadata.user_tier")
PROMPT_VERSION: Final = ("gen_ai.prompt.version", "llm.prompt_template.version")

CALL_OPERATIONS: Final = frozenset({"chat", "text_completion", "generate_content", "completion"})
OTHER_OPERATIONS: Final = frozenset({
    "invoke_agent", "create_agent", "execute_tool", "embeddings", "retrieval", "invoke_workflow", "rerank",
    "image_generation", "transcription", "speech",
})  # fmt: skip
CALL_KINDS: Final = frozenset({"llm", "chat", "completion", "generation"})
OTHER_KINDS: Final = frozenset({
    "agent", "chain", "tool", "retriever", "embedding", "reranker", "guardrail", "evaluator", "prompt", "workflow",
    "task", "rerank", "unknown",
})  # fmt: skip
PARTS_OF_AN_AGENT: Final = frozenset({"tool", "agent", "execute_tool", "invoke_agent"})
"""Kinds and operations that make calls of their own: tools and agents."""

_INDEXED: Final = re.compile(r"(?:gen_ai\.prompt|llm\.input_messages)\.(\d+)\.(?:message\.)?(role|content)")
_PARTS: Final = re.compile(r"llm\.input_messages\.(\d+)\.message\.contents\.(\d+)\.message_content\.text")
_IMAGE: Final = re.compile(r"llm\.input_messages\.\d+\.message\.contents\.\d+\.message_content\.image\..+")
_ANSWERS: Final = ("gen_ai.completion.0.content", "llm.output_messages.0.message.content", "ai.response.text")


def word(attributes: Attributes, names: Sequence[str]) -> str:
    """The first value that one of the names has, as lower-case text."""
    return values.text(values.first(attributes, names)).lower()


def is_call(attributes: Attributes) -> bool:
    """Whether a span is, or wraps, a call to a model that writes text."""
    operation, kind = word(attributes, OPERATION), word(attributes, KIND)
    if operation in OTHER_OPERATIONS or kind in OTHER_KINDS:
        return False
    if values.first(attributes, (*REQUEST_MODEL, *RESPONSE_MODEL)) is None:
        return False
    return operation in CALL_OPERATIONS or kind in CALL_KINDS or counts_something(attributes)


def failure(attributes: Attributes) -> str:
    """Why a call failed, as far as attributes tell; empty if they name no failure."""
    named = values.text(values.first(attributes, ("error.type", "exception.type")))
    if named:
        return named
    status = values.text(values.first(attributes, ("http.response.status_code", "http.status_code")))
    if values.ended(status) == "error":
        return status
    if word(attributes, ("langfuse.observation.level",)) == "error":
        return "error"
    reasons = word(attributes, ("gen_ai.response.finish_reasons", "gen_ai.response.finish_reason",
                                "ai.response.finishReason", "llm.response.finish_reason"))  # fmt: skip
    return "error" if "error" in re.findall(r"[a-z_]+", reasons) else ""


def messages(attributes: Attributes) -> list[dict[str, str]] | None:
    """The prompt in OpenAI's form, if the span carries it."""
    found = _whole(attributes)
    return [_message(each) for each in found] or None if found else _indexed(attributes)


def has_images(attributes: Attributes) -> bool | None:
    """Whether a message holds an image; None if the span does not carry the prompt."""
    found = _whole(attributes)
    if found:
        return any(_is_image(part) for message in found for part in _parts(message))
    return None if _indexed(attributes) is None else any(map(_IMAGE.fullmatch, attributes))


def answer(attributes: Attributes) -> str | None:
    """The answer's text, if the span carries it."""
    found = values.json_of(attributes.get("gen_ai.output.messages"))
    if isinstance(found, list) and found and isinstance(found[0], Mapping):
        return _message(found[0])["content"] or None
    return values.text(values.first(attributes, _ANSWERS)) or None


def has_tools(attributes: Attributes) -> bool | None:
    """Whether the call offers tools. Instrumentations that write prompts by number write tools the same way."""
    listed = (
        "llm.request.functions.0.name",
        "llm.tools.0.tool.json_schema",
        "gen_ai.tool.definitions",
        "ai.prompt.tools",
    )
    if values.first(attributes, listed) is not None:
        return True
    parameters = values.mapping_of(attributes.get("llm.invocation_parameters"))
    if parameters:
        return bool(parameters.get("tools") or parameters.get("functions"))
    return False if _indexed(attributes) is not None else None


def wants_json(attributes: Attributes) -> bool | None:
    """Whether the call asks for structured output; None if the span does not carry it."""
    kind = word(attributes, ("gen_ai.output.type", "gen_ai.request.output_type"))
    if kind:
        return kind == "json"
    parameters = values.mapping_of(attributes.get("llm.invocation_parameters"))
    if not parameters:
        return None
    wanted = values.mapping_of(parameters.get("response_format")).get("type")
    return wanted in values.JSON_FORMATS


def max_output_tokens(attributes: Attributes) -> int | None:
    """The caller's limit for the answer; 0 = explicitly no limit, None = not in the span."""
    told = values.tokens(values.first(attributes, ("gen_ai.request.max_tokens", "llm.request.max_tokens")))
    if told is not None:
        return told
    parameters = values.mapping_of(attributes.get("llm.invocation_parameters"))
    return values.tokens(output_limit(parameters)) or 0 if parameters else None


def _whole(attributes: Attributes) -> list[Mapping[str, Any]] | None:
    """The messages of a prompt in one attribute."""
    for name in ("gen_ai.input.messages", "gen_ai.prompt", "ai.prompt.messages"):
        found = values.json_of(attributes.get(name))
        if isinstance(found, list) and found:
            return [each for each in found if isinstance(each, Mapping)]
    return None


def _parts(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    parts = message.get("parts", message.get("content"))
    return [part for part in parts if isinstance(part, Mapping)] if isinstance(parts, list) else []


def _is_image(part: Mapping[str, Any]) -> bool:
    """By the kinds of OpenAI-shaped content, or by the modality that the GenAI conventions give to a part."""
    return part.get("type") in IMAGE_PARTS or part.get("modality") == "image"


def _message(message: Mapping[str, Any]) -> dict[str, str]:
    content = message.get("content")
    if isinstance(content, str):
        return {"role": values.text(message.get("role")), "content": content}
    texts = [
        values.text(part.get("content") or part.get("text"))
        for part in _parts(message)
        if part.get("type", "text") == "text"
    ]
    return {"role": values.text(message.get("role")), "content": "\n".join(filter(None, texts))}


def _indexed(attributes: Attributes) -> list[dict[str, str]] | None:
    """`gen_ai.prompt.N.role` and `.content`, or OpenInference's `llm.input_messages.N.message.*`."""
    found: dict[int, dict[str, str]] = {}
    parts: dict[int, list[tuple[int, str]]] = {}
    for key, value in attributes.items():
        if match := _INDEXED.fullmatch(key):
            found.setdefault(int(match[1]), {"role": "", "content": ""})[match[2]] = values.text(value)
        elif match := _PARTS.fullmatch(key):
            parts.setdefault(int(match[1]), []).append((int(match[2]), values.text(value)))
    for number, texts in parts.items():
        held = found.setdefault(number, {"role": "", "content": ""})
        held["content"] = held["content"] or "\n".join(text for _, text in sorted(texts))
    return [found[number] for number in sorted(found)] or None
