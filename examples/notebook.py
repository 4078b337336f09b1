"""What the pages show, in Python: measures of a stored shadow policy, the same at other prices, a plan, a packet."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from shadowroute.analysis.packet.content import packet
from shadowroute.analysis.plan import load_plan, register
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.report import policy_report, project_report
from shadowroute.analysis.results import Estimate, Measured, Range
from shadowroute.analysis.selection import Segment
from shadowroute.analysis.study import Study
from shadowroute.analysis.verdict.judge import judge
from shadowroute.collector.price_books import book_names, current_book
from shadowroute.collector.store import open_store

STORE, PROJECT, PLAN = sys.argv[1:]  # in a notebook: "chdb://.shadowroute/store", "my-project", "plan.yaml"


def said(measured: Measured) -> str:
    """Every figure is one of three things."""
    if isinstance(measured, Estimate):
        low, high = measured.interval.low, measured.interval.high
        return f"{measured.value:+.3f} ({low:+.3f} to {high:+.3f}) {measured.unit}, n={measured.n}"
    if isinstance(measured, Range):
        return f"{measured.low:+.3f} to {measured.high:+.3f} {measured.unit}: {measured.why}"
    return f"unknown: {measured.reason}"


with open_store(STORE, create=False) as store:
    client = store.reader()
    q = Queries(client, PROJECT)
    window = q.window_available()
    book = current_book(client, PROJECT) or book_names(client)[0]
    if window is None:
        sys.exit(f"{PROJECT} has no figures yet")

    study = Study(q, window, book=book)
    everything = project_report(study)
    policy = everything.policies[0].policy
    print(f"{policy}: {everything.requests} requests, {window}")
    print("noise floor:", everything.floor)

    one = policy_report(study, policy, by=["task"])
    print("differs:", said(one.overall.divergence.model))
    for part in one.segments:
        print(f"  {part.slice}: cost {said(part.cost.relative)}")
    for caveat in one.caveats:
        print("note:", caveat.text)

    figures = study.of(policy)
    print("live quality, downgraded:", said(figures.quality.downgrade.mean))
    for name in book_names(client):
        print(f"cost with {name}:", said(Study(q, window, book=name).of(policy).cost.relative))
    print("cost of extract:", said(study.of(policy, Segment("task", "extract")).cost.relative))
    print("answers that were run:", said(figures.executed.quality_change))
    print("p95 change, seconds:", said(figures.latency.p95_delta_s))
    for line in figures.ledger.lines:
        print(f"  {line.label}: {said(line.usd_per_month)}")

    plan = register(load_plan(Path(PLAN)), PROJECT, reader=client, writer=store.client())
    judgement = judge(q, plan)
    print(judgement.verdict, judgement.sentence)

    made = packet(q, policy, window, book=book, now=datetime.now(UTC), plan=plan)
    print("packet of traffic", made.inputs.traffic)
