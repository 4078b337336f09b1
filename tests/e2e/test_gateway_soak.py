"""The short form of `make soak`: the gateway's own process under a steady load."""

from __future__ import annotations

from tests.benchmarks.soak import soak

SECONDS = 5.0
PER_SECOND = 40.0


def test_every_request_is_answered_and_recorded_exactly_once() -> None:
    """No error, one live row and one row per shadow for each request, also for the last ones before the end."""
    done = soak(SECONDS, per_second=PER_SECOND)
    assert done.problems() == []
    assert done.sent > SECONDS * PER_SECOND * 0.9
