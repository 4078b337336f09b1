"""An installed package that cannot be imported is named in one sentence, with what to do; our own bugs are not."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shadow.runtime import broken_package as module
from shadow.runtime.broken_package import broken_package

FILES = {
    "raises": "import json\n\njson.loads('')\n",
    "indirect": "import raises\n",
    "unreadable": "def\n",
    "exits": "raise SystemExit(1)\n",
    "lacks": "import no_such_package.part\n",
    "older": "from json import no_such_name\n",
    "called": "def late():\n    raise ValueError('x')\n",
    "imports_late": "def late():\n    import raises\n",
}


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with installed packages, each of a distribution `dist-NAME` 1.0, but for `no_such_package`."""
    for name, text in FILES.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    provided = {name: [f"dist-{name}"] for name in FILES} | {"shared": ["dist-one", "dist-two"], "shadow": ["x"]}
    monkeypatch.setattr(module, "packages_distributions", lambda: provided)
    monkeypatch.setattr(module, "version", lambda _: "1.0")
    monkeypatch.setattr(module, "files", lambda name: ["shared/two/__init__.py"] if name == "dist-two" else None)
    yield tmp_path
    for name in FILES:
        sys.modules.pop(name, None)


def failed(name: str, function: str = "") -> BaseException:
    """What importing a module, or calling a function of it, raises."""
    try:
        found = importlib.import_module(name)
        if function:
            getattr(found, function)()
    except BaseException as error:
        return error
    raise AssertionError(name)


@pytest.mark.parametrize(
    ("name", "package", "said"),
    [
        ("raises", "raises", "JSONDecodeError: Expecting value: line 1 column 1 (char 0), in {}/raises.py:3"),
        ("indirect", "raises", "/raises.py:3"),
        ("unreadable", "unreadable", "SyntaxError: invalid syntax (unreadable.py, line 1), in {}/unreadable.py:1"),
        ("exits", "exits", "SystemExit: 1, in {}/exits.py:1"),
    ],
)
def test_a_broken_package_is_named_with_the_way_to_repair_it(site: Path, name: str, package: str, said: str) -> None:
    """The innermost one, whose repair helps; Python's own modules below it are not to blame."""
    told = broken_package(failed(name))
    assert told is not None
    assert told.startswith(f"the installed package dist-{package} cannot be imported (")
    assert said.format(site) in told
    assert told.endswith(f"so there is no answer; repair it: pip install --force-reinstall dist-{package}==1.0")
    assert "\n" not in told


def test_a_package_that_is_only_imported_in_a_command_counts_as_well() -> None:
    """Commands import what they need when they run."""
    assert "dist-raises" in str(broken_package(failed("imports_late", "late")))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its top-level name is all that is known; the extra brings whatever is missing."""
    told = broken_package(failed("lacks"))
    assert told is not None
    assert told.startswith("the package no_such_package is not installed (ModuleNotFoundError: No module named ")
    assert told.endswith('install it: pip install "shadowroute" adds whatever is missing')
    monkeypatch.setattr(module, "packages_distributions", lambda: {"shadowroute": ["shadowroute-platform"]})
    assert 'pip install "shadowroute[platform]"' in str(broken_package(failed("lacks")))


def test_of_several_distributions_the_one_with_the_module_is_named() -> None:
    """`opentelemetry` is shared by eight; without a list of files all of them are named."""
    assert "dist-two==1.0" in str(broken_package(ImportError(name="shared.two")))
    assert "dist-one or dist-two" in str(broken_package(ImportError(name="shared.three")))


@pytest.mark.parametrize(
    "error",
    [
        failed("builtins", "no_such_function"),
        ImportError("text only"),
        ImportError(name="shadow.nothing"),
        ValueError("x"),
    ],
)
def test_our_own_failure_is_none_of_a_package(error: BaseException) -> None:
    """Neither is one that a package raises when it is called."""
    assert broken_package(error) is None
    assert broken_package(failed("called", "late")) is None
