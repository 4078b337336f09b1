"""`shadowroute train`: from two tables to a policy that decides, and what misuse says."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shadow.config import load_catalogue, load_policy
from shadow.domain.request import Message, Request
from shadow.domain.snapshot import STATELESS
from shadowroute.app.cli.root import run
from tests.support.routing_folder import write_folder
from tests.support.training_examples import CHEAP, DEAR, examples

NAMES = {CHEAP: "gpt-5-mini", DEAR: "gpt-5"}


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """queries.parquet and outcomes.parquet of a simulation, in a routing folder."""
    made = examples(n=1_500)
    pq.write_table(
        pa.table({"query_id": made.clusters, "prompt": [each.text for each in made.requests]}),
        tmp_path / "queries.parquet",
    )
    rows = [
        {"query_id": key, "model": NAMES[model], "input_tokens": 100, "output_tokens": 50, "score": float(score)}
        for model in (CHEAP, DEAR)
        for key, score in zip(made.clusters, made.scores[model], strict=True)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "outcomes.parquet")
    return write_folder(tmp_path, policy="policy: p\nchoose: {learned: {artifact: a.json}}\n")


def arguments(folder: Path, *more: str) -> list[str]:
    files = [f"--{name}={folder / name}.parquet" for name in ("queries", "outcomes")]
    return ["train", *files, f"--out={folder}/policies/a.json", f"--prices={folder}/models.yaml", *more]


def test_two_tables_become_a_policy(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The artifact is used by the file that names it, and the report says what it is worth."""
    assert run(arguments(tables, "--model=gpt-5", "--model=gpt-5-mini", "--threshold=0.1")) == 0
    printed = capsys.readouterr().out
    assert "Against a random mix of single models that costs the same" in printed
    assert "better than a random mix" in printed
    policy = load_policy(tables / "policies/policy.yaml", load_catalogue(tables / "models.yaml"))
    easy, hard = (
        policy.decide(
            Request(request_id="r", time_us=1, messages=(Message("user", text),), input_tokens=100, task=""), STATELESS
        )
        for text in ("order name total extract", "order name total prove")
    )
    assert (easy.model, hard.model) == ("gpt-5-mini", "gpt-5")


def test_json_has_the_report_and_no_weights(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Weights are in the file; what is printed is for a person or a dashboard."""
    assert run(arguments(tables, "--model=gpt-5", "--model=gpt-5-mini", "--json")) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["report"]["curve"]["models"] == ["gpt-5-mini", "gpt-5"]
    assert "models" not in document


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        ([], 64, "--model must be given at least twice, got 0"),
        (["--model=gpt-5", "--model=gpt-7"], 65, "models must be in the table, got gpt-7; it has gpt-5, gpt-5-mini"),
        (["--signal=resolved"], 64, "give --queries and --outcomes, or --signal"),
        (
            ["--model=gpt-5", "--model=gpt-5-mini", "--out=/nowhere/a.json"],
            65,
            "--out must be a file that can be written",
        ),
        (["--thresold=1"], 64, "No such option"),
    ],
)
def test_misuse_says_what_to_do(
    tables: Path, capsys: pytest.CaptureFixture[str], more: list[str], code: int, says: str
) -> None:
    """Nothing is trained, nothing is written."""
    assert run(arguments(tables, *more)) == code
    assert says in capsys.readouterr().err
    assert not (tables / "policies/a.json").exists()


def test_an_empty_store_is_unavailable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to learn from yet."""
    assert run(["train", "--signal=resolved", f"--out={tmp_path}/a.json", f"--store=chdb://{tmp_path}/store"]) == 69
    assert capsys.readouterr().err
