"""`shadowroute import executions` as a person at a shell sees it: kinds of file, messages, codes, a repetition."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shadow.runtime import exits
from shadowroute.app.cli.root import run
from shadowroute.collector.store import Store
from tests.support.decision_rows import both, insert

ROWS: list[dict[str, Any]] = [
    {
        "request_id": "001",
        "model": "small",
        "inclusion_probability": 0.1,
        "score": 1,
        "live_score": 0.5,
        "cost_usd": 0.25,
    },
    {"request_id": "002", "model": "small", "inclusion_probability": 0.2, "score": 0, "live_score": 1, "cost_usd": 0.5},
    {
        "request_id": "003",
        "model": "small",
        "inclusion_probability": 1.0,
        "score": None,
        "live_score": None,
        "cost_usd": 0,
    },
]


class Shell:
    """A folder and a store with three requests of project p."""

    def __init__(self, folder: Path, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.store = store
        self._capsys = capsys
        rows = [row for number in ("001", "002", "003") for row in both({"request_id": number}, {})]
        insert(store.client(), "decisions", rows)

    def csv(self, *lines: str, name: str = "replay.csv") -> str:
        (self.folder / name).write_text("\n".join(lines) + "\n")
        return name

    def run(self, file: str, *more: str) -> tuple[int, str, str]:
        """Exit code, stdout, and the last line of stderr."""
        self._capsys.readouterr()
        code = run(["import", "executions", str(self.folder / file), "--store", str(self.store.dsn), *more])
        out, err = self._capsys.readouterr()
        return code, out, err.strip().splitlines()[-1] if err.strip() else ""

    def refused(self, file: str, *more: str) -> str:
        """The message of a file that is wrong; nothing of it may be stored."""
        code, out, message = self.run(file, *more)
        assert (code, out) == (exits.BAD_FILE, ""), message
        assert self.stored() == []
        assert message.startswith(str(self.folder / file)) or "--rename" in message
        return message.removeprefix(f"{self.folder / file}: ")

    def stored(self) -> list[tuple[Any, ...]]:
        found = self.store.client().query(
            "SELECT `sample`, request_id, policy, inclusion_probability, score, live_score, cost_usd, signal"
            " FROM executions FINAL ORDER BY request_id"
        )
        return [tuple(row) for row in found.result_rows]


@pytest.fixture
def shell(tmp_path: Path, store: Store, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path, store, capsys)


WANTED = [
    ("replay", "001", "cheap", 0.1, 1.0, 0.5, 0.25, "resolved"),
    ("replay", "002", "cheap", 0.2, 0.0, 1.0, 0.5, "resolved"),
    ("replay", "003", "cheap", 1.0, None, None, 0.0, "resolved"),
]


def write(folder: Path, kind: str) -> str:
    """The rows as a file of a kind."""
    name = f"replay.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), folder / name)
    elif kind == "jsonl":
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    else:
        lines = [",".join("" if value is None else str(value) for value in row.values()) for row in ROWS]
        (folder / name).write_text("\n".join([",".join(ROWS[0]), *lines]) + "\n")
    return name


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_every_kind_of_file_gives_the_same_rows(shell: Shell, kind: str) -> None:
    """Ids keep their zeros, empty cells are unknown, and a second import changes nothing."""
    file = write(shell.folder, kind)
    code, out, _ = shell.run(file, "--policy", "cheap", "--signal", "resolved", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["new"], found["already_known"], found["scored"], found["spend_usd"]) == (3, 0, 2, 0.75)
    assert shell.stored() == WANTED
    code, out, _ = shell.run(file, "--policy", "cheap", "--signal", "resolved", "--json")
    again = json.loads(out)
    assert (again["new"], again["replaced"], again["already_known"]) == (0, 0, 3)
    assert shell.stored() == WANTED


def test_the_summary_says_what_is_missing(shell: Shell) -> None:
    """Rows, spend, share scored, and what the gaps cost."""
    code, out, _ = shell.run(write(shell.folder, "csv"), "--policy", "cheap", "--signal", "resolved")
    assert code == 0
    assert out.splitlines() == [
        "3 executed answers to 3 requests of project p (whole plan of cheap; sample replay)",
        "new      3, already known 0",
        "spend    $0.75",
        "scored   66.7% by resolved; 1 without a score widen the figures to bounds",
        "missing  output_tokens: no output length can be fitted",
        "missing  escalated: how often a cascade pays twice stays unknown",
        "missing  latency_s: latency stays predicted",
    ]


def test_columns_that_are_not_read_are_named(shell: Shell) -> None:
    """A misspelt optional column would otherwise be lost without a word. Those of the queue's own file are known."""
    code, out, _ = shell.run(
        shell.csv(
            "request_id,model,inclusion_probability,cost,why,escalated,live_model,expected_usd,priority",
            "001,small,1,0.5,x,0,big,0.2,1",
        )
    )
    assert code == 0
    assert "not read cost, why: unknown columns" in out.splitlines()


def test_the_draw_itself_is_no_executed_sample(shell: Shell) -> None:
    """Its rows would stand beside the answers that come later, and make their escalations and costs unknown."""
    head, row = "request_id,policy,model,inclusion_probability,expected_usd", "001,cheap,small,0.5,0.1"
    message = shell.refused(shell.csv(head, row, name="draw.csv"), "--signal", "resolved")
    assert message.startswith("must have results")
    assert "it looks like the draw" in message
    assert shell.refused(shell.csv(f"{head},score", f"{row},", name="empty.csv"), "--signal", "resolved") == message


def test_one_probability_for_all_and_renamed_columns(shell: Shell) -> None:
    """A simple random sample needs no column, and a file keeps its own names."""
    file = shell.csv("id,model,usd", "001,small,0.5", "002,small,")
    options = ["--rename", "id=request_id", "--rename", "usd=cost_usd", "--inclusion-probability", "10%"]
    assert shell.run(file, *options, "--sample", "first")[0] == 0
    assert [row[:4] + row[6:7] for row in shell.stored()] == [
        ("first", "001", "", 0.1, 0.5),
        ("first", "002", "", 0.1, None),
    ]


HEAD = "request_id,model,inclusion_probability,score"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["request_id,model,pi", "001,small,1"], '"inclusion_probability" is missing (has: pi). --rename'),
        ([HEAD, "001,small,0,1"], "inclusion_probability must be in (0, 1], got 0.0 in row 1"),
        ([HEAD, "001,small,1,1", "002,small,1.5,1"], "inclusion_probability must be in (0, 1], got 1.5 in row 2"),
        ([HEAD, "001,small,,1"], "inclusion_probability must be in (0, 1], got None in row 1"),
        ([HEAD, "001,small,1,1.5"], "score must be in [0, 1], got 1.5 in row 1"),
        ([HEAD, ",small,1,1"], "request_id must be a non-empty text, got '' in row 1"),
        ([HEAD], "must hold at least one executed answer, got none"),
        ([f"{HEAD},output_tokens", "001,small,1,1,-3"], "output_tokens must be"),
        ([f"{HEAD},status", "001,small,1,1,fine"], "status must be ok or error, got 'fine' in row 1"),
        ([f"{HEAD},escalated", "001,small,1,1,2"], "escalated must be in [0, 1], got 2.0 in row 1"),
        ([f"{HEAD},executed_at", "001,small,1,1,soon"], "executed_at must be a time as 2026-11-24T12:00:00Z, got"),
        ([HEAD, "001,small,1,1", "001,small,1,0"], "one answer per sample, model, signal and scorer, got score 1.0"),
        ([f"{HEAD},scorer", "001,small,1,1,a", "001,small,0.5,1,b"], "one inclusion_probability in sample 'replay'"),
        ([HEAD, "001,small,1,1", "x9,small,1,1", "x8,small,1,1"], "2 of 3 request ids are not in project 'p', first"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_whole(shell: Shell, lines: list[str], message: str) -> None:
    """Each mistake names the file, the column, the rule and what was found; nothing is stored."""
    assert message in shell.refused(shell.csv(*lines), "--signal", "resolved")


def test_a_score_must_say_what_it_measures(shell: Shell) -> None:
    """A score without a signal cannot be compared with anything."""
    assert "--signal resolved" in shell.refused(shell.csv(HEAD, "001,small,1,1"))


def test_a_policy_must_have_decided(shell: Shell) -> None:
    """A misspelt policy would make answers that nobody ever reads."""
    message = shell.refused(shell.csv(f"{HEAD},status", "001,small,1,,ok"), "--policy", "cheep")
    assert message.startswith("policy 'cheep' did not decide on 1 of these requests, first '001'")


def test_a_file_that_is_not_there(shell: Shell) -> None:
    """Absent, or of another kind than its name says."""
    assert shell.refused("none.csv") == "no such file"
    assert shell.refused(shell.csv("x", name="x.parquet")).startswith("must be a Parquet file")
    assert shell.refused(shell.csv("x", name="x.jsonl")).startswith("must be JSON lines: one object per line")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--inclusion-probability", "10"], "10 is not a probability; write 10% or 0.1"),
        (["--inclusion-probability", "0"], "must lie in (0, 1] or be a percentage"),
        (["--inclusion-probability", "120%"], "must lie in (0, 1]"),
        (["--inclusion-probability", "few"], "must lie in (0, 1]"),
        (["--version", "2"], "--version needs --policy"),
        (["--rename", "x"], "--rename must be THEIRS=OURS"),
        (["--smaple", "x"], "No such option"),
    ],
)
def test_misuse_is_usage(shell: Shell, capsys: pytest.CaptureFixture[str], options: list[str], message: str) -> None:
    """A wrong option ends with 64 and says what would be right."""
    file = shell.csv(HEAD, "001,small,1,")
    assert run(["import", "executions", str(shell.folder / file), *options]) == exits.USAGE
    assert message in capsys.readouterr().err
