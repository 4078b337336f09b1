"""One version of a routing. A request keeps its version from start to end.

A reload makes a new version for new requests. The old one stays until the spans of its last
request are written, so that no row mixes two versions.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
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
    """A routing with its shadow runner and span builder.

    Args:
        routing: name of the service, its policies, its models and its limits.
        containment: counts contained errors.
        counts: of shadow rows, shared by all versions of a process.
        id_key: key of the hashes of ids: secret or public.

    Attributes:
        billing: prices for cost budgets; None if no user tier has one.
        decision: the live decision for the host's model and the host's version of the live router; cached,
            because hosts choose the same few models again and again.
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
        # Reading prices takes most of a second, too long for a request.
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
        """The record of a live decision that is missing or unknown."""
        live = self.routing.live
        return Failure(policy=live.name, version=live_version or live.version, status=status, error_type=error_type)


class RoutingVersions:
    """The version for new requests, and older ones with open requests.

    Args:
        made: makes the version of a routing.
        routing: the first one.
    """

    def __init__(self, made: Callable[[Routing], RoutingVersion], routing: Routing) -> None:
        self._made = made
        self._retired: list[RoutingVersion] = []
        self.current = made(routing)

    def adopt(self, routing: Routing, *, starts: bool) -> RoutingVersion:
        """Use another routing for new requests; `starts` its threads at once."""
        version = self._made(routing)
        if starts:
            version.runner.start()
        self._retired.append(self.current)
        self.current = version
        return version

    def end_unneeded(self, is_needed: Callable[[RoutingVersion], bool]) -> None:
        """End versions without requests. A request that is just being closed is not seen: see `ShadowRunner.end`."""
        for each in list(self._retired):
            if not is_needed(each):
                each.runner.end()
                with suppress(ValueError):  # the recorder's thread was just started, and did it
                    self._retired.remove(each)

    def end(self) -> None:
        """End them all."""
        for each in (*self._retired, self.current):
            each.runner.end()

    def after_fork(self) -> None:
        """Forget older versions: their requests are the parent's."""
        for each in (*self._retired, self.current):
            each.runner.after_fork()
        self._retired.clear()
