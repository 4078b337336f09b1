"""A log with everything that goes wrong, from the file to the sums of the store."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from shadow.config import LiveSpec
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.report import project_report
from shadowroute.analysis.selection import Window
from shadowroute.analysis.study import Study
from shadowroute.app.import_text import document_of, summary_text
from shadowroute.collector.replay.job import Imported, Wanted, run
from shadowroute.collector.replay.readers.table import TableLog
from shadowroute.collector.store import Store

MODELS = """models:
  gpt-5: {provider: openai, tier: large, price_usd_per_million: {input: 1.25, cached_input: 0.125, output: 10}}
"""
POLICY = "policy: same\nchoose: {rules: [{otherwise: gpt-5}]}\n"
FIRST = dt.datetime(2026, 11, 20, 10, tzinfo=dt.UTC)


def call(second: int, **more: Any) -> dict[str, Any]:
    at = (FIRST + dt.timedelta(seconds=second)).isoformat()
    return {"time": at, "request_id": f"r{second}", "model": "gpt-5", "input_tokens": 1000, "output_tokens": 100} | more


def load(folder: Path, store: Store, *lines: str) -> Imported:
    for name, text in (("models", MODELS), ("same", POLICY)):
        (folder / f"{name}.yaml").write_text(text)
    (folder / "calls.jsonl").write_text("\n".join(lines))
    live = LiveSpec(name="theirs", version="1")
    wanted = Wanted(live=live, shadows=(folder / "same.yaml",), project="p", days=30)
    return run(TableLog(folder / "calls.jsonl"), wanted, store)


def test_what_is_broken_costs_itself_and_the_rest_is_stored_and_priced(tmp_path: Path, store: Store) -> None:
    """Twice: the second import writes the same rows again."""
    equal = {key: value for key, value in call(20).items() if key != "request_id"}
    rows = [
        call(0), call(1, request_id="r1\ud800"), call(2, user="u\ud83d"), call(3, prompt="cut \ud83d"),
        call(4, request_id="r\0" + "4"), call(5, model="gpt-5\ud83d"), call(6, latency_s=2.3e9),
        call(7, input_tokens=0, output_tokens=0), call(8, status="429", input_tokens="", output_tokens=""),
        equal, equal, equal,
        call(9, request_id="x" * 70_000), call(10, time="2099-01-01"), call(11, time=0), call(12, input_tokens=-1),
        call(13, time="1999-12-31T23:59:59Z"),
    ]  # fmt: skip
    lines = [*map(json.dumps, rows), json.dumps(call(14))[:40]]
    done = load(tmp_path, store, *lines)
    assert (done.gaps.calls, done.new, done.known) == (12, 12, 0)
    assert {each.first: each.n for each in done.gaps.skipped} == {
        "line 13": 1,
        "line 14": 1,
        "line 15": 2,
        "line 16": 1,
        "line 18": 1,
    }
    assert (done.first, done.last) == (FIRST.date(), FIRST.date())
    again = load(tmp_path, store, *lines)
    assert (again.gaps.calls, again.new, again.known) == (12, 0, 12)
    queries = Queries(store.reader(), "p")
    report = project_report(Study(queries, Window(done.first, done.last), book=done.book))
    assert report.requests == 12
    client = store.client()
    known = client.query(
        "SELECT count(), countIf(input_tokens IS NULL), countIf(outcome_status = 'error'), sum(input_tokens),"
        " countIf(served_model = 'gpt-5') FROM decisions FINAL WHERE role = 'live'"
    ).result_rows
    assert known == [(12, 2, 1, 10_000, 11)]
    assert document_of(done)["skipped"]
    assert "left out 2: time is not a time between 2000 and 2100 (first: line 15)" in summary_text(done, store.dsn)


def test_what_was_concluded_is_said(tmp_path: Path, store: Store) -> None:
    """The reader of an import can tell how cached tokens were counted, and overrule it."""
    done = load(
        tmp_path, store, json.dumps(call(0, cached_input_tokens=5000)), json.dumps(call(1, cached_input_tokens=10))
    )
    (note,) = document_of(done)["notes"]
    assert "(line 1 proves it)" in note
    assert note in summary_text(done, store.dsn)
    total = store.client().query("SELECT sum(input_tokens) FROM decisions FINAL WHERE role = 'live'").result_rows
    assert total == [(7010,)]


def test_what_has_no_list_price_is_said_and_left_out_of_cost(tmp_path: Path, store: Store) -> None:
    """A call of another tier, with audio or with 1-hour cache writes is in no sum of money, and named."""
    audio = {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details": {"audio_tokens": 500}}
    unnamed = {"input_tokens": None, "output_tokens": None}
    rows = [
        call(0), call(1, service_tier="default"), call(2, service_tier="flex"), call(3, service_tier="flex"),
        call(4, usage=audio, **unnamed), call(5, usage={"cache_creation": {"ephemeral_1h_input_tokens": 9}}),
    ]  # fmt: skip
    done = load(tmp_path, store, *map(json.dumps, rows))
    assert document_of(done)["unpriced"] == {"service tier flex": 2, "audio tokens": 1, "1-hour cache writes": 1}
    text = " ".join(summary_text(done, store.dsn).split())
    assert (
        "no price book has the terms of 4 calls (66.7 %): service tier flex 2, audio tokens 1, 1-hour cache writes 1"
        " (first: line 3); their cost is unknown, and they are left out of cost" in text
    )
    report = project_report(Study(Queries(store.reader(), "p"), Window(done.first, done.last), book=done.book))
    (shadow,) = report.policies
    assert shadow.overall.cost.uncosted_share == pytest.approx(4 / 6)
    assert shadow.overall.cost.live_usd == pytest.approx(2 * (1000 * 1.25 + 100 * 10) / 1e6)
    stored = store.client().query(
        "SELECT uniqExact(TraceId) FROM otel_traces WHERE SpanAttributes['llm_router.outcome.unpriced'] != ''"
    )
    assert stored.result_rows == [(4,)]


def test_one_outlier_moves_no_window(tmp_path: Path, store: Store) -> None:
    """`--days` counts from the newest call that is believed."""
    done = load(
        tmp_path, store, *(json.dumps(call(second)) for second in range(5)), json.dumps(call(6, time="2099-01-01"))
    )
    assert (done.gaps.calls, done.last) == (5, FIRST.date())
    assert done.survey.newest_us == pytest.approx((FIRST.timestamp() + 4) * 1e6)
