"""One request through a LiteLLM Router: its decision, its attempts and its outcome.

There are two sources. The wrapped Router or the proxy gives the request, the caller's reply and exception; LiteLLM's
events give every attempt, and the cost of a stream. Events of one call may come from several threads; each only appends
or replaces one value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from shadow.domain.accounting import count_of
from shadow.domain.outcome import (
    UNKNOWN_USAGE,
    UNREPORTED,
    Answer,
    Attempt,
    AttemptKind,
    Outcome,
    OutcomeStatus,
    Usage,
)
from shadow.domain.policy import Decision
from shadow.domain.usage import answer_of, failure_of, is_pending, read
from shadow.hooks.litellm_facts import client_left, cost_of, metadata_of, provider_of, seconds_between, text_of
from shadow.hooks.litellm_policy import LiteLLMPolicy
from shadow.hooks.observed import ObservedRequest
from shadow.hooks.observer_context import ObserverContext

CHAT: Final = frozenset({"completion", "acompletion"})
RESPONSES: Final = frozenset({"responses", "aresponses"})


class LiteLLMCall:
    """One call so far.

    Args:
        policy: the Router as the live policy.
        facts: messages and metadata, by the argument names of `Observer.request`.
        group: the model group that the caller asks for.
        call_types: LiteLLM's names of the calls whose events count; those of inner calls do not.

    Attributes:
        began_s: its start, on the context's clock.
        guard: contains and counts internal errors by place.
        keys: ids of this call in events.
        is_closed: later events are ignored.
        has_ended: the caller saw the end of its stream.
        is_abandoned: the caller dropped its stream.
    """

    def __init__(self, policy: LiteLLMPolicy, facts: Mapping[str, Any], group: str, call_types: frozenset[str]) -> None:
        context = policy.context()
        self._policy = policy
        self._context: ObserverContext = context
        self._tick = context.clock.perf_counter
        self._group = group
        self._call_types = call_types
        self.began_s = self._tick()
        self._observed = ObservedRequest(context, facts).begin()
        self._offered: frozenset[str] | None = None
        self._fell_back_first = False
        self._decided_for = ""
        self._first_group = ""
        self._last: tuple[AttemptKind, str] = ("primary", "")
        self._begun = 0
        self._failed: list[Attempt] = []
        self._told: set[tuple[str, int]] = set()
        self._account: Answer | None = None
        self._reported = ""
        self._provider = ""
        self._ttft_s: float | None = None
        self._duration_s: float | None = None
        self.has_ended = False
        self.guard = self._observed.guard
        self.keys: set[str] = set()
        self.is_closed = False
        self.is_abandoned = False

    def counts(self, event: Mapping[str, Any]) -> bool:
        """Whether an event belongs to an attempt of this call, and not to an inner call of LiteLLM."""
        kind = read(event, "call_type")
        return not self.is_closed and (not kind or kind in self._call_types)

    def offered(self, deployments: Any, fallback_depth: Any) -> None:
        """The deployments that LiteLLM picks from. The first pick is the decision; later ones serve it."""
        if self._offered is None and isinstance(deployments, (list, tuple)):
            self._fell_back_first = bool(count_of(fallback_depth))  # no deployment of the requested group is available
            ids = (read(read(deployment, "model_info"), "id") for deployment in deployments)
            self._offered = frozenset(each for each in ids if isinstance(each, str))

    def attempt_begins(self, event: Mapping[str, Any]) -> None:
        """LiteLLM asks a deployment. The first one is the live decision."""
        metadata = metadata_of(event)
        group = text_of(metadata.get("model_group")) or self._group
        if not metadata.get("deployment"):
            return  # logged by the proxy, without a deployment
        self._begun += 1
        self._provider = provider_of(event)
        if self._decided_for:
            kind: AttemptKind = "retry" if group == self._last[1] else "fallback"
            self._last = (kind, group)
            return
        decide_s = self._tick() - self.began_s
        if self._fell_back_first:
            self._last = ("fallback", group)
            self._offered = frozenset()
            intended = self._policy.candidates(self._group, None)
            self._decide(intended[0].model if len(intended) == 1 else self._model_of(event), metadata, decide_s)
            self._observed.contaminated("fallback")
            return
        self._last = ("primary", group)
        self._first_group = group
        self._decide(self._model_of(event), metadata, decide_s)

    def attempt_failed(self, event: Mapping[str, Any], start: Any, end: Any) -> None:
        """A deployment failed. LiteLLM may report one failure twice, from two threads."""
        told = (text_of(read(event, "litellm_call_id")), self._begun)
        if told in self._told:
            return
        self._told.add(told)
        error = read(event, "exception")
        model = self._model_of(event)
        kind = self._last[0]
        name = type(error).__name__ if isinstance(error, BaseException) else "error"
        latency_s = seconds_between(start, end) or 0.0
        self._failed.append(
            Attempt(kind=kind, model=model, provider=provider_of(event), error_type=name, latency_s=latency_s)
        )

    def accounted(self, event: Mapping[str, Any], reply: Any, start: Any, end: Any, *, closes: bool) -> None:
        """LiteLLM's report of an answer: tokens and cost, also of a finished stream.

        Args:
            event: keyword arguments of LiteLLM's success event.
            reply: the whole answer, also of a stream.
            start: of the attempt.
            end: of the attempt; the event may come later.
            closes: the event is the only report of the end of this call.
        """
        logged = read(event, "standard_logging_object")
        self._provider = text_of(read(logged, "custom_llm_provider")) or provider_of(event) or self._provider
        hit = read(event, "cache_hit") is True or read(logged, "cache_hit") is True
        if hit:
            self._observed.contaminated("cache_hit")
        if not self._decided_for:
            self._decide(self._model_of(event), metadata_of(event), None)
        if is_pending(reply):
            return
        answer = answer_of(reply)
        cost = read(event, "response_cost") or read(logged, "response_cost")
        model = self._served(text_of(read(reply, "model")), self._model_of(event))
        self._account = _with(answer, model=model, cost_usd=cost_of(cost, hit=hit))
        if self._ttft_s is None and read(event, "stream"):
            self._ttft_s = seconds_between(start, read(event, "completion_start_time"))
        if self._duration_s is None and closes:
            told_late_s = seconds_between(end, datetime.now()) or 0.0  # noqa: DTZ005 - LiteLLM's times have no zone
            self._duration_s = max(0.0, self.since_chosen_s() - told_late_s)
        if closes or self.has_ended:
            failure = failure_of(reply)
            status: OutcomeStatus = "partial" if client_left(event) else "error" if failure else "complete"
            self._close(self._account, status, error_type=failure)

    def returned(self, reply: Any) -> None:
        """The caller gets a whole reply."""
        hidden = read(reply, "_hidden_params")
        headers = read(hidden, "additional_headers")
        if count_of(read(headers, "x-litellm-attempted-fallbacks")):
            self._observed.contaminated("fallback")
        hit = read(hidden, "cache_hit") is True
        if hit:
            self._observed.contaminated("cache_hit")
        asked = self._policy.name_of(text_of(read(hidden, "litellm_model_name"))) or self._decided_for
        if not self._decided_for:
            self._decide(asked or text_of(read(reply, "model")), {}, None)
        self._provider = text_of(read(hidden, "custom_llm_provider")) or self._provider
        if is_pending(reply):
            return
        answer = answer_of(reply)
        cost = cost_of(read(hidden, "response_cost"), hit=hit)
        served = _with(answer, model=self._served(answer.model, asked), cost_usd=cost)
        failure = failure_of(reply)
        self._close(served, "error" if failure else "complete", error_type=failure)

    def failed(self, error: BaseException) -> None:
        """The caller gets an exception, or a stream failed before its first chunk."""
        if not self.is_closed:
            self.is_closed = True
            self._observed.failed(error, self._failed)

    def unreadable(self) -> None:
        """The caller gets an unreadable reply."""
        self.close(UNREPORTED)

    # the interface for `ObservedStream`

    def since_chosen_s(self) -> float:
        """Seconds since the live decision."""
        return self._observed.since_chosen_s()

    def arrives(self, answer: Answer, ttft_s: float) -> None:
        """The first chunk of a stream is here. Without a report of the end, the stream was left early."""
        self._observed.arrives(Answer(model=self._decided_for, response_id=answer.response_id), ttft_s)

    def soon(self, task: Callable[[], None]) -> None:
        """Call it within about a second. Takes no lock."""
        self._observed.soon(task)

    def finish(
        self,
        answer: Answer,
        status: OutcomeStatus,
        *,
        ttft_s: float | None = None,
        error_type: str = "",
        duration_s: float | None = None,
    ) -> None:
        """The caller saw the end of the stream. Tokens and cost of a whole one come from LiteLLM's report."""
        if self.is_closed or self.has_ended:
            return
        self.has_ended = True
        self._ttft_s = ttft_s
        self._duration_s = self.since_chosen_s() if duration_s is None else duration_s
        if self._account is not None and status == "complete":
            self._close(self._account, status)
            return
        served = _with(answer, model=self._served(answer.model, self._decided_for), cost_usd=answer.cost_usd)
        self._close(served, status, error_type=error_type, expects_more=status == "complete" and not self.is_abandoned)

    def close(self, outcome: Outcome) -> None:
        """Close without an answer."""
        self.is_closed = True
        self._observed.close(outcome)

    def _close(
        self, answer: Answer, status: OutcomeStatus, *, error_type: str = "", expects_more: bool = False
    ) -> None:
        if self.is_closed:
            return
        if not expects_more:
            self.is_closed = True
        kind, group = self._last
        if self._failed and (group != self._first_group or answer.model != self._decided_for):
            self._observed.contaminated("fallback")
        attempts = list(self._failed)
        # An answer of LiteLLM's cache has no attempt; a failed stream may be reported already.
        if group and len(self._failed) < self._begun:
            attempts.append(self._answered(kind, answer, status, error_type))
        self._observed.finish(
            answer,
            status,
            ttft_s=self._ttft_s,
            provider=self._provider,
            error_type=error_type,
            duration_s=self._duration_s,
            attempts=attempts,
            expects_more=expects_more,
            reported_model=self._reported,
        )

    def _answered(self, kind: AttemptKind, answer: Answer, status: OutcomeStatus, error_type: str) -> Attempt:
        total_s = self.since_chosen_s() if self._duration_s is None else self._duration_s
        total_s -= sum(attempt.latency_s for attempt in self._failed)
        usage: Usage = answer.usage if status != "error" else UNKNOWN_USAGE
        return Attempt(
            kind=kind,
            model=answer.model,
            provider=self._provider,
            error_type=error_type,
            usage=usage,
            latency_s=max(0.0, total_s),
            response_model=self._reported or answer.model,
        )

    def _decide(self, model: str, metadata: Mapping[str, Any], decide_s: float | None) -> None:
        if not model:
            return
        self._decided_for = model
        told = metadata.get("routing_decision")
        decision: Decision = self._context.decision(model)
        self._observed.decided(
            Decision(
                policy=decision.policy,
                version=decision.version,
                steps=decision.steps,
                candidates=self._policy.candidates(self._first_group or self._group, self._offered),
                reason=text_of(read(told, "cause")) or self._policy.strategy,
                propensity=decision.propensity,
            ),
            decide_s,
        )

    def _model_of(self, event: Mapping[str, Any]) -> str:
        metadata = metadata_of(event)
        base = text_of(read(read(metadata, "model_info"), "base_model"))
        return self._policy.name_of(text_of(read(metadata, "deployment")), base, text_of(read(event, "model")))

    def _served(self, response_model: str, asked: str) -> str:
        """The model that answered. A proxy may name the group, which is no model."""
        catalogue = self._context.routing.catalogue
        if response_model and response_model != self._group:
            self._reported = response_model
            for name in (catalogue.canonical(response_model, asked), self._policy.name_of(response_model)):
                if name in catalogue:
                    return name
        return asked or response_model


def _with(answer: Answer, *, model: str, cost_usd: float | None) -> Answer:
    """What is kept of a reply until the shadows ran: not the reply itself, which the caller has."""
    return replace(answer, model=model, cost_usd=cost_usd, raw=None, tool_calls=None)
