"""Sends the simulated week through the real router and the real OTLP path, and measures it beside its truth."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from shadow.config import Routing
from shadow.domain.ids import KeyedHash
from shadow.domain.policy import Policy
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import ConfigError
from shadowroute.analysis.backtest.result import TruthDocument
from shadowroute.analysis.backtest.truth import TruthSum, Walk, walk
from shadowroute.analysis.plan.loading import load_plan
from shadowroute.analysis.plan.registration import register
from shadowroute.analysis.prices import PriceTable
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.report import ProjectReport, project_report
from shadowroute.analysis.selection import Window
from shadowroute.analysis.study import Study
from shadowroute.analysis.verdict.judge import judge
from shadowroute.analysis.verdict.results import Judgement
from shadowroute.app.demo.executed import SAMPLED, AnswerSample, drawn
from shadowroute.app.demo.plans import write_plans
from shadowroute.app.demo.provider import SimulatedProvider
from shadowroute.app.demo.traffic import Traffic, Turn
from shadowroute.app.demo.truth import World, thumb
from shadowroute.collector.executions import write
from shadowroute.collector.model_names import declare
from shadowroute.collector.price_books import pin
from shadowroute.collector.progress import Progress, silent, watched
from shadowroute.collector.replay.routed import RoutedFeed
from shadowroute.collector.serve import IngestEndpoint, rollup_now
from shadowroute.collector.store import Store

SIGNAL = "thumbs"
SIGNAL_SOURCE = "user"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The measures, and by name of each shadow policy its truth and its judgement."""

    report: ProjectReport
    truths: dict[str, TruthDocument]
    judgements: dict[str, Judgement]


def run(
    traffic: Traffic,
    routing: Routing,
    store: Store,
    endpoint: IngestEndpoint,
    *,
    plans: Path,
    progress: Progress = silent,
) -> Outcome:
    """Sends the week, runs a sample of the shadows' answers, rolls up, measures, and judges by plans written there.

    Raises:
        LostRecordsError: some sent records did not arrive.
    """
    rows = routing.catalogue.price_rows()
    book = routing.catalogue.book_id
    pin(store.client(), routing.project, rows, book, "simulated")
    declare(store.client(), routing.project, routing.catalogue, "simulated")
    send(traffic, routing, endpoint, progress)
    progress("run the sample, compute the truth", 0, 1)
    prices = PriceTable(rows)
    samples = {
        shadow.name: AnswerSample(shadow.name, shadow.version, SAMPLED[shadow.name], traffic, prices)
        for shadow in routing.shadows
        if shadow.name in SAMPLED
    }
    known = truths(traffic, routing, samples)
    write(store.client(), routing.project, list(drawn(samples)), now=datetime.now(UTC))
    progress("run the sample, compute the truth", 1, 1)
    progress("roll up and measure", 0, 1)
    rollup_now(store)
    queries = Queries(store.reader(), routing.project)
    report = project_report(Study(queries, Window(traffic.first_day, traffic.last_day), book=book))
    judgements = {
        policy: judge(
            queries,
            register(load_plan(file), routing.project, reader=queries.client, writer=store.client(), source=str(file)),
        )
        for policy, file in write_plans(plans, traffic).items()
    }
    progress("roll up and measure", 1, 1)
    return Outcome(report, known, judgements)


def send(traffic: Traffic, routing: Routing, endpoint: IngestEndpoint, progress: Progress = silent) -> None:
    """Route every turn at its own time. A rating is sent hours later, when the week reaches its time.

    Raises:
        LostRecordsError: some sent records did not arrive.
    """
    ratings: list[tuple[int, str, float]] = []
    with RoutedFeed(routing, SimulatedProvider(traffic.turns), endpoint) as feed:
        for turn in watched(traffic.turns, progress, "route", len(traffic.turns)):
            _send_ratings(feed, ratings, until_us=turn.time_us)
            reply = feed.complete(turn.record)
            value = thumb(turn, served=reply.model)
            if value is not None:
                target = reply.response_id if turn.thumb_by_response else turn.request_id
                heapq.heappush(ratings, (turn.time_us + int(turn.thumb_delay_s * 1e6), target, value))
        _send_ratings(feed, ratings, until_us=traffic.end_us)


def truths(
    traffic: Traffic, routing: Routing, samples: Mapping[str, AnswerSample] | None = None
) -> dict[str, TruthDocument]:
    """The truth of each shadow, each in a world of its own; every request is offered to its sample."""
    taken = samples or {}
    prices = PriceTable(routing.catalogue.price_rows())
    hash_id = KeyedHash(routing.project)
    live = _Resident(_policy(routing), routing)
    shadows = [_Resident(shadow, routing) for shadow in routing.shadows]
    sums = [TruthSum(prices) for _ in shadows]
    for turn in traffic.turns:
        request = turn.record.request(hash_id)
        lived = live.walk(turn, request)
        for shadow, total in zip(shadows, sums, strict=True):
            walked = shadow.walk(turn, request)
            total.add(lived, walked, traffic.first_day)
            if shadow.name in taken:
                taken[shadow.name].offer(turn, lived, walked)
    return {shadow.name: total.result() for shadow, total in zip(routing.shadows, sums, strict=True)}


class _Resident:
    """A policy in a world of its own, with its own calls and caches."""

    def __init__(self, policy: Policy, routing: Routing) -> None:
        self._policy = policy
        self._catalogue = routing.catalogue
        self._world = World()

    @property
    def name(self) -> str:
        return self._policy.name

    def walk(self, turn: Turn, request: Request) -> Walk:
        decision = self._policy.decide(request, Snapshot())
        return walk(self._policy, request, decision, lambda model: self._world.answer(turn, model), self._catalogue)


def _policy(routing: Routing) -> Policy:
    if not isinstance(routing.live, Policy):
        raise ConfigError("live must be a policy file, got only a name", file=routing.file)
    return routing.live


def _send_ratings(feed: RoutedFeed, ratings: list[tuple[int, str, float]], *, until_us: int) -> None:
    """Send the ratings that are due; ratings after the week's end have not arrived yet."""
    while ratings and ratings[0][0] <= until_us:
        time_us, target, value = heapq.heappop(ratings)
        feed.signal(target, SIGNAL, value, time_us=time_us, source=SIGNAL_SOURCE)
