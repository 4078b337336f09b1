"""Access control of the collector."""

from __future__ import annotations

import pytest

from shadow.errors import ConfigError
from shadow.runtime.loopback import is_loopback, names_loopback
from shadowroute.collector.doors.auth import Gate
from shadowroute.collector.otlp.limits import RefusalError


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "localhost", "LOCALHOST", "::1", "[::1]"])
def test_loopback_names(host: str) -> None:
    """Every spelling of this machine alone."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "10.0.0.1", "example.com", "", "127.0.0.1.evil.example", "localhost.evil", "::"]
)
def test_what_is_not_loopback(host: str) -> None:
    """Anything that another machine could be, or could resolve to."""
    assert not is_loopback(host)


@pytest.mark.parametrize("header", ["localhost:1:2", "localhost:x", "localhost/x", "me@localhost", "[::1", "[::2]:80"])
def test_a_malformed_host_header_names_no_loopback(header: str) -> None:
    """What is more than a name and a port was not written by a client of ours."""
    assert not names_loopback(header)


def test_beyond_loopback_a_token_is_needed_to_start() -> None:
    """An open port without a token is a mistake that is refused, not warned about."""
    with pytest.raises(ConfigError, match=r"a token must be given to listen on 0\.0\.0\.0"):
        Gate(host="0.0.0.0")
    Gate(host="0.0.0.0", token="x")


def test_secrets_are_not_shown() -> None:
    """A gate in a log or traceback names no token."""
    assert "s3cret" not in repr(Gate(host="127.0.0.1", token="s3cret", owner_token="s3cret2"))


@pytest.mark.parametrize("value", ["Bearer s3cret", "bearer s3cret", "Bearer owner"])
def test_the_token_and_the_owners_token_let_in(value: str) -> None:
    """The scheme's case does not count."""
    Gate(host="0.0.0.0", token="s3cret", owner_token="owner").check({"authorization": value})


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer s3cre", "Bearer s3cret2", "Basic s3cret", "Bearer ünïcode"])
def test_anything_else_is_401(value: str) -> None:
    """Also text that is not ASCII, which a comparison of strings would not take."""
    with pytest.raises(RefusalError) as caught:
        Gate(host="0.0.0.0", token="s3cret", owner_token="").check({"authorization": value})
    assert caught.value.status == 401


def test_owner_requests_need_the_owners_token_even_on_loopback() -> None:
    """A job that costs time is not for every local process."""
    gate = Gate(host="127.0.0.1", token="s3cret", owner_token="owner")
    gate.check_owner({"authorization": "Bearer owner"})
    for headers in ({}, {"authorization": "Bearer s3cret"}):
        with pytest.raises(RefusalError):
            gate.check_owner(headers)


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"host": "localhost:4318"}, True),
        ({"host": "[::1]:4318"}, True),
        ({}, True),
        ({"host": "evil.example:4318"}, False),
        ({"host": "localhost:4318", "origin": "http://localhost:8501"}, False),
        ({"host": "localhost:4318", "origin": "null"}, False),
    ],
)
def test_without_a_token_only_local_programs_come_in(headers: dict[str, str], allowed: bool) -> None:
    """A page in a browser sends an Origin, and a rebound name is a foreign Host."""
    gate = Gate(host="127.0.0.1")
    if allowed:
        gate.check(headers)
        return
    with pytest.raises(RefusalError) as caught:
        gate.check(headers)
    assert caught.value.status == 403
