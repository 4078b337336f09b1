"""The execution of one request: primary, escalation after a refused answer, fallback or retry after a failure.

`Execution` is a state machine without input or output: it names the next dispatch and takes its result.
docs/router.md, "Which answer is served", has the rules as a table. In short:

- After a refused answer, the same model is asked again if its step has `retry_same`, then the next escalation. The
  refused answer of the last model is served, and flagged for review.
- An answer before a verifying escalation is a draft: it is served if that model approves it.
- After a failure of a provider comes the next fallback; without one, the rest of the cascade; then the same model.
- If a provider asks for a short wait, the router waits; else the next fallback serves.
- Any other failure, and any failure after the first chunk reached the caller, is raised to the caller.
"""

from __future__ import annotations

from shadow.domain.outcome import REFUSED, Answer, AttemptKind, Outcome
from shadow.domain.policy import Decision, Policy, Step
from shadow.domain.request import Request
from shadow.domain.snapshot import STATELESS, Snapshot
from shadow.errors import ProviderError, UnservedError, error_type_of
from shadow.execution.attempt_ledger import Ledger
from shadow.execution.cost_limits import CostCap
from shadow.execution.dispatch import Dispatch
from shadow.execution.draft import Draft
from shadow.execution.inspection import PASSED, Correction, Finding, Inspector
from shadow.execution.recovery import Recovery
from shadow.execution.request_limits import Admission
from shadow.execution.steps import Steps
from shadow.execution.terms import WITHOUT_RETRIES, Terms
from shadow.execution.validator_context import LiveValidatorContext
from shadow.prices.billing import Billing
from shadow.prices.catalogue import Catalogue

SLOW = "latency_budget"
"""`error_type` of an attempt that exceeded its tier's latency budget while another step was left."""


class Execution:
    """The execution of one request's decision, step by step. Driven by exactly one shell.

    Args:
        policy: validates answers if it can escalate.
        request: as every policy sees it.
        decision: its steps.
        catalogue: names models and their providers.
        terms: shared by all executions of the router.
        snapshot: of the decision.
        billing: prices, for cost budgets; None = there are none.
        pin: the caller's model in place of the decided steps; empty = none.
        timeout_s: seconds for one dispatch, instead of the configured ones.
        deadline_s: seconds for the whole request, instead of the configured ones.
        context: time and models for validators; None = validators that need it give no verdict.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        request: Request,
        decision: Decision,
        catalogue: Catalogue,
        terms: Terms = WITHOUT_RETRIES,
        snapshot: Snapshot = STATELESS,
        billing: Billing | None = None,
        pin: str = "",
        timeout_s: float | None = None,
        deadline_s: float | None = None,
        context: LiveValidatorContext | None = None,
    ) -> None:
        settings = terms.settings
        self._inspector = Inspector(policy, request, decision, context)
        self._terms = terms
        self._timeout_s = settings.timeout_s if timeout_s is None else timeout_s
        self._deadline_s = settings.deadline_s if deadline_s is None else deadline_s
        self._budget = settings.budget_of(request.user_tier)
        self._cost = CostCap.of(self._budget, billing=billing, catalogue=catalogue, request=request)
        self._wants_json = request.wants_json
        steps = (Step(kind="primary", model=pin),) if pin else decision.steps
        self._admission = Admission(request, snapshot, catalogue, terms.state, self._cost)
        self._steps = Steps(steps, self._admission.objection)
        self._recovery = Recovery(self._steps, terms, self._admission, catalogue, is_pinned=bool(pin))
        self._ledger = Ledger(catalogue, is_pinned=bool(pin))
        self._draft: Draft | None = None
        self._next: Dispatch | None = None
        self._unserved: UnservedError | None = None
        self._same_again = 0

    @property
    def answer(self) -> Answer | None:
        """The served answer; None before there is one."""
        return self._ledger.answer

    def next(self) -> Dispatch:
        """The dispatch to run now.

        Raises:
            UnservedError: no step may be asked.
        """
        if self._next is None and self._unserved is None:
            self._begin()
        if self._unserved is not None or self._next is None:
            raise self._unserved or AssertionError("an execution that began has a dispatch or an error")
        return self._next

    def withdrawn(self, planned: Dispatch, error: BaseException) -> None:
        """The wait before a dispatch was interrupted; there was no dispatch."""
        self._ledger.error_type = error_type_of(error)
        self._terms.state.attempt(planned.model, error_type=self._ledger.error_type, latency_s=0.0)

    @property
    def left_s(self) -> float | None:
        """Seconds left for the request; None = no deadline."""
        return None if self._deadline_s is None else self._deadline_s - self._ledger.elapsed_s

    def inspect(self, answer: Answer, latency_s: float) -> Finding:
        """The validators' finding on a new answer, for `answered`."""
        if not self._is_inspected:
            return PASSED
        try:
            return self._inspector.inspect(self._steps.current, answer, self._left_after(latency_s))
        except BaseException as error:
            self._left(answer, error, latency_s)
            raise

    async def ainspect(self, answer: Answer, latency_s: float) -> Finding:
        """As `inspect`, without blocking the event loop."""
        if not self._is_inspected:
            return PASSED
        try:
            return await self._inspector.ainspect(self._steps.current, answer, self._left_after(latency_s))
        except BaseException as error:
            self._left(answer, error, latency_s)
            raise

    def answered(self, answer: Answer, latency_s: float, finding: Finding, *, ttft_s: float | None = None) -> bool:
        """A dispatch gave a whole answer, `latency_s` after its start; its first chunk came after `ttft_s`.

        Returns:
            True if `self.answer` is now served: this one, or the draft that it approves. False if `next` has more.
        """
        planned = self.next()
        self._note(answer, finding.error_type, latency_s, ttft_s=ttft_s)
        self._pay(answer)
        self._ledger.waited(finding.duration_s)
        if planned.draft is not None and planned.draft.stands(answer):
            self._serve_draft(planned.draft, latency_s if ttft_s is not None else None)
            return True
        self._draft = self._drafted(answer, finding)
        if not planned.judged or not (finding.error_type or self._steps.verifies_next):
            self._ledger.needs_review = "last_step_refused" if finding.error_type == REFUSED else ""
            self._ledger.serve(answer, "complete", ttft_s)
            return True
        if not self._has_time:
            what = "was refused" if finding.error_type else "is an unchecked draft"
            text = f"the answer of {self._steps.current.model} {what}, and no time is left; raise deadline_s"
            self._give_up(UnservedError(text, error_type="deadline"))
        elif not self._asks_same_again(answer, finding):
            if self._steps.escalate():
                self._plan(self._steps.kind)
            else:
                self._give_up(self._steps.unserved())
        return False

    def failed(self, error: BaseException, latency_s: float) -> bool:
        """A dispatch failed before any chunk reached the caller.

        Returns:
            True if `next` has more, False if the error must be raised to the caller.
        """
        planned = self.next()
        error_type = error_type_of(error)
        if error_type == "timeout" and planned.ran_out(latency_s):
            error_type = SLOW
        told_s = error.retry_after_s if isinstance(error, ProviderError) else None
        self._note(None, error_type, latency_s, retry_after_s=told_s)
        self._ledger.error_type = error_type
        self._steps.fail()
        return isinstance(error, ProviderError) and self._recovers(error, error_type)

    def broken(self, error: BaseException, received: Answer, latency_s: float, *, ttft_s: float | None) -> None:
        """A stream ended early after its first chunk reached the caller: by a failure, or closed by the caller."""
        self._ledger.error_type = "" if isinstance(error, GeneratorExit) else error_type_of(error)
        self._note(received, self._ledger.error_type, latency_s, ttft_s=ttft_s, told=error_type_of(error))
        self._ledger.serve(received, "partial", ttft_s)

    def outcome(self) -> Outcome:
        """The outcome with every attempt: `error` without an answer, `unreported` without an attempt."""
        return self._ledger.outcome()

    def _pay(self, answer: Answer) -> None:
        """Subtract an answer from the cost budget, and note whether it was cut to keep it."""
        if self._cost is not None:
            self._cost.paid(self._steps.current.model, answer)
        cap = self.next().output_tokens
        self._ledger.is_cut = cap is not None and (answer.usage.output_tokens or 0) >= cap

    def _drafted(self, answer: Answer, finding: Finding) -> Draft | None:
        """The answer as a draft, if the next model checks it. Tool calls cannot be checked."""
        if not self._steps.verifies_next or not answer.text or answer.tool_calls:
            return None
        return Draft(
            answer,
            len(self._ledger.attempts) - 1,
            asks=finding.verdict.asks if finding.error_type else "",
            may_stand=not finding.error_type and not self._wants_json,
            is_cut=self._ledger.is_cut,
        )

    def _serve_draft(self, draft: Draft, ttft_s: float | None) -> None:
        self._ledger.is_cut = draft.is_cut
        self._ledger.serve(draft.answer, "complete", ttft_s, place=draft.place)

    def _begin(self) -> None:
        try:
            self._admission.check_spending()
        except UnservedError as error:
            self._give_up(error)
            return
        if self._steps.begin() or self._steps.resort_to(self._admission.comes_back):
            self._plan(self._steps.kind)
        else:
            self._give_up(self._steps.unserved())

    def _plan(self, kind: AttemptKind, wait_s: float = 0.0, shown: Correction | Draft | None = None) -> None:
        model = self._steps.current.model
        if kind == "retry":
            self._recovery.again()
        else:
            self._same_again = self._steps.current.retry_same
            self._recovery.begin()
            if kind == "escalation" and self._steps.current.verifies:
                shown = self._draft
        self._ledger.strayed = self._ledger.strayed or self._steps.kind == "fallback"
        self._ledger.waited(wait_s)
        is_cascade = self._steps.kind != "fallback" and (self._steps.may_escalate or self._same_again > 0)
        self._next = Dispatch(
            kind=kind,
            model=model,
            judged=is_cascade and (self._inspector.can_judge or self._steps.verifies_next),
            shown=shown,
            wait_s=wait_s,
            timeout_s=self._timeout_s,
            deadline_s=self.left_s,
            latency_s=self._budget.latency_s if self._steps.has_more else None,
            chunk_s=self._terms.settings.first_chunk_s,
            output_tokens=None if self._cost is None else self._cost.output_tokens(model),
        )

    @property
    def _is_inspected(self) -> bool:
        """Whether the answer of this dispatch has validators. A fallback's answer is served without."""
        return self.next().judged or (self._steps.kind != "fallback" and bool(self._steps.current.accept_if))

    def _asks_same_again(self, answer: Answer, finding: Finding) -> bool:
        """Ask the same model again if its step has `retry_same`, but not because a validator failed."""
        if finding.error_type != REFUSED or not self._same_again:
            return False
        self._same_again -= 1
        is_told = self._steps.current.tells_why and bool(answer.text)
        self._plan("retry", shown=Correction(answer.text, finding.verdict.asks) if is_told else None)
        return True

    def _left(self, answer: Answer, error: BaseException, latency_s: float) -> None:
        """The caller left while its answer was validated; the cost of the answer is recorded."""
        self._ledger.error_type = error_type_of(error)
        self._note(answer, self._ledger.error_type, latency_s, told="")

    def _recovers(self, error: ProviderError, error_type: str) -> bool:
        """Plan the next dispatch after a failure; False if there is none."""
        if not self._has_time or len(self._ledger.attempts) >= self._terms.settings.max_attempts:
            return False
        left_s = float("inf") if self.left_s is None else self.left_s
        recovered = self._recovery.after(error, "slow" if error_type == SLOW else error.failure_class, left_s)
        if recovered is None:
            return False
        self._ledger.strayed = self._ledger.strayed or recovered.strayed
        if recovered.way == "retry":
            self._plan("retry", recovered.wait_s, shown=self.next().shown)
        else:
            self._plan(self._steps.kind)
        return True

    def _left_after(self, latency_s: float) -> float | None:
        """Seconds left for the request after a dispatch that is not recorded yet."""
        left_s = self.left_s
        return None if left_s is None else left_s - latency_s

    @property
    def _has_time(self) -> bool:
        return self._deadline_s is None or self._ledger.elapsed_s < self._deadline_s

    def _give_up(self, error: UnservedError) -> None:
        self._ledger.error_type = error.error_type
        self._unserved = error

    def _note(
        self,
        answer: Answer | None,
        error_type: str,
        latency_s: float,
        *,
        ttft_s: float | None = None,
        retry_after_s: float | None = None,
        told: str | None = None,
    ) -> None:
        """Record an attempt and report it to the state; `told` is the state's error type if it differs."""
        planned = self.next()
        self._ledger.note(planned.kind, planned.model, answer, error_type, latency_s)
        self._terms.state.attempt(
            planned.model,
            error_type=error_type if told is None else told,
            latency_s=self._ledger.attempts[-1].latency_s,
            ttft_s=ttft_s,
            retry_after_s=retry_after_s,
        )
