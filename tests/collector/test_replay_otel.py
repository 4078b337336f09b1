"""A model call that three instrumentations wrote down is one call; nothing is added up twice, nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shadow.domain.outcome import Usage
from shadow.errors import ConfigError
from shadowroute.collector.otlp.bodies import from_json
from shadowroute.collector.replay.readers.otel import OtelLog
from shadowroute.collector.replay.readers.otel_files import LENGTH
from shadowroute.collector.replay.record import Record, Skipped
from tests.support.groups import need_data

PARAMETERS = '{"tools": [], "response_format": {"type": "json_schema"}}'
START_NS = 1_762_077_600_000_000_000


def span(number: int, parent: int = 0, trace: int = 1, error: bool = False, **attributes: Any) -> dict[str, Any]:
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    return {
        "traceId": f"{trace:032x}",
        "spanId": f"{number:016x}",
        **({"parentSpanId": f"{parent:016x}"} if parent else {}),
        "name": f"span {number}",
        "startTimeUnixNano": str(START_NS + number * 1_000_000),
        "endTimeUnixNano": str(START_NS + number * 1_000_000 + 2_000_000_000),
        "attributes": [{"key": key, "value": _value(value)} for key, value in named.items()],
        "status": {"code": 2} if error else {},
    }


def _value(value: Any) -> dict[str, Any]:
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": str(value)}


def chat(number: int, parent: int = 0, usage: tuple[int, int] | None = (10, 2), **more: Any) -> dict[str, Any]:
    counted = {"gen_ai__usage__input_tokens": usage[0], "gen_ai__usage__output_tokens": usage[1]} if usage else {}
    named = {"gen_ai__operation__name": "chat", "gen_ai__request__model": "gpt-5", **counted, **more}
    return span(number, parent, **named)


def document(spans: Iterable[dict[str, Any]]) -> str:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]})


def read(file: Path) -> tuple[list[Record], list[Skipped]]:
    found = list(OtelLog(file).calls())
    return [each for each in found if isinstance(each, Record)], [each for each in found if isinstance(each, Skipped)]


def calls(folder: Path, *spans: dict[str, Any]) -> list[Record]:
    file = folder / "traces.json"
    file.write_text(document(spans))
    return read(file)[0]


def usages(folder: Path, *spans: dict[str, Any]) -> list[tuple[int | None, int | None]]:
    return [(call.usage.input_tokens, call.usage.output_tokens) for call in calls(folder, *spans)]


@pytest.mark.data
def test_the_captured_agent_trace_is_two_calls() -> None:
    """The sums equal an independent count: usage of every distinct response id in the file."""
    (file,) = need_data("agent_traces.otlp.json")
    found, skipped = read(file)
    by_response: dict[str, tuple[int, int]] = {}
    for resource in json.loads(file.read_text())["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for each in scope["spans"]:
                said = {item["key"]: next(iter(item["value"].values())) for item in each["attributes"]}
                if "gen_ai.response.id" in said:
                    usage = int(said["gen_ai.usage.input_tokens"]), int(said["gen_ai.usage.output_tokens"])
                    by_response[said["gen_ai.response.id"]] = usage
    assert {call.request_id: (call.usage.input_tokens, call.usage.output_tokens) for call in found} == by_response
    assert (sum(a for a, _ in by_response.values()), sum(b for _, b in by_response.values())) == (4_648, 129)
    assert len(skipped) == 4  # two wrappers around each call, with the same usage
    assert {call.session for call in found} == {"ctx-eff35888-55ab-4eb0-b90d-7b21f711f91f"}
    assert [call.has_tools for call in found] == [True, True]
    assert found[0].messages is not None
    assert found[0].messages[-1] == {"role": "user", "content": "list all helm releases\n"}


def test_a_wrapper_with_the_same_usage_or_none_is_not_a_call(tmp_path: Path) -> None:
    """Framework, SDK and HTTP client each write a span for one call."""
    assert usages(tmp_path, chat(1), chat(2, 1), chat(3, 2)) == [(10, 2)]
    assert usages(tmp_path, chat(1, usage=None), chat(2, 1)) == [(10, 2)]


def test_a_sum_over_calls_is_not_a_call(tmp_path: Path) -> None:
    """An agent's span that reports the usage of its calls together, whether it says that it is an agent or not."""
    agent: dict[str, Any] = {"gen_ai__operation__name": "invoke_agent"}
    for wrapper in (chat(1, usage=(30, 6), **agent), chat(1, usage=(30, 6))):
        assert sorted(usages(tmp_path, wrapper, chat(2, 1), chat(3, 1, usage=(20, 4)))) == [(10, 2), (20, 4)]


def test_a_tool_that_asks_a_model_is_another_call(tmp_path: Path) -> None:
    """The call that chose the tool and the call inside it are both paid."""
    tool = span(2, 1, gen_ai__operation__name="execute_tool")
    assert sorted(usages(tmp_path, chat(1, usage=(50, 5)), tool, chat(3, 2))) == [(10, 2), (50, 5)]


def test_equal_calls_beside_each_other_are_two(tmp_path: Path) -> None:
    """Only nesting or one response id makes two spans one call."""
    assert usages(tmp_path, chat(1), chat(2)) == [(10, 2), (10, 2)]
    twice: dict[str, Any] = {"gen_ai__response__id": "resp-1"}
    assert usages(tmp_path, chat(1, **twice), chat(2, **twice)) == [(10, 2)]
    assert len({call.request_id for call in calls(tmp_path, chat(1), chat(2))}) == 2


def test_a_span_that_stands_twice_in_a_file_counts_once(tmp_path: Path) -> None:
    """An exporter that tries again writes it again."""
    assert usages(tmp_path, chat(1), chat(1)) == [(10, 2)]


def test_other_names_are_understood(tmp_path: Path) -> None:
    """Old gen_ai names, and OpenInference's."""
    old = span(1, gen_ai__system="anthropic", gen_ai__request__model="claude", gen_ai__usage__prompt_tokens=7,
               gen_ai__usage__completion_tokens=3, gen_ai__usage__cache_read_input_tokens=5)  # fmt: skip
    prompt: dict[str, Any] = {
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "Why?",
    }
    inference = span(
        2, openinference__span__kind="LLM", llm__model_name="gpt-5", llm__token_count__prompt=9,
        llm__token_count__completion=4, llm__invocation_parameters=PARAMETERS,
        session__id="s1", user__id="ada", **prompt,
    )  # fmt: skip
    chain = span(3, openinference__span__kind="CHAIN", llm__model_name="gpt-5", llm__token_count__prompt=9)
    first, second = calls(tmp_path, old, inference, chain)
    assert (first.usage, first.provider) == (Usage(input_tokens=7, output_tokens=3, cache_read_tokens=5), "anthropic")
    assert (second.usage.input_tokens, second.session, second.user) == (9, "s1", "ada")
    assert (second.has_tools, second.wants_json) == (False, True)
    assert (second.has_images, second.max_output_tokens) == (False, 0)
    assert (first.has_images, first.max_output_tokens) == (None, None)
    assert second.messages == [{"role": "user", "content": "Why?"}]


def test_cached_tokens_above_the_input_were_counted_apart(tmp_path: Path) -> None:
    """It proves the provider's other accounting: then the input is both together."""
    (call,) = calls(tmp_path, chat(1, usage=(10, 2), **{"gen_ai.usage.cache_read.input_tokens": 90}))
    assert call.usage == Usage(input_tokens=100, output_tokens=2, cache_read_tokens=90)


def test_new_messages_and_inherited_ids(tmp_path: Path) -> None:
    """The conversation is named by the span around the call; messages are JSON with parts."""
    parts = [{"type": "text", "content": "Why"}, {"type": "text", "content": "so?"}]
    told: dict[str, Any] = {"gen_ai.input.messages": json.dumps([{"role": "user", "parts": parts}])}
    around = span(1, gen_ai__conversation__id="c1", enduser__id="ada")
    (call,) = calls(tmp_path, around, chat(2, 1, **told))
    assert (call.session, call.user, call.messages) == ("c1", "ada", [{"role": "user", "content": "Why\nso?"}])
    assert (call.has_tools, call.wants_json) == (None, None)


@pytest.mark.parametrize(
    "prompt",
    [
        {"gen_ai.input.messages": '[{"role": "user", "parts": [{"type": "blob", "modality": "image"}]}]'},
        {"gen_ai.prompt": '[{"role": "user", "content": [{"type": "image_url"}]}]'},
        {
            "llm.input_messages.0.message.contents.0.message_content.text": "What is it?",
            "llm.input_messages.0.message.contents.1.message_content.image.image.url": "data:",
        },
    ],
)
def test_images_and_the_limit_for_the_answer_are_read(tmp_path: Path, prompt: dict[str, Any]) -> None:
    """A prompt is kept as text, so that it had images is said apart from it."""
    (call,) = calls(tmp_path, chat(1, **prompt, gen_ai__request__max_tokens=300))
    assert (call.has_images, call.max_output_tokens) == (True, 300)


def test_a_failed_call_and_spans_of_our_own(tmp_path: Path) -> None:
    """A failure is a call; what shadowroute wrote itself is no log of somebody else."""
    file = tmp_path / "traces.json"
    failed = span(1, error=True, gen_ai__operation__name="chat", gen_ai__request__model="gpt-5", error__type="429")
    file.write_text(document([failed, span(2, llm_router__role="live", gen_ai__response__model="gpt-5")]))
    ((call,), (skipped,)) = read(file)
    assert (call.status, call.error_type, call.usage) == ("error", "429", Usage())
    assert skipped.reason == "shadowroute's own span"


def test_every_form_of_a_file_holds_the_same_calls(tmp_path: Path) -> None:
    """One document, a document per line, one protobuf message, and messages with their length."""
    spans = [chat(1), chat(2, usage=(20, 4))]
    halves = [from_json(document([each]).encode(), ExportTraceServiceRequest).SerializeToString() for each in spans]
    whole = ExportTraceServiceRequest.FromString(b"".join(halves)).SerializeToString()
    forms = {
        "one.json": document(spans).encode(),
        "pretty.json": json.dumps(json.loads(document(spans)), indent=2).encode(),
        "lines.json": "\n".join(document([each]) for each in spans).encode(),
        "one.pb": whole,
        "framed.pb": b"".join(LENGTH.pack(len(half)) + half for half in halves),
    }
    for name, body in forms.items():
        (tmp_path / name).write_bytes(body)
        assert [call.usage.input_tokens for call in read(tmp_path / name)[0]] == [10, 20], name


def test_a_file_that_is_no_trace_is_refused(tmp_path: Path) -> None:
    """The message names the file and what it must hold."""
    for body in (b"{}", b"time,model\n", b'{"resourceSpans": [{"scopeSpans": 3}]}'):
        (tmp_path / "f").write_bytes(body)
        with pytest.raises(ConfigError, match="f: must hold OTLP traces"):
            OtelLog(tmp_path / "f")
    with pytest.raises(ConfigError, match="absent: no such file"):
        OtelLog(tmp_path / "absent")
