"""Placement of caveats: common ones of all policies are shown once, and serious ones are marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from shadowroute.analysis.caveats import Caveat
from shadowroute.analysis.report import PolicyReport

BLOCKING: Final = frozenset(
    {"no_requests", "live_changed", "unknown_clusters", "incomplete", "failed", "unpriced", "uncosted"}
)
"""Codes of caveats that make a figure unreliable; the others explain one."""

ABOUT_LIVE: Final = Caveat("about_live", "Live quality is that of the model that answered, never of the shadow's.")
"""Shown once for all policies, above their quality figures."""


def shared(policies: Sequence[PolicyReport]) -> list[Caveat]:
    """Caveats that every one of several policies has, word for word."""
    if len(policies) < 2:
        return []
    first, *others = policies
    return [caveat for caveat in own(first) if all(caveat in other.caveats for other in others)]


def own(policy: PolicyReport, common: Sequence[Caveat] = ()) -> list[Caveat]:
    """Caveats of one policy without those that are shown elsewhere."""
    return [caveat for caveat in policy.caveats if caveat.code != "about_live" and caveat not in common]
