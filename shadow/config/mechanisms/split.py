"""`split` in a policy file."""

from __future__ import annotations

from shadow.config.mechanisms.building import Building
from shadow.config.mechanisms.candidates import pool_of
from shadow.config.policy_document import ExploreDocument, SplitDocument
from shadow.config.source import Place
from shadow.policies.split import Arm, Explore, Split
from shadow.prices.costing import OUTPUT_TOKENS


def build_split(building: Building, document: SplitDocument, place: Place) -> Split:
    """The chooser of a split."""
    arms = [
        Arm(arm.share, building.choice(arm, (*place, "arms", at), arm.why), f"arm {at + 1}")
        for at, arm in enumerate(document.arms)
    ]
    otherwise = building.choice(document.otherwise, (*place, "otherwise"), document.otherwise.why)
    return Split(
        building.name,
        arms,
        otherwise,
        conditions=building.conditions(document.when, (*place, "when")),
        explore=None if document.explore is None else _explore(building, document.explore, (*place, "explore")),
    )


def _explore(building: Building, document: ExploreDocument, place: Place) -> Explore:
    pool = pool_of(building, document.among, place, output_tokens=OUTPUT_TOKENS, priced=False)
    return Explore(document.share, pool, tuple(building.conditions(document.when, (*place, "when"))))
