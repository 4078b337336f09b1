"""The scenario of docs/state.md: `weighted` leaves a slow model, and a failing one leaves and returns by the rules."""

from __future__ import annotations

import pytest

from examples.outage import DOWN_S, REQUESTS_PER_S, SETTINGS, SLOW_S, Moment, simulate
from shadow.state.breaker import RULES


@pytest.fixture(scope="module")
def moments() -> list[Moment]:
    return simulate()


def share(moments: list[Moment], seconds: range, model: str = "swift") -> float:
    """Of the requests of these seconds, the part that went to the model."""
    sent = [moments[second].sent for second in seconds]
    return sum(each[model] for each in sent) / sum(each.total() for each in sent)


def test_the_fastest_model_gets_everything_while_it_is(moments: list[Moment]) -> None:
    """Nothing is known at first; what models.yaml expects decides."""
    assert share(moments, range(SLOW_S.start)) == 1.0


def test_a_model_that_becomes_slow_is_left_within_four_answers(moments: list[Moment]) -> None:
    """Its average passes the next model's with the first slow answer (3 s at 0.2), which takes 3 seconds to arrive."""
    assert share(moments, range(SLOW_S.start + 4, SLOW_S.stop)) == 0.0
    assert moments[SLOW_S.start + 5].latency_s == pytest.approx(3.0, abs=0.1)
    assert {moments[second].admitted for second in SLOW_S} == {1.0}


def test_it_is_tried_again_once_its_slowness_is_forgotten(moments: list[Moment]) -> None:
    """A minute after its last answer; by then it is fast again, and gets everything at once."""
    last_answer_s = SLOW_S.start + 3 + 3
    again = next(each.at_s for each in moments[SLOW_S.start + 4 :] if each.sent["swift"])
    assert again <= last_answer_s + SETTINGS.forget_s
    assert share(moments, range(again + 1, DOWN_S.start)) == 1.0


def test_a_model_that_fails_is_out_after_three_failures(moments: list[Moment]) -> None:
    """They arrive within a second; after that it gets one probe per pause, of 5, 10, 20 and 40 seconds."""
    assert moments[DOWN_S.start].admitted < 1.0 or moments[DOWN_S.start + 1].admitted < 1.0
    probes = [each.at_s for each in moments[DOWN_S.start + 2 : DOWN_S.stop] for _ in range(each.sent["swift"])]
    assert len(probes) == 3
    pauses = [after - before for before, after in zip([DOWN_S.start, *probes], probes, strict=False)]
    assert all(pause >= expected for pause, expected in zip(pauses, (5, 10, 20), strict=True))
    errors = sum(each.errors for each in moments)
    assert errors <= REQUESTS_PER_S + len(probes)


def test_it_comes_back_by_a_ramp_and_stays(moments: list[Moment]) -> None:
    """About a tenth, then half, then everything, each step once; no other step in between, and none after it."""
    steps = [moments[DOWN_S.stop].admitted]
    for each in moments[DOWN_S.stop :]:
        if each.admitted != steps[-1]:
            steps.append(each.admitted)
    assert steps == [0.0, *RULES.ramp, 1.0]
    came_back = next(each.at_s for each in moments[DOWN_S.stop :] if each.admitted == RULES.ramp[0])
    assert came_back <= DOWN_S.stop + 40
    length = int(RULES.ramp_stage_s)
    first, second = came_back + 2, came_back + 2 + length
    assert 0.02 <= share(moments, range(first, first + length - 2)) <= 0.25
    assert 0.35 <= share(moments, range(second, second + length - 2)) <= 0.7
    assert share(moments, range(came_back + 2 + 2 * length, len(moments))) == 1.0


def test_no_request_finds_nobody(moments: list[Moment]) -> None:
    """Whatever happens, some model is asked for every request."""
    assert all("" not in each.sent and each.sent.total() == REQUESTS_PER_S for each in moments)
