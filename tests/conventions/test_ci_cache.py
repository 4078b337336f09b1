"""The cache of CI makes runs quicker and can never make one wrong: torn, absent and old entries."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks import mypy_cache
from tests.support import ci_cache


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHADOWROUTE_CI_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write(text: str) -> ci_cache.Fill:
    return lambda folder: (folder / "what").write_text(text)


def fail(folder: Path) -> None:
    (folder / "what").write_text("half")
    raise OSError("disk full")


def test_an_entry_is_made_once_and_for_what_it_was_made_of() -> None:
    """Another input is another entry."""
    first = ci_cache.found_or_made("env", "a", make=write("first"))
    assert ci_cache.found_or_made("env", "a", make=write("second")) == first
    assert (first / "what").read_text() == "first"
    assert ci_cache.found_or_made("env", "b", make=write("other")) != first


def test_what_was_not_finished_is_no_entry(cache: Path) -> None:
    """Nothing is left of it, and the next run makes it; one that is replaced stays until its successor is whole."""
    with pytest.raises(OSError, match="disk full"):
        ci_cache.found_or_made("env", "a", make=fail)
    assert [each.name for each in cache.iterdir()] == ["env.lock"]
    entry = ci_cache.found_or_made("env", "a", make=write("first"))
    with pytest.raises(OSError, match="disk full"):
        ci_cache.replace("env", "a", make=fail)
    assert (entry / "what").read_text() == "first"
    ci_cache.replace("env", "a", make=write("second"))
    assert (entry / "what").read_text() == "second"


def test_old_entries_go(cache: Path) -> None:
    """A few stay for other branches."""
    for number in range(ci_cache.KEPT + 2):
        entry = ci_cache.found_or_made("env", str(number), make=write("any"))
    assert entry.exists()
    assert len(list(cache.glob("env-*"))) == ci_cache.KEPT


def test_mypy_begins_where_another_clone_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And from nothing, where there is no entry; what a clone has already is left alone."""
    here = tmp_path / ".mypy_cache"
    monkeypatch.setattr(mypy_cache, "HERE", here)
    mypy_cache.take()
    mypy_cache.keep()
    assert not here.exists()
    here.mkdir()
    (here / "modules").write_text("1")
    mypy_cache.keep()
    (here / "modules").write_text("2")
    mypy_cache.take()
    assert (here / "modules").read_text() == "2"
    here.rename(tmp_path / "of another clone")
    mypy_cache.take()
    assert (here / "modules").read_text() == "1"
