"""The true effect of a policy: its plan walked over known answers, and the sums that follow.

A log of live decisions lacks the answers of models that were not called. A table of recorded outcomes (backtest) or a
simulator (demo) does, so here a policy is executed in full: cheap answer, validators, escalation, with the tokens of
the models that it would have called. The estimates of the measures are then compared with these truths.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from shadow.domain.outcome import Answer, Attempt, Outcome
from shadow.domain.policy import Decision, Policy
from shadow.domain.request import Request
from shadow.errors import PolicyError
from shadow.execution import Dispatch, Execution, run
from shadow.prices.catalogue import Catalogue
from shadowroute.analysis.backtest.result import TruthDocument
from shadowroute.analysis.prices import PriceTable

AnswerOf = Callable[[str], Answer]
"""Model -> its answer to the request at hand; raises `MissingOutcomeError` where none is known."""


@dataclass(frozen=True, slots=True)
class Walk:
    """One policy executed on one request."""

    decision: Decision
    outcome: Outcome
    served: Answer

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every call that is paid, in order."""
        return self.outcome.attempts

    @property
    def escalated(self) -> bool:
        """The cheap answer was refused and a second call paid."""
        return len(self.attempts) > 1

    @property
    def output_tokens(self) -> int:
        """Written by the answer that was served."""
        return self.served.usage.output_tokens or 0

    def usd(self, prices: PriceTable, day: date) -> float | None:
        """Cost of every call; None if one of them has no price."""
        costs = [prices.usd(attempt.model, attempt.usage, day) for attempt in self.attempts]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if len(known) == len(costs) else None


class UnknownCheckError(Exception):
    """It is unknown whether one model would have accepted the draft of another."""


def walk(policy: Policy, request: Request, decision: Decision, answer_of: AnswerOf, catalogue: Catalogue) -> Walk:
    """Executes a decision with the router's own executor, on answers that are known.

    Raises:
        MissingOutcomeError: a model that the plan needs has no known answer.
        UnknownCheckError: the plan checks a draft, and the result of the check is unknown.
    """

    def known_answer(dispatch: Dispatch) -> Answer:
        if dispatch.draft is not None:
            raise UnknownCheckError
        return answer_of(dispatch.model)

    execution = Execution(policy=policy, request=request, decision=decision, catalogue=catalogue)
    run(execution, known_answer, _no_time)
    outcome = execution.outcome()
    if outcome.answer is None:
        raise PolicyError(decision.policy, "was executed without an answer")
    return Walk(decision, outcome, outcome.answer)


def _no_time() -> float:
    """Known answers take no time."""
    return 0.0


@dataclass
class _Scores:
    n: int = 0
    live: float = 0.0
    shadow: float = 0.0

    def add(self, live: float, shadow: float) -> None:
        self.n += 1
        self.live += live
        self.shadow += shadow

    @property
    def change(self) -> float | None:
        return (self.shadow - self.live) / self.n if self.n else None


@dataclass
class TruthSum:
    """Adds up walks of one shadow against live's."""

    prices: PriceTable
    n: int = 0
    cascades: int = 0
    escalated: int = 0
    downgraded_n: int = 0
    unpriced: int = 0
    live_usd: float = 0.0
    shadow_usd: float = 0.0
    live_output: int = 0
    shadow_output: int = 0
    everywhere: _Scores = field(default_factory=_Scores)
    downgraded: _Scores = field(default_factory=_Scores)

    def add(self, live: Walk, shadow: Walk, day: date) -> None:
        """One request on which both policies decided."""
        self.n += 1
        self._add_cost(live.usd(self.prices, day), shadow.usd(self.prices, day))
        if shadow.decision.escalation_model:
            self.cascades += 1
            self.escalated += shadow.escalated
        if live.decision.model != shadow.decision.model:
            self.live_output += live.output_tokens
            self.shadow_output += shadow.output_tokens
        cheaper = self._is_downgrade(live.decision.model, shadow.decision.model, day)
        self.downgraded_n += cheaper
        if live.served.score is not None and shadow.served.score is not None:
            self.everywhere.add(live.served.score, shadow.served.score)
            if cheaper:
                self.downgraded.add(live.served.score, shadow.served.score)

    def result(self) -> TruthDocument:
        """The sums as shares and differences."""
        priced = self.unpriced == 0 and self.n > 0
        downgraded = self.downgraded
        return TruthDocument(
            n=self.n,
            live_usd=self.live_usd if priced else None,
            shadow_usd=self.shadow_usd if priced else None,
            cost_change=(self.shadow_usd - self.live_usd) / self.live_usd if priced and self.live_usd else None,
            output_ratio=self.shadow_output / self.live_output if self.live_output else None,
            quality_change=self.everywhere.change,
            downgraded_n=self.downgraded_n,
            downgraded_quality_change=downgraded.change,
            shadow_quality_downgraded=downgraded.shadow / downgraded.n if downgraded.n else None,
            escalation=self.escalated / self.cascades if self.cascades else None,
        )

    def _add_cost(self, live: float | None, shadow: float | None) -> None:
        if live is None or shadow is None:
            self.unpriced += 1
            return
        self.live_usd += live
        self.shadow_usd += shadow

    def _is_downgrade(self, live: str, shadow: str, day: date) -> bool:
        dear, cheap = self.prices.blended(live, day), self.prices.blended(shadow, day)
        return dear is not None and cheap is not None and cheap < dear
