"""What a log does not say, and what that costs a verdict: counted while the calls are sent, told in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shadow.domain.request import LABEL
from shadowroute.collector.imports.call import LoggedCall, Skipped

BLOCKED_KEYS_BELOW = 0.90
"""Share of requests with a user or session id below which a verdict is blocked."""
BLOCKED_FAILURES_ABOVE = 0.001
"""Share of failed shadow decisions above which a verdict is blocked."""

WORDS = {
    "messages": "prompts",
    "has_tools": "whether tools were offered",
    "has_images": "whether there were images",
    "wants_json": "whether JSON was asked for",
    "max_output_tokens": "the limit for the answer",
    "input_tokens": "input tokens",
    "task": "task",
    "user_tier": "user tier",
}


@dataclass(frozen=True, slots=True)
class SkippedReason:
    """Records that are not imported for one reason, and where the first stands."""

    reason: str
    n: int
    first: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyGap:
    """What the log costs one shadow policy.

    Attributes:
        reads: features that its rules depend on; None for a function, which may read anything.
        lacking: those of them that some call lacks, with the number of calls.
        undecided: calls on which it gave no decision because it needed one of them.
        failed: calls on which it failed in another way, by error type.
        cascades: it has validators, which need the text of the answer.
    """

    policy: str
    version: str
    reads: frozenset[str] | None
    lacking: Mapping[str, int]
    undecided: int
    failed: Mapping[str, int]
    cascades: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """What was imported, what was not, and what the log lacks.

    Attributes:
        calls: sent calls. oldest_us: when the first of them began, epoch microseconds.
        signals: sent signals by name.
        lacking: feature -> calls without it (`messages`, `session`, ..., `label:KEY`).
        without_key: calls with neither user nor session id.
        without_tokens: answered calls without token counts. without_cost: calls without a reported cost.
        without_answer: calls without the text of the answer.
        sessions_made_up: session ids were not used, because nearly all occur once.
        skipped: records that are not imported, most frequent reason first.
    """

    calls: int
    oldest_us: int
    signals: Mapping[str, int]
    lacking: Mapping[str, int]
    without_key: int
    without_tokens: int
    without_cost: int
    without_answer: int
    sessions_made_up: bool
    skipped: tuple[SkippedReason, ...]
    policies: tuple[PolicyGap, ...] = ()

    def sentences(self) -> Iterator[str]:
        """What the log lacks and what that costs, the gravest first. Nothing for a log that lacks nothing."""
        if self.calls == 0:
            return
        yield from self._about_keys()
        for policy in self.policies:
            yield from _about_policy(policy, self)
        if not self.signals:
            yield (
                "no signals: live quality is unknown but for what follows from the order of calls (no_user_retry,"
                " no_abandonment); --signal COLUMN=NAME reads a column that judges the answer"
            )
        yield "answers of the shadow were not run: quality is no evidence for SHIP until some are executed and imported"
        if self.without_tokens:
            yield f"no token counts on {self._share(self.without_tokens)}: their cost is unknown, never 0"
        if self.without_cost == self.calls:
            yield "no reported cost: cost is computed from tokens and the price book alone"
        missing = [name for name in ("task", "user_tier") if self.lacking.get(name) == self.calls]
        for name in missing:
            yield (
                f"no {WORDS[name]}: no segments by it; --rename COLUMN={name} names the column, --absent {name} "
                "says that there is none"
            )

    def _about_keys(self) -> Iterator[str]:
        share = 1 - self.without_key / self.calls
        if self.sessions_made_up:
            yield (
                "session ids: nearly every one occurs once, as gateways make them up for calls without one; they are "
                "not used, because every call would pass for independent"
            )
        if share < BLOCKED_KEYS_BELOW:
            yield (
                f"user or session id on {_percent(share)} of the calls: repeat users cannot be recognised, a verdict "
                "is blocked below 90 %; --rename COLUMN=session or COLUMN=user names the column"
            )

    def _share(self, n: int) -> str:
        return f"{n:,} call{'' if n == 1 else 's'} ({_percent(n / self.calls)})"


@dataclass
class GapCounter:
    """Counts while calls are read and sent.

    Args:
        labels: label keys that policies read or that are segments.
    """

    labels: frozenset[str]
    sessions_made_up: bool = False
    calls: int = 0
    oldest_us: int | None = None
    without_key: int = 0
    without_tokens: int = 0
    without_cost: int = 0
    without_answer: int = 0
    signals: Counter[str] = field(default_factory=Counter)
    lacking: Counter[str] = field(default_factory=Counter)
    _skipped: dict[str, list[str | int]] = field(default_factory=dict)

    def skip(self, skipped: Skipped) -> None:
        """One record that is not imported."""
        counted = self._skipped.setdefault(skipped.reason, [0, skipped.place])
        counted[0] = int(counted[0]) + 1

    def note(self, call: LoggedCall, unknown: frozenset[str]) -> None:
        """One call that was sent, and what is unknown of it."""
        self.calls += 1
        self.oldest_us = call.time_us if self.oldest_us is None else min(self.oldest_us, call.time_us)
        self.lacking.update(unknown)
        self.without_key += not (call.user or call.session)
        answered = call.status != "error"
        self.without_tokens += answered and (call.usage.input_tokens is None or call.usage.output_tokens is None)
        self.without_cost += call.cost_usd is None
        self.without_answer += call.answer_text is None
        self.signals.update(signal.name for signal in call.signals)

    def result(self, policies: Sequence[PolicyGap] = ()) -> Gaps:
        """The counts so far."""
        skipped = [SkippedReason(reason, int(n), str(first)) for reason, (n, first) in self._skipped.items()]
        return Gaps(
            calls=self.calls,
            oldest_us=self.oldest_us or 0,
            signals=dict(self.signals),
            lacking=dict(self.lacking),
            without_key=self.without_key,
            without_tokens=self.without_tokens,
            without_cost=self.without_cost,
            without_answer=self.without_answer,
            sessions_made_up=self.sessions_made_up,
            skipped=tuple(sorted(skipped, key=lambda each: (-each.n, each.reason))),
            policies=tuple(policies),
        )


def _about_policy(policy: PolicyGap, gaps: Gaps) -> Iterator[str]:
    if policy.undecided:
        named = [feature for feature in policy.lacking if policy.reads is None or feature in policy.reads]
        what = ", ".join(_words(feature) for feature in sorted(named)) or "what the log lacks"
        share = policy.undecided / gaps.calls
        blocked = ""
        if share > BLOCKED_FAILURES_ABOVE:
            blocked = "; a verdict is blocked above 0.1 %"
        yield (
            f"{policy.policy}: no decision on {gaps._share(policy.undecided)}, because it needs {what}, which the log "  # noqa: SLF001
            f"lacks there{blocked}"
        )
    for error_type, n in sorted(policy.failed.items()):
        yield f"{policy.policy}: failed on {gaps._share(n)} with {error_type}"  # noqa: SLF001
    if policy.cascades and gaps.without_answer:
        yield (
            f"{policy.policy}: how often its cheap answer would be refused is a range: the text of the answer is not "
            f"logged for {gaps._share(gaps.without_answer)}"  # noqa: SLF001
        )


def _words(feature: str) -> str:
    if feature.startswith(LABEL):
        return f"label {feature[len(LABEL) :]}"
    return WORDS.get(feature, feature)


def _percent(share: float) -> str:
    text = f"{share * 100:.1f}"
    if text == "100.0" and share < 1:
        text = "99.9"
    return f"{'0.1' if text == '0.0' and share > 0 else text} %"
