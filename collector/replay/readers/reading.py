"""The user's description of a log: the meaning of its columns, and the columns that rate the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from shadow.domain.request import LABEL, nothing
from shadow.errors import ConfigError
from shadowroute.collector.replay.readers import values
from shadowroute.collector.replay.readers.cache_side import Told
from shadowroute.collector.replay.record import RecordedSignal, Skipped

FEEDBACK: Final = "feedback"
"""A column of this name is always a signal."""
RENAMEABLE: Final = (
    "request_id", "time", "end_time", "model", "planned_model", "provider", "response_id", "input_tokens",
    "output_tokens", "cached_input_tokens", "cache_write_tokens", "reasoning_tokens", "total_tokens", "usage",
    "service_tier", "cost_usd", "upstream_cost_usd", "latency_s", "latency_ms", "ttft_s", "ttft_ms", "status",
    "error_type", "cache_hit", "fallback", "retries", "prompt", "messages", "response", "user", "session", "task",
    "user_tier", "prompt_version", "has_tools", "has_images", "wants_json", "max_output_tokens",
)  # fmt: skip
"""Targets of `--rename` besides `label:KEY`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalColumn:
    """A column that rates the answer. Its values go from `low` (worst) to `high` (best)."""

    column: str
    name: str
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The user's description of a log.

    Attributes:
        rename: the log's column, attribute or dotted path -> our name.
        signals: columns that judge the answer.
        cache_tokens: whether the input contains the cached tokens, in all rows; empty = as the log tells.
    """

    rename: Mapping[str, str] = field(default_factory=nothing)
    signals: tuple[SignalColumn, ...] = ()
    cache_tokens: Told = ""

    def __post_init__(self) -> None:
        for ours in self.rename.values():
            if ours not in RENAMEABLE and not ours.startswith(LABEL):
                raise ConfigError(
                    f"--rename must lead to one of {', '.join(RENAMEABLE)} or label:KEY, got {ours!r}", file=None
                )
        for each in self.signals:
            if not each.low < each.high:
                raise ConfigError(f"--signal {each.column} must go from low to high, got {each.low:g}..{each.high:g}")

    def renamed(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The renamed values, by our names; a column that the row lacks is absent."""
        return {ours: value for theirs, ours in self.rename.items() if (value := _found(row, theirs)) is not MISSING}

    def labels(self, renamed: Mapping[str, Any]) -> dict[str, str]:
        """The labels among the renamed columns."""
        return {name[len(LABEL) :]: values.text(value) for name, value in renamed.items() if name.startswith(LABEL)}

    def judged(self, row: Mapping[str, Any], place: str) -> tuple[tuple[RecordedSignal, ...], list[Skipped]]:
        """The signals of a row, and invalid values. An empty cell is not a signal."""
        signals, refused = [], []
        columns = {each.column for each in self.signals}
        feedback = [FEEDBACK_COLUMN] if FEEDBACK in row and FEEDBACK not in columns else []
        for spec in (*self.signals, *feedback):
            value = values.at_path(row, spec.column)
            if value is None or value == "":
                continue
            scored = values.score(value, spec.low, spec.high)
            if scored is None:
                rule = f"signal only: {spec.column} is not a value from {spec.low:g} to {spec.high:g}"
                refused.append(Skipped(place, rule))
            else:
                signals.append(RecordedSignal(name=spec.name, value=scored))
        return tuple(signals), refused


FEEDBACK_COLUMN: Final = SignalColumn(column=FEEDBACK, name=FEEDBACK)
MISSING: Final = object()


def _found(row: Mapping[str, Any], path: str) -> Any:
    """The value, None for an empty cell or an absent key; `MISSING` if there is no such column."""
    if path in row or path.partition(".")[0] in row:
        return values.at_path(row, path)
    return MISSING
