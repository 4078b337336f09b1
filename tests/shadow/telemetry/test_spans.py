from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, StatusCode, TraceFlags

from shadow.domain.outcome import UNREPORTED, Attempt, Outcome, Usage
from shadow.domain.policy import Candidate, Failure, Step
from shadow.domain.signals import Signal
from shadow.policies.guarded import PolicyResult
from shadow.telemetry import keys
from shadow.telemetry.spans import Record, SpanBuilder
from tests.support.sdk import CATALOGUE, cascade, complete, decision, request

START_NS = 1_700_000_000_000_000_000
LIVE = decision("big", "live", version="aaaa")


def builder(**changes: Any) -> SpanBuilder:
    settings: dict[str, Any] = {
        "service": "support-api",
        "project": "p",
        "origin": "production",
        "sample_rate": 1,
        "sdk_version": "9",
    }
    settings |= {"id_key": "secret"}
    return SpanBuilder(catalogue=CATALOGUE, **(settings | changes))


def record(**changes: Any) -> Record:
    facts: dict[str, Any] = {
        "request": request("r1"), "decision": LIVE, "outcome": complete(), "results": (), "decide_s": 0.25,
    }  # fmt: skip
    return Record(**(facts | changes))


def of_request(made: SpanBuilder, closed: Record) -> list[ReadableSpan]:
    return [span.readable() for span in made.of_request(closed)]


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_request_becomes_a_route_span_and_one_span_per_shadow() -> None:
    """The whole of both spans, as the contract lists them (docs/reference/spans.md)."""
    asked = request(
        "r1",
        input_tokens=11,
        user_key="u" * 16,
        session_key="s" * 16,
        user_tier="pro",
        prompt_version="v3",
        labels=MappingProxyType({"team": "ä"}),
    )
    made = decision(
        "small",
        confidence=0.75,
        candidates=(Candidate(model="small", score=1.0, terms={"cost": 0.5}), Candidate(model="big", rejected="price")),
    )
    outcome = complete(ttft_s=0.125, cost_usd=0.002)
    results = (PolicyResult(decision=made, duration_s=0.5, escalated=None),)
    route, shadow = of_request(builder(sample_rate=0.5), record(request=asked, outcome=outcome, results=results))
    common = {
        "llm_router.request.id": "r1",
        "llm_router.request.time_us": 1_700_000_000_000_000,
        "llm_router.request.input_tokens_estimate": 11,
        "llm_router.origin": "production",
        "llm_router.user.key": "u" * 16,
        "llm_router.session.key": "s" * 16,
        "llm_router.task": "support",
        "llm_router.user.tier": "pro",
        "llm_router.complexity.band": "low",
        "llm_router.input.band": "lt1k",
        "llm_router.labels": '{"team":"ä"}',
        "gen_ai.prompt.version": "v3",
        "llm_router.shadows": '[{"policy":"cheap","version":"1111"}]',
        "llm_router.decision.status": "ok",
        "llm_router.decision.reason": "a rule",
        "llm_router.decision.propensity": 1.0,
        "llm_router.state.mode": "none",
        "llm_router.outcome.status": "complete",
        "llm_router.outcome.duration_s": 0.5,
        "llm_router.outcome.cost_usd": 0.002,
        "gen_ai.response.model": "big",
        "gen_ai.response.id": "r-1",
        "gen_ai.provider.name": "openai",
        "gen_ai.usage.input_tokens": 120,
        "gen_ai.usage.output_tokens": 30,
        "gen_ai.usage.cache_read.input_tokens": 20,
        "gen_ai.usage.cache_write.input_tokens": 0,
        "gen_ai.response.time_to_first_chunk": 0.125,
    }
    assert attributes(route) == {
        **common,
        "llm_router.request.has_tools": 0,
        "llm_router.request.has_images": 0,
        "llm_router.role": "live",
        "llm_router.sample_rate": 1.0,
        "llm_router.policy.name": "live",
        "llm_router.policy.version": "aaaa",
        "llm_router.decision.model": "big",
        "llm_router.decision.tier": "large",
        "llm_router.decision.steps_id": LIVE.steps_id,
        "llm_router.decision.steps": '[{"kind":"primary","model":"big","accept_if":[]}]',
        "llm_router.decision.duration_s": 0.25,
    }
    assert attributes(shadow) == {
        **common,
        "llm_router.role": "shadow",
        "llm_router.sample_rate": 0.5,
        "llm_router.policy.name": "cheap",
        "llm_router.policy.version": "1111",
        "llm_router.decision.model": "small",
        "llm_router.decision.tier": "small",
        "llm_router.decision.steps_id": made.steps_id,
        "llm_router.decision.steps": '[{"kind":"primary","model":"small","accept_if":[]}]',
        "llm_router.decision.candidates": (
            '[{"model":"small","score":1.0,"terms":{"cost":0.5},"rejected":""},'
            '{"model":"big","score":null,"terms":{},"rejected":"price"}]'
        ),
        "llm_router.decision.confidence": 0.75,
        "llm_router.decision.duration_s": 0.5,
        "llm_router.live.model": "big",
        "llm_router.live.tier": "large",
        "llm_router.live.steps_id": LIVE.steps_id,
    }
    assert (route.name, route.kind, route.parent) == ("route", SpanKind.INTERNAL, None)
    assert (route.start_time, route.end_time) == (START_NS, START_NS + 750_000_000)
    assert (shadow.name, shadow.parent) == ("shadow cheap", route.context)
    assert (shadow.start_time, shadow.end_time) == (START_NS, START_NS + 500_000_000)
    assert dict(route.resource.attributes) == {
        "service.name": "support-api",
        "llm_router.project": "p",
        "llm_router.id_key": "secret",
    }
    scope = route.instrumentation_scope
    assert scope is not None
    assert (scope.name, scope.version, scope.schema_url) == ("shadowroute", "9", "urn:shadowroute:spans:1")


def test_a_request_states_which_shadows_were_meant() -> None:
    """Those that failed too; none is an empty list, which a reader can tell from "not said"."""
    failed = PolicyResult(decision=Failure(policy="slow", version="2222", status="timeout", error_type="timeout"))
    results = (PolicyResult(decision=decision("small")), failed)
    spans = of_request(builder(), record(results=results))
    stated = '[{"policy":"cheap","version":"1111"},{"policy":"slow","version":"2222"}]'
    assert [attributes(span)[keys.SHADOWS] for span in spans] == [stated] * 3
    (route,) = of_request(builder(), record())
    assert attributes(route)[keys.SHADOWS] == "[]"


def test_what_is_unknown_is_absent_and_zero_is_there() -> None:
    """A reader must be able to tell "nobody said" from "none"."""
    made = decision("big", "live", propensity=None, reason="", state_mode="")
    (route,) = of_request(builder(), record(decision=made, outcome=UNREPORTED, decide_s=None))
    present = attributes(route)
    assert present[keys.OUTCOME_STATUS] == "unreported"
    for absent in (
        keys.DECISION_PROPENSITY,
        keys.DECISION_CONFIDENCE,
        keys.DECISION_DURATION_S,
        keys.DECISION_ESCALATED,
        keys.RESPONSE_MODEL,
        keys.USAGE_INPUT_TOKENS,
        keys.USAGE_CACHE_READ_TOKENS,
        keys.OUTCOME_COST_USD,
    ):
        assert absent not in present
    outcome = complete(usage=Usage(input_tokens=0, output_tokens=0), cost_usd=0.0, escalated=False)
    (route,) = of_request(builder(), record(outcome=outcome))
    present = attributes(route)
    assert present[keys.USAGE_INPUT_TOKENS] == present[keys.USAGE_OUTPUT_TOKENS] == 0
    assert present[keys.OUTCOME_COST_USD] == 0.0
    assert present[keys.DECISION_ESCALATED] == 0


def test_types_on_the_wire_are_the_contracts() -> None:
    """Seconds, dollars and shares are doubles even where Python has an integer; flags are integers, not booleans."""
    made = decision("big", "live", propensity=1, confidence=0)
    outcome = complete(duration_s=1, cost_usd=0, ttft_s=0, escalated=True)
    (route,) = of_request(builder(), record(decision=made, outcome=outcome, decide_s=0))
    present = attributes(route)
    doubles = (
        keys.DECISION_PROPENSITY,
        keys.DECISION_CONFIDENCE,
        keys.DECISION_DURATION_S,
        keys.OUTCOME_DURATION_S,
        keys.OUTCOME_COST_USD,
        keys.TIME_TO_FIRST_CHUNK,
        keys.SAMPLE_RATE,
    )
    assert {type(present[key]) for key in doubles} == {float}
    assert type(present[keys.DECISION_ESCALATED]) is int


def test_a_failed_shadow_is_a_row_with_its_reason() -> None:
    """Never a missing row; and nothing of a decision that was not made."""
    failure = Failure(policy="cheap", version="1111", status="timeout", error_type="timeout", message="x" * 999)
    _, shadow = of_request(builder(), record(results=(PolicyResult(decision=failure, duration_s=0.05),)))
    present = attributes(shadow)
    assert present[keys.DECISION_STATUS] == "timeout"
    assert present[keys.ERROR_TYPE] == "timeout"
    assert present[keys.ERROR_MESSAGE] == "x" * 200
    assert present[keys.LIVE_MODEL] == "big"
    assert keys.DECISION_MODEL not in present
    assert keys.DECISION_STEPS_ID not in present
    assert shadow.status.status_code is StatusCode.ERROR


def test_an_error_of_the_live_call_is_not_the_shadows() -> None:
    """`error.type` of a shadow row means that the shadow gave no decision."""
    outcome = Outcome(status="error", error_type="APITimeoutError")
    route, shadow = of_request(builder(), record(outcome=outcome, results=(PolicyResult(decision=decision()),)))
    assert attributes(route)[keys.ERROR_TYPE] == "APITimeoutError"
    assert route.status.status_code is StatusCode.ERROR
    assert keys.ERROR_TYPE not in attributes(shadow)
    assert attributes(shadow)[keys.OUTCOME_STATUS] == "error"


def test_a_failed_live_decision_has_no_model_to_compare_with() -> None:
    """Its own reason wins over that of the call."""
    failure = Failure(policy="live", version="aaaa", status="error", error_type="KeyError")
    outcome = Outcome(status="error", error_type="other")
    route, shadow = of_request(
        builder(), record(decision=failure, outcome=outcome, results=(PolicyResult(decision=decision()),))
    )
    assert attributes(route)[keys.ERROR_TYPE] == "KeyError"
    assert keys.LIVE_MODEL not in attributes(shadow)


def test_every_attempt_is_a_span_for_people_and_several_are_on_the_row() -> None:
    """Nothing is computed from `chat` spans; the row carries all attempts with all keys."""
    attempts = (
        Attempt(kind="primary", model="small", provider="openai", error_type="503", latency_s=0.25),
        Attempt(
            kind="fallback",
            model="other",
            usage=Usage(input_tokens=5, output_tokens=2),
            latency_s=1,
            response_model="o-1",
        ),
    )
    outcome = complete("other", attempts=attempts, contamination=("fallback", "pinned"))
    route, first, second, shadow = of_request(
        builder(), record(outcome=outcome, results=(PolicyResult(decision=decision()),))
    )
    assert [(span.name, span.kind) for span in (first, second)] == [
        ("chat small", SpanKind.CLIENT),
        ("chat other", SpanKind.CLIENT),
    ]
    assert first.start_time == START_NS + 250_000_000
    assert first.end_time == second.start_time == START_NS + 500_000_000
    assert (first.status.status_code, second.status.status_code) == (StatusCode.ERROR, StatusCode.UNSET)
    assert keys.ROLE not in attributes(first)
    assert attributes(second)[keys.REQUEST_MODEL] == "other"
    assert attributes(second)[keys.RESPONSE_MODEL] == "o-1"
    for span in (route, shadow):
        present = attributes(span)
        assert present[keys.OUTCOME_CONTAMINATION] == "fallback,pinned"
        assert json.loads(present[keys.ATTEMPTS]) == [
            {
                "kind": "primary", "provider": "openai", "model": "small", "error_type": "503", "input_tokens": 0,
                "cache_read_tokens": 0, "cache_write_tokens": 0, "output_tokens": 0, "latency_s": 0.25,
            },
            {
                "kind": "fallback", "provider": "", "model": "other", "error_type": "", "input_tokens": 5,
                "cache_read_tokens": 0, "cache_write_tokens": 0, "output_tokens": 2, "latency_s": 1.0,
            },
        ]  # fmt: skip
    (alone, chat) = of_request(builder(), record(outcome=complete(attempts=attempts[1:])))
    assert chat.name == "chat other"
    assert [each["kind"] for each in json.loads(attributes(alone)[keys.ATTEMPTS])] == ["fallback"]
    (primary, _) = of_request(builder(), record(outcome=complete(attempts=attempts[:1])))
    assert keys.ATTEMPTS not in attributes(primary)


def test_what_the_provider_says_about_its_answer_is_on_the_live_span_alone() -> None:
    """Why the answer ends, and the provider's configuration; the dated id has a price, so shadows have it too."""
    outcome = complete(reported_model="big-2026-11-01", finish_reasons=("stop", "length"), system_fingerprint="fp_1")
    asked = request(has_tools=True, unknown=frozenset({"has_images"}))
    results = (PolicyResult(decision=decision()),)
    route, shadow = of_request(builder(), record(request=asked, outcome=outcome, results=results))
    told = {
        keys.REPORTED_MODEL: "big-2026-11-01",
        keys.FINISH_REASONS: '["stop","length"]',
        keys.SYSTEM_FINGERPRINT: "fp_1",
    }
    assert told.items() <= attributes(route).items()
    assert (attributes(route)[keys.HAS_TOOLS], keys.HAS_IMAGES in attributes(route)) == (1, False)
    assert {*told, keys.HAS_TOOLS} & set(attributes(shadow)) == {keys.REPORTED_MODEL}
    same = attributes(of_request(builder(), record(outcome=complete(reported_model="big")))[0])
    assert keys.REPORTED_MODEL not in same


def test_tokens_without_a_list_price_are_not_priced() -> None:
    """The store prices every token that it gets: the reason takes their place, and `chat` keeps them for people."""
    usage = Usage(input_tokens=10, output_tokens=2, unpriced="service tier flex")
    first, last = (Attempt(kind="primary", model="big", usage=usage), Attempt(kind="retry", model="big"))
    told = of_request(
        builder(), record(outcome=complete(usage=Usage(input_tokens=5, output_tokens=1), attempts=(first, last)))
    )
    route = attributes(told[0])
    assert route[keys.OUTCOME_UNPRICED] == "service tier flex"
    assert not {keys.USAGE_INPUT_TOKENS, keys.USAGE_OUTPUT_TOKENS} & set(route)
    assert {(each["input_tokens"], each["output_tokens"]) for each in json.loads(route[keys.ATTEMPTS])} == {(0, 0)}
    chats = [attributes(span) for span in told if span.name == "chat big"]
    assert chats[0][keys.USAGE_INPUT_TOKENS] == 10


def test_an_answer_that_was_refused_is_no_error_of_its_provider() -> None:
    """The cheap model of a cascade answered; its answer was not good enough."""
    attempt = Attempt(kind="primary", model="small", error_type="quality")
    _, chat = of_request(builder(), record(outcome=complete(attempts=(attempt,))))
    assert chat.status.status_code is StatusCode.UNSET
    assert attributes(chat)[keys.ERROR_TYPE] == "quality"


def test_a_cascade_says_where_it_escalates() -> None:
    """And whether it would have, where that is known."""
    _, shadow = of_request(builder(), record(results=(PolicyResult(decision=cascade(), escalated=True),)))
    present = attributes(shadow)
    assert present[keys.DECISION_ESCALATION_MODEL] == "big"
    assert present[keys.DECISION_ESCALATED] == 1
    assert json.loads(present[keys.DECISION_STEPS])[0]["accept_if"] == ["ok"]


def test_the_hosts_span_becomes_the_parent() -> None:
    """The trace shows the routing where it happened; the spans are always sampled, whatever the host does."""
    parent = SpanContext(123, 456, is_remote=False, trace_flags=TraceFlags(0))
    route, shadow = of_request(builder(), record(parent=parent, results=(PolicyResult(decision=decision()),)))
    assert route.parent is not None
    assert route.context is not None
    assert (route.parent.trace_id, route.parent.span_id, route.parent.is_remote) == (123, 456, False)
    assert shadow.context is not None
    assert {route.context.trace_id, shadow.context.trace_id} == {123}
    assert route.context.trace_flags.sampled


def ids(spans: list[ReadableSpan]) -> list[tuple[int, int]]:
    return [(span.context.trace_id, span.context.span_id) for span in spans if span.context is not None]


def test_the_same_record_has_the_same_ids_and_another_one_has_others() -> None:
    """A record that is sent twice is one span with one id; projects, requests, policies and versions stay apart."""
    results = (
        PolicyResult(decision=decision()),
        PolicyResult(decision=decision(version="2222")),
        PolicyResult(decision=decision(policy="live", version="aaaa")),
    )
    first = ids(of_request(builder(), record(results=results)))
    assert ids(of_request(builder(), record(results=results))) == first
    assert len({span_id for _, span_id in first}) == 4
    other_request = ids(of_request(builder(), record(request=request("r2"), results=results)))
    other_project = ids(of_request(builder(project="q"), record(results=results)))
    assert len({*first, *other_request, *other_project}) == 12


def test_no_attribute_is_in_two_parts_of_a_span() -> None:
    """Parts are encoded one by one and joined: a name that is in two of them would be on the wire twice."""
    failure = Failure(policy="live", version="aaaa", status="error", error_type="KeyError", message="why")
    attempts = (Attempt(kind="primary", model="small", error_type="503"), Attempt(kind="retry", model="small"))
    outcome = complete(ttft_s=0.1, cost_usd=0.1, escalated=True, attempts=attempts, error_type="other", status="error")
    results = (PolicyResult(decision=cascade(), duration_s=0.1, escalated=True), PolicyResult(decision=failure))
    for live in (cascade(), failure):
        closed = record(decision=live, outcome=outcome, results=results, reload_error="why")
        for span in builder().of_request(closed):
            assert len(span.attributes) == sum(len(part.attributes) for part in span.parts)


def test_a_signal_names_its_target_by_attribute() -> None:
    """Never by its parent: the request may be long gone."""
    signal = Signal(target="r1", name="resolved", value=0.0, time_ns=START_NS + 5, source="user", scorer="u7")
    span = builder().of_signal(signal).readable()
    assert (span.name, span.parent, span.start_time) == ("evaluation resolved", None, START_NS + 5)
    assert attributes(span) == {
        "llm_router.request.id": "r1",
        "gen_ai.evaluation.name": "resolved",
        "gen_ai.evaluation.score.value": 0.0,
        "llm_router.signal.source": "user",
        "llm_router.signal.scorer": "u7",
    }


def test_a_signal_may_name_a_response_carry_only_a_label_or_withdraw_another() -> None:
    """Unknown is absent here too."""
    signal = Signal(
        target="response:chatcmpl-1", name="tone", value=None, time_ns=1, label="rude", explanation="why", deleted=True
    )
    assert attributes(builder().of_signal(signal).readable()) == {
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.evaluation.name": "tone",
        "gen_ai.evaluation.score.label": "rude",
        "gen_ai.evaluation.explanation": "why",
        "llm_router.signal.source": "code",
        "llm_router.signal.deleted": True,
    }


def test_a_late_outcome_is_a_span_of_its_own() -> None:
    """The rollup worker copies it onto the rows of its request."""
    span = builder().of_late_outcome("r1", complete("other", provider=""), START_NS + 7).readable()
    assert (span.name, span.start_time) == ("outcome", START_NS + 7)
    present = attributes(span)
    assert present[keys.ROLE] == "outcome"
    assert present[keys.REQUEST_ID] == "r1"
    assert present[keys.PROVIDER_NAME] == "onprem"
    assert keys.POLICY_NAME not in present


def test_a_plan_keeps_its_order_on_the_row() -> None:
    """Steps are read by people and compared by their hash."""
    steps = (Step(kind="primary", model="small"), Step(kind="fallback", model="other"))
    (route,) = of_request(builder(), record(decision=decision("small", "live", steps=steps)))
    assert [step["model"] for step in json.loads(attributes(route)[keys.DECISION_STEPS])] == ["small", "other"]
