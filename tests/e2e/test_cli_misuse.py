"""Every command misused: the exit code says what kind of mistake, the message names it, and the store is as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shadowroute.app.cli.root import run
from shadowroute.collector.store import Store
from tests.support.cli import free_ports, shadowroute
from tests.support.judged_fortnight import PLAN, Fortnight, fill
from tests.support.stores import fresh_store

TABLES = ("decisions", "signals", "executions", "plans", "price_books", "price_book_pins")
MODELS = "models:\n  big: {provider: x, tier: large, price_usd_per_million: {input: 10, output: 20}}\n"
STRICTER = '{by: [task], stricter: {"user_tier=free": {quality: {loses_at_most_points: 1.0}}}}'
NUMBERS = ("--live=main", "--shadow=live.yaml", "--prices=models.yaml")


@pytest.fixture(scope="module")
def good(engine_folder: Path) -> Iterator[Store]:
    """A small store that nothing here may change."""
    with fresh_store(engine_folder) as store:
        fill(store, Fortnight(requests=120, days=2))
        yield store


@pytest.fixture(scope="module")
def empty(engine_folder: Path) -> Iterator[Store]:
    """A migrated store without a row."""
    with fresh_store(engine_folder) as store:
        yield store


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with files that are right and files that are not."""
    texts = {
        "plan.yaml": PLAN, "live.yaml": "policy: p\nchoose: {use: big}\n", "models.yaml": MODELS,
        "table.csv": "a,b\n1,2\n",
        "junk": "\x00\x01junk", "unknown.csv": "request_id,model,inclusion_probability,cost_usd\nnope,small,0.5,0.01\n",
        "mix.yaml": "routes:\n  small: {shar: 100%, usd: 1}\n", "taken/notes.txt": "mine",
    }  # fmt: skip
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def counts(store: Store) -> list[int]:
    """Rows of every table that a command could write."""
    return [int(store.client().query(f"SELECT count() FROM {table}").result_rows[0][0]) for table in TABLES]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  cost:    {", "  speed: {x: 1}\n  cost:    {", '6: unknown key "speed" under must; known keys: cost'),
        (", loses_at_most_points: 2.0", "", "7: loses_at_most_points must be given under quality, got nothing"),
        ("10%", "10", "6: saves_at_least: 10 is ambiguous (10 % or 1000 %?); write 10%"),
        ("ends: 2025-03-16", "ends: 2025-03-01", "3: ends must not be before starts, got 2025-03-03 to 2025-03-01"),
        ("confidence", "confidense", '4: unknown key "confidense" under plan; did you mean "confidence"?'),
        ("{by: [task]}", STRICTER, "8: stricter names user_tier=free, and segments.by lacks user_tier; add user_tier"),
        ("2025-03-03", "2025-02-30", "3: starts must be a UTC day, YYYY-MM-DD, got '2025-02-30'"),
    ],
)  # fmt: skip
def test_a_bad_plan_is_65(
    *, good: Store, folder: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    """File and line, the thing, the rule and what to write; it is never recorded."""
    assert old in PLAN
    (folder / "bad.yaml").write_text(PLAN.replace(old, new, 1))
    before = counts(good)
    for command in ("gate", "report", "worksheet") if "10%" in old else ("gate",):
        assert run([command, "--plan", "bad.yaml", f"--store={good.dsn}"]) == 65
        assert capsys.readouterr().err.startswith(f"bad.yaml:{message}"), command
    assert counts(good) == before


@pytest.mark.parametrize(
    ("code", "line", "message"),
    [
        (64, "gate", "--plan FILE"),
        (64, "gate --plan plan.yaml --json --comment -", "give one of them a file"),
        (64, "gate --plan plan.yaml --policy bold", "--policy must be the plan's, cheap-first, got 'bold'"),
        (64, "gate --plan plan.yaml --project x", "--project must be one that the store holds (support-api), got 'x'"),
        (65, "gate --plan plan.yaml --comment none/x.md", "none/x.md: --comment must be a file that can be written"),
        (65, "gate --plan none.yaml", "none.yaml: file must exist; check the path"),
        (64, "report --json --md", "--json, --csv and --md exclude each other"),
        (64, "report --packet new --csv --policy cheap-first", "have no meaning in a packet"),
        (64, "report --plan plan.yaml --from 2025-03-03", "--from and --to exclude --plan: the plan names the days"),
        (64, "report --packet new", "a packet is about one policy: give --policy NAME, or --plan FILE"),
        (64, "report --policy nope", "--policy must have decided in 2025-03-03..2025-03-04 (cheap-first), got 'nope'"),
        (64, "report --by tsk", "--by must be a segment key of 2025-03-03..2025-03-04 (complexity,"),
        (65, "report --plan plan.yaml --html none/x.html", "none/x.html: --html must be a file that can be written"),
        (65, "report --plan plan.yaml --packet plan.yaml", "folder of a packet must be one that can be written"),
        (65, "report --plan plan.yaml --packet taken", "must be new or hold an earlier packet; name another one"),
        (64, "worksheet --json --csv", "--json and --csv exclude each other"),
        (64, "worksheet --from 2025-03-09 --to 2025-03-03", "swap --from and --to"),
        (64, "queue", "Missing option '--policy'"),
        (64, "queue --policy cheap-first --n 5 --budget-usd 3", "give either --n or --budget-usd"),
        (64, "queue --policy cheap-first --n nan", "--n must be above 0, got nan"),
        (64, "queue --policy cheap-first --n 5 --segment task", "segment must be key=value, got 'task'; for example"),
        (64, "calculator", "give either --file or --route"),
        (64, "calculator --route small:shar=100%,usd=1", 'unknown key "shar" under small; did you mean "share"?'),
        (65, "calculator --file mix.yaml", 'mix.yaml:2: unknown key "shar" under small; did you mean "share"?'),
        (64, "import executions", "Missing argument"),
        (65, "import executions none.csv", "none.csv: no such file"),
        (65, "import executions table.csv", 'table.csv: needs request_id, model, inclusion_probability; "request_id"'),
        (65, "import executions unknown.csv", "first 'nope'; nothing was imported. Draw from its requests"),
        (65, "import litellm table.csv", 'table.csv: needs startTime, model, prompt_tokens, completion_tokens; "start'),
        (65, "import otel junk", "junk: must hold OTLP traces, as JSON, JSON lines or protobuf"),
        (65, "import csv table.csv", 'table.csv: needs time, model, input_tokens, output_tokens; "time" is missing'),
        (65, "import parquet junk", "junk: must be Parquet, CSV with a header or JSON lines, got a binary file"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_and_nothing_is_written(
    *, good: Store, capsys: pytest.CaptureFixture[str], code: int, line: str, message: str
) -> None:
    """64 for the command line, 65 for a file; no row, no folder, no trace."""
    words = line.split()
    if words[0] != "calculator":
        words.append(f"--store={good.dsn}")
    if words[0] == "import" and words[1] != "executions":
        words += NUMBERS
    before = counts(good)
    assert run(words) == code
    told = capsys.readouterr().err
    assert message in told.replace("\n", " ")
    assert "Traceback" not in told
    assert counts(good) == before
    assert not Path("new").exists()


@pytest.mark.parametrize(
    "line",
    [
        "gate --plan plan.yaml", "report", "report --plan plan.yaml", "report --policy x --md",
        "queue --policy x --n 3", "worksheet", "import executions unknown.csv",
    ],
)  # fmt: skip
def test_a_store_that_is_not_there_or_holds_nothing_is_69(
    empty: Store, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    """A closed port, a folder without a store, a store without a row; the password stays ours."""
    down = f"clickhouse://ada:secret@127.0.0.1:{free_ports(1)[0]}/x"
    for store, message in (
        (down, "does not answer"),
        ("chdb://none", "store must exist, and there is none at"),
        (str(empty.dsn), "holds no decisions yet; send some, or run shadowroute demo"),
    ):
        assert run([*line.split(), f"--store={store}"]) == 69
        told = capsys.readouterr().err
        assert message in told.replace("\n", " ")
        assert "secret" not in told
    assert counts(empty) == [0] * len(TABLES)
    assert not Path("none").exists()


def test_our_bug_is_70_and_never_an_answer(
    good: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's own exit code for a crash would read as REJECT."""

    def crash(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("shadowroute.analysis.verdict.judge.judge", crash)
    assert run(["gate", "--plan", "plan.yaml", f"--store={good.dsn}"]) == 70
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert "this is a bug of ours (ZeroDivisionError). Please report the lines above." in told


@pytest.mark.parametrize(
    "command",
    [
        "gate", "report", "queue", "worksheet", "calculator", "import executions", "import litellm", "import otel",
        "import csv", "import parquet", "backtest", "doctor", "migrate", "rollup", "up", "demo",
    ],
)  # fmt: skip
def test_a_misspelt_option_is_64(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """With the command's own help as the next step."""
    assert run([*command.split(), "--porject=x"]) == 64
    told = capsys.readouterr().err
    assert f"shadowroute {command}: No such option: --porject" in told
    assert f"Try: shadowroute {command} --help" in told


@pytest.mark.parametrize(
    ("code", "line"),
    [
        (64, "gate --plna plan.yaml"),
        (65, "gate --plan junk"),
        (65, "report --plan none.yaml --packet new"),
        (69, "queue --policy x --n 3"),
        (69, "import executions unknown.csv"),
    ],
)
def test_the_process_ends_with_that_code(folder: Path, code: int, line: str) -> None:
    """As a shell sees it; no store is made."""
    before = sorted(folder.iterdir())
    ended = shadowroute(*line.split(), cwd=folder)
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    assert sorted(folder.iterdir()) == before
