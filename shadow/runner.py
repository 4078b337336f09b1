"""Runs every shadow policy over batches of closed requests, off the request path.

One thread per policy. The policies start one after another, because under the interpreter lock threads that compute at
the same time only take turns, 5 ms each; a policy that waits for something does not hold up the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from shadow.contained import Containment, logger
from shadow.judge import Judge, Judgement
from shadow.outcome import Outcome
from shadow.policy import Policy
from shadow.request import Request
from shadow.snapshot import Snapshot
from shadow.state.own import OwnState
from shadow.view import View
from shadow.worker import Task, Worker, wait_for

if TYPE_CHECKING:
    from shadow.catalogue import Catalogue
    from shadow.shadow_counts import ShadowCounts

HEAD_START_S: Final = 0.002
"""How long a policy may run before the next one is started beside it."""

FORGIVEN_AFTER: Final = 1000
"""Decisions in time that take one strike back: a rare pause of the machine must not add up over weeks."""


class Closed(Protocol):
    """What the runner reads of a closed request."""

    @property
    def request(self) -> Request:
        """The frozen request."""
        ...

    @property
    def snapshot(self) -> Snapshot:
        """The router's state when live decided."""
        ...

    @property
    def final(self) -> Outcome:
        """What was served."""
        ...

    @property
    def shed(self) -> bool:
        """There is no time for the shadows of this request."""
        ...


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
    ) -> None:
        self._sample_rate = sample_rate
        self._counts = counts
        self._ended = False
        self._posts = [
            _Post(
                policy, Judge(policy, catalogue, containment), View(policy, own_state, containment), budget_s, strikes
            )
            for policy in policies
        ]

    def evaluate(self, batch: Sequence[Closed]) -> list[list[Judgement]]:
        """What every shadow says about every request: one list per request, empty outside the sample."""
        rows: list[list[Judgement]] = [[] for _ in batch]
        chosen = [n for n, closed in enumerate(batch) if sampled(closed.request.request_id, self._sample_rate)]
        asked = [number for number in chosen if not batch[number].shed]
        items = [batch[number] for number in asked]
        for post in self._posts:
            post.begin(items)
        for post in self._posts:
            judgements = dict(zip(asked, post.finish(items), strict=True))
            for number in chosen:
                judgement = judgements.get(number) or Judgement(decision=post.judge.failure("error", "shed"))
                rows[number].append(judgement)
        self._counts.add(judgement for row in rows for judgement in row)
        if self._ended:
            self.stop()
        return rows

    def start(self) -> None:
        """Start the threads now instead of with the first batch."""
        for post in self._posts:
            post.start_thread()

    def stop(self) -> None:
        """End the threads."""
        for post in self._posts:
            post.stop()

    def end(self) -> None:
        """End the threads for good. A batch that still comes starts them and ends them again."""
        self._ended = True
        self.stop()

    def after_fork(self) -> None:
        """Forget the parent's threads; the next batch starts new ones."""
        for post in self._posts:
            post.forget_thread()

    @property
    def switched_off(self) -> dict[str, str]:
        """Why a policy is not asked any more."""
        return {post.policy.name: post.off for post in self._posts if post.off}


class _Post:
    """One policy at its place: its thread, its strikes, and whether it is still asked."""

    def __init__(self, policy: Policy, judge: Judge, view: View, budget_s: float, strikes: int) -> None:
        self.policy = policy
        self.judge = judge
        self._view = view
        self.off = ""
        self._budget_s = budget_s
        self._strikes_left = self._strikes = strikes
        self._in_time = 0
        self._worker: Worker[Closed, Judgement] | None = None
        self._task: Task[Closed, Judgement] | None = None

    def begin(self, items: Sequence[Closed]) -> None:
        """Start a batch and give it a moment alone."""
        if items and not self.off:
            self._task = self._start(items)
            self._task.done.wait(HEAD_START_S)

    def finish(self, items: Sequence[Closed]) -> list[Judgement]:
        """The judgements of the batch that was begun; one per item, whatever the policy did."""
        judgements: list[Judgement] = []
        while self._task is not None:
            task, self._task = self._task, None
            overran = wait_for(task, self._budget_s)
            done = task.results[:overran]
            judgements += done
            self._reward(len(done))
            if overran is None:
                break
            self._strike()
            judgements.append(self._timed_out())
            rest = items[len(judgements) :]
            if rest and not self.off:
                self._task = self._start(rest)
        missing = len(items) - len(judgements)
        return judgements + [Judgement(decision=self.judge.failure("error", "switched_off", self.off))] * missing

    def stop(self) -> None:
        """End the thread after its current batch."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def forget_thread(self) -> None:
        """In a forked child the thread does not exist."""
        self._worker = None
        self._task = None

    def start_thread(self) -> Worker[Closed, Judgement]:
        """The policy's thread, started if there is none."""
        if self._worker is None:
            self._worker = Worker(f"shadowroute-{self.policy.name}", self._ask)
        return self._worker

    def _start(self, items: Sequence[Closed]) -> Task[Closed, Judgement]:
        return self.start_thread().start(items)

    def _ask(self, closed: Closed) -> Judgement:
        if self._view.is_killed(closed):
            return Judgement(decision=self.judge.failure("error", "killed"))
        judgement = self.judge.ask(closed.request, self._view.snapshot(closed), closed.final)
        self._view.decided(closed, judgement)
        return judgement

    def _timed_out(self) -> Judgement:
        rule = f"the decision took longer than {self._budget_s * 1000:g} ms"
        return Judgement(decision=self.judge.failure("timeout", "timeout", rule), duration_s=self._budget_s)

    def _reward(self, in_time: int) -> None:
        self._in_time += in_time
        if self._in_time >= FORGIVEN_AFTER:
            self._in_time = 0
            self._strikes_left = min(self._strikes_left + 1, self._strikes)

    def _strike(self) -> None:
        if self._worker is not None:
            self._worker.abandon()
            self._worker = None
        self._in_time = 0
        self._strikes_left -= 1
        if self._strikes_left <= 0:
            self.off = f"{self._strikes} decisions took longer than {self._budget_s * 1000:g} ms"
            logger.error(
                "shadowroute switched shadow policy %s off: %s; make it faster or raise limits.budget_s, then restart",
                self.policy.name,
                self.off,
            )


def sampled(request_id: str, rate: float) -> bool:
    """Whether shadows see this request: the same answer in every process, for every policy."""
    if rate >= 1:
        return True
    digest = hashlib.md5(b"sample:" + request_id.encode("utf-8", "replace"), usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "big") < rate * 2**64
