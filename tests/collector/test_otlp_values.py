"""Attribute values as text, and the rules that reject a span."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from shadow.telemetry import keys
from shadowroute.collector.otlp.rules import broken_rule
from shadowroute.collector.otlp.values import as_text, double_text
from tests.support.otlp import Value, set_value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        ("", ""),
        (0, "0"),
        (-5, "-5"),
        (2**62, str(2**62)),
        (False, "false"),
        (True, "true"),
        (0.0, "0"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (12.0, "12"),
        (1e-7, "1e-07"),
        (1e300, "1e+300"),
        (b"\x00\xff", "AP8="),
        ([], "[]"),
        ([1, "a", 0.5, None], '[1,"a",0.5,null]'),
        ({"a": [True]}, '{"a":[true]}'),
        ({}, "{}"),
        (None, ""),
    ],
)
def test_every_type_has_one_text(value: Value, text: str) -> None:
    """Zero, false, empty text and empty arrays are values and stay."""
    message = AnyValue()
    set_value(message, value)
    assert as_text(message) == text


@given(st.floats(allow_nan=False))
def test_a_double_reads_back_as_itself(value: float) -> None:
    """No digit of a double is lost."""
    assert math.copysign(1, float(double_text(value))) == math.copysign(1, value)
    assert float(double_text(value)) == value


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (keys.USAGE_INPUT_TOKENS, "-1"),
        (keys.USAGE_INPUT_TOKENS, "1.5"),
        (keys.USAGE_OUTPUT_TOKENS, "4294967296"),
        (keys.USAGE_CACHE_READ_TOKENS, "many"),
        (keys.SAMPLE_RATE, "0"),
        (keys.SAMPLE_RATE, "1.1"),
        (keys.SAMPLE_RATE, "nan"),
        (keys.EVALUATION_SCORE, "4.5"),
        (keys.EVALUATION_SCORE, "-0.1"),
        (keys.OUTCOME_COST_USD, "-0.01"),
        (keys.OUTCOME_COST_USD, "inf"),
        (keys.OUTCOME_DURATION_S, "-1"),
        (keys.ROLE, "canary"),
        (keys.REQUEST_TIME_US, "0"),
        (keys.REQUEST_TIME_US, "1770000000"),
        (keys.DECISION_ESCALATED, "true"),
        (keys.DECISION_PROPENSITY, "2"),
        (keys.OUTCOME_STATUS, "done"),
        (keys.DECISION_STATUS, "OK"),
    ],
)
def test_a_value_that_would_falsify_a_measure_is_named(key: str, text: str) -> None:
    """The reason names the key, its rule and the value."""
    reason = broken_rule({key: text})
    assert reason.startswith(f"{key} must be ")
    assert reason.endswith(f", got {text!r}")


def test_cache_tokens_are_part_of_the_input_tokens() -> None:
    """A sender that reports them apart would be priced wrongly, so it is told."""
    fine = {keys.USAGE_INPUT_TOKENS: "10", keys.USAGE_CACHE_READ_TOKENS: "6", keys.USAGE_CACHE_WRITE_TOKENS: "4"}
    assert broken_rule(fine) == ""
    assert "must include the cache tokens (11)" in broken_rule({**fine, keys.USAGE_CACHE_WRITE_TOKENS: "5"})


def test_unknown_keys_and_other_libraries_values_pass() -> None:
    """Only attributes that measures are computed from are ruled."""
    assert (
        broken_rule({"gen_ai.request.temperature": "-3", "http.status_code": "x", keys.USAGE_INPUT_TOKENS: "0"}) == ""
    )


@pytest.mark.parametrize("text", ["9" * 5_000, "\u0663", "1_0", " 5", "5\n", "+5"])
@pytest.mark.parametrize("key", [keys.USAGE_INPUT_TOKENS, keys.REQUEST_TIME_US, keys.REVISION])
def test_an_integer_is_what_the_store_reads_as_one(key: str, text: str) -> None:
    """Python reads other digits and underscores, the store does not; and no length of digits may raise."""
    assert broken_rule({key: text}).startswith(f"{key} must be ")


@pytest.mark.parametrize("text", ["9" * 5_000, "\u0660.\u0665", "0_1", " 0.5", "0.5\n", "0x1", "infinity", ""])
@pytest.mark.parametrize("key", [keys.SAMPLE_RATE, keys.OUTCOME_COST_USD, keys.EVALUATION_SCORE])
def test_a_number_is_what_the_store_reads_as_one(key: str, text: str) -> None:
    """A score of another spelling would be accepted here and unknown there."""
    assert broken_rule({key: text}).startswith(f"{key} must be ")


@pytest.mark.parametrize("text", ["1", "1.0", ".5", "1.", "5e-324", "1E-3", "+0.25"])
def test_every_spelling_of_a_double_is_read(text: str) -> None:
    """What other languages write for a double passes."""
    assert broken_rule({keys.SAMPLE_RATE: text}) == ""
