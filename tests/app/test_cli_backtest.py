"""`shadowroute backtest` and `demo` as a person at a shell sees them: text, JSON, messages and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from jsonschema import Draft202012Validator

from shadow.runtime import exits
from shadowroute.app.cli.backtest import renames
from shadowroute.app.cli.demo import MARKER, fresh_folder
from shadowroute.app.cli.root import run
from shadowroute.collector.store import Store
from tests.support.groups import ROOT

N = 400
PRICES = (
    "models:\n"
    "  big: {provider: x, tier: large, price_usd_per_million: {input: 10, output: 20}}\n"
    "  small: {provider: x, tier: small, price_usd_per_million: {input: 1, output: 2}}\n"
)


class Shell:
    """A folder with the files of one backtest, and a store of its own."""

    def __init__(self, folder: Path, store: str) -> None:
        self.folder = folder
        self.store = store
        ids = [f"q{number}" for number in range(N)]
        easy = [number % 2 == 0 for number in range(N)]
        self.table("q", query_id=ids, prompt=["Say yes."] * N, task=["easy" if each else "hard" for each in easy])
        self.outcomes = {
            "query_id": ids * 2,
            "model": ["big"] * N + ["small"] * N,
            "input_tokens": [100] * N + [110] * N,
            "output_tokens": [10] * N + [20] * N,
            "score": [1.0] * N + [1.0 if each else 0.0 for each in easy],
        }
        self.table("o", **self.outcomes)
        self.text("prices.yaml", PRICES)
        self.text("live.yaml", "policy: big-always\nchoose: {use: big}\n")
        self.text("half.yaml", "policy: half\nchoose: {rules: [{when: {task: easy}, use: small}, {otherwise: big}]}\n")

    def table(self, name: str, **columns: Any) -> None:
        pq.write_table(pa.table(columns), self.folder / f"{name}.parquet")

    def text(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def backtest(self, *more: str, shadow: str = "half.yaml") -> int:
        files = {"--queries": "q.parquet", "--outcomes": "o.parquet", "--live": "live.yaml", "--shadow": shadow}
        arguments = [part for option, name in files.items() for part in (option, str(self.folder / name))]
        prices = ["--prices", str(self.folder / "prices.yaml"), "--store", self.store]
        return run(["backtest", *arguments, *prices, *more])


@pytest.fixture
def shell(tmp_path: Path, store: Store) -> Shell:
    return Shell(tmp_path, str(store.dsn))


def test_the_table_goes_to_stdout_and_the_progress_to_stderr(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """What a person reads can be piped; what only says how far the work is cannot get into it."""
    assert shell.backtest() == exits.OK
    out, err = capsys.readouterr()
    assert out.startswith("400 queries; 0 left out; 400 used. Each query is its own session.")
    assert "differs (model)              200 = 50.0 %" in out
    assert "Measured, not judged." in out
    assert "roll up and measure" not in out
    assert "roll up and measure" in err


def test_json_is_the_published_document(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """--json prints one document that satisfies the schema, and nothing else on stdout."""
    assert shell.backtest("--json") == exits.OK
    document = json.loads(capsys.readouterr().out)
    Draft202012Validator(json.loads((ROOT / "docs/reference/backtest.schema.json").read_text())).validate(document)
    (shadow,) = document["shadows"]
    live_usd, moved_usd = N * 1_200 / 1e6, N / 2 * 120 / 1e6
    assert shadow["differs"]["n"] == 200
    assert shadow["cost"]["live_usd"] == pytest.approx(live_usd, rel=1e-9)
    assert shadow["cost"]["shadow_usd"] == pytest.approx(live_usd / 2 + moved_usd, rel=1e-9)
    assert shadow["truth"]["quality_change"] == 0.0
    assert document["price_source"] == "prices.yaml"


def test_a_missing_column_is_a_bad_file_with_the_way_out(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """The message names the columns, and the option it suggests works."""
    tokens = shell.outcomes.pop("output_tokens")
    shell.table("o", **shell.outcomes, completion_tokens=tokens)
    assert shell.backtest() == exits.BAD_FILE
    error = capsys.readouterr().err
    assert '"output_tokens" is missing (has: completion_tokens). --rename completion_tokens=output_tokens' in error
    assert shell.backtest("--rename", "completion_tokens=output_tokens") == exits.OK


def test_a_negative_price_is_a_bad_file_with_its_line(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """A price below zero would turn spending into saving."""
    shell.text("prices.yaml", PRICES.replace("input: 1,", "input: -1,"))
    assert shell.backtest() == exits.BAD_FILE
    assert "prices.yaml:3: " in capsys.readouterr().err


def test_an_unknown_model_is_a_bad_file_with_the_nearest(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt model is found before anything is sent."""
    shell.text("half.yaml", "policy: half\nchoose: {use: smal}\n")
    assert shell.backtest() == exits.BAD_FILE
    assert 'half.yaml:2: no model "smal" in prices.yaml; nearest: small' in capsys.readouterr().err


def test_a_shadow_that_fails_is_reported_and_left_out_of_every_figure(
    shell: Shell, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the decisions raise: the figures rest on the other half, estimate and truth alike."""
    (shell.folder / "failing_policy.py").write_text(
        "def choose(request):\n"
        "    if request.task == 'hard':\n"
        "        raise RuntimeError('no idea')\n"
        "    return 'small'\n"
    )
    monkeypatch.syspath_prepend(shell.folder)
    shell.text("half.yaml", "policy: half\nchoose: {call: 'failing_policy:choose', version: '1'}\n")
    assert shell.backtest("--json") == exits.OK
    (shadow,) = json.loads(capsys.readouterr().out)["shadows"]
    assert shadow["differs"]["failed_share"] == 0.5
    assert shadow["differs"]["model"]["n"] == shadow["truth"]["n"] == 200
    assert shadow["cost"]["relative"]["value"] == pytest.approx(-0.9, rel=1e-9)
    assert [caveat["code"] for caveat in shadow["caveats"] if caveat["code"] == "failed"] == ["failed"]


def test_a_malformed_rename_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """An option of the wrong form is the caller's mistake, not the file's."""
    assert renames(["a=b", "c=d"]) == {"a": "b", "c": "d"}
    for wrong in (["a"], ["=b"], ["a="], ["a=b", "a=c"], ["a=c", "b=c"]):
        with pytest.raises(typer.BadParameter):
            renames(wrong)
    assert run(["backtest", "--queries"]) == exits.USAGE
    assert capsys.readouterr().err


def test_the_demo_never_throws_away_a_folder_that_is_not_its_own(tmp_path: Path) -> None:
    """--data of a folder with other things in it is refused; an earlier demo's folder is emptied."""
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(typer.BadParameter, match="must be a new folder or an earlier demo's"):
        fresh_folder(tmp_path)
    assert (tmp_path / "thesis.txt").exists()
    own = tmp_path / "demo"
    fresh_folder(own)
    (own / "store").mkdir()
    fresh_folder(own)
    assert [path.name for path in own.iterdir()] == [MARKER]
