"""One past request from any log, and the names of its features.

A log holds less than a service knows. A missing feature is unknown, never empty: a policy that needs it makes no
decision (`shadow.domain.features`), so no figure rests on a guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from shadow.domain.features import extract
from shadow.domain.ids import KeyedHash
from shadow.domain.outcome import UNKNOWN_USAGE, Contamination, OutcomeStatus, Usage
from shadow.domain.request import LABEL, Request, nothing

FEATURES: Final = (
    "messages", "user", "session", "task", "user_tier", "has_tools", "has_images", "wants_json", "max_output_tokens",
    "input_tokens",
)  # fmt: skip
"""Features of a request for policies and intervals, besides labels."""
MAY_BE_ABSENT: Final = ("task", "user_tier", "has_tools", "has_images", "wants_json", "max_output_tokens")
"""Features that a service may not have, besides labels. Every request has a prompt, a length and a sender."""
PLACE_CHARACTERS: Final = 80
JSON_FORMAT: Final = {"type": "json_object"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSignal:
    """Quality of the answer according to the log. `value` in [0, 1], 1 is best."""

    name: str
    value: float
    source: str = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One request and, from `model` on, its answer. None and absent = unknown.

    Attributes:
        request_id: the log's own id, else a hash of the row: the same row has the same id in every import.
        place: where it stands in the log: a line, row or span.
        time_us: when the call began, epoch microseconds.
        usage: tokens, those of the provider's cache included.
        messages: the prompt in OpenAI's form, whole.
        task, user_tier, user, session: empty = the log says that there is none.
        has_images: whether the prompt holds an image; None if the messages show it, or if it is unknown.
        max_output_tokens: the caller's limit for the answer; 0 = the log says that there is none.
        labels: those that the log has.
        model: the model that answered, as the log names it; the one that was asked for if none answered. Empty = a
            router is to answer.
        planned_model: the model that was asked for, where the log says that it is another one.
        reported_model: another id that the log has for the model that answered, whose price holds.
        cost_usd: what the log says that it cost.
        contamination: why the model that answered is not simply live's choice.
        retries: failed attempts on the same model before the answer.
        answer_text: the answer, whole.
        signals: ratings of the answer in the log.
    """

    request_id: str
    time_us: int
    place: str = ""
    usage: Usage = UNKNOWN_USAGE
    messages: Sequence[Any] | None = None
    user: str | None = None
    session: str | None = None
    task: str | None = None
    user_tier: str | None = None
    prompt_version: str = ""
    has_tools: bool | None = None
    has_images: bool | None = None
    wants_json: bool | None = None
    max_output_tokens: int | None = None
    labels: Mapping[str, str] = field(default_factory=nothing)
    model: str = ""
    planned_model: str = ""
    provider: str = ""
    reported_model: str = ""
    response_id: str = ""
    cost_usd: float | None = None
    duration_s: float | None = None
    ttft_s: float | None = None
    status: OutcomeStatus = "complete"
    error_type: str = ""
    contamination: tuple[Contamination, ...] = ()
    retries: int = 0
    answer_text: str | None = None
    signals: tuple[RecordedSignal, ...] = ()

    @property
    def input_tokens(self) -> int | None:
        """Tokens of the prompt."""
        return self.usage.input_tokens

    def unknown(self, labels: frozenset[str]) -> frozenset[str]:
        """Missing features, by the names of `Request.unknown`."""
        features = {name for name in FEATURES if getattr(self, name) is None}
        if self.messages is not None:
            features -= {"input_tokens", "has_images"}  # the prompt shows it, as in the service before the call
        return frozenset(features | {LABEL + key for key in labels if key not in self.labels})

    def request(
        self, hash_id: KeyedHash, *, labels: frozenset[str] = frozenset(), absent: frozenset[str] | None = None
    ) -> Request:
        """The request that policies decide on.

        Args:
            hash_id: turns user and session ids into keys.
            labels: keys of the labels that are kept.
            absent: features that the service does not have; other missing features are unknown. None = no missing
                feature is unknown.
        """
        no_images = self.has_images is None and absent is not None and "has_images" in absent
        return extract(
            messages=self.messages,
            hash_id=hash_id,
            time_us=self.time_us,
            request_id=self.request_id,
            user=self.user or "",
            session=self.session or "",
            task=self.task or "",
            user_tier=self.user_tier or "",
            labels=self.labels,
            allowed_labels=labels,
            prompt_version=self.prompt_version,
            input_tokens=self.input_tokens,
            tools=self.has_tools,
            response_format=JSON_FORMAT if self.wants_json else None,
            max_output_tokens=self.max_output_tokens,
            has_images=False if no_images else self.has_images,
            unknown=frozenset() if absent is None else self.unknown(labels) - absent,
        )


def said(prompt: str) -> list[dict[str, str]]:
    """A prompt as messages."""
    return [{"role": "user", "content": prompt}]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record of the log that is not imported. `place` is its line, row or span."""

    place: str
    reason: str


Read = Record | Skipped


def place_of(call: Record) -> str:
    """Where a call stands in the log, else its id."""
    return call.place or call.request_id[:PLACE_CHARACTERS]


class Log(Protocol):
    """A log that can be read more than once: for the survey, and for the calls."""

    name: str
    """Its name in messages: the file's name."""

    @property
    def notes(self) -> Sequence[str]:
        """What was concluded from the whole log, for the user to see. Complete after the first pass."""
        ...

    def calls(self) -> Iterator[Read]:
        """Every record in the log's order, as a call or as skipped."""
        ...
