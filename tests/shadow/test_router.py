"""The router end to end: real policies, a real socket, and the spans that come out."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from shadow.config import Routing
from shadow.domain.outcome import Answer, Outcome, Usage
from shadow.domain.policy import Decision, Step
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import ConfigError, PolicyError, ProviderError, UnservedError
from shadow.policies.call import Call
from shadow.prices.catalogue import Catalogue, Model
from shadow.providers import openai_http
from shadow.providers.recorded import RecordedProvider
from shadow.router import ShadowRouter
from shadow.testing import MemorySink
from tests.support.fake_openai import Behaviour, FakeOpenAI, fake_openai

MESSAGES = [{"role": "user", "content": "hi there"}]
ROUTING = """
service: test
live: live.yaml
shadows: [shadow.yaml]
"""
MODELS = """
models:
  cheap:  {{provider: fake, tier: small, base_url: "{url}"}}
  strong: {{provider: fake, tier: large, base_url: "{url}"}}
  spare:  {{provider: other, tier: medium, base_url: "{url}"}}
"""
LIVE = """
policy: live
choose: {use: cheap}
fallback: [spare]
"""
CASCADE = """
policy: live
choose: {cascade: {try: cheap, accept_if: [{matches: fine}], else: strong}}
"""
SHADOW = """
policy: other
choose: {use: strong}
"""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenAI]:
    # Server and client share this process: on a busy machine it may take them seconds to accept a connection.
    monkeypatch.setattr(openai_http, "CONNECT_TIMEOUT_S", 60.0)
    with fake_openai() as running:
        yield running


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


def routing_file(folder: Path, url: str, live: str = LIVE) -> Path:
    """A routing folder whose models are all served at this address."""
    texts = {"shadow.yaml": SHADOW, "live.yaml": live, "models.yaml": MODELS.format(url=url), "routing.yaml": ROUTING}
    for name, text in texts.items():
        (folder / name).write_text(text)
    return folder / "routing.yaml"


@pytest.fixture
def router(tmp_path: Path, server: FakeOpenAI, sink: MemorySink) -> Iterator[ShadowRouter]:
    with ShadowRouter(routing_file(tmp_path, server.base_url), exporter=sink) as made:
        yield made


def rows(router: ShadowRouter, sink: MemorySink, role: str = "live") -> list[dict[str, Any]]:
    """Attributes of the spans with this role, in the order of their requests."""
    assert router.flush()
    return sink.rows(role)


def test_a_reply_carries_the_answer_and_how_it_came_about(router: ShadowRouter, sink: MemorySink) -> None:
    """Text, model, usage, ids and the decision; the live row and the shadow row say the same."""
    reply = router.complete(messages=MESSAGES, session="s-1", task="chat", temperature=0)
    assert (reply.text, reply.model) == ("echo hi there", "cheap")
    assert reply.usage == Usage(input_tokens=10, output_tokens=5, cache_read_tokens=4)
    assert reply.raw["id"] == reply.response_id
    assert reply.decision.model == "cheap"
    (live,), (shadow,) = rows(router, sink), rows(router, sink, "shadow")
    for row in (live, shadow):
        assert row["llm_router.request.id"] == reply.request_id
        assert row["gen_ai.response.model"] == "cheap"
        assert row["gen_ai.usage.input_tokens"] == 10
        assert row["gen_ai.provider.name"] == "fake"
        assert row["llm_router.task"] == "chat"
    assert live["llm_router.decision.model"] == "cheap"
    assert shadow["llm_router.decision.model"] == "strong"


def test_the_async_twin_gives_the_same(router: ShadowRouter, sink: MemorySink) -> None:
    """Only waiting differs."""

    async def run() -> tuple[str, list[Any], Any]:
        async with router:
            reply = await router.acomplete(messages=MESSAGES)
            stream = router.astream(messages=MESSAGES)
            chunks = [chunk async for chunk in stream]
            return reply.text, chunks, stream.reply

    text, chunks, reply = asyncio.run(run())
    assert text == reply.text == "echo hi there"
    assert "".join(c["delta"].get("content", "") for chunk in chunks for c in chunk["choices"]) == text
    assert [row["gen_ai.usage.input_tokens"] for row in rows(router, sink)] == [10, 10]


def test_a_stream_hands_out_the_providers_events_and_becomes_a_reply(router: ShadowRouter, sink: MemorySink) -> None:
    """The request id is known before the first chunk, the reply after the last one; the time to the first is kept."""
    with router.stream(messages=MESSAGES) as stream:
        assert stream.request_id
        next(stream)
        assert stream.reply is None
        assert {chunk["object"] for chunk in stream} == {"chat.completion.chunk"}
        assert stream.reply is not None
        assert stream.reply.text == "echo hi there"
    (row,) = rows(router, sink)
    assert row["llm_router.request.id"] == stream.request_id
    assert row["gen_ai.response.time_to_first_chunk"] >= 0
    assert row["llm_router.outcome.status"] == "complete"


def test_a_stream_that_is_left_is_partial_and_one_never_read_is_unreported(
    router: ShadowRouter, sink: MemorySink
) -> None:
    """Neither is guessed."""
    with router.stream(messages=MESSAGES) as left:
        next(left)
    with router.stream(messages=MESSAGES):
        pass
    assert [row["llm_router.outcome.status"] for row in rows(router, sink)] == ["partial", "unreported"]


def test_a_fallback_serves_and_is_recorded_as_contamination(
    router: ShadowRouter, sink: MemorySink, server: FakeOpenAI
) -> None:
    """The intended model stays the policy's, the served one is the spare."""
    server.will("cheap", Behaviour(status=503))
    assert router.complete(messages=MESSAGES).model == "spare"
    (row,) = rows(router, sink)
    assert row["llm_router.decision.model"] == "cheap"
    assert row["gen_ai.response.model"] == "spare"
    assert row["gen_ai.provider.name"] == "other"
    assert row["llm_router.outcome.contamination"] == "fallback"


def test_an_error_reaches_the_caller_unchanged_and_is_recorded(
    router: ShadowRouter, sink: MemorySink, server: FakeOpenAI
) -> None:
    """A 400 is the caller's; the row says so."""
    server.will("cheap", Behaviour(status=400))
    with pytest.raises(ProviderError, match="refused with 400"):
        router.complete(messages=MESSAGES)
    (row,) = rows(router, sink)
    assert row["llm_router.outcome.status"] == "error"
    assert "gen_ai.response.model" not in row


def test_a_cascade_pays_twice_when_its_validators_refuse(tmp_path: Path, server: FakeOpenAI, sink: MemorySink) -> None:
    """Escalated and accepted requests are told apart on the live row."""
    with ShadowRouter(routing_file(tmp_path, server.base_url, CASCADE), exporter=sink) as router:
        server.will("cheap", Behaviour(text="poor"), Behaviour(text="fine"))
        assert [router.complete(messages=MESSAGES).model for _ in range(2)] == ["strong", "cheap"]
        assert [row["llm_router.decision.escalated"] for row in rows(router, sink)] == [1, 0]
        first = rows(router, sink)[0]
    assert '"quality"' in first["llm_router.attempts"]


def test_hundreds_of_concurrent_calls_keep_their_answers_apart(router: ShadowRouter, sink: MemorySink) -> None:
    """Every caller gets the echo of its own question, and every request is recorded once."""

    async def run() -> list[str]:
        async with router:
            questions = [[{"role": "user", "content": str(number)}] for number in range(200)]
            replies = await asyncio.gather(*(router.acomplete(messages=question) for question in questions))
            return [reply.text for reply in replies]

    assert asyncio.run(run()) == [f"echo {number}" for number in range(200)]
    recorded = rows(router, sink)
    assert len({row["llm_router.request.id"] for row in recorded}) == 200
    assert {row["gen_ai.response.model"] for row in recorded} == {"cheap"}


def test_a_cancelled_call_is_recorded_and_stays_cancelled(
    router: ShadowRouter, sink: MemorySink, server: FakeOpenAI
) -> None:
    """A caller's time-out must not look like an unreported request."""
    server.will("cheap", Behaviour(delay_s=0.5))

    async def run() -> None:
        async with router:
            async with asyncio.timeout(0.1):
                await router.acomplete(messages=MESSAGES)

    with pytest.raises(TimeoutError):
        asyncio.run(run())
    (row,) = rows(router, sink)
    assert (row["llm_router.outcome.status"], row["error.type"]) == ("error", "CancelledError")


class Broken:
    """A live policy that does what it is told."""

    name = "broken"
    version = "1"

    def __init__(self, behaviour: Any) -> None:
        self.behaviour = behaviour

    def decide(self, request: Request, snapshot: Snapshot) -> Decision:
        if isinstance(self.behaviour, Exception):
            raise self.behaviour
        return self.behaviour  # type: ignore[no-any-return]  # the point is that it may be anything


@pytest.mark.parametrize(
    ("behaviour", "raised", "status", "error_type"),
    [
        (ZeroDivisionError(), ZeroDivisionError, "error", "ZeroDivisionError"),
        ("cheap", PolicyError, "invalid", "invalid_decision"),
        (Decision(policy="broken", version="1", steps=()), PolicyError, "invalid", "invalid_decision"),
    ],
    ids=["raises", "text", "no steps"],
)
def test_a_live_policy_that_fails_raises_to_the_caller_and_is_recorded(
    sink: MemorySink, behaviour: Any, raised: type[Exception], status: str, error_type: str
) -> None:
    """Its failure is the live result; no row is missing."""
    routing = Routing.of(service="test", live=Broken(behaviour))
    with ShadowRouter(routing, providers=RecordedProvider({}), exporter=sink) as router:
        with pytest.raises(raised):
            router.complete(messages=MESSAGES)
        (row,) = rows(router, sink)
    assert (row["llm_router.decision.status"], row["error.type"]) == (status, error_type)


def test_a_live_that_is_only_a_name_cannot_be_executed(tmp_path: Path) -> None:
    """The message says which line to write and what to use instead."""
    path = routing_file(tmp_path, "http://127.0.0.1:9")
    path.write_text(ROUTING.replace("live.yaml", "{name: prod, version: '1'}"))
    with pytest.raises(ConfigError, match=r"live must be a policy file .* got only the name 'prod'.*shadow.Observer"):
        ShadowRouter(path)


@pytest.mark.parametrize("name", ["model", "stream", "base_url", "api_base", "api_key"])
def test_a_caller_cannot_choose_the_model_or_the_address(router: ShadowRouter, server: FakeOpenAI, name: str) -> None:
    """Where a key travels is configuration; a value that was passed is never quoted."""
    unwanted: dict[str, Any] = {name: "sk-secret"}
    with pytest.raises(TypeError, match=f"must not name {name}") as caught:
        router.complete(messages=MESSAGES, **unwanted)
    assert "sk-secret" not in str(caught.value)
    assert server.received == []


class Hostile:
    """A shadow that does one bad thing."""

    version = "1"

    def __init__(self, name: str) -> None:
        self.name = name

    def decide(self, request: Request, snapshot: Snapshot) -> Decision:
        match self.name:
            case "raises":
                raise SystemExit(1)
            case "sleeps":
                time.sleep(2)  # nothing ends a thread before this call returns
            case "mutates":
                object.__setattr__(request, "task", "changed")
        model = "no-such-model" if self.name == "unknown" else "cheap"
        return Decision(policy=self.name, version="1", steps=(Step(kind="primary", model=model),))


def answers(url: str, sink: MemorySink, shadows: list[Hostile]) -> list[Any]:
    """What a caller gets in five calls and a stream."""
    models = [Model(name="cheap", provider="fake", base_url=url)]
    live = Call(lambda request: "cheap", name="live", version="1")
    routing = Routing.of(live=live, shadows=shadows, catalogue=Catalogue(models))
    with ShadowRouter(routing, exporter=sink) as router:
        raws = [router.complete(messages=MESSAGES, task="chat").raw for _ in range(5)]
        return [*raws, *router.stream(messages=MESSAGES)]


def test_hostile_shadows_leave_the_answers_as_they_are(sink: MemorySink) -> None:
    """Raising, sleeping, mutating and inventing models end as failures with their reason, and nowhere else."""
    hostile = [Hostile(name) for name in ("raises", "sleeps", "mutates", "unknown")]
    with fake_openai() as alone, fake_openai() as beside:
        expected = answers(alone.base_url, MemorySink(), [])
        assert answers(beside.base_url, sink, hostile) == expected
    reasons: dict[str, set[str]] = {}
    for row in sink.rows("shadow"):
        reasons.setdefault(row["llm_router.policy.name"], set()).add(row["error.type"])
    assert reasons["raises"] == {"SystemExit"}
    assert reasons["sleeps"] <= {"timeout", "switched_off"}
    assert reasons["mutates"] == {"mutated_request"}
    assert reasons["unknown"] == {"unknown_model"}
    assert {row.get("llm_router.task", "") for row in sink.rows("live")} == {"chat", ""}


def test_threads_share_one_router(sink: MemorySink) -> None:
    """Synchronous services call from many threads; every request is recorded once."""
    table = {(f"q-{n}", "gpt-5"): Answer(text=str(n), model="gpt-5") for n in range(400)}
    with recorded_router(sink, RecordedProvider(table)) as router, ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda n: router.complete(messages=MESSAGES, request_id=f"q-{n}").text, range(400)))
        assert router.flush()
    assert replies == [str(n) for n in range(400)]
    assert len({row["llm_router.request.id"] for row in sink.rows("live")}) == 400


def recorded_router(sink: MemorySink, providers: Any) -> ShadowRouter:
    live = Call(lambda request: "gpt-5", name="live", version="1")
    return ShadowRouter(Routing.of(service="test", live=live), providers=providers, exporter=sink)


def test_recorded_outcomes_need_no_network(sink: MemorySink) -> None:
    """The provider of backtests serves by the host's request id, and its latency is that of the recording."""
    answer = Answer(text="42", model="gpt-5", usage=Usage(input_tokens=7, output_tokens=1), score=1.0, latency_s=2.5)
    with recorded_router(sink, RecordedProvider({("q-1", "gpt-5"): answer})) as router:
        reply = router.complete(messages=MESSAGES, request_id="q-1", input_tokens=7)
        (row,) = rows(router, sink)
    assert reply.answer is answer
    assert row["llm_router.request.id"] == "q-1"
    assert row["llm_router.outcome.duration_s"] == 2.5


def test_signals_and_late_outcomes_go_by_either_id(router: ShadowRouter, sink: MemorySink) -> None:
    """An id that was routed here is a request, any other one a provider's response."""
    reply = router.complete(messages=MESSAGES)
    router.signal(reply.request_id, "resolved", 1)
    router.signal(reply.response_id, "resolved", 0.5, source="human")
    with pytest.raises(ValueError, match="resolved"):
        router.signal(reply.request_id, "resolved", 7)
    router.outcome("other-process", Outcome(status="complete", model="cheap"))
    assert router.flush()
    found = [dict(span.attributes or {}) for span in sink.spans]
    signals = [row for row in found if "gen_ai.evaluation.name" in row]
    assert signals[0]["llm_router.request.id"] == reply.request_id
    assert signals[1]["gen_ai.response.id"] == reply.response_id
    assert [row["llm_router.request.id"] for row in rows(router, sink, "outcome")] == ["other-process"]


def test_the_methods_show_their_arguments() -> None:
    """Editors and `help` list every argument of the four ways to call."""
    for method in (ShadowRouter.complete, ShadowRouter.acomplete, ShadowRouter.stream, ShadowRouter.astream):
        assert {"messages", "session", "task", "timeout_s", "params"} <= set(inspect.signature(method).parameters)


def test_a_pin_is_followed_and_recorded_beside_the_decision(
    router: ShadowRouter, sink: MemorySink, server: FakeOpenAI
) -> None:
    """The decision stays the policy's; the request is marked, because its outcome says nothing about that choice."""
    assert router.complete(messages=MESSAGES, pin="strong").model == "strong"
    with pytest.raises(ConfigError, match=r'pin must be a known model: no model "stronk".*strong'):
        router.complete(messages=MESSAGES, pin="stronk")
    (row,) = rows(router, sink)
    assert (row["llm_router.decision.model"], row["gen_ai.response.model"]) == ("cheap", "strong")
    assert row["llm_router.outcome.contamination"] == "pinned"
    assert [request.body["model"] for request in server.received] == ["strong"]


def test_the_cost_budget_of_a_tier_limits_the_answer_on_the_wire(
    tmp_path: Path, server: FakeOpenAI, sink: MemorySink
) -> None:
    """Its requests carry a limit, those of other tiers do not; what no model can serve within it is a 402."""
    path = routing_file(tmp_path, server.base_url)
    with (tmp_path / "models.yaml").open("a") as models:
        models.write(f'  priced: {{base_url: "{server.base_url}", price_usd_per_million: {{input: 0, output: 100}}}}\n')
    (tmp_path / "live.yaml").write_text("policy: live\nchoose: {use: priced}\n")
    with path.open("a") as routing:
        routing.write("execution: {tiers: {free: {cost_usd: 0.01, over_cost: truncate}, none: {cost_usd: 0.00001}}}\n")
    with ShadowRouter(path, exporter=sink) as router:
        for tier in ("free", "paid"):
            router.complete(messages=MESSAGES, user_tier=tier)
        with pytest.raises(UnservedError, match="priced: cost_budget") as caught:
            router.complete(messages=MESSAGES, user_tier="none")
        recorded = rows(router, sink)
    assert caught.value.status == 402
    assert [request.body.get("max_tokens") for request in server.received] == [100, None]
    assert [row.get("error.type") for row in recorded] == [None, None, "cost_budget"]


def test_a_spending_limit_and_a_kill_switch_hold_at_run_time(
    tmp_path: Path, server: FakeOpenAI, sink: MemorySink
) -> None:
    """What a request cost counts at once; a switch that is flipped holds for the next request, and can be undone."""
    path = routing_file(tmp_path, server.base_url)
    models, price = (tmp_path / "models.yaml").read_text(), "price_usd_per_million: {input: 0, output: 9},"
    (tmp_path / "models.yaml").write_text(models.replace("tier: small,", price))
    with path.open("a") as routing:
        routing.write("spending: {team: {usd: 0.00004, per: month}}\n")
    with ShadowRouter(path, exporter=sink) as router:
        router.state.kill("cheap")
        assert router.complete(messages=MESSAGES).model == "spare"
        router.state.revive("cheap")
        assert router.complete(messages=MESSAGES).model == "cheap"  # 5 tokens for 0.000045 $
        with pytest.raises(UnservedError, match="team") as caught:
            router.complete(messages=MESSAGES)
    assert (caught.value.error_type, caught.value.status) == ("spending_limit", 429)
