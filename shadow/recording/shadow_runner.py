"""Runs every shadow policy over batches of closed requests, off the request path.

Each policy has a thread, or a process with `isolation: process`. The policies start one after another, because under
the interpreter lock computing threads only take turns of 5 ms; a policy that waits does not delay the others.
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
        catalogue: of the existing models.
        budget_s: seconds for one decision.
        strikes: overruns after which a policy is switched off.
        sample_rate: share of requests for the shadows, by a hash of the request id.
        containment: counts exceptions of validators.
        counts: shared by all runners of a process.
        own_state: makes the private state of a policy.
        recipes: of the policies that run in processes of their own, by name.

    Raises:
        ConfigError: the `state_mode` of a policy is unknown.
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
        """The result of every shadow for every request: one list per request, empty outside the sample."""
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
        """End the threads for good. A later batch starts them and ends them again."""
        self._ended = True
        self.stop()

    def after_fork(self) -> None:
        """Forget the parent's threads; the next batch starts new ones."""
        for runner in self._runners:
            runner.forget_thread()

    @property
    def switched_off(self) -> dict[str, str]:
        """Policies that are switched off, with the reason."""
        return {runner.policy.name: runner.off for runner in self._runners if runner.off}


def sampled(request_id: str, rate: float) -> bool:
    """Whether shadows see this request: the same answer in every process, for every policy."""
    if rate >= 1:
        return True
    digest = hashlib.md5(b"sample:" + request_id.encode("utf-8", "replace"), usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "big") < rate * 2**64
