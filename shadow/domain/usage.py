"""Reads OpenAI-shaped replies: chat completions, the Responses API and their streams, as objects or as dictionaries.

Missing fields stay unknown. What a usage block means is told by `accounting`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeGuard

from shadow.domain.accounting import Fields, count_of, fields_of, usage_of_block
from shadow.domain.chunk import Chunk, ToolCallPiece
from shadow.domain.outcome import Answer, ToolCall, Usage
from shadow.domain.price_terms import all_terms, tier_terms

ERROR_IN_ANSWER: Final = "provider_error"
"""`error_type` of an error without a name in the place of an answer."""
ERROR_REASON: Final = "error"
"""OpenRouter's `finish_reason` of a choice that failed."""
CODE_CHARACTERS: Final = 64
CHAT_SHAPES: Final = ("chat.completion", "chat.completion.chunk")

TEXT_PARTS: Final = (None, "text", "output_text")
"""Parts of a message that are its text; Mistral's `thinking` and others are not."""


def is_answer(reply: Any) -> bool:
    """Whether a reply is a chat completion or a response of the Responses API, or an error in the place of one."""
    if read(reply, "object") in ("chat.completion", "response"):
        return True
    choice = _first(read(reply, "choices"))
    return read(choice, "message") is not None or bool(_error(read(reply, "error")) or _error(read(choice, "error")))


def is_pending(reply: Any) -> bool:
    """Whether a response of the Responses API is still to be answered in the background."""
    return read(reply, "object") == "response" and read(reply, "status") in ("queued", "in_progress")


def is_chunk(event: Any) -> bool:
    """Whether an item of a stream is a chunk of a chat completion or an event of the Responses API."""
    if read(event, "object") == "chat.completion.chunk":
        return True
    kind = read(event, "type")
    if isinstance(kind, str) and (kind.startswith("response.") or kind == "error"):
        return True
    choice = _first(read(event, "choices"))
    has_part = read(choice, "delta") is not None or (kind is None and read(event, "usage") is not None)
    return has_part or bool(_error(read(event, "error")) or _error(read(choice, "error")))


def ends_answer(event: Any) -> bool:
    """Whether the text ends with this chunk; only usage may follow."""
    if _event(event) in ("response.completed", "response.incomplete"):
        return True
    return any(read(choice, "finish_reason") for choice in _items(read(event, "choices")))


def failure_of(reply: Any) -> str:
    """Error type of a reply or event that has an error in the place of an answer; empty for any other.

    OpenRouter and other gateways put an error beside `choices` or into one, with the status of an answer; the Responses
    API has a status of its own.
    """
    said = fields_of(reply)
    shape = said("object")
    if shape not in CHAT_SHAPES and said("type") in ("response.failed", "error"):
        return _code(read(said("response"), "error") or said("error") or reply, "response_failed")
    if shape == "response" and said("status") in ("failed", "cancelled"):
        return _code(said("error"), "response_failed")
    error = _error(said("error")) or failed_choice(said("choices"))
    return _code(error, ERROR_IN_ANSWER) if error else ""


def failed_choice(choices: Any) -> Any:
    """The error in the place of the choices of a reply or chunk; None if one of them is no error."""
    first = None
    for choice in _items(choices):
        said = fields_of(choice)
        error = _error(said("error")) or (said("finish_reason") == ERROR_REASON and ERROR_IN_ANSWER)
        if not error:
            return None
        first = first or error
    return first


def answer_of(reply: Any) -> Answer:
    """The answer of a whole reply; `raw` is the reply itself."""
    said = fields_of(reply)
    usage = fields_of(said("usage"))
    choice = _first_choice(said("choices"))
    text, tool_calls = _of_output(said("output")) if choice is None else _of_message(read(choice, "message"))
    return Answer(
        text=text,
        model=_string(said("model")),
        response_id=_string(said("id")),
        usage=under(usage_of_block(usage), said("service_tier")),
        cost_usd=cost_of_block(usage),
        tool_calls=tool_calls,
        finish_reasons=_finish_reasons(said),
        system_fingerprint=_string(said("system_fingerprint")),
        raw=reply,
    )


def chunk_of(event: Any) -> Chunk:
    """One item of a stream as a chunk."""
    kind = _event(event)
    if kind in ("response.completed", "response.incomplete", "response.failed"):
        whole = answer_of(read(event, "response"))
        return Chunk(raw=event, model=whole.model, response_id=whole.response_id, usage=whole.usage, answer=whole)
    if kind == "response.output_text.delta":
        return Chunk(raw=event, text=_string(read(event, "delta")))
    said = fields_of(event)
    delta = fields_of(read(_first_choice(said("choices")), "delta"))
    block = said("usage")
    usage = None if block is None else fields_of(block)
    return Chunk(
        raw=event,
        text=_text_of(delta("content")),
        tool_calls=_tool_call_pieces(delta("tool_calls")),
        model=_string(said("model")),
        response_id=_string(said("id")),
        usage=None if usage is None else under(usage_of_block(usage), said("service_tier")),
        cost_usd=None if usage is None else cost_of_block(usage),
        finish_reasons=_ended_choices(said("choices")),
        system_fingerprint=_string(said("system_fingerprint")),
    )


def usage_of(usage: Any) -> Usage:
    """Tokens of a usage block. A block of another shape, or one that contradicts itself, is unknown."""
    return usage_of_block(fields_of(usage))


def under(usage: Usage, tier: Any) -> Usage:
    """The usage of an answer that names its service tier outside of the usage block."""
    terms = tier_terms(tier) if tier else ""
    return replace(usage, unpriced=all_terms(terms, usage.unpriced)) if terms else usage


def cost_of_block(said: Fields) -> float | None:
    """What a gateway says that the call cost, in dollars. With a key of one's own the provider's bill is added."""
    cost = said("cost")
    if cost is None:  # almost every answer; this runs while the host waits
        return None
    upstream = fields_of(said("cost_details"))("upstream_inference_cost")
    return billed(cost, upstream, own_key=said("is_byok"))


def billed(cost: Any, upstream: Any, *, own_key: Any = None) -> float | None:
    """Dollars of a call: the gateway's charge, and the provider's where a key of one's own paid it.

    OpenRouter also repeats its own charge as the upstream cost where the key is its own.
    """
    if not is_amount(cost):
        return None
    paid = float(upstream) if is_amount(upstream) else None
    if paid is None:
        return None if own_key is True and not cost else float(cost)
    with_own_key = own_key is True or not cost or (own_key is None and paid > cost)
    return float(cost) + paid if with_own_key else float(cost)


def read(holder: Any, name: str) -> Any:
    """A field of an object or a key of a mapping; None if there is none."""
    if holder is None:
        return None
    if type(holder) is dict or isinstance(holder, Mapping):  # the first test is ten times faster
        return holder.get(name)
    return getattr(holder, name, None)


def _event(item: Any) -> Any:
    """Type of an event of the Responses API. Chat completions and their chunks have none."""
    return None if read(item, "object") in CHAT_SHAPES else read(item, "type")


def _of_message(message: Any) -> tuple[str, tuple[ToolCall, ...]]:
    said = fields_of(message)
    called = [function for call in _items(said("tool_calls")) if (function := read(call, "function")) is not None]
    return _text_of(said("content")), _tool_calls(called)


def _of_output(output: Any) -> tuple[str, tuple[ToolCall, ...]]:
    items = _items(output)
    texts = [_string(read(part, "text")) for item in items for part in _items(read(item, "content"))]
    return "".join(texts), _tool_calls([item for item in items if read(item, "type") == "function_call"])


def _tool_calls(called: Sequence[Any]) -> tuple[ToolCall, ...]:
    if not called:
        return ()
    return tuple([ToolCall(_string(read(call, "name")), _string(read(call, "arguments"))) for call in called])


def _tool_call_pieces(called: Any) -> tuple[ToolCallPiece, ...]:
    if not called:
        return ()
    pieces = []
    for call in _items(called):
        place, function = read(call, "index"), read(call, "function")
        piece = ToolCall(_string(read(function, "name")), _string(read(function, "arguments")))
        pieces.append(ToolCallPiece(place if isinstance(place, int) else None, piece, _string(read(call, "id"))))
    return tuple(pieces)


def counted(usage: Usage) -> Usage:
    """The usage without numbers that are not counts of tokens: a host may report anything."""
    return Usage(
        input_tokens=count_of(usage.input_tokens),
        output_tokens=count_of(usage.output_tokens),
        cache_read_tokens=count_of(usage.cache_read_tokens) or 0,
        cache_write_tokens=count_of(usage.cache_write_tokens) or 0,
        unpriced=usage.unpriced if isinstance(usage.unpriced, str) else "",
    )


def is_amount(value: Any) -> TypeGuard[float]:
    """Whether this is an amount of seconds or dollars: finite and not negative."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf")


def _finish_reasons(said: Fields) -> tuple[str, ...]:
    """Why each choice ends; of a response why it is incomplete, else its status."""
    choices = said("choices")
    if choices is None and said("object") == "response":
        reason = read(said("incomplete_details"), "reason") or said("status")
        return (reason,) if isinstance(reason, str) else ()
    ended = _ended_choices(choices)
    return tuple([reason for _, reason in (ended if len(ended) < 2 else sorted(ended))])


def _ended_choices(choices: Any) -> tuple[tuple[int, str], ...]:
    ended = []
    for position, choice in enumerate(_items(choices)):
        reason = read(choice, "finish_reason")
        if reason and isinstance(reason, str):
            number = read(choice, "index")
            ended.append((number if isinstance(number, int) else position, reason))
    return tuple(ended)


def _text_of(content: Any) -> str:
    """The text of a message or delta: a string, or parts of which some are thoughts or refusals."""
    if isinstance(content, str):
        return content
    return "".join([_string(read(part, "text")) for part in _items(content) if read(part, "type") in TEXT_PARTS])


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _error(held: Any) -> Any:
    """An error with a text or a code; None for anything else, for example an attribute of another meaning."""
    if held is None:
        return None
    if isinstance(held, str):
        return held or None
    is_error = isinstance(read(held, "message"), str) or isinstance(read(held, "code"), (str, int))
    return held if is_error else None


def _code(error: Any, unnamed: str) -> str:
    """The name of an error: its code, of low cardinality."""
    code = read(error, "code")
    return str(code)[:CODE_CHARACTERS] if isinstance(code, (str, int)) and code else unnamed


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else ()


def _first_choice(choices: Any) -> Any:
    """The choice with the number 0, or without one: with `n` above 1 the choices of a stream come in any order."""
    items = _items(choices)
    if len(items) == 1 and not read(items[0], "index"):
        return items[0]
    return next((choice for choice in items if not read(choice, "index")), None)


def _first(value: Any) -> Any:
    items = _items(value)
    return items[0] if items else None
