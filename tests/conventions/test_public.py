"""What is public is enough: pages and examples use nothing else, and its signatures name nothing else."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from tests.support.groups import ROOT
from tests.support.public_names import PAGE, public, rows

PAGES: Final = sorted([ROOT / "README.md", ROOT / "shadow" / "README.md", *(ROOT / "docs").rglob("*.md")])
EXAMPLES: Final = sorted((ROOT / "examples").rglob("*.py"))
OURS: Final = ("shadow", "shadowroute")
DOORS: Final = {"shadow", "shadow.testing", "shadow.litellm_proxy"}
"""Modules that may be imported whole; their attributes must be public."""
INTERNAL: Final = {
    "Routing.recipes": "how shadows of `isolated=` are built elsewhere; `Routing.of` and `load_routing` fill it",
}
"""Fields of public classes that nobody outside fills or reads, with the reason."""


def code_of(path: Path) -> list[str]:
    """A script, or the Python blocks of a page."""
    text = path.read_text()
    return [text] if path.suffix == ".py" else re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def used_names(code: str) -> set[str]:
    """Dotted names of ours that a piece of code imports, and attributes of a module of ours that it reads."""
    used: set[str] = set()
    modules: dict[str, str] = {}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in OURS:
                    modules[alias.asname or alias.name.split(".")[0]] = alias.name
                    used |= set() if alias.name in DOORS else {alias.name}
        elif isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in OURS:
            used |= {f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            used.add(f"{modules[node.value.id]}.{node.attr}")
    return used - DOORS


def written_names(text: str) -> set[str]:
    """Dotted names of ours in the backticks of a page's text. Files and console commands are none."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"`((?:shadow|shadowroute)(?:\.[A-Za-z_]\w*)+)", prose)
    return {name for name in found if not name.endswith((".yaml", ".__all__", ".py", ".id")) and name not in DOORS}


def not_public(names: set[str]) -> list[str]:
    """Those that the page does not promise. A method of a promised class is promised with it."""
    return sorted(name for name in names if not {name, name.rpartition(".")[0]} & public().keys())


@pytest.mark.parametrize("path", [*PAGES, *EXAMPLES], ids=[str(path.relative_to(ROOT)) for path in [*PAGES, *EXAMPLES]])
def test_pages_and_examples_use_only_what_is_public(path: Path) -> None:
    """Who copies a line does not depend on something that may move."""
    used = {name for code in code_of(path) for name in used_names(code)}
    assert not_public(used) == []
    if path.suffix == ".md":
        assert not_public(written_names(path.read_text())) == []


def test_code_that_uses_what_is_not_public_is_found() -> None:
    """The check can fail, for each way to reach a name; and there is code to check."""
    imports = "import shadow\nfrom shadow.recording import recorder\nimport shadowroute.app.up\n"
    code = imports + "shadow.errors\nshadow.Observer"
    assert not_public(used_names(code)) == ["shadow.errors", "shadow.recording.recorder", "shadowroute.app.up"]
    assert not_public(
        written_names("`shadow.Observer(x)`, `shadow.hooks.watched_generators.tap` and `shadow.yaml`")
    ) == ["shadow.hooks.watched_generators.tap"]
    assert len([code for path in [*PAGES, *EXAMPLES] for code in code_of(path)]) > 25
    assert "shadowroute.analysis.report.policy_report" in used_names(
        PAGE.read_text().split("```python\n")[1].split("```")[0]
    )


def signatures(name: str, thing: Any) -> Iterator[tuple[str, Any]]:
    """Everything of a class that has annotations: the class for its fields, and its public methods."""
    yield name, thing
    for attribute, value in vars(thing).items():
        found = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        found = found.fget if isinstance(found, property) else found
        if inspect.isfunction(found) and (attribute == "__init__" or not attribute.startswith("_")):
            yield f"{name}.{attribute}", found


def hints(thing: Any) -> dict[str, Any]:
    """Annotations as types; imports for type checkers are made here."""
    thing = inspect.unwrap(thing) if inspect.isfunction(thing) else thing
    module = sys.modules.get(thing.__module__ or "")
    if module is None:  # made by dataclasses or by `quickly_made`; the fields say the same
        return {}
    return typing.get_type_hints(thing, globalns=vars(module) | imports_for_types(module))


@cache
def imports_for_types(module: ModuleType) -> dict[str, Any]:
    """What a module imports below `if TYPE_CHECKING`."""
    blocks = [node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.If)]
    statements = [line for block in blocks for line in block.body if isinstance(line, ast.ImportFrom)]
    return {
        alias.asname or alias.name: getattr(importlib.import_module(str(statement.module)), alias.name)
        for statement in statements
        for alias in statement.names
    }


def classes_of_ours(hint: Any) -> Iterator[type]:
    """Classes of the SDK that a type is made of."""
    for argument in typing.get_args(hint):
        for each in argument if isinstance(argument, list) else [argument]:
            yield from classes_of_ours(each)
    origin = typing.get_origin(hint) or hint
    if inspect.isclass(origin) and origin.__module__.split(".")[0] == "shadow":
        yield origin


def strangers(name: str, thing: Any, named: frozenset[str] | None = None) -> list[str]:
    """Places of a public class where a class stands that is not public.

    Args:
        name: of the class.
        thing: the class.
        named: of a class below "What these take and give", the members that the page names: what they give is public.
            None = every field, argument and result.
    """
    known = [each for each in public().values() if inspect.isclass(each)]
    wrong = []
    for place, signature in signatures(name, thing):
        for part, hint in hints(signature).items():
            member = part if place == name else place.removeprefix(f"{name}.")
            is_meant = (
                not part.startswith("_") if named is None else member in named and (place == name or part == "return")
            )
            if is_meant and f"{place.removesuffix('.__init__')}.{part}" not in INTERNAL:
                wrong += [f"{place}.{part}: {each.__name__}" for each in classes_of_ours(hint) if each not in known]
    return wrong


def test_signatures_name_only_public_types() -> None:
    """Whoever annotates, implements or makes a public thing needs nothing that may move."""
    whole = [name for name in public() if name.rpartition(".")[0] in {*DOORS, "shadow.config"}]
    wrong: list[str] = []
    for name in whole:
        if inspect.isclass(public()[name]):
            wrong += strangers(name.rpartition(".")[2], public()[name])
    for row in rows():
        named = frozenset(mention.name for mention in row.mentions)
        for each in row.names:
            thing = public()[each.name]
            if each.name not in whole and each.name.startswith("shadow.") and inspect.isclass(thing):
                wrong += strangers(each.last, thing, named)
    assert wrong == []


def test_a_signature_with_a_private_type_is_found() -> None:
    """The check can fail, for fields, arguments and results."""
    containment = importlib.import_module("shadow.runtime.containment").Containment
    observed = importlib.import_module("shadow.hooks.observed")
    assert strangers("Containment", containment) == ["Containment.guard.return: Guard"]
    assert "ObserverContext.recorder: Recorder" in strangers("ObserverContext", observed.ObserverContext)
    assert "ObservedRequest.__init__.context: ObserverContext" in strangers("ObservedRequest", observed.ObservedRequest)
    assert strangers("ObserverContext", observed.ObserverContext, frozenset({"clock", "recorder"})) == [
        "ObserverContext.recorder: Recorder"
    ]
