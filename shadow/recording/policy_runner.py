"""The runner of one shadow policy: its thread or process, its strikes, and whether it is switched off."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from shadow.domain.policy import Decision, Policy
from shadow.errors import PolicyError, ShadowError
from shadow.policies.guarded import GuardedPolicy, PolicyResult, checked
from shadow.recording.state_view import Decided, StateView
from shadow.runtime.containment import Containment, describe, logger
from shadow.runtime.worker import Task, Worker, wait_for

if TYPE_CHECKING:
    from shadow.policies.recipe import Recipe
    from shadow.prices.catalogue import Catalogue
    from shadow.recording.isolation.process import ProcessWorker

HEAD_START_S: Final = 0.002
"""How long a policy may run before the next one is started beside it."""

FORGIVEN_AFTER: Final = 1000
"""Decisions in time that cancel one strike: rare pauses of the machine must not add up over weeks."""

FIRST_PROBE_S: Final = 30.0
LAST_PROBE_S: Final = 3600.0
"""First and longest pause before a policy that was switched off is probed. It doubles with every failed probe."""


class Closed(Decided, Protocol):
    """A closed request, for shadows."""

    @property
    def shed(self) -> bool:
        """Whether the shadows of this request are left out."""
        ...


class PolicyRunner:
    """Asks one policy about batches of requests and gives a result for each, whatever the policy does.

    Args:
        policy: the shadow.
        catalogue: of the existing models.
        containment: counts exceptions of validators.
        view: the state that the policy sees.
        budget_s: seconds for one decision.
        strikes: overruns after which the policy is switched off.
        recipe: builds the policy in a process of its own; None = it runs in a thread.
        tick: seconds of a monotonic clock.

    Attributes:
        off: why the policy is switched off; empty if it is not.
    """

    def __init__(
        self,
        policy: Policy,
        catalogue: Catalogue,
        containment: Containment,
        view: StateView,
        *,
        budget_s: float,
        strikes: int,
        recipe: Recipe | None = None,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        self.policy = policy
        self.guarded = GuardedPolicy(policy, catalogue, containment)
        self.off = ""
        self._catalogue = catalogue
        self._containment = containment
        self._view = view
        self._budget_s = budget_s
        self._strikes_left = self._strikes = strikes
        self._recipe = recipe
        self._tick = tick
        self._in_time = 0
        self._probe_at = 0.0
        self._pause_s = FIRST_PROBE_S
        self._is_probing = False
        self._worker: Worker[Closed, PolicyResult] | ProcessWorker[Closed] | None = None
        self._left: list[Worker[Closed, PolicyResult] | ProcessWorker[Closed]] = []
        self._task: Task[Closed, PolicyResult] | None = None

    def begin(self, items: Sequence[Closed]) -> None:
        """Start a batch and give it a head start. A policy that was switched off is probed with one request."""
        if self.off and items and self._may_be_probed():
            self._is_probing = True
            self._strikes_left = 1
            self._task = self._start(items[:1])
        elif items and not self.off:
            self._task = self._start(items)
        if self._task is not None:
            self._task.done.wait(HEAD_START_S)

    def finish(self, items: Sequence[Closed]) -> list[PolicyResult]:
        """The results of the current batch, one per item."""
        results: list[PolicyResult] = []
        while self._task is not None:
            task, self._task = self._task, None
            overran = wait_for(task, self._budget_s)
            done = task.results[:overran]
            results += done
            self._reward(len(done))
            if overran is not None:
                self._strike(f"{self._strikes} decisions {self._overrun}")
                results.append(self._failed("timeout", "timeout", f"the decision {self._overrun}", self._budget_s))
            elif task.gave_up:
                self._strike(f"{self._strikes} failures, the last one: {task.gave_up}")
                results.append(self._failed("error", "process_ended", task.gave_up))
            rest = items[len(results) :]
            if rest and not self.off:
                self._task = self._start(rest)
        self._is_probing = False
        missing = self._failed("error", "switched_off", self.off) if self.off else self._failed("error", "starting")
        return results + [missing] * (len(items) - len(results))

    def start_thread(self) -> Worker[Closed, PolicyResult] | ProcessWorker[Closed]:
        """The policy's thread or process, started if there is none."""
        if self._worker is None:
            name = f"shadowroute-{self.policy.name}"
            self._worker = Worker(name, self._ask) if self._recipe is None else self._process(name, self._recipe)
        return self._worker

    def stop(self) -> None:
        """End the thread or process after its current batch."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def forget_thread(self) -> None:
        """In a forked child the thread does not exist, and the process is the parent's."""
        for worker in (self._worker, *self._left):
            if worker is not None:
                worker.forget()
        self._worker = None
        self._left.clear()
        self._task = None

    def _start(self, items: Sequence[Closed]) -> Task[Closed, PolicyResult] | None:
        """Begin with items; None while a process still starts."""
        worker = self.start_thread()
        return worker.start(items) if worker.is_ready() else None

    def _process(self, name: str, recipe: Recipe) -> ProcessWorker[Closed]:
        from shadow.recording.isolation.child import Order  # noqa: PLC0415 - few services have such a policy
        from shadow.recording.isolation.pipe import pickled_item  # noqa: PLC0415 - as above
        from shadow.recording.isolation.process import ProcessWorker  # noqa: PLC0415 - as above

        return ProcessWorker(
            name,
            Order(recipe, self._catalogue, self.policy.version, self._budget_s),
            encode=lambda closed: (
                self._killed()
                if self._view.is_killed(closed)
                else pickled_item(closed.request, self._view.snapshot(closed), closed.final)
            ),
            decode=self._decoded,
            one_by_one=self._view.is_private,
            failed=lambda error: self._failed("error", type(error).__name__, describe(error)),
        )

    def _ask(self, closed: Closed) -> PolicyResult:
        if self._view.is_killed(closed):
            return self._killed()
        result = self.guarded.ask(closed.request, self._view.snapshot(closed), closed.final)
        self._view.decided(closed, result)
        return result

    def _killed(self) -> PolicyResult:
        return self._failed("error", "killed")

    def _decoded(self, closed: Closed, content: bytes) -> PolicyResult:
        """The result of the policy's process, checked like that of a thread."""
        from shadow.recording.isolation.pipe import decoded_result  # noqa: PLC0415 - as above

        result, errors = decoded_result(content)
        for where, text in errors:
            self._containment.note(where, ShadowError(text))
        if isinstance(result.decision, Decision):
            try:
                checked(self.policy.name, result.decision, self._catalogue)
            except PolicyError as error:
                return self._failed("invalid", error.error_type, str(error), result.duration_s)
        self._view.decided(closed, result)
        return result

    @property
    def _overrun(self) -> str:
        return f"took longer than {self._budget_s * 1000:g} ms"

    def _failed(self, status: str, error_type: str, message: str = "", duration_s: float | None = None) -> PolicyResult:
        failure = self.guarded.failure(status, error_type, message)  # type: ignore[arg-type]  # three words, above
        return PolicyResult(decision=failure, duration_s=duration_s)

    def _reward(self, in_time: int) -> None:
        if in_time and self._is_probing:
            self.off = ""
            self._is_probing = False
            self._strikes_left = self._strikes
            self._pause_s = FIRST_PROBE_S
            logger.warning("shadowroute: shadow policy %s switched on again; it decided in time", self.policy.name)
        self._in_time += in_time
        if self._in_time >= FORGIVEN_AFTER:
            self._in_time = 0
            self._strikes_left = min(self._strikes_left + 1, self._strikes)

    def _strike(self, reason: str) -> None:
        if self._worker is not None:
            self._worker.abandon()
            self._left = [each for each in (*self._left, self._worker) if each.is_alive()]
            self._worker = None
        self._in_time = 0
        self._strikes_left -= 1
        if self._strikes_left > 0 and len(self._left) < self._strikes:
            return
        self._probe_at = self._tick() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LAST_PROBE_S)
        if not self.off:
            logger.error(
                "shadowroute: shadow policy %s switched off (%s); your requests are unaffected, its decisions are "
                "missing; correct it or raise limits.budget_s; it is tried again with one request in %g s",
                self.policy.name,
                reason,
                self._probe_at - self._tick(),
            )
        self.off = reason

    def _may_be_probed(self) -> bool:
        """After its pause, and only while no abandoned thread or process runs, so that stuck threads stay few."""
        if self._tick() < self._probe_at:
            return False
        self._left = [each for each in self._left if each.is_alive()]
        return not self._left
