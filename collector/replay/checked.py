"""A log of which every call can be stored. What the receiver would refuse is skipped here, with its line.

A refused row would be missing without a word, and one with a time of another century would move the window that
counts back from the newest call. A duration that no call has costs only itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from shadowroute.collector.moments import DAY_US, is_believed, latest_us
from shadowroute.collector.otlp.limits import Limits
from shadowroute.collector.replay.record import Log, Read, Record, Skipped, place_of

LONGEST: Final = Limits().value_characters
TEXTS: Final = (
    "request_id", "model", "planned_model", "provider", "response_id", "error_type", "task", "user_tier",
    "prompt_version",
)  # fmt: skip
"""Texts that are stored as they are."""


class CheckedLog:
    """Calls of another log.

    Args:
        log: any.
        now_us: until when, and a day longer, a call is believed; epoch microseconds.
    """

    def __init__(self, log: Log, now_us: int) -> None:
        self._log = log
        self._now_us = now_us
        self.name = log.name

    @property
    def notes(self) -> Sequence[str]:
        """Those of the log."""
        return self._log.notes

    def calls(self) -> Iterator[Read]:
        """Every record in the log's order, as a call or as skipped."""
        return (each if isinstance(each, Skipped) else self._checked(each) for each in self._log.calls())

    def _checked(self, call: Record) -> Read:
        reason = self._broken_rule(call)
        if reason:
            return Skipped(place_of(call), reason)
        rest_s = min(DAY_US, latest_us(self._now_us) - call.time_us) / 1e6
        if (call.duration_s or 0.0) <= rest_s and (call.ttft_s or 0.0) <= rest_s:
            return call
        return replace(call, duration_s=_within(call.duration_s, rest_s), ttft_s=_within(call.ttft_s, rest_s))

    def _broken_rule(self, call: Record) -> str:
        if not is_believed(call.time_us, self._now_us):
            return "time is before 2000, or more than a day ahead of this machine's clock"
        long = next((name for name in TEXTS if len(getattr(call, name) or "") > LONGEST), None)
        return f"{long} is longer than {LONGEST:,} characters" if long else ""


def _within(seconds: float | None, most: float) -> float | None:
    return seconds if seconds is None or seconds <= most else None
