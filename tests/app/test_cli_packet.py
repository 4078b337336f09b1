"""`report --packet` writes what `gate --packet` believes, and nothing else passes for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from shadow.runtime import exits
from shadowroute.analysis.packet.manifest import KEY_VARIABLE
from shadowroute.app.cli.root import run
from shadowroute.collector.store import Store
from tests.support.judged_fortnight import PLAN, Fortnight, fill
from tests.support.stores import fresh_store

KEY = "sixteen letters!"


@pytest.fixture(scope="module")
def good(engine_folder: Path) -> Iterator[Store]:
    """A fortnight that ships."""
    with fresh_store(engine_folder) as store:
        fill(store, Fortnight(requests=1000))
        yield store


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    file = tmp_path / "plan.yaml"
    file.write_text(PLAN)
    return file


@pytest.fixture
def packet(good: Store, plan: Path, tmp_path: Path) -> Path:
    """A packet of the plan, without a key."""
    folder = tmp_path / "packet"
    assert report(good, "--plan", str(plan), "--packet", str(folder)) == exits.OK
    return folder


def report(store: Store, *more: str) -> int:
    return run(["report", "--store", str(store.dsn), *more])


def test_the_gate_says_of_a_packet_what_it_says_of_the_store(
    good: Store, plan: Path, packet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same text, comment and exit code, without a store."""
    capsys.readouterr()
    of_store = run(["gate", "--plan", str(plan), "--store", str(good.dsn)]), capsys.readouterr().out
    of_packet = run(["gate", "--packet", str(packet), "--store", "chdb:///does/not/exist"]), capsys.readouterr()
    assert of_packet[0] == of_store[0] == 0
    assert of_packet[1].out == of_store[1]
    assert "3 files as written, not signed" in of_packet[1].err
    assert run(["gate", "--packet", str(packet), "--comment", "-"]) == 0
    assert capsys.readouterr().out.startswith("<!-- shadowroute gate -->")


def test_a_changed_packet_is_no_answer(packet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A better verdict written by hand ends with 65 and names the file."""
    file = packet / "packet.json"
    file.write_text(file.read_text().replace('"verdict": "SHIP"', '"verdict": "HOLD"'))
    assert run(["gate", "--packet", str(packet)]) == exits.BAD_FILE
    assert "packet.json: file was changed after the packet was written" in capsys.readouterr().err


def test_with_a_key_only_its_own_packets_count(
    good: Store, plan: Path, packet: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unsigned is refused; signed again it passes and says so; another key refuses it."""
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    assert run(["gate", "--packet", str(packet)]) == exits.BAD_FILE
    assert "packet must be signed" in capsys.readouterr().err
    assert report(good, "--plan", str(plan), "--packet", str(packet)) == exits.OK
    assert run(["gate", "--packet", str(packet)]) == 0
    assert "signature valid" in capsys.readouterr().err
    monkeypatch.setenv(KEY_VARIABLE, KEY[::-1])
    assert run(["gate", "--packet", str(packet)]) == exits.BAD_FILE
    assert "signed with another key" in capsys.readouterr().err


def test_a_packet_without_a_plan_is_not_judged(good: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The gate says how to get one that is."""
    assert report(good, "--policy", "cheap-first", "--packet", str(tmp_path / "p")) == exits.OK
    assert capsys.readouterr().out.startswith("Measured, not judged")
    assert run(["gate", "--packet", str(tmp_path / "p")]) == exits.BAD_FILE
    assert "must hold a judgement; write it with report --plan FILE" in capsys.readouterr().err


def test_the_gate_takes_a_plan_or_a_packet(plan: Path, packet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither and both are misuse."""
    both = ["--plan", str(plan), "--packet", str(packet)]
    for arguments, message in (([], "the gate needs --plan FILE, or --packet DIR"), (both, "leave one out")):
        assert run(["gate", *arguments]) == exits.USAGE
        assert message in capsys.readouterr().err
    assert run(["gate", "--packet", str(packet), "--policy", "other"]) == exits.USAGE
    assert "--policy must be the packet's, cheap-first, got 'other'" in capsys.readouterr().err


def test_other_forms_of_the_packet(good: Store, plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Text, JSON, Markdown on stdout; the page in a file."""
    page = tmp_path / "page.html"
    assert report(good, "--plan", str(plan), "--html", str(page)) == exits.OK
    assert capsys.readouterr().out.startswith("SHIP  Ship to 5 %.")
    assert page.read_text().startswith("<!doctype html>")
    assert report(good, "--plan", str(plan), "--json") == exits.OK
    assert json.loads(capsys.readouterr().out)["schema"] == "shadowroute/packet/1"
    assert report(good, "--plan", str(plan), "--md") == exits.OK
    assert capsys.readouterr().out.startswith("# SHIP: cheap-first")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--packet", "x"], "a packet is about one policy"),
        (["--md", "--json"], "exclude each other"),
        (["--md", "--policy", "cheap-first", "--by", "task"], "have no meaning in a packet"),
        (["--md", "--policy", "nobody"], "--policy must have decided"),
    ],
)
def test_misuse_is_named(good: Store, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 64 and the rule."""
    assert report(good, *arguments) == exits.USAGE
    assert says in capsys.readouterr().err


def test_a_plan_names_the_days(good: Store, plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So --from has no meaning beside it."""
    assert report(good, "--plan", str(plan), "--md", "--from", "2025-03-03") == exits.USAGE
    assert "--from and --to exclude --plan" in capsys.readouterr().err
