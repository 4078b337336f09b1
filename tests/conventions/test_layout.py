"""The layout shows the architecture: no import circle, few doors, no module that knows everything."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

from tests.support.groups import ROOT

PACKAGES = ("shadow", "shadowroute.collector", "shadowroute.analysis", "shadowroute.app")
DOORS_AT_MOST = 8
LINES_AT_MOST = 320


def first_circle(imports: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a loop, the first one again at the end; empty if there are none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_each_other() -> None:
    """Imports in functions and for types only count too: whoever reads one module would have to read the other."""
    graph = grimp.build_graph(*PACKAGES, include_external_packages=False, exclude_type_checking_imports=False)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(imports) > 450
    assert first_circle(imports) == []


def test_a_circle_is_found() -> None:
    """The check can fail."""
    assert first_circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})[0] in "abc"


def test_only_doors_stand_at_the_root_of_the_sdk() -> None:
    """Everything else is in a room that says what happens there."""
    doors = sorted(path.stem for path in (ROOT / "shadow").glob("*.py"))
    assert len(doors) <= DOORS_AT_MOST, doors


@pytest.mark.parametrize("folder", ["shadow", "collector", "analysis", "app"])
def test_no_module_is_too_long_to_read(folder: str) -> None:
    """A hub that knows everything begins as a file that grows."""
    files = list((ROOT / folder).rglob("*.py"))
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files}
    assert lengths
    assert {name: lines for name, lines in lengths.items() if lines > LINES_AT_MOST} == {}
