"""Logs of other tools are read as they are: nothing is guessed, and what cannot be read is counted with its place."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from shadow.domain.accounting import settled
from shadow.domain.outcome import Usage
from shadow.errors import ConfigError
from shadowroute.collector.replay.readers import values
from shadowroute.collector.replay.readers.litellm import LiteLLMLog
from shadowroute.collector.replay.readers.otel_usage import counts_of_span
from shadowroute.collector.replay.readers.reading import Reading, SignalColumn
from shadowroute.collector.replay.readers.table import TableLog
from shadowroute.collector.replay.record import Log, Record, Skipped
from shadowroute.collector.replay.survey import SessionSample, survey
from tests.support.spend_logs import SpendLogs, spend_logs

HEADER = "time,model,input_tokens,output_tokens"


def read(log: Log) -> tuple[list[Record], list[Skipped]]:
    found = list(log.calls())
    return [each for each in found if isinstance(each, Record)], [each for each in found if isinstance(each, Skipped)]


def table(folder: Path, text: str, reading: Reading | None = None) -> tuple[list[Record], list[Skipped]]:
    file = folder / "calls.csv"
    file.write_text(text)
    return read(TableLog(file, reading))


@pytest.mark.parametrize("form", ["parquet", "csv", "json_lines"])
def test_spend_logs_are_read_alike_from_every_form(tmp_path: Path, form: str) -> None:
    """The same table as Parquet, as COPY writes it and as the proxy's API gives it: the same calls, the same sums."""
    made = spend_logs(300)
    file = getattr(made, form)(tmp_path / "spend")
    calls, skipped = read(LiteLLMLog(file))
    _agree(calls, made)
    assert Counter(each.reason for each in skipped) == {"no chat call (aembedding)": made.embeddings}
    assert skipped[0].place == ("line 51" if form == "csv" else "line 50" if form == "json_lines" else "row 50")
    assert [call.time_us for call in calls] == sorted(call.time_us for call in calls)


def _agree(calls: list[Record], made: SpendLogs) -> None:
    assert len(calls) == len({call.request_id for call in calls}) == made.calls
    assert sum(call.usage.input_tokens or 0 for call in calls) == made.tokens["input"]
    assert sum(call.usage.cache_read_tokens for call in calls) == made.tokens["cached"]
    assert sum(call.usage.output_tokens or 0 for call in calls) == made.tokens["output"]
    assert sum(call.cost_usd or 0.0 for call in calls) == pytest.approx(made.spend_usd)
    assert sum(call.status == "error" for call in calls) == made.failures
    assert {call.error_type for call in calls if call.status == "error"} == {"RateLimitError"}
    assert sum("cache_hit" in call.contamination for call in calls) == made.cache_hits
    assert sum("fallback" in call.contamination for call in calls) == made.fallbacks
    assert sum(call.ttft_s is not None for call in calls) == made.streams
    assert {call.session for call in calls} == made.sessions
    assert {call.task for call in calls} == {"extract", "chat", "refund"}
    assert {call.labels["team"] for call in calls} == {"support"}
    assert {call.labels["env"] for call in calls} == {"prod", "eu"}


def test_what_a_proxy_does_not_store_is_unknown(tmp_path: Path) -> None:
    """No prompt is not an empty prompt, a failure has no tokens, and a cost of 0 of a call is no reported cost."""
    calls, _ = read(LiteLLMLog(spend_logs(200).parquet(tmp_path / "spend")))
    assert {call.messages for call in calls} == {None}
    assert {(call.has_tools, call.wants_json, call.answer_text, call.user) for call in calls} == {
        (None, None, None, None)
    }
    assert {call.usage for call in calls if call.status == "error"} == {Usage()}
    for call in calls:
        assert (call.cost_usd is None) == (call.status == "error")
        assert (call.cost_usd == 0.0) == ("cache_hit" in call.contamination)
        assert not call.response_id.partition("_cache_hit")[1]


def test_stored_prompts_are_read_and_cut_ones_are_unknown(tmp_path: Path) -> None:
    """The proxy keeps the two ends of a long text: a pattern might stand in the middle."""
    made = spend_logs(60, prompts=True)
    body = json.loads(made.rows[0]["proxy_server_request"])
    body["messages"][0]["content"] = "start... (litellm_truncated skipped 900 chars) ...end"
    made.rows[0]["proxy_server_request"] = json.dumps(body)
    calls, _ = read(LiteLLMLog(made.parquet(tmp_path / "spend")))
    assert [call.messages is None for call in calls] == [True] + [False] * 59
    assert {(call.has_tools, call.wants_json, call.max_output_tokens) for call in calls} == {(False, False, 0)}
    assert {call.answer_text for call in calls if call.status != "error"} == {"Order 17: 4 items."}


def test_the_table_of_the_clickhouse_callback_is_read(tmp_path: Path) -> None:
    """Other column names, milliseconds, and cache tokens of their own."""
    row = {
        "request_id": "r1", "response_id": "chatcmpl-1", "call_type": "acompletion", "model": "gpt-5",
        "custom_llm_provider": "openai", "spend": None, "prompt_tokens": 100, "completion_tokens": 10,
        "cache_read_tokens": 40, "cache_write_tokens": 20, "start_time": 1_762_000_000_000,
        "end_time": 1_762_000_002_500,
        "completion_start_time": 1_762_000_000_500, "status": "success", "cache_hit": False, "session_id": "s",
        "request_tags": ["task:extract"], "metadata": "{}", "messages": '[{"role": "user", "content": "Hi"}]',
        "end_user": "ada", "response": "{}",
    }  # fmt: skip
    file = tmp_path / "spend.jsonl"
    file.write_text(json.dumps(row) + "\n")
    ((call,), skipped) = read(LiteLLMLog(file))
    assert not skipped
    usage = Usage(input_tokens=100, output_tokens=10, cache_read_tokens=40, cache_write_tokens=20)
    assert (call.time_us, call.duration_s, call.ttft_s) == (1_762_000_000_000_000, 2.5, 0.5)
    assert (call.usage, call.response_id, call.cost_usd, call.user, call.task) == (
        usage,
        "chatcmpl-1",
        None,
        "ada",
        "extract",
    )
    assert call.messages == [{"role": "user", "content": "Hi"}]


def test_a_user_names_what_the_log_calls_otherwise(tmp_path: Path) -> None:
    """Columns, and paths into columns that hold JSON; a judgement may have any scale."""
    reading = Reading(
        rename={"metadata.spend_logs_metadata.task": "label:kind", "user": "user"},
        signals=(SignalColumn(column="metadata.spend_logs_metadata.thumb", name="thumb"),),
    )
    made = spend_logs(100)
    calls, _ = read(LiteLLMLog(made.parquet(tmp_path / "spend"), reading))
    assert {call.labels["kind"] for call in calls} == {"extract", "chat", "refund"}
    assert {call.user for call in calls} == {"svc-support"}
    thumbs = [
        json.loads(row["metadata"])["spend_logs_metadata"]["thumb"]
        for row in made.rows
        if row["model"] != "text-embedding-3-small"
    ]
    assert [signal.value for call in calls for signal in call.signals] == [float(t == "up") for t in thumbs if t]


def test_a_table_needs_four_columns(tmp_path: Path) -> None:
    """The message names the file, what is needed, the nearest column and what to type."""
    with pytest.raises(ConfigError) as raised:
        table(tmp_path, "time,model,input_tokens,completion_tokens\n")
    assert str(raised.value).endswith(
        'calls.csv: needs time, model, input_tokens, output_tokens; "output_tokens" is missing '
        "(has: completion_tokens). --rename completion_tokens=output_tokens"
    )
    with pytest.raises(ConfigError, match=r"has no column 'tokens' to rename \(has: time, model"):
        table(tmp_path, HEADER + "\n", Reading(rename={"tokens": "output_tokens"}))


def test_bad_rows_are_skipped_with_their_reason_and_line(tmp_path: Path) -> None:
    """One bad row costs itself; a bad judgement costs only the judgement."""
    rows = [
        "2026-11-02T10:00:00Z,gpt-5,100,10,,0.5",
        "yesterday,gpt-5,100,10,,",
        "2026-11-02 10:00:01,,100,10,,",
        "1762077602,gpt-5,-3,10,,",
        "1762077603000,gpt-5,100,10.5,20,",
        "1762077604,gpt-5,,,,7",
        "1762077605,gpt-5,1",
    ]
    calls, skipped = table(tmp_path, HEADER + ",cached_input_tokens,feedback\n" + "\n".join(rows) + "\n")
    assert [(each.place, each.reason) for each in skipped] == [
        ("line 3", "time is not a time between 2000 and 2100"),
        ("line 4", "no model"),
        ("line 5", "input_tokens is no count of tokens"),
        ("line 6", "output_tokens is no count of tokens"),
        ("line 7", "signal only: feedback is not a value from 0 to 1"),
        ("line 8", "another number of cells than the header has"),
    ]
    assert [call.usage.input_tokens for call in calls] == [100, None]
    assert [signal.value for call in calls for signal in call.signals] == [0.5]


def test_an_absent_column_is_unknown_and_an_empty_cell_is_none(tmp_path: Path) -> None:
    """A log with a task column says that a request has no task; a log without one says nothing."""
    (call,), _ = table(tmp_path, f"{HEADER},task,prompt\n2026-11-02,gpt-5,5,1,,Why?\n")
    assert (call.task, call.user_tier, call.session) == ("", None, None)
    assert call.messages == [{"role": "user", "content": "Why?"}]
    same, _ = table(tmp_path, f"{HEADER},task,prompt\n2026-11-02,gpt-5,5,1,,Why?\n")
    other, _ = table(tmp_path, f"{HEADER},task,prompt\n2026-11-02,gpt-5,6,1,,Why?\n")
    assert call.request_id == same[0].request_id != other[0].request_id


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_762_077_600, 1_762_077_600_000_000),
        ("1762077600.5", 1_762_077_600_500_000),
        (1_762_077_600_123, 1_762_077_600_123_000),
        (1_762_077_600_123_456, 1_762_077_600_123_456),
        ("2025-11-02 10:00:00.25", 1_762_077_600_250_000),
        ("2025-11-02T11:00:00+01:00", 1_762_077_600_000_000),
        ("soon", None),
        (None, None),
        (float("nan"), None),
        (12, None),
    ],
)
def test_times_of_every_spelling(value: object, expected: int | None) -> None:
    """Seconds, milliseconds, micro- and nanoseconds, ISO text with and without a zone."""
    assert values.time_us(value) == expected


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [("up", 0, 1, 1.0), ("No", 0, 1, 0.0), (4, 1, 5, 0.75), ("1", 1, 5, 0.0), (9, 1, 5, None), ("hm", 0, 1, None)],
)
def test_scores_of_every_scale(value: object, low: float, high: float, expected: float | None) -> None:
    """Worst is 0 and best is 1; what lies outside is no score."""
    assert values.score(value, low, high) == expected


def test_session_ids_that_a_gateway_made_up_are_noticed(tmp_path: Path) -> None:
    """Ids of one call each would make every call look independent."""
    real = survey(LiteLLMLog(spend_logs(200).parquet(tmp_path / "real")).calls())
    made_up = survey(LiteLLMLog(spend_logs(200, sessions=False).parquet(tmp_path / "made_up")).calls())
    assert (real.made_up, real.shared_sessions, real.calls) == (False, 1.0, 200)
    assert (made_up.made_up, made_up.shared_sessions) == (True, 0.0)


def test_the_sample_of_sessions_does_not_depend_on_the_order() -> None:
    """It holds whole sessions, so its share is that of all of them, up to chance."""
    ids = [f"s{number}" for number in range(4_000)] + [f"s{number}" for number in range(0, 4_000, 4)]
    forward, backward = SessionSample(kept=300), SessionSample(kept=300)
    for number in range(len(ids)):
        forward.add(ids[number])
        backward.add(ids[-1 - number])
    assert forward.shared == backward.shared == pytest.approx(0.4, abs=0.12)


OPENROUTER = (
    "generation_id,created_at,cost_total,cost_web_search,cost_cache,cost_file_processing,byok_usage_inference,"
    "tokens_prompt,tokens_completion,tokens_reasoning,tokens_cached,model_permaslug,provider_name,variant,cancelled,"
    "streamed,user,finish_reason_raw,finish_reason_normalized,generation_time_ms,time_to_first_token_ms,"
    "api_key_disabled,api_key_name,app_name\n"
)


def test_the_activity_of_openrouter_is_read_as_it_is(tmp_path: Path) -> None:
    """Its own price list holds unless a key of one's own paid, then the provider's; only a free variant costs 0."""
    calls, skipped = table(
        tmp_path,
        OPENROUTER
        + "gen-1,2026-11-20 10:00:00.250,0.0042,0,-0.001,0,0,2000,300,100,1500,openai/gpt-5-2025-08-07,Azure,standard,"
        "false,true,u1,stop,stop,2000,500,false,prod,shop\n"
        "gen-2,2026-11-20 10:00:01,0,0,0,0,0.0105,1000,500,0,0,anthropic/claude-4.5-sonnet-20250929,Anthropic,standard,"
        "false,true,,end_turn,stop,1000,,false,prod,shop\n"
        "gen-3,2026-11-20 10:00:02,0.25,0,0,0,0.5,1000,500,0,0,openai/gpt-5-2025-08-07,OpenAI,,"
        "true,true,,,,1000,,false,prod,shop\n"
        "gen-4,2026-11-20 10:00:03,0,0,0,0,0,1000,500,0,0,openai/gpt-oss-120b,Chutes,free,"
        "false,true,,stop,stop,1000,,false,prod,shop\n"
        "gen-5,2026-11-20 10:00:04,0,0,0,0,0,1000,500,0,0,openai/gpt-5-2025-08-07,OpenAI,standard,"
        "false,true,,error,error,1000,,false,prod,shop\n",
    )
    assert skipped == []
    assert [(each.model, each.provider, each.cost_usd, each.status) for each in calls] == [
        ("openai/gpt-5-2025-08-07", "openrouter", 0.0042, "complete"),
        ("anthropic/claude-4.5-sonnet-20250929", "Anthropic", 0.0105, "complete"),
        ("openai/gpt-5-2025-08-07", "OpenAI", 0.75, "partial"),
        ("openai/gpt-oss-120b:free", "openrouter", 0.0, "complete"),
        ("openai/gpt-5-2025-08-07", "openrouter", None, "error"),
    ]
    first = calls[0]
    assert (first.request_id, first.duration_s, first.ttft_s, first.user) == ("gen-1", 2.0, 0.5, "u1")
    assert first.usage == Usage(input_tokens=2000, output_tokens=300, cache_read_tokens=1500)
    assert first.labels == {"app": "shop", "key": "prod"}


def test_terms_of_spend_logs_that_no_price_book_has(tmp_path: Path) -> None:
    """1-hour cache writes and the tier stand in metadata and in the answer; a tier that was served counts first."""
    details = {"cache_creation_token_details": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 20000}}
    usage = {"cache_creation_input_tokens": 20000, "prompt_tokens_details": details}
    base = {"startTime": "2026-11-20T10:00:00Z", "model": "m", "prompt_tokens": 20003, "completion_tokens": 100}
    rows = [
        base | {"metadata": {"usage_object": usage}},
        base | {"proxy_server_request": {"service_tier": "flex"}},
        base | {"proxy_server_request": {"service_tier": "flex"}, "response": {"service_tier": "default"}},
        base | {"response": {"service_tier": "priority"}},
        base,
    ]
    file = tmp_path / "spend.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    calls, _ = read(LiteLLMLog(file))
    assert [call.usage.unpriced for call in calls] == [
        "1-hour cache writes", "service tier flex", "", "service tier priority", "",
    ]  # fmt: skip
    assert calls[0].usage.cache_write_tokens == 20000


@pytest.mark.parametrize(
    ("attributes", "terms"),
    [
        ({}, ""),
        ({"openai.response.service_tier": "default", "openai.request.service_tier": "flex"}, ""),
        ({"gen_ai.openai.request.service_tier": "flex"}, "service tier flex"),
        ({"gen_ai.openai.response.service_tier": "priority"}, "service tier priority"),
        ({"llm.token_count.prompt_details.audio": "0"}, ""),
        ({"llm.token_count.prompt_details.audio": "7"}, "audio tokens"),
        ({"gen_ai.usage.details.output_audio_tokens": "7"}, "audio tokens"),
        ({"gen_ai.usage.cache_creation.ephemeral_1h_input_tokens": "7"}, "1-hour cache writes"),
        ({"ai.response.providerMetadata": '{"openai": {"serviceTier": "flex"}}'}, "service tier flex"),
        ({"ai.response.providerMetadata":
          '{"anthropic": {"usage": {"cache_creation": {"ephemeral_1h_input_tokens": 4}}}}'}, "1-hour cache writes"),
        ({"langfuse.observation.usage_details": '{"input": 4, "output": 2, "input_audio_tokens": 3}'}, "audio tokens"),
    ],
    ids=range(11),
)  # fmt: skip
def test_terms_of_spans_that_no_price_book_has(attributes: dict[str, str], terms: str) -> None:
    """Under the names of instrumentations; a tier that was served counts before one that was asked for."""
    tokens = {"gen_ai.usage.input_tokens": "100", "gen_ai.usage.output_tokens": "10"}
    assert settled(counts_of_span(tokens | attributes)).unpriced == terms


def test_the_answers_own_id_of_its_model_in_spend_logs(tmp_path: Path) -> None:
    """Of the stored answer, else the name by which LiteLLM priced a deployment; the name of a group is none."""
    base = {"startTime": "2026-11-20T10:00:00Z", "prompt_tokens": 100, "completion_tokens": 10, "model_group": "chat"}
    priced = {"metadata": {"model_map_information": {"model_map_key": "gpt-4o-2024-08-06"}}}
    rows = [
        base | priced | {"model": "azure/prod-eu-chat-01"},
        base | priced | {"model": "azure/prod-eu-chat-01", "response": {"model": "gpt-4o-2024-05-13"}},
        base | priced | {"model": "gpt-4o-2024-08-06", "response": {"model": "chat"}},
        base | {"model": "gpt-4o"},
        base | priced | {"model": "chat", "status": "failure"},
    ]
    file = tmp_path / "spend.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    calls, _ = read(LiteLLMLog(file))
    assert [call.reported_model for call in calls] == ["gpt-4o-2024-08-06", "gpt-4o-2024-05-13", "", "", ""]
