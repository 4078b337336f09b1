"""A made-up week with everything the contracts allow, and the figures that follow from it, computed row by row.

Three shadows (one with two versions, one of them A/A), agent traces with many requests, fallbacks, live and shadow
escalations, failed decisions, sampling, unreported outcomes that arrive later, tiered and dated prices, and signals by
request id, by response id and by span link.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import random
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from shadow.prices.registry import Price, PriceRow

SECOND: Final = 1_000_000_000
FIRST_DAY: Final = dt.date(2026, 11, 16)
LAST_DAY: Final = dt.date(2026, 11, 20)
DEARER_FROM: Final = dt.date(2026, 11, 18)
TIER: Final = {"big": "large", "mid": "medium", "small": "small"}
USD_PER_MTOK: Final = {"big": (2.5, 1.25, 2.5, 10.0), "mid": (1.0, 0.5, 1.0, 4.0), "small": (0.15, 0.075, 0.15, 0.6)}
POLICIES: Final = (("cheap", "v1"), ("cheap", "v2"), ("main", "aaaa"))
COLUMNS: Final = (
    "Timestamp", "TraceId", "SpanId", "SpanName", "ServiceName", "ResourceAttributes", "ScopeName", "ScopeVersion",
    "SpanAttributes", "Duration", "Links.TraceId", "Links.SpanId", "Links.TraceState", "Links.Attributes",
)  # fmt: skip
SPAN_ID, RESOURCE, ATTRIBUTES = 2, 5, 8

Span = list[Any]


@dataclass(frozen=True)
class Choice:
    """What a shadow chose; no model means that it failed."""

    model: str
    escalation: str
    escalated: int | None


@dataclass
class Truth:
    """One request as it was."""

    request_id: str
    day: dt.date
    task: str
    weight: float
    live: str
    served: str
    contaminated: bool
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    unreported: bool
    attempts: list[dict[str, Any]]
    choices: dict[tuple[str, str], Choice] = field(default_factory=dict)
    signal: float | None = None

    def paid(self, *, late_outcomes: bool) -> list[dict[str, Any]]:
        """Attempts that the store can know."""
        if self.unreported:
            return [self._only_attempt()] if late_outcomes else []
        return self.attempts

    def _only_attempt(self) -> dict[str, Any]:
        return attempt("primary", self.served, "", (self.input_tokens, self.cached_tokens, self.output_tokens))


@dataclass(frozen=True)
class Traffic:
    """Spans in the order they happened, with the late ones apart."""

    truths: Sequence[Truth]
    spans: Sequence[Span]
    late_outcomes: Sequence[Span]
    signals: Sequence[Span]


@dataclass(frozen=True)
class Sums:
    """Totals of one shadow policy over all requests, weighted."""

    compared: float = 0.0
    diverging: float = 0.0
    failed: float = 0.0
    cascades: float = 0.0
    escalations_known: float = 0.0
    escalations: float = 0.0
    live_usd: float = 0.0
    shadow_usd: float = 0.0
    unknown_usd: float = 0.0
    signals: float = 0.0
    signal_sum: float = 0.0

    def plus(self, **more: float) -> Sums:
        return Sums(**{name: getattr(self, name) + more.get(name, 0.0) for name in self.__dataclass_fields__})


def traffic(requests: int, seed: int = 7) -> Traffic:
    """The same spans for the same arguments."""
    rng = random.Random(seed)
    truths: list[Truth] = []
    spans: list[Span] = []
    late: list[Span] = []
    signals: list[Span] = []
    for number in range(requests):
        truth, request_spans, start_ns = _request(rng, number)
        truths.append(truth)
        spans += request_spans
        if truth.unreported:
            late.append(_late_outcome(rng, truth, start_ns))
        if rng.random() < 0.3:
            truth.signal = float(rng.random() < 0.8)
            signals.append(_signal(rng, truth, request_spans[0], start_ns, len(signals)))
    return Traffic(truths, spans, late, signals)


def insert(client: Client, spans: Sequence[Span], *, batch: int = 3_000, token: str = "") -> None:
    """Write spans as batches, each with its own deduplication token if one is given."""
    for start in range(0, len(spans), batch):
        settings = {"insert_deduplication_token": f"{token}-{start}"} if token else None
        client.insert("otel_traces", spans[start : start + batch], column_names=COLUMNS, settings=settings)


def changed(span: Span, *, later_s: int = 0, project: str = "", **attributes: str) -> Span:
    """A copy with another time, project or attributes; two underscores stand for a dot."""
    copy = list(span)
    copy[0] += later_s * SECOND
    if project:
        copy[RESOURCE] = {**span[RESOURCE], "llm_router.project": project}
    copy[ATTRIBUTES] = {**span[ATTRIBUTES], **{key.replace("__", "."): value for key, value in attributes.items()}}
    return copy


def price_rows(factor: float = 1.0) -> list[PriceRow]:
    """A book whose big model doubles above 128k tokens, and doubles again from the third day on."""
    return [
        PriceRow(
            provider="p", model=model, context_band=band, effective_from=day, price=_price(model, band, day, factor),
            source="made up",
        )
        for model in USD_PER_MTOK
        for band in range(4)
        for day in (dt.date(2026, 1, 1), *([DEARER_FROM] if model == "big" else []))
    ]  # fmt: skip


def sums(
    truths: Iterable[Truth], policy: tuple[str, str], *, late_outcomes: bool, late_signals: bool, factor: float = 1.0
) -> Sums:
    """What the measures must add up to."""
    total = Sums()
    for truth in truths:
        choice, w = truth.choices[policy], truth.weight
        total = total.plus(**_decision_sums(truth, choice))
        if not choice.model or truth.contaminated:
            continue
        if late_signals and truth.signal is not None:
            total = total.plus(signals=w, signal_sum=w * truth.signal)
        if truth.paid(late_outcomes=late_outcomes):
            total = total.plus(**_cost_sums(truth, choice, factor, late_outcomes=late_outcomes))
    return total


def attempt(kind: str, model: str, error_type: str, tokens: tuple[int, int, int]) -> dict[str, Any]:
    """An attempt as it travels in `llm_router.attempts`."""
    return {
        "kind": kind,
        "provider": "p",
        "model": model,
        "error_type": error_type,
        "input_tokens": tokens[0],
        "cache_read_tokens": tokens[1],
        "cache_write_tokens": 0,
        "output_tokens": tokens[2],
        "latency_s": 0.3,
    }


def _request(rng: random.Random, number: int) -> tuple[Truth, list[Span], int]:
    day = FIRST_DAY + dt.timedelta(days=number % 5)
    midnight = int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp())
    start_ns = (midnight + rng.randrange(86_400)) * SECOND + number * 1_000
    live = rng.choice(["big", "mid"])
    falls_back = rng.random() < 0.03
    input_tokens = int(rng.lognormvariate(6, 1)) + 10
    input_tokens += rng.choice([150_000, 250_000, 300_000]) if rng.random() < 0.02 else 0
    served = "mid" if falls_back and live == "big" else live
    truth = Truth(
        request_id=str(uuid.UUID(int=rng.getrandbits(128))),
        day=day,
        task=rng.choice(["code", "chat", "extract"]),
        weight=2.0 if number % 11 == 0 else 1.0,
        live=live,
        served=served,
        contaminated=served != live,
        input_tokens=input_tokens,
        cached_tokens=rng.choice([0, 0, input_tokens // 2]),
        output_tokens=int(rng.lognormvariate(5, 1)) + 1,
        unreported=rng.random() < 0.02,
        attempts=[],
    )
    truth.attempts += _attempts(truth, escalates=rng.random() < 0.05)
    truth.choices.update(_choices(rng, truth, number))
    trace_id = f"{rng.getrandbits(128):032x}" if number % 3 else f"{number // 30 + 1:032x}"
    user = hashlib.blake2b(str(int(rng.paretovariate(1.1)) % 400).encode(), digest_size=8).hexdigest()
    return truth, list(_spans(truth, trace_id, user, start_ns)), start_ns


def _attempts(truth: Truth, *, escalates: bool) -> Iterator[dict[str, Any]]:
    tokens = (truth.input_tokens, truth.cached_tokens, truth.output_tokens)
    if truth.contaminated:
        yield attempt("primary", truth.live, "503", (0, 0, 0))
        yield attempt("fallback", truth.served, "", tokens)
    elif escalates:
        yield attempt("primary", "small", "quality", (truth.input_tokens, 0, truth.output_tokens // 2 + 1))
        yield attempt("escalation", truth.served, "", tokens)
    else:
        yield attempt("primary", truth.served, "", tokens)


def _choices(rng: random.Random, truth: Truth, number: int) -> dict[tuple[str, str], Choice]:
    plans = {
        ("cheap", "v1"): ("small", "big"),
        ("cheap", "v2"): (truth.live if truth.task == "code" else "small", ""),
        ("main", "aaaa"): (truth.live, ""),
    }
    choices = {}
    for policy, (model, escalation) in plans.items():
        fails = rng.random() < 0.005
        escalated = rng.choice([0, 0, 1]) if escalation and number % 4 == 0 else None
        choices[policy] = Choice("", "", None) if fails else Choice(model, escalation, escalated)
    return choices


def _spans(truth: Truth, trace_id: str, user: str, start_ns: int) -> Iterator[Span]:
    shared = {
        "llm_router.request.id": truth.request_id,
        "llm_router.request.time_us": start_ns // 1_000,
        "llm_router.user.key": user,
        "llm_router.task": truth.task,
        "llm_router.user.tier": "pro" if start_ns % 2 else "free",
        "llm_router.complexity.band": "low",
        "llm_router.input.band": "lt1k",
        "llm_router.labels": json.dumps({"team": "a" if truth.request_id < "8" else "b"}),
        "llm_router.sample_rate": 1 / truth.weight,
        **_outcome(truth),
    }
    plan = _steps_id(truth.live)
    live = {
        "llm_router.role": "live",
        "llm_router.policy.name": "main",
        "llm_router.policy.version": "aaaa",
        "llm_router.decision.model": truth.live,
        "llm_router.decision.tier": TIER[truth.live],
        "llm_router.decision.steps_id": plan,
        "llm_router.decision.escalated": 0,
    }
    yield _span(start_ns, trace_id, "route main", shared | live)
    for (name, version), choice in truth.choices.items():
        shadow = {
            "llm_router.role": "shadow",
            "llm_router.policy.name": name,
            "llm_router.policy.version": version,
            "llm_router.decision.status": "ok" if choice.model else "error",
            "error.type": None if choice.model else "ValueError",
            "llm_router.decision.model": choice.model or None,
            "llm_router.decision.tier": TIER.get(choice.model),
            "llm_router.decision.escalation_model": choice.escalation or None,
            "llm_router.decision.steps_id": _steps_id(choice.model + choice.escalation) if choice.model else None,
            "llm_router.decision.escalated": choice.escalated,
            "llm_router.live.model": truth.live,
            "llm_router.live.tier": TIER[truth.live],
            "llm_router.live.steps_id": plan,
        }
        yield _span(start_ns + 5, trace_id, f"shadow {name}", shared | shadow)


def _outcome(truth: Truth) -> dict[str, Any]:
    if truth.unreported:
        return {"llm_router.outcome.status": "unreported"}
    return {
        "llm_router.outcome.status": "complete",
        "gen_ai.response.id": f"chatcmpl-{truth.request_id}",
        **_usage(truth),
        "llm_router.attempts": json.dumps(truth.attempts) if len(truth.attempts) > 1 else None,
    }


def _usage(truth: Truth) -> dict[str, Any]:
    return {
        "gen_ai.response.model": truth.served,
        "gen_ai.provider.name": "p",
        "gen_ai.usage.input_tokens": truth.input_tokens,
        "gen_ai.usage.cache_read.input_tokens": truth.cached_tokens,
        "gen_ai.usage.output_tokens": truth.output_tokens,
        "llm_router.outcome.contamination": "fallback" if truth.contaminated else None,
        "llm_router.outcome.duration_s": 0.3,
    }


def _late_outcome(rng: random.Random, truth: Truth, start_ns: int) -> Span:
    attributes = {"llm_router.role": "outcome", "llm_router.request.id": truth.request_id, **_usage(truth)}
    return _span(start_ns + 3_600 * SECOND, f"{rng.getrandbits(128):032x}", "outcome", attributes)


def _signal(rng: random.Random, truth: Truth, route: Span, start_ns: int, number: int) -> Span:
    """The target is a request id, a response id or a link to the route span, in turn."""
    way = 0 if truth.unreported else number % 3
    target = [{"llm_router.request.id": truth.request_id}, {"gen_ai.response.id": f"chatcmpl-{truth.request_id}"}, {}][
        way
    ]
    attributes = {
        **target,
        "gen_ai.evaluation.name": "thumbs",
        "gen_ai.evaluation.score.value": truth.signal,
        "llm_router.signal.source": "user",
    }
    span = _span(start_ns + 40 * 3_600 * SECOND, f"{rng.getrandbits(128):032x}", "evaluation thumbs", attributes)
    span[-4:] = [[route[1]], [route[SPAN_ID]], [""], [{}]]
    return span


def _span(start_ns: int, trace_id: str, name: str, attributes: Mapping[str, Any]) -> Span:
    sent = {key: str(value) for key, value in attributes.items() if value is not None}
    text = trace_id + name + json.dumps(sent, sort_keys=True)
    span_id = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:16]
    resource = {"service.name": "svc"}
    return [start_ns, trace_id, span_id, name, "svc", resource, "shadowroute", "1.0", sent, 1_000, [], [], [], []]


def _steps_id(plan: str) -> str:
    return hashlib.md5(plan.encode(), usedforsecurity=False).hexdigest()[:16]


def _price(model: str, band: int, day: dt.date, factor: float) -> Price:
    factor *= (2 if model == "big" and band else 1) * (2 if model == "big" and day >= DEARER_FROM else 1)
    values = [usd * factor for usd in USD_PER_MTOK[model]]
    return Price(
        input_usd_per_mtok=values[0],
        cache_read_usd_per_mtok=values[1],
        cache_write_usd_per_mtok=values[2],
        output_usd_per_mtok=values[3],
    )


def _decision_sums(truth: Truth, choice: Choice) -> dict[str, float]:
    w = truth.weight
    if not choice.model:
        return {"failed": w}
    return {
        "compared": w,
        "diverging": w * (choice.model != truth.live),
        "cascades": w * bool(choice.escalation),
        "escalations_known": w * (choice.escalated is not None),
        "escalations": w * (choice.escalated or 0),
    }


def _cost_sums(truth: Truth, choice: Choice, factor: float, *, late_outcomes: bool) -> dict[str, float]:
    def usd(model: str, input_tokens: int, cached: int, output_tokens: int, *, warm: bool) -> float:
        band = (input_tokens > 128_000) + (input_tokens > 200_000) + (input_tokens > 272_000)
        price = _price(model, band, truth.day, factor)
        read = cached if warm else 0
        return truth.weight / 1e6 * (
            (input_tokens - read) * price.input_usd_per_mtok
            + read * price.cache_read_usd_per_mtok
            + output_tokens * price.output_usd_per_mtok
        )  # fmt: skip

    def planned(model: str) -> float:
        return usd(model, truth.input_tokens, truth.cached_tokens, truth.output_tokens, warm=model == truth.served)

    paid = truth.paid(late_outcomes=late_outcomes)
    shadow_usd = planned(choice.model)
    if choice.escalation and choice.escalated == 1:
        shadow_usd += planned(choice.escalation)
    return {
        "live_usd": sum(
            usd(a["model"], a["input_tokens"], a["cache_read_tokens"], a["output_tokens"], warm=True) for a in paid
        ),
        "shadow_usd": shadow_usd,
        "unknown_usd": planned(choice.escalation) if choice.escalation and choice.escalated is None else 0.0,
    }
