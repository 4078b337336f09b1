"""The demo's week without its router and store: the same traffic and truth as bucket sums, to draw hundreds of them.

Routing rules, worlds and samples are those of `app/demo`; the rules are written once more as functions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final, NamedTuple

import numpy as np

from shadowroute.analysis.cost_cube import CostCube, Dollars, Line
from shadowroute.analysis.measures.caches import LiveRates, with_own_caches
from shadowroute.analysis.measures.change import change_of
from shadowroute.analysis.measures.cost import samples_of
from shadowroute.analysis.measures.executed import cost_frame, executed_of
from shadowroute.analysis.prices import PriceTable
from shadowroute.analysis.queries.caches import CacheCell, LiveCalls
from shadowroute.analysis.queries.executions import ExecutedAnswer, Frame
from shadowroute.analysis.results import Measured, scaled
from shadowroute.analysis.selection import ALL
from shadowroute.analysis.summaries import BUCKETS, Floats
from shadowroute.app.demo.executed import SAMPLED
from shadowroute.app.demo.traffic import Turn, simulate
from shadowroute.app.demo.truth import World
from tests.support.executed_answers import BASE

LARGE, MEDIUM, SMALL = "sim-large", "sim-medium", "sim-small"
USD: Final = {LARGE: (2.50, 0.25, 10.00), MEDIUM: (0.60, 0.06, 2.40), SMALL: (0.12, 0.012, 0.48)}
LEAST: Final = 1_024
ROUTER_USD: Final = 0.00001


class Plan(NamedTuple):
    """What a policy plans: a model, and another one where its answer is refused."""

    model: str
    second: str = ""


def live(turn: Turn) -> Plan:
    if turn.task == "classify" or (turn.task == "extract" and turn.input_tokens <= 1_500):
        return Plan(SMALL)
    return Plan(MEDIUM if (turn.task, turn.user_tier) == ("chat", "free") else LARGE)


def bold(turn: Turn) -> Plan:
    return Plan(LARGE if turn.user_tier == "enterprise" else SMALL)


def cheap_first(turn: Turn) -> Plan:
    if turn.task in {"extract", "chat"} and turn.input_tokens <= 6_000:
        return Plan(SMALL, LARGE)
    return Plan(SMALL if turn.task == "classify" else LARGE)


def new_idea(turn: Turn) -> Plan:
    return Plan(MEDIUM) if turn.task in {"code", "write"} else live(turn)


SHADOWS: Final[dict[str, Callable[[Turn], Plan]]] = {
    "cheap-first": cheap_first,
    "bold": bold,
    "new-idea": new_idea,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the demo prints of a shadow, and what is true."""

    cost: Measured
    quality: Measured
    true_cost: float
    true_quality: float


class _Sums:
    """Named columns of 256 buckets by key."""

    def __init__(self) -> None:
        self.of: dict[tuple[str, ...], dict[str, Floats]] = {}

    def add(self, key: tuple[str, ...], bucket: int, **values: float) -> None:
        columns = self.of.setdefault(key, {})
        for name, value in values.items():
            if name not in columns:
                columns[name] = np.zeros(BUCKETS)
            columns[name][bucket] += value


@dataclass
class _Caches:
    """What one policy's calls left behind: (session, model) to time and tokens of the last one."""

    last: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)

    def state(self, turn: Turn, model: str) -> tuple[str, int]:
        at, tokens = self.last.get((turn.session, model), (0, 0))
        if turn.input_tokens < LEAST:
            return "short", 0
        if tokens < LEAST:
            return "first", 0
        gap = (turn.time_us - at) / 1e6
        state = "minute" if gap <= 60 else "five_minutes" if gap <= 300 else "hour" if gap <= 3_600 else "later"
        return state, min(tokens, turn.input_tokens)


@dataclass
class _Shadow:
    name: str
    plans: Callable[[Turn], Plan]
    random: np.random.Generator
    world: World = field(default_factory=World)
    caches: _Caches = field(default_factory=_Caches)
    lines: _Sums = field(default_factory=_Sums)
    cells: _Sums = field(default_factory=_Sums)
    frame: _Sums = field(default_factory=_Sums)
    answers: list[ExecutedAnswer] = field(default_factory=list)
    usd: float = 0.0
    score: float = 0.0


def week(seed: int, requests: int) -> dict[str, Figures]:
    """One week; figures by shadow."""
    traffic = simulate(requests, seed, date(2026, 11, 16))
    world, caches, found = World(), _Caches(), _Sums()
    shadows = [_Shadow(name, plans, np.random.default_rng([seed, len(name)])) for name, plans in SHADOWS.items()]
    starts: dict[str, int] = {}
    usd = score = 0.0
    for turn in traffic.turns:
        bucket = hashlib.md5(turn.user.encode(), usedforsecurity=False).digest()[0]
        start = min(starts.setdefault(turn.session, turn.input_tokens), turn.input_tokens)
        model, draw = live(turn).model, turn.draws[live(turn).model]
        read = world.answer(turn, model).usage.cache_read_tokens
        state, reach = caches.state(turn, model)
        shared = 0 if state == "short" else start
        found.add((model, state, turn.task), bucket, n=1, input=turn.input_tokens, reach=reach, start=shared, read=read)
        paid = _usd(model, turn.input_tokens, read, draw.output_tokens)
        usd, score = usd + paid, score + draw.good
        for shadow in shadows:
            _follow(shadow, turn, _Told(bucket, start, model, read), caches)
        caches.last[turn.session, model] = turn.time_us, turn.input_tokens
    rates = LiveRates({
        (model, state, task): LiveCalls(write=np.zeros(BUCKETS), **columns)
        for (model, state, task), columns in found.of.items()
    })  # fmt: skip
    return {shadow.name: _figures(shadow, rates, usd, score, len(traffic.turns)) for shadow in shadows}


def _usd(model: str, tokens: float, read: float, output: float) -> float:
    price = USD[model]
    return ((tokens - read) * price[0] + read * price[1] + output * price[2]) / 1e6


class _Told(NamedTuple):
    """What live's log tells of a turn, beside its tokens."""

    bucket: int
    start: int
    model: str
    read: int


def _follow(shadow: _Shadow, turn: Turn, told: _Told, live_caches: _Caches) -> None:
    """What the log tells of a turn, what the shadow would have paid, and perhaps its answer."""
    bucket, start, live_model, read = told
    plan = shadow.plans(turn)
    pair = (live_model, plan.model)
    first, served = turn.draws[plan.model], turn.draws[live_model]
    is_refused = bool(plan.second) and not first.well_formed
    is_seen = not plan.second or plan.model == live_model
    asked = [(plan.model, "primary")]
    if plan.second:
        asked.append((plan.second, "escalation_unknown" if not is_seen else "escalation" if is_refused else ""))
    tokens = {"n": 1, "read": read, "output": served.output_tokens, "input": turn.input_tokens}
    shadow.lines.add((*pair, "live", "primary", live_model), bucket, kept=1, **tokens)
    for model, kind in asked:
        if not kind:
            continue
        is_own = model == live_model
        shadow.lines.add((*pair, "shadow", kind, model), bucket, kept=is_own, **tokens)
        key = turn.session, model
        state, reach = shadow.caches.state(turn, model)
        if is_own and shadow.caches.last.get(key) == live_caches.last.get(key):
            state = "logged"
        price = USD[model]
        saved = (price[0] - price[1]) / 1e6
        known = -read * saved * ((state == "logged") - is_own)
        shadow.cells.add((*pair, kind, model, state, turn.task), bucket, tokens=turn.input_tokens,
                         prompt_read_usd=turn.input_tokens * saved, start_read_usd=start * saved,
                         reach_read_usd=reach * saved, known_usd=known)  # fmt: skip
    shadow.caches.last[turn.session, plan.model] = turn.time_us, turn.input_tokens
    if is_seen and is_refused:
        shadow.caches.last[turn.session, plan.second] = turn.time_us, turn.input_tokens
    calls = [plan.model, *([plan.second] if is_refused else [])]
    answers = [(model, shadow.world.answer(turn, model).usage) for model in calls]
    paid = sum(_usd(m, turn.input_tokens, u.cache_read_tokens, turn.draws[m].output_tokens) for m, u in answers)
    good = turn.draws[calls[-1]].good
    shadow.usd, shadow.score = shadow.usd + paid, shadow.score + good
    needed = plan.model != live_model or bool(plan.second)
    shadow.frame.add(("frame",), bucket, requests=1, needed=needed, cascade=bool(plan.second),
                     known=bool(plan.second) and is_seen, paid_twice=is_seen and is_refused)  # fmt: skip
    if needed and shadow.random.random() < SAMPLED.get(shadow.name, 0.0):
        shadow.answers.append(
            replace(
                BASE, request_id=turn.request_id, cluster_key=turn.user, bucket=bucket, sample="demo-week",
                inclusion_probability=SAMPLED[shadow.name], live_model=live_model, shadow_model=plan.model,
                escalation_model=plan.second, served_model=live_model, model=calls[-1], score=float(good),
                live_score=float(served.good), cost_usd=paid, input_tokens=turn.input_tokens,
                output_tokens=first.output_tokens, escalated=is_refused if plan.second else None,
                seen_escalated=is_refused if plan.second and is_seen else None, live_calls=(),
                live_input_tokens=turn.input_tokens, live_output_tokens=served.output_tokens,
            )
        )  # fmt: skip


def _figures(shadow: _Shadow, rates: LiveRates, usd: float, score: float, n: int) -> Figures:
    cells = {}
    for (live_model, shadow_model, side, kind, model), sums in shadow.lines.of.items():
        line, price = Line(live_model, shadow_model, side, kind, model), USD[model]
        served = sums["read"] * price[1] / 1e6
        cells[line] = Dollars(
            n=int(sums["n"].sum()), unpriced_n=0, weight=sums["n"],
            input_usd=(sums["input"] - sums["read"]) * price[0] / 1e6, cache_usd=served,
            cold_usd=served if sums["kept"].any() else sums["read"] * price[0] / 1e6,
            output_usd=sums["output"] * price[2] / 1e6,
        )  # fmt: skip
    standing: dict[Line, dict[tuple[str, str | None], CacheCell]] = {}
    none = np.zeros(BUCKETS)
    for (live_model, shadow_model, kind, model, state, task), columns in shadow.cells.of.items():
        line = Line(live_model, shadow_model, "shadow", kind, model)
        standing.setdefault(line, {})[state, task] = CacheCell(
            prompt_write_usd=none, start_write_usd=none, reach_write_usd=none, **columns
        )
    cube = with_own_caches(CostCube(book="demo", cells=cells), standing, rates)
    frame = Frame(n=n, **shadow.frame.of["frame",])
    samples = samples_of(shadow.answers, unseen=float((frame.cascade - frame.known).sum()), scope=ALL)
    executed = executed_of(shadow.answers, frame, cost_frame(cube), PriceTable(()))
    change = change_of(cube, samples.lengths, samples.escalation).relative(lambda: 1_000.0)
    return Figures(
        cost=scaled(change, shift=(ROUTER_USD * n + samples.spend_usd) / usd),
        quality=executed.quality_change,
        true_cost=shadow.usd / usd - 1,
        true_quality=(shadow.score - score) / n,
    )
