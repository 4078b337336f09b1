"""The LiteLLM hook without LiteLLM: what a stand-in for its Router shows. `tests/hosts` has the real one."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from shadow import litellm_proxy
from shadow.config import LiveSpec
from shadow.errors import ConfigError
from shadow.hooks.litellm_policy import catalogue_name, deployments_of, router_version, settings_of
from shadow.observer import Observer
from shadow.prices.catalogue import Catalogue, Model
from shadow.telemetry import keys
from shadow.testing import MemorySink
from tests.support.sdk import always, routing

MESSAGES = [{"role": "user", "content": "hi"}]


def deployment(group: str, model: str, name: str, **params: Any) -> dict[str, Any]:
    return {
        "model_name": group,
        "litellm_params": {"model": model, "api_key": "sk-1", **params},
        "model_info": {"id": name},
    }


DEPLOYMENTS = [
    deployment("chat", "openai/big", "a"),
    deployment("chat", "openai/other", "b"),
    deployment("back", "openai/small", "c"),
]


def answer(model: str, **hidden: Any) -> Any:
    message = SimpleNamespace(message=SimpleNamespace(content="By post."))
    usage = SimpleNamespace(prompt_tokens=12, completion_tokens=3)
    headers = {"x-litellm-attempted-fallbacks": hidden.pop("fallbacks", 0)}
    params = {"litellm_model_name": f"openai/{model}", "additional_headers": headers, **hidden}
    return SimpleNamespace(
        object="chat.completion", id="r-1", model=model, choices=[message], usage=usage, _hidden_params=params
    )


class Stream:
    """A stream as LiteLLM makes it: iteration goes through the class."""

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = iter(items)

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Any:
        return next(self._items)


class Router:
    """The older generation: attributes and methods. `act` is what happens inside a call."""

    routing_strategy = "simple-shuffle"
    fallbacks = ({"chat": ["back"]},)

    def __init__(self) -> None:
        self.model_list = DEPLOYMENTS
        self.act: Callable[..., Any] = lambda **_: answer("big")

    def completion(self, model: str, messages: Any, **kwargs: Any) -> Any:
        return self.act(model=model, messages=messages, **kwargs)

    async def acompletion(self, model: str, messages: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0)
        return self.act(model=model, messages=messages, **kwargs)


Router.__module__ = "litellm.router"


@pytest.fixture
def callbacks(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """`litellm.callbacks` of a stand-in for the package."""
    package, logger = ModuleType("litellm"), ModuleType("litellm.integrations.custom_logger")
    registered: list[Any] = []
    vars(package)["callbacks"] = registered
    vars(logger)["CustomLogger"] = type("CustomLogger", (), {})
    monkeypatch.setitem(sys.modules, "litellm", package)
    monkeypatch.setitem(sys.modules, "litellm.integrations.custom_logger", logger)
    return registered


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
def observer(sink: MemorySink) -> Iterator[Observer]:
    with Observer(routing([always("small")], live=LiveSpec(name="litellm")), exporter=sink) as running:
        yield running
        assert running.stats.contained == {}


def event(model: str = "big", group: str = "chat", **more: Any) -> dict[str, Any]:
    metadata = {"model_group": group, "deployment": f"openai/{model}", "model_info": {"id": "a"}}
    return {"model": model, "call_type": "completion", "litellm_params": {"metadata": metadata}, **more}


def test_ids_of_litellm_become_names_of_the_catalogue() -> None:
    """By name, alias or dated id, with and without the provider in front; an unknown one stays as it is."""
    catalogue = Catalogue([Model(name="gpt-5", aliases=("azure/gpt-5-prod",)), Model(name="openai/local")])
    for given in ("gpt-5", "openai/gpt-5", "openrouter/openai/gpt-5", "azure/gpt-5-prod", "azure/gpt-5-2025-08-07"):
        assert catalogue_name(catalogue, given) == "gpt-5", given
    assert catalogue_name(catalogue, "openai/local") == "openai/local"
    assert catalogue_name(catalogue, "azure/team-x", "gpt-5") == "gpt-5"
    assert catalogue_name(catalogue, "azure/team-x", "", "strange") == "azure/team-x"
    assert catalogue_name(catalogue) == ""


def test_the_version_follows_what_decides_and_no_key() -> None:
    """Another model, weight or fallback is another version; a new key, address or id of a deployment is none."""
    settings = {"routing_strategy": "simple-shuffle", "fallbacks": [{"chat": ["back"]}], "num_retries": None}
    version = router_version(DEPLOYMENTS, settings)
    rotated = [deployment("chat", "openai/big", "z", api_key="sk-2", api_base="http://b"), *DEPLOYMENTS[1:]]
    assert router_version(rotated, settings) == version
    secret = {**settings, "routing_strategy_args": {"api_key": "sk-1"}}
    assert router_version(DEPLOYMENTS, secret) == router_version(
        DEPLOYMENTS, {**secret, "routing_strategy_args": {"api_key": "sk-2"}}
    )
    heavier = [deployment("chat", "openai/big", "a", weight=3), *DEPLOYMENTS[1:]]
    others = [
        router_version(heavier, settings),
        router_version(DEPLOYMENTS[1:], settings),
        router_version(DEPLOYMENTS, {**settings, "fallbacks": []}),
        router_version(DEPLOYMENTS, {**settings, "num_retries": 2}),
    ]
    assert len({version, *others}) == 5


def test_both_generations_tell_their_list_and_settings() -> None:
    """By attributes, and by `registry()` and `settings()`."""
    new = SimpleNamespace(
        registry=lambda: SimpleNamespace(all=lambda: DEPLOYMENTS),
        settings=lambda: SimpleNamespace(as_dict=lambda: {"routing_strategy": "least-busy", "api_key": "sk-1"}),
    )
    assert deployments_of(new) == deployments_of(Router()) == DEPLOYMENTS
    assert settings_of(new)["routing_strategy"] == "least-busy"
    assert "api_key" not in settings_of(new)
    assert settings_of(Router())["fallbacks"] == ({"chat": ["back"]},)


def test_the_first_pick_is_the_decision_and_what_was_not_offered_is_rejected(
    callbacks: list[Any], observer: Observer, sink: MemorySink
) -> None:
    """Attempts follow one another; the reply says what was served."""
    router = observer.wrap(Router())
    (listener,) = callbacks

    def act(**kwargs: Any) -> Any:
        offered = [DEPLOYMENTS[0]]
        assert asyncio.run(listener.async_filter_deployments("chat", offered, None, kwargs)) is offered
        listener.log_pre_api_call("big", MESSAGES, event())
        listener.log_failure_event(event(exception=TimeoutError()), None, None, None)
        listener.log_pre_api_call("small", MESSAGES, event("small", "back"))
        return answer("small", fallbacks=1, custom_llm_provider="openai", response_cost=0.25)

    router.act = act
    router.completion("chat", MESSAGES)
    assert observer.flush(5)
    (row,) = sink.rows("live")
    assert row[keys.DECISION_MODEL] == "big"
    assert '{"model":"other","score":null,"terms":{},"rejected":"not_offered"}' in row[keys.DECISION_CANDIDATES]
    assert '"kind":"primary","provider":"","model":"big","error_type":"TimeoutError"' in row[keys.ATTEMPTS]
    assert '"kind":"fallback","provider":"openai","model":"small","error_type":""' in row[keys.ATTEMPTS]
    assert (row[keys.RESPONSE_MODEL], row[keys.OUTCOME_CONTAMINATION]) == ("small", "fallback")
    assert row[keys.OUTCOME_COST_USD] == 0.25


@pytest.mark.parametrize(
    ("response_model", "reported"), [("big-2026-11-01", "big-2026-11-01"), ("big", None), ("chat", None), ("", None)]
)
def test_the_answers_own_id_of_its_model_is_kept(
    callbacks: list[Any], observer: Observer, sink: MemorySink, response_model: str, reported: str | None
) -> None:
    """A dated id has a price of its own; the name of a group is no model."""
    router = Router()
    observer.wrap(router)
    (listener,) = callbacks

    def act(**_: Any) -> Any:
        listener.log_pre_api_call("big", MESSAGES, event())
        return answer(response_model, litellm_model_name="openai/big")

    router.act = act
    router.completion("chat", MESSAGES)
    assert observer.flush(5)
    (row,) = sink.rows("live")
    assert (row[keys.RESPONSE_MODEL], row.get(keys.REPORTED_MODEL)) == ("big", reported)


def test_a_group_of_which_nobody_is_there_falls_back_before_its_first_attempt(
    callbacks: list[Any], observer: Observer, sink: MemorySink
) -> None:
    """The decision is what the group means, if that is one model, and the served model is a fallback."""
    router = Router()
    router.model_list = [DEPLOYMENTS[0], DEPLOYMENTS[2]]
    observer.wrap(router)
    (listener,) = callbacks

    def act(**kwargs: Any) -> Any:
        asyncio.run(listener.async_filter_deployments("back", [DEPLOYMENTS[2]], None, {**kwargs, "fallback_depth": 1}))
        listener.log_pre_api_call("small", MESSAGES, event("small", "back"))
        return answer("small", fallbacks=1)

    router.act = act
    router.completion("chat", MESSAGES)
    assert observer.flush(5)
    (row,) = sink.rows("live")
    assert (row[keys.DECISION_MODEL], row[keys.RESPONSE_MODEL]) == ("big", "small")
    assert row[keys.OUTCOME_CONTAMINATION] == "fallback"
    assert row[keys.DECISION_CANDIDATES].count("not_offered") == 1


def test_a_call_inside_a_call_is_litellms_own(callbacks: list[Any], observer: Observer, sink: MemorySink) -> None:
    """A classifier of an auto-router asks a model on the way: no request of a user, and no attempt at this one."""
    router = observer.wrap(Router())
    (listener,) = callbacks

    def act(**kwargs: Any) -> Any:
        if kwargs["model"] == "chat":
            router.completion("back", MESSAGES)
        listener.log_pre_api_call(
            "big", MESSAGES, event(*(("big", "chat") if kwargs["model"] == "chat" else ("small", "back")))
        )
        return answer("big" if kwargs["model"] == "chat" else "small")

    router.act = act
    router.completion("chat", MESSAGES)
    assert observer.flush(5)
    (row,) = sink.rows("live")
    assert (row[keys.DECISION_MODEL], row[keys.RESPONSE_MODEL]) == ("big", "big")
    assert keys.ATTEMPTS not in row


def test_a_stream_that_is_left_is_closed_by_the_next_call(
    callbacks: list[Any], observer: Observer, sink: MemorySink
) -> None:
    """The object stays the same and an instance of its class, and goes away like any other."""
    chunk = {"object": "chat.completion.chunk", "model": "big", "choices": [{"delta": {"content": "By"}}]}
    streams = [Stream([chunk, chunk])]
    router = observer.wrap(Router())
    router.act = lambda **_: streams[0] if streams else answer("big")
    callbacks[0].log_pre_api_call("big", MESSAGES, event())  # about no open call
    stream = router.completion("chat", MESSAGES, stream=True)
    assert stream is streams.pop()
    assert isinstance(stream, Stream)
    assert next(stream) is chunk
    del stream
    gc.collect()
    asyncio.run(router.acompletion("chat", MESSAGES))
    assert observer.flush(5)
    assert [row[keys.OUTCOME_STATUS] for row in sink.rows("live")] == ["partial", "complete"]


def test_streams_share_the_class_that_looks_on(callbacks: list[Any], observer: Observer, sink: MemorySink) -> None:
    """Making a class takes as long as a request. A second observer that looks on at the same stream sees it, too."""
    chunk = {"object": "chat.completion.chunk", "model": "big", "choices": [{"delta": {"content": "By"}}]}
    other = MemorySink()
    with Observer(routing([always("small")], live=LiveSpec(name="litellm")), exporter=other) as second:
        router = second.wrap(observer.wrap(Router()))
        router.act = lambda **_: Stream([chunk, chunk])
        streams = [router.completion("chat", MESSAGES, stream=True) for _ in range(2)]
        assert type(streams[0]) is type(streams[1])
        assert [list(stream) for stream in streams] == [[chunk, chunk]] * 2
    observer.close()
    assert [row[keys.OUTCOME_STATUS] for row in sink.rows("live")] == ["complete"] * 2
    assert [row[keys.OUTCOME_STATUS] for row in other.rows("live")] == ["complete"] * 2


def test_a_stream_whose_account_never_comes_is_recorded_at_the_end(callbacks: list[Any], sink: MemorySink) -> None:
    """Whole, with what its chunks told: a script may end before LiteLLM's workers do."""
    end = {
        "object": "chat.completion.chunk",
        "model": "big",
        "choices": [{"delta": {"content": "By post."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2},
    }
    observer = Observer(routing([always("small")]), exporter=sink)
    router = observer.wrap(Router())
    router.act = lambda **_: Stream([end])
    assert list(router.completion("chat", MESSAGES, stream=True)) == [end]
    observer.flush(5)
    assert sink.rows("live") == []
    observer.close()
    (row,) = sink.rows("live")
    assert (row[keys.OUTCOME_STATUS], row[keys.USAGE_INPUT_TOKENS]) == ("complete", 7)
    assert keys.OUTCOME_COST_USD not in row


def test_an_account_that_comes_after_the_next_call_still_counts(
    callbacks: list[Any], observer: Observer, sink: MemorySink
) -> None:
    """A busy service begins another request before LiteLLM's worker has told what the drained stream cost."""
    end = {"object": "chat.completion.chunk", "model": "big", "choices": [{"delta": {}, "finish_reason": "stop"}]}
    router = observer.wrap(Router())
    asked = event(litellm_call_id="call-1")

    def act(**kwargs: Any) -> Any:
        callbacks[0].log_pre_api_call("big", MESSAGES, asked)
        return Stream([end])

    router.act = act
    assert list(router.completion("chat", MESSAGES, stream=True)) == [end]
    gc.collect()
    router.act = lambda **_: answer("other")
    router.completion("chat", MESSAGES)
    callbacks[0].log_success_event({**asked, "response_cost": 0.5}, answer("big"), None, None)
    assert observer.flush(5)
    rows = {row[keys.RESPONSE_MODEL]: row for row in sink.rows("live")}
    assert (rows["big"][keys.OUTCOME_COST_USD], rows["big"][keys.USAGE_INPUT_TOKENS]) == (0.5, 12)
    assert len(rows) == 2


def test_one_failure_that_is_told_twice_is_one_attempt(
    callbacks: list[Any], observer: Observer, sink: MemorySink
) -> None:
    """A broken stream is told by a thread and by its caller's exception."""
    router = observer.wrap(Router())

    def act(**kwargs: Any) -> Any:
        callbacks[0].log_pre_api_call("big", MESSAGES, event())
        callbacks[0].log_failure_event(event(exception=TimeoutError()), None, None, None)
        asyncio.run(callbacks[0].async_log_failure_event(event(exception=TimeoutError()), None, None, None))
        raise TimeoutError

    router.act = act
    with pytest.raises(TimeoutError):
        router.completion("chat", MESSAGES)
    assert observer.flush(5)
    assert len(sink.named("chat ")) == 1
    assert sink.rows("live")[0][keys.ERROR_TYPE] == "TimeoutError"


def test_closed_calls_are_forgotten(callbacks: list[Any], observer: Observer) -> None:
    """The ids of a call are kept only as long as an event may name them."""
    chunk = {"object": "chat.completion.chunk", "model": "big", "choices": [{"delta": {"content": "By"}}]}
    router = observer.wrap(Router())
    calls = callbacks[0].shadowroute_calls

    def breaks() -> Iterator[Any]:
        yield chunk
        raise TimeoutError

    router.completion("chat", MESSAGES)
    router.act = lambda **_: Stream(breaks())
    with pytest.raises(TimeoutError):
        list(router.completion("chat", MESSAGES, stream=True))
    assert len(calls) == 0


def test_the_routing_file_has_the_last_word_on_the_version(callbacks: list[Any], sink: MemorySink) -> None:
    """A version that the host gives, for example of its deployment, stays."""
    with Observer(routing([], live=LiveSpec(name="litellm", version="v7")), exporter=sink) as observer:
        observer.wrap(Router()).completion("chat", MESSAGES)
        assert observer.flush(5)
    assert sink.rows("live")[0][keys.POLICY_VERSION] == "v7"


def test_wrapping_twice_records_once(callbacks: list[Any], observer: Observer, sink: MemorySink) -> None:
    """Services build their router in more than one place; and several Routers share one listener."""
    router, other = observer.wrap(observer.wrap(Router())), observer.wrap(Router())
    router.completion("chat", MESSAGES)
    other.completion("chat", MESSAGES)
    assert observer.flush(5)
    assert len(sink.rows("live")) == 2
    assert len(callbacks) == 1


def test_a_host_that_replaces_litellms_callbacks_is_observed_all_the_same(
    callbacks: list[Any], observer: Observer, sink: MemorySink
) -> None:
    """`litellm.callbacks = [...]` after the wrap is a line that many services have."""
    router = observer.wrap(Router())
    mine = object()
    sys.modules["litellm"].callbacks = replaced = [mine]  # type: ignore[attr-defined]
    router.completion("chat", MESSAGES)
    assert replaced == [mine, *callbacks]


CLIENT_LEFT = {"standard_logging_object": {"error_information": {"error_class": "ClientDisconnected"}}}
ENDS: list[tuple[dict[str, Any], Any, tuple[str, str]]] = [
    ({}, answer("big"), ("complete", "")),
    (CLIENT_LEFT, answer("big"), ("partial", "")),
    ({"metadata": {"client_disconnected": True}}, answer("big"), ("partial", "")),
    ({}, {"object": "chat.completion", "choices": [{"error": {"code": 502}}]}, ("error", "502")),
]


@pytest.mark.parametrize(("told", "reply", "end"), ENDS)
@pytest.mark.usefixtures("callbacks")
def test_the_proxy_tells_how_an_answer_ended(
    observer: Observer, sink: MemorySink, told: dict[str, Any], reply: Any, end: tuple[str, str]
) -> None:
    """A client that went away got a part of the answer, and an error may come with the status of an answer."""
    listener = observer.litellm_callback()
    data = {"litellm_call_id": "call-1", "model": "chat", "messages": MESSAGES}
    asyncio.run(listener.async_pre_call_hook(None, None, data, "acompletion"))
    asked = event(litellm_call_id="call-1")
    listener.log_pre_api_call("big", MESSAGES, asked)
    asked["litellm_params"]["metadata"] |= told.get("metadata", {})
    asyncio.run(listener.async_log_success_event({**asked, **told, "response_cost": 0.5}, reply, None, None))
    assert observer.flush(5)
    (row,) = sink.rows("live")
    assert (row[keys.OUTCOME_STATUS], row.get(keys.ERROR_TYPE, "")) == end
    assert row[keys.OUTCOME_COST_USD] == 0.5


def test_a_wrapped_router_keeps_its_methods(callbacks: list[Any], observer: Observer) -> None:
    """Bound, with their signatures; coroutine functions stay such; a replacement in the class is called."""
    bare, wrapped = Router(), observer.wrap(Router())
    for name in ("completion", "acompletion"):
        before, after = getattr(bare, name), getattr(wrapped, name)
        assert after.__self__ is wrapped
        assert inspect.signature(after) == inspect.signature(before)
        assert inspect.iscoroutinefunction(after) == inspect.iscoroutinefunction(before)
    with mock.patch.object(Router, "completion", return_value=answer("other")):
        assert wrapped.completion("chat", MESSAGES).model == "other"


def test_the_proxy_does_not_start_without_a_routing_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the variable and what it must be."""
    monkeypatch.delenv("SHADOWROUTE_ROUTING", raising=False)
    with pytest.raises(ConfigError, match=r"SHADOWROUTE_ROUTING must be the path of a shadow.yaml, got nothing"):
        _ = litellm_proxy.callback
    with pytest.raises(AttributeError):
        _ = litellm_proxy.nothing_else
