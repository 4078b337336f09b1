"""Adds up the pieces of tool calls in a stream.

OpenAI numbers the calls and sends the id with the first piece of each. Other servers leave the number out, send 0 for
every call, or repeat id and name with every piece: the id decides then, and without one the name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from shadow.domain.chunk import ToolCallPiece
from shadow.domain.outcome import ToolCall


@dataclass(slots=True)
class _Call:
    place: int | None
    call_id: str
    name: str
    arguments: str

    def continues(self, piece: ToolCallPiece) -> bool:
        """Whether a piece without another id belongs to this call, the last one at its place."""
        if piece.call_id:
            return self.call_id == piece.call_id or (not self.call_id and not piece.call.name)
        if not piece.call.name or not self.name:
            return True
        if piece.call.name != self.name:
            return piece.place is not None and not self.arguments  # a name in two pieces
        return not _is_whole(self.arguments)

    def add(self, piece: ToolCallPiece) -> None:
        """Append a piece; a name that is repeated with every piece counts once."""
        self.call_id = self.call_id or piece.call_id
        if piece.call.name != self.name:
            self.name += piece.call.name
        self.arguments += piece.call.arguments


class StreamedToolCalls:
    """The calls of one answer so far."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []

    def add(self, pieces: Iterable[ToolCallPiece]) -> None:
        """Add the pieces of one chunk."""
        for piece in pieces:
            known = self._known(piece)
            if known is None:
                self._calls.append(_Call(piece.place, piece.call_id, piece.call.name, piece.call.arguments))
            else:
                known.add(piece)

    def calls(self) -> tuple[ToolCall, ...]:
        """In the order of their numbers, else of their arrival."""
        calls = self._calls
        if all(call.place is not None for call in calls):
            calls = sorted(calls, key=lambda call: call.place or 0)
        return tuple([ToolCall(call.name, call.arguments) for call in calls])

    def _known(self, piece: ToolCallPiece) -> _Call | None:
        at_place = [call for call in self._calls if piece.place is None or call.place == piece.place]
        if piece.call_id:
            same = next((call for call in at_place if call.call_id == piece.call_id), None)
            if same is not None:
                return same
        return at_place[-1] if at_place and at_place[-1].continues(piece) else None


def _is_whole(arguments: str) -> bool:
    try:
        json.loads(arguments)
    except ValueError:
        return False
    return True
