"""Cascades end to end: real policies, a real socket, and what their checks leave on the record."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shadow.execution.draft import STANDS
from shadow.providers import openai_http
from shadow.router import ShadowRouter
from shadow.testing import MemorySink
from tests.support.fake_openai import Behaviour, FakeOpenAI, fake_openai

MESSAGES = [{"role": "user", "content": "What is 9 + 9?"}]
MODELS = """
models:
  cheap:  {{provider: fake, tier: small, base_url: "{url}"}}
  middle: {{provider: fake, tier: medium, base_url: "{url}"}}
  strong: {{provider: fake, tier: large, base_url: "{url}"}}
  judge:  {{provider: fake, tier: large, base_url: "{url}"}}
"""
ROUTING = "service: test\nlive: live.yaml\nshadows: [shadow.yaml]\nlimits: {review_after_refusals: 2, budget_s: 30}\n"
CASCADE = "policy: %s\nchoose:\n  cascade:\n    try: cheap\n    accept_if: %s\n    else: %s\n"
JUDGED = "[not_refusal, {judge: {model: judge, rubric: Be right., at_least: 0.7}}]"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenAI]:
    monkeypatch.setattr(openai_http, "CONNECT_TIMEOUT_S", 60.0)
    with fake_openai() as running:
        yield running


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


def router_of(folder: Path, server: FakeOpenAI, sink: MemorySink, accept_if: str, then: str = "strong") -> ShadowRouter:
    """A router whose live policy is a cascade, with the same cascade as its shadow."""
    texts = {
        "routing.yaml": ROUTING,
        "models.yaml": MODELS.format(url=server.base_url),
        "live.yaml": CASCADE % ("live", accept_if, then),
        "shadow.yaml": CASCADE % ("same", accept_if, then),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    return ShadowRouter(folder / "routing.yaml", exporter=sink)


def attributes(router: ShadowRouter, sink: MemorySink, name: str) -> list[dict[str, Any]]:
    """Of the spans of that name, in order."""
    assert router.flush()
    return [dict(span.attributes or {}) for span in sink.spans if span.name.startswith(name)]


def by_complete(router: ShadowRouter, times: int) -> list[str]:
    """Models that answer so many calls, one after another."""
    return [router.complete(messages=MESSAGES).model for _ in range(times)]


def by_acomplete(router: ShadowRouter, times: int) -> list[str]:
    async def run() -> list[str]:
        models = [(await router.acomplete(messages=MESSAGES)).model for _ in range(times)]
        await router.aclose()
        return models

    return asyncio.run(run())


@pytest.mark.parametrize("ask", [by_complete, by_acomplete])
def test_a_judge_is_asked_paid_and_recorded(
    tmp_path: Path, server: FakeOpenAI, sink: MemorySink, ask: Callable[[ShadowRouter, int], list[str]]
) -> None:
    """Its calls are spans of their own, no attempts, and its time is part of the latency."""
    server.will("cheap", Behaviour(text="17"), Behaviour(text="18"), Behaviour(text="I can't help with that."))
    server.will("judge", Behaviour(text='{"score": 0.2}'), Behaviour(text='{"score": 0.9}'))
    with router_of(tmp_path, server, sink, JUDGED) as router:
        assert ask(router, 3) == ["strong", "cheap", "strong"]
        judged = [span for span in attributes(router, sink, "chat") if span["llm_router.attempt.kind"] == "judge"]
        live = attributes(router, sink, "route")
        shadow = attributes(router, sink, "shadow")
    assert server.calls("judge") == 2, "a refusal that costs nothing settles it"
    assert [span["gen_ai.request.model"] for span in judged] == ["judge", "judge"]
    assert judged[0]["gen_ai.usage.output_tokens"] == 5
    assert [row["llm_router.decision.escalated"] for row in live] == [1, 0, 1]
    assert [attempt["kind"] for attempt in json.loads(live[0]["llm_router.attempts"])] == ["primary", "escalation"]
    assert "llm_router.attempts" not in live[1]
    assert ["llm_router.decision.escalated" in row for row in shadow] == [False, False, False]
    prompt = next(call for call in server.received if call.body["model"] == "judge").body["messages"][0]["content"]
    assert "<question>\nWhat is 9 + 9?\n</question>" in prompt
    assert "<answer>\n17\n</answer>" in prompt


def test_a_judge_that_fails_is_no_refusal(tmp_path: Path, server: FakeOpenAI, sink: MemorySink) -> None:
    """The answer that nobody could check is not served, and the record says that nobody could."""
    server.will("cheap", Behaviour(text="18"))
    server.will("judge", Behaviour(status=400))
    with router_of(tmp_path, server, sink, JUDGED) as router:
        assert router.complete(messages=MESSAGES).model == "strong"
        (live,) = attributes(router, sink, "route")
        (judged,) = [span for span in attributes(router, sink, "chat") if span["llm_router.attempt.kind"] == "judge"]
    assert json.loads(live["llm_router.attempts"])[0]["error_type"] == "validator_error"
    assert judged["error.type"] == "400"


@pytest.mark.parametrize("streams", [False, True])
def test_a_draft_is_checked_and_recorded(
    tmp_path: Path, server: FakeOpenAI, sink: MemorySink, *, streams: bool
) -> None:
    """One that stands is what the caller gets, also as a stream; both calls are spans and paid."""
    text = "[not_refusal]\n    mode: draft-and-verify"
    server.will("cheap", Behaviour(text="18"), Behaviour(text="17"))
    server.will("strong", Behaviour(text=STANDS), Behaviour(text="it is 18"))
    with router_of(tmp_path, server, sink, text) as router:
        if streams:
            said = ["".join(_texts(router.stream(messages=MESSAGES))) for _ in range(2)]
        else:
            said = [router.complete(messages=MESSAGES).answer.text for _ in range(2)]
        live, shadow = attributes(router, sink, "route"), attributes(router, sink, "shadow")
        calls = attributes(router, sink, "chat")
    assert said == ["18", "it is 18"]
    assert [row["gen_ai.response.model"] for row in live] == ["cheap", "strong"]
    assert [row["llm_router.decision.escalated"] for row in live] == [1, 1]
    assert [call["llm_router.attempt.kind"] for call in calls] == ["primary", "escalation"] * 2
    assert all("llm_router.decision.escalated" not in row for row in shadow), "nobody has seen that check"
    assert json.loads(live[0]["llm_router.decision.steps"])[1]["verifies"] is True
    check = next(call for call in server.received if call.body["model"] == "strong").body["messages"]
    assert check[:2] == [*MESSAGES, {"role": "assistant", "content": "18"}]


def _texts(chunks: Iterable[Any]) -> Iterator[str]:
    for chunk in chunks:
        for choice in chunk["choices"]:
            yield choice["delta"].get("content") or ""


def test_a_killed_judge_is_not_asked(tmp_path: Path, server: FakeOpenAI, sink: MemorySink) -> None:
    """A kill switch stops every call; the answer that nobody could check goes on to the stronger model."""
    with router_of(tmp_path, server, sink, JUDGED) as router:
        router.state.kill("judge")
        assert router.complete(messages=MESSAGES).model == "strong"
    assert server.calls("judge") == 0


def test_a_program_judges_beside_the_router(tmp_path: Path, server: FakeOpenAI, sink: MemorySink) -> None:
    """It sees the answer; a shadow runs it only if the file says so."""
    code = "import sys; sys.exit(sys.stdin.read() != '18')"
    command = json.dumps({"run": [sys.executable, "-c", code], "timeout_s": 60, "in_shadows": True})
    server.will("cheap", Behaviour(text="18"), Behaviour(text="17"))
    with router_of(tmp_path, server, sink, f"[{{command: {command}}}]") as router:
        assert by_acomplete(router, 2) == ["cheap", "strong"]
        shadow = attributes(router, sink, "shadow")
    assert shadow[0]["llm_router.decision.escalated"] == 0
    assert "llm_router.decision.escalated" not in shadow[1], "the answer that was served is another model's"


def test_a_request_that_needs_a_person_says_so(tmp_path: Path, server: FakeOpenAI, sink: MemorySink) -> None:
    """As an attribute of its row, as a signal with its reason, and in the reply."""
    last = "[{try: middle, accept_if: [{matches: '18'}]}, {try: strong, accept_if: [{matches: '18'}]}]"
    with router_of(tmp_path, server, sink, "[{matches: '18'}]", last) as router:
        server.will("cheap", Behaviour(text="17"), Behaviour(text="17"))
        server.will("middle", Behaviour(text="17"), Behaviour(text="18"))
        server.will("strong", Behaviour(text="17"))
        replies = [router.complete(messages=MESSAGES) for _ in range(2)]
        signals = attributes(router, sink, "evaluation needs_review")
        live = attributes(router, sink, "route")
    reasons = ["last_step_refused", "refused_in_a_row"]
    assert [reply.outcome.needs_review for reply in replies] == reasons
    assert [reply.text for reply in replies] == ["17", "18"]
    assert [row["llm_router.outcome.needs_review"] for row in live] == reasons
    assert [row["gen_ai.evaluation.score.label"] for row in signals] == reasons
    assert [row["llm_router.request.id"] for row in signals] == [reply.request_id for reply in replies]
    assert all("gen_ai.evaluation.score.value" not in row for row in signals)


def test_a_retry_tells_the_model_what_was_wrong(tmp_path: Path, server: FakeOpenAI, sink: MemorySink) -> None:
    """After the caller's own messages, which stay as they are."""
    accept_if = "[{length: {at_most: 5}}]\n    retry_same: 1\n    tell_why: true"
    server.will("cheap", Behaviour(text="It is 18."), Behaviour(text="18"))
    messages = list(MESSAGES)
    with router_of(tmp_path, server, sink, accept_if) as router:
        assert router.complete(messages=messages).text == "18"
        (live,) = attributes(router, sink, "route")
    assert messages == MESSAGES
    assert server.received[1].body["messages"][:2] == [*MESSAGES, {"role": "assistant", "content": "It is 18."}]
    assert "it must have at most 5 characters" in server.received[1].body["messages"][2]["content"]
    assert json.loads(live["llm_router.decision.steps"])[0]["retry_same"] == 1
    assert live["llm_router.decision.escalated"] == 0
    assert [attempt["kind"] for attempt in json.loads(live["llm_router.attempts"])] == ["primary", "retry"]


def test_tool_calls_of_a_stream_are_judged(tmp_path: Path, server: FakeOpenAI, sink: MemorySink) -> None:
    """Put together from their pieces, and only then handed out."""

    def streamed(name: str) -> bytes:
        head = {"id": "c", "object": "chat.completion.chunk", "model": "cheap"}
        first = {"index": 0, "id": "t", "type": "function", "function": {"name": name, "arguments": ""}}
        pieces = [{"index": 0, "function": {"arguments": text}} for text in ('{"id"', ": 1}")]
        deltas: list[dict[str, Any]] = [{"tool_calls": [piece]} for piece in (first, *pieces)]
        events = [{**head, "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
        events.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
        return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"

    tools = [{"type": "function", "function": {"name": "find_order", "parameters": {}}}]
    server.will("cheap", Behaviour(body=streamed("find_order")), Behaviour(body=streamed("drop_table")))
    with router_of(tmp_path, server, sink, "[{tool_calls: {required: true}}]") as router:
        for expected in ("cheap", "strong"):
            with router.stream(messages=MESSAGES, tools=tools) as stream:
                list(stream)
            assert stream.reply is not None
            assert stream.reply.model == expected
            if expected == "cheap":
                assert stream.reply.answer.tool_calls == (("find_order", '{"id": 1}'),)
