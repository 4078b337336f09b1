"""`worksheet`, `queue` and `calculator` as a person at a shell sees them; tests/e2e starts them as processes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shadow.runtime.exits import BAD_FILE, OK, USAGE
from shadowroute.app.cli.root import run
from shadowroute.collector.serve import rollup_now
from shadowroute.collector.store import Store
from tests.support.mixed_traffic import store_traffic
from tests.support.stores import fresh_store

Ask = Callable[..., tuple[int, str, str]]
"""Runs a command line; its exit code, stdout and stderr."""


@pytest.fixture(scope="module")
def filled(engine_folder: Path) -> Iterator[Store]:
    """A store with 3,000 requests and their shadows."""
    with fresh_store(engine_folder) as store:
        store_traffic(store.client())
        pin = [["p", "b", datetime.now(UTC), "test"]]
        store.client().insert("price_book_pins", pin, column_names=["project", "book", "pinned_at", "source"])
        rollup_now(store)
        yield store


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    monkeypatch.chdir(tmp_path)

    def asked(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(arguments)
        return code, *capsys.readouterr()

    return asked


@pytest.fixture
def told(ask: Ask, filled: Store) -> Callable[..., str]:
    """What a command that succeeds on the filled store prints."""

    def asked(*arguments: str) -> str:
        code, out, err = ask(*arguments, "--store", str(filled.dsn))
        assert code == OK, err
        return out

    return asked


def test_worksheet_in_three_forms(told: Callable[..., str]) -> None:
    """Text, JSON and CSV have the same tasks in the same order; the order follows the stated rule."""
    text = told("worksheet")
    sheet = json.loads(told("worksheet", "--json"))
    rows = list(csv.DictReader(io.StringIO(told("worksheet", "--csv"))))
    assert sheet["schema"] == "shadowroute/worksheet/1"
    assert [row["task"] for row in sheet["rows"]] == [row["task"] for row in rows]
    assert sum(row["share"] for row in sheet["rows"]) == pytest.approx(1)
    savings = [row["saving_usd_per_month"] or 0.0 for row in sheet["rows"]]
    assert savings == sorted(savings, reverse=True)
    assert "could save a month" in text
    assert {row["last_review"] for row in rows} == {""}


def test_queue_draws_a_file_that_comes_back(told: Callable[..., str], tmp_path: Path) -> None:
    """The drawn file, with answers filled in, is what `import executions` takes; the draw is repeatable."""
    options = ("queue", "--policy", "cheap", "--n", "150", "--seed", "3")
    text = told(*options, "--csv")
    assert text == told(*options, "--csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert 100 < len(rows) < 200
    assert {row["policy"] for row in rows} == {"cheap"}
    assert all(0 < float(row["inclusion_probability"]) <= 1 for row in rows)
    summary = json.loads(told(*options, "--json"))
    assert summary["drawn"] == len(summary["requests"]) == len(rows)
    assert "sample cheap-" in told(*options)
    for row in rows:
        row |= {"status": "ok", "signal": "resolved", "score": "0.5", "live_score": "0.75", "cost_usd": "0.001"}
    with (tmp_path / "queue.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert f"{len(rows)}" in told("import", "executions", "queue.csv")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--policy", "cheap", "--n", "5", "--budget-usd", "1"], "either --n or"),
        (["--policy", "cheap"], "how many to draw is missing; give --n or --budget-usd"),
        (["--policy", "cheap", "--version", "x", "--n", "5"], "--version must be one of v1"),
        (["--policy", "cheap", "--n", "5", "--segment", "colour=red"], "--segment"),
    ],
)
def test_queue_says_what_is_wrong(ask: Ask, filled: Store, options: list[str], message: str) -> None:
    """A misuse is 64 and names the option."""
    code, _, err = ask("queue", *options, "--store", str(filled.dsn))
    assert code == USAGE, err
    assert message in err


def test_calculator(ask: Ask, tmp_path: Path) -> None:
    """Text and JSON from options; a bad file is 65 with its line, bad options are 64."""
    routes = ["--route", "small: share=75%, usd=1, quality=80%, escalates=25%, to=large"]
    routes += ["--route", "large: share=25%, usd=8, quality=100%", "--baseline", "large"]
    code, out, err = ask("calculator", *routes)
    assert code == OK, err
    assert "unknown" in out
    made = json.loads(ask("calculator", *routes, "--json")[1])
    assert made["usd"] == 4.25
    assert made["latency_s"] is None
    (tmp_path / "routes.yaml").write_text("routes:\n  small: {share: 75%, usd: 1, colour: red}\n")
    code, _, err = ask("calculator", "--file", "routes.yaml")
    assert code == BAD_FILE
    assert err.startswith("routes.yaml:2: ")
    assert ask("calculator")[0] == USAGE
    assert ask("calculator", *routes[:2])[0] == USAGE
