"""One request that somebody else executes, from its live decision to its outcome.

Every method is guarded: whatever goes wrong here is counted, and the host goes on as if nothing watched.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import TracebackType
from typing import Any, Final, Literal, Self

from shadow.clock import Clock
from shadow.config import LiveSpec, Routing
from shadow.errors import ShadowError
from shadow.features import extract
from shadow.hooks.labels import merged
from shadow.outcome import UNREPORTED, Answer, Outcome, OutcomeStatus, Usage
from shadow.policy import Decision, Failure, Step
from shadow.recorder import Pending, Recorder
from shadow.request import Request
from shadow.snapshot import STATELESS
from shadow.usage import answer_of, failure_of, is_answer

CALL_FACTS: Final = ("messages", "tools", "response_format", "max_output_tokens")
"""What the call itself says; everything else may come from the surrounding labels too."""
UNTOLD: Final = frozenset({"messages"})
"""What is unknown of a request whose host gives no messages."""


class Watch:
    """What every observed request of one observer shares.

    Attributes:
        routing: the settings.
        recorder: takes the records.
        clock: event time and durations.
        decision: the live decision for a model. Hosts choose few models and many times, so each is made once.
    """

    def __init__(self, routing: Routing, recorder: Recorder, clock: Clock) -> None:
        self.routing = routing
        self.recorder = recorder
        self.clock = clock
        self.decision = lru_cache(maxsize=256)(self._decision)

    def _decision(self, model: str) -> Decision:
        live = self.routing.live
        repeatable = isinstance(live, LiveSpec) and live.decides == "repeatably"
        return Decision(
            policy=live.name,
            version=live.version,
            steps=(Step(kind="primary", model=model),),
            propensity=1.0 if repeatable else None,
        )

    def failure(self, status: Literal["error", "invalid"], error_type: str) -> Failure:
        """A live decision that was not made, or not told."""
        live = self.routing.live
        return Failure(policy=live.name, version=live.version, status=status, error_type=error_type)


class ObservedRequest:
    """What `Observer.request` gives: a context manager around a call.

    Say `chose` before the call and `served` after it. Leaving without `served` records the outcome as unreported; an
    exception is recorded and goes on untouched.

    Args:
        watch: what the observer shares.
        facts: messages and metadata, by the argument names of `Observer.request`.

    Attributes:
        guard: counts what goes wrong at a named place and keeps it from the host.
    """

    def __init__(self, watch: Watch, facts: Mapping[str, Any]) -> None:
        self._watch = watch
        self._facts = facts
        self.guard = watch.recorder.containment.guard
        self._request: Request | None = None
        self._pending: Pending | None = None
        self._closed = False
        self._started_s = 0.0
        self._chosen_s = 0.0

    @property
    def request_id(self) -> str:
        """The id that signals may name later; empty before the request has begun."""
        return "" if self._request is None else self._request.request_id

    def begin(self) -> Self:
        """Freeze the request; the live decision starts now."""
        with self.guard("request"):
            facts = dict(self._facts)
            unknown = UNTOLD if facts.get("messages") is None else frozenset()
            known = {name: facts.pop(name, None) for name in CALL_FACTS}
            self._request = extract(
                **known,
                **merged(facts),
                hash_id=self._watch.recorder.hash_id,
                allowed_labels=self._watch.routing.labels,
                time_us=self._watch.clock.time_ns() // 1000,
                unknown=unknown,
            )
            self._started_s = self._watch.clock.perf_counter()
        return self

    def __enter__(self) -> Self:
        return self.begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self.failed(error)
        else:
            self.close(UNREPORTED)

    def chose(self, model: str) -> None:
        """The live decision: the model that will be asked. The time since the block began is its duration."""
        with self.guard("chose"):
            chosen_s = self._watch.clock.perf_counter()
            self._open(self._watch.decision(_model_name(model)), chosen_s - self._started_s)

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
    ) -> None:
        """What came back: an OpenAI-shaped reply, or its parts by name.

        Args:
            reply: a chat completion or a response, as object or dict.
            model: the model that answered.
            input_tokens: tokens of the prompt, cached ones included.
            cached_input_tokens: those of them that were read from the provider's cache.
            output_tokens: tokens of the answer.
            provider: who answered.
            response_id: the provider's id of the response; signals may name it.
            cost_usd: what the provider says it cost.
            text: the answer, for the shadows' validators. It never leaves the process.
        """
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
        """A whole reply. One that cannot be read leaves the outcome unreported, never guessed."""
        with self.guard("served"):
            if isinstance(reply, Answer):
                self.finish(reply, "complete")
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
    ) -> None:
        """Close with an answer, whole or partial. A reply that does not name its model came from the one asked for."""
        with self.guard("served"):
            self._ensure_open(answer.model)
            self.close(
                Outcome(
                    status=status,
                    model=answer.model or self._planned(),
                    provider=provider,
                    response_id=answer.response_id,
                    usage=answer.usage,
                    cost_usd=answer.cost_usd,
                    duration_s=self.since_chosen_s(),
                    ttft_s=ttft_s,
                    error_type=error_type,
                    answer=answer if answer.text or answer.score is not None else None,
                )
            )

    def failed(self, error: BaseException) -> None:
        """Close with the exception that the call raised; it goes on to the caller untouched."""
        with self.guard("failed"):
            name = type(error).__name__
            self._open(self._watch.failure("error", name), None)
            self.close(Outcome(status="error", error_type=name, duration_s=self.since_chosen_s()))

    def close(self, outcome: Outcome) -> None:
        """Close; only the first call counts."""
        with self.guard("close"):
            if self._closed or self._request is None:
                return
            self._closed = True
            self._open(self._watch.failure("invalid", "no_model"), None)
            if self._pending is not None:
                self._watch.recorder.close(self._pending, outcome)

    def since_chosen_s(self) -> float:
        """Seconds since the live decision."""
        return max(0.0, self._watch.clock.perf_counter() - self._chosen_s)

    def _ensure_open(self, model: str) -> None:
        """Without `chose`, the model that answered is the best known decision."""
        if self._pending is None and model:
            self._open(self._watch.decision(model), None)
            self._chosen_s = self._started_s

    def _open(self, decision: Decision | Failure, decide_s: float | None) -> None:
        """Hand the decision over, once: what was chosen first is what live decided."""
        if self._request is None or self._pending is not None:
            return
        self._chosen_s = self._watch.clock.perf_counter()
        self._pending = self._watch.recorder.open(self._request, STATELESS, decision, decide_s=decide_s)

    def _planned(self) -> str:
        decision = None if self._pending is None else self._pending.decision
        return decision.model if isinstance(decision, Decision) else ""


def _model_name(model: Any) -> str:
    if not isinstance(model, str) or not model:
        raise ShadowError(f"chose() must get the name of a model, got {type(model).__name__}")
    return model
