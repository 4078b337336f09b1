"""The script `shadowroute` with and without the platform."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from shadow import cli


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, platform: Callable[[], Any] | None = None) -> Any:
    """Exit code of the script."""
    monkeypatch.setattr(sys, "argv", ["shadowroute", *arguments])
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    found = None if platform is None else SimpleNamespace(load=lambda: platform)
    monkeypatch.setattr(cli, "_platform", lambda: found)
    with pytest.raises(SystemExit) as exited:
        cli.main()
    return exited.value.code


def test_without_the_platform_the_way_to_it_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 69 with the one sentence that helps."""
    assert run(monkeypatch, "up") == 69
    assert capsys.readouterr().err == (
        'shadowroute: this command is in shadowroute-platform. pip install "shadowroute[platform]". '
        "(The SDK alone offers: python -m shadow check routing/shadow.yaml, and shadowroute gateway)\n"
    )


def test_the_platform_decides_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """What its command line returns is what the script exits with."""
    assert run(monkeypatch, "report", platform=lambda: 65) == 65


def test_the_version_needs_no_platform(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` always works."""
    assert run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.startswith("shadowroute 0.")


def test_the_gateway_needs_no_platform(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`shadowroute gateway` runs from the SDK alone: here it finds that its file is absent."""
    assert run(monkeypatch, "gateway", "--routing", "absent.yaml") == 65
    assert "absent.yaml" in capsys.readouterr().err


def test_a_platform_that_cannot_be_loaded_is_70(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python's 1 would read as REJECT."""

    def load() -> int:
        raise ModuleNotFoundError("No module named 'typer'", name="typer")

    assert run(monkeypatch, "gate", platform=load) == 70
    assert capsys.readouterr().err.startswith("shadowroute: the installed package typer cannot be imported (")


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), (["--nope"], 64), (["--port", "x"], 64)])
def test_the_gateway_s_own_parser_ends_with_our_codes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int
) -> None:
    """Argparse leaves by SystemExit, which is a bug everywhere else."""
    assert run(monkeypatch, "gateway", *arguments) == code
    assert "Traceback" not in capsys.readouterr().err
