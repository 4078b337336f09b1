"""However a command of ours ends: its own code, or one that no gate gives as an answer."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shadow.runtime.exits import leave_with

ANSWERS = {0, 1, 2, 3}


def raising(error: BaseException) -> Callable[[], int]:
    """A command that fails so."""

    def command() -> int:
        raise error

    return command


def forever() -> int:
    """Until the stack is full."""
    return forever()


def code_of(command: Callable[[], int]) -> Any:
    """Exit code of a command."""
    with pytest.raises(SystemExit) as ended:
        leave_with(command)
    return ended.value.code


@pytest.mark.parametrize("code", [0, 1, 2, 3, 64])
def test_a_command_ends_with_the_code_it_returns(code: int) -> None:
    """A verdict is an exit code."""
    assert code_of(lambda: code) == code


@pytest.mark.parametrize(
    "command",
    [
        raising(ZeroDivisionError("x")), raising(MemoryError()), forever, raising(ImportError("x")),
        raising(SystemExit()), raising(SystemExit(0)), raising(SystemExit(1)), raising(GeneratorExit()),
    ],
)  # fmt: skip
def test_what_nobody_foresaw_is_70_with_a_sentence(
    command: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever it was, and whichever code a stray `sys.exit` asked for; the trace never stands alone."""
    assert code_of(command) == 70
    told = capsys.readouterr().err
    assert told.startswith("Traceback")
    assert told.endswith("Please report the lines above.\n")


def test_an_interrupt_is_130() -> None:
    """As a shell reports it."""
    assert code_of(raising(KeyboardInterrupt())) == 130


def test_an_error_that_cannot_be_told_still_has_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without memory for the message, the code is what is left."""
    monkeypatch.setattr("shadow.runtime.exits.last_words", raising(MemoryError()))
    assert code_of(raising(ValueError("x"))) == 70


@pytest.mark.parametrize("buffering", ["", "1"])
@pytest.mark.parametrize(("redirect", "code"), [("| (exec <&-; sleep 1)", 141), (">/dev/full", 70), (">&-", 0)])
def test_an_answer_that_cannot_be_written_is_none(redirect: str, code: int, buffering: str) -> None:
    """A verdict that nobody could read must not count; who closes stdout asks for the code alone."""
    if redirect == ">/dev/full" and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    program = "import time; from shadow.runtime.exits import leave_with\n"
    program += "leave_with(lambda: time.sleep(0.3) or print('SHIP') or 0)"
    done = subprocess.run(
        ["sh", "-c", f'("$0" -c "$1"; echo $? >&2) {redirect}', sys.executable, program],
        env={**os.environ, "PYTHONUNBUFFERED": buffering},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.stderr.splitlines()[-1] == str(code)
    assert "Exception ignored" not in done.stderr
