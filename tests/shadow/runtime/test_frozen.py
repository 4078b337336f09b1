"""Copies of frozen dataclasses."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from typing import Any

import pytest

from shadow.domain.outcome import Outcome
from shadow.domain.policy import Decision
from shadow.domain.snapshot import Snapshot
from shadow.runtime.frozen import copied, quickly_made
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


def _plain(kind: Any) -> Any:
    @dataclass(frozen=True, slots=True)
    class Made:
        first: int
        second: str = "two"
        third: Mapping[str, int] = field(default_factory=dict)
        fourth: float = field(default=4.0, kw_only=True)
        fifth: int = field(kw_only=True)

    return kind(Made)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((1,), {"fifth": 5}),
        ((1, "b", {"c": 3}), {"fourth": 0.5, "fifth": 5}),
        ((), {"first": 1, "third": {"c": 3}, "fifth": 5}),
    ],
)
def test_what_is_made_quickly_is_what_a_dataclass_makes(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """By place, by name, with defaults and with factories; and as frozen."""
    quick, plain = _plain(quickly_made), _plain(lambda kind: kind)
    made, expected = quick(*args, **kwargs), plain(*args, **kwargs)
    assert [getattr(made, each.name) for each in fields(made)] == [
        getattr(expected, each.name) for each in fields(made)
    ]
    assert replace(made, second="other").second == "other"
    with pytest.raises(FrozenInstanceError):
        made.first = 2


@pytest.mark.parametrize(("args", "kwargs"), [((), {"fifth": 5}), ((1,), {}), ((1,), {"fifth": 5, "sixth": 6})])
def test_wrong_arguments_are_refused(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """As a dataclass refuses them."""
    for kind in (_plain(quickly_made), _plain(lambda kind: kind)):
        with pytest.raises(TypeError, match=r"__init__\(\)"):
            kind(*args, **kwargs)


def test_every_one_has_its_own_default_of_a_factory() -> None:
    """A shared mutable default would carry facts from one request to another."""
    quick = _plain(quickly_made)
    assert quick(1, fifth=5).third is not quick(1, fifth=5).third


def test_the_signature_is_that_of_the_dataclass() -> None:
    """For help() and for editors."""
    quick, plain = (inspect.signature(_plain(kind).__init__) for kind in (quickly_made, lambda kind: kind))
    assert [(each.name, each.kind) for each in quick.parameters.values()] == [
        (each.name, each.kind) for each in plain.parameters.values()
    ]


def test_what_is_made_quickly_travels_to_other_processes() -> None:
    """Outcomes go to policies in processes of their own."""
    assert pickle.loads(pickle.dumps(Outcome(status="error"))) == Outcome(status="error")


def test_a_check_after_the_making_is_refused() -> None:
    """It would not be run."""
    with pytest.raises(TypeError, match="must not have a __post_init__"):

        @quickly_made
        @dataclass(frozen=True, slots=True)
        class Checked:
            first: int

            def __post_init__(self) -> None:
                raise AssertionError
