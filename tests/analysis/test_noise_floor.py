"""What is said of the noise floor where no A/A shadow measured it."""

from __future__ import annotations

import pytest

from shadowroute.analysis.measures.noise_floor import REPEATABLE, without_control
from shadowroute.analysis.queries.off_policy import Exploration


def test_a_declaration_on_every_decision_needs_no_floor() -> None:
    """It is said what was declared and where; no doubt, and no shadow to add."""
    said = without_control(Exploration(n=900, unknown=0, random=0))
    assert said == REPEATABLE
    assert "live.decides" in said
    assert "not known" not in said
    assert "A/A" not in said


def test_live_that_chooses_by_chance_is_said_to() -> None:
    """Known probabilities tell that it differs from itself, but not how often its choices fall apart."""
    said = without_control(Exploration(n=1500, unknown=3, random=1200))
    assert "is not known: it chooses by chance (1,200 of 1,500 live decisions" in said
    assert "no A/A shadow ran" in said


@pytest.mark.parametrize(
    ("chance", "named"),
    [
        (Exploration(n=900, unknown=900, random=0), "and live decisions do not say whether chance made them"),
        (Exploration(n=900, unknown=1, random=0), "and 1 of 900 live decisions do not say whether chance made them"),
        (Exploration(n=0, unknown=0, random=0), "and live decisions do not say whether chance made them"),
    ],
)
def test_what_was_not_declared_is_unknown_and_names_the_setting(chance: Exploration, named: str) -> None:
    """One decision without a probability is enough; no decision declares nothing."""
    said = without_control(chance)
    assert named in said
    assert "no A/A shadow ran" in said
    assert "live.decides in shadow.yaml" in said
