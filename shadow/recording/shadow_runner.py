"""Runs every shadow policy over batches of closed requests, off the request path.

One thread per policy, or one process for a policy that asks for it. The policies start one after another, because under
the interpreter lock threads that compute at the same time only take turns, 5 ms each; a policy that waits for something
does not hold up the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from shadow.domain.policy import Policy
from shadow.policies.guarded import PolicyResult
from shadow.recording.policy_runner import Closed, PolicyRunner
from shadow.recording.state_view import StateView
from shadow.runtime.containment import Containment
from shadow.state.own import OwnState

if TYPE_CHECKING:
    from shadow.policies.recipe import Recipe
    from shadow.prices.catalogue import Catalogue
    from shadow.recording.shadow_counts import ShadowCounts

NO_RECIPES: Final[Mapping[str, Recipe]] = MappingProxyType({})


class ShadowRunner:
    """Every shadow policy of a routing file. Used by one thread, the recorder's.

    Args:
        policies: the shadows.
        catalogue: knows which models exist.
        budget_s: seconds one decision may take.
        strikes: overruns after which a policy is switched off.
        sample_rate: share of requests that shadows see, by a hash of the request id.
        containment: counts what validators throw.
        counts: what all runners of a process did.
        own_state: makes the private state of a policy that wants one.
        recipes: of the policies that run in processes of their own, by name.

    Raises:
        ConfigError: a policy wants a state that does not exist.
    """

    def __init__(
        self,
        policies: Sequence[Policy],
        catalogue: Catalogue,
        *,
        own_state: Callable[[Policy], OwnState],
        budget_s: float,
        strikes: int,
        sample_rate: float,
        containment: Containment,
        counts: ShadowCounts,
        recipes: Mapping[str, Recipe] = NO_RECIPES,
    ) -> None:
        self._sample_rate = sample_rate
        self._counts = counts
        self._ended = False
        self._runners = [
            PolicyRunner(
                policy,
                catalogue,
                containment,
                StateView(policy, own_state, containment),
                budget_s=budget_s,
                strikes=strikes,
                recipe=recipes.get(policy.name),
            )
            for policy in policies
        ]

    def evaluate(self, batch: Sequence[Closed]) -> list[list[PolicyResult]]:
        """What every shadow says about every request: one list per request, empty outside the sample."""
        rows: list[list[PolicyResult]] = [[] for _ in batch]
        chosen = [n for n, closed in enumerate(batch) if sampled(closed.request.request_id, self._sample_rate)]
        asked = [number for number in chosen if not batch[number].shed]
        items = [batch[number] for number in asked]
        for runner in self._runners:
            runner.begin(items)
        for runner in self._runners:
            results = dict(zip(asked, runner.finish(items), strict=True))
            for number in chosen:
                result = results.get(number) or PolicyResult(decision=runner.guarded.failure("error", "shed"))
                rows[number].append(result)
        self._counts.add(result for row in rows for result in row)
        if self._ended:
            self.stop()
        return rows

    def start(self) -> None:
        """Start the threads now instead of with the first batch."""
        for runner in self._runners:
            runner.start_thread()

    def stop(self) -> None:
        """End the threads."""
        for runner in self._runners:
            runner.stop()

    def end(self) -> None:
        """End the threads for good. A batch that still comes starts them and ends them again."""
        self._ended = True
        self.stop()

    def after_fork(self) -> None:
        """Forget the parent's threads; the next batch starts new ones."""
        for runner in self._runners:
            runner.forget_thread()

    @property
    def switched_off(self) -> dict[str, str]:
        """Why a policy is not asked any more."""
        return {runner.policy.name: runner.off for runner in self._runners if runner.off}


def sampled(request_id: str, rate: float) -> bool:
    """Whether shadows see this request: the same answer in every process, for every policy."""
    if rate >= 1:
        return True
    digest = hashlib.md5(b"sample:" + request_id.encode("utf-8", "replace"), usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "big") < rate * 2**64
