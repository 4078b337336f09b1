"""The simulated week goes through the real router and store, and what is measured agrees with what is true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from shadowroute.analysis.backtest.result import TruthDocument
from shadowroute.analysis.measures.cost import CostDelta
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.executions import executed_answers
from shadowroute.analysis.report import PolicyReport
from shadowroute.analysis.results import Estimate, Range
from shadowroute.analysis.selection import Window
from shadowroute.analysis.verdict.results import Verdict
from shadowroute.app.demo.executed import SAMPLED
from shadowroute.app.demo.policies import PROJECT, load
from shadowroute.app.demo.run import Outcome, run
from shadowroute.app.demo.text import headline, summary
from shadowroute.app.demo.traffic import Traffic, simulate
from shadowroute.app.demo.truth import thumb
from shadowroute.collector.serve import ingest
from shadowroute.collector.store import Store
from tests.support.stores import fresh_store

FIRST_DAY = date(2026, 11, 16)


@dataclass(frozen=True)
class Demo:
    traffic: Traffic
    store: Store
    outcome: Outcome

    def policy(self, name: str) -> PolicyReport:
        return next(each for each in self.outcome.report.policies if each.policy.name == name)


@pytest.fixture(scope="module")
def demo(engine_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    traffic = simulate(6_000, 7, FIRST_DAY)
    plans = tmp_path_factory.mktemp("plans")
    with fresh_store(engine_folder) as store, ingest(store) as endpoint:
        yield Demo(traffic, store, run(traffic, load(endpoint.url), store, endpoint, plans=plans))


def test_every_request_arrives_with_every_shadow(demo: Demo) -> None:
    """6,000 requests make 6,000 live rows and as many of each of the four shadows; none is missing or failed."""
    report = demo.outcome.report
    assert report.requests == 6_000
    assert [each.policy.name for each in report.policies][-1] == "live-rules"
    for each in report.policies:
        assert each.overall.divergence.n == 6_000
        assert each.overall.divergence.failed_share == 0.0
        assert each.completeness == 1.0


def test_the_clusters_are_the_users(demo: Demo) -> None:
    """Users come back, so the user and not the request is the unit of analysis."""
    kinds = Queries(demo.store.reader(), PROJECT).cluster_kinds(Window(FIRST_DAY, demo.traffic.last_day))
    assert kinds == {"user": 6_000}
    users = "SELECT uniqExact(cluster_key) FROM decisions WHERE project = {project:String} AND role = 'live'"
    assert demo.store.reader().query(users, {"project": PROJECT}).result_rows == [(demo.traffic.users,)]


def test_the_live_cost_is_the_simulators(demo: Demo) -> None:
    """What the store adds up for live equals what the simulated models billed, cached tokens included."""
    for each in demo.outcome.report.policies:
        truth = demo.outcome.truths[each.policy.name]
        assert truth.live_usd is not None
        assert each.overall.cost.live_usd == pytest.approx(truth.live_usd, rel=1e-9)


def test_the_control_differs_never_and_costs_nothing(demo: Demo) -> None:
    """The live policy as its own shadow is the noise floor: exactly zero here, and so is its truth."""
    control = demo.policy("live-rules")
    assert control.is_control
    assert isinstance(control.overall.divergence.model, Estimate)
    assert control.overall.divergence.model.value == 0.0
    truth = demo.outcome.truths["live-rules"]
    assert (truth.cost_change, truth.quality_change) == (0.0, 0.0)


def test_what_the_log_cannot_see_of_a_cascade_the_sample_does(demo: Demo) -> None:
    """From the log alone nobody knows how often its cheap answers are refused; the run ones say it."""
    cascade, truth = demo.policy("cheap-first").overall, demo.outcome.truths["cheap-first"]
    assert isinstance(cascade.escalation.shadow, Range)
    assert truth.escalation is not None
    assert cascade.escalation.shadow.low <= truth.escalation <= cascade.escalation.shadow.high


def test_the_bold_policy_saves_much_and_loses_quality(demo: Demo) -> None:
    """The log sees the saving; only run answers, and the truth, see what it costs in quality."""
    truth = demo.outcome.truths["bold"]
    assert truth.cost_change is not None
    assert truth.cost_change < -0.4
    assert truth.quality_change is not None
    assert truth.quality_change < -0.05
    executed = demo.outcome.judgements["bold"].headline.quality_change
    assert isinstance(executed, Estimate)
    assert executed.interval.low <= truth.quality_change <= executed.interval.high


def assert_holds(cost: CostDelta, truth: TruthDocument) -> None:
    """In a world of its own the shadow's caches are neither cold nor as warm as live's."""
    assert isinstance(cost.relative, Estimate)
    assert truth.cost_change is not None
    assert cost.relative.interval.low <= truth.cost_change <= cost.relative.interval.high
    assert isinstance(cost.cache_range, Range)
    assert cost.cache_range.low < cost.relative.value < cost.cache_range.high
    assert cost.caches.untold_share == 0.0
    assert {rate.model for rate in cost.caches.rates} == {"sim-large", "sim-medium", "sim-small"}


def test_the_cost_of_every_shadow_is_held(demo: Demo) -> None:
    """Also of the one whose answers nobody has run."""
    for name in ("cheap-first", "bold", "new-idea"):
        assert_holds(demo.policy(name).overall.cost, demo.outcome.truths[name])


def test_late_ratings_reach_their_requests(demo: Demo) -> None:
    """Ratings come hours later, some by the provider's id; those that came before the week's end are all counted."""
    quality = demo.policy("bold").overall.quality
    live = {turn.request_id: _served(turn.task, turn.user_tier, turn.input_tokens) for turn in demo.traffic.turns}
    arrived = [
        turn
        for turn in demo.traffic.turns
        if thumb(turn, served=live[turn.request_id]) is not None
        and turn.time_us + int(turn.thumb_delay_s * 1e6) <= demo.traffic.end_us
    ]
    assert (quality.signal, quality.source) == ("thumbs", "user")
    assert quality.all.n == len(arrived)
    assert 0.2 < len(arrived) / 6_000 < 0.35


def test_a_sample_of_answers_was_run(demo: Demo) -> None:
    """Each request that needs an answer has the same chance; nobody ran answers of new-idea."""
    q = Queries(demo.store.reader(), PROJECT)
    window = Window(FIRST_DAY, demo.traffic.last_day)
    drawn = {
        name: len({row.request_id for row in executed_answers(q, window, demo.policy(name).policy)})
        for name in ("cheap-first", "bold", "new-idea")
    }
    assert drawn["new-idea"] == 0
    for name, chance in SAMPLED.items():
        model = demo.policy(name).overall.divergence.model
        assert isinstance(model, Estimate)
        assert drawn[name] >= chance * model.value * 6_000 * 0.8


def test_every_plan_is_recorded_and_judged(demo: Demo) -> None:
    """A harm shows in a small week already; what nobody has run is never shipped."""
    judgements = demo.outcome.judgements
    assert list(judgements) == ["cheap-first", "bold", "new-idea"]
    assert all(each.plan.registered_at is not None and not each.plan.edits for each in judgements.values())
    assert judgements["new-idea"].verdict == Verdict.NEED_MORE
    assert judgements["bold"].verdict in {Verdict.REJECT, Verdict.NEED_MORE}
    assert all(each.verdict != Verdict.SHIP for each in judgements.values() if each.blockers)


def test_the_summary_has_a_row_per_shadow_with_its_truth(demo: Demo) -> None:
    """Measured beside true, and what each plan makes of it."""
    assert headline(demo.traffic).startswith("Simulated week from 2026-11-16, 6,000 requests, 465 sessions")
    lines = summary(demo.outcome).splitlines()
    names = [line.split()[0] for line in lines[2:6]]
    assert names == ["cheap-first", "bold", "new-idea", "live-rules"]
    assert "(A/A control: the noise floor)" in lines[5]
    for name, judgement in demo.outcome.judgements.items():
        assert f"{judgement.verdict}  {name}" in lines


def _served(task: str, user_tier: str, input_tokens: int) -> str:
    """The demo's live rules, written once more."""
    if task == "classify" or (task == "extract" and input_tokens <= 1_500):
        return "sim-small"
    return "sim-medium" if (task, user_tier) == ("chat", "free") else "sim-large"
