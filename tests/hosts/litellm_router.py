"""Runs inside an environment that has LiteLLM: the same calls on a plain Router and on a wrapped one, as JSON.

Nothing of pytest is here. Every scenario is a list of behaviours of the provider and the arguments of one call. What
the caller gets and what the provider sees must be the same with and without the observer; what was recorded is printed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
from litellm.caching.caching import Cache

import shadow
from shadow.config import Limits, LiveSpec, Routing
from shadow.domain.policy import Decision, Step
from shadow.prices.catalogue import Catalogue, Model
from shadow.testing import MemorySink
from tests.support.fake_openai import Behaviour, FakeOpenAI, fake_openai

litellm.suppress_debug_info = True
POLICY, ERROR = "llm_router.policy.name", "error.type"
NOT_RECORDED = ("silent", "classifier")
MESSAGES = [{"role": "user", "content": "Order 17: what is the total?"}]
METADATA = {"session_id": "s-1", "task": "extract", "team": "a"}
CATALOGUE = Catalogue(
    [
        Model(name="gpt-5", provider="openai", tier="large", aliases=("azure/gpt-5-prod",)),
        Model(name="gpt-5-mini", provider="openai", tier="small"),
        Model(name="gpt-4.1", provider="openai", tier="medium"),
    ]
)
FAILS = Behaviour(status=500)
BROKEN = Behaviour(cut_after=2)


class Shadow:
    """A shadow policy that misbehaves in one way."""

    version = "1111"

    def __init__(self, name: str, act: Callable[[Any], None]) -> None:
        self.name = name
        self._act = act

    def decide(self, request: Any, snapshot: Any) -> Decision:
        self._act(request)
        return Decision(policy=self.name, version=self.version, steps=(Step(kind="primary", model="gpt-5-mini"),))


def raises(request: Any) -> None:
    raise RuntimeError("a shadow may fail")


def hangs(request: Any) -> None:
    time.sleep(1.0)  # longer than a busy machine may be late to notice


def mutates(request: Any) -> None:
    for message in request.messages:
        object.__setattr__(request, "task", "changed")
        message.content.append("changed")


@dataclass(frozen=True)
class Scenario:
    name: str
    behaviours: dict[str, list[Behaviour]] = field(default_factory=dict)
    arguments: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    group: str = "chat"
    stops_after: int | None = None
    ways: tuple[str, ...] = ("sync", "async")


STREAM = {"stream": True}
USAGE = {"stream": True, "stream_options": {"include_usage": True}}
SCENARIOS = [
    Scenario("ok"),
    Scenario("pinned", metadata={"why": "pinned"}),
    Scenario("mock", arguments={"mock_response": "mocked"}),
    Scenario("alias", group="azure"),
    Scenario("retry", {"gpt-5": [FAILS]}, {"num_retries": 1}),
    Scenario("fallback", {"gpt-5": [FAILS]}),
    Scenario("fails", {"gpt-4.1": [Behaviour(status=400)]}, group="back"),
    Scenario("no group", group="absent"),
    Scenario("cached first", arguments={"caching": True}, group="cached"),
    Scenario("cached again", arguments={"caching": True}, group="cached"),
    Scenario("stream", arguments=USAGE),
    Scenario("stream without usage", arguments=STREAM),
    Scenario("stream left", arguments=STREAM, stops_after=2),
    Scenario("stream broken", {"gpt-4.1": [BROKEN, BROKEN]}, STREAM, group="back"),
    Scenario("silent", metadata={"is_silent_experiment": True}),
    Scenario("classifier", metadata={"internal_call_origin": "autorouter_classifier"}),
    Scenario("sync inside a loop", {"gpt-5": [FAILS]}, ways=("sync in loop",)),
]


def router_of(fake: FakeOpenAI) -> litellm.Router:
    """Two deployments of one model, another as their fallback, and one that is known by an alias."""

    def deployment(group: str, model: str, name: str) -> dict[str, Any]:
        params = {"model": model, "api_key": "sk-secret-1", "api_base": fake.base_url}
        if model.startswith("azure/"):
            params |= {"api_version": "2024-10-21", "mock_response": "from azure"}
        return {"model_name": group, "litellm_params": params, "model_info": {"id": name}}

    return litellm.Router(
        model_list=[
            deployment("chat", "openai/gpt-5", "a"),
            deployment("back", "openai/gpt-4.1", "b"),
            deployment("azure", "azure/gpt-5-prod", "c"),
            deployment("cached", "openai/gpt-5-mini", "d"),
        ],
        fallbacks=[{"chat": ["back"]}],
        num_retries=0,
        retry_after=0,
        allowed_fails=100,
    )


def arguments_of(scenario: Scenario, way: str) -> dict[str, Any]:
    metadata = {**METADATA, **scenario.metadata, "request_id": f"{scenario.name} {way}"}
    return {"model": scenario.group, "messages": MESSAGES, "metadata": metadata, **scenario.arguments}


def answer_of(reply: Any) -> Any:
    return [reply.choices[0].message.content, reply.model, reply.usage.prompt_tokens]


def chunk_text(chunk: Any) -> str:
    return (chunk.choices[0].delta.content or "") if chunk.choices else ""


def error_of(error: Exception) -> list[str]:
    return [type(error).__name__, str(getattr(error, "status_code", "")), str(error)[:60]]


def sync(router: Any, scenario: Scenario, way: str) -> Any:
    try:
        reply = router.completion(**arguments_of(scenario, way))
        if not scenario.arguments.get("stream"):
            return answer_of(reply)
        assert isinstance(reply, litellm.CustomStreamWrapper)
        texts = []
        for chunk in reply:
            texts.append(chunk_text(chunk))
            if len(texts) == scenario.stops_after:
                break
        return "".join(texts)
    except Exception as error:
        return error_of(error)


async def asynchronous(router: Any, scenario: Scenario, way: str) -> Any:
    try:
        reply = await router.acompletion(**arguments_of(scenario, way))
        if not scenario.arguments.get("stream"):
            return answer_of(reply)
        assert isinstance(reply, litellm.CustomStreamWrapper)
        texts = []
        async for chunk in reply:
            texts.append(chunk_text(chunk))
            if len(texts) == scenario.stops_after:
                break
        return "".join(texts)
    except Exception as error:
        return error_of(error)


async def sync_in_loop(router: Any, scenario: Scenario, way: str) -> Any:
    return sync(router, scenario, way)


class Run:
    """One Router with its provider; `observer` is None for the plain one."""

    def __init__(self, fake: FakeOpenAI, observer: shadow.Observer | None, sink: MemorySink) -> None:
        self.fake = fake
        self.sink = sink
        self.observer = observer
        litellm.cache = Cache(type="local")
        plain = router_of(fake)
        self.router = plain if observer is None else observer.wrap(plain)
        assert self.router is plain

    def play(self, scenario: Scenario, way: str, loop: asyncio.AbstractEventLoop) -> dict[str, Any]:
        self.fake.received.clear()
        for model, behaviours in scenario.behaviours.items():
            self.fake.will(model, *behaviours)
        if way == "sync":
            got = sync(self.router, scenario, way)
        else:
            play = asynchronous if way == "async" else sync_in_loop
            got = loop.run_until_complete(play(self.router, scenario, way))
        return {"got": got, "upstream": [[request.path, request.body] for request in self.fake.received]}

    def wait_for_rows(self, loop: asyncio.AbstractEventLoop, count: int) -> None:
        """Until LiteLLM's own workers have told the observer what they know."""
        assert self.observer is not None
        deadline = time.monotonic() + 60
        while len(self.sink.rows("live")) < count and time.monotonic() < deadline:
            loop.run_until_complete(asyncio.sleep(0.02))
            self.observer.flush(5)


def routing() -> Routing:
    return Routing.of(
        service="host",
        live=LiveSpec(name="litellm-prod", decides="randomly"),
        shadows=[Shadow("raising", raises), Shadow("hanging", hangs), Shadow("mutating", mutates)],
        catalogue=CATALOGUE,
        labels=["team"],
        from_request={
            "session": "metadata.session_id",
            "task": "metadata.task",
            "request_id": "metadata.request_id",
            "contamination": "metadata.why",
        },
        limits=Limits(strikes=1000),
    )


def main() -> None:
    sink = MemorySink()
    loop = asyncio.new_event_loop()
    plays = [(scenario, way) for scenario in SCENARIOS for way in scenario.ways]
    with fake_openai() as plain_fake, fake_openai() as fake:
        plain = Run(plain_fake, None, sink)
        expected = [plain.play(scenario, way, loop) for scenario, way in plays]
        observer = shadow.Observer(routing(), exporter=sink)
        run = Run(fake, observer, sink)
        got = [run.play(scenario, way, loop) for scenario, way in plays]
        # A stream that was left is closed when its object is gone, at the latest at the end.
        early = [1 for scenario, _ in plays if scenario.name not in NOT_RECORDED and scenario.stops_after is None]
        run.wait_for_rows(loop, len(early))
        observer.close()
    told = {
        "played": {
            f"{scenario.name} {way}": {"got": one, "expected": other}
            for (scenario, way), one, other in zip(plays, got, expected, strict=True)
        },
        "rows": sink.rows("live"),
        "contained": observer.stats.contained,
        "shadows": sorted({f"{row[POLICY]}:{row.get(ERROR, 'ok')}" for row in sink.rows("shadow")}),
    }
    print("JSON" + json.dumps(told, default=str))
    sys.stdout.flush()
    os._exit(0)  # LiteLLM's workers are not ours to wait for


if __name__ == "__main__":
    main()
