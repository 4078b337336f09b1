"""The next dispatch after a failure: another step, the same model again, or none."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from shadow.errors import FailureClass, ProviderError
from shadow.execution.request_limits import Admission
from shadow.execution.retries import provider_of, wait_before_retry_s
from shadow.execution.steps import Steps
from shadow.execution.terms import Terms
from shadow.prices.catalogue import Catalogue

Way = Literal["step", "retry"]
Failed = FailureClass | Literal["slow"]


class Recovered(NamedTuple):
    """How a request goes on after a failure.

    Attributes:
        way: another step, or the same model again.
        wait_s: seconds before that.
        strayed: the step is not a fallback of the policy, so its answer is not the policy's choice.
    """

    way: Way
    wait_s: float = 0.0
    strayed: bool = False


TO_STEP: Final = Recovered("step")
TO_PEER_OF_SLOW: Final = Recovered("step", strayed=True)


class Recovery:
    """Finds the next dispatch after a failure.

    Args:
        steps: of the request; the chosen step becomes the current one.
        terms: limits of retries and waits.
        admission: which models may be asked.
        catalogue: names the providers.
        is_pinned: whether the caller chose the model, so that no other may replace it.
    """

    def __init__(
        self, steps: Steps, terms: Terms, admission: Admission, catalogue: Catalogue, *, is_pinned: bool
    ) -> None:
        self._steps = steps
        self._terms = terms
        self._admission = admission
        self._catalogue = catalogue
        self._is_pinned = is_pinned
        self._retries = 0

    def begin(self) -> None:
        """A step is asked for the first time; its retries are counted from now on."""
        self._retries = 0
        provider = provider_of(self._catalogue, self._steps.current.model)
        self._terms.retries.request(provider, self._terms.settings.retry.budget)

    def again(self) -> None:
        """The same model is asked again."""
        self._retries += 1

    def after(self, error: ProviderError, failure: Failed, left_s: float) -> Recovered | None:
        """The next dispatch after a failure of the current step; None = the error reaches the caller.

        Args:
            error: of the provider.
            failure: its class, or `slow` if the latency budget ended the dispatch.
            left_s: seconds left for the request.
        """
        match failure:
            case "slow":
                return TO_PEER_OF_SLOW if self._steps.escalate() else self._retry(self._wait_s(None), left_s)
            case "outage":
                if self._steps.fall_back():
                    return TO_STEP
                return self._retry(self._wait_s(error.retry_after_s), left_s, asks_state=True)
            case "rate_limit":
                return self._after_rate_limit(self._wait_s(error.retry_after_s), left_s)
            case "quota" | "context_length" | "content_policy":
                return TO_STEP if self._takes_instead(failure) else None
            case _:
                return None

    def _after_rate_limit(self, wait_s: float, left_s: float) -> Recovered | None:
        """Wait for the provider if the wait is short; else ask a peer; without a peer, wait longer."""
        if wait_s <= self._terms.settings.retry.patience_s:
            recovered = self._retry(wait_s, left_s)
            if recovered:
                return recovered
        return TO_STEP if self._steps.fall_back() else self._retry(wait_s, left_s)

    def _takes_instead(self, failure: Failed) -> bool:
        """Take another step for a request that its model cannot answer."""
        if failure == "quota":
            return self._steps.fall_back()
        if self._is_pinned:
            return False
        settings = self._terms.settings
        return self._steps.divert(settings.long_context if failure == "context_length" else settings.content_policy)

    def _retry(self, wait_s: float, left_s: float, *, asks_state: bool = False) -> Recovered | None:
        """The current model again, unless its breaker has opened meanwhile.

        After a rate limit the state is not asked: it would refuse, although the router waits as the provider asks.
        """
        settings = self._terms.settings.retry
        if not settings.budget or self._retries >= settings.times or wait_s >= left_s:
            return None
        model = self._steps.current.model
        if not self._terms.retries.take(provider_of(self._catalogue, model)) or (
            asks_state and self._admission.objection(model)
        ):
            return None
        return Recovered("retry", wait_s)

    def _wait_s(self, told_s: float | None) -> float:
        return wait_before_retry_s(self._terms.settings.retry, self._retries, told_s, self._terms.jitter)
