"""Rate limits as providers tell them, in every way of writing a moment, and what is left of them."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.state.delays import seconds_until
from shadow.state.quota import WAIT_AT_MOST_S, MinuteWindow, Quota
from shadow.state.rate_limits import RateLimit, RateLimits, rate_limits_of

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1m30s", 90.0),
        ("6m0s", 360.0),
        ("20ms", 0.02),
        ("7.66s", 7.66),
        ("2m59.56s", 179.56),
        ("1h2m3s", 3723.0),
        ("1d", 86_400.0),
        ("30", 30.0),
        ("0.5", 0.5),
        ("-5", 0.0),
        ("1800000010", 10.0),
        ("1800000010000", 10.0),
        ("2027-01-15T08:00:20Z", 20.0),
        ("2027-01-15T10:00:20+02:00", 20.0),
        ("Fri, 15 Jan 2027 08:00:20 GMT", 20.0),
        ("Fri, 15 Jan 2021 08:00:20 GMT", 0.0),
        ("1800000000", 0.0),
        ("", None),
        ("soon", None),
        ("1m30", None),
        ("m", None),
        ("nan", None),
        ("inf", None),
        ("9" * 400, None),
        ("1s" * 100, None),
    ],
)
def test_every_way_of_writing_a_moment(text: str, seconds: float | None) -> None:
    """OpenAI's durations, seconds, epoch seconds and milliseconds, both kinds of dates; nonsense is unknown."""
    assert seconds_until(text, NOW) == (None if seconds is None else pytest.approx(seconds))


@given(st.text(max_size=80))
def test_no_header_can_do_harm(text: str) -> None:
    """Whatever a server sends is a delay that is finite and not negative, or unknown."""
    seconds = seconds_until(text, NOW)
    assert seconds is None or 0 <= seconds < float("inf")
    for limit in rate_limits_of({"x-ratelimit-remaining-tokens": text, "x-ratelimit-limit-tokens": text}, NOW).limits:
        assert limit.headroom is None or 0 <= limit.headroom <= 1


@given(st.integers(0, 86_400 * 30))
def test_a_delay_is_the_same_in_every_form(seconds: int) -> None:
    """One moment, written as duration, number, epoch and date."""
    moment = datetime.fromtimestamp(NOW + seconds, UTC)
    forms = [
        f"{seconds // 3600}h{seconds // 60 % 60}m{seconds % 60}s",
        str(seconds),
        str(int(NOW) + seconds),
        moment.isoformat(),
        format_datetime(moment, usegmt=True),
    ]
    assert {seconds_until(form, NOW) for form in forms} == {float(seconds)}


def test_headers_of_openai_and_anthropic() -> None:
    """Each limit with its kind; names in any case, as the server wrote them."""
    openai = {
        "X-RateLimit-Limit-Requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-limit-tokens": "150000",
        "x-ratelimit-remaining-tokens": "75000",
        "x-ratelimit-reset-tokens": "6m0s",
        "content-type": "application/json",
    }
    assert rate_limits_of(openai, NOW).limits == (
        RateLimit(kind="requests", limit=60, remaining=59, reset_s=1.0),
        RateLimit(kind="tokens", limit=150_000, remaining=75_000, reset_s=360.0),
    )
    anthropic = {
        "anthropic-ratelimit-input-tokens-limit": "1000",
        "anthropic-ratelimit-input-tokens-remaining": "0",
        "anthropic-ratelimit-input-tokens-reset": "2027-01-15T08:00:20Z",
    }
    (limit,) = rate_limits_of(anthropic, NOW).limits
    assert (limit.kind, limit.headroom, limit.reset_s) == ("input-tokens", 0.0, 20.0)


def test_headers_of_others() -> None:
    """A limit without a kind, the draft of the IETF, and answers without any."""
    assert rate_limits_of({"ratelimit-limit": "100, 100;w=60", "ratelimit-remaining": "50"}, NOW).limits == (
        RateLimit(kind="requests", limit=100, remaining=50, reset_s=None),
    )
    assert rate_limits_of({"x-ratelimit-remaining": "many", "etag": "1"}, NOW) == RateLimits()
    not_told = {"x-ratelimit-remaining-requests": "-1", "x-ratelimit-limit-requests": "-1"}
    assert rate_limits_of(not_told, NOW) == RateLimits()
    (limit,) = rate_limits_of({"x-ratelimit-remaining": "5"}, NOW).limits
    assert limit.headroom is None


def test_a_wait_without_a_time_doubles_until_an_answer() -> None:
    """1, 2, 4 seconds, at most a minute; told ones are kept, and cut at a minute, too."""
    quota, now_s, waits = Quota(), 0.0, []
    for _ in range(9):
        quota.refused(now_s, None)
        waits.append(quota.changes_at_s(now_s) - now_s)
        now_s += waits[-1]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    quota.answered()
    quota.refused(now_s, None)
    assert quota.changes_at_s(now_s) == now_s + 1
    quota.refused(now_s, 1e9)
    assert quota.changes_at_s(now_s) == now_s + WAIT_AT_MOST_S


@given(st.lists(st.tuples(st.floats(0, 20), st.integers(1, 50)), max_size=60), st.integers(1, 200))
def test_a_quota_is_never_left_by_more_than_one_request(uses: list[tuple[float, int]], quota: int) -> None:
    """What is admitted while something is left, in any minute, is at most the quota and the last request."""
    window, now_s, admitted = MinuteWindow(quota), 0.0, []
    for pause_s, amount in uses:
        now_s += pause_s
        if window.headroom(now_s) > 0:
            window.add(now_s, amount)
            admitted.append((now_s, amount))
        in_a_minute = [size for at_s, size in admitted if at_s > now_s - 60]
        assert sum(in_a_minute[:-1]) < quota or len(in_a_minute) <= 1
    assert window.headroom(now_s + 65) == 1.0
