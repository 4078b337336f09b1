"""`shadowroute import` as a person at a shell sees it: exact counts, what the log lacks, messages and exit codes."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from shadow.runtime import exits
from shadowroute.app.cli.root import run
from shadowroute.collector.store import Store
from tests.support.cli import shadowroute
from tests.support.groups import need_data
from tests.support.spend_logs import spend_logs

MODELS = (
    "models:\n"
    "  gpt-5: {provider: openai, tier: large, price_usd_per_million: {input: 1.25, cached_input: 0.125, output: 10}}\n"
    "  gpt-5-mini:\n    provider: openai\n    tier: small\n"
    "    price_usd_per_million: {input: 0.25, cached_input: 0.025, output: 2}\n"
)
BY_TASK = "policy: by-task\nchoose: {rules: [{when: {task: extract}, use: gpt-5-mini}, {otherwise: gpt-5}]}\n"
BY_TEXT = "policy: by-text\nchoose: {rules: [{when: {matches: invoice}, use: gpt-5-mini}, {otherwise: gpt-5}]}\n"
THUMB = "--signal=metadata.spend_logs_metadata.thumb=thumb"


class Shell:
    """A folder with two policies, and a store of its own."""

    def __init__(self, folder: Path, store: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.store, self.capsys = folder, store, capsys
        for name, text in (("models", MODELS), ("by-task", BY_TASK), ("by-text", BY_TEXT)):
            (folder / f"{name}.yaml").write_text(text)

    def load(self, kind: str, file: Path | str, *options: str, code: int = exits.OK) -> str:
        shadow = "" if any(option.startswith("--shadow") for option in options) else str(self.folder / "by-task.yaml")
        arguments = ["import", kind, str(file), "--live=litellm-prod@2026-11", f"--store={self.store}", *options]
        assert run([*arguments, f"--shadow={shadow}"] if shadow else arguments) == code
        printed = self.capsys.readouterr()
        return printed.out if code == exits.OK else printed.err

    def loaded(self, kind: str, file: Path, *options: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.load(kind, file, *options, "--json"))
        return document

    def report(self) -> dict[str, Any]:
        assert run(["report", f"--store={self.store}", "--json"]) == exits.OK
        document: dict[str, Any] = json.loads(self.capsys.readouterr().out)
        return document


@pytest.fixture
def shell(tmp_path: Path, store: Store, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path, str(store.dsn), capsys)


def rows(store: str, sql: str) -> list[tuple[Any, ...]]:
    from shadowroute.collector.store import open_store  # noqa: PLC0415 - the engine is slow to load

    with open_store(store, create=False) as opened:
        return [tuple(row) for row in opened.client().query(sql).result_rows]


SUMS = (
    "SELECT role, count(), sum(input_tokens), sum(cache_read_tokens), sum(output_tokens), sum(reported_cost_usd),"
    " countIf(has(contamination, 'cache_hit')), countIf(has(contamination, 'fallback')), uniqExact(cluster_key),"
    " groupUniqArray(origin), countIf(status = 'ok'), count(ttft_s) FROM decisions FINAL GROUP BY role ORDER BY role"
)


def test_spend_logs_are_judged(shell: Shell) -> None:
    """Every figure of the log stands in the store, on live rows as on shadow rows, and the report reads them."""
    made = spend_logs(300)
    told = shell.loaded("litellm", made.parquet(shell.folder / "spend.parquet"), THUMB)
    assert (told["calls"], told["new"], told["known_before"]) == (300, 300, 0)
    assert told["skipped"] == [{"reason": "no chat call (aembedding)", "n": made.embeddings, "first": "row 50"}]
    live, shadow = rows(shell.store, SUMS)
    assert live[1:5] == shadow[1:5] == (300, made.tokens["input"], made.tokens["cached"], made.tokens["output"])
    assert live[5] == pytest.approx(made.spend_usd)
    assert live[6:9] == (made.cache_hits, made.fallbacks, len(made.sessions))
    assert live[9:] == (["import"], 300, made.streams)
    assert shadow[10] == 300
    (policy,) = shell.report()["policies"]
    assert policy == told["report"]["policies"][0]
    assert told["report"]["requests"] == 300
    assert told["signals"]["thumb"] == rows(shell.store, "SELECT count() FROM signals FINAL")[0][0]


def test_a_second_import_changes_nothing(shell: Shell) -> None:
    """Not in another order, not as another form, not as an overlapping part: the same rows are written again."""
    made = spend_logs(200)
    first = shell.loaded("litellm", made.parquet(shell.folder / "a"), THUMB)
    before, reported = rows(shell.store, SUMS), shell.report()
    shuffled = list(made.rows)
    random.Random(1).shuffle(shuffled)
    again = shell.loaded("litellm", made.parquet(shell.folder / "b", shuffled), THUMB)
    part = shell.loaded("litellm", made.csv(shell.folder / "c", made.rows[100:]), THUMB)
    assert (first["new"], again["new"], part["new"]) == (200, 0, 0)
    assert again["known_before"] == 200
    assert rows(shell.store, SUMS) == before
    after = shell.report()
    assert _without_time(after) == _without_time(reported)


def _without_time(report: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in report.items() if key != "as_of"}


def test_a_policy_that_needs_prompts_decides_nothing_without_them(shell: Shell) -> None:
    """Not `gpt-5` because an empty prompt matches nothing: a counted failure, and the import says what it costs."""
    text = shell.folder / "by-text.yaml"
    told = shell.loaded("litellm", spend_logs(200).parquet(shell.folder / "spend"), f"--shadow={text}")
    assert told["policies"][0]["undecided"] == 200
    found = rows(shell.store, "SELECT DISTINCT status, error_type, model FROM decisions FINAL WHERE role = 'shadow'")
    assert found == [("invalid", "unknown_feature", "")]
    (sentence,) = [each for each in told["gaps"] if each.startswith("by-text")]
    assert sentence == (
        "by-text: no decision on 200 calls (100.0 %), because it needs prompts, which the log lacks there; a verdict "
        "is blocked above 0.1 %"
    )


def test_with_prompts_it_decides_as_the_service_would(shell: Shell) -> None:
    """The proxy stored them, so the pattern is looked for."""
    made = spend_logs(100, prompts=True)
    told = shell.loaded("litellm", made.json_lines(shell.folder / "spend"), f"--shadow={shell.folder / 'by-text.yaml'}")
    assert told["policies"][0]["undecided"] == 0
    assert rows(shell.store, "SELECT DISTINCT model FROM decisions FINAL WHERE role = 'shadow'") == [("gpt-5-mini",)]


def test_made_up_sessions_are_not_used(shell: Shell) -> None:
    """Every call has an id of its own, so nothing is known about repeat users, and the import says so."""
    told = shell.load("litellm", spend_logs(200, sessions=False).parquet(shell.folder / "spend"))
    assert "session ids: nearly every one occurs once" in told
    assert "user or session id on 0.0 % of the calls" in told
    assert rows(shell.store, "SELECT DISTINCT cluster_kind FROM decisions FINAL") == [("request",)]


def test_only_the_last_days_are_read(shell: Shell) -> None:
    """Counted from the newest call, so that the same log gives the same rows at any time."""
    told = shell.loaded("litellm", spend_logs(280, days=14).parquet(shell.folder / "spend"), "--days=7")
    assert told["calls"] == 141
    old = [each for each in told["skipped"] if "7 days before the newest call" in each["reason"]]
    assert [each["n"] for each in old] == [139]


CSV = "id,when,model,in,out,customer,kind,stars\n"


def test_a_table_with_other_names_is_judged(shell: Shell) -> None:
    """--rename for the columns, --signal with a scale, and a feature that the service does not have."""
    lines = [
        f"c{n},2026-11-02T10:{n // 60:02}:{n % 60:02}Z,gpt-5,{1000 + n},50,u{n % 60},extract,{1 + n % 5}"
        for n in range(240)
    ]
    file = shell.folder / "calls.csv"
    file.write_text(CSV + "\n".join(lines) + "\nc9,never,gpt-5,1,1,u,extract,1\n")
    names = ("id=request_id", "when=time", "in=input_tokens", "out=output_tokens", "customer=user", "kind=task")
    told = shell.loaded(
        "csv", file, *(f"--rename={name}" for name in names), "--signal=stars=csat:1..5", "--project=shop"
    )
    assert (told["calls"], told["signals"]) == (240, {"csat": 240})
    assert told["skipped"] == [{"reason": "time is not a time between 2000 and 2100", "n": 1, "first": "line 242"}]
    (policy,) = told["report"]["policies"]
    assert policy["overall"]["divergence"]["model"]["value"] == 1.0
    assert rows(shell.store, "SELECT sum(value), uniqExact(value) FROM signals FINAL") == [(120.0, 5)]
    again = shell.report()
    assert again["project"] == "shop"


@pytest.mark.data
def test_the_captured_agent_trace_is_judged(shell: Shell) -> None:
    """Two calls with the tokens of two calls, through the real command in a process of its own."""
    (file,) = need_data("agent_traces.otlp.json")
    options = [
        "--live=kagent",
        "--shadow=by-task.yaml",
        "--absent=task",
        "--json",
        f"--store=chdb://{shell.folder / 'own'}",
    ]
    (shell.folder / "models.yaml").write_text("models: {gpt-4.1-mini: {provider: openai}, gpt-5: {}, gpt-5-mini: {}}\n")
    done = shadowroute("import", "otel", str(file), *options, cwd=shell.folder)
    assert done.returncode == exits.OK, done.stderr
    told = json.loads(done.stdout)
    assert (told["calls"], told["new"], told["policies"][0]["undecided"]) == (2, 2, 0)
    report = shadowroute("report", f"--store=chdb://{shell.folder / 'own'}", "--json", cwd=shell.folder)
    assert json.loads(report.stdout)["requests"] == 2


def test_what_is_wrong_is_said_with_the_next_step(shell: Shell) -> None:
    """Missing column 65, no call 65, wrong option 64; nothing is written."""
    file = shell.folder / "calls.csv"
    file.write_text("time,model,input_tokens,completion_tokens\n")
    assert "--rename completion_tokens=output_tokens" in shell.load("csv", file, code=exits.BAD_FILE)
    file.write_text("time,model,input_tokens,output_tokens\nsoon,gpt-5,1,1\n")
    said = shell.load("csv", file, code=exits.BAD_FILE)
    assert "got 1 records, none of them a call: time is not a time between 2000 and 2100 (first: line 2)" in said
    assert "no such file" in shell.load("parquet", shell.folder / "absent", code=exits.BAD_FILE)
    for option in ("--signal=stars", "--rename=a=b", "--absent=messages", "--signal=stars=csat:5..1"):
        assert option.partition("=")[0] in shell.load("csv", file, option, code=exits.USAGE)
    assert "psql" in shell.load("litellm", "postgresql://db/litellm", code=exits.USAGE)
