"""`worksheet`, `queue` and `calculator` as a user starts them."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli import shadowroute
from tests.support.groups import ROOT

FILL = """
import sys
from datetime import UTC, datetime
from shadowroute.collector.serve import rollup_now
from shadowroute.collector.store import open_store
from tests.support.mixed_traffic import store_traffic
with open_store(sys.argv[1], own=True) as store:
    store_traffic(store.client())
    pin = [["p", "b", datetime.now(UTC), "test"]]
    store.client().insert("price_book_pins", pin, column_names=["project", "book", "pinned_at", "source"])
    rollup_now(store)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose store holds 3,000 requests and their shadows; this process must not own it."""
    made = tmp_path_factory.mktemp("worksheet")
    command = [sys.executable, "-c", FILL, f"chdb://{made}/store"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    return made


def run(folder: Path, *arguments: str) -> str:
    done = shadowroute(*arguments, "--store", f"chdb://{folder}/store", cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_worksheet_in_three_forms(folder: Path) -> None:
    """Text, JSON and CSV have the same tasks in the same order; the order follows the stated rule."""
    text = run(folder, "worksheet")
    sheet = json.loads(run(folder, "worksheet", "--json"))
    rows = list(csv.DictReader(io.StringIO(run(folder, "worksheet", "--csv"))))
    assert sheet["schema"] == "shadowroute/worksheet/1"
    assert [row["task"] for row in sheet["rows"]] == [row["task"] for row in rows]
    assert sum(row["share"] for row in sheet["rows"]) == pytest.approx(1)
    savings = [row["saving_usd_per_month"] or 0.0 for row in sheet["rows"]]
    assert savings == sorted(savings, reverse=True)
    assert "could save a month" in text
    assert {row["last_review"] for row in rows} == {""}


def test_queue_draws_a_file_that_comes_back(folder: Path) -> None:
    """The drawn file, with answers filled in, is what `import executions` takes; the draw is repeatable."""
    options = ("queue", "--policy", "cheap", "--n", "150", "--seed", "3")
    text = run(folder, *options, "--csv")
    assert text == run(folder, *options, "--csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert 100 < len(rows) < 200
    assert {row["policy"] for row in rows} == {"cheap"}
    assert all(0 < float(row["inclusion_probability"]) <= 1 for row in rows)
    summary = json.loads(run(folder, *options, "--json"))
    assert summary["drawn"] == len(summary["requests"]) == len(rows)
    assert "sample cheap-" in run(folder, *options)
    for row in rows:
        row |= {"status": "ok", "signal": "resolved", "score": "0.5", "live_score": "0.75", "cost_usd": "0.001"}
    with (folder / "queue.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert f"{len(rows)}" in run(folder, "import", "executions", "queue.csv")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--policy", "cheap", "--n", "5", "--budget-usd", "1"], "either --n or"),
        (["--policy", "cheap"], "how many to draw is missing; give --n or --budget-usd"),
        (["--policy", "cheap", "--version", "x", "--n", "5"], "--version must be one of v1"),
        (["--policy", "cheap", "--n", "5", "--segment", "colour=red"], "--segment"),
    ],
)
def test_queue_says_what_is_wrong(folder: Path, options: list[str], message: str) -> None:
    """A misuse is 64 and names the option."""
    done = shadowroute("queue", *options, "--store", f"chdb://{folder}/store", cwd=folder)
    assert done.returncode == 64, done.stderr
    assert message in done.stderr


def test_calculator(tmp_path: Path) -> None:
    """Text and JSON from options; a bad file is 65 with its line, bad options are 64."""
    routes = ["--route", "small: share=75%, usd=1, quality=80%, escalates=25%, to=large"]
    routes += ["--route", "large: share=25%, usd=8, quality=100%", "--baseline", "large"]
    done = shadowroute("calculator", *routes, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "unknown" in done.stdout
    made = json.loads(shadowroute("calculator", *routes, "--json", cwd=tmp_path).stdout)
    assert made["usd"] == 4.25
    assert made["latency_s"] is None
    (tmp_path / "routes.yaml").write_text("routes:\n  small: {share: 75%, usd: 1, colour: red}\n")
    bad = shadowroute("calculator", "--file", "routes.yaml", cwd=tmp_path)
    assert bad.returncode == 65
    assert bad.stderr.startswith("routes.yaml:2: ")
    assert shadowroute("calculator", cwd=tmp_path).returncode == 64
    assert shadowroute("calculator", *routes[:2], cwd=tmp_path).returncode == 64
