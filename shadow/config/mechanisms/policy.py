"""`policy` in a policy file, where another mechanism could stand: another policy file of the same folder."""

from __future__ import annotations

from shadow.config.mechanisms.building import Building
from shadow.config.source import Place
from shadow.policies.nested import Nested
from shadow.policies.plan import Chooser
from shadow.policies.static import Static


def build_nested(building: Building, file: str, place: Place, reason: str) -> Chooser:
    """The chooser of another policy; its version is part of this one's."""
    policy = building.policy(file, place)
    if policy is None:
        return Static("unbuilt")  # the problem is noted, and the policy around is never returned
    building.artifact(f"policy {file}", policy.version)
    return Nested(policy, reason=reason)
