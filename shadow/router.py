"""The router: executes the live policy's decisions, and records the decisions of the shadows.

Use `shadow.Observer` instead where the host calls the models.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from shadow.config import Routing, load_routing
from shadow.domain.features import extract, output_limit
from shadow.domain.from_request import facts_of
from shadow.domain.outcome import Outcome
from shadow.domain.policy import Decision
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import ConfigError
from shadow.execution.call_arguments import refuse_reserved, same_arguments
from shadow.execution.cascade_refusals import RefusalRuns
from shadow.execution.live_policy import LivePolicy
from shadow.execution.reply import AsyncReplyStream, Reply, ReplyStream
from shadow.execution.routed import Routed
from shadow.execution.settings import ExecutionSettings
from shadow.execution.terms import Terms
from shadow.providers.protocol import Provider
from shadow.providers.registry import Providers
from shadow.recording.content import Redact, redacting
from shadow.recording.recorded_service import CLOSE_TIMEOUT_S, RecordedService
from shadow.recording.recorder import Recorder
from shadow.recording.reload import Reloader
from shadow.recording.routing_version import RoutingVersion
from shadow.runtime.clock import SYSTEM_CLOCK, Clock
from shadow.state.router_state import State
from shadow.telemetry.export.sink import SpanSink

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter


class ShadowRouter(RecordedService):
    """Decides with the live policy, calls the model, and hands the record to the shadows.

    The caller gets the provider's value or exception; no failure of shadows or telemetry reaches it.

    Args:
        routing: path of a shadow.yaml whose `live` is a policy file, or a `Routing` made in code.
        providers: one provider for all models, or a provider per `provider` name of the catalogue. All other models
            are called over OpenAI-compatible HTTP.
        exporter: a sink of ours or any OpenTelemetry `SpanExporter`, instead of OTLP to `export.to`.
        clock: event time and durations; the system's by default.
        redact: for `export.content: redacted`: from the text of a message to the text to export. It
            overrides `export.redact`.
        state: of models, sessions and spending, for routers that share it; a new one by default.

    Attributes:
        state: the same, with the kill switches.

    Raises:
        ConfigError: the routing file breaks a rule, or its live policy is only a name.
    """

    def __init__(
        self,
        routing: str | Path | Routing,
        *,
        providers: Mapping[str, Provider] | Provider | None = None,
        exporter: SpanSink | SpanExporter | None = None,
        clock: Clock | None = None,
        redact: Redact | None = None,
        state: State | None = None,
    ) -> None:
        self._providers = Providers(providers)
        self._redact = redact
        settings = self._prepared(routing if isinstance(routing, Routing) else load_routing(Path(routing)))
        self._live = LivePolicy(settings)  # raises before any thread is started
        self._refusals = RefusalRuns()
        self._clock = clock or SYSTEM_CLOCK
        self._recorder = Recorder(settings, exporter=exporter, clock=self._clock)
        self.state = state or State.of(settings, clock=self._clock, containment=self._recorder.containment)
        self._reloader = Reloader(
            settings,
            self._recorder,
            prepare=self._prepared,
            accepts=LivePolicy,
            adopted=self.state.adopt,
        )
        self._terms = Terms.of(settings.execution, self.state)

    def _route(
        self,
        *,
        messages: Sequence[Any],
        user: str = "",
        session: str = "",
        task: str = "",
        user_tier: str = "",
        labels: Mapping[str, Any] | None = None,
        prompt_version: str = "",
        request_id: str | None = None,
        input_tokens: int | None = None,
        pin: str = "",
        timeout_s: float | None = None,
        deadline_s: float | None = None,
        **params: Any,
    ) -> Routed:
        """Decide, and open the record. `from_request` reads the facts that are not given from `params`."""
        refuse_reserved(params)
        routing_version = self._recorder.routing_version
        routing = routing_version.routing
        live = self._live_of(routing)
        if pin and pin not in routing.catalogue:
            raise ConfigError(f"pin must be a known model: {routing.catalogue.objection(pin)}")
        said = {
            "user": user,
            "session": session,
            "task": task,
            "user_tier": user_tier,
            "labels": labels,
            "prompt_version": prompt_version,
            "request_id": request_id,
            "input_tokens": input_tokens,
        }
        request = extract(
            messages=messages,
            hash_id=self._recorder.hash_id,
            allowed_labels=routing.labels,
            tools=params.get("tools"),
            response_format=params.get("response_format"),
            max_output_tokens=output_limit(params),
            time_us=self._clock.time_ns() // 1000,
            **facts_of(said, params, routing.from_request),
        )
        snapshot = self.state.snapshot(request)
        decision, decide_s = self._decide_timed(routing_version, live, request, snapshot)
        pending = self._recorder.open(request, snapshot, decision, decide_s=decide_s, routing_version=routing_version)

        def close(outcome: Outcome) -> None:
            paid_usd = self.state.cost_usd(outcome, request)
            if paid_usd is not None:
                self.state.spent(request, paid_usd)
            self.state.observe(request, decision, outcome, told=True)
            self._recorder.close(pending, outcome)

        return Routed(
            request=request,
            decision=decision,
            snapshot=snapshot,
            policy=live.policy,
            catalogue=routing.catalogue,
            providers=self._providers,
            messages=messages,
            params=params,
            terms=self._terms_for(routing.execution),
            billing=routing_version.billing,
            pin=pin,
            timeout_s=timeout_s,
            deadline_s=deadline_s,
            tick=self._clock.perf_counter,
            with_review_flag=lambda outcome: self._refusals.with_review_flag(
                decision, request, outcome, review_after=routing.limits.review_after_refusals
            ),
            close=close,
        )

    @same_arguments(_route)
    def complete(self, **arguments: Any) -> Reply:  # noqa: D417 - the arguments are those of `_route`
        """Route one request and wait for the whole answer.

        Args:
            messages: chat messages in OpenAI's form; they reach the provider as they are.
            user: id of the user; only its keyed hash leaves the process.
            session: id of the session; only its keyed hash leaves the process.
            task: purpose of the request, a segment.
            user_tier: class of the customer, a segment.
            labels: further segments; only those that the routing file declares are kept.
            prompt_version: version of the prompt template.
            request_id: the host's own id, unique per request; made here if absent.
            input_tokens: tokens of the prompt, if the host has counted them.
            pin: a model of the catalogue to ask instead of the live policy's choice, which is still recorded.
            timeout_s: seconds that one dispatch may take, or in a stream the longest silence; None = as configured.
            deadline_s: seconds that the request may take with all its attempts; None = as configured.
            params: further arguments for the provider, such as `temperature` or `tools`.

        Raises:
            ConfigError: `pin` is no known model.
            ProviderError: every step that could serve the request failed.
            UnservedError: no step may be asked now.
            Exception: any other exception of the live policy or a provider, unchanged.
        """
        return self._route(**arguments).complete()

    @same_arguments(_route)
    async def acomplete(self, **arguments: Any) -> Reply:
        """As `complete`, without blocking the event loop."""
        return await self._route(**arguments).acomplete()

    @same_arguments(_route)
    def stream(self, **arguments: Any) -> ReplyStream:
        """Route one request and iterate over the provider's chunks; it falls back only before the first of them."""
        return self._route(**arguments).stream()

    @same_arguments(_route)
    def astream(self, **arguments: Any) -> AsyncReplyStream:
        """As `stream`, without blocking the event loop."""
        return self._route(**arguments).astream()

    def decide(self, request: Request) -> Decision:
        """The live policy's decision, neither executed nor recorded.

        Raises:
            PolicyError: the policy did not return a decision with steps.
        """
        return self._live_of(self.routing).decide(request, self.state.snapshot(request))

    def signal(self, target: str, name: str, value: float | None = None, **details: Any) -> None:
        """Record the quality of an answer.

        Args:
            target: request id, or the provider's response id.
            name: of the observation, for example `resolved`.
            value: in [0, 1], 1 is best; None = only a label.
            details: as `Observer.signal`: label, source, scorer, explanation, time_ns, deleted.

        Raises:
            ValueError: the target or name is empty, or the value is outside [0, 1].
        """
        self._note_signal(target, name, value, details)

    def outcome(self, request_id: str, outcome: Outcome) -> None:
        """Report an outcome that was learned elsewhere, for a request that has none yet."""
        self._recorder.outcome(request_id, outcome)

    @property
    def routing(self) -> Routing:
        """The settings for new requests; a reload changes them."""
        return self._recorder.routing_version.routing

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> bool:
        """Send the rest and close own connections; False if that took too long or spans were lost."""
        flushed = super().close(timeout_s)
        self._providers.close()
        return flushed

    async def aclose(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """As `close`, without blocking the event loop."""
        await asyncio.to_thread(self._recorder.shutdown, timeout_s)
        await self._providers.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    def _prepared(self, routing: Routing) -> Routing:
        """The routing, after loading everything that its first request would wait for."""
        self._providers.load(routing.catalogue.models.values())
        return redacting(routing, self._redact)

    def _live_of(self, routing: Routing) -> LivePolicy:
        live = self._live
        if live.routing is not routing:
            live = self._live = LivePolicy(routing)
        return live

    def _terms_for(self, settings: ExecutionSettings) -> Terms:
        """The terms with a request's settings; a reload changes only those."""
        terms = self._terms
        if terms.settings is not settings:
            terms = self._terms = replace(terms, settings=settings)
        return terms

    def _decide_timed(
        self, routing_version: RoutingVersion, live: LivePolicy, request: Request, snapshot: Snapshot
    ) -> tuple[Decision, float]:
        """The decision and the seconds it took. A failure is recorded before its error reaches the caller."""
        started = self._clock.perf_counter()
        try:
            decision = live.decide(request, snapshot)
        except Exception as error:  # a policy may raise anything
            failure = live.failure(error)
            decide_s = self._clock.perf_counter() - started
            pending = self._recorder.open(
                request, snapshot, failure, decide_s=decide_s, routing_version=routing_version
            )
            self._recorder.close(pending, Outcome(status="error", error_type=failure.error_type))
            raise
        return decision, self._clock.perf_counter() - started
