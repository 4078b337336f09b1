"""The observations of one model at its provider, and the attempts of an outcome."""

from __future__ import annotations

from shadow.domain.outcome import Attempt, Outcome
from shadow.domain.policy import Decision, Failure
from shadow.domain.snapshot import ModelState
from shadow.prices.catalogue import Model
from shadow.state.breaker import Breaker, Rules
from shadow.state.ewma import Averages
from shadow.state.kinds import Kind
from shadow.state.quota import Quota
from shadow.state.settings import StateSettings


class ModelRecord:
    """Averages, breaker and quota of one model at its provider."""

    __slots__ = ("averages", "breaker", "quota")

    def __init__(self, model: Model | None, settings: StateSettings, rules: Rules) -> None:
        self.averages = Averages(settings.alpha, settings.forget_s)
        self.breaker = Breaker(rules)
        self.quota = Quota()
        self.adopt(model, settings)

    def adopt(self, model: Model | None, settings: StateSettings) -> None:
        """Use other settings and quotas; observations are kept."""
        self.averages.adopt(settings.alpha, settings.forget_s)
        requests = None if model is None else model.requests_per_minute
        tokens = None if model is None else model.tokens_per_minute
        self.quota.adopt(requests, tokens, reserve=settings.reserve)

    def note(
        self, now_s: float, kind: Kind, latency_s: float, ttft_s: float | None, retry_after_s: float | None
    ) -> None:
        """Take the result of one attempt."""
        self.averages.forget(now_s)
        latency, ttft = self.averages.latency_s, self.averages.ttft_s
        self.breaker.note(
            now_s,
            kind,
            latency_s=latency_s,
            average=(latency.value, latency.count),
            ttft_s=ttft_s,
            ttft_average=(ttft.value, ttft.count),
        )
        if kind == "answered":
            self.averages.answered(now_s, latency_s, ttft_s)
            self.quota.answered()
        elif kind == "failed":
            self.averages.failed(now_s)
        if kind == "limited" or retry_after_s is not None:
            self.quota.refused(now_s, retry_after_s)

    def state(self, now_s: float) -> ModelState:
        """Its state for policies."""
        averages = self.averages
        averages.forget(now_s)
        return ModelState(
            latency_s=averages.latency_s.value,
            ttft_s=averages.ttft_s.value,
            error_rate=averages.error_rate.value,
            quality=averages.quality.value,
            admitted=self.breaker.admitted(now_s),
            headroom=self.quota.headroom(now_s),
        )

    def changes_at_s(self, now_s: float) -> float:
        """When time alone changes it."""
        return min(self.averages.forgotten_at_s, self.breaker.changes_at_s(now_s), self.quota.changes_at_s(now_s))


def attempts_of(decision: Decision | Failure, outcome: Outcome) -> tuple[Attempt, ...]:
    """The attempts of an outcome. A host that reports only the result made one, if model and duration are known."""
    if outcome.attempts:
        return outcome.attempts
    model = outcome.model or (decision.model if isinstance(decision, Decision) else "")
    if not model or outcome.status == "unreported" or outcome.duration_s is None:
        return ()
    attempt = Attempt(
        kind="primary",
        model=model,
        provider=outcome.provider,
        error_type=outcome.error_type,
        usage=outcome.usage,
        latency_s=outcome.duration_s,
        response_model=outcome.model,
    )
    return (attempt,)
