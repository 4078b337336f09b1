"""Observes the host's own router, client or function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from shadow.config import Routing, load_routing
from shadow.domain.from_request import HOOK_FIELDS
from shadow.domain.outcome import Contamination, Outcome, Usage, contaminations
from shadow.errors import ShadowError
from shadow.hooks.function import FunctionHook, Served
from shadow.hooks.labels import labelled
from shadow.hooks.litellm_proxy import proxy_callback
from shadow.hooks.litellm_router import is_litellm_router, observe_router
from shadow.hooks.observed import ObservedRequest
from shadow.hooks.observer_context import ObserverContext
from shadow.hooks.openai_client import is_openai_client, observe_client
from shadow.recording.content import Redact, redacting
from shadow.recording.recorded_service import RecordedService
from shadow.recording.recorder import Recorder
from shadow.recording.reload import Reloader
from shadow.runtime.clock import SYSTEM_CLOCK, Clock
from shadow.state.router_state import State

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

    from shadow.telemetry.export.sink import SpanSink

Wrapped = TypeVar("Wrapped")
Function = TypeVar("Function", bound=Callable[..., Any])


class Observer(RecordedService):
    """Records the decisions and outcomes of the host's router, and the decisions of the shadows.

    Once it is built, nothing it does raises into the host: failures are counted in `stats.contained` and logged.

    Args:
        routing: path of a shadow.yaml, or a `Routing` made in code.
        exporter: where spans go instead of `export.to`: a sink, or any OpenTelemetry `SpanExporter`.
        clock: event time and durations; the system's by default.
        redact: for `export.content: redacted`: from the text of a message to the text to export. It
            overrides `export.redact`.

    Attributes:
        state: observations of models, sessions and spending, for shadows; the host's router does not read it.

    Raises:
        ConfigError: the routing file breaks a rule.
    """

    def __init__(
        self,
        routing: str | Path | Routing,
        *,
        exporter: SpanSink | SpanExporter | None = None,
        clock: Clock | None = None,
        redact: Redact | None = None,
    ) -> None:
        settings = redacting(routing if isinstance(routing, Routing) else load_routing(Path(routing)), redact)
        clock = SYSTEM_CLOCK if clock is None else clock
        self.state = State.of(settings, clock=clock)
        self._recorder = Recorder(settings, exporter=exporter, clock=clock, state=self.state)
        self._reloader = Reloader(
            settings, self._recorder, prepare=lambda new: redacting(new, redact), adopted=self.state.adopt
        )
        self._guard = self._recorder.containment.guard
        self._context = ObserverContext(self._recorder, clock, self._recorder.routing_version, self.state)

    def request(
        self,
        *,
        messages: Sequence[Any] | None = None,
        user: str | None = None,
        session: str | None = None,
        task: str | None = None,
        user_tier: str | None = None,
        labels: Mapping[str, Any] | None = None,
        prompt_version: str | None = None,
        request_id: str | None = None,
        input_tokens: int | None = None,
        tools: Any = None,
        response_format: Any = None,
        max_output_tokens: int | None = None,
    ) -> ObservedRequest:
        """A context manager around one call: call `chose(model)` before it and `served(reply)` after it.

        Args:
            messages: chat messages in OpenAI's form.
            user: id of the user; only its keyed hash leaves the process.
            session: id of the session; only its keyed hash leaves the process.
            task: purpose of the request, a segment.
            user_tier: class of the customer, a segment.
            labels: further labels; only those that the routing file declares leave the process.
            prompt_version: version of the prompt template.
            request_id: the host's own id, unique per request; made here if absent.
            input_tokens: tokens of the prompt, if the host has counted them.
            tools: tools that the call offers.
            response_format: structured output that the call asks for.
            max_output_tokens: the call's limit for the answer.
        """
        facts = {
            "messages": messages,
            "user": user,
            "session": session,
            "task": task,
            "user_tier": user_tier,
            "labels": labels,
            "prompt_version": prompt_version,
            "request_id": request_id,
            "input_tokens": input_tokens,
            "tools": tools,
            "response_format": response_format,
            "max_output_tokens": max_output_tokens,
        }
        return ObservedRequest(self._context.now(), facts)

    def labels(self, **values: Any) -> AbstractContextManager[None]:
        """Set user, session, task, user_tier, prompt_version and further labels for every call inside the block.

        They travel in a context variable, so that the host's own requests stay as they are.
        """
        return labelled(values)

    @overload
    def route(self, function: Function) -> Function: ...

    @overload
    def route(
        self,
        *,
        messages: str = "",
        model: str = "",
        user: str = "",
        session: str = "",
        task: str = "",
        user_tier: str = "",
        prompt_version: str = "",
        request_id: str = "",
        labels: Mapping[str, str] | None = None,
        served: Served | None = None,
    ) -> Callable[[Function], Function]: ...

    def route(
        self,
        function: Function | None = None,
        *,
        messages: str = "",
        model: str = "",
        user: str = "",
        session: str = "",
        task: str = "",
        user_tier: str = "",
        prompt_version: str = "",
        request_id: str = "",
        labels: Mapping[str, str] | None = None,
        served: Served | None = None,
    ) -> Function | Callable[[Function], Function]:
        """A decorator for a function that chooses and calls a model: plain, async, generator or async generator.

        Every argument names the argument of the function that holds the value, with a dotted path into it where
        needed: `session="user_id"`, `task="meta.kind"`. Model and usage are read from an OpenAI-shaped return value or
        stream; `served` turns any other value into an `Answer` or into `(model, usage)`.

        Args:
            function: the function itself, for `@observer.route` without arguments.
            messages: argument with the chat messages.
            model: argument with the chosen model, if the caller chooses.
            user: argument with the user's id.
            session: argument with the session's id.
            task: argument with the task.
            user_tier: argument with the customer's class.
            prompt_version: argument with the version of the prompt template.
            request_id: argument with the host's own id of the request.
            labels: label to argument; the names above are accepted here too.
            served: reads return values that are not OpenAI-shaped.
        """
        named = {
            "messages": messages,
            "model": model,
            "user": user,
            "session": session,
            "task": task,
            "user_tier": user_tier,
            "prompt_version": prompt_version,
            "request_id": request_id,
        }
        given = dict(labels or {})
        paths = {field: path for field, path in named.items() if path}
        paths |= {field: given.pop(field) for field in HOOK_FIELDS if field in given}
        hook = FunctionHook(self._context, paths, given, served)

        def decorate(undecorated: Function) -> Function:
            wrapped: Any = undecorated
            with self._guard("route"):
                wrapped = hook.wrap(undecorated)
            observed: Function = wrapped
            return observed

        return decorate if function is None else decorate(function)

    def wrap(self, host: Wrapped) -> Wrapped:
        """Observe every call of a LiteLLM Router, or of an OpenAI or AsyncOpenAI client; returns the same object."""
        with self._guard("wrap"):
            if is_litellm_router(host):
                observe_router(self._context, host)
            elif is_openai_client(host):
                observe_client(self._context, host)
            else:
                raise ShadowError(
                    f"wrap() must get a litellm.Router or an OpenAI client, got {type(host).__name__}; "
                    f"use request() instead"
                )
        return host

    def litellm_callback(self) -> Any:
        """A callback for LiteLLM's proxy; `shadow.litellm_proxy.callback` is a ready-made one.

        Raises:
            ShadowError: LiteLLM is not imported in this process.
        """
        return proxy_callback(self._context)

    def signal(
        self,
        some_id: str,
        name: str,
        value: float | None = None,
        *,
        label: str = "",
        source: str = "code",
        scorer: str = "",
        explanation: str = "",
        time_ns: int | None = None,
        deleted: bool = False,
    ) -> None:
        """Record the quality of an answer; at any time, any number of times, in any process.

        Args:
            some_id: our request id, the host's own request id, or the provider's response id.
            name: of the observation, for example `resolved`.
            value: in [0, 1], 1 is best; None = only a label.
            label: a category beside or instead of the value.
            source: human, user, code, llm or reference.
            scorer: name of the scorer, if one source has several.
            explanation: free text of the scorer; it leaves the process.
            time_ns: when it was observed, epoch nanoseconds; now by default. The newest wins.
            deleted: withdraws the signal.
        """
        details = {
            "label": label,
            "source": source,
            "scorer": scorer,
            "explanation": explanation,
            "time_ns": time_ns,
            "deleted": deleted,
        }
        with self._guard("signal"):
            self._note_signal(some_id, name, value, details)

    def outcome(
        self,
        request_id: str,
        *,
        model: str,
        input_tokens: int | None = None,
        cached_input_tokens: int = 0,
        output_tokens: int | None = None,
        provider: str = "",
        response_id: str = "",
        cost_usd: float | None = None,
        duration_s: float | None = None,
        status: Literal["complete", "partial", "error"] = "complete",
        error_type: str = "",
        contamination: str | Sequence[str] = (),
    ) -> None:
        """Report an outcome by request id; also after the request was closed, and in another process.

        Args:
            request_id: of the request.
            model: the model that answered.
            input_tokens: tokens of the prompt, cached ones included.
            cached_input_tokens: those of them that were read from the provider's cache.
            output_tokens: tokens of the answer.
            provider: that answered.
            response_id: the provider's id of the response.
            cost_usd: as the provider reports it.
            duration_s: seconds from the call to the end of the answer.
            status: whether the answer is whole.
            error_type: of an answer that is not.
            contamination: why the router did not choose this model: `fallback`, `cache_hit`, `pinned`, `rewritten`.
        """
        kinds: tuple[Contamination, ...] = ()
        with self._guard("contamination"):
            kinds = contaminations(contamination)
        with self._guard("outcome"):
            usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens, cache_read_tokens=cached_input_tokens)
            outcome = Outcome(
                status=status,
                model=model,
                provider=provider,
                response_id=response_id,
                usage=usage,
                cost_usd=cost_usd,
                duration_s=duration_s,
                error_type=error_type,
                contamination=kinds,
            )
            self._recorder.outcome(request_id, outcome)
