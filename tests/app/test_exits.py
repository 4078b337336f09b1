"""Exit codes: a script must be able to tell a typo, a wrong file, an absent store and our bug apart."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer

from shadow.errors import ConfigError, ShadowError
from shadowroute.app.cli import exits, root
from shadowroute.collector.errors import MigrationError, PortInUseError, StoreBusyError, StoreUnreachableError
from shadowroute.collector.replay.feed import LostRecordsError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (typer.BadParameter("x"), 64),
        (ConfigError("unknown key", file="a.yaml", line=3), 65),
        (StoreBusyError("open in pid 1"), 69),
        (StoreUnreachableError("no answer"), 69),
        (MigrationError(3, "differs"), 69),
        (PortInUseError("in use", port=4318), 69),
        (LostRecordsError("the store accepted nothing"), 69),
        (exits.NothingStoredError("no decisions yet"), 69),
        (ShadowError("unforeseen"), 70),
        (ZeroDivisionError("x"), 70),
    ],
)
def test_every_error_has_its_code(error: Exception, code: int) -> None:
    """The table of the design, line by line."""
    assert exits.ending(error).code == code


def test_a_file_error_starts_with_file_and_line() -> None:
    """Editors and people jump to the place."""
    assert exits.ending(ConfigError("unknown key", file="a.yaml", line=3)).message.startswith("a.yaml:3: unknown key")


def test_only_our_bug_prints_a_trace() -> None:
    """A stack trace is for us; a user's mistake gets a sentence."""
    assert "a bug of ours (ZeroDivisionError)" in exits.ending(ZeroDivisionError("x")).message
    assert "a bug of ours" not in exits.ending(StoreBusyError("open in pid 1")).message
    assert "Traceback" not in exits.ending(StoreBusyError("open in pid 1")).message


@pytest.mark.parametrize(
    "line",
    [["--nope"], ["report", "--nope"], ["nope"], ["up", "--otlp-port", "x"], ["report", "--from", "yesterday"], []],
)
def test_a_typo_is_64(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Typer's own 2 never leaves the process."""
    assert root.run(line) == 64
    assert "Traceback" not in capsys.readouterr().err


def test_a_misspelt_option_names_the_command_and_where_help_is(capsys: pytest.CaptureFixture[str]) -> None:
    """The message is about the command that was typed."""
    root.run(["report", "--polcy", "x"])
    first, second = capsys.readouterr().err.splitlines()
    assert first == "shadowroute report: No such option: --polcy (Possible options: --plan, --policy, --project)"
    assert second == "Try: shadowroute report --help"


def test_version_names_both_distributions(capsys: pytest.CaptureFixture[str]) -> None:
    """A bug report needs both."""
    assert root.run(["--version"]) == 0
    assert capsys.readouterr().out.count("0.1.0") == 2


def test_help_needs_no_database_and_no_web_framework() -> None:
    """`shadowroute --help` answers at once."""
    heavy = ("chdb", "streamlit", "numpy", "pyarrow", "scipy")
    code = f"import sys, shadowroute.app.cli.root; print([name for name in {heavy} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a shell reports it."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(root, "app", interrupt)
    assert root.run(["report"]) == 130


@pytest.mark.parametrize("code", [0, 1, 2, 3, None])
def test_nobody_else_s_exit_is_an_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int | None
) -> None:
    """A library or a user's function that calls `sys.exit` is no verdict."""

    def leave(*_: object, **__: object) -> None:
        sys.exit(code)

    monkeypatch.setattr(root, "app", leave)
    assert root.run(["gate"]) == 70
    assert "a bug of ours (SystemExit)" in capsys.readouterr().err
