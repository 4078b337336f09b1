"""Gaps of a log and their effect on each shadow, counted while the calls are sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from shadow.domain.policy import Policy
from shadow.policies.composed import Composed
from shadowroute.collector.replay.record import Record, Skipped, place_of

UNDECIDED: Final = "unknown_feature"
"""Error type of a decision that needs an unknown feature of the request."""


@dataclass(slots=True)
class SkippedReason:
    """Records that are not imported for one reason, and the place of the first."""

    reason: str
    n: int
    first: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyGap:
    """Effect of the gaps on one shadow policy.

    Attributes:
        reads: features that its rules depend on; None for a function, which may read anything.
        lacking: features missing in some call, with the number of calls.
        undecided: calls without a decision because of such a feature.
        failed: calls with another failure, by error type.
        cascades: it has validators, which need the text of the answer.
    """

    policy: str
    version: str
    reads: frozenset[str] | None
    lacking: Mapping[str, int]
    undecided: int
    failed: Mapping[str, int]
    cascades: bool


@dataclass(kw_only=True)
class Gaps:
    """Imported calls, skipped records and gaps of the log; counted while calls are read and sent.

    Attributes:
        sessions_made_up: session ids were not used, because nearly all occur once.
        calls: sent calls. oldest_us: when the first of them began, epoch microseconds.
        without_key: calls with neither user nor session id.
        without_tokens: answered calls without token counts. without_cost: calls without a reported cost.
        without_answer: calls without the text of the answer.
        unpriced: calls under terms that no price book has, by the terms. first_unpriced: place of the first.
        signals: sent signals by name.
        lacking: feature -> calls without it (`messages`, `session`, ..., `label:KEY`).
        policies: the effect on each shadow.
    """

    sessions_made_up: bool = False
    calls: int = 0
    oldest_us: int = 0
    without_key: int = 0
    without_tokens: int = 0
    without_cost: int = 0
    without_answer: int = 0
    unpriced: Counter[str] = field(default_factory=Counter)
    first_unpriced: str = ""
    signals: Counter[str] = field(default_factory=Counter)
    lacking: Counter[str] = field(default_factory=Counter)
    policies: list[PolicyGap] = field(default_factory=list)
    _skipped: dict[str, SkippedReason] = field(default_factory=dict)

    def skip(self, skipped: Skipped) -> None:
        """One record that is not imported."""
        self._skipped.setdefault(skipped.reason, SkippedReason(skipped.reason, 0, skipped.place)).n += 1

    def note(self, call: Record, unknown: frozenset[str]) -> None:
        """Count one sent call and its unknown features."""
        self.oldest_us = min(self.oldest_us, call.time_us) if self.calls else call.time_us
        self.calls += 1
        self.lacking.update(unknown)
        self.without_key += not (call.user or call.session)
        answered = call.status != "error"
        self.without_tokens += answered and (call.usage.input_tokens is None or call.usage.output_tokens is None)
        self.without_cost += call.cost_usd is None
        self.without_answer += call.answer_text is None
        if call.usage.unpriced:
            self.first_unpriced = self.first_unpriced or place_of(call)
            self.unpriced[call.usage.unpriced] += 1
        self.signals.update(signal.name for signal in call.signals)

    def cost_of(self, policy: Policy, failures: Mapping[str, int]) -> None:
        """Effect of the gaps on a shadow policy with these failures, by error type."""
        composed = policy if isinstance(policy, Composed) else None
        reads = composed.reads if composed else None
        self.policies.append(
            PolicyGap(
                policy=policy.name,
                version=policy.version,
                reads=reads,
                lacking={name: n for name, n in self.lacking.items() if reads is None or name in reads},
                undecided=failures.get(UNDECIDED, 0),
                failed={error_type: n for error_type, n in failures.items() if error_type != UNDECIDED},
                cascades=composed is not None and composed.has_validators,
            )
        )

    @property
    def skipped(self) -> list[SkippedReason]:
        """Records that are not imported, most frequent reason first."""
        return sorted(self._skipped.values(), key=lambda each: (-each.n, each.reason))
