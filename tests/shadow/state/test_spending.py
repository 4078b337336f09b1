"""Spending limits by their windows and conditions, and which prompts are warm where."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.domain.outcome import Usage
from shadow.state import spending
from shadow.state.settings import Per, SpendingLimit
from shadow.state.spending import Spending, window
from shadow.state.warm_prompts import MODELS_PER_SESSION, WarmPrompts
from tests.support.sdk import request

CACHED = Usage(input_tokens=1000, output_tokens=1, cache_read_tokens=600)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("per", "moment", "begins", "ends"),
    [
        ("hour", "2026-11-25T23:59:59", "2026-11-25T23:00", "2026-11-26T00:00"),
        ("day", "2026-11-25T00:00:00", "2026-11-25T00:00", "2026-11-26T00:00"),
        ("month", "2026-12-31T23:59:59", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("month", "2028-02-29T12:00:00", "2028-02-01T00:00", "2028-03-01T00:00"),
    ],
)
def test_windows_are_those_of_the_calendar(per: Per, moment: str, begins: str, ends: str) -> None:
    """In UTC, with leap days and the end of the year."""
    assert window(per, at(moment)) == (at(begins), at(ends))


@given(st.sampled_from(["hour", "day", "month"]), st.floats(0, 4e9))
def test_every_moment_lies_in_its_window(per: Per, moment: float) -> None:
    """And the end of one window is the beginning of the next."""
    begins, ends = window(per, moment)
    assert begins <= moment < ends
    assert window(per, ends)[0] == ends


def test_a_limit_is_about_the_requests_that_it_names() -> None:
    """All conditions must hold; for another request the limit does not exist."""
    limits = Spending(
        [SpendingLimit(name="a", usd=1, per="day", only={"label:team": ("a", "b"), "task": ("chat",)})],
    )
    fits, other = request(labels={"team": "b"}, task="chat"), request(labels={"team": "b"}, task="code")
    limits.spent(other, 0.0, 5.0)
    limits.spent(fits, 0.0, 0.25)
    assert limits.remaining(fits, 1.0) == {"a": 0.75}
    assert limits.remaining(other, 1.0) == {}


def test_each_value_has_the_whole_limit_for_itself() -> None:
    """A user, a team, a tier; requests without a value share one."""
    limits = Spending([SpendingLimit(name="u", usd=1, per="hour", each="user")])
    limits.spent(request(user_key="x"), 0.0, 0.25)
    limits.spent(request(), 0.0, 0.5)
    assert [limits.remaining(request(user_key=key), 1.0)["u"] for key in ("x", "y", "")] == [0.75, 1.0, 0.5]


def test_new_values_are_no_way_around_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the counters that are kept, values share one, so that memory and money are bounded."""
    monkeypatch.setattr(spending, "VALUES_AT_MOST", 3)
    limits = Spending([SpendingLimit(name="u", usd=1, per="hour", each="user")])
    for number in range(10):
        limits.spent(request(user_key=str(number)), 0.0, 0.1)
    assert limits.remaining(request(user_key="0"), 1.0)["u"] == pytest.approx(0.9)
    assert limits.remaining(request(user_key="never seen"), 1.0)["u"] == pytest.approx(0.3)


@given(st.lists(st.tuples(st.integers(0, 8000), st.integers(0, 1000)), max_size=40))
def test_a_window_holds_what_was_spent_in_it(payments: list[tuple[int, int]]) -> None:
    """Nothing of another hour, nothing twice; a clock that is set back loses nothing of the window."""
    limits = Spending([SpendingLimit(name="h", usd=0, per="hour")])
    now_s, paid = 0.0, {0: 0}
    for pause_s, cents in payments:
        now_s += pause_s
        limits.spent(request(), now_s, cents / 100)
        hour = int(now_s // 3600)
        paid[hour] = paid.get(hour, 0) + cents
    assert limits.remaining(request(), now_s)["h"] == pytest.approx(-paid.get(int(now_s // 3600), 0) / 100)
    assert limits.remaining(request(), now_s + 3600)["h"] == 0


def test_a_model_that_never_cached_is_not_warm() -> None:
    """Input tokens alone prove nothing; once it read from a cache, its whole prompt is what the next call finds."""
    warm = WarmPrompts(ttl_s=300, sessions=10)
    warm.served("s", 0.0, "m", Usage(input_tokens=1000, output_tokens=1))
    assert warm.of("s", 1.0, 0) == {}
    warm.served("s", 2.0, "m", CACHED)
    assert warm.of("s", 3.0, 0) == {"m": 1000}
    warm.served("other", 3.0, "m", Usage(input_tokens=50, output_tokens=1))
    assert warm.of("other", 4.0, 0) == {"m": 50}


def test_what_was_written_and_read_is_what_is_held() -> None:
    """Where a provider tells both (Anthropic), the rest of the prompt is not in its cache."""
    warm = WarmPrompts(ttl_s=300, sessions=10)
    warm.served("s", 0.0, "m", Usage(input_tokens=1000, output_tokens=1, cache_read_tokens=100, cache_write_tokens=300))
    assert warm.of("s", 1.0, 0) == {"m": 400}
    assert warm.of("s", 1.0, 250) == {"m": 250}
    assert warm.of("s", 300.0, 0) == {}


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 20), st.integers(0, 90)), max_size=80))
def test_the_map_is_bounded_and_forgets_the_oldest(calls: list[tuple[str, int, int]]) -> None:
    """At most so many sessions and models each; what is told is never older than its time to live."""
    warm, now_s, used = WarmPrompts(ttl_s=100, sessions=3), 0.0, dict[tuple[str, str], float]()
    for session, number, pause_s in calls:
        now_s += pause_s
        warm.served(session, now_s, f"m{number}", CACHED)
        used[session, f"m{number}"] = now_s
        assert len(warm) <= 3
        for each in "abcdef":
            told = warm.of(each, now_s, 0)
            assert len(told) <= MODELS_PER_SESSION
            assert all(now_s - used[each, model] < 100 for model in told)
        assert warm.of(session, now_s, 0)[f"m{number}"] == 1000


def test_nobodys_session_is_never_warm() -> None:
    """A request without a session shares no prompt with another one."""
    warm = WarmPrompts(ttl_s=300, sessions=10)
    warm.served("", 0.0, "m", CACHED)
    assert warm.of("", 1.0, 0) == {}
