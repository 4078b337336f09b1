"""Tables and spend logs of other people: what a row counts, when it was, whose it is, and what a broken one costs."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import json
import lzma
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shadow.domain.outcome import OutcomeStatus, Usage
from shadow.errors import ConfigError
from shadowroute.collector.moments import DAY_US, read_us
from shadowroute.collector.replay.checked import CheckedLog
from shadowroute.collector.replay.readers import values
from shadowroute.collector.replay.readers.litellm import LiteLLMLog
from shadowroute.collector.replay.readers.reading import Reading
from shadowroute.collector.replay.readers.table import TableLog
from shadowroute.collector.replay.record import Log, Record, Skipped

HEADER = "time,model,input_tokens,output_tokens"
AT = "2026-11-20T10:00:00Z"
AT_US = 1_795_168_800_000_000
NOW_US = AT_US + DAY_US


def read(log: Log) -> tuple[list[Record], list[Skipped]]:
    found = list(log.calls())
    return [each for each in found if isinstance(each, Record)], [each for each in found if isinstance(each, Skipped)]


def table(folder: Path, *lines: str, reading: Reading | None = None) -> tuple[list[Record], list[Skipped]]:
    file = folder / "calls.csv"
    file.write_text("\n".join(lines) + "\n")
    return read(TableLog(file, reading))


def rows_of(folder: Path, *rows: dict[str, Any]) -> tuple[list[Record], list[Skipped]]:
    file = folder / "calls.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read(TableLog(file))


def call(**more: Any) -> dict[str, Any]:
    return {"time": AT, "model": "gpt-5", "input_tokens": 1000, "output_tokens": 100, **more}


def spend(**more: Any) -> dict[str, Any]:
    row = {"startTime": AT, "model": "gpt-5", "prompt_tokens": 10, "completion_tokens": 2, "status": "success"}
    return {**row, "custom_llm_provider": "openai", **more}


def spent(folder: Path, *rows: dict[str, Any]) -> tuple[list[Record], list[Skipped]]:
    file = folder / "spend.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read(LiteLLMLog(file))


def inputs(calls: list[Record]) -> list[int | None]:
    return [each.usage.input_tokens for each in calls]


CACHED = f"{HEADER},cached_input_tokens"
ROWS = (f"{AT},claude,86,50,17817", f"{AT},claude,5000,50,3000", f"{AT},claude,5000,50,0")


def test_what_one_row_proves_about_cached_tokens_holds_for_the_file(tmp_path: Path) -> None:
    """The second row alone could be either; the import says what it concluded, and from which line."""
    file = tmp_path / "calls.csv"
    file.write_text("\n".join([CACHED, ROWS[1], ROWS[0], ROWS[2]]) + "\n")
    log = TableLog(file)
    calls, skipped = read(log)
    assert (inputs(calls), skipped) == ([8000, 17903, 5000], [])
    (note,) = log.notes
    assert "(line 3 proves it)" in note
    assert "--cache-tokens inside" in note
    assert inputs(table(tmp_path, CACHED, ROWS[1])[0]) == [5000]


def test_the_user_says_on_which_side_cached_tokens_stand(tmp_path: Path) -> None:
    """Where it is told, nothing is concluded, and a row that cannot be so is left out."""
    calls, skipped = table(tmp_path, CACHED, *ROWS, reading=Reading(cache_tokens="outside"))
    assert (inputs(calls), skipped) == ([17903, 8000, 5000], [])
    calls, skipped = table(tmp_path, CACHED, *ROWS, reading=Reading(cache_tokens="inside"))
    assert inputs(calls) == [5000, 5000]
    assert [(each.place, each.reason) for each in skipped] == [
        ("line 2", "input_tokens does not include the cache tokens")
    ]
    total = f"{CACHED},total_tokens"
    told = {"inside": [5000, 5000], "outside": [8000, 8000]}
    for side, right in told.items():
        lines = (f"{AT},claude,5000,50,3000,8050", f"{AT},claude,5000,50,3000,5050")
        reading = Reading(cache_tokens="inside" if side == "inside" else "outside")
        assert inputs(table(tmp_path, total, *lines, reading=reading)[0]) == right


def test_a_total_decides_row_by_row(tmp_path: Path) -> None:
    """Unless the file's totals leave cached tokens out, which a row with more of them than input shows."""
    total = f"{CACHED},total_tokens"
    mixed = (f"{AT},claude,5000,50,3000,8050", f"{AT},gpt-5,5000,50,3000,5050")
    assert inputs(table(tmp_path, total, *mixed)[0]) == [8000, 5000]
    naive = (f"{AT},claude,86,50,17817,136", f"{AT},claude,5000,50,3000,5050")
    assert inputs(table(tmp_path, total, *naive)[0]) == [17903, 8000]


def test_reasoning_beside_the_answer_is_part_of_it(tmp_path: Path) -> None:
    """A total, or more reasoning than answer, tells."""
    header = f"{HEADER},reasoning_tokens,total_tokens"
    lines = (f"{AT},grok,100,10,30,140", f"{AT},grok,100,40,30,140", f"{AT},grok,100,10,30,", f"{AT},grok,100,40,30,")
    calls, _ = table(tmp_path, header, *lines)
    assert [each.usage.output_tokens for each in calls] == [40, 40, 40, 40]


def test_no_tokens_of_an_answer_are_unknown(tmp_path: Path) -> None:
    """Every request has a prompt; an answer may be empty."""
    calls, _ = table(tmp_path, HEADER, f"{AT},gpt-5,0,0", f"{AT},gpt-5,10,0", f"{AT},gpt-5,,")
    assert [each.usage for each in calls] == [Usage(), Usage(input_tokens=10, output_tokens=0), Usage()]
    calls, _ = spent(tmp_path, spend(prompt_tokens=0, completion_tokens=0))
    assert [each.usage for each in calls] == [Usage()]


def test_a_column_may_hold_a_providers_usage_block(tmp_path: Path) -> None:
    """As text or as an object, under its own name or a provider's; its cost counts where no column has one."""
    block = {"prompt_tokens": 10, "completion_tokens": 2, "cost": 0, "cost_details": {"upstream_inference_cost": 0.5}}
    gemini = {"promptTokenCount": 7, "candidatesTokenCount": 1, "thoughtsTokenCount": 4}
    plain = {"time": AT, "model": "m"}
    calls, skipped = rows_of(tmp_path, plain | {"usage": block}, plain | {"usage": json.dumps(gemini)})
    assert not skipped
    assert [(each.usage.input_tokens, each.usage.output_tokens, each.cost_usd) for each in calls] == [
        (10, 2, 0.5),
        (7, 5, None),
    ]


def test_an_export_of_langfuse_is_read_as_it_is(tmp_path: Path) -> None:
    """Observations that call no model are left out."""
    usage = {"input": 1000, "input_cached_tokens": 200, "output": 40, "output_reasoning_tokens": 60, "total": 1300}
    row = {"id": "o1", "startTime": AT, "endTime": "2026-11-20T10:00:02Z", "model": "gpt-5", "usageDetails": usage}
    (first, second), skipped = rows_of(
        tmp_path,
        row | {"level": "DEFAULT", "totalCost": 0.01},
        row | {"id": "o2", "level": "ERROR", "usageDetails": {}},
        row | {"id": "o3", "model": None},
    )
    assert first.usage == Usage(input_tokens=1200, output_tokens=100, cache_read_tokens=200)
    assert (first.request_id, first.duration_s, first.cost_usd, first.status) == ("o1", 2.0, 0.01, "complete")
    assert (second.status, second.usage) == ("error", Usage())
    assert [each.reason for each in skipped] == ["no model"]


def test_a_cached_token_is_read_under_every_providers_name(tmp_path: Path) -> None:
    """Not to read it would price it in full; a column of our own name comes first."""
    for name in ("cached_tokens", "cache_read_input_tokens", "cache_read_tokens"):
        ((each,), _) = table(tmp_path, f"{HEADER},{name},cache_creation_input_tokens", f"{AT},claude,500,5,100,50")
        assert each.usage == Usage(input_tokens=500, output_tokens=5, cache_read_tokens=100, cache_write_tokens=50)
    ((each,), _) = table(tmp_path, f"{HEADER},cached_tokens,cached_input_tokens", f"{AT},claude,500,5,100,50")
    assert each.usage.cache_read_tokens == 50


def test_equal_rows_without_an_id_are_calls_of_their_own(tmp_path: Path) -> None:
    """Each keeps its id in a second import, in a longer file and in another order."""
    line = f"{AT},gpt-5,10,1"
    other = f"{AT},gpt-5,11,1"
    ids = [{each.request_id for each in table(tmp_path, HEADER, *lines)[0]} for lines in ([line] * 3, [line] * 5)]
    assert [len(each) for each in ids] == [3, 5]
    assert ids[0] < ids[1]
    mixed = {each.request_id for each in table(tmp_path, HEADER, line, other, line, line, line, line)[0]}
    assert ids[1] < mixed
    row = spend()
    assert len({each.request_id for each in spent(tmp_path, row, row)[0]}) == 2


def test_an_id_that_comes_back_at_another_time_is_another_call(tmp_path: Path) -> None:
    """Servers that count from 1 give ids again; the earliest call keeps it, in any order. A row sent twice is one."""
    header = f"{HEADER},request_id"
    lines = [f"2026-11-20T10:00:0{second}Z,lmdeploy,10,1,7" for second in (2, 1, 1)]
    for order in (lines, lines[::-1]):
        calls, _ = table(tmp_path, header, *order)
        assert {each.request_id for each in calls} == {"7", "7@1795168802000000"}
        assert next(each.time_us for each in calls if each.request_id == "7") == AT_US + 1_000_000
    calls, _ = spent(tmp_path, spend(request_id="9"), spend(request_id="9", startTime="2026-11-21T10:00:00Z"))
    assert [(each.request_id, each.response_id) for each in calls] == [("9", "9"), ("9@1795255200000000", "9")]


@pytest.mark.parametrize(
    ("value", "right"),
    [
        ("1796120121230", 1_796_120_121_230_000),
        (1_796_120_121_230, 1_796_120_121_230_000),
        ("1796120121", 1_796_120_121_000_000),
        (Decimal("1796120121.5"), 1_796_120_121_500_000),
        ("1796120121230000", 1_796_120_121_230_000),
        (1_796_120_121_230_123_456, 1_796_120_121_230_123),
        ("1796120121230123456", 1_796_120_121_230_123),
        ("20261120", 1_795_132_800_000_000),
        (20261120, 1_795_132_800_000_000),
        ("20261120100000", AT_US),
        ("2026-11-20", 1_795_132_800_000_000),
        (dt.date(2026, 11, 20), 1_795_132_800_000_000),
        (dt.datetime(2026, 11, 20, 10), AT_US),  # noqa: DTZ001 - that is the case
        ("2026-11-20 10:00:00", AT_US),
        ("2026-11-20 10:00:00 UTC", AT_US),
        ("2026-11-20 10:00:00+00", AT_US),
        ("2026-11-20T12:00:00.000000001+02:00", AT_US),
        ("2026/11/20 10:00:00", AT_US),
        (" 2026-11-20T10:00:00Z ", AT_US),
        ("Fri, 20 Nov 2026 10:00:00 GMT", AT_US),
        ("20 Nov 2026 12:00:00 +0200", AT_US),
        ("0", None),
        (-1, None),
        ("20.11.2026", None),
        ("11/20/2026", None),
        ("1" * 400, None),
        (True, None),
        (float("inf"), None),
        ([], None),
    ],
)
def test_a_time_is_read_in_one_order(value: object, right: int | None) -> None:
    """Numbers before ISO 8601, which would take milliseconds for a year; what has no zone is UTC."""
    assert read_us(value) == right


def test_only_times_that_the_receiver_believes_are_calls(tmp_path: Path) -> None:
    """A day ahead a clock may be; the newest call that is believed is the one that --days counts from."""
    file = tmp_path / "calls.csv"
    lines = [f"{time},gpt-5,10,1" for time in ("2099-01-01", "2026-11-22T10:00:01Z", "2026-11-22T10:00:00Z", AT)]
    file.write_text("\n".join([HEADER, *lines]) + "\n")
    calls, skipped = read(CheckedLog(TableLog(file), NOW_US))
    assert [each.place for each in calls] == ["line 4", "line 5"]
    assert [each.place for each in skipped] == ["line 2", "line 3"]
    assert {each.reason for each in skipped} == {
        "time is before 2000, or more than a day ahead of this machine's clock"
    }


def test_a_duration_that_no_call_has_costs_itself(tmp_path: Path) -> None:
    """Nanoseconds in a column of seconds would end in another century, and the receiver would refuse the call."""
    file = tmp_path / "calls.csv"
    file.write_text(f"{HEADER},latency_s,ttft_s\n{AT},gpt-5,10,1,2345000000,0.2\n{AT},gpt-5,11,1,2.5,1e300\n")
    calls, skipped = read(CheckedLog(TableLog(file), NOW_US))
    assert not skipped
    assert [(each.duration_s, each.ttft_s) for each in calls] == [(None, 0.2), (2.5, None)]


def test_texts_that_no_store_takes(tmp_path: Path) -> None:
    """A text that was cut within an emoji loses the half of it; an id of 70,000 characters is none."""
    file = tmp_path / "calls.jsonl"
    rows = [
        call(request_id="a\ud800"), call(request_id="b", model="gpt-5\ud83d", user="u\ud83d", prompt="Hi \ud83d"),
        call(request_id="x" * 70_000), call(request_id="c", task="y" * 70_000), call(request_id="d \U0001f600"),
    ]  # fmt: skip
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    calls, skipped = read(CheckedLog(TableLog(file), NOW_US))
    assert [(each.request_id, each.model, each.user) for each in calls] == [
        ("a", "gpt-5", None),
        ("b", "gpt-5", "u"),
        ("d \U0001f600", "gpt-5", None),
    ]
    assert [(each.place, each.reason) for each in skipped] == [
        ("line 3", "request_id is longer than 65,536 characters"),
        ("line 4", "task is longer than 65,536 characters"),
    ]


def test_a_parquet_cell_that_python_cannot_hold_costs_its_row(tmp_path: Path) -> None:
    """A timestamp of the year 300,000 stopped the whole import; nanoseconds are read without pandas."""
    far = pa.array([AT_US, 2**62, None, AT_US + 1], pa.timestamp("us"))
    numbers = pa.array([1.0, 2.0, 3.0, float("nan")])
    columns = {"time": far, "model": ["m"] * 4, "input_tokens": numbers, "output_tokens": [1] * 4}
    pq.write_table(pa.table(columns), tmp_path / "far.parquet")
    calls, skipped = read(TableLog(tmp_path / "far.parquet"))
    assert [(each.place, each.time_us, each.usage.input_tokens) for each in calls] == [
        ("row 1", AT_US, 1),
        ("row 4", AT_US + 1, None),
    ]
    assert [each.place for each in skipped] == ["row 2", "row 3"]
    exact = pa.array([AT_US * 1_000 + 1], pa.timestamp("ns", tz="UTC"))
    days = pa.array([dt.date(2026, 11, 20)], pa.date32())
    for name, column, right in (("exact", exact, AT_US), ("days", days, 1_795_132_800_000_000)):
        pq.write_table(
            pa.table({"time": column, "model": ["m"], "input_tokens": [1], "output_tokens": [1]}), tmp_path / name
        )
        assert [each.time_us for each in read(TableLog(tmp_path / name))[0]] == [right]


TEXT = f"{HEADER},request_id\n{AT},gpt-5,10,1,a\n{AT},gpt-5,20,2,b\n"
LINES = json.dumps(call(request_id="a")) + "\n" + json.dumps(call(request_id="b")) + "\n"


@pytest.mark.parametrize("text", [TEXT, LINES], ids=["csv", "json lines"])
def test_a_text_is_read_however_it_was_kept(tmp_path: Path, text: str) -> None:
    """Compressed, with a mark, in UTF-16, or with NULs where a log was cut while it was written."""
    forms = {
        "plain": text.encode(),
        "gzip": gzip.compress(text.encode()),
        "bzip2": bz2.compress(text.encode()),
        "xz": lzma.compress(text.encode()),
        "mark": text.encode("utf-8-sig"),
        "utf-16": text.encode("utf-16"),
        "utf-16 in gzip": gzip.compress(text.encode("utf-16")),
        "utf-16-le": text.encode("utf-16-le"),
        "utf-16-be": text.encode("utf-16-be"),
        "utf-32": text.encode("utf-32"),
        "nuls": b"\0" * 100_000 + text.encode(),
        "windows": text.replace("\n", "\r\n").encode(),
    }
    for name, body in forms.items():
        file = tmp_path / name
        file.write_bytes(body)
        calls, skipped = read(TableLog(file))
        assert ([each.request_id for each in calls], skipped) == (["a", "b"], []), name


def test_a_file_that_ends_too_early_gives_what_it_has(tmp_path: Path) -> None:
    """A cut line is named; so is the end of a cut archive."""
    many = HEADER + "\n" + "".join(f"{AT},gpt-5,{n},1\n" for n in range(1, 5_000))
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(many.encode())[:-4_000])
    calls, skipped = read(TableLog(tmp_path / "cut.csv.gz"))
    assert 100 < len(calls) < 5_000
    assert skipped[-1].place == "end of file"
    assert skipped[-1].reason.startswith("the compressed file ends too early")
    for name, text in (("cut.jsonl", LINES[:-20]), ("cut.json", f"[{LINES.splitlines()[0]}, {LINES[:30]}")):
        (tmp_path / name).write_text(text)
        calls, skipped = read(TableLog(tmp_path / name))
        assert [each.request_id for each in calls] == ["a"]
        assert [each.reason for each in skipped] == ["no JSON"]
    (tmp_path / "first.jsonl").write_text(LINES[:30] + "\n" + LINES)
    calls, skipped = read(TableLog(tmp_path / "first.jsonl"))
    assert ([each.request_id for each in calls], [each.place for each in skipped]) == (["a", "b"], ["line 1"])
    calls, skipped = table(tmp_path, HEADER, f"{AT},gpt-5,10,1", f"{AT},gp")
    assert (len(calls), [each.place for each in skipped]) == (1, ["line 3"])


def test_documents_of_json_are_read_as_their_rows(tmp_path: Path) -> None:
    """An array, rows under a name, and documents over several lines."""
    rows = [call(request_id="a"), call(request_id="b")]
    forms = (json.dumps(rows), json.dumps(rows, indent=1), json.dumps({"data": rows}), json.dumps({"results": rows}),
             "\n".join(json.dumps(row, indent=1) for row in rows))  # fmt: skip
    for form in forms:
        (tmp_path / "rows.json").write_text(form)
        assert [each.request_id for each in read(TableLog(tmp_path / "rows.json"))[0]] == ["a", "b"]


@pytest.mark.parametrize("separator", [";", "\t", "|", ","])
def test_the_header_tells_the_separator(tmp_path: Path, separator: str) -> None:
    """With a semicolon the decimal point is a comma; Excel writes the separator into a line of its own."""
    cost = "0,25" if separator == ";" else "0.25"
    lines = [separator.join((HEADER + ",cost_usd").split(",")), separator.join([AT, "gpt-5", "10", "1", cost])]
    for before in ([], [f"sep={separator}"]):
        ((each,), skipped) = table(tmp_path, *before, *lines)
        assert (each.usage.input_tokens, each.cost_usd, each.place) == (10, 0.25, f"line {len(before) + 2}")
        assert not skipped


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"PK\x03\x04", "a ZIP archive or an Excel workbook"),
        (b"\x28\xb5\x2f\xfd", "a file compressed by zstd"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"Obj\x01", "an Avro file"),
        (b"%PDF-1.7", "a PDF"),
        (bytes(range(256)), "a binary file"),
        (b"\0" * 5_000, "an empty file"),
        (b"", "an empty file"),
    ],
)
def test_what_is_not_read_is_refused_by_its_name(tmp_path: Path, start: bytes, kind: str) -> None:
    """That it is not UTF-8 would help nobody."""
    (tmp_path / "f").write_bytes(start + (b"\1\2\3\xff" * 20 if start.strip(b"\0") else b""))
    with pytest.raises(ConfigError, match=kind):
        TableLog(tmp_path / "f")


@pytest.mark.parametrize(
    ("word", "right", "why"),
    [
        ("429", "error", "429"), (503, "error", "503"), ("200", "complete", "200"), (200.0, "complete", "200.0"),
        ("HTTP 500", "error", "HTTP 500"), ("404 Not Found", "error", "404 Not Found"), ("499", "partial", "499"),
        ("timeout", "error", "timeout"), ("Timed out", "error", "Timed out"), ("time-out", "error", "time-out"),
        ("TimeoutError", "error", "TimeoutError"), ("aborted", "error", "aborted"), ("ERROR", "error", ""),
        ("RateLimitError", "error", "RateLimitError"), ("rate limit", "error", "rate limit"),
        ("DEADLINE_EXCEEDED", "error", "DEADLINE_EXCEEDED"), ("STATUS_CODE_ERROR", "error", "STATUS_CODE_ERROR"),
        ("failed", "error", ""), ("-1", "error", "-1"), ("not_found", "error", "not_found"),
        ("cancelled", "partial", "cancelled"), ("partial", "partial", "partial"), ("success", "complete", "success"),
        ("no error", "complete", "no error"), ("", "complete", ""), (None, "complete", ""), ("OK", "complete", "OK"),
        ("stop", "complete", "stop"), ("content_filter", "complete", "content_filter"),
    ],
)  # fmt: skip
def test_words_for_a_failure_are_failures(word: object, right: OutcomeStatus, why: str) -> None:
    """HTTP statuses and the words of gateways; the reason is kept where it says more than that it failed."""
    assert (values.ended(word), values.why_failed(word)) == (right, why)


def test_amounts_of_people(tmp_path: Path) -> None:
    """With a currency, with thousands, never below 0; milliseconds have a column of their own."""
    texts = ("$0.0038", "0.0038 USD", "1,234.5", "-1", "nan", "a lot")
    assert [values.amount(text) for text in texts] == [0.0038, 0.0038, 1234.5, None, None, None]
    ((each,), _) = table(tmp_path, f"{HEADER},latency_ms,ttft_ms", f"{AT},gpt-5,10,1,2345,120")
    assert (each.duration_s, each.ttft_s) == (2.345, 0.12)
    ((each,), _) = table(tmp_path, f"{HEADER},cost_usd,upstream_cost_usd", f"{AT},gpt-5,10,1,0,0.02")
    assert each.cost_usd == 0.02


def test_a_failure_of_the_proxy_counts_for_its_group(tmp_path: Path) -> None:
    """It names what the caller asked for, or nothing, because no deployment answered."""
    failed = {"status": "failure", "prompt_tokens": 0, "completion_tokens": 0, "custom_llm_provider": ""}
    calls, skipped = spent(
        tmp_path,
        spend(request_id="1", model_group="chat"),
        spend(request_id="2", model="chat", **failed),
        spend(request_id="3", model="", model_group="chat", **failed),
        spend(request_id="4", model="a", model_group="many"),
        spend(request_id="5", model="b", model_group="many"),
        spend(request_id="6", model="many", **failed),
        spend(request_id="7", model="", **failed),
        spend(request_id="8", model="other", model_group="chat", **failed),
    )
    told = {each.request_id: (each.model, each.provider, each.labels.get("model_group")) for each in calls}
    assert told["2"] == told["3"] == ("gpt-5", "openai", "chat")
    assert told["6"] == ("many", "", "many")
    assert told["8"][0] == "other"
    assert [each.status for each in calls].count("error") == 4
    assert [(each.place, each.reason) for each in skipped] == [("line 7", "no model")]


def test_the_proxys_own_total_and_cost(tmp_path: Path) -> None:
    """Reasoning beside the answer, and what a provider bills to a key of one's own where the proxy has no price."""
    details = {"completion_tokens_details": {"reasoning_tokens": 30}, "cost": 0,
               "cost_details": {"upstream_inference_cost": 0.02}}  # fmt: skip
    ((each,), _) = spent(tmp_path, spend(total_tokens=42, spend=0, metadata={"usage_object": details}))
    assert (each.usage.output_tokens, each.cost_usd) == (32, 0.02)
    cached = {"usage_object": {"prompt_tokens_details": {"cached_tokens": 0}, "cache_read_input_tokens": 8}}
    ((each,), _) = spent(tmp_path, spend(metadata=cached))
    assert each.usage.cache_read_tokens == 8
    beside = {"usage_object": {"cache_read_input_tokens": 90}}
    half = {"usage_object": {"cache_read_input_tokens": 5}}
    rows = spend(metadata=beside, model="claude"), spend(metadata=half, model="claude")
    assert inputs(spent(tmp_path, *rows)[0]) == [100, 15]
