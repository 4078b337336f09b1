"""The circuit breaker by its stated rules, and what must hold for every course of events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from shadow.state.admission import draw, lets_through
from shadow.state.breaker import RULES, Breaker
from shadow.state.kinds import Kind, kind_of

MOST_PAUSE_S = RULES.pause_at_most_s
WAY_BACK_S = len(RULES.ramp) * RULES.ramp_stage_s


class Watched:
    """A breaker with its own time; answers make an average of a second."""

    def __init__(self) -> None:
        self.breaker = Breaker()
        self.now_s = 1000.0

    def note(self, kind: Kind, latency_s: float = 0.1, *, average_s: float | None = 1.0, answers: int = 10) -> None:
        self.breaker.note(self.now_s, kind, latency_s=latency_s, average=(average_s, answers))

    def fail(self, times: int, every_s: float = 0.0) -> None:
        for _ in range(times):
            self.note("failed")
            self.now_s += every_s

    def answers(self, latencies_s: Sequence[float]) -> None:
        for latency_s in latencies_s:
            self.now_s += latency_s
            self.note("answered", latency_s)

    @property
    def admitted(self) -> float:
        return self.breaker.admitted(self.now_s)


def test_three_failures_in_a_row_within_ten_seconds_open_it() -> None:
    """Two do not, three with an answer between do not, three in more than ten seconds do not."""
    watched = Watched()
    watched.fail(2)
    watched.note("answered")
    watched.fail(2)
    assert watched.admitted == 1.0
    watched.now_s += 60.0
    watched.fail(3, every_s=5.1)
    assert watched.admitted == 1.0
    watched.now_s += 60.0
    watched.fail(3, every_s=5.0)
    assert watched.breaker.phase == "open"


def test_half_of_twenty_attempts_open_it() -> None:
    """A provider that fails every other time never fails three times in a row."""
    watched = Watched()
    for attempt in range(20):
        assert watched.admitted == 1.0
        watched.note("failed" if attempt % 2 else "answered")
    assert watched.admitted == 0.0


def test_three_much_slower_answers_in_a_row_open_it() -> None:
    """Compared with the average before the first of them, although the average follows them meanwhile."""
    watched = Watched()
    for latency_s, average_s in ((6.0, 1.0), (6.0, 2.0)):
        watched.note("answered", latency_s, average_s=average_s)
    assert watched.admitted == 1.0
    watched.note("answered", 6.0, average_s=2.8)
    assert watched.admitted == 0.0


def test_of_streams_the_first_chunk_counts() -> None:
    """Long answers take long; a provider that is slow to begin is slow. Whole answers between do not end the row."""
    breaker = Breaker()
    for number in range(20):
        breaker.note(float(number), "answered", latency_s=0.0, average=(0.1, 99), ttft_s=0.3, ttft_average=(0.3, 99))
        breaker.note(number + 60.0, "answered", latency_s=60.0, average=(1.0, 99), ttft_s=0.4, ttft_average=(0.3, 99))
    assert breaker.phase == "closed"
    for number in range(3):
        assert breaker.phase == "closed"
        breaker.note(200.0 + number, "answered", latency_s=1.0, average=(1.0, 99))
        breaker.note(200.0 + number, "answered", latency_s=3.0, average=(1.0, 99), ttft_s=2.0, ttft_average=(0.3, 99))
    assert breaker.phase == "open"


def test_answers_that_differ_in_length_do_not_open_it() -> None:
    """One or two slow answers are normal; so are slow ones of a model that nobody knows yet, or below a second."""
    watched = Watched()
    watched.answers([6.0, 6.0, 1.0, 6.0, 6.0, 4.9, 6.0])
    for _ in range(5):
        watched.note("answered", 60.0, average_s=1.0, answers=9)
        watched.note("answered", 0.9, average_s=0.01)
    assert watched.admitted == 1.0


def test_what_says_nothing_about_the_provider_changes_nothing() -> None:
    """Rate limits, mistakes of the caller and cancelled calls neither open it nor break a row of failures."""
    watched = Watched()
    for _ in range(50):
        watched.note("silent")
        watched.note("limited")
    watched.fail(1)
    watched.note("silent")
    watched.fail(2)
    assert watched.admitted == 0.0


def test_attempts_from_before_it_opened_change_nothing() -> None:
    """A hundred calls that were under way when it opened neither prolong the pause nor end it."""
    watched = Watched()
    watched.fail(3)
    watched.now_s += 5.5
    for kind in ("failed", "answered"):
        watched.note(kind, 20.0)
    assert watched.admitted == RULES.ramp[0]
    assert watched.breaker.phase == "open"


def test_a_pause_doubles_with_each_probe_that_fails_up_to_a_minute() -> None:
    """5, 10, 20, 40, 60, 60 seconds: a provider that is down is asked less and less often."""
    watched = Watched()
    watched.fail(3)
    pauses = []
    for _ in range(6):
        began_s = watched.now_s
        while not watched.breaker.lets_pass(watched.now_s, lambda: 0.99):
            watched.now_s += 0.5
        pauses.append(watched.now_s - began_s)
        watched.note("failed")
    assert pauses == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]


def test_a_probe_that_says_nothing_is_followed_by_another() -> None:
    """A caller who goes away must not keep the provider out."""
    watched = Watched()
    watched.fail(3)
    watched.now_s += 5.0
    assert watched.breaker.lets_pass(watched.now_s, lambda: 0.5)
    watched.note("silent")
    assert watched.breaker.lets_pass(watched.now_s, lambda: 0.5)


def test_full_traffic_for_a_minute_makes_the_next_pause_short_again() -> None:
    """Before that it is a relapse, and the pause is twice as long."""
    for calm_s, pause_s in ((59.0, 10.0), (60.0, 5.0)):
        watched = Watched()
        watched.fail(3)
        watched.now_s += 5.0
        watched.note("answered")
        watched.now_s += WAY_BACK_S
        assert watched.admitted == 1.0
        watched.now_s += calm_s
        watched.fail(3)
        assert watched.breaker.changes_at_s(watched.now_s) == watched.now_s + pause_s


def never_asked() -> float:
    """The draw of a request whose number must not matter."""
    raise AssertionError("drawn")


def test_the_way_back_step_by_step() -> None:
    """Pause, one probe, a tenth, a half, everything: each from its very second on, and when the next one comes."""
    watched = Watched()
    breaker, inf = watched.breaker, float("inf")
    assert (watched.admitted, breaker.returns(1000.0), breaker.changes_at_s(1000.0)) == (1.0, False, inf)
    assert breaker.lets_pass(1000.0, never_asked)
    watched.fail(3)

    assert (breaker.admitted(1004.9), breaker.returns(1004.9), breaker.changes_at_s(1004.9)) == (0.0, False, 1005.0)
    assert not breaker.lets_pass(1004.9, never_asked)
    assert (breaker.admitted(1005.0), breaker.returns(1005.0), breaker.changes_at_s(1005.0)) == (0.1, False, inf)
    assert breaker.lets_pass(1005.0, never_asked)
    assert not breaker.lets_pass(1604.9, never_asked)
    assert breaker.lets_pass(1605.0, never_asked)

    watched.now_s = 1700.0
    watched.note("answered")
    for begins_s, share in ((1700.0, 0.1), (1710.0, 0.5)):
        for now_s in (begins_s, begins_s + 9.9):
            assert (breaker.admitted(now_s), breaker.returns(now_s)) == (share, True)
            assert breaker.changes_at_s(now_s) == begins_s + 10.0
            assert breaker.lets_pass(now_s, lambda share=share: share - 0.01)  # type: ignore[misc]  # bound per turn
            assert not breaker.lets_pass(now_s, lambda share=share: share)  # type: ignore[misc]  # likewise

    assert (breaker.admitted(1720.0), breaker.returns(1720.0), breaker.changes_at_s(1720.0)) == (1.0, False, inf)
    assert breaker.lets_pass(1720.0, never_asked)


def test_a_probe_that_was_lost_does_not_keep_the_next_one_waiting() -> None:
    """The parent's, in a forked process."""
    watched = Watched()
    watched.fail(3)
    assert watched.breaker.lets_pass(1005.0, never_asked)
    watched.breaker.release_probe()
    assert watched.breaker.lets_pass(1005.0, never_asked)


def test_less_than_half_and_less_than_twenty_keep_it_closed() -> None:
    """9 of 20 are too few, and so are 10 of 19; the tenth of twenty opens it."""
    for kinds, phase in (("fa" * 9 + "aa", "closed"), ("fa" * 9 + "f", "closed"), ("af" * 10, "open")):
        watched = Watched()
        for kind in kinds:
            watched.note("failed" if kind == "f" else "answered")
        assert watched.breaker.phase == phase


def test_attempts_of_more_than_a_minute_ago_are_forgotten() -> None:
    """The minute is kept in twelve parts: what lies in the part of now and the eleven before it counts."""
    for later_s, phase in ((59.9, "open"), (60.0, "closed"), (600.0, "closed")):
        watched = Watched()
        for _ in range(9):
            watched.note("failed")
            watched.note("answered")
        watched.note("failed")
        watched.now_s += later_s
        watched.note("failed")
        assert watched.breaker.phase == phase, later_s


def test_a_provider_of_whose_attempts_a_third_fails_is_asked_on() -> None:
    """Also at the failure that is the last of many, and for as long as it goes on."""
    watched = Watched()
    for _ in range(100):
        watched.note("answered")
        watched.note("answered")
        watched.note("failed")
        watched.now_s += 3.0
        assert watched.breaker.phase == "closed"


def test_neither_old_answers_nor_old_failures_open_it() -> None:
    """Of this minute, 10 of 19 attempts failed, or 9 of 20: what ended a minute ago makes them no more."""
    for old, kinds in (("a", "fa" * 9 + "f"), ("ff", "aa" + "fa" * 8 + "af")):
        watched = Watched()
        for kind in old:
            watched.note("failed" if kind == "f" else "answered")
        watched.now_s += 60.0
        for kind in kinds:
            watched.note("failed" if kind == "f" else "answered")
        assert watched.breaker.phase == "closed", old


def test_attempts_are_counted_over_all_parts_of_the_minute() -> None:
    """Two every five seconds, of which one fails: after 45 seconds they are twenty."""
    watched = Watched()
    for _ in range(9):
        watched.note("answered")
        watched.note("failed")
        watched.now_s += 5.0
    assert watched.breaker.phase == "closed"
    watched.note("answered")
    watched.note("failed")
    assert watched.breaker.phase == "open"


def test_slow_is_more_than_five_times_the_average_and_more_than_a_second() -> None:
    """Exactly five times and exactly a second are not; ten answers make an average."""
    for latency_s, average_s, answers, phase in (
        (5.0, 1.0, 10, "closed"),
        (5.1, 1.0, 10, "open"),
        (5.1, 1.0, 9, "closed"),
        (5.1, None, 10, "closed"),
        (1.0, 0.1, 10, "closed"),
        (1.1, 0.1, 10, "open"),
    ):
        watched = Watched()
        for _ in range(3):
            watched.now_s += 10.0
            watched.note("answered", latency_s, average_s=average_s, answers=answers)
        assert watched.breaker.phase == phase, (latency_s, average_s, answers)


def test_a_probe_that_is_slow_or_fails_prolongs_the_pause() -> None:
    """One is enough: a provider that answers, but in six times its time, is not back."""
    for kind, latency_s in (("answered", 5.1), ("failed", 0.1)):
        watched = Watched()
        watched.fail(3)
        watched.now_s += 10.0
        assert watched.breaker.lets_pass(watched.now_s, never_asked)
        watched.note(kind, latency_s)  # type: ignore[arg-type]  # one of its words
        assert watched.breaker.phase == "open"
        assert watched.breaker.changes_at_s(watched.now_s) == watched.now_s + 10.0


def test_what_ends_during_the_pause_changes_nothing() -> None:
    """Attempts that began at the moment of the opening or after it, by callers that ask nobody."""
    for kind in ("answered", "failed"):
        watched = Watched()
        watched.fail(3)
        watched.now_s += 1.0
        watched.note(kind, 1.0)
        assert watched.breaker.phase == "open"
        assert watched.breaker.changes_at_s(watched.now_s) == 1005.0


def test_an_attempt_that_began_when_it_opened_may_be_the_probe() -> None:
    """Only what began before says nothing of the provider's state since."""
    watched = Watched()
    watched.fail(3)
    watched.now_s += 5.0
    watched.note("answered", 5.0)
    assert watched.breaker.returns(watched.now_s)


def test_a_relapse_needs_failures_of_its_own() -> None:
    """What happened before the pause is forgotten: two failures do not open it again, three do, for twice as long."""
    watched = Watched()
    watched.fail(3)
    watched.now_s += 5.0
    watched.note("answered")
    watched.now_s += 1.0
    watched.fail(2)
    assert watched.breaker.returns(watched.now_s)
    watched.fail(1)
    assert watched.breaker.changes_at_s(watched.now_s) == watched.now_s + 10.0


def test_a_pause_stays_a_minute_however_often_it_fails() -> None:
    """A provider may be gone for weeks."""
    watched = Watched()
    watched.fail(3)
    for _ in range(2000):
        watched.now_s += 60.0
        watched.note("failed")
    assert watched.breaker.changes_at_s(watched.now_s) == watched.now_s + 60.0


def test_each_error_type_is_of_one_kind() -> None:
    """As docs/state.md lists them; a refused answer is an answer, and what nobody listed says nothing."""
    kinds = {
        "answered": ("", "quality", "validator_error"),
        "failed": ("500", "503", "529", "408", "timeout", "connection", "bad_response", "APITimeoutError"),
        "limited": ("429", "insufficient_quota", "RateLimitError"),
        "silent": ("400", "401", "404", "CancelledError", "GeneratorExit", "outcome_missing", "5000", "KeyError"),
    }
    assert {error: kind_of(error) for errors in kinds.values() for error in errors} == {
        error: kind for kind, errors in kinds.items() for error in errors
    }


@given(st.text(max_size=20), st.text(max_size=20), st.floats(0, 1), st.floats(0, 1))
def test_who_is_let_through_at_a_share_is_at_every_larger_one(model: str, request_id: str, a: float, b: float) -> None:
    """So that a return to full traffic moves each request once; 0 lets nobody through, 1 everybody."""
    small, large = sorted((a, b))
    if lets_through(small, model, request_id):
        assert lets_through(large, model, request_id)
    assert lets_through(1.0, model, request_id)
    assert not lets_through(0.0, model, request_id)


def test_a_share_is_met() -> None:
    """Of ten thousand requests a tenth and a half, within four standard errors; other ones for another model."""
    draws = [draw("big", str(number)) for number in range(10_000)]
    assert abs(sum(each < 0.1 for each in draws) - 1000) < 120
    assert abs(sum(each < 0.5 for each in draws) - 5000) < 200
    both = sum(each < 0.5 and draw("small", str(number)) < 0.5 for number, each in enumerate(draws))
    assert abs(both - 2500) < 175


KINDS: Final[Mapping[str, Kind]] = {"answer": "answered", "fail": "failed", "silent": "silent"}
Events = st.lists(
    st.tuples(st.sampled_from(["ask", "ask", "answer", "fail", "silent"]), st.floats(0, 30), st.floats(0, 1)),
    max_size=80,
)


@given(Events)
def test_whatever_happens_there_is_one_probe_and_a_way_back(events: list[tuple[str, float, float]]) -> None:
    """Never two probes at a time, always an admission of one of four shares, and full traffic again once it answers."""
    breaker, now_s, in_flight = Breaker(), 0.0, 0
    for what, pause_s, number in events:
        now_s += pause_s
        assert breaker.admitted(now_s) in {0.0, *RULES.ramp, 1.0}
        probing = breaker.phase == "open"
        if what == "ask":
            passed = breaker.lets_pass(now_s, partial(float, number))
            if probing and passed:
                in_flight += 1
            assert in_flight <= 1 or not probing
        else:
            was_out = breaker.admitted(now_s) == 0.0
            breaker.note(now_s, KINDS[what], latency_s=0.0, average=(None, 0))
            if not (probing and was_out):
                in_flight = 0
        if breaker.phase != "open":
            in_flight = 0
    now_s += max(MOST_PAUSE_S, RULES.probe_lease_s)
    if breaker.phase == "open":
        assert breaker.lets_pass(now_s, lambda: 0.999)
        breaker.note(now_s, "answered", latency_s=0.0, average=(None, 0))
    assert breaker.admitted(now_s + WAY_BACK_S) == 1.0


@given(st.integers(0, 2**32), st.floats(0.5, 1.0))
def test_a_provider_that_is_down_gets_few_requests(seed: int, rate: float) -> None:
    """Down for ten minutes at ten requests a second: no more than the first few, and a probe per pause."""
    breaker, passed = Breaker(), 0
    for tick in range(6000):
        now_s = tick / 10
        if breaker.lets_pass(now_s, partial(float, (seed * (tick + 1) * 2654435761 % 2**32) / 2**32 * rate)):
            passed += 1
            breaker.note(now_s, "failed", latency_s=0.0, average=(None, 0))
    assert passed <= 3 + 5 + 600 / 60
