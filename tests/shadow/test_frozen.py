"""Copies of frozen dataclasses."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace

import pytest

from shadow.frozen import copied
from shadow.outcome import Outcome
from shadow.policy import Decision
from shadow.snapshot import Snapshot
from tests.support.sdk import decision, request


@pytest.mark.parametrize("instance", [request(), Snapshot(), Outcome(status="error"), decision()], ids=type)
def test_a_copy_is_what_replace_makes(instance: object) -> None:
    """Equal, of the same class, another object, and as frozen as the first."""
    made = copied(instance)
    assert made == replace(instance)  # type: ignore[type-var]  # all four are dataclasses
    assert made is not instance
    assert type(made) is type(instance)
    with pytest.raises(FrozenInstanceError):
        setattr(made, fields(made)[0].name, None)  # type: ignore[arg-type]  # all four are dataclasses


def test_fields_may_be_changed() -> None:
    """The first one stays as it is."""
    first = decision()
    made: Decision = copied(first, reason="another", propensity=0.5)
    assert made == replace(first, reason="another", propensity=0.5)
    assert first.reason == "a rule"


def test_what_is_done_to_a_copy_does_not_reach_the_first() -> None:
    """A policy may write past the frozen fields; that is why it gets a copy."""
    first = request()
    object.__setattr__(copied(first), "task", "mine")
    assert first.task != "mine"
