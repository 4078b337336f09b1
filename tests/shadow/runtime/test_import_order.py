"""Installed packages before the user's folders in our commands, and the user's own where the user's code is loaded."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shadow.config.artifacts import load_function
from shadow.errors import ConfigError
from shadow.runtime import import_order
from shadow.runtime.import_order import installed_first, prefer, user_code_first, user_entries

LIBRARY = str(Path(os.__file__).parent)
HOME = str(Path(import_order.__file__).parents[2])


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    yield
    for name in ("twin", "twin.own", "other", "data", "script", "wave"):
        sys.modules.pop(name, None)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`installed/` and `user/` both have `twin`; in `user/` `data` is a folder without code."""
    for place in ("installed", "user"):
        (tmp_path / place / "twin").mkdir(parents=True)
        (tmp_path / place / "twin" / "__init__.py").write_text(
            "from other import PLACE\n\ndef place(_): return PLACE\n"
        )
        (tmp_path / place / "other.py").write_text(f"PLACE = {place!r}\n")
    (tmp_path / "installed" / "data").mkdir()
    (tmp_path / "installed" / "data" / "__init__.py").write_text("def place(_): return 'installed'\n")
    (tmp_path / "user" / "data").mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "installed"), str(tmp_path / "user")])
    return tmp_path


def test_what_stands_before_python_goes_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The script's folder and PYTHONPATH go behind site-packages, and so does the working directory."""
    monkeypatch.setattr(sys, "path", ["/env/bin", "/mine", "/also", LIBRARY, "/env/site-packages"])
    installed_first()
    assert sys.path == [LIBRARY, "/env/site-packages", "/env/bin", "/mine", "/also", ""]
    assert user_entries() == ("", "/mine", "/also")


def test_python_may_lie_in_an_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    """The archive is Python's first entry, whether it exists or not."""
    archive = f"/usr/lib/python{sys.version_info.major}{sys.version_info.minor}.zip"
    monkeypatch.setattr(sys, "path", ["/mine", archive, LIBRARY])
    installed_first()
    assert sys.path == [archive, LIBRARY, "/mine", ""]


def test_the_folder_that_we_come_from_stays_in_front(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `pip install --target` and PYTHONPATH it holds everything that is installed."""
    monkeypatch.setattr(sys, "path", ["/env/bin", "/mine", HOME, LIBRARY])
    installed_first()
    assert sys.path == [HOME, LIBRARY, "/env/bin", "/mine", ""]


def test_it_is_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second call changes nothing, or PYTHONPATH would be forgotten."""
    monkeypatch.setattr(sys, "path", ["/env/bin", "/mine", LIBRARY])
    installed_first()
    installed_first()
    assert sys.path == [LIBRARY, "/env/bin", "/mine", ""]
    assert user_entries() == ("", "/mine")


def test_a_python_without_a_library_on_the_path_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen application orders its imports itself; only the working directory is added."""
    monkeypatch.setattr(sys, "path", ["/bundle"])
    installed_first()
    assert sys.path == ["/bundle", ""]


def test_user_code_finds_its_own_modules_first(folders: Path) -> None:
    """Also those that its modules import; everything else finds what is installed."""
    prefer([str(folders / "user")])
    assert load_function("twin:place")(None) == "user"


def test_everything_else_finds_what_is_installed(folders: Path) -> None:
    """The user's module of that name is not touched."""
    prefer([str(folders / "user")])
    assert importlib.import_module("twin").place(None) == "installed"


def test_a_service_keeps_its_own_order(folders: Path) -> None:
    """Where nobody put installed packages first, loading a function changes nothing."""
    assert load_function("twin:place")(None) == "installed"


def test_a_folder_of_files_hides_no_package(folders: Path) -> None:
    """Without __init__.py a folder gives way, as on Python's own path."""
    prefer([str(folders / "user")])
    assert load_function("data:place")(None) == "installed"


def test_python_s_own_modules_are_never_the_user_s(folders: Path) -> None:
    """`wave.py`, `queue.py` or `email/` beside a policy break no import of Python's."""
    (folders / "user" / "wave.py").write_text("raise RuntimeError('never to be found')\n")
    sys.modules.pop("wave", None)
    prefer([str(folders / "user")])
    with user_code_first():
        assert importlib.import_module("wave").__file__ == str(Path(LIBRARY, "wave.py"))


def test_a_name_that_is_taken_says_by_whom(folders: Path) -> None:
    """A package that is loaded already stands in the way of the user's; the message has its file."""
    (folders / "user" / "twin" / "own.py").touch()
    import_order.prefer([str(folders / "user")])
    installed = importlib.import_module("twin")
    with pytest.raises(ConfigError, match=r"No module named 'twin\.own'") as refused:
        load_function("twin.own:place")
    assert f"; twin is {installed.__file__})" in str(refused.value)


def test_a_module_that_exits_is_an_error_of_the_file(folders: Path) -> None:
    """A script without a guard must not end a command with its own code, which might be one of the gate's."""
    (folders / "user" / "script.py").write_text("raise SystemExit(1)\n")
    with pytest.raises(ConfigError, match="SystemExit: 1"):
        load_function("script:main")


def test_a_process_as_it_really_starts(folders: Path) -> None:
    """PYTHONPATH=. and the working directory are in front before, and behind afterwards."""
    site = f"import sys; sys.path.append({str(folders / 'installed')!r}); "
    code = "from shadow.runtime import import_order; import_order.installed_first(); "
    code += "import twin; print(twin.place(0), sys.path)"
    environment = {**os.environ, "PYTHONPATH": "."}
    done = subprocess.run(
        [sys.executable, "-c", site + code],
        cwd=folders / "user",
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("installed ")
    assert f"'{folders / 'user'}', '']" in done.stdout
