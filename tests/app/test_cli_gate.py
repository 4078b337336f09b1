"""`shadowroute gate`: every verdict out of a real store, its exit code, and what goes where."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from shadow.runtime import exits
from shadowroute.analysis.verdict.judgement_json import SCHEMA, judgement_schema
from shadowroute.app.cli.root import run
from shadowroute.collector.plans import plan_records
from shadowroute.collector.store import Store
from tests.support.judged_fortnight import PLAN, PROJECT, Fortnight, fill
from tests.support.stores import fresh_store

SHIP, REJECT, NEED_MORE, PERSON = 0, 1, 2, 3


@pytest.fixture(scope="module")
def good(engine_folder: Path) -> Iterator[Store]:
    """A fortnight that ships; tests change nothing but its plans."""
    with fresh_store(engine_folder) as store:
        fill(store, Fortnight(requests=1000))
        yield store


@contextmanager
def another(engine_folder: Path, truth: Fortnight) -> Iterator[Store]:
    with fresh_store(engine_folder) as store:
        fill(store, truth)
        yield store


def gate(store: Store, folder: Path, *more: str, plan: str = PLAN) -> int:
    (folder / "plan.yaml").write_text(plan)
    return run(["gate", "--plan", str(folder / "plan.yaml"), "--store", str(store.dsn), *more])


def named(name: str, plan: str = PLAN) -> str:
    """The plan under a name of its own, so that tests do not edit each other's."""
    return plan.replace("plan: cheap-first-2025-03", f"plan: {name}")


def test_ship_without_signatures_is_0(good: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Condition by condition, with n and what it rests on; the exit code and its reason come last."""
    assert gate(good, tmp_path) == SHIP
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].startswith("SHIP  cheap-first 9f3c1e0a77b2   plan cheap-first-2025-03 ")
    assert lines[0].endswith("(unchanged)   14 of 14 days")
    assert lines[1].startswith("  Ship to 5 %. cheap-first would save $")
    assert "  met       saves at least 10 %" in out
    assert "  met       resolved loses at most 2.0 points  " in out
    assert "  executed  n=" in out
    assert "The plan was registered after 14 days of its window" in out.replace("\n            ", " ")
    assert max(map(len, lines)) <= 120
    last = next(line for line in reversed(lines) if not line.startswith(" "))
    assert last.startswith("exit 0 (the plan asks for no signature).  0 SHIP and validly signed · 1 REJECT")
    assert err == ""


def test_ship_that_must_be_signed_is_3_and_has_a_comment(
    good: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Signatures cannot be recorded; the Markdown alone goes to stdout and links nowhere without an address."""
    plan = named("signed", PLAN.replace("signatures: 0", "signatures: 1"))
    assert gate(good, tmp_path, "--comment", "-", "--policy", "cheap-first", plan=plan) == PERSON
    out = capsys.readouterr().out
    assert out.startswith("<!-- shadowroute gate -->\n### SHIP: cheap-first")
    assert "Next: sign." in out
    assert "exit 3 (SHIP, not signed)" in out
    assert "Open the review" not in out


@pytest.mark.parametrize(
    ("truth", "code", "first"),
    [
        (Fortnight(requests=1000, resolved=0.7), REJECT, "REJECT"),
        (Fortnight(requests=1000, executed=0.0), NEED_MORE, "NEED_MORE"),
        (Fortnight(requests=1200, resolved_refund=0.8, executed=1.0), PERSON, "HOLD"),
    ],
)
def test_every_verdict_has_its_exit_code(
    *,
    engine_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    truth: Fortnight,
    code: int,
    first: str,
) -> None:
    """Worse answers, none at all, one harmed segment; NEED_MORE names the way to get answers."""
    with another(engine_folder, truth) as store:
        assert gate(store, tmp_path) == code
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith(f"{first} cheap-first")
    assert f"exit {code}" in out
    assert ("answers Draw requests with shadowroute queue" in out) == (first == "NEED_MORE")


def test_json_follows_the_published_schema(good: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Schema name, verdict, exit code."""
    assert gate(good, tmp_path, "--json", plan=named("json")) == SHIP
    document = json.loads(capsys.readouterr().out)
    Draft202012Validator(judgement_schema()).validate(document)
    assert (document["schema"], document["verdict"], document["exit_code"]) == (SCHEMA, "SHIP", 0)
    assert document["conditions"][1]["measured"]["kind"] == "estimate"
    assert document["plan"]["edits"] == []


def test_the_comment_links_to_just_these_days(good: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Markdown in a file beside the text; the link is absolute."""
    where = tmp_path / "comment.md"
    plan = named("comment")
    code = gate(good, tmp_path, "--comment", str(where), "--public-url", "https://shadow.example/", plan=plan)
    assert code == SHIP
    text = where.read_text()
    assert capsys.readouterr().out.startswith("SHIP")
    assert text.startswith("<!-- shadowroute gate -->\n### SHIP: cheap-first\n\n**Ship to 5 %.")
    assert "| met | saves at least 10 % | " in text
    address = "https://shadow.example/?policy=cheap-first&version=9f3c1e0a77b2&from=2025-03-03&to=2025-03-16"
    assert f"[Open the review]({address})" in text


def test_a_late_edit_is_printed_and_the_first_plan_judges(
    good: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A softer margin after the data changes nothing but what is said."""
    strict = named("edited", PLAN.replace("points: 2.0", "points: 0.1"))
    before = gate(good, tmp_path, plan=strict)
    assert before == NEED_MORE
    capsys.readouterr()
    assert gate(good, tmp_path, plan=named("edited")) == before
    out = " ".join(capsys.readouterr().out.split())
    assert "plan.yaml changed after 14 days of data (loses_at_most_points 0.1 -> 2.0, " in out
    assert "Judged by the first plan; new name = new start." in out
    assert "(edited, judged by the first)" in out
    assert len(plan_records(good.client(), PROJECT, "edited")) == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("10%", "10", "plan.yaml:6: saves_at_least: 10 is ambiguous (10 % or 1000 %?); write 10%"),
        ("cost:   ", "kosts:  ", 'plan.yaml:6: unknown key "kosts" under must; did you mean "cost"?'),
        (
            ", loses_at_most_points: 2.0",
            "",
            "plan.yaml:7: loses_at_most_points must be given under quality, got nothing",
        ),
        ("ends: 2025-03-16", "ends: 2025-03-01", "plan.yaml:3: ends must not be before starts"),
    ],
)
def test_a_bad_plan_is_65_and_is_not_recorded(
    *, good: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    """File and line first."""
    assert gate(good, tmp_path, plan=named("bad", PLAN.replace(old, new))) == exits.BAD_FILE
    assert capsys.readouterr().err.removeprefix(f"{tmp_path}/").startswith(message)
    assert plan_records(good.client(), PROJECT, "bad") == []


def test_misuse_is_64(good: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt option, no plan, another policy than the plan's, two things for one stdout."""
    assert gate(good, tmp_path, "--polcy", "x") == exits.USAGE
    assert run(["gate", "--store", str(good.dsn)]) == exits.USAGE
    assert gate(good, tmp_path, "--policy", "bold") == exits.USAGE
    assert "--policy must be the plan's, cheap-first, got 'bold'" in capsys.readouterr().err
    assert gate(good, tmp_path, "--json", "--comment", "-") == exits.USAGE
