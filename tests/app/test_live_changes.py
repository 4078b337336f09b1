"""A live policy that changes in mid-window has one control, on its own days, and one sentence about it everywhere."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from shadowroute.app.cli.root import run
from shadowroute.collector.store import Store
from tests.app.conftest import shown
from tests.app.test_pages import opened, texts
from tests.support.judged_fortnight import LIVE, PLAN, PROJECT, SHADOW, Fortnight, fill
from tests.support.stores import fresh_store

CONTROL: Final = {
    "policy": {"name": LIVE.name, "version": LIVE.version},
    "days": [{"first": "2025-03-03", "last": "2025-03-09"}],
    "is_whole": False,
}
"""The first version of live decided beside itself in the first week only; then it is one more shadow."""

SENTENCE: Final = (
    f"Live differs from itself on 4.0 % of requests (noise floor of the A/A shadow {LIVE.name} {LIVE.version} on"
    " 3 to 9 Mar)."
)
"""Every 25th request of the first week. Over the whole fortnight it would be every 7th."""


@pytest.fixture(scope="module")
def changed(engine_folder: Path) -> Iterator[Store]:
    """A fortnight in which live changes after the first week."""
    with fresh_store(engine_folder) as store:
        fill(store, Fortnight(requests=2000, live_changes=True, control=True))
        yield store


@pytest.fixture(scope="module")
def packet(changed: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packet of the plan."""
    folder = tmp_path_factory.mktemp("packet")
    (folder / "plan.yaml").write_text(PLAN)
    said = run(
        ["report", "--store", str(changed.dsn), "--plan", str(folder / "plan.yaml"), "--packet", str(folder / "it")]
    )
    assert said == 0
    return folder / "it"


def plain(text: str) -> str:
    """Text without tags, escapes and line breaks."""
    return " ".join(
        html.unescape(re.sub(r"<[^>]+>", " ", text)).replace("\N{NO-BREAK SPACE}", " ").replace("\\", "").split()
    )


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    run(list(arguments))
    return capsys.readouterr().out


@pytest.mark.parametrize("page", ["overview", "divergence"])
def test_the_pages_say_it(changed: Store, page: str) -> None:
    """Once on each."""
    with shown(changed):
        said = plain(texts(opened(page, project=PROJECT, policy=SHADOW.name)))
    assert said.count(SENTENCE) == 1


def test_the_report_says_it(changed: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """As text and as JSON; the old version is still measured as the shadow that it became."""
    store = ("--store", str(changed.dsn))
    assert SENTENCE in plain(command(capsys, "report", *store))
    found = json.loads(command(capsys, "report", *store, "--json"))
    assert (found["floor"], found["controls"]) == (SENTENCE, [CONTROL])
    assert {each["policy"]["name"]: each["is_control"] for each in found["policies"]} == {
        SHADOW.name: False,
        LIVE.name: False,
    }
    assert {each["floor"] for each in found["policies"]} == {SENTENCE}


def test_the_gate_says_it(changed: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As text, as a comment and as JSON."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    gate = ("gate", "--store", str(changed.dsn), "--plan", str(tmp_path / "plan.yaml"))
    assert SENTENCE in plain(command(capsys, *gate))
    assert SENTENCE in plain(command(capsys, *gate, "--comment", "-"))
    assert is_judged(json.loads(command(capsys, *gate, "--json")))


def test_the_packet_says_it(packet: Path) -> None:
    """For machines, for people, and for pull requests."""
    found = json.loads((packet / "packet.json").read_text())
    assert is_judged(found["judgement"])
    assert found["evidence"]["report"]["floor"] == SENTENCE
    texts = [file.read_text() for file in packet.iterdir() if file.suffix in {".html", ".md"}]
    assert texts
    assert all(SENTENCE in plain(text) for text in texts)


def test_what_is_above_the_floor_is_measured_on_its_days(changed: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """The shadow differs on 60 % of all requests; the floor is taken off where both were measured."""
    found = json.loads(command(capsys, "report", "--store", str(changed.dsn), "--json"))
    shadow = next(each for each in found["policies"] if each["policy"]["name"] == SHADOW.name)
    first_week = found["requests"] / 2
    assert shadow["excess"]["n"] == pytest.approx(first_week, rel=0.01)


def is_said(floor: dict[str, Any]) -> bool:
    """Whether a floor has the control, its days, what was measured, and the sentence."""
    assert floor["controls"] == [CONTROL]
    assert floor["measured"]["value"] == pytest.approx(1 / 25, abs=0.001)
    return bool(floor["text"] == SENTENCE)


def is_judged(judgement: dict[str, Any]) -> bool:
    """The same of a judgement, which has the measured share in its headline and the sentence among its caveats."""
    said = [text for text in judgement["caveats"] if "differs from itself" in text]
    assert len(said) == 1
    floor = judgement["headline"]["noise_floor"]
    return is_said({"controls": judgement["controls"], "measured": floor, "text": said[0]})
