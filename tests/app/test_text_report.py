"""The report as text and as flat rows."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from shadowroute.analysis.as_json import to_json
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.report import ProjectReport, project_report
from shadowroute.analysis.results import Estimate, Undefined
from shadowroute.analysis.study import Study
from shadowroute.app.cli import exits
from shadowroute.app.cli.choosing import chosen_keys, chosen_project, chosen_window
from shadowroute.app.tables import csv_text
from shadowroute.app.text_report import CSV_HEADER, ceiling, csv_rows, report_text
from shadowroute.collector.store import Store
from tests.support.page_week import BOOK


@pytest.fixture(scope="module")
def report(filled: Store) -> ProjectReport:
    queries = Queries(filled.reader(), "support-api")
    return project_report(Study(queries, chosen_window(queries, None, None), book=BOOK), by=("task",))


def test_the_text_starts_with_what_it_is(report: ProjectReport) -> None:
    """Nothing is judged in this release, and the first line says so, with the days and the prices."""
    first, second = report_text(report).splitlines()[:2]
    assert first == "Measured, not judged   project support-api, 2026-11-09..2026-11-22 (UTC)"
    assert second.startswith("1,500 requests · live live-rules 77a0d2c41b90 · prices book-pages · as of ")


def test_requests_that_wait_are_said(report: ProjectReport) -> None:
    """The head of the report tells how many are in no figure yet; none is no word."""
    head = report_text(replace(report, waiting=1234)).splitlines()[1]
    assert head.endswith(" UTC; 1,234 newer requests wait")
    assert "wait" not in report_text(replace(report, waiting=0)).splitlines()[1]
    assert to_json(replace(report, waiting=1234), "x")["waiting"] == 1234


def test_the_most_that_any_policy_could_save_is_said_without_a_plan(report: ProjectReport) -> None:
    """In the head, so that a first report tells whether routing can be worth anything (R54)."""
    assert isinstance(report.most_saved, Estimate)
    third = report_text(report).splitlines()[2]
    assert third == ceiling(report.most_saved)
    assert re.fullmatch(
        r"Any policy over these models could save at most \$[\d.]+ \(\$[\d.]+ to \$[\d.]+\) a month\.", third
    )
    unknown = replace(report, most_saved=Undefined(reason="no price for gpt-9", next_step="add one"))
    assert report_text(unknown).splitlines()[2] == (
        "The most that any policy could save is unknown: No price for gpt-9; add one."
    )


def test_an_unknown_segment_key_is_refused(filled: Store) -> None:
    """A misspelt key must not give a report without segments, as if there were none."""
    queries = Queries(filled.reader(), "support-api")
    study = Study(queries, chosen_window(queries, None, None))
    assert chosen_keys(study, ["task"]) == ["task"]
    assert chosen_keys(study, ["complexity, task", "task"]) == ["complexity", "task"]
    assert chosen_keys(study, ["complexity_band"]) == ["complexity"]
    with pytest.raises(typer.BadParameter, match=r"--by must be a segment key of .*task.*, got 'tusk'"):
        chosen_keys(study, ["tusk"])


def test_every_policy_and_segment_has_a_row(report: ProjectReport) -> None:
    """A table per shadow, the overall row first, then one per value."""
    text = report_text(report)
    assert text.count("  all      ") == 4
    assert text.count("\n  task=refund") == 4
    assert "A/A control: the live policy beside itself, the noise floor" in text


def test_what_limits_all_policies_is_said_once(report: ProjectReport) -> None:
    """A caveat that every policy shares stands at the end, not in every table."""
    text = report_text(report)
    assert text.count("Live quality is that of the model that answered") == 1
    assert text.index("About all of these figures") > text.rindex("task=refund")


def test_a_policy_without_a_cascade_pays_nothing_twice_by_design(report: ProjectReport) -> None:
    """`no cascade` is a fact, not an unknown."""
    bold = next(part for part in report_text(report).split("\n\n") if part.startswith("bold"))
    assert "no cascade" in bold.splitlines()[2]


def test_the_csv_has_a_row_per_policy_segment_and_measure(report: ProjectReport) -> None:
    """Unknown numbers are empty, and the note says why; ranges have bounds and no value."""
    rows = list(csv.DictReader(io.StringIO(csv_text(CSV_HEADER, csv_rows(report)), newline="")))
    slices = sum(1 + len(policy.segments) for policy in report.policies)
    assert len(rows) == slices * 14
    cost = next(row for row in rows if (row["policy"], row["measure"]) == ("cheap-first", "cost_relative"))
    assert cost["value"] == ""
    assert float(cost["low"]) < float(cost["high"])
    assert all(row["note"] for row in rows if not row["value"])


def test_an_empty_store_is_not_a_usage_error(store: Store) -> None:
    """A report on nothing says so and ends with 69, so that no script takes silence for zero."""
    with pytest.raises(exits.NothingStoredError, match="holds no decisions yet"):
        chosen_project(store, "")


def test_the_only_project_need_not_be_named(filled: Store, tmp_path: Path) -> None:
    """One project is the obvious one; an unknown one is refused with those that exist."""
    assert chosen_project(filled, "") == "support-api"
    with pytest.raises(Exception, match=r"--project must be one that the store holds \(support-api\), got 'x'"):
        chosen_project(filled, "x")
