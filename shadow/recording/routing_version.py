"""One version of everything that a routing folder says. A request keeps the version that it began with to its end.

A reload makes a new version beside the old one, for new requests. The old one lives on until the spans of its last
request are written, so that no row mixes two versions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

from shadow.config.routing import Routing
from shadow.domain.policy import Decision, Failure, LiveSpec, Step
from shadow.prices.billing import Billing
from shadow.recording.shadow_runner import ShadowRunner
from shadow.runtime.containment import Containment
from shadow.state.own import OwnState
from shadow.telemetry.spans import SpanBuilder

if TYPE_CHECKING:
    from shadow.recording.shadow_counts import ShadowCounts


class RoutingVersion:
    """A routing with what runs its shadows and builds its spans.

    Args:
        routing: who the service is, its policies, its models and its limits.
        containment: counts what is kept from the host.
        counts: what all versions of a process did.
        id_key: what keyed the hashes of ids: secret or public.

    Attributes:
        billing: prices for cost budgets; None where no user tier has one.
        decision: the live decision for a model that the host chose, and the version of a live router that only its
            host knows. Hosts choose few models and many times, so each is made once.
    """

    def __init__(self, routing: Routing, *, containment: Containment, counts: ShadowCounts, id_key: str) -> None:
        limits = routing.limits
        self.routing = routing
        self.runner = ShadowRunner(
            routing.shadows,
            routing.catalogue,
            budget_s=limits.budget_s,
            strikes=limits.strikes,
            sample_rate=limits.sample_rate,
            containment=containment,
            counts=counts,
            own_state=lambda policy: OwnState(
                routing.catalogue, routing.state, routing.spending, getattr(policy, "models", ())
            ),
            recipes=routing.recipes,
        )
        self.spans = SpanBuilder(
            service=routing.service,
            project=routing.project,
            origin=routing.origin,
            catalogue=routing.catalogue,
            sample_rate=limits.sample_rate,
            sdk_version=version("shadowroute"),
            id_key=id_key,
        )
        # Reading prices takes most of a second, which no request may wait for.
        self.billing = Billing(routing.catalogue) if routing.execution.limits_cost else None
        self.decision: Callable[[str, str], Decision] = lru_cache(maxsize=256)(self._decision)

    def _decision(self, model: str, live_version: str) -> Decision:
        live = self.routing.live
        repeatable = isinstance(live, LiveSpec) and live.decides == "repeatably"
        return Decision(
            policy=live.name,
            version=live_version or live.version,
            steps=(Step(kind="primary", model=model),),
            propensity=1.0 if repeatable else None,
        )

    def failure(self, status: Literal["error", "invalid"], error_type: str, live_version: str = "") -> Failure:
        """A live decision that was not made, or not told."""
        live = self.routing.live
        return Failure(policy=live.name, version=live_version or live.version, status=status, error_type=error_type)


class RoutingVersions:
    """The version that requests begin with now, and older ones that some request still needs.

    Args:
        made: makes the version of a routing.
        routing: the first one.
    """

    def __init__(self, made: Callable[[Routing], RoutingVersion], routing: Routing) -> None:
        self._made = made
        self._retired: list[RoutingVersion] = []
        self.current = made(routing)

    def adopt(self, routing: Routing, *, starts: bool) -> RoutingVersion:
        """Let new requests begin with another routing; `starts` its threads at once."""
        version = self._made(routing)
        if starts:
            version.runner.start()
        self._retired.append(self.current)
        self.current = version
        return version

    def end_unneeded(self, is_needed: Callable[[RoutingVersion], bool]) -> None:
        """End what no request needs any more. One that is just being closed is in no place: see `ShadowRunner.end`."""
        for each in list(self._retired):
            if not is_needed(each):
                each.runner.end()
                self._retired.remove(each)

    def end(self) -> None:
        """End them all."""
        for each in (*self._retired, self.current):
            each.runner.end()

    def after_fork(self) -> None:
        """Requests that older versions are kept for are the parent's."""
        for each in (*self._retired, self.current):
            each.runner.after_fork()
        self._retired.clear()
