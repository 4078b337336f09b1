"""Tool calls of an answer: how they are read, and when they can be used."""

from __future__ import annotations

from typing import Any

import pytest

from shadow.domain.features import extract
from shadow.domain.ids import KeyedHash
from shadow.domain.outcome import Answer, ToolCall
from shadow.domain.usage import answer_of
from shadow.errors import ShadowError, UnjudgedError
from shadow.policies.validators import Case, ToolCalls
from tests.support.sdk import request

ASKED = request(has_tools=True, tools=("find_order", "refund"))
SCHEMA = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}


def verdict(validator: ToolCalls, *calls: tuple[str, str]) -> bool:
    return validator.accepts(Case(ASKED, Answer(tool_calls=tuple(ToolCall(*call) for call in calls))))


def test_calls_must_name_an_offered_tool_with_arguments_in_json() -> None:
    """One call that cannot be used is enough to refuse; no arguments are an empty object."""
    assert verdict(ToolCalls(), ("find_order", '{"id": 1}'), ("refund", ""))
    assert not verdict(ToolCalls(), ("find_order", '{"id": 1}'), ("drop_table", "{}"))
    assert not verdict(ToolCalls(), ("find_order", '{"id": 1'))
    assert not verdict(ToolCalls(), ("find_order", "[1]"))


def test_a_call_may_be_required() -> None:
    """An answer in words passes otherwise."""
    assert verdict(ToolCalls())
    assert not verdict(ToolCalls(required=True))


def test_arguments_must_fit_the_schema_of_their_tool() -> None:
    """A tool without a schema may have any."""
    validator = ToolCalls(schemas={"find_order": SCHEMA})
    assert verdict(validator, ("find_order", '{"id": 1}'), ("refund", '{"why": "late"}'))
    assert not verdict(validator, ("find_order", '{"id": "one"}'))


def test_a_function_says_whether_a_call_works() -> None:
    """It sees name and arguments, only where both can be used, and must say yes or no."""
    seen: list[Any] = []

    def works(name: str, arguments: dict[str, Any]) -> bool:
        seen.append((name, arguments))
        return bool(arguments["id"] > 0)

    validator = ToolCalls(success=works, label="m:works")
    assert validator.name == "tool_calls(m:works)"
    assert verdict(validator, ("refund", '{"id": 1}'))
    assert not verdict(validator, ("refund", '{"id": 0}'))
    assert not verdict(validator, ("other", '{"id": 1}'))
    assert seen == [("refund", {"id": 1}), ("refund", {"id": 0})]
    with pytest.raises(ShadowError, match=r"tool_calls\(m:f\) must return True or False, got int"):
        verdict(ToolCalls(success=lambda name, arguments: 1, label="m:f"), ("refund", "{}"))


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (ASKED, Answer()),
        (request(unknown=frozenset({"has_tools"})), Answer(tool_calls=(ToolCall("refund", "{}"),))),
        (request(has_tools=True), Answer(tool_calls=(ToolCall("refund", "{}"),))),
    ],
)
def test_what_is_not_known_is_not_refused(asked: Any, answer: Answer) -> None:
    """Neither calls that nobody read nor tools that nobody named."""
    with pytest.raises(UnjudgedError, match=r"tool_calls must know"):
        ToolCalls().accepts(Case(asked, answer))


def test_tool_calls_are_read_from_either_api() -> None:
    """Chat completions and the Responses API; malformed entries become a call that cannot be used."""
    call = {"id": "c1", "type": "function", "function": {"name": "refund", "arguments": '{"id": 1}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call, {"function": {"name": 3}}, 7]}
    chat = answer_of({"object": "chat.completion", "choices": [{"message": message}]})
    assert chat.tool_calls == (ToolCall("refund", '{"id": 1}'), ToolCall("", ""))
    output = [{"type": "reasoning"}, {"type": "function_call", "name": "refund", "arguments": "{}"}]
    assert answer_of({"object": "response", "output": output}).tool_calls == (ToolCall("refund", "{}"),)
    assert answer_of({"choices": [{"message": {"content": "hi"}}]}).tool_calls == ()


@pytest.mark.parametrize(
    ("tools", "names"),
    [
        (None, ()),
        ([{"type": "function", "function": {"name": "a", "parameters": {}}}], ("a",)),
        ([{"type": "function", "name": "a"}, {"name": "b"}, {"type": "web_search"}, 3], ("a", "b")),
        ("a", ()),
        ([{"function": 3}], ()),
    ],
)
def test_names_of_offered_tools_are_read(tools: Any, names: tuple[str, ...]) -> None:
    """In the forms of both APIs; what cannot be read is left out and never raises."""
    made = extract(messages="hi", hash_id=KeyedHash("p", warns=False), time_us=0, tools=tools)
    assert made.tools == names
    assert made.has_tools is bool(tools)
