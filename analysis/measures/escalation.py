"""How often a cheap-first policy pays twice."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.results import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """Shares of requests on which the first answer is refused and a second model is paid.

    Attributes:
        shadow: of the shadow's cascade requests. A `Range` where its first model did not answer live, because then
            nobody has seen whether its answer passes.
        shadow_overall: the same of all requests, comparable with `live`.
        known: of the cascade requests whose outcome was seen; not a sample of all of them.
        live: of all live requests.
        n: shadow decisions.
        n_cascade: weighted shadow decisions that plan an escalation.
        known_share: share of the cascade requests whose outcome was seen; None without a cascade.
    """

    shadow: Measured
    shadow_overall: Measured
    known: Measured
    live: Measured
    n: int
    n_cascade: float
    known_share: float | None
