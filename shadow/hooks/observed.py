"""One request of the host's router, from its live decision to its outcome.

Every method is guarded: internal errors are counted and never reach the host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, Self

from shadow.domain.features import extract
from shadow.domain.outcome import (
    UNREPORTED,
    Answer,
    Attempt,
    Contamination,
    Outcome,
    OutcomeStatus,
    Usage,
    contaminations,
)
from shadow.domain.policy import Decision, Failure
from shadow.domain.request import Request
from shadow.domain.usage import answer_of, failure_of, is_answer, is_pending
from shadow.errors import ShadowError
from shadow.hooks.labels import merged
from shadow.hooks.observer_context import ObserverContext
from shadow.recording.backlog import Pending

CALL_FACTS: Final = ("messages", "tools", "response_format", "max_output_tokens")
"""Facts of the call itself; all others may also come from the surrounding labels."""
WITHOUT_MESSAGES: Final = frozenset({"messages"})
"""Unknown features of a request without messages."""


class ObservedRequest:
    """The return value of `Observer.request`: a context manager around a call.

    Call `chose` before the call and `served` after it. Without `served` the outcome is recorded as unreported; an
    exception is recorded and raised unchanged.

    Args:
        context: of the observer, with the version of the routing that the facts were read with.
        facts: messages and metadata, by the argument names of `Observer.request`.

    Attributes:
        guard: contains and counts internal errors by place.
        recorder: takes the record.
    """

    def __init__(self, context: ObserverContext, facts: Mapping[str, Any]) -> None:
        self._context = context
        self._facts = facts
        self.recorder = context.recorder
        self.guard = context.recorder.containment.guard
        self._request: Request | None = None
        self._pending: Pending | None = None
        self._closed = False
        self._is_pending = False
        self._contamination: tuple[Contamination, ...] = ()
        self._started_s = 0.0
        self._chosen_s = 0.0

    @property
    def request_id(self) -> str:
        """The id for later signals; empty before the request has begun."""
        return "" if self._request is None else self._request.request_id

    def begin(self) -> Self:
        """Freeze the request; the live decision starts now."""
        with self.guard("request"):
            known: dict[str, Any] = {name: self._facts.get(name) for name in CALL_FACTS}
            unknown = WITHOUT_MESSAGES if known["messages"] is None else frozenset()
            told = merged(self._facts, besides=CALL_FACTS)
            contamination = told["labels"].pop("contamination", None)
            if contamination is not None:
                with self.guard("contamination"):
                    self._contamination = contaminations(contamination)
            self._request = extract(
                **known,
                **told,
                hash_id=self._context.recorder.hash_id,
                allowed_labels=self._context.routing.labels,
                time_us=self._context.clock.time_ns() // 1000,
                unknown=unknown,
                defers_complexity=True,
            )
            self._started_s = self._context.clock.perf_counter()
        return self

    def __enter__(self) -> Self:
        return self.begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self.failed(error)
        elif not self._is_pending:
            self.close(UNREPORTED)

    def chose(self, model: str) -> None:
        """The live decision: the model to call. The time since the start of the block is its duration."""
        with self.guard("chose"):
            chosen_s = self._context.clock.perf_counter()
            self._open(self._context.decision(_model_name(model)), chosen_s - self._started_s)

    def decided(self, decision: Decision, decide_s: float | None) -> None:
        """As `chose`, for hooks with a whole decision. `decide_s` None = unknown."""
        with self.guard("chose"):
            self._open(decision, decide_s)
            if decide_s is None:
                self._chosen_s = self._started_s

    def served(
        self,
        reply: Any = None,
        *,
        model: str = "",
        input_tokens: int | None = None,
        cached_input_tokens: int = 0,
        output_tokens: int | None = None,
        provider: str = "",
        response_id: str = "",
        cost_usd: float | None = None,
        text: str = "",
        contamination: str | Sequence[str] = (),
    ) -> None:
        """The reply: an OpenAI-shaped one, or its parts by name.

        Args:
            reply: a chat completion or a response, as object or dict.
            model: the model that answered.
            input_tokens: tokens of the prompt, cached ones included.
            cached_input_tokens: those of them that were read from the provider's cache.
            output_tokens: tokens of the answer.
            provider: that answered.
            response_id: the provider's id of the response; signals may name it.
            cost_usd: as the provider reports it.
            text: the answer, for the shadows' validators. It never leaves the process.
            contamination: why the router did not choose this model: `fallback`, `cache_hit`, `pinned` (the model
                was fixed), `rewritten` (a component on the way changed the model or the answer).
        """
        with self.guard("contamination"):
            self._contamination += contaminations(contamination)
        with self.guard("served"):
            if reply is not None:
                self.answered(reply)
                return
            if not isinstance(model, str):
                raise ShadowError(f"served() must get the name of a model, got {type(model).__name__}")
            usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens, cache_read_tokens=cached_input_tokens)
            answer = Answer(text=text, model=model, response_id=response_id, usage=usage, cost_usd=cost_usd)
            self.finish(answer, "complete", provider=provider)

    def answered(self, reply: Any) -> None:
        """A whole reply. An unreadable one leaves the outcome unreported, never guessed.

        A response that is answered in the background leaves the record open, for `observer.outcome` or the time-out.
        """
        with self.guard("served"):
            if isinstance(reply, Answer):
                self.finish(reply, "complete")
            elif is_pending(reply):
                self._ensure_open(answer_of(reply).model)
                self._is_pending = True
            elif is_answer(reply):
                failure = failure_of(reply)
                self.finish(answer_of(reply), "error" if failure else "complete", error_type=failure)
            else:
                self.close(UNREPORTED)
                raise ShadowError(
                    f"a reply must be OpenAI-shaped, got {type(reply).__name__}; use served(model=, input_tokens=, ...)"
                )

    def finish(
        self,
        answer: Answer,
        status: OutcomeStatus,
        *,
        ttft_s: float | None = None,
        provider: str = "",
        error_type: str = "",
        duration_s: float | None = None,
        attempts: Sequence[Attempt] = (),
        expects_more: bool = False,
        reported_model: str = "",
    ) -> None:
        """Close with an answer, whole or partial. Without a model name it counts as the chosen model's.

        Args:
            answer: of the provider.
            status: whether it is whole.
            ttft_s: seconds to the first chunk of a stream.
            provider: that answered.
            error_type: of a partial answer.
            duration_s: from the live decision to the end of the answer; until now by default.
            attempts: every dispatch, in order.
            expects_more: stay open for a better report of the same answer; without one in time, this is recorded.
            reported_model: the answer's own id of its model, where `answer` has the name of another list.
        """
        with self.guard("served"):
            self._ensure_open(answer.model)
            outcome = Outcome(
                status=status,
                model=answer.model or self._planned(),
                provider=provider,
                response_id=answer.response_id,
                usage=answer.usage,
                cost_usd=answer.cost_usd,
                duration_s=self.since_chosen_s() if duration_s is None else duration_s,
                ttft_s=ttft_s,
                error_type=error_type,
                attempts=tuple(attempts),
                answer=answer if answer.text or answer.score is not None else None,
                reported_model=reported_model or answer.model,
                finish_reasons=answer.finish_reasons,
                system_fingerprint=answer.system_fingerprint,
            )
            if not expects_more:
                self.close(outcome)
            elif self._pending is not None:
                self._pending.expected = self._with_contamination(outcome)
                self._pending.is_running = False

    def arrives(self, answer: Answer, ttft_s: float) -> None:
        """The first chunk of a stream is here. If the process ends before the stream, the answer is partial."""
        with self.guard("stream"):
            self.finish(answer, "partial", ttft_s=ttft_s, expects_more=True)
            if self._pending is not None:
                self._pending.is_running = True

    def soon(self, task: Callable[[], None]) -> None:
        """Call it within about a second, on the recorder's thread. Takes no lock."""
        self._context.recorder.chores.soon(task)

    def failed(self, error: BaseException, attempts: Sequence[Attempt] = ()) -> None:
        """Close with the exception of the call, which reaches the caller unchanged."""
        with self.guard("failed"):
            name = type(error).__name__
            self._open(self._context.failure("error", name), None)
            self.close(
                Outcome(status="error", error_type=name, duration_s=self.since_chosen_s(), attempts=tuple(attempts))
            )

    def withdraw(self) -> None:
        """There was no request: the function only made a coroutine, which may never be awaited."""
        with self.guard("withdraw"):
            self._closed = True
            if self._pending is not None:
                self._context.recorder.withdraw(self._pending)

    def contaminated(self, *kinds: Contamination) -> None:
        """Add reasons why the router did not choose the served model."""
        self._contamination += kinds

    def close(self, outcome: Outcome) -> None:
        """Close; only the first call counts."""
        with self.guard("close"):
            if self._closed or self._request is None:
                return
            self._closed = True
            if self._pending is None:
                self._open(self._context.failure("invalid", "no_model"), None)
            if self._pending is not None:
                self._context.recorder.close(self._pending, self._with_contamination(outcome))

    def since_chosen_s(self) -> float:
        """Seconds since the live decision."""
        return max(0.0, self._context.clock.perf_counter() - self._chosen_s)

    def _ensure_open(self, model: str) -> None:
        """Without `chose`, the model that answered counts as the decision."""
        if self._pending is None and model:
            self._open(self._context.decision(model), None)
            self._chosen_s = self._started_s

    def _open(self, decision: Decision | Failure, decide_s: float | None) -> None:
        """Record the decision, once: only the first one counts."""
        if self._request is None or self._pending is not None:
            return
        self._chosen_s = self._context.clock.perf_counter()
        snapshot = self._context.state.snapshot(self._request)
        self._pending = self._context.recorder.open(
            self._request,
            snapshot,
            decision,
            decide_s=decide_s,
            routing_version=self._context.routing_version,
            lacks_complexity=True,
        )

    def _with_contamination(self, outcome: Outcome) -> Outcome:
        return replace(outcome, contamination=contaminations(self._contamination)) if self._contamination else outcome

    def _planned(self) -> str:
        decision = None if self._pending is None else self._pending.decision
        return decision.model if isinstance(decision, Decision) else ""


def _model_name(model: Any) -> str:
    if not isinstance(model, str) or not model:
        raise ShadowError(f"chose() must get the name of a model, got {type(model).__name__}")
    return model
