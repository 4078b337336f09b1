"""The mechanism `budget`: the best model whose expected cost fits a cap per request."""

from __future__ import annotations

from typing import Literal

from shadow.domain.policy import Candidate, Step
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import OverBudgetError
from shadow.policies.plan import Plan, Refused
from shadow.policies.pool import NO_PRICE, Entry, Pool
from shadow.prices.costing import READS

Prefer = Literal["order", "quality"]
IfNoneFits = Literal["cheapest", "refuse"]


class Budget:
    """Chooses the best of the models that fit the cap.

    Args:
        pool: the models, the best first.
        per_request_usd: the cap for the expected cost of one request.
        prefer: the best model is the first in the given order, or the one of the highest quality.
        if_none_fits: the cheapest model serves, or no decision is made.
        reason: prefix of the decision's reason.
    """

    def __init__(
        self,
        pool: Pool,
        per_request_usd: float,
        *,
        prefer: Prefer = "order",
        if_none_fits: IfNoneFits = "cheapest",
        reason: str = "",
    ) -> None:
        self._pool = pool
        self._cap_usd = per_request_usd
        self._prefer = prefer
        self._if_none_fits = if_none_fits
        before = f"{reason}; " if reason else ""
        best = "first in order" if prefer == "order" else "best quality"
        self._fits = f"{before}{best} within the cap"
        self._cheapest = f"{before}cheapest, none fits the cap"
        self._none = f"{before}no candidate is left"
        self._above = f"above the cap of {per_request_usd:g} USD"
        self.models = pool.names
        self.reads: frozenset[str] | None = READS

    def choose(self, request: Request, snapshot: Snapshot, refused: Refused) -> Plan:
        """The best model that fits the cap.

        Raises:
            OverBudgetError: none fits, and `if_none_fits` is `refuse`.
            UnknownFeatureError: the cost needs an unknown feature of the request.
        """
        field = self._pool.field(request, snapshot, refused, priced=True)
        priced: list[tuple[Entry, float]] = []
        candidates: list[Candidate] = []
        for entry in field.entries:
            if entry.cost_usd is None:
                candidates.append(Candidate(model=entry.name, rejected=NO_PRICE))
            else:
                priced.append((entry, entry.cost_usd))
        fitting = [entry for entry, cost_usd in priced if cost_usd <= self._cap_usd]
        if fitting:
            chosen, reason = self._best(fitting), self._fits
        elif self._if_none_fits == "refuse" and (priced or candidates):
            raise OverBudgetError(f"no model is expected to cost at most {self._cap_usd:g} USD")
        elif priced:
            chosen, _ = min(priced, key=lambda each: (each[1], each[0].name))
            reason = self._cheapest
        else:
            return Plan(steps=(), candidates=(*candidates, *field.rejected), reason=self._none)
        considered = [self._candidate(entry, cost_usd, chosen) for entry, cost_usd in priced]
        return Plan(
            steps=(Step(kind="primary", model=chosen.name),),
            candidates=(*considered, *candidates, *field.rejected),
            reason=reason if field.healthy else f"{reason}; none is healthy",
        )

    def _best(self, fitting: list[Entry]) -> Entry:
        """The first in order, or of the highest quality; equal ones in order, unknown ones last."""
        if self._prefer == "order":
            return fitting[0]
        return max(fitting, key=lambda entry: -1.0 if entry.quality is None else entry.quality)

    def _candidate(self, entry: Entry, cost_usd: float, chosen: Entry) -> Candidate:
        terms = {"expected_cost_usd": cost_usd}
        if entry.quality is not None:
            terms["expected_quality"] = entry.quality
        above = cost_usd > self._cap_usd and entry is not chosen
        return Candidate(model=entry.name, terms=terms, rejected=self._above if above else "")
