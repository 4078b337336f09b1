"""No validator of ours fails on any text, or takes more than linear time for it."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.domain.outcome import Answer, ToolCall, Usage
from shadow.errors import UnjudgedError
from shadow.policies.validators import (
    Case,
    Cites,
    Confidence,
    JsonSchema,
    Length,
    NotContaining,
    NotHedging,
    NotRefusal,
    RequiredFields,
    ToolCalls,
    Validator,
)
from tests.support.sdk import request

VALIDATORS: list[Validator] = [
    NotRefusal(),
    NotHedging(),
    Cites(),
    Cites(at_least=10_000),
    Length(at_least=1, at_most=10),
    Length(at_most=5, unit="tokens"),
    NotContaining(["bad words", "ß", "\u00c5"]),
    Confidence(0.5),
    Confidence(0.5, field="a.0.b"),
    RequiredFields(["a.b", "0"], fenced=True),
    JsonSchema({"type": "object"}, label="any.json", fenced=True),
    ToolCalls(schemas={"a": {"type": "object"}}),
]
ASKED = request(has_tools=True, tools=("a",))
PIECES = st.sampled_from(
    [
        "```",
        "json\n",
        "{",
        "}",
        "[1]",
        "confidence",
        ": ",
        "85 %",
        "8/0",
        "sorry, ",
        "i can't ",
        "help",
        "(",
        "2020)",
        "\n",
    ]
)
TEXTS = st.one_of(st.text(), st.lists(PIECES).map("".join))


@given(text=TEXTS, arguments=TEXTS, output_tokens=st.none() | st.integers(0, 10))
def test_any_answer_is_accepted_refused_or_unjudged(text: str, arguments: str, output_tokens: int | None) -> None:
    """A validator says yes, no, or that it cannot know; no text makes it fail. It says the same thing twice."""
    answer = Answer(
        text=text, usage=Usage(output_tokens=output_tokens), tool_calls=(ToolCall("a", arguments), ToolCall(text, ""))
    )
    case = Case(ASKED, answer)
    for validator in VALIDATORS:
        try:
            assert validator.accepts(case) is validator.accepts(case)
        except UnjudgedError:
            with pytest.raises(UnjudgedError):
                validator.accepts(case)


LONG = 40_000
HOSTILE = [
    "a" * LONG,
    " " * LONG,
    "(" * LONG,
    "[1," * (LONG // 3),
    "[" * LONG,
    "i am not " * (LONG // 9),
    "sorry " * (LONG // 6),
    "i can't i can't as an ai " * (LONG // 25),
    "ich kann " * (LONG // 9),
    "confidence " * (LONG // 11),
    "confidence 1/" * (LONG // 13),
    "http://" * (LONG // 7),
    "10.1000" * (LONG // 7),
    "```" * (LONG // 3),
    "(2020" * (LONG // 5),
    '{"a":' * (LONG // 5),
    "9" * LONG,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:12])
def test_time_grows_no_faster_than_the_text(text: str) -> None:
    """Four times the text takes about four times as long; a quadratic pattern takes sixteen times and fails."""
    for validator in VALIDATORS:
        short, long = cost_s(validator, text), cost_s(validator, text * 4)
        assert long < 10 * short + 0.02, validator.name


def cost_s(validator: Validator, text: str) -> float:
    """CPU time of this thread, the best of three, so that what else the machine does is not counted."""
    case = Case(ASKED, Answer(text=text, tool_calls=(ToolCall("a", text),)))
    best = float("inf")
    for _ in range(3):
        started = time.thread_time()
        with contextlib.suppress(UnjudgedError):
            validator.accepts(case)
        best = min(best, time.thread_time() - started)
    return best
