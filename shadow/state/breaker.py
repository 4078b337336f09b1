"""The circuit breaker of one model at its provider.

It opens, and the model gets no request, when
- three attempts in a row failed within ten seconds (5xx, no connection, time-out, broken answer); or
- at least half of the attempts of the last minute failed, of at least 20; or
- three answers in a row each took longer than one second and longer than five times the average latency before the
  first of them, if at least ten answers made that average. For streams the time to the first chunk counts, which
  does not depend on the length of the answer; streams and whole answers are counted separately.

After a pause one request at a time may probe the model. A failed probe doubles the pause, up to a minute. After a
successful probe the model gets 10 % of its requests for ten seconds, then 50 % for ten seconds, then all; the same
rules can open the breaker again. The pause is five seconds again after a minute of full traffic.

Attempts that began before the breaker opened are not counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from shadow.state.kinds import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When a breaker opens and how it recovers; names that end in `_s` are seconds."""

    failures: int = 3
    within_s: float = 10.0
    rate_attempts: int = 20
    rate: float = 0.5
    rate_window_s: float = 60.0
    slow_answers: int = 3
    slow_times: float = 5.0
    slow_floor_s: float = 1.0
    slow_after_answers: int = 10
    pause_s: float = 5.0
    pause_at_most_s: float = 60.0
    probe_lease_s: float = 600.0
    ramp: tuple[float, ...] = (0.1, 0.5)
    ramp_stage_s: float = 10.0
    calm_s: float = 60.0


RULES: Final = Rules()
RECORDED: Final = Rules(slow_answers=2**31)
"""For recorded traffic, which may be sorted by length, so that long answers follow each other."""
WINDOW_PARTS: Final = 12


Phase = Literal["closed", "open", "ramp"]


class Breaker:
    """One breaker. Times are seconds of a monotonic clock; its owner holds a lock."""

    __slots__ = (
        "_closed_at", "_failures", "_lease_until", "_open_until", "_opened_at", "_openings", "_ramp_from", "_rules",
        "_streams", "_whole", "_window", "phase",
    )  # fmt: skip

    def __init__(self, rules: Rules = RULES) -> None:
        self._rules = rules
        self.phase: Phase = "closed"
        self._opened_at = self._open_until = self._ramp_from = self._closed_at = float("-inf")
        self._lease_until = float("-inf")
        self._openings = 0
        self._forget_attempts()

    def _forget_attempts(self) -> None:
        self._failures: deque[float] = deque(maxlen=self._rules.failures)
        self._window = FailureWindow(self._rules.rate_window_s)
        self._whole = SlowAnswers(self._rules)
        self._streams = SlowAnswers(self._rules)

    def admitted(self, now_s: float) -> float:
        """Share of requests that it admits."""
        self._advance(now_s)
        if self.phase == "open":
            return 0.0 if now_s < self._open_until else self._rules.ramp[0]
        return self._rules.ramp[self._stage(now_s)] if self.phase == "ramp" else 1.0

    def returns(self, now_s: float) -> bool:
        """Whether it recovers: a probe succeeded, and only a share of the requests is admitted."""
        self._advance(now_s)
        return self.phase == "ramp"

    def lets_pass(self, now_s: float, draw: Callable[[], float]) -> bool:
        """Whether this request may be dispatched. After the pause the first one becomes the probe.

        Args:
            now_s: the time.
            draw: gives the request's number in [0, 1), to compare with the share. Only called while it recovers.
        """
        self._advance(now_s)
        if self.phase == "closed":
            return True
        if self.phase == "ramp":
            return draw() < self._rules.ramp[self._stage(now_s)]
        if now_s < self._open_until or now_s < self._lease_until:
            return False
        self._lease_until = now_s + self._rules.probe_lease_s
        return True

    def note(
        self,
        now_s: float,
        kind: Kind,
        *,
        latency_s: float,
        average: tuple[float | None, int],
        ttft_s: float | None = None,
        ttft_average: tuple[float | None, int] = (None, 0),
    ) -> None:
        """Take the result of one attempt.

        Args:
            now_s: when it ended.
            kind: of the result, for the provider's health.
            latency_s: of the attempt.
            average: the average latency before it, and its number of answers; None = unknown.
            ttft_s: seconds to the first chunk; None = no stream.
            ttft_average: the same for times to the first chunk.
        """
        self._advance(now_s)
        if now_s - latency_s < self._opened_at:
            return
        slow = False
        if kind == "answered":
            whole = ttft_s is None
            slow = self._whole.add(latency_s, *average) if whole else self._streams.add(ttft_s or 0.0, *ttft_average)
        if self.phase == "open":
            self._note_probe(now_s, kind, slow=slow)
            return
        if kind == "failed":
            self._failures.append(now_s)
            self._window.add(now_s, failed=True)
        elif kind == "answered":
            self._failures.clear()
            self._window.add(now_s, failed=False)
        if (slow or kind == "failed") and self._must_open(now_s):
            self._open(now_s)

    def release_probe(self) -> None:
        """Forget a probe without a result, such as the parent's in a forked process."""
        self._lease_until = float("-inf")

    def changes_at_s(self, now_s: float) -> float:
        """When time alone changes the share; infinity if only an attempt can."""
        self._advance(now_s)
        if self.phase == "open" and now_s < self._open_until:
            return self._open_until
        if self.phase == "ramp":
            return self._ramp_from + (self._stage(now_s) + 1) * self._rules.ramp_stage_s
        return float("inf")

    def _stage(self, now_s: float) -> int:
        return max(0, int((now_s - self._ramp_from) / self._rules.ramp_stage_s))

    def _advance(self, now_s: float) -> None:
        if self.phase == "ramp" and self._stage(now_s) >= len(self._rules.ramp):
            self.phase = "closed"
            self._closed_at = now_s

    def _note_probe(self, now_s: float, kind: Kind, *, slow: bool) -> None:
        if now_s < self._open_until:
            return
        self.release_probe()
        if kind == "failed" or slow:
            self._open(now_s)
        elif kind == "answered":
            self.phase = "ramp"
            self._ramp_from = now_s
            self._forget_attempts()

    def _must_open(self, now_s: float) -> bool:
        rules = self._rules
        in_a_row = len(self._failures) == rules.failures and now_s - self._failures[0] <= rules.within_s
        slow = max(self._whole.in_a_row, self._streams.in_a_row) >= rules.slow_answers
        return in_a_row or slow or self._window.fails(now_s, rules.rate_attempts, rules.rate)

    def _open(self, now_s: float) -> None:
        if self.phase == "closed" and now_s - self._closed_at >= self._rules.calm_s:
            self._openings = 0
        pause_s = min(self._rules.pause_s * 2.0**self._openings, self._rules.pause_at_most_s)
        self._openings = min(self._openings + 1, 32)
        self.phase = "open"
        self._opened_at = now_s
        self._open_until = now_s + pause_s
        self.release_probe()
        self._forget_attempts()


class SlowAnswers:
    """Counts answers in a row that took much longer than usual.

    Attributes:
        in_a_row: the count.
    """

    __slots__ = ("_baseline_s", "_rules", "in_a_row")

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._baseline_s = 0.0
        self.in_a_row = 0

    def add(self, took_s: float, average_s: float | None, answers: int) -> bool:
        """Take one answer, with the average before it; whether it was slow."""
        rules = self._rules
        if not self.in_a_row:
            self._baseline_s = 0.0 if average_s is None or answers < rules.slow_after_answers else average_s
        slow = self._baseline_s > 0 and took_s > max(rules.slow_floor_s, rules.slow_times * self._baseline_s)
        self.in_a_row = self.in_a_row + 1 if slow else 0
        return slow


class FailureWindow:
    """Attempts and failures of the last seconds, in a fixed number of parts."""

    __slots__ = ("_part_s", "_parts")

    def __init__(self, seconds: float) -> None:
        self._part_s = seconds / WINDOW_PARTS
        self._parts: deque[list[int]] = deque(maxlen=WINDOW_PARTS)

    def add(self, now_s: float, *, failed: bool) -> None:
        """Count one attempt."""
        number = int(now_s // self._part_s)
        if not self._parts or self._parts[-1][0] < number:
            self._parts.append([number, 0, 0])
        self._parts[-1][1] += 1
        self._parts[-1][2] += failed

    def fails(self, now_s: float, attempts_at_least: int, rate: float) -> bool:
        """Whether there were enough attempts, and at least this share of them failed."""
        oldest = int(now_s // self._part_s) - WINDOW_PARTS
        attempts = sum(part[1] for part in self._parts if part[0] > oldest)
        failures = sum(part[2] for part in self._parts if part[0] > oldest)
        return attempts >= attempts_at_least and failures >= rate * attempts
