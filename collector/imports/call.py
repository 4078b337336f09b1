"""One model call as a log tells it, whatever the log; and what its features are called.

A log says less than a service knows. What a log does not say is unknown, never empty: a policy that asks for it gets
no decision (`shadow.domain.features`), so no figure rests on a guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from shadow.domain.outcome import UNKNOWN_USAGE, Contamination, OutcomeStatus, Usage
from shadow.domain.request import nothing

FEATURES: Final = (
    "messages", "user", "session", "task", "user_tier", "has_tools", "has_images", "wants_json", "max_output_tokens",
    "input_tokens",
)  # fmt: skip
"""What a policy or an interval may need of a request, besides labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedSignal:
    """How good the answer was, as the log says. `value` in [0, 1], 1 is best."""

    name: str
    value: float
    source: str = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedCall:
    """One call to one model that was made and logged. None and absent = the log does not say.

    Attributes:
        request_id: the log's own id, else a hash of the row: the same row has the same id in every import.
        time_us: when the call began, epoch microseconds.
        model: the model that answered, as the log names it; the one that was asked for if none answered.
        planned_model: the model that was asked for, where the log says that it is another one.
        usage: tokens, those of the provider's cache included.
        cost_usd: what the log says that it cost.
        contamination: why the model that answered is not simply live's choice.
        retries: failed attempts on the same model before the answer.
        messages: the prompt in OpenAI's form. answer_text: the answer. Both whole, or None.
        task, user_tier, user, session: empty = the log says that there is none.
        has_images: whether the prompt holds an image; None where the messages tell, and where nothing does.
        max_output_tokens: the caller's limit for the answer; 0 = the log says that there is none.
        labels: those that the log has.
        signals: what the log says about the answer.
    """

    request_id: str
    time_us: int
    model: str
    planned_model: str = ""
    provider: str = ""
    response_id: str = ""
    usage: Usage = UNKNOWN_USAGE
    cost_usd: float | None = None
    duration_s: float | None = None
    ttft_s: float | None = None
    status: OutcomeStatus = "complete"
    error_type: str = ""
    contamination: tuple[Contamination, ...] = ()
    retries: int = 0
    messages: Sequence[Any] | None = None
    answer_text: str | None = None
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
    signals: tuple[LoggedSignal, ...] = ()

    @property
    def input_tokens(self) -> int | None:
        """Tokens of the prompt."""
        return self.usage.input_tokens


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record of the log that is no call to import. `place` is where it stands: a line, row or span."""

    place: str
    reason: str


Read = LoggedCall | Skipped


class Log(Protocol):
    """A log that can be read more than once: for the survey, and for the calls."""

    name: str
    """What messages call it: the file's name."""

    def calls(self) -> Iterator[Read]:
        """Every record in the log's order, as a call or as skipped."""
        ...
