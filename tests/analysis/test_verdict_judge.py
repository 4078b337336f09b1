"""The judgement of a stored fortnight, beyond what the command line shows."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from shadowroute.analysis.measures.noise_floor import REPEATABLE
from shadowroute.analysis.plan import RegisteredPlan, load_plan
from shadowroute.analysis.plan.registration import judged_by
from shadowroute.analysis.plan.status import PlanStatus
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.results import Estimate, Undefined
from shadowroute.analysis.selection import Window
from shadowroute.analysis.verdict.judge import days_before, judge
from shadowroute.analysis.verdict.judgement_json import judgement_from_json, judgement_json
from shadowroute.analysis.verdict.results import Judgement, Verdict
from shadowroute.app.gate_text import gate_comment, gate_text
from shadowroute.app.packet.verdict_sections import verdict_sections
from tests.support.judged_fortnight import BOOK, FIRST, LAST, LIVE, PLAN, PROJECT, SHADOW, Fortnight
from tests.support.kept_answers import answers_of

OBSERVED = PLAN.replace("points: 2.0", "points: 2.0, evidence: observed")


@pytest.fixture(scope="module")
def exploring(request: pytest.FixtureRequest) -> Iterator[Queries]:
    """Live gives half of the shadow's requests to `small` itself; nobody ran an answer; `small` is clearly worse."""
    truth = Fortnight(requests=1500, executed=0.0, explores=0.5, resolved=0.6)
    with answers_of(truth, lambda: request.getfixturevalue("engine_folder")) as client:
        yield Queries(client, PROJECT)


@pytest.fixture(scope="module")
def expensive(request: pytest.FixtureRequest) -> Iterator[Queries]:
    """A fifth of the shadow's answers were run, and cost eight times what their tokens cost by the price book."""
    truth = Fortnight(requests=1200, executed=0.2, paid=8.0)
    with answers_of(truth, lambda: request.getfixturevalue("engine_folder")) as client:
        yield Queries(client, PROJECT)


def plan_of(folder: Path, text: str) -> RegisteredPlan:
    (folder / "plan.yaml").write_text(text)
    return judged_by(load_plan(folder / "plan.yaml"), [])


def judged(q: Queries, plan: RegisteredPlan, now: dt.datetime | None = None) -> Judgement:
    return judge(q, plan, now=now)


def test_observed_evidence_counts_where_the_plan_accepts_it(exploring: Queries, tmp_path: Path) -> None:
    """0.6 of the requests, half of them changed, 0.3 worse: 9 points are lost."""
    seen = judged(exploring, plan_of(tmp_path, OBSERVED))
    quality = seen.conditions[1]
    assert isinstance(quality.measured, Estimate)
    assert quality.measured.interval.low < -0.09 < quality.measured.interval.high
    assert (seen.verdict, quality.rung, quality.is_harm) == (Verdict.REJECT, "observed", True)
    assert (seen.policy, seen.live, seen.book, seen.requests) == (SHADOW, LIVE, BOOK, 1500)
    assert (seen.window, seen.days, seen.look.number, seen.look.planned) == (Window(FIRST, LAST), 14, 14, 14)
    assert "this plan is not recorded" in " ".join(seen.caveats).lower()
    assert "How often live differs from itself is not known: it chooses by chance" in " ".join(seen.caveats)


def test_lives_own_answers_are_no_evidence_for_a_plan_that_asks_for_executed_ones(
    exploring: Queries, tmp_path: Path
) -> None:
    """The same store: signals arrived on every request, and nothing is known of the shadow."""
    seen = judged(exploring, plan_of(tmp_path, PLAN))
    quality = seen.conditions[1]
    assert (seen.verdict, quality.state, quality.rung) == (Verdict.NEED_MORE, "unknown", "none")
    assert isinstance(quality.measured, Undefined)
    assert seen.doors
    assert seen.executed == 0


def test_a_saving_that_the_bills_deny_is_not_believed(expensive: Queries, tmp_path: Path) -> None:
    """Tokens at the prices of the book save half; the answers that were run cost eight times that. Neither decides."""
    seen = judged(expensive, plan_of(tmp_path, PLAN.replace("points: 2.0", "points: 5.0")))
    cost = seen.conditions[0]
    assert (seen.verdict, cost.state, cost.is_harm) == (Verdict.NEED_MORE, "unknown", False)
    assert cost.why == "it depends on whether all answers cost as much as the executed ones"
    assert "a month for executed answers, as if they were run at the pace of this window" in " ".join(seen.caveats)
    assert REPEATABLE in seen.caveats, "every live decision carries probability 1"


def test_an_earlier_clock_judges_fewer_days_at_a_wider_level(exploring: Queries, tmp_path: Path) -> None:
    """On the tenth day nine are complete; before the first there is nothing, and it is said."""
    plan = plan_of(tmp_path, PLAN)
    tenth = judged(exploring, plan, dt.datetime(2025, 3, 12, 12, tzinfo=dt.UTC))
    assert (tenth.look.number, tenth.days, tenth.window.last) == (9, 9, dt.date(2025, 3, 11))
    assert tenth.look.level > 0.99
    nothing = judged(exploring, plan, dt.datetime(2025, 3, 3, 12, tzinfo=dt.UTC))
    assert (nothing.verdict, nothing.days, nothing.requests) == (Verdict.NEED_MORE, 0, 0)
    assert [blocker.code for blocker in nothing.blockers] == ["no_requests"]


def test_a_first_trial_sees_a_preview_and_no_verdict(exploring: Queries, tmp_path: Path) -> None:
    """On a day that is not over: the same conditions on what there is, beside NEED_MORE. The first look has none."""
    plan = plan_of(tmp_path, PLAN)
    first = judged(exploring, plan, dt.datetime(2025, 3, 3, 12, tzinfo=dt.UTC))
    preview = first.preview
    assert preview is not None
    assert (first.verdict, first.requests) == (Verdict.NEED_MORE, 0)
    assert (preview.policy, preview.window) == (SHADOW, Window(FIRST, FIRST))
    assert preview.requests > 0
    assert [each.requirement for each in preview.conditions] == [each.requirement for each in first.conditions]
    assert preview.conditions[0].n > 0
    assert all(condition.state == "unknown" for condition in first.conditions)
    assert judged(exploring, plan, dt.datetime(2025, 3, 4, 12, tzinfo=dt.UTC)).preview is None


def test_before_the_window_a_preview_is_about_the_newest_day(exploring: Queries, tmp_path: Path) -> None:
    """A plan that starts tomorrow can be tried today; without a decision of its policy there is nothing to show."""
    later = PLAN.replace("{starts: 2025-03-03, ends: 2025-03-16}", "{starts: 2025-03-12, ends: 2025-03-25}")
    noon = dt.datetime(2025, 3, 10, 12, tzinfo=dt.UTC)
    preview = judged(exploring, plan_of(tmp_path, later), noon).preview
    assert preview is not None
    assert preview.window == Window(noon.date(), noon.date())
    other = later.replace("policy: cheap-first", "policy: nobody")
    assert judged(exploring, plan_of(tmp_path, other), noon).preview is None
    assert judged(exploring, plan_of(tmp_path, later), dt.datetime(2025, 1, 1, tzinfo=dt.UTC)).preview is None


def test_a_preview_is_labelled_wherever_it_is_read(exploring: Queries, tmp_path: Path) -> None:
    """Terminal, pull request, packet and JSON; each state says "so far"."""
    seen = judged(exploring, plan_of(tmp_path, PLAN), dt.datetime(2025, 3, 3, 12, tzinfo=dt.UTC))
    text = gate_text(seen, file="plan.yaml", code=2, reason="")
    comment = gate_comment(seen, file="plan.yaml", code=2, reason="", public_url="")
    for shown in (text, comment):
        assert "Preview on incomplete days: no verdict. cheap-first 9f3c1e0a77b2 on " in " ".join(shown.split())
        assert shown.count("so far unknown") + shown.count("so far met") + shown.count("so far not met") == 2
    (section,) = [each for each in verdict_sections(seen) if each.title == "Preview on incomplete days: no verdict"]
    assert (section.header[0], len(section.rows)) == ("so far", 2)
    assert judgement_from_json(json.loads(json.dumps(judgement_json(seen)))) == seen


def test_models_that_are_not_audited_forbid_a_verdict(exploring: Queries, tmp_path: Path) -> None:
    """Every model that a plan of the shadow names is looked at, fallbacks and escalations included."""
    named = exploring.planned_models(Window(FIRST, LAST), SHADOW)
    assert named == ("big", "small")

    def codes(models: str) -> set[str]:
        blocked = judged(exploring, plan_of(tmp_path, f"{PLAN}models: {models}\n")).blockers
        return {each.code for each in blocked} & {"model_not_audited", "model_not_pinned"}

    assert codes("{only: [big, small]}") == set()
    assert codes("{only: [big]}") == {"model_not_audited"}
    assert codes("{pinned_versions: true}") == {"model_not_pinned"}


def test_a_plan_that_came_after_the_data_is_late_by_their_days(tmp_path: Path) -> None:
    """Registered on the first day it is not late; later by each day that was over; never by more than there are."""
    plan, window = plan_of(tmp_path, PLAN).plan, Window(FIRST, LAST)

    def late(registered_at: dt.datetime | None, judged: Window | None = window) -> int:
        return days_before(PlanStatus(name="p", hash="h", registered_at=registered_at, edits=()), plan, judged)

    def at_nine(day: int) -> dt.datetime:
        return dt.datetime(2025, 3, day, 9, tzinfo=dt.UTC)

    assert [late(at_nine(day)) for day in (1, 3, 4, 10, 17, 30)] == [0, 0, 1, 7, 14, 14]
    assert late(dt.datetime(2025, 3, 4, 1, tzinfo=dt.timezone(dt.timedelta(hours=2)))) == 0, "in UTC it is the 3rd"
    assert late(None) == 0
    assert late(at_nine(10), None) == 0
