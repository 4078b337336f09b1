"""One piece of a streamed answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from shadow.domain.outcome import Answer, ToolCall, Usage
from shadow.runtime.frozen import quickly_made


class ToolCallPiece(NamedTuple):
    """A piece of a tool call.

    Attributes:
        place: number of the call in the answer; None = the server sends none.
        call: the text to append.
        call_id: empty if the piece has none.
    """

    place: int | None
    call: ToolCall
    call_id: str = ""


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One piece of a stream. `raw` goes to the caller unchanged; the other fields are its part of the answer.

    Attributes:
        tool_calls: pieces of tool calls; None = unknown.
        finish_reasons: number of a choice and why it ends, of those that end here.
        answer: the whole answer, from a provider that sends it beside the chunks.
    """

    raw: Any
    text: str = ""
    model: str = ""
    response_id: str = ""
    usage: Usage | None = None
    cost_usd: float | None = None
    tool_calls: tuple[ToolCallPiece, ...] | None = None
    finish_reasons: tuple[tuple[int, str], ...] = ()
    system_fingerprint: str = ""
    answer: Answer | None = None
