"""Whether a model may be asked for one request: kill switches, spending limits, the cost budget, and its own state."""

from __future__ import annotations

from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import UnservedError
from shadow.execution.cost_limits import CostCap
from shadow.execution.provider_state import ModelStates
from shadow.execution.retries import provider_of
from shadow.prices.catalogue import Catalogue


class Admission:
    """Admits or refuses the models of one request, immediately before they are asked.

    Args:
        request: to be served.
        snapshot: of the decision.
        catalogue: names the providers.
        state: current breakers and rate limits.
        cost: the rest of the cost budget; None = there is none.
    """

    def __init__(
        self, request: Request, snapshot: Snapshot, catalogue: Catalogue, state: ModelStates, cost: CostCap | None
    ) -> None:
        self._request = request
        self._snapshot = snapshot
        self._catalogue = catalogue
        self._state = state
        self._cost = cost

    def check_spending(self) -> None:
        """Check that no spending limit is used up.

        Raises:
            UnservedError: one is.
        """
        for name, left_usd in self._snapshot.remaining_usd.items():
            if left_usd <= 0:
                text = f"the spending limit {name} is used up; raise it, or wait until its window ends"
                raise UnservedError(text, error_type="spending_limit")

    def objection(self, model: str) -> str:
        """`killed`, `cost_budget` or `unavailable`: why a model must not be asked; empty if it is asked next."""
        killed = self._snapshot.killed
        if killed and (model in killed or provider_of(self._catalogue, model) in killed):
            return "killed"
        if self._cost is not None and not self._cost.affords(model):
            return "cost_budget"
        return "" if self._state.admits(model, self._request) else "unavailable"

    def comes_back(self, model: str, objection: str) -> bool:
        """Whether a model may serve in spite of the objection, if no other step can.

        A recovering breaker admits only a share of the requests, which spares a provider while its peers can
        serve. Without a peer, refusing requests would only prolong the outage.
        """
        return objection == "unavailable" and self._state.returns(model)
