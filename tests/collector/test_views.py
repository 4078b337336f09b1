"""The views from spans to rows: unknown stays unknown, and nothing a sender writes can fail an insert."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shadow.telemetry import keys
from shadowroute.collector.otlp.rows import SpanRows
from shadowroute.collector.otlp.rules import RULES
from shadowroute.collector.store import Store
from tests.support.otlp import decision

pytestmark = pytest.mark.dates

NOW_NS = 1_795_000_000_000_000_000


def insert(store: Store, *spans: dict[str, Any], resource: dict[str, str] | None = None) -> None:
    """Write past the receiver, as a Collector's exporter does: nothing is checked before the views."""
    rows = SpanRows()
    for number, attributes in enumerate(spans, 1):
        texts = {key: str(value) for key, value in attributes.items()}
        rows.add(
            start_ns=NOW_NS,
            trace_id="0a" * 16,
            span_id=f"{number:016x}",
            name="x",
            service="s",
            resource=resource or {},
            attributes=texts,
        )
    store.client().insert_arrow("otel_traces", rows.arrow())


def one(store: Store, columns: str, table: str = "decisions") -> Any:
    (row,) = store.client().query(f"SELECT {columns} FROM {table}").result_rows
    return row


def test_only_the_required_keys(store: Store) -> None:
    """A sender in another language needs five attributes; everything else is unknown, not zero."""
    insert(store, decision("r1"))
    assert one(
        store,
        "project, toUnixTimestamp64Micro(ts), request_id, role, status, cluster_kind, cluster_key,"
        " outcome_status, input_tokens, output_tokens, latency_s, reported_cost_usd,"
        " confidence, escalated, attempts, sample_rate, origin, labels",
    ) == (
        "default",
        NOW_NS // 1_000,
        "r1",
        "live",
        "ok",
        "request",
        "r1",
        "unreported",
        None,
        None,
        None,
        None,
        None,
        None,
        [],
        1.0,
        "production",
        {},
    )


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, ("ok", "", "gpt-5")),
        ({"llm_router.decision.status": "ok"}, ("ok", "", "gpt-5")),
        ({"llm_router.decision.model": ""}, ("invalid", "no_model", "")),
        ({"llm_router.decision.model": "", "llm_router.decision.status": "ok"}, ("invalid", "no_model", "")),
        ({"llm_router.decision.status": "error", "error.type": "ValueError"}, ("error", "ValueError", "")),
        ({"llm_router.decision.status": "invalid", "error.type": "unknown_model"}, ("invalid", "unknown_model", "")),
        ({"llm_router.decision.status": "timeout", "llm_router.decision.model": ""}, ("timeout", "", "")),
    ],
)
def test_a_decision_without_a_model_is_invalid(
    store: Store, attributes: dict[str, str], expected: tuple[str, ...]
) -> None:
    """A row with status ok always has a model, and a failed one never has."""
    insert(store, {**decision("r1"), **attributes})
    assert one(store, "status, error_type, model") == expected


def test_zero_is_a_value(store: Store) -> None:
    """0 tokens, 0 dollars and 0 = not escalated are known."""
    known = {
        keys.USAGE_INPUT_TOKENS: 0,
        keys.USAGE_OUTPUT_TOKENS: 0,
        keys.OUTCOME_COST_USD: 0,
        keys.DECISION_ESCALATED: 0,
    }
    insert(store, {**decision("r1"), **known})
    assert one(store, "input_tokens, output_tokens, reported_cost_usd, escalated, length(attempts)") == (
        0,
        0,
        0.0,
        0,
        1,
    )


def test_old_names_of_the_conventions_are_read(store: Store) -> None:
    """prompt_tokens, cache_creation and gen_ai.system mean what they were renamed to."""
    old = {
        "gen_ai.usage.prompt_tokens": 10,
        "gen_ai.usage.completion_tokens": 3,
        "gen_ai.usage.cache_creation.input_tokens": 4,
        "gen_ai.system": "openai",
    }
    insert(store, {**decision("r1"), **old})
    assert one(store, "input_tokens, output_tokens, cache_write_tokens, served_provider") == (10, 3, 4, "openai")


def test_tokens_that_contradict_each_other_are_unknown(store: Store) -> None:
    """Cache tokens beyond the input tokens: a Collector passes them on, and no cost is made of them."""
    insert(
        store,
        {**decision("r1"), keys.USAGE_INPUT_TOKENS: 5, keys.USAGE_OUTPUT_TOKENS: 1, keys.USAGE_CACHE_READ_TOKENS: 6},
    )
    assert one(store, "input_tokens, attempts") == (None, [])


def test_attempts_are_read_from_json(store: Store) -> None:
    """Every dispatch keeps its place; the view `attempts` has a row for each."""
    sent = (
        '[{"kind":"primary","provider":"a","model":"m","error_type":"503","input_tokens":0,"cache_read_tokens":0,"cache_write_tokens":0,'
        '"output_tokens":0,"latency_s":0.5},{"kind":"fallback","provider":"b","model":"n","error_type":"","input_tokens":7,'
        '"cache_read_tokens":1,"cache_write_tokens":0,"output_tokens":2,"latency_s":1.5}]'
    )
    insert(store, {**decision("r1"), keys.ATTEMPTS: sent})
    found = (
        store.client()
        .query("SELECT attempt_index, kind, model, input_tokens, latency_s FROM attempts ORDER BY 1")
        .result_rows
    )
    assert found == [(1, "primary", "m", 0, 0.5), (2, "fallback", "n", 7, 1.5)]


@pytest.mark.parametrize("missing", [keys.REQUEST_ID, keys.ROLE, keys.POLICY_NAME])
def test_a_span_without_a_required_key_is_no_decision(store: Store, missing: str) -> None:
    """It stays a span; other tools' spans pass through the same table."""
    insert(store, {key: value for key, value in decision("r1").items() if key != missing})
    assert one(store, "count()") == (0,)
    assert one(store, "count()", "otel_traces") == (1,)


@pytest.mark.parametrize(
    ("attributes", "target"),
    [
        ({keys.REQUEST_ID: "r1", keys.RESPONSE_ID: "x"}, "r1"),
        ({keys.RESPONSE_ID: "x"}, "response:x"),
    ],
)
def test_what_a_signal_is_about(store: Store, attributes: dict[str, str], target: str) -> None:
    """Our request id if it is known, else the provider's response id."""
    insert(store, {**attributes, keys.EVALUATION_NAME: "q", keys.EVALUATION_SCORE: 1}, resource={keys.PROJECT: "p"})
    assert one(store, "project, target, value", "signals") == ("p", target, 1.0)


@pytest.mark.parametrize("score", ["1.5", "-0.1", "nan", "inf"])
def test_a_score_off_the_scale_is_no_signal(store: Store, score: str) -> None:
    """Also where no receiver of ours has looked at it."""
    insert(store, {keys.REQUEST_ID: "r", keys.EVALUATION_NAME: "q", keys.EVALUATION_SCORE: score})
    assert one(store, "count()", "signals") == (0,)


def test_a_late_outcome(store: Store) -> None:
    """It names its request; its revision is its own time."""
    sent = {
        keys.ROLE: "outcome",
        keys.REQUEST_ID: "r1",
        keys.RESPONSE_MODEL: "m",
        keys.USAGE_INPUT_TOKENS: 3,
        keys.USAGE_OUTPUT_TOKENS: 2,
    }
    insert(store, sent)
    assert one(
        store,
        "request_id, revision, outcome_status, served_model, input_tokens, output_tokens, latency_s, length(attempts)",
        "late_outcomes",
    ) == (
        "r1",
        NOW_NS,
        "complete",
        "m",
        3,
        2,
        None,
        1,
    )
    assert one(store, "count()") == (0,)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from([*RULES, keys.ATTEMPTS, keys.LABELS, keys.OUTCOME_CONTAMINATION, keys.DECISION_MODEL]),
            st.one_of(
                st.text(max_size=30),
                st.sampled_from(["-1", "1e400", "nan", "9" * 30, "{", "[]", '{"a":{}}', "0x1f", "true"]),
            ),
            max_size=8,
        ),
        min_size=1,
        max_size=20,
    )
)
def test_no_attribute_can_fail_an_insert(store: Store, spans: list[dict[str, str]]) -> None:
    """One odd span would fail the batch that carries it, and its sender would repeat it for ever."""
    insert(store, *({**decision("r1"), **attributes} for attributes in spans))
