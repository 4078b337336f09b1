"""What is missing is told apart from what is absent by design: services, reloads, samples, outages, older senders."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from shadow.observer import Observer
from shadow.telemetry import keys
from shadow.testing import ManualClock, MemorySink
from shadowroute.analysis.measures.completeness import Completeness, MissingHour, completeness_of, losses
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.rows import CompletenessRow
from shadowroute.analysis.report import PolicyReport, project_report
from shadowroute.analysis.selection import PolicyRef, Window
from shadowroute.analysis.study import Study
from shadowroute.app.doctor import examine
from shadowroute.collector.otlp.rows import SpanRows
from shadowroute.collector.rollup import Rollup
from shadowroute.collector.store import Store
from tests.support.routing_folder import ALWAYS, write_folder

TEN: Final = dt.datetime(2026, 11, 16, 10, tzinfo=dt.UTC)
DAY: Final = Window(TEN.date(), TEN.date())
MINI: Final = "policy: second\nchoose: {use: gpt-5-mini}\n"
OTHER: Final = "policy: other\nchoose: {use: gpt-5}\n"
LIVE: Final = 'live: {name: host, version: "1"}\n'

Row = Mapping[str, Any]


def everything(_row: Row) -> bool:
    return True


class Service:
    """A service with its own routing folder, whose clock stands where the test puts it."""

    def __init__(self, folder: Path, *, shadows: Sequence[str], limits: str = "", **policies: str) -> None:
        self.folder = folder
        self.served = 0
        self.sink = MemorySink()
        self.clock = ManualClock(round(TEN.timestamp() * 1e9))
        self.write(shadows, limits, **policies)
        self.observer = Observer(folder / "shadow.yaml", exporter=self.sink, clock=self.clock)

    def write(self, shadows: Sequence[str], limits: str = "", **policies: str) -> None:
        names = ", ".join(f"policies/{name}.yaml" for name in shadows)
        write_folder(self.folder, shadow=f"{LIVE}shadows: [{names}]\n{limits}", **policies)

    def serve(self, n: int, *, minutes: float) -> None:
        """So many requests, spread over the next minutes."""
        for _ in range(n):
            self.served += 1
            name = f"{self.folder.name}-{self.served}"
            with self.observer.request(messages=[{"role": "user", "content": "Hello"}], request_id=name) as begun:
                begun.chose("gpt-5")
                begun.served(model="gpt-5", input_tokens=1, output_tokens=1)
            self.clock.advance(60 * minutes / n)

    def store(self, store: Store, kept: Callable[[Row], bool] = everything, *, states: bool = True) -> None:
        """Close it, and write its spans into a store; as an older SDK sent them if it `states` nothing."""
        assert self.observer.flush(20)
        self.observer.close()
        rows = SpanRows()
        for span in self.sink.spans:
            attributes, context = dict(span.attributes or {}), span.context
            if kept(attributes):
                rows.add(
                    start_ns=span.start_time or 0,
                    trace_id=f"{context.trace_id:032x}",
                    span_id=f"{context.span_id:016x}",
                    name=span.name,
                    service="s",
                    resource={"llm_router.project": "p"},
                    attributes={k: str(value) for k, value in attributes.items() if states or k != keys.SHADOWS},
                )
        store.client().insert_arrow("otel_traces", rows.arrow())


def reports(store: Store) -> dict[str, list[PolicyReport]]:
    """By name of the policy, its versions in order of their size."""
    Rollup(store).run_once()
    found: dict[str, list[PolicyReport]] = {}
    for policy in project_report(Study(Queries(store.reader(), "p"), DAY)).policies:
        found.setdefault(policy.policy.name, []).append(policy)
    return found


def codes(report: PolicyReport) -> set[str]:
    return {caveat.code for caveat in report.caveats} & {"incomplete", "absent_by_design"}


def test_what_was_never_meant_is_no_loss(store: Store, tmp_path: Path) -> None:
    """Two services with different shadows, one added in mid-hour, one edited: nothing was lost, so 100 %."""
    one = Service(tmp_path / "one", shadows=["always"], always=ALWAYS)
    two = Service(tmp_path / "two", shadows=["other"], other=OTHER)
    one.serve(30, minutes=30)
    one.write(["always", "second"], second=MINI)
    assert one.observer.reload()
    one.serve(30, minutes=30)
    one.write(["always", "second"], second=MINI.replace("gpt-5-mini", "llama-70b"))
    assert one.observer.reload()
    one.serve(40, minutes=90)
    two.serve(100, minutes=150)
    one.store(store)
    two.store(store)
    found = reports(store)
    assert {name: [each.completeness for each in versions] for name, versions in found.items()} == {
        "always": [1.0],
        "other": [1.0],
        "second": [1.0, 1.0],
    }
    by_design = {name: [each.absent_by_design for each in versions] for name, versions in found.items()}
    assert by_design["always"] == by_design["other"] == [pytest.approx(0.5)]
    assert by_design["second"] == [pytest.approx(0.8), pytest.approx(0.85)]
    assert {code for versions in found.values() for each in versions for code in codes(each)} == {"absent_by_design"}
    shadows = [check for check in examine(store, "p") if check.name == "shadows"]
    assert {check.level for check in shadows} == {"ok"}
    assert any(check.text.endswith("not meant for 50.0 % of live requests, absent by design") for check in shadows)


def test_an_outage_is_a_loss_and_its_hours_are_named(store: Store, tmp_path: Path) -> None:
    """Between 11:00 and 13:00 the decisions of one shadow of two did not arrive; beside it runs another service."""
    one = Service(tmp_path / "one", shadows=["always", "second"], always=ALWAYS, second=MINI)
    two = Service(tmp_path / "two", shadows=["other"], other=OTHER)
    one.serve(80, minutes=240)
    two.serve(80, minutes=240)

    def arrived(row: Row) -> bool:
        is_lost = row.get(keys.POLICY_NAME) == "second" and 1 <= hours_after_ten(row) < 3
        return not (row.get(keys.ROLE) == "shadow" and is_lost)

    one.store(store, arrived)
    two.store(store)
    found = reports(store)
    (second,) = found["second"]
    assert second.completeness == pytest.approx(0.5)
    assert second.missing_hours == tuple(MissingHour(TEN + dt.timedelta(hours=after), 20, 20) for after in (1, 2))
    (loss,) = [caveat for caveat in second.caveats if caveat.code == "incomplete"]
    assert loss.text == ("50.0 % of this shadow's decisions are missing: 40 of 80, 16 Nov 11:00 to 13:00 UTC.")
    assert [found["always"][0].completeness, found["other"][0].completeness] == [1.0, 1.0]
    warned = [check.text for check in examine(store, "p") if check.name == "shadows" and check.level == "warn"]
    assert [text.partition(": ")[2] for text in warned] == [
        "decisions are missing, 40 of 80, 16 Nov 11:00 to 13:00 UTC"
    ]


def hours_after_ten(row: Row) -> float:
    return (int(row[keys.REQUEST_TIME_US]) / 1e6 - TEN.timestamp()) / 3600


def test_a_shadow_that_never_arrives_is_all_missing(store: Store, tmp_path: Path) -> None:
    """It has no row that could tell of it: its live requests do."""
    one = Service(tmp_path / "one", shadows=["always", "second"], always=ALWAYS, second=MINI)
    one.serve(20, minutes=60)
    one.store(store, lambda row: row.get(keys.POLICY_NAME) != "second")
    Rollup(store).run_once()
    found = completeness_of(Queries(store.reader(), "p").completeness(DAY))
    assert {policy.name: each.missing_share for policy, each in found.items()} == {"always": 0.0, "second": 1.0}


def test_a_sample_is_complete_to_the_row(store: Store, tmp_path: Path) -> None:
    """Requests outside it state that no shadow was meant, so that one lost row of it can be seen."""
    one = Service(tmp_path / "one", shadows=["always"], limits="limits: {sample_rate: 0.5}\n", always=ALWAYS)
    one.serve(200, minutes=50)
    assert one.observer.flush(20)
    (first, *_) = [row[keys.REQUEST_ID] for row in one.sink.rows("shadow")]
    one.store(store, lambda row: row.get(keys.ROLE) != "shadow" or row[keys.REQUEST_ID] != first)
    (found,) = reports(store)["always"]
    assert sum(hour.missing for hour in found.missing_hours) == 1
    assert "absent_by_design" not in codes(found)


def test_senders_that_state_nothing_are_unknown_and_it_is_said(store: Store, tmp_path: Path) -> None:
    """An older SDK: half of the requests have no decision, which may be design or loss; nobody calls it either."""
    one = Service(tmp_path / "one", shadows=["always"], always=ALWAYS)
    two = Service(tmp_path / "two", shadows=[], always=ALWAYS)
    for service in (one, two):
        service.serve(50, minutes=50)
        service.store(store, states=False)
    (found,) = reports(store)["always"]
    assert found.completeness is None
    (unknown,) = [caveat for caveat in found.caveats if caveat.code == "incomplete"]
    assert unknown.text == (
        "It is unknown whether decisions are missing: 100 requests do not state which shadows were meant, and 50.0 %"
        " of them have no decision of this one: lost, or absent by design."
    )


def test_senders_that_state_nothing_are_complete_where_every_request_has_a_decision(
    store: Store, tmp_path: Path
) -> None:
    """Nothing can be missing, whatever was meant."""
    one = Service(tmp_path / "one", shadows=["always"], always=ALWAYS)
    one.serve(50, minutes=50)
    one.store(store, states=False)
    (found,) = reports(store)["always"]
    assert (found.completeness, codes(found)) == (1.0, set())


def hourly(hour: int, *, policy: str = "", **given: Any) -> CompletenessRow:
    nothing: dict[str, Any] = {
        "meant_n": 0, "stated_n": 0, "stated_weight": 0.0, "unstated_n": 0, "unstated_weight": 0.0,
    }  # fmt: skip
    return CompletenessRow(
        policy=PolicyRef(policy, "1" if policy else ""),
        is_live=not policy,
        hour=TEN.replace(hour=hour),
        **{**nothing, **given},
    )


def test_losses_of_one_hour_are_not_made_good_by_another() -> None:
    """Nor by decisions that no live request named, as where a log was imported twice with other policies."""
    (found,) = completeness_of(
        [
            hourly(10, stated_n=10),
            hourly(11, stated_n=10),
            hourly(10, policy="a", meant_n=10, stated_n=8, stated_weight=8.0),
            hourly(11, policy="a", meant_n=8, stated_n=10, stated_weight=10.0),
        ]
    ).values()
    assert (found.meant, found.missing, found.share) == (20, 2, pytest.approx(0.9))
    assert losses(found) == "2 of 20, 16 Nov 10:00 to 11:00 UTC"


def test_requests_before_and_after_a_shadow_are_not_asked_about() -> None:
    """Hours without a word and without a decision, outside of its time, say nothing about it."""
    (found,) = completeness_of(
        [
            *(hourly(hour, unstated_n=10) for hour in (8, 9, 10, 11)),
            hourly(9, policy="a", unstated_n=10, unstated_weight=10.0),
            hourly(10, policy="a", unstated_n=10, unstated_weight=10.0),
        ]
    ).values()
    assert (found.unstated, found.unknown_share, found.share) == (20, 0.0, 1.0)


def test_without_a_live_request_nothing_is_said() -> None:
    """There is nothing that decisions could be missing from."""
    assert completeness_of([hourly(10, policy="a", unstated_n=1)]) == {}
    assert Completeness(meant=0).share is None
