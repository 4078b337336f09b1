"""docs/reference/python.md is true: its names can be imported, and what it says of them is so."""

from __future__ import annotations

import inspect
import re
import sys
import typing
from importlib import import_module
from typing import Any

import pytest

import shadow
import shadow.testing
from tests.support.public_names import NO_DEFAULT, Named, Row, public, resolved, rows

ROWS = rows()


def wrong_arguments(named: Named, thing: Any) -> list[str]:
    """What the page shows of a call and the code does not have, one sentence each."""
    if named.arguments is None:
        return []
    if not callable(thing):
        return [f"{named.name} is no call"]
    parameters = inspect.signature(thing).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    wrong = []
    for name, default in named.arguments.items():
        if name not in parameters:
            wrong += [] if takes_any else [f"{named.name} has no argument {name}"]
        elif default is not NO_DEFAULT and parameters[name].default != default:
            wrong.append(f"{named.name} has {name}={parameters[name].default!r}, not {default!r}")
    return wrong


def members(thing: Any) -> dict[str, Any]:
    """Methods, properties and fields of a class; attributes that only its docstring names stand as themselves."""
    found: dict[str, Any] = {name: getattr(thing, name) for name in dir(thing) if not name.startswith("_")}
    fields = {name for each in getattr(thing, "__mro__", ()) for name in vars(each).get("__annotations__", {})}
    _, _, attributes = (inspect.getdoc(thing) or "").partition("Attributes:\n")
    return found | dict.fromkeys(fields | set(re.findall(r"^    (\w+): ", attributes, re.MULTILINE)))


def results(thing: Any) -> list[Any]:
    """What a function returns, without None."""
    if not inspect.isfunction(thing):
        return []
    returned = typing.get_type_hints(thing, globalns=vars(sys.modules[thing.__module__])).get("return")
    return [each for each in (typing.get_args(returned) or (returned,)) if inspect.isclass(each)]


def untrue(row: Row) -> list[str]:
    """What a row says and the code does not have, one sentence each."""
    wrong: list[str] = []
    known: dict[str, Any] = {name.rpartition(".")[2]: thing for name, thing in public().items()}
    for promised in row.names:
        thing = resolved(promised.name)
        wrong += wrong_arguments(promised, thing)
        known |= members(thing)
        if inspect.isfunction(thing):
            known |= dict.fromkeys(inspect.signature(thing).parameters)
        for result in results(thing):
            known |= members(result) | {result.__name__: result}
        known |= dict.fromkeys(re.findall(r"^ *(\w+Error): ", inspect.getdoc(thing) or "", re.MULTILINE))
    for mention in row.mentions:
        said = mention.name.rpartition(".")[2]
        if said not in known and not is_public(mention.name):
            wrong.append(f"{row.names[0].name} has no {mention.name}")
        elif known.get(said) is not None:
            wrong += wrong_arguments(mention, known[said])
    return wrong


def is_public(name: str) -> bool:
    """Whether a dotted name is one that the page promises, or a method of one."""
    holder, _, last = name.rpartition(".")
    things = {**public(), **{known.rpartition(".")[2]: thing for known, thing in public().items()}}
    return name in things or (holder in things and last in members(things[holder]))


@pytest.mark.parametrize("row", ROWS, ids=[row.names[0].name for row in ROWS])
def test_a_row_is_true(row: Row) -> None:
    """Its names are there, with the arguments, defaults, methods, fields, results and errors that it shows."""
    assert untrue(row) == []


def test_every_public_name_of_the_sdk_stands_on_the_page() -> None:
    """What is public is written down: `shadow.__all__`, and what `shadow.testing` defines."""
    promised = {each.name for row in ROWS for each in row.names}
    of_testing = [
        f"shadow.testing.{name}"
        for name, thing in vars(shadow.testing).items()
        if getattr(thing, "__module__", "") == "shadow.testing" and not name.startswith("_")
    ]
    assert len(of_testing) == 2
    assert {f"shadow.{name}" for name in shadow.__all__} | set(of_testing) <= promised


def test_an_untrue_row_is_found() -> None:
    """The check can fail: a missing argument, another default, a missing method, another result."""
    row = Row(
        (Named("shadow.config.Limits", {"strikes": 4, "patience": NO_DEFAULT}),),
        (Named("Catalogue", None), Named("wrong", None), Named("shadow.nothing", None)),
    )
    assert untrue(row) == [
        "shadow.config.Limits has strikes=3, not 4",
        "shadow.config.Limits has no argument patience",
        "shadow.config.Limits has no wrong",
        "shadow.config.Limits has no shadow.nothing",
    ]


def test_the_lazy_names_are_those_that_are_said() -> None:
    """`__all__`, what is loaded on first use, and what type checkers read are the same names."""
    for name in shadow.__all__:
        assert getattr(import_module("shadow"), name) is not None
    assert sorted(shadow.__all__) == shadow.__all__
    assert set(shadow._HOMES) | {"__version__"} == set(shadow.__all__)


def test_a_public_name_is_at_home_where_the_page_says() -> None:
    """A name that a module only imports is none of its own: type checkers of users refuse it there."""
    for name, thing in public().items():
        module, _, last = name.rpartition(".")
        home = thing.__module__ if inspect.isclass(thing) or inspect.isfunction(thing) else module
        assert home == module or last in getattr(import_module(module), "__all__", ()), name
