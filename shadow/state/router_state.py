"""The state of a router: written by every attempt, read by policies as one immutable snapshot.

Writers hold one lock for some microseconds and replace the snapshot; readers take no lock. Changes by time alone (the
end of a pause, the reset of a limit) are applied by the first reader after them.
No method raises into the host: a failure is counted, and the request continues without state.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Self

from shadow.domain.outcome import REFUSED, Attempt, Outcome
from shadow.domain.policy import Decision, Failure
from shadow.domain.request import NOTHING, Request
from shadow.domain.snapshot import STATELESS, Snapshot
from shadow.domain.usage import counted, is_amount
from shadow.prices.billing import Billing
from shadow.prices.catalogue import Catalogue
from shadow.runtime.clock import SYSTEM_CLOCK, Clock
from shadow.runtime.containment import Containment
from shadow.runtime.forks import on_fork_in_child
from shadow.state.kinds import kind_of
from shadow.state.models import Models
from shadow.state.rate_limits import RateLimits
from shadow.state.record import attempts_of
from shadow.state.served_models import ServedModels
from shadow.state.settings import Described, SpendingLimit, StateSettings
from shadow.state.spending import Spending
from shadow.state.switches import FileWatcher, Switches
from shadow.state.warm_prompts import WarmPrompts


class State:
    """The state of models, sessions and spending.

    A router calls `admits` immediately before a dispatch and `attempt` after it, in any case; `limits`
    for the headers of an answer; `observe` at the end of the request. An observer calls only `observe`.

    Args:
        catalogue: aliases, providers and configured quotas.
        settings: of the state.
        spending: limits over time.
        clock: event time and durations.
        events: whether this is recorded traffic: all times follow event time, and every model without a kill switch
            is admitted, because its answers are recorded already.
        containment: counts internal errors.

    Attributes:
        containment: as above, or its own.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        settings: StateSettings | None = None,
        *,
        spending: Iterable[SpendingLimit] = (),
        clock: Clock = SYSTEM_CLOCK,
        events: bool = False,
        containment: Containment | None = None,
    ) -> None:
        self._settings = settings or StateSettings()
        self._clock = clock
        self._events = events
        self._now: Callable[[], float] = self._event_s if events else clock.perf_counter
        self.containment = containment or Containment()
        self._guard = self.containment.guard
        self._models = Models(catalogue, self._settings, events=events)
        self._warm_prompts = WarmPrompts(self._settings.warm_ttl_s, self._settings.warm_sessions)
        self._spending = Spending(spending)
        self._billing = Billing(catalogue) if self._spending else None
        self._served = ServedModels()
        self._switches = Switches(catalogue, self._settings.kill_file)
        self._watcher = None if self._settings.kill_file is None else FileWatcher(self._look_at_file)
        self._lock = threading.Lock()
        self._look_at_file()
        on_fork_in_child(self._after_fork)

    @classmethod
    def of(cls, routing: Described, *, clock: Clock = SYSTEM_CLOCK, containment: Containment | None = None) -> Self:
        """The state for a routing; in recorded and simulated traffic all times are event times."""
        return cls(
            routing.catalogue,
            routing.state,
            spending=routing.spending,
            clock=clock,
            events=routing.origin != "production",
            containment=containment,
        )

    def adopt(self, routing: Described) -> None:
        """Use another routing. Observations of models and sessions, and spending of unchanged limits are kept."""
        with self._guard("state"):
            billing = Billing(routing.catalogue) if routing.spending else None
            with self._lock:
                self._settings, self._billing = routing.state, billing
                self._models.adopt(routing.catalogue, routing.state)
                self._warm_prompts.adopt(routing.state.warm_ttl_s, routing.state.warm_sessions)
                self._spending = self._spending.adopted(routing.spending)
                self._switches.adopt(routing.catalogue, routing.state.kill_file)
                if self._watcher is None and routing.state.kill_file is not None:
                    self._watcher = FileWatcher(self._look_at_file)
                self._models.refresh(self._switches.names, self._now())

    def snapshot(self, request: Request) -> Snapshot:
        """The snapshot for this request."""
        try:
            now_s = self._now()
            models = self._models
            shared = models.published if now_s < models.fresh_until_s else self._refreshed(now_s)
            warm: Mapping[str, int] = NOTHING
            if request.session_key:
                warm = self._warm_prompts.of(request.session_key, now_s, request.input_tokens)
            remaining = self._spending.remaining(request, self._event_s()) if self._spending else NOTHING
            if not warm and not remaining:
                return shared
            return Snapshot(
                mode="shared",
                models=shared.models,
                warm_tokens=MappingProxyType(warm),
                remaining_usd=MappingProxyType(remaining),
                killed=shared.killed,
            )
        except Exception as error:
            if not self.containment.swallows("state", error):
                raise
            return STATELESS

    def admits(self, model: str, request: Request) -> bool:
        """Whether this model may be dispatched to now, for this request. After True an `attempt` must follow.

        No if its kill switch is on, its provider asked to wait, a rate limit is used up to the reserve, or
        its breaker does not admit the request. After a breaker's pause the first request becomes its probe.
        """
        with self._guard("state"), self._lock:
            return self._models.admits(model, request.request_id, self._now())
        return True

    def returns(self, model: str) -> bool:
        """Whether this model's breaker is recovering, so that it gets only a share of its requests.

        If no other model may serve, the router dispatches to it in any case, and an `attempt` follows.
        """
        with self._guard("state"), self._lock:
            return self._models.returns(model, self._now())
        return False

    def attempt(
        self,
        model: str,
        *,
        error_type: str,
        latency_s: float,
        ttft_s: float | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        """Take the result of one dispatch.

        Args:
            model: that was called.
            error_type: as in `Attempt`; empty if it answered.
            latency_s: seconds from the dispatch to its end.
            ttft_s: seconds to the first chunk of a stream; None = no stream.
            retry_after_s: seconds that the provider asks to wait; None = unknown.
        """
        with self._guard("state"), self._lock:
            name, now_s = self._models.name(model), self._now()
            record = self._models.record(name) if is_amount(latency_s) else None
            if record is not None:
                record.note(now_s, kind_of(error_type), latency_s, ttft_s, retry_after_s)
                if error_type == REFUSED:
                    record.averages.judged(now_s, 0.0)
                self._models.put(name, record, now_s)

    def limits(self, model: str, limits: RateLimits) -> None:
        """Take the provider's rate limits from the headers of an answer."""
        if not limits.limits:
            return
        with self._guard("state"), self._lock:
            name, now_s = self._models.name(model), self._now()
            record = self._models.record(name)
            if record is not None:
                record.quota.told(now_s, limits)
                self._models.put(name, record, now_s)

    def spent(self, request: Request, usd: float) -> None:
        """Count the cost of a request against the spending limits. Not needed after `observe` with `told=False`."""
        if self._spending and is_amount(usd):
            with self._guard("state"), self._lock:
                self._spending.spent(request, self._event_s(), usd)

    def observe(self, request: Request, decision: Decision | Failure, outcome: Outcome, *, told: bool = False) -> None:
        """Take the end of a request: warm caches, tokens against quotas, quality.

        Args:
            request: that ended.
            decision: of live.
            outcome: of the request.
            told: `attempt` and `spent` were called already. If not, attempts and cost are taken from the
                outcome; one without attempts counts as a single one.
        """
        with self._guard("state"):
            attempts = attempts_of(decision, outcome)
            if not told:
                for attempt in attempts:
                    with self._lock:
                        self._models.dispatched(attempt.model, self._now())
                    self.attempt(
                        attempt.model,
                        error_type=attempt.error_type,
                        latency_s=attempt.latency_s,
                        ttft_s=outcome.ttft_s if len(attempts) == 1 else None,
                    )
                self._charge(request, outcome)
            with self._lock:
                now_s = self._now()
                for attempt in attempts:
                    self._end(request, attempt, now_s)
                self._note_accepted(decision, attempts, outcome, now_s)
                if self._settings.quality_signal and outcome.model:
                    self._served.note(request.request_id, outcome.response_id, self._models.name(outcome.model))

    def signal(self, target: str, name: str, value: float | None) -> None:
        """Take a signal, if the settings name it, and if this process served the request.

        Args:
            target: request id, or `response:<id>` with the provider's response id.
            name: of the signal.
            value: in [0, 1], 1 is best; None = no value.
        """
        if name == self._settings.quality_signal and name and value is not None and 0 <= value <= 1:
            model = self._served.model_of(target)
            if model is not None:
                self.judged(model, value)

    def judged(self, model: str, quality: float) -> None:
        """Take the quality of an answer of this model, in [0, 1], from a validator or a signal."""
        with self._guard("state"), self._lock:
            self._models.judged(model, quality, self._now())

    def kill(self, name: str) -> None:
        """Switch a model, a provider or `policy:NAME` off."""
        with self._guard("state"), self._lock:
            self._switches.kill(name)
            self._models.refresh(self._switches.names, self._now())

    def revive(self, name: str) -> None:
        """Undo `kill`. Names in the kill file stay off."""
        with self._guard("state"), self._lock:
            self._switches.revive(name)
            self._models.refresh(self._switches.names, self._now())

    @property
    def killed(self) -> frozenset[str]:
        """Everything that is switched off."""
        return self._models.published.killed

    def cost_usd(self, outcome: Outcome, request: Request) -> float | None:
        """The cost of a request: as reported, else by the catalogue's prices; None if unknown or without a limit."""
        return None if self._billing is None else self._billing.outcome_usd(outcome, request.time_us)

    def _charge(self, request: Request, outcome: Outcome) -> None:
        usd = self.cost_usd(outcome, request)
        if usd is not None:
            self.spent(request, usd)

    def _event_s(self) -> float:
        return self._clock.time_ns() / 1e9

    def _after_fork(self) -> None:
        """Take a new lock, because the parent's may be locked, and forget the parent's probes."""
        self._lock = threading.Lock()
        self._models.release_probes()
        if self._watcher is not None:
            self._watcher.forget_thread()

    def _look_at_file(self) -> None:
        with self._guard("kill file"):
            if self._switches.read_file():
                with self._lock:
                    self._models.refresh(self._switches.names, self._now())

    def _end(self, request: Request, attempt: Attempt, now_s: float) -> None:
        usage = counted(attempt.usage)
        if usage.input_tokens is None:
            return
        self._warm_prompts.served(request.session_key, now_s, self._models.name(attempt.model), usage)
        self._models.used(attempt.model, usage.input_tokens + (usage.output_tokens or 0), now_s)

    def _note_accepted(
        self, decision: Decision | Failure, attempts: tuple[Attempt, ...], outcome: Outcome, now_s: float
    ) -> None:
        """Count the served answer as accepted, if its step had validators."""
        if not attempts or outcome.status != "complete" or not isinstance(decision, Decision):
            return
        last = attempts[-1]
        if not last.error_type and any(step.model == last.model and step.accept_if for step in decision.steps):
            self._models.judged(last.model, 1.0, now_s)

    def _refreshed(self, now_s: float) -> Snapshot:
        if self._watcher is not None:
            self._watcher.start()
        with self._lock:
            self._models.refresh(self._switches.names, now_s)
            return self._models.published
