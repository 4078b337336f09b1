"""A backtest over the real path: router, recorder, shadows, OTLP, receiver, store, rollup, measures.

Only the provider is simulated: it serves recorded answers. The clock is the query's own time, so that a second run
writes the same rows and overwrites itself.
"""

from __future__ import annotations

import time

from shadow.config import Routing
from shadow.providers.recorded import RecordedProvider
from shadowroute.analysis.backtest.case import Case
from shadowroute.analysis.backtest.compare import shadow_document
from shadowroute.analysis.backtest.memory import RecordedState
from shadowroute.analysis.backtest.result import BacktestDocument, PolicyDocument, QueriesDocument, TruthDocument
from shadowroute.analysis.backtest.specialists import specialists_of
from shadowroute.analysis.backtest.truth import TruthSum
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.report import project_report
from shadowroute.analysis.selection import PolicyRef, Window
from shadowroute.analysis.study import Study
from shadowroute.collector.model_names import declare
from shadowroute.collector.price_books import pin
from shadowroute.collector.progress import Progress, silent, watched
from shadowroute.collector.replay.routed import RoutedFeed
from shadowroute.collector.serve import IngestEndpoint, ingest, rollup_now
from shadowroute.collector.store import Store

SIGNAL = "score"
SIGNAL_SOURCE = "reference"


def run(case: Case, store: Store, progress: Progress = silent) -> BacktestDocument:
    """Sends every planned query through the router into the store, and measures.

    Args:
        case: from `case.load`.
        store: for the rows; they stay there as the case's project.
        progress: told about each phase.

    Raises:
        LostRecordsError: some sent records did not arrive.
    """
    started = time.perf_counter()
    pin(store.client(), case.project, list(case.price_rows), case.catalogue.book_id, case.price_source)
    declare(store.client(), case.project, case.catalogue, case.price_source)
    with ingest(store) as endpoint:
        send(case, endpoint, progress)
    progress("roll up and measure", 0, 1)
    rollup_now(store)
    document = measure(case, store)
    progress("roll up and measure", 1, 1)
    return document.model_copy(update={"seconds": time.perf_counter() - started})


def measure(case: Case, store: Store) -> BacktestDocument:
    """The measures of a case whose rows are in the store and rolled up; `seconds` is the time of this alone."""
    started = time.perf_counter()
    queries = Queries(store.reader(), case.project)
    report = project_report(Study(queries, Window(*case.days), book=case.catalogue.book_id))
    measured = {policy.policy: policy for policy in report.policies}
    shadows = [
        shadow_document(
            measured[PolicyRef(shadow.name, shadow.version)], truth_of(case, place), specialists_of(case, place)
        )
        for place, shadow in enumerate(case.shadows)
    ]
    return BacktestDocument(
        project=case.project,
        store=str(store.dsn),
        price_book=case.catalogue.book_id,
        price_source=case.price_source,
        queries=_queries_document(case),
        live=PolicyDocument(name=case.live.name, version=case.live.version),
        shadows=shadows,
        seconds=time.perf_counter() - started,
    )


def send(case: Case, endpoint: IngestEndpoint, progress: Progress = silent) -> None:
    """Routes every planned query, and reports the score of each served answer as a signal.

    Raises:
        LostRecordsError: some sent records did not arrive.
    """
    state = RecordedState(case.catalogue, {plan.query.request_id: plan.snapshot for plan in case.planned})
    with RoutedFeed(routing_of(case, endpoint), RecordedProvider(case.answers()), endpoint, state=state) as feed:
        for plan in watched(case.planned, progress, "route", len(case.planned)):
            query = plan.query
            score = feed.complete(query).answer.score
            if score is not None:
                feed.signal(query.request_id, SIGNAL, score, time_us=query.time_us, source=SIGNAL_SOURCE)


def routing_of(case: Case, endpoint: IngestEndpoint) -> Routing:
    """The routing configuration of the run."""
    return Routing.of(
        service="backtest",
        project=case.project,
        origin="backtest",
        live=case.live,
        shadows=case.shadows,
        catalogue=case.catalogue,
        export_to=endpoint.url,
    )


def truth_of(case: Case, place: int) -> TruthDocument:
    """The truth about the shadow at that place of the case's shadows."""
    sums = TruthSum(case.prices)
    day = case.days[0]
    for plan in case.planned:
        shadow = plan.shadows[place]
        if shadow is not None:
            sums.add(plan.live, shadow, day)
    return sums.result()


def _queries_document(case: Case) -> QueriesDocument:
    return QueriesDocument(
        queries_file=case.queries.file.name,
        outcomes_file=case.outcomes.file.name,
        total=len(case.queries.rows),
        used=len(case.planned),
        left_out=list(case.left_out),
        repeated_outcomes=case.outcomes.repeated,
        sessions="column" if case.queries.has_sessions else "each query",
    )
