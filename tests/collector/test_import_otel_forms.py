"""Spans of other people: every form of a file, every name of a number, and which spans are one call."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shadow.domain.outcome import Usage
from shadow.errors import ConfigError
from shadowroute.collector.otlp.bodies import from_json
from shadowroute.collector.replay.readers.otel import OtelLog
from shadowroute.collector.replay.readers.otel_files import LENGTH
from shadowroute.collector.replay.readers.reading import Reading
from shadowroute.collector.replay.record import Record, Skipped

START_NS = 1_795_168_800_000_000_000
SECOND_NS = 1_000_000_000
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5"}
SPENT = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 2}


def value_of(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}


def span(number: int, attributes: dict[str, Any], parent: int = 0, second: int = 0, trace: int = 1) -> dict[str, Any]:
    start = START_NS + second * SECOND_NS
    return {
        "traceId": f"{trace:032x}",
        "spanId": f"{number:016x}",
        "parentSpanId": f"{parent:016x}" if parent else "",
        "name": "span",
        "kind": 3,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + SECOND_NS // 2),
        "attributes": [{"key": key, "value": value_of(value)} for key, value in attributes.items()],
    }


def request(*spans: dict[str, Any], scope: str = "scope") -> dict[str, Any]:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": scope}, "spans": list(spans)}]}]}


def read(file: Path, reading: Reading | None = None) -> tuple[list[Record], list[Skipped]]:
    found = list(OtelLog(file, reading).calls())
    return [each for each in found if isinstance(each, Record)], [each for each in found if isinstance(each, Skipped)]


def calls(folder: Path, *spans: dict[str, Any], reading: Reading | None = None) -> list[Record]:
    file = folder / "traces.json"
    file.write_text(json.dumps(request(*spans)))
    return read(file, reading)[0]


def usage(folder: Path, attributes: dict[str, Any]) -> Usage:
    (call,) = calls(folder, span(1, CHAT | attributes))
    return call.usage


def inputs(found: list[Record]) -> list[int | None]:
    return [call.usage.input_tokens for call in found]


ONE = request(span(1, CHAT | SPENT | {"gen_ai.usage.cost": 0.25}))
TWO = request(span(2, CHAT | SPENT | {"session.id": "s"}, second=1))


def in_base64(document: dict[str, Any]) -> dict[str, Any]:
    """As Tempo writes ids."""
    found: dict[str, Any] = json.loads(json.dumps(document))
    for each in found["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for name in ("traceId", "spanId"):
            each[name] = base64.b64encode(bytes.fromhex(each[name])).decode()
    return found


def tempo(*documents: dict[str, Any]) -> str:
    return json.dumps({"batches": [in_base64(each)["resourceSpans"][0] for each in documents]})


def jaeger() -> str:
    spans = []
    for number, second, more in ((1, 0, {"gen_ai.usage.cost": 0.25}), (2, 1, {"session.id": "s"})):
        tags = [{"key": key, "value": value} for key, value in (CHAT | SPENT | more).items()]
        spans.append({
            "traceID": "1", "spanID": f"{number:016x}", "startTime": START_NS // 1_000 + second * 1_000_000,
            "duration": 500_000, "processID": "p1", "tags": tags, "references": [],
        })  # fmt: skip
    return json.dumps({"data": [{"traceID": "1", "spans": spans, "processes": {"p1": {"serviceName": "shop"}}}]})


def console(indent: int | None) -> str:
    found = []
    for number, second, more in ((1, 0, {"gen_ai.usage.cost": 0.25}), (2, 1, {"session.id": "s"})):
        found.append(json.dumps({
            "name": "chat", "context": {"trace_id": "0x" + f"{1:032x}", "span_id": "0x" + f"{number:016x}"},
            "parent_id": None, "start_time": f"2026-11-20T10:00:0{second}.000000Z",
            "end_time": f"2026-11-20T10:00:0{second}.500000Z", "status": {"status_code": "UNSET"},
            "attributes": CHAT | SPENT | more, "resource": {"attributes": {"service.name": "shop"}},
        }, indent=indent))  # fmt: skip
    return "\n".join(found)


def test_every_form_of_a_file_holds_the_same_calls(tmp_path: Path) -> None:
    """Requests alone, in lines and in arrays; compressed, marked, in UTF-16; exports of Tempo, Jaeger and a console."""
    old = json.dumps([ONE, TWO]).replace("scopeSpans", "instrumentationLibrarySpans").replace('"scope":', '"library":')
    messages = [from_json(json.dumps(each).encode(), ExportTraceServiceRequest) for each in (ONE, TWO)]
    framed = b"".join(LENGTH.pack(each.ByteSize()) + each.SerializeToString() for each in messages)
    lines = json.dumps(ONE) + "\n" + json.dumps(TWO) + "\n"
    forms: dict[str, bytes | str] = {
        "lines": lines, "array": json.dumps([ONE, TWO]), "pretty array": json.dumps([ONE, TWO], indent=1),
        "array of lines": f"[\n{json.dumps(ONE)},\n{json.dumps(TWO)}\n]", "old names": old,
        "one after another": json.dumps(ONE, indent=1) + "\n" + json.dumps(TWO, indent=1),
        "tempo": tempo(ONE, TWO), "tempo 2": f'{{"trace": {tempo(ONE, TWO).replace("batches", "resourceSpans")}}}',
        "jaeger": jaeger(), "console": console(None), "pretty console": console(2),
        "gzip": gzip.compress(lines.encode()), "utf-16": lines.encode("utf-16"), "mark": lines.encode("utf-8-sig"),
        "nuls": b"\0" * 9_000 + lines.encode(), "protobuf": framed, "protobuf in gzip": gzip.compress(framed),
        "snake": lines.replace("resourceSpans", "resource_spans").replace("startTimeUnixNano", "start_time_unix_nano"),
    }  # fmt: skip
    for name, body in forms.items():
        file = tmp_path / "traces"
        file.write_bytes(body if isinstance(body, bytes) else body.encode())
        (first, second), skipped = read(file)
        assert not skipped, name
        assert [each.request_id for each in (first, second)] == [f"{1:032x}-{n:016x}" for n in (1, 2)], name
        assert (first.time_us, second.time_us) == (START_NS // 1_000, START_NS // 1_000 + 1_000_000), name
        assert (first.usage, first.cost_usd, first.duration_s) == (Usage(input_tokens=10, output_tokens=2), 0.25, 0.5)
        assert (second.session, first.labels["service"]) == ("s", "shop"), name


def test_a_broken_span_costs_itself(tmp_path: Path) -> None:
    """Whatever is wrong with it: its ids, its time, its shape. A cut line and a cut archive cost what they lack."""
    whole = span(1, CHAT | SPENT)
    broken: list[Any] = [whole | {"traceId": "00" * 16}, whole | {"spanId": "x"}, whole | {"startTimeUnixNano": "-5"},
                         whole | {"startTimeUnixNano": "soon"}, "span", whole | {"spanId": None}]  # fmt: skip
    file = tmp_path / "traces.json"
    file.write_text(json.dumps(request(*broken, whole)))
    found, skipped = read(file)
    assert (len(found), len(skipped)) == (1, 6)
    assert {each.reason for each in skipped} == {
        "trace id must be 16 bytes and not all zero", "span id must be 8 bytes and not all zero",
        "start time is no moment between 2000 and 2100", "a span that is no object",
    }  # fmt: skip
    line = json.dumps(ONE)
    for text, place in (
        (f"{line}\n{line[:80]}", "line 2"),
        (f"{line[:80]}\n{line}", "line 1"),
        (f"[{line},{line[:80]}", "line 1"),
    ):
        file.write_text(text)
        found, skipped = read(file)
        assert (len(found), [(each.place, each.reason) for each in skipped]) == (1, [(place, "no JSON")])
    message = from_json(line.encode(), ExportTraceServiceRequest).SerializeToString()
    file.write_bytes((LENGTH.pack(len(message)) + message) * 2 + LENGTH.pack(len(message)) + message[:40])
    found, skipped = read(file)
    assert (len(found), [each.place for each in skipped]) == (1, ["message 3"])
    file.write_bytes(gzip.compress((line + "\n").encode() * 500, compresslevel=0)[:-300])
    found, skipped = read(file)
    assert len(found) == 1
    assert (skipped[-1].place, len(skipped)) == ("end of file", 2)
    assert skipped[0].place > "line 450"


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ({"resourceMetrics": [{"scopeMetrics": []}]}, "metrics, not traces"),
        ({"resourceLogs": [{"scopeLogs": []}]}, "logs, not traces"),
        ([{"traceId": "1", "id": "2", "name": "get"}], "a span of Zipkin; export the trace as OTLP"),
        ({"status": "ok"}, "no resourceSpans"),
        ({"resourceSpans": []}, "got no span"),
        ([7], "no JSON object"),
    ],
)
def test_what_holds_no_spans_is_refused_by_its_name(tmp_path: Path, document: Any, kind: str) -> None:
    """So that its owner knows what to export instead."""
    (tmp_path / "f").write_text(json.dumps(document))
    with pytest.raises(ConfigError, match=f"f: must hold OTLP traces.*{kind}"):
        OtelLog(tmp_path / "f")


@pytest.mark.parametrize(
    ("attributes", "right"),
    [
        # pydantic-ai and Logfire
        ({"gen_ai.usage.cache_read_tokens": 8, "gen_ai.usage.cache_write_tokens": 1}, (10, 2, 8, 1)),
        ({"gen_ai.usage.details.cache_read_input_tokens": 8, "gen_ai.usage.details.cache_creation_input_tokens": 1},
         (10, 2, 8, 1)),
        # the AI SDK, version 6 and before
        ({"ai.usage.inputTokenDetails.cacheReadTokens": 8, "ai.usage.inputTokenDetails.cacheWriteTokens": 1},
         (10, 2, 8, 1)),
        ({"ai.usage.cachedInputTokens": 8, "ai.usage.totalTokens": 20}, (18, 2, 8, 0)),
        ({"ai.usage.cachedInputTokens": 8, "ai.usage.totalTokens": 12}, (10, 2, 8, 0)),
        ({"ai.usage.cachedInputTokens": 8,
          "ai.response.providerMetadata": '{"anthropic": {"cacheCreationInputTokens": 3}}'}, (21, 2, 8, 3)),
        ({"ai.usage.reasoningTokens": 5, "ai.usage.totalTokens": 17}, (10, 7, 0, 0)),
        # OpenInference for JavaScript
        ({"llm.token_count.prompt_details.cache_read": 8, "llm.token_count.total": 20}, (18, 2, 8, 0)),
        ({"llm.token_count.completion_details.reasoning": 7}, (10, 9, 0, 0)),
        # a 0 hides nothing
        ({"gen_ai.usage.input_tokens": 0, "llm.token_count.prompt": 30}, (30, 2, 0, 0)),
        ({"gen_ai.usage.cache_read_input_tokens": 0, "llm.token_count.prompt_details.cache_read": 4}, (10, 2, 4, 0)),
        ({"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}, (None, None, 0, 0)),
        # Langfuse
        ({"langfuse.observation.usage_details": '{"input": 6, "input_cached_tokens": 4, "output": 2, "total": 12}'},
         (10, 2, 4, 0)),
    ],
)  # fmt: skip
def test_numbers_are_read_under_every_name(
    tmp_path: Path, attributes: dict[str, Any], right: tuple[int | None, int | None, int, int]
) -> None:
    """And mean what the total says, or what the numbers allow."""
    found = usage(tmp_path, SPENT | attributes)
    assert (found.input_tokens, found.output_tokens, found.cache_read_tokens, found.cache_write_tokens) == right


def test_an_observation_of_langfuse_is_a_call(tmp_path: Path) -> None:
    """Its own names alone, as Langfuse's client writes them."""
    told = {
        "langfuse.observation.type": "generation", "langfuse.observation.model.name": "gpt-5",
        "langfuse.observation.usage_details": '{"input": 6, "output": 2}',
        "langfuse.observation.cost_details": '{"total": 0.5}', "langfuse.session.id": "s",
    }  # fmt: skip
    around = {"langfuse.observation.type": "span", "langfuse.observation.input": "Hi"}
    failed = told | {"langfuse.observation.level": "ERROR"}
    first, second = calls(tmp_path, span(1, around), span(2, told, 1), span(3, failed, 1))
    assert (first.model, first.usage, first.cost_usd, first.session) == (
        "gpt-5", Usage(input_tokens=6, output_tokens=2), 0.5, "s",
    )  # fmt: skip
    assert (first.status, second.status) == ("complete", "error")


@pytest.mark.parametrize(
    ("attributes", "right"),
    [
        ({"gen_ai.usage.cost": 0.0, "gen_ai.usage.cost_details.upstream_inference_cost": 0.02}, 0.02),
        ({"gen_ai.usage.cost": 0.0, "gen_ai.usage.is_byok": True}, None),
        ({"operation.cost": 0.3}, 0.3),
        ({"ai.response.providerMetadata":
          '{"openrouter": {"usage": {"cost": 0, "costDetails": {"upstreamInferenceCost": 0.02}}}}'}, 0.02),
        ({"gen_ai.usage.cost": 0.0}, 0.0),
    ],
)  # fmt: skip
def test_a_key_of_ones_own_is_not_free(tmp_path: Path, attributes: dict[str, Any], right: float | None) -> None:
    """What the provider bills is what the call cost."""
    ((call,)) = calls(tmp_path, span(1, CHAT | SPENT | attributes))
    assert call.cost_usd == right


def test_what_one_span_proves_holds_for_its_instrumentation_and_provider(tmp_path: Path) -> None:
    """Another provider, and another instrumentation, count in their own way."""
    cached = {"gen_ai.usage.cache_read_input_tokens": 8}
    claude = CHAT | SPENT | {"gen_ai.system": "anthropic"}
    gpt = CHAT | SPENT | {"gen_ai.system": "openai"}
    spans = [
        span(1, claude | cached),
        span(2, claude | {"gen_ai.usage.cache_read_input_tokens": 90}),
        span(3, gpt | cached),
    ]
    file = tmp_path / "traces.json"
    other = request(span(4, claude | cached, trace=2), scope="other")
    file.write_text(json.dumps(request(*spans)) + "\n" + json.dumps(other))
    log = OtelLog(file)
    found = [each for each in log.calls() if isinstance(each, Record)]
    assert inputs(found) == [18, 100, 10, 10]
    assert "(line 1, span 0000000000000002 proves it)" in log.notes[0]
    assert inputs(calls(tmp_path, *spans, reading=Reading(cache_tokens="outside"))) == [18, 100, 18]


def test_a_span_around_lends_what_the_call_lacks(tmp_path: Path) -> None:
    """A stream often ends before the innermost instrumentation has seen its usage."""
    around = {"openinference.span.kind": "LLM", "llm.model_name": "gpt-5", "llm.token_count.prompt": 120,
              "llm.token_count.completion": 30, "llm.cost.total": 0.5, "llm.response.id": "resp"}  # fmt: skip
    (call,) = calls(tmp_path, span(1, around), span(2, CHAT | {"gen_ai.response.model": "gpt-5-2025-08-07"}, 1))
    assert call.usage == Usage(input_tokens=120, output_tokens=30)
    assert (call.model, call.cost_usd, call.response_id) == ("gpt-5-2025-08-07", 0.5, "resp")
    zeros = {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}
    failed = CHAT | {"error.type": "timeout"}
    one, other = calls(tmp_path, span(1, around), span(2, failed, 1), span(3, CHAT | zeros, 1, second=1))
    assert ((one.status, one.usage), other.usage.input_tokens) == (("error", Usage()), 120)
    same = {
        "llm.token_count.prompt": 10,
        "llm.token_count.completion": 2,
        "llm.token_count.prompt_details.cache_read": 4,
    }
    (call,) = calls(tmp_path, span(1, around | same), span(2, CHAT | SPENT, 1))
    assert call.usage.cache_read_tokens == 4


def test_nobody_knows_which_of_two_calls_a_sum_belongs_to(tmp_path: Path) -> None:
    """Both stay unknown: half of a sum would be a guess."""
    around = CHAT | {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20}
    found = calls(tmp_path, span(1, around), span(2, CHAT, 1), span(3, CHAT, 1, second=1))
    assert [each.usage for each in found] == [Usage(), Usage()]


def test_an_id_that_comes_back_is_another_call(tmp_path: Path) -> None:
    """Ollama draws small numbers, lmdeploy counts; a cache of answers gives the first one's id again."""
    told = CHAT | SPENT | {"gen_ai.response.id": "chatcmpl-373"}
    spans = [span(1, told), span(2, told, second=5), span(3, told, trace=2)]
    ids = [each.request_id for each in calls(tmp_path, *spans)]
    assert len(set(ids)) == 3
    assert calls(tmp_path, spans[1])[0].request_id == ids[1]
    replayed = CHAT | SPENT | {"gen_ai.response.id": "chatcmpl-A7fk2"}
    first, second = calls(tmp_path, span(2, replayed, second=9), span(1, replayed))
    assert (second.request_id, first.response_id) == ("chatcmpl-A7fk2", "chatcmpl-A7fk2")
    assert first.request_id == f"chatcmpl-A7fk2@{1:032x}-{2:016x}"
    other = replayed | {"gen_ai.usage.input_tokens": 11}
    assert inputs(calls(tmp_path, span(1, replayed), span(2, other))) == [10, 11]
    assert inputs(calls(tmp_path, span(1, replayed), span(2, replayed))) == [10]


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({"http.response.status_code": 429}, "429"),
        ({"gen_ai.response.finish_reasons": '["error"]'}, "error"),
        ({"ai.response.finishReason": "error"}, "error"),
        ({"exception.type": "ReadTimeout"}, "ReadTimeout"),
        ({"http.response.status_code": 200, "gen_ai.response.finish_reasons": '["stop"]'}, ""),
    ],
)
def test_attributes_tell_of_a_failure(tmp_path: Path, attributes: dict[str, Any], why: str) -> None:
    """Not every instrumentation sets the status of its span."""
    (call,) = calls(tmp_path, span(1, CHAT | attributes))
    assert (call.status, call.error_type) == ("error" if why else "complete", why)
