"""A packet holds the same figures in all of its files, needs nothing else, and says which inputs made it."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from shadow.errors import ConfigError
from shadowroute.analysis.as_json import plain
from shadowroute.analysis.format import brief
from shadowroute.analysis.packet import content
from shadowroute.analysis.packet.content import SCHEMA, Packet, packet
from shadowroute.analysis.plan import plan_of, register
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.results import Estimate
from shadowroute.analysis.selection import PolicyRef, Window
from shadowroute.app.packet import files, page
from shadowroute.collector.executions import Execution, write
from shadowroute.collector.store import Store
from tests.checks import published_schemas
from tests.support.page_week import BOOK, DAYS, FIRST, PROJECT, VERSIONS, fill
from tests.support.stores import fresh_store

POLICY = PolicyRef("bold", VERSIONS["bold"])
WINDOW = Window(FIRST, FIRST + timedelta(days=DAYS - 1))
NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
PLAN = {
    "plan": "bold-2026-11",
    "policy": "bold",
    "window": {"starts": str(WINDOW.first), "ends": str(WINDOW.last)},
    "confidence": "95%",
    "must": {"cost": {"saves_at_least": "10%"}, "quality": [{"signal": "resolved", "loses_at_most_points": 2.0}]},
    "segments": {"by": ["task"]},
}


@pytest.fixture(scope="module")
def week(engine_folder: Path) -> Iterator[Queries]:
    """A fortnight with a sample of run answers: one request in five, worse than live's one time in ten."""
    with fresh_store(engine_folder) as store:
        fill(store)
        write(store.client(), PROJECT, list(_sample(store)), now=NOW)
        yield Queries(store.client(), PROJECT)


def _sample(store: Store) -> Iterator[Execution]:
    rows = store.reader().query(
        "SELECT request_id, model FROM decisions FINAL WHERE project = {p:String} AND policy = 'bold'"
        " ORDER BY request_id",
        {"p": PROJECT},
    )
    for request_id, model in rows.result_rows:
        roll = int.from_bytes(hashlib.sha256(request_id.encode()).digest()[:4]) / 2**32
        if roll < 0.2:
            yield Execution(
                sample="s1", request_id=request_id, policy="bold", policy_version="", model=model,
                inclusion_probability=0.2, stratum="", status="ok", escalated=None, input_tokens=500, output_tokens=100,
                cost_usd=0.001, latency_s=1.0, signal="resolved", score=float(roll > 0.02), live_score=1.0,
                scorer="judge",
            )  # fmt: skip


@pytest.fixture(scope="module")
def judged(week: Queries) -> Packet:
    plan = register(plan_of(PLAN), PROJECT, reader=week.client, writer=week.client)
    return packet(week, POLICY, WINDOW, book=BOOK, now=NOW, plan=plan)


@pytest.fixture(scope="module")
def measured(week: Queries) -> Packet:
    return packet(week, POLICY, WINDOW, book=BOOK, now=NOW)


class Text(HTMLParser):
    """The text of a page, and the addresses that it would load."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.loads: list[str] = []
        self.tags: set[str] = set()
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data: str) -> None:
        if self.get_starttag_text() != "<style>":
            self.parts.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.parts)


def test_the_json_fits_the_published_schema(judged: Packet, measured: Packet) -> None:
    """With and without a judgement."""
    published = json.loads((published_schemas.REFERENCE / "packet.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(published)
    for each in (judged, measured):
        jsonschema.validate({"schema": SCHEMA, **json.loads(json.dumps(plain(each)))}, published)


def test_the_published_schemas_are_those_of_the_types() -> None:
    """Run tests/checks/published_schemas.py --write after a change."""
    for file, schema in published_schemas.schemas().items():
        assert json.loads(file.read_text()) == schema, file.name


def test_the_page_shows_the_figures_of_the_json(judged: Packet) -> None:
    """Sentence, conditions, ledger and segments stand in both."""
    text = Text(page.html(judged)).text
    assert judged.judgement is not None
    shown = [judged.judgement.sentence, *(each.shown for each in judged.judgement.conditions)]
    shown += [line.label for line in judged.evidence.ledger.lines]
    shown += [brief(each.divergence.model, "percent") for each in judged.evidence.report.segments]
    shown += [judged.inputs.traffic, judged.inputs.prices, judged.inputs.plan_hash, judged.inputs.executions]
    missing = [each for each in shown if _spaced(each) not in _spaced(text)]
    assert missing == []


def test_the_markdown_has_the_sections_of_the_page(judged: Packet) -> None:
    """The same titles in the same order, and every cell of a table row."""
    text = page.markdown(judged)
    titles = [section.title for section in page.sections(judged)]
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == titles
    assert {"Conditions of the plan", "Where the money goes, per month", "Worksheet", "Inputs"} <= set(titles)


def test_the_page_needs_nothing_and_runs_nothing(judged: Packet) -> None:
    """No address to load, no script; charts are drawings in the page."""
    found = Text(page.html(judged))
    assert found.loads == []
    assert "script" not in found.tags
    assert {"svg", "table"} <= found.tags


def test_names_from_traffic_are_text(week: Queries) -> None:
    """A policy may call itself anything."""
    evil = packet(week, PolicyRef("<script>alert(1)</script>", "v"), WINDOW, book=BOOK, now=NOW)
    markup = page.html(evil)
    assert "<script>" not in markup
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in markup


def test_without_a_plan_nothing_is_judged(measured: Packet) -> None:
    """The page says so in place of a verdict."""
    assert measured.judgement is None
    text = Text(page.html(measured)).text
    assert "Measured, not judged" in text
    assert not re.search(r"\b(SHIP|REJECT|HOLD|NEED_MORE)\b", text)


def test_executed_answers_reach_the_packet(judged: Packet) -> None:
    """One in ten of the run answers is worse, on the requests that differ."""
    assert judged.judgement is not None
    change = judged.evidence.executed.diverging_quality_change
    assert isinstance(change, Estimate)
    assert change.interval.low <= -0.1 <= change.interval.high
    assert judged.judgement.headline.quality_rung == "executed"


def test_inputs_change_with_what_they_name(week: Queries, judged: Packet, measured: Packet) -> None:
    """The same traffic has the same hash, other days another one."""
    assert measured.inputs.traffic == judged.inputs.traffic
    assert (measured.inputs.plan, measured.inputs.plan_hash) == ("", "")
    shorter = packet(week, POLICY, Window(FIRST, FIRST + timedelta(days=6)), book=BOOK, now=NOW)
    assert shorter.inputs.traffic != measured.inputs.traffic
    assert shorter.inputs.prices == measured.inputs.prices


def test_a_packet_is_written_and_read_back(judged: Packet, tmp_path: Path) -> None:
    """Four files; the JSON says what the judgement was, the worksheet opens in a spreadsheet."""
    folder = tmp_path / "packet"
    names = [path.name for path in files.write(judged, folder, key=None)]
    assert names == ["packet.json", "packet.html", "worksheet.csv", "manifest.json"]
    found = files.check(folder, key=None)
    assert found.judgement == judged.judgement is not None
    rows = list(csv.reader((folder / "worksheet.csv").read_text().splitlines()))
    assert len(rows) == 1 + len(judged.worksheet.rows)
    files.write(judged, folder, key=None)
    assert files.check(folder, key=None).content == found.content


def test_a_folder_of_somebody_else_is_left_alone(judged: Packet, tmp_path: Path) -> None:
    """Nothing is written into it."""
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="must be new or hold an earlier packet"):
        files.write(judged, tmp_path, key=None)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_packet_of_another_version_is_refused(
    judged: Packet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may mean something else by the same words."""
    monkeypatch.setattr(files, "SCHEMA", "shadowroute/packet/99")
    files.write(judged, tmp_path, key=None)
    monkeypatch.setattr(files, "SCHEMA", content.SCHEMA)
    with pytest.raises(ConfigError, match="must be of schema shadowroute/packet/1"):
        files.check(tmp_path, key=None)


def _spaced(text: Any) -> str:
    return " ".join(str(text).split())


def test_a_judge_that_nobody_checked_is_said_to_be_none(measured: Packet) -> None:
    """Its share is shown; whether it means anything is unknown, and the packet says so."""
    (judge,) = measured.evidence.judges
    assert (judge.judge, judge.truth) == ("judge", "")
    text = page.markdown(measured)
    assert "## Are the judges reliable?" in text
    assert f"| judge | none | 0 of {judge.judged} | unknown: no other source scored these answers |" in text
    assert "judge is the score of a model, without a known agreement with another source." in text
