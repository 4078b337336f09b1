"""The frozen request that every policy sees: messages and metadata, reduced to features.

A request is built once, before the live decision. It shares no mutable object with the caller, so shadows that run
later see the same request as the live policy, even if the caller changes its messages in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from shadow.runtime.frozen import quickly_made

NOTHING: Mapping[str, Any] = MappingProxyType({})


def nothing() -> Mapping[str, Any]:
    """The empty read-only mapping (a factory, because dataclasses refuse it as a plain default)."""
    return NOTHING


LABEL: Final = "label:"
"""Prefix of a label's key in names of features."""

COMPLEXITY_BANDS = ("low", "mid", "high")
INPUT_BANDS = ("lt1k", "1k-4k", "4k-16k", "16k-128k", "gt128k")


class Message(NamedTuple):
    """One chat message: its role, and its text with the text parts of a multi-part content joined by newlines."""

    role: str
    text: str


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call to route. Deeply frozen; unknown text features are empty strings.

    Attributes:
        request_id: UUIDv7 made here, or the host's own id; unique per routed call within a project.
        time_us: live decision time, epoch microseconds.
        messages: role and text of each message, in order.
        input_tokens: estimate of the prompt's tokens before the call; never used for cost.
        input_tokens_known: True if the host gave the count instead of the estimate.
        complexity: difficulty in [0, 1] from cheap text features (`domain/features.py` has the formula).
        complexity_band: low, mid or high.
        input_band: lt1k, 1k-4k, 4k-16k, 16k-128k or gt128k, from `input_tokens`.
        task: purpose of the request, a segment.
        user_tier: class of the customer, a segment.
        labels: allow-listed labels, values cut at 64 characters.
        user_key: HMAC-SHA256 of the user id, 16 hex characters, or empty.
        session_key: HMAC-SHA256 of the session id, 16 hex characters, or empty.
        prompt_version: version of the prompt template.
        has_tools: the call offers tools.
        tools: names of the tools that it offers, as far as they can be read.
        has_images: a message holds an image.
        wants_json: the call asks for structured output.
        max_output_tokens: the caller's limit for the answer; None = it sets none.
        unknown: names of unknown features, as in `unknown_features.py` and `label:KEY`; their fields have the defaults,
            and a rule that reads one gives no decision.
    """

    request_id: str
    time_us: int
    messages: tuple[Message, ...] = ()
    input_tokens: int = 0
    input_tokens_known: bool = False
    complexity: float = 0.0
    complexity_band: str = "low"
    input_band: str = "lt1k"
    task: str = ""
    user_tier: str = ""
    labels: Mapping[str, str] = field(default_factory=nothing)
    user_key: str = ""
    session_key: str = ""
    prompt_version: str = ""
    has_tools: bool = False
    tools: tuple[str, ...] = ()
    has_images: bool = False
    wants_json: bool = False
    max_output_tokens: int | None = None
    unknown: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        """Text of the last user message, empty if there is none."""
        for message in reversed(self.messages):
            if message.role == "user":
                return message.text
        return ""
