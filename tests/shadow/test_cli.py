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
