"""What a shadow's own answers were worth, read from the requests on which live happened to answer as the shadow would.

Works only where the live policy chose at random with a known probability: then each answer that both name stands for
1 / probability requests (Horvitz and Thompson). Where live never does what the shadow would, nothing is known.
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis.queries.reader import Reader
from analysis.results import Measured, Undefined
from analysis.rows import SignalRow
from analysis.selection import ALL, PolicyRef, Slice, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class OffPolicy:
    """A signal under the shadow policy, from live answers that the shadow would have given too.

    Attributes:
        value_change: shadow minus live, unit `score`; doubly robust. Undefined where `refusal` says why.
        shadow_value: mean of the signal under the shadow, unit `score`; doubly robust.
        live_value: mean of the signal under live, same requests.
        ips: inverse propensity estimate of the shadow's mean; None without requests.
        snips: the same, divided by the sum of weights.
        dm: from cell means alone; what it extrapolates is not checked by anything.
        dr: cell means corrected by the weighted residuals.
        ess: effective sample size, (sum of weights)^2 / sum of squared weights.
        max_weight: the heaviest request.
        mean_weight: 1 if the propensities are right and live can choose all that the shadow would.
        mean_weight_error: its standard error over buckets.
        overlap_share: of requests, those on which live could have chosen as the shadow does, 0 to 1.
        n: requests with the signal and a known propensity.
        refusal: why there is no estimate; empty if there is one.
    """

    value_change: Measured
    shadow_value: Measured
    live_value: Measured
    ips: float | None
    snips: float | None
    dm: float | None
    dr: float | None
    ess: float | None
    max_weight: float | None
    mean_weight: float | None
    mean_weight_error: float | None
    overlap_share: float | None
    n: int
    refusal: str


def off_policy(
    q: Reader,
    policy: PolicyRef,
    window: Window,
    where: Slice = ALL,
    *,
    signal: SignalRow,
    level: float = 0.95,
) -> OffPolicy:
    """A signal under a shadow policy in a window and a slice.

    Args:
        q: reads the project.
        policy: the shadow.
        window: UTC days; clip it to mature days first (`SignalSpec.matured`).
        where: slice of the traffic.
        signal: name and source.
        level: nominal coverage of the intervals.
    """
    return refused("not measured yet")


def refused(reason: str, next_step: str = "", *, n: int = 0) -> OffPolicy:
    """No estimate, for a reason."""
    nothing = Undefined(reason=reason, next_step=next_step, n=n)
    return OffPolicy(
        value_change=nothing,
        shadow_value=nothing,
        live_value=nothing,
        ips=None,
        snips=None,
        dm=None,
        dr=None,
        ess=None,
        max_weight=None,
        mean_weight=None,
        mean_weight_error=None,
        overlap_share=None,
        n=n,
        refusal=reason,
    )
