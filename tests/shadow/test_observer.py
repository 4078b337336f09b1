from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import shadow
from shadow.config import LiveSpec
from shadow.config.routing import Origin
from shadow.domain.features import extract
from shadow.domain.ids import KeyedHash, uuid7
from shadow.domain.outcome import Answer
from shadow.domain.policy import Decision
from shadow.domain.request import COMPLEXITY_BANDS, Request
from shadow.observer import Observer
from shadow.telemetry import keys
from shadow.testing import ManualClock, MemorySink
from tests.support.sdk import FunctionPolicy, always, decision, routing

MESSAGES = [{"role": "user", "content": "How do I return an order?"}]
REPLY = {
    "object": "chat.completion",
    "id": "chatcmpl-1",
    "model": "big",
    "choices": [{"message": {"role": "assistant", "content": "By post."}}],
    "usage": {"prompt_tokens": 12, "completion_tokens": 3},
}


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def observer(sink: MemorySink, clock: ManualClock) -> Iterator[Observer]:
    with Observer(routing([always("small")], labels=frozenset({"team"})), exporter=sink, clock=clock) as running:
        yield running


def live_row(observer: Observer, sink: MemorySink) -> dict[str, Any]:
    assert observer.flush(5)
    (row,) = sink.rows("live")
    return row


def test_a_block_records_the_decision_and_what_was_served(
    observer: Observer, sink: MemorySink, clock: ManualClock
) -> None:
    """Example 4 of the documentation: decision time, latency, tokens, keyed ids, declared labels only."""
    with observer.request(
        messages=MESSAGES, session="s1", user="u1", task="returns", labels={"team": "a", "secret": "b"}
    ) as request:
        clock.advance(0.25)
        request.chose("big")
        clock.advance(2)
        request.served(REPLY)
        clock.advance(60)
    row = live_row(observer, sink)
    assert row[keys.REQUEST_ID] == request.request_id
    assert row[keys.REQUEST_TIME_US] == 1_700_000_000_000_000
    assert row[keys.TASK] == "returns"
    assert row[keys.LABELS] == '{"team":"a"}'
    assert (row[keys.USER_KEY], row[keys.SESSION_KEY]) == (KeyedHash("default")("u1"), KeyedHash("default")("s1"))
    assert (row[keys.POLICY_NAME], row[keys.POLICY_VERSION]) == ("live", "aaaa")
    assert (row[keys.DECISION_MODEL], row[keys.DECISION_DURATION_S], row[keys.DECISION_PROPENSITY]) == (
        "big",
        0.25,
        1.0,
    )
    assert (row[keys.OUTCOME_STATUS], row[keys.OUTCOME_DURATION_S]) == ("complete", 2.0)
    assert (row[keys.RESPONSE_MODEL], row[keys.RESPONSE_ID], row[keys.USAGE_INPUT_TOKENS]) == ("big", "chatcmpl-1", 12)
    assert [shadow_row[keys.DECISION_MODEL] for shadow_row in sink.rows("shadow")] == ["small"]


def test_shadows_and_rows_see_the_complexity_that_the_caller_did_not_wait_for(sink: MemorySink) -> None:
    """It is most of the work of a request's features, so the recorder's thread does it, before anybody reads it."""
    text = "Explain why this proof is wrong, compare both, and derive the bound: x < y\n" * 30
    expected = extract(messages=text, hash_id=KeyedHash("default"), time_us=1)
    seen: list[tuple[float, str]] = []

    def decide(request: Request) -> Decision:
        seen.append((request.complexity, request.complexity_band))
        return decision("small", "cheap")

    with Observer(routing([FunctionPolicy("cheap", decide)]), exporter=sink) as observer:
        with observer.request(messages=[{"role": "user", "content": text}]) as request:
            request.chose("big")
            request.served(REPLY)
        assert live_row(observer, sink)[keys.COMPLEXITY_BAND] == expected.complexity_band == "high"
    assert seen == [(expected.complexity, "high")]
    assert not sink.rows("shadow")[0].get(keys.ERROR_TYPE)


def test_served_takes_the_parts_by_name(observer: Observer, sink: MemorySink) -> None:
    """For replies of any other shape."""
    with observer.request(messages=MESSAGES) as request:
        request.chose("big")
        request.served(
            model="other", input_tokens=100, cached_input_tokens=64, output_tokens=0, provider="p", response_id="x",
            cost_usd=0.5,
        )  # fmt: skip
    row = live_row(observer, sink)
    assert (row[keys.RESPONSE_MODEL], row[keys.PROVIDER_NAME], row[keys.RESPONSE_ID]) == ("other", "p", "x")
    assert (row[keys.USAGE_INPUT_TOKENS], row[keys.USAGE_CACHE_READ_TOKENS], row[keys.USAGE_OUTPUT_TOKENS]) == (
        100,
        64,
        0,
    )
    assert row[keys.OUTCOME_COST_USD] == 0.5
    assert row[keys.OUTCOME_CONTAMINATION] == "rewritten"


def test_leaving_without_served_is_unreported(observer: Observer, sink: MemorySink) -> None:
    """The decision counts, the cost is never guessed."""
    with observer.request(messages=MESSAGES) as request:
        request.chose("big")
    row = live_row(observer, sink)
    assert row[keys.OUTCOME_STATUS] == "unreported"
    assert keys.RESPONSE_MODEL not in row


def test_an_exception_is_recorded_and_goes_on_untouched(observer: Observer, sink: MemorySink) -> None:
    """The very same object, and its text stays in the process."""
    error = TimeoutError("my secret prompt")

    def serve() -> None:
        with observer.request(messages=MESSAGES) as request:
            request.chose("big")
            raise error

    with pytest.raises(TimeoutError) as caught:
        serve()
    assert caught.value is error
    row = live_row(observer, sink)
    assert (row[keys.OUTCOME_STATUS], row[keys.ERROR_TYPE], row[keys.DECISION_STATUS]) == (
        "error",
        "TimeoutError",
        "ok",
    )
    assert "secret" not in str(row)


def test_a_router_that_raises_is_a_failed_decision(observer: Observer, sink: MemorySink) -> None:
    """Before `chose` there is no decision."""
    with pytest.raises(KeyError), observer.request(messages=MESSAGES):
        raise KeyError("x")
    row = live_row(observer, sink)
    assert (row[keys.DECISION_STATUS], row[keys.ERROR_TYPE]) == ("error", "KeyError")


def test_without_chose_the_model_that_answered_is_the_decision(observer: Observer, sink: MemorySink) -> None:
    """It is the best that is known; how long it took is not."""
    with observer.request(messages=MESSAGES) as request:
        request.served(REPLY)
    row = live_row(observer, sink)
    assert row[keys.DECISION_MODEL] == "big"
    assert keys.DECISION_DURATION_S not in row


def test_a_block_that_says_nothing_is_a_failed_decision(observer: Observer, sink: MemorySink) -> None:
    """Counted, so that the hole can be found."""
    with observer.request(messages=MESSAGES):
        pass
    row = live_row(observer, sink)
    assert (row[keys.DECISION_STATUS], row[keys.ERROR_TYPE]) == ("invalid", "no_model")


def test_what_was_said_first_counts(observer: Observer, sink: MemorySink) -> None:
    """A second `chose` or `served` is a mistake of the host and changes no record."""
    with observer.request(messages=MESSAGES) as request:
        request.chose("big")
        request.chose("small")
        request.served(REPLY)
        request.served(model="other")
    row = live_row(observer, sink)
    assert (row[keys.DECISION_MODEL], row[keys.RESPONSE_MODEL]) == ("big", "big")


@pytest.mark.parametrize("model", [7, ["big"], {"name": "big"}])
def test_a_model_that_is_no_text_costs_the_outcome_only(observer: Observer, sink: MemorySink, model: Any) -> None:
    """The decision is kept, the outcome is unknown, and the mistake is counted."""
    with observer.request(messages=MESSAGES) as request:
        request.chose("big")
        request.served(model=model, input_tokens=1, output_tokens=1)
    row = live_row(observer, sink)
    assert (row[keys.DECISION_MODEL], row[keys.OUTCOME_STATUS]) == ("big", "unreported")
    assert observer.stats.contained == {"served": 1}


def test_labels_reach_every_call_inside_their_block(observer: Observer, sink: MemorySink) -> None:
    """Inner blocks add to outer ones, a call's own values win, and nothing is left behind."""
    with observer.labels(session="s1", task="outer", team="a"), observer.labels(task="inner", user_tier="pro"):
        with observer.request(messages=MESSAGES) as request:
            request.served(REPLY)
        with observer.request(messages=MESSAGES, task="own", labels={"team": "b"}) as request:
            request.served(REPLY)
    with observer.request(messages=MESSAGES) as request:
        request.served(REPLY)
    assert observer.flush(5)
    seen = [(row.get(keys.TASK), row.get(keys.USER_TIER), row.get(keys.LABELS)) for row in sink.rows("live")]
    assert seen == [("inner", "pro", '{"team":"a"}'), ("own", "pro", '{"team":"b"}'), (None, None, None)]


def test_labels_stay_in_their_own_thread(observer: Observer, sink: MemorySink) -> None:
    """Another request at the same time is somebody else's."""

    def other() -> None:
        with observer.request(messages=MESSAGES) as request:
            request.served(REPLY)

    with observer.labels(task="mine"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert keys.TASK not in live_row(observer, sink)


def test_signals_find_their_target(observer: Observer, sink: MemorySink) -> None:
    """Our id, an id of the host that was seen here, or the provider's response id."""
    with observer.request(messages=MESSAGES, request_id="order-7") as request:
        request.served(REPLY)
    ours = uuid7()
    for some_id in (ours, "order-7", "chatcmpl-1"):
        observer.signal(some_id, "resolved", 1, source="user")
    assert observer.flush(5)
    targets = [
        ((span.attributes or {}).get(keys.REQUEST_ID), (span.attributes or {}).get(keys.RESPONSE_ID))
        for span in sink.named("evaluation")
    ]
    assert targets == [(ours, None), ("order-7", None), (None, "chatcmpl-1")]


def test_an_outcome_can_be_reported_later(observer: Observer, sink: MemorySink) -> None:
    """By request id, from anywhere."""
    observer.outcome("order-8", model="big", input_tokens=5, output_tokens=1, status="partial", error_type="cut")
    assert observer.flush(5)
    (row,) = sink.rows("outcome")
    assert (row[keys.REQUEST_ID], row[keys.OUTCOME_STATUS], row[keys.USAGE_INPUT_TOKENS]) == ("order-8", "partial", 5)


class _Hostile:
    """Raises whatever is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


@pytest.mark.parametrize(
    "make",
    [lambda: None, lambda: 7, object, _Hostile, lambda: [None], lambda: {"role": 1}, bytes, lambda: float("nan")],
)
def test_nothing_that_a_host_passes_makes_it_raise(observer: Observer, make: Callable[[], Any]) -> None:
    """After construction every method keeps its failures to itself and counts them."""
    odd = make()
    with observer.labels(session=odd, task=odd, team=odd), observer.request(
        messages=odd, user=odd, session=odd, task=odd, user_tier=odd, labels=odd, prompt_version=odd, request_id=odd,
        input_tokens=odd, tools=odd, response_format=odd,
    ) as request:  # fmt: skip
        request.chose(odd)
        request.served(odd)
        request.served(model=odd, input_tokens=odd, cached_input_tokens=odd, output_tokens=odd, cost_usd=odd)
    observer.signal(odd, odd, odd)
    observer.outcome(odd, model=odd)
    assert observer.wrap(odd) is odd
    assert callable(observer.route(messages="nope", labels={"team": "nope"})(lambda messages: messages))
    observer.flush(5)
    observer.stats  # noqa: B018 - reading it must not raise either


def test_a_mistake_in_use_is_said_in_the_log(observer: Observer, caplog: pytest.LogCaptureFixture) -> None:
    """Swallowed is not silent."""
    with observer.request(messages=MESSAGES) as request:
        request.chose("big")
        request.served("By post.")
    observer.signal("r1", "stars", 5)
    observer.wrap("no client")
    assert "a reply must be OpenAI-shaped, got str; use served(model=, input_tokens=, ...)" in caplog.text
    assert "wrap() must get a litellm.Router or an OpenAI client, got str; use request() instead" in caplog.text
    assert observer.stats.contained == {"served": 1, "signal": 1, "wrap": 1}


def test_an_answer_object_can_be_served(observer: Observer, sink: MemorySink) -> None:
    """For hosts that already speak our words."""
    with observer.request(messages=MESSAGES) as request:
        request.chose("big")
        request.served(Answer(text="x", model="big", response_id="a1"))
    assert live_row(observer, sink)[keys.RESPONSE_ID] == "a1"


def test_a_random_live_router_has_unknown_propensity(sink: MemorySink) -> None:
    """Only a repeatable one decides with probability 1."""
    settings = routing(live=LiveSpec(name="live", decides="randomly"))
    with Observer(settings, exporter=sink) as observer, observer.request(messages=MESSAGES) as request:
        request.chose("big")
    assert keys.DECISION_PROPENSITY not in sink.rows("live")[0]


def test_a_file_that_is_wrong_is_said_at_construction(tmp_path: Path) -> None:
    """There, and only there, an observer raises."""
    file = tmp_path / "shadow.yaml"
    file.write_text("service: s\nlive: {name: x}\nshadows: []\nexprt: {}\n")
    with pytest.raises(shadow.ConfigError, match=r"shadow\.yaml:4: unknown key"):
        shadow.Observer(file)


def test_a_file_is_read(tmp_path: Path, sink: MemorySink) -> None:
    """The whole of the smallest integration, from a routing folder."""
    (tmp_path / "models.yaml").write_text("models: {big: {tier: large}, small: {tier: small}}\n")
    (tmp_path / "cheap.yaml").write_text("policy: cheap\nchoose: {use: small}\n")
    (tmp_path / "shadow.yaml").write_text("service: s\nlive: {name: host, version: v1}\nshadows: [cheap.yaml]\n")
    with (
        shadow.Observer(tmp_path / "shadow.yaml", exporter=sink) as observer,
        observer.request(messages="Why?") as request,
    ):
        request.chose("big")
        request.served(REPLY)
    assert [(row[keys.POLICY_NAME], row[keys.DECISION_MODEL]) for row in sink.rows("shadow")] == [("cheap", "small")]
    assert sink.rows("live")[0][keys.COMPLEXITY_BAND] in COMPLEXITY_BANDS


@pytest.mark.parametrize(
    ("key", "origin", "expected"),
    [("", "production", ("public", 1)), ("s3cret", "production", ("secret", 0)), ("", "demo", ("public", 0))],
)
def test_ids_hashed_with_a_public_salt_are_said_once(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    key: str,
    origin: Origin,
    expected: tuple[str, int],
) -> None:
    """One warning with the first id, none without ids, and every span's resource tells which key it was."""
    kind, warnings = expected
    sink = MemorySink()
    monkeypatch.setenv("SHADOW_ID_KEY", key)
    with caplog.at_level(logging.WARNING, "shadowroute"), Observer(routing(origin=origin), exporter=sink) as observer:
        for user in (None, "u1", "u2"):
            with observer.request(messages=MESSAGES, user=user, session=user) as request:
                request.chose("big")
            said = [record for record in caplog.records if "SHADOW_ID_KEY" in record.getMessage()]
            assert len(said) == (warnings if user else 0)
        assert observer.flush(5)
    assert {span.resource.attributes[keys.ID_KEY] for span in sink.spans} == {kind}


@pytest.mark.parametrize(
    ("wrong", "lost"),
    [
        ({"input_tokens": -5}, keys.USAGE_INPUT_TOKENS),
        ({"input_tokens": "12"}, keys.USAGE_INPUT_TOKENS),
        ({"input_tokens": 9, "cached_input_tokens": 10}, keys.USAGE_INPUT_TOKENS),
        ({"input_tokens": 9, "output_tokens": 1.5}, keys.USAGE_OUTPUT_TOKENS),
        ({"input_tokens": 9, "cost_usd": float("nan")}, keys.OUTCOME_COST_USD),
        ({"input_tokens": 9, "cost_usd": "0.1"}, keys.OUTCOME_COST_USD),
    ],
)
def test_a_number_that_cannot_be_costs_only_itself(
    observer: Observer, sink: MemorySink, wrong: dict[str, Any], lost: str
) -> None:
    """A collector rejects such a span, and a shadow's row with it: the number is unknown, the decision is kept."""
    with observer.request(messages=MESSAGES, session="s1") as request:
        request.chose("big")
        facts: dict[str, Any] = {"model": "big", "output_tokens": 3}
        request.served(**(facts | wrong))
    row = live_row(observer, sink)
    assert (row[keys.OUTCOME_STATUS], row[keys.DECISION_MODEL]) == ("complete", "big")
    assert lost not in row
    assert row.get(keys.USAGE_OUTPUT_TOKENS, 3) == 3
    assert observer.stats.contained == {}


def test_a_failed_response_is_recorded_as_an_error(observer: Observer, sink: MemorySink) -> None:
    """The Responses API answers 200 with `status: failed`."""
    with observer.request(messages=MESSAGES, session="s1") as request:
        request.chose("big")
        request.served({"object": "response", "id": "r", "model": "big", "status": "failed", "error": {"code": "oops"}})
    row = live_row(observer, sink)
    assert (row[keys.OUTCOME_STATUS], row[keys.ERROR_TYPE], row[keys.RESPONSE_MODEL]) == ("error", "oops", "big")
