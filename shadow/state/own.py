"""The private, simulated state of a shadow that declares `state: own`.

Warm caches and spending follow from its own decisions, as if each had been served with the tokens of live's answer.
The state of models is not simulated: it has the real observations, and before them the expectations of the catalogue.
Times are those of the requests.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import MappingProxyType

from shadow.domain.outcome import Outcome, Usage
from shadow.domain.policy import Decision
from shadow.domain.request import Request
from shadow.domain.snapshot import ModelState, Snapshot
from shadow.domain.usage import counted
from shadow.prices.billing import Billing
from shadow.prices.catalogue import Catalogue
from shadow.state.settings import SpendingLimit, StateSettings
from shadow.state.spending import Spending
from shadow.state.warm_prompts import WarmPrompts


class OwnState:
    """The private state of one shadow. Used by the thread of that policy only.

    Args:
        catalogue: expected latencies and qualities, and prices.
        settings: how long prompts stay warm.
        spending: limits, each with a private account.
        models: that the policy may choose, if known; their prices are read now.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        settings: StateSettings,
        spending: Iterable[SpendingLimit] = (),
        models: Iterable[str] = (),
    ) -> None:
        self._billing = Billing(catalogue, models)
        self._warm_prompts = WarmPrompts(settings.warm_ttl_s, settings.warm_sessions)
        self._spending = Spending(spending)
        self._expected = {
            model.name: ModelState(latency_s=model.latency_s, quality=model.quality)
            for model in catalogue.models.values()
            if model.latency_s is not None or model.quality is not None
        }

    def snapshot(self, request: Request, shared: Snapshot) -> Snapshot:
        """The shadow's snapshot: its own warm caches and spending, and the models of the live snapshot."""
        now_s = request.time_us / 1e6
        models = {**self._expected, **shared.models}
        for name, expected in self._expected.items():
            seen = models[name]
            if seen is not expected and (seen.latency_s is None or seen.quality is None):
                models[name] = replace(
                    seen,
                    latency_s=expected.latency_s if seen.latency_s is None else seen.latency_s,
                    quality=expected.quality if seen.quality is None else seen.quality,
                )
        return Snapshot(
            mode="own",
            models=MappingProxyType(models),
            warm_tokens=MappingProxyType(dict(self._warm_prompts.of(request.session_key, now_s, request.input_tokens))),
            remaining_usd=MappingProxyType(dict(self._spending.remaining(request, now_s))),
            killed=shared.killed,
        )

    def decided(self, request: Request, decision: Decision, outcome: Outcome, *, escalated: bool) -> None:
        """Update as if the shadow's decision had been served with the tokens of live's answer.

        Args:
            request: of the decision.
            decision: of the shadow.
            outcome: of live.
            escalated: whether the shadow's validators refuse live's answer, so that it would have paid twice.
        """
        usage, now_s = counted(outcome.usage), request.time_us / 1e6
        if usage.input_tokens is None:
            return
        for model in (decision.model, decision.escalation_model) if escalated else (decision.model,):
            warm = min(
                self._warm_prompts.of(request.session_key, now_s, usage.input_tokens).get(model, 0), usage.input_tokens
            )
            simulated = Usage(
                input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, cache_read_tokens=warm
            )
            cost_usd = self._billing.cost_usd(model, simulated, request.time_us)
            if cost_usd is not None:
                self._spending.spent(request, now_s, cost_usd)
            price = self._billing.price(model, usage.input_tokens, request.time_us)
            if price is not None and price.cache_read_usd_per_mtok < price.input_usd_per_mtok:
                self._warm_prompts.hold(request.session_key, now_s, model, usage.input_tokens)
