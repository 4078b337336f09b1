"""Messages and metadata to a frozen request, in tens of microseconds.

Nothing here may raise or take long, whatever the caller passes: long conversations are cut to a bounded number of
messages, only bounded samples of texts are read, and a value of a wrong type counts as absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from shadow.domain.ids import KeyedHash, uuid7
from shadow.domain.request import COMPLEXITY_BANDS, INPUT_BANDS, NOTHING, Message, Request
from shadow.runtime.frozen import copied

MESSAGES_AT_MOST: Final = 256
PARTS_AT_MOST: Final = 64
SAMPLE_CHARACTERS: Final = 1_000
ENCODED_CHARACTERS: Final = 200
VALUE_CHARACTERS: Final = 64
"""Length at which segments and labels are cut."""

BYTES_PER_TOKEN: Final = 4
TOKENS_PER_MESSAGE: Final = 4
"""Role and separators of one chat message."""
TOKENS_PER_IMAGE: Final = 765
"""OpenAI's count for 1,024 x 1,024 pixels; the real size of an image is not read."""
IMAGE_PARTS: Final = frozenset({"image_url", "input_image", "image"})
"""Kinds of content that are images: of chat completions, of the Responses API, of Anthropic's messages."""
OUTPUT_LIMITS: Final = ("max_completion_tokens", "max_tokens", "max_output_tokens")
"""Names of the limit for an answer in the calls of OpenAI-shaped APIs."""
INPUT_BAND_EDGES: Final = (1_000, 4_000, 16_000, 128_000)
COMPLEXITY_BAND_EDGES: Final = (0.3, 0.6)

LONG_TEXT_CHARACTERS: Final = 4_000
# fmt: off
REASONING_WORDS: Final = frozenset({
    "why", "explain", "compare", "prove", "derive", "analyse", "analyze", "analysis", "evaluate", "assess", "justify",
    "design", "optimise", "optimize", "debug", "refactor", "critique", "reasoning", "implications", "trade-offs",
    "step-by-step",
})
# fmt: on
FORMAL_CHARACTERS: Final = b"{=`\\<^"
STRUCTURE_CHARACTERS: Final = b"\n?"


def extract(
    *,
    messages: Sequence[Any] | None,
    hash_id: KeyedHash,
    time_us: int,
    request_id: str | None = None,
    user: str = "",
    session: str = "",
    task: str = "",
    user_tier: str = "",
    labels: Mapping[str, Any] | None = None,
    allowed_labels: frozenset[str] = frozenset(),
    prompt_version: str = "",
    input_tokens: int | None = None,
    tools: Any = None,
    response_format: Any = None,
    max_output_tokens: Any = None,
    has_images: bool | None = None,
    unknown: frozenset[str] = frozenset(),
    defers_complexity: bool = False,
) -> Request:
    """The frozen request of one call. Never raises; unreadable values count as absent.

    Args:
        messages: chat messages in OpenAI's form, dicts or objects; a plain text is one user message. An iterator is
            not read, because that would consume it.
        hash_id: turns user and session ids into keys.
        time_us: decision time, epoch microseconds.
        request_id: the host's own id; made here if absent.
        user: id of the user; only its key is kept.
        session: id of the session; only its key is kept.
        task: purpose of the request, cut at 64 characters, as all segments are.
        user_tier: class of the customer.
        prompt_version: version of the prompt template.
        allowed_labels: keys of the labels that are kept.
        labels: further segments of the host.
        input_tokens: the host's own count of the prompt's tokens; otherwise they are estimated.
        tools: the call's tools; only their names are kept.
        response_format: the call's response format; only whether it asks for JSON is kept.
        max_output_tokens: the call's limit for the answer; only a count above 0 is one.
        has_images: whether a message holds an image; None = read the messages.
        unknown: unknown features, by the names of `Request.unknown`. Without messages the complexity is unknown, too,
            and so are the tokens without a count, and the images without `has_images`.
        defers_complexity: leave it to `with_complexity`: it is most of the work, and behind an observer only shadows
            read it.
    """
    frozen, omitted, images = _messages(messages)
    known = type(input_tokens) is int and input_tokens >= 0
    tokens = input_tokens if known and input_tokens is not None else _estimated_tokens(frozen, omitted, images)
    no_text = "messages" in unknown
    if no_text and not known:
        unknown |= {"input_tokens"}
    if no_text and has_images is None:
        unknown |= {"has_images"}
    complexity, band = (0.0, "") if defers_complexity else _rating(frozen, unknown)
    return Request(
        request_id=_text(request_id) or uuid7(time_us * 1000),
        time_us=time_us,
        messages=frozen,
        input_tokens=tokens,
        input_tokens_known=known,
        complexity=complexity,
        complexity_band=band,
        input_band="" if no_text and not known else INPUT_BANDS[_band(tokens, INPUT_BAND_EDGES)],
        task=_text(task)[:VALUE_CHARACTERS],
        user_tier=_text(user_tier)[:VALUE_CHARACTERS],
        labels=_labels(labels, allowed_labels),
        user_key=hash_id(_text(user)),
        session_key=hash_id(_text(session)),
        prompt_version=_text(prompt_version)[:VALUE_CHARACTERS],
        has_tools=_truth(tools),
        has_images=images > 0 if has_images is None else has_images,
        tools=_tool_names(tools),
        wants_json=_wants_json(response_format),
        max_output_tokens=_limit(max_output_tokens),
        unknown=unknown,
    )


def with_complexity(request: Request) -> Request:
    """The request with the complexity that `extract` left out."""
    complexity, band = _rating(request.messages, request.unknown)
    return copied(request, complexity=complexity, complexity_band=band)


def output_limit(arguments: Mapping[str, Any]) -> Any:
    """The call's limit for the answer, under any of its names; None = none."""
    return next((arguments[name] for name in OUTPUT_LIMITS if arguments.get(name) is not None), None)


def _messages(messages: Any) -> tuple[tuple[Message, ...], int, int]:
    """The frozen messages, the number left out of a very long conversation, and the images of the kept ones.

    The first one and the last ones are kept.
    """
    try:
        if isinstance(messages, str):
            return (Message("user", _text(messages)),), 0, 0
        if type(messages) is not list and not isinstance(messages, Sequence):  # the first test is ten times faster
            return (), 0, 0
        omitted = max(0, len(messages) - MESSAGES_AT_MOST)
        kept = [messages[0], *messages[omitted + 1 :]] if omitted else messages
        images: list[str] = []
        return tuple([_message(message, images) for message in kept]), omitted, len(images)
    except Exception:  # noqa: BLE001 - a sequence of the host may fail in any way; its messages then count as absent
        return (), 0, 0


def _message(message: Any, images: list[str]) -> Message:
    """The frozen message; the kinds of its images are noted."""
    try:
        if isinstance(message, dict):
            role, content = message.get("role"), message.get("content")
        else:
            role, content = getattr(message, "role", ""), getattr(message, "content", "")
        if type(content) is not str:
            content = _content_text(content, images)
        return Message(role if type(role) is str else _text(role), content)
    except Exception:  # noqa: BLE001 - as above, for one message
        return Message("", "")


def _tool_names(tools: Any) -> tuple[str, ...]:
    """Names of the tools: chat completions keep them below `function`, the Responses API and others at the top."""
    try:
        if not isinstance(tools, (list, tuple)):
            return ()
        named = (tool.get("function") or tool for tool in tools if isinstance(tool, dict))
        return tuple(name for each in named if isinstance(name := each.get("name"), str))
    except Exception:  # noqa: BLE001 - an object of the host may fail in any way; its names are then not known
        return ()


def _content_text(content: Any, images: list[str]) -> str:
    if isinstance(content, (list, tuple)):
        return "\n".join([text for part in content[:PARTS_AT_MOST] if (text := _part_text(part, images))])
    return _text(content) if isinstance(content, str) else ""


def _part_text(part: Any, images: list[str]) -> str:
    if isinstance(part, dict):
        text, kind = part.get("text"), part.get("type")
    else:
        text, kind = getattr(part, "text", part), getattr(part, "type", "")
    if isinstance(kind, str) and kind in IMAGE_PARTS:
        images.append(kind)
    return _text(text) if isinstance(text, str) else ""


def _estimated_tokens(messages: tuple[Message, ...], omitted: int, images: int) -> int:
    """Four bytes of UTF-8 a token; the mean of the kept messages stands for those that were left out."""
    if not messages:
        return 0
    tokens = TOKENS_PER_MESSAGE * len(messages) + TOKENS_PER_IMAGE * images
    for _, text in messages:
        tokens += _text_tokens(text)
    return round(tokens * (1 + omitted / len(messages)))


def _text_tokens(text: str) -> int:
    if text.isascii():
        return (len(text) + BYTES_PER_TOKEN - 1) // BYTES_PER_TOKEN
    sample = text[:ENCODED_CHARACTERS]
    bytes_per_character = len(sample.encode("utf-8", "surrogatepass")) / len(sample)
    return round(len(text) * bytes_per_character / BYTES_PER_TOKEN)


def _rating(messages: tuple[Message, ...], unknown: frozenset[str]) -> tuple[float, str]:
    """Complexity and its band; the band of an unknown text is empty."""
    complexity = _complexity(messages)
    return complexity, "" if "messages" in unknown else COMPLEXITY_BANDS[_band(complexity, COMPLEXITY_BAND_EDGES)]


def _complexity(messages: tuple[Message, ...]) -> float:
    """Difficulty of the last user message, in [0, 1].

    0.35 x its length in characters / 4,000
    + 0.30 x different reasoning words / 3
    + 0.20 x characters of code and mathematics / 12
    + 0.15 x line ends and question marks / 6

    Each share is capped at 1. Words and characters are looked for in the first and last 500 characters. It orders
    requests, roughly. Only single characters and whole words are counted, because searching for phrases costs ten times
    as much.
    """
    text = next((message.text for message in reversed(messages) if message.role == "user"), "")
    if not text:
        return 0.0
    half = SAMPLE_CHARACTERS // 2
    sample = text if len(text) <= SAMPLE_CHARACTERS else text[:half] + text[-half:]
    words = len(REASONING_WORDS.intersection(sample.lower().split()))
    encoded = sample.encode("utf-8", "surrogatepass")  # ASCII characters are themselves, and no part of another one
    formal = len(encoded) - len(encoded.translate(None, FORMAL_CHARACTERS))
    structure = len(encoded) - len(encoded.translate(None, STRUCTURE_CHARACTERS))
    return (
        0.35 * min(1.0, len(text) / LONG_TEXT_CHARACTERS)
        + 0.30 * min(1.0, words / 3)
        + 0.20 * min(1.0, formal / 12)
        + 0.15 * min(1.0, structure / 6)
    )


def _band(value: float, edges: tuple[float, ...]) -> int:
    for place, edge in enumerate(edges):
        if value < edge:
            return place
    return len(edges)


def _labels(labels: Any, allowed: frozenset[str]) -> Mapping[str, str]:
    if labels is None or not allowed:
        return NOTHING
    try:
        kept = {key: _text(labels[key])[:VALUE_CHARACTERS] for key in allowed if key in labels}
    except Exception:  # noqa: BLE001 - a mapping of the host may fail in any way; its labels then count as absent
        return NOTHING
    return MappingProxyType({key: value for key, value in sorted(kept.items()) if value})


def _wants_json(response_format: Any) -> bool:
    """True for JSON modes and for a class, which the OpenAI client turns into a schema."""
    if response_format is None:
        return False
    try:
        kind = response_format.get("type") if isinstance(response_format, dict) else None
        return isinstance(response_format, type) or kind in ("json_object", "json_schema")
    except Exception:  # noqa: BLE001 - an object of the host may fail at being looked at; it then asks for nothing
        return False


def _limit(value: Any) -> int | None:
    return value if type(value) is int and value > 0 else None


def _truth(value: Any) -> bool:
    try:
        return bool(value)
    except Exception:  # noqa: BLE001 - an object of the host may refuse to be a truth value; something is there
        return True


def _text(value: Any) -> str:
    """Text of an id or segment; empty for None and for what cannot be written as text."""
    if type(value) is str:
        return value
    try:
        return "" if value is None else str(value)
    except Exception:  # noqa: BLE001 - as above
        return ""
