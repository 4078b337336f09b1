"""Time and models for the validators of one request. Calls of models are paid and recorded."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace

from shadow.domain.outcome import UNKNOWN_USAGE, Answer, JudgeCall, Outcome
from shadow.domain.request import Request
from shadow.errors import ConfigError, UnjudgedError
from shadow.execution.stream_buffer import Tick
from shadow.prices.catalogue import Catalogue, Model
from shadow.providers.protocol import Call
from shadow.providers.registry import Providers


class LiveValidatorContext:
    """The context of the validators of one request.

    Args:
        request: whose answers are validated.
        catalogue: describes the models.
        providers: call them.
        tick: a monotonic clock in seconds.
        killed: models and providers with a kill switch on.

    Attributes:
        calls: every call of a model, in order.
    """

    def __init__(
        self,
        *,
        request: Request,
        catalogue: Catalogue,
        providers: Providers,
        tick: Tick,
        killed: Collection[str] = (),
    ) -> None:
        self._request = request
        self._catalogue = catalogue
        self._providers = providers
        self._tick = tick
        self._killed = killed
        self._ends: float | None = None
        self.calls: list[JudgeCall] = []

    def begin(self, left_s: float | None) -> None:
        """Start the validation of an answer, with the seconds left for the request; None = no deadline."""
        self._ends = None if left_s is None else self._tick() + left_s

    def tick(self) -> float:
        """Now, in seconds of a monotonic clock."""
        return self._tick()

    def time_left_s(self, at_most: float) -> float:
        """Seconds that a check may take now."""
        return at_most if self._ends is None else max(0.0, min(at_most, self._ends - self._tick()))

    def ask(self, model: str, prompt: str, timeout_s: float) -> Answer:
        """The answer of a model to one question."""
        call = self._call(model, prompt, timeout_s)
        with self._noted(call.model) as note:
            note.answer = self._providers.of(call.model).complete(call)
            return note.answer

    async def aask(self, model: str, prompt: str, timeout_s: float) -> Answer:
        """As `ask`, without blocking the event loop."""
        call = self._call(model, prompt, timeout_s)
        with self._noted(call.model) as note:
            note.answer = await self._providers.of(call.model).acomplete(call)
            return note.answer

    def added_to(self, outcome: Outcome) -> Outcome:
        """The outcome with these calls."""
        return replace(outcome, judge_calls=tuple(self.calls)) if self.calls else outcome

    def _call(self, model: str, prompt: str, timeout_s: float) -> Call:
        found = self._catalogue.get(model)
        if found is None:
            raise ConfigError(self._catalogue.objection(model))
        if found.name in self._killed or found.provider in self._killed:
            raise UnjudgedError(f"judge {model} must not be asked; a kill switch has switched it off")
        return Call(
            request=self._request,
            model=found,
            messages=[{"role": "user", "content": prompt}],
            params={},
            timeout_s=self.time_left_s(timeout_s),
        )

    @contextmanager
    def _noted(self, model: Model) -> Iterator[_Note]:
        """Record the call, also a failed one: it took time and may cost money."""
        note, started, error_type = _Note(), self._tick(), ""
        try:
            yield note
        except BaseException as error:
            error_type = str(getattr(error, "error_type", "") or type(error).__name__)
            raise
        finally:
            answer = note.answer
            self.calls.append(
                JudgeCall(
                    model=model.name,
                    provider=model.provider,
                    error_type=error_type,
                    usage=UNKNOWN_USAGE if answer is None else answer.usage,
                    latency_s=self._tick() - started,
                    response_model="" if answer is None else answer.model,
                )
            )


class _Note:
    answer: Answer | None = None
