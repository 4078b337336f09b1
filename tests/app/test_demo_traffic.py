"""The simulated week has the shapes that make routing figures hard, and its truth is known."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from shadowroute.app.demo.scenario import MODELS, TASKS
from shadowroute.app.demo.traffic import Traffic, Turn, past_week, simulate
from shadowroute.app.demo.truth import CACHE_TTL_US, World, thumb

MONDAY = date(2026, 11, 16)


@pytest.fixture(scope="module")
def week() -> Traffic:
    return simulate(8_000, 7, MONDAY)


def test_the_same_seed_gives_the_same_week() -> None:
    """A figure in the documentation can be made again."""
    assert simulate(500, 7, MONDAY) == simulate(500, 7, MONDAY)
    assert simulate(500, 8, MONDAY) != simulate(500, 7, MONDAY)


def test_the_week_has_as_many_requests_and_sessions_as_asked(week: Traffic) -> None:
    """40,000 requests make 3,100 sessions, and other numbers in proportion."""
    assert len(week.turns) == 8_000
    assert week.sessions == len({turn.session for turn in week.turns}) == 620
    assert week.users == len({turn.user for turn in week.turns})
    assert len({turn.request_id for turn in week.turns}) == 8_000


def test_turns_come_in_time_order_within_the_week(week: Traffic) -> None:
    """The feed plays them in this order; no turn lies outside the seven days."""
    times = [turn.time_us for turn in week.turns]
    assert times == sorted(times)
    assert datetime.fromtimestamp(times[0] / 1e6, UTC).date() >= MONDAY
    assert times[-1] < week.end_us
    assert week.last_day == date(2026, 11, 22)


def test_the_load_follows_day_and_week(week: Traffic) -> None:
    """Afternoons carry more than nights, and a working day more than a Sunday."""
    moments = [datetime.fromtimestamp(turn.time_us / 1e6, UTC) for turn in week.turns]
    hours = Counter(moment.hour for moment in moments)
    days = Counter(moment.weekday() for moment in moments)
    assert sum(hours[hour] for hour in range(12, 18)) > 2 * sum(hours[hour] for hour in range(6))
    assert days[6] < 0.8 * days[2]


def test_sessions_and_prompts_have_heavy_tails(week: Traffic) -> None:
    """The longest sessions hold far more than their share: requests are no independent sample."""
    sizes = sorted(Counter(turn.session for turn in week.turns).values(), reverse=True)
    assert sum(sizes[: len(sizes) // 10]) > 0.35 * sum(sizes)
    fresh = np.array([turn.fresh_tokens for turn in week.turns])
    assert fresh.mean() > 1.5 * np.median(fresh)


def test_a_session_belongs_to_one_user_of_one_tier(week: Traffic) -> None:
    """Clusters nest: requests in sessions, sessions in users."""
    owner: dict[str, set[str]] = defaultdict(set)
    tier: dict[str, set[str]] = defaultdict(set)
    for turn in week.turns:
        owner[turn.session].add(turn.user)
        tier[turn.user].add(turn.user_tier)
    assert {len(users) for users in owner.values()} == {1}
    assert {len(tiers) for tiers in tier.values()} == {1}


def test_the_prompt_grows_with_the_conversation(week: Traffic) -> None:
    """What was said before is sent again, up to the history's limit."""
    sessions: dict[str, list[Turn]] = defaultdict(list)
    for turn in week.turns:
        sessions[turn.session].append(turn)
    for turns in sessions.values():
        prefixes = [turn.prefix_tokens for turn in turns]
        assert prefixes == sorted(prefixes)


def test_stronger_models_are_better_on_every_task(week: Traffic) -> None:
    """The order of the models is part of the scenario; how far they are apart depends on the task."""
    large, medium, small = (model.name for model in MODELS)
    gaps = {}
    for task in TASKS:
        turns = [turn for turn in week.turns if turn.task == task.name]
        good = {name: np.mean([turn.draws[name].good for turn in turns]) for name in (large, medium, small)}
        assert good[large] > good[medium] > good[small]
        gaps[task.name] = good[large] - good[small]
    assert gaps["code"] > 3 * gaps["classify"]


def test_too_few_requests_are_refused() -> None:
    """Below 100 requests there is no structure of sessions left."""
    with pytest.raises(ValueError, match="at least 100, got 99"):
        simulate(99, 7, MONDAY)


def test_the_week_before_today_is_complete() -> None:
    """The week ends with yesterday, so nothing lies in the future."""
    assert past_week(date(2026, 11, 23)) == date(2026, 11, 16)


def test_a_cache_is_warm_only_for_the_model_that_was_called(week: Traffic) -> None:
    """A policy that switches models pays the prefix again, and so does one that comes back after ten minutes."""
    turn = replace(week.turns[0], prefix_tokens=3_000, fresh_tokens=500)
    again = replace(turn, time_us=turn.time_us + 1_000_000, prefix_tokens=3_600)
    late = replace(turn, time_us=turn.time_us + CACHE_TTL_US + 2_000_000)
    world = World()
    assert world.answer(turn, "sim-large").usage.cache_read_tokens == 0
    assert world.answer(again, "sim-small").usage.cache_read_tokens == 0
    assert world.answer(again, "sim-large").usage.cache_read_tokens == 3_456
    assert world.answer(replace(late, time_us=late.time_us + CACHE_TTL_US), "sim-large").usage.cache_read_tokens == 0


def test_three_in_ten_rate_and_mostly_honestly(week: Traffic) -> None:
    """A rating follows the served answer; the annoyed rate more often, so silence is not at random."""
    good = [thumb(turn, served="sim-small") for turn in week.turns if turn.draws["sim-small"].good]
    bad = [thumb(turn, served="sim-small") for turn in week.turns if not turn.draws["sim-small"].good]
    assert np.mean([value is not None for value in good + bad]) == pytest.approx(0.30, abs=0.03)
    assert np.mean([value is not None for value in bad]) > np.mean([value is not None for value in good]) + 0.08
    assert np.mean([value for value in good if value is not None]) == pytest.approx(0.95, abs=0.02)
    assert np.mean([value for value in bad if value is not None]) == pytest.approx(0.05, abs=0.04)
