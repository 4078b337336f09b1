"""F9: a provider that is down, busy or slow. Real sockets; the waits are virtual where a test would have to wait."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from email.utils import formatdate
from types import SimpleNamespace

import pytest

from shadow.errors import ProviderError, UnservedError
from shadow.execution import ExecutionSettings, RetrySettings, Terms, TierBudget, shells
from shadow.providers import openai_http
from shadow.providers.openai_http import OpenAIHttp
from shadow.router import ShadowRouter
from tests.support.faulty import FULL, WAYS, Way, by_acomplete, by_astream, by_complete, faulty
from tests.support.scripted_provider import Play, Wire, drips, head, refuses, says, scripted, sends
from tests.support.untrusted_tls import untrusted_provider

every_way = pytest.mark.parametrize("way", WAYS)
ENDS_SOON_S = 0.3
"""Time-out of the broken provider, where it is silent. The healthy one has as long as it needs."""

ONCE = ExecutionSettings(retry=RetrySettings(times=0))


@pytest.fixture(autouse=True)
def patient_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Client and server share this process: on a busy machine a connection may take seconds."""
    monkeypatch.setattr(openai_http, "CONNECT_TIMEOUT_S", 60.0)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every wait of a blocking call, which takes no time."""
    waits: list[float] = []
    monkeypatch.setattr(shells, "time", SimpleNamespace(sleep=waits.append))
    return waits


@pytest.fixture
def healthy() -> Iterator[str]:
    with scripted(says("fine")) as provider:
        yield provider.base_url


FAULTS: dict[str, tuple[Play, str]] = {
    "503": (refuses(503), "503"),
    "529": (refuses(529, {"type": "error", "error": {"type": "overloaded_error", "message": "x"}}), "529"),
    "no money": (refuses(429, {"error": {"code": "insufficient_quota"}}), "insufficient_quota"),
    "long wait": (refuses(429, Retry_After="30"), "429"),
    "reset": (sends(then="reset"), "connection"),
    "closed": (sends(), "connection"),
    "closed in its headers": (sends(b"HTTP/1.1 200 OK\r\nContent-"), "connection"),
    "reset in its body": (sends(head(200, {"Content-Length": "99"}) + b"{", then="reset"), "connection"),
    "no HTTP": (sends(b"SSH-2.0-OpenSSH\r\n"), "connection"),
    "silence": (sends(then="silence"), "timeout"),
    "silence after its headers": (sends(head(200, {}), then="silence"), "timeout"),
    "one byte after the other": (drips(head(200, {}), b" "), "timeout"),
    "error in a 200": (sends(head(200, {}) + b'{"error": {"message": "late"}}'), "provider_error"),
    "no JSON in a 200": (sends(head(200, {}) + b"<html>gateway</html>"), "bad_response"),
    "rate limit in a 200": (sends(head(200, {}) + b'{"error": {"message": "slow down", "code": 429}}'), "429"),
}


@every_way
@pytest.mark.parametrize("fault", FAULTS)
def test_a_peer_serves_and_the_record_says_why(way: Way, fault: str, healthy: str) -> None:
    """The caller gets the healthy answer; the attempt has the right class; the broken provider is asked once."""
    play, error_type = FAULTS[fault]
    provider = OpenAIHttp(timeout_s=ENDS_SOON_S if error_type == "timeout" else 60.0)
    impatient = ExecutionSettings(retry=RetrySettings(patience_s=0.0))
    with (
        scripted(play) as broken,
        faulty(broken.base_url, healthy, providers={"broken": provider}, settings=impatient) as case,
    ):
        assert way(case.router) == "fine"
        assert case.attempts() == [("primary", "a", error_type), ("fallback", "b", "")]
        row = case.row()
        assert broken.calls == 1
    assert (row["llm_router.outcome.status"], row["llm_router.outcome.contamination"]) == ("complete", "fallback")
    assert (row["gen_ai.response.model"], row["gen_ai.provider.name"]) == ("b", "healthy")
    assert row["gen_ai.usage.output_tokens"] == 5


UNREACHABLE: dict[str, Callable[[str], str]] = {
    "TLS to a server that speaks none": lambda url: url.replace("http://", "https://"),
    "a name that nobody knows": lambda url: "http://no-such-host.invalid/v1",
    "a port that nobody listens on": lambda url: "http://127.0.0.1:1/v1",
}


@every_way
@pytest.mark.parametrize("address", UNREACHABLE)
def test_an_address_that_cannot_be_reached_is_a_connection_error(way: Way, address: str, healthy: str) -> None:
    """TLS, DNS and a closed port."""
    with scripted(says()) as unused, faulty(UNREACHABLE[address](unused.base_url), healthy) as case:
        assert way(case.router) == "fine"
        assert case.attempts() == [("primary", "a", "connection"), ("fallback", "b", "")]
        assert unused.calls == 0


@every_way
def test_a_certificate_that_nobody_trusts_is_a_connection_error(way: Way, healthy: str) -> None:
    """No byte of the request, and so no key, is sent to whoever that is; it is not tried again either."""
    with untrusted_provider() as stranger, faulty(stranger.base_url, healthy) as case:
        assert way(case.router) == "fine"
        assert case.attempts() == [("primary", "a", "connection"), ("fallback", "b", "")]
    assert stranger.handshakes == 1
    assert [sent for sent in stranger.received if sent] == []


@every_way
@pytest.mark.parametrize("fault", FAULTS)
def test_without_a_peer_the_caller_gets_the_providers_own_error(way: Way, fault: str) -> None:
    """The same class reaches the caller and the record."""
    play, error_type = FAULTS[fault]
    provider = OpenAIHttp(timeout_s=ENDS_SOON_S if error_type == "timeout" else 60.0)
    with scripted(play) as broken, faulty(broken.base_url, providers={"broken": provider}, settings=ONCE) as case:
        with pytest.raises(ProviderError) as caught:
            way(case.router)
        row = case.row()
    assert (caught.value.error_type, caught.value.retryable) == (error_type, True)
    assert (row["llm_router.outcome.status"], row["error.type"]) == ("error", error_type)


@every_way
@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_what_is_about_the_request_or_its_key_is_asked_nowhere_else(way: Way, status: int) -> None:
    """Neither again nor of a peer."""
    with scripted(refuses(status)) as broken, scripted(says()) as peer:
        with faulty(broken.base_url, peer.base_url) as case, pytest.raises(ProviderError) as caught:
            way(case.router)
        assert (caught.value.status, broken.calls, peer.calls) == (status, 1, 0)


def in_seconds(seconds: float) -> str:
    return formatdate(time.time() + seconds, usegmt=True)


@pytest.mark.parametrize(
    ("header", "least_s", "most_s"),
    [
        ("2", 2.0, 2.2),
        ("0.25", 0.25, 0.275),
        ("date", 20.0, 33.0),
        ("-5", 0.25, 0.5),
        ("1e9", 60.0, 66.0),
        ("soon", 0.25, 0.5),
        ("", 0.25, 0.5),
    ],
)
def test_a_busy_provider_is_waited_for_as_it_asks(
    slept: list[float], header: str, least_s: float, most_s: float
) -> None:
    """Never earlier than it says and at most a tenth later; what makes no sense is a backoff."""
    told = {} if not header else {"Retry_After": in_seconds(30) if header == "date" else header}
    with scripted(refuses(429, **told), says()) as busy, faulty(busy.base_url) as case:
        assert by_complete(case.router) == "fine"
        assert case.attempts() == [("primary", "a", "429"), ("retry", "a", "")]
        assert "llm_router.outcome.contamination" not in case.row()
    assert least_s <= slept[0] <= most_s


@pytest.mark.parametrize("way", [by_acomplete, by_astream])
def test_an_event_loop_waits_without_blocking(way: Way) -> None:
    """The wait is real here, and short."""
    with scripted(refuses(429, Retry_After_Ms="50"), says()) as busy, faulty(busy.base_url) as case:
        started = time.perf_counter()
        assert way(case.router) == "fine"
        assert time.perf_counter() - started >= 0.05


@every_way
def test_a_slow_first_byte_is_not_waited_for_beyond_the_tiers_budget(way: Way, healthy: str) -> None:
    """The dispatch is ended at the provider as well, and the last step has as long as it needs."""
    budget = ExecutionSettings(tiers={"default": TierBudget(latency_s=0.3)})
    with scripted(sends(then="silence")) as slow, faulty(slow.base_url, healthy, settings=budget) as case:
        assert way(case.router) == "fine"
        assert case.attempts() == [("primary", "a", "latency_budget"), ("fallback", "b", "")]


@pytest.mark.parametrize("way", [by_acomplete, by_astream])
def test_headers_that_drip_are_cut_on_an_event_loop(way: Way, healthy: str) -> None:
    """Single bytes of a header are no silence; only the loop's own clock ends them."""
    budget = ExecutionSettings(tiers={"default": TierBudget(latency_s=0.3)})
    with scripted(drips(b"HTTP/1.1 200 OK\r\n", b"X")) as slow, faulty(slow.base_url, healthy, settings=budget) as case:
        assert way(case.router) == "fine"
        assert case.attempts()[0] == ("primary", "a", "latency_budget")


@every_way
def test_a_deadline_ends_a_request_whatever_is_left_to_try(way: Way) -> None:
    """A body that drips, and a fallback for which no time is left."""
    settings = ExecutionSettings(deadline_s=0.4)
    with scripted(drips(head(200, {}), b" ")) as slow, scripted(says()) as peer:
        with faulty(slow.base_url, peer.base_url, settings=settings) as case, pytest.raises(ProviderError) as caught:
            way(case.router)
        assert (caught.value.error_type, peer.calls) == ("timeout", 0)


class HandClock:
    """A clock that only moves by hand."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def time_ns(self) -> int:
        return int(self.now_s * 1e9)

    def perf_counter(self) -> float:
        return self.now_s


def outcome_of(router: ShadowRouter) -> str:
    """What became of one request: the text, or the type of its error."""
    try:
        return by_complete(router)
    except (ProviderError, UnservedError) as error:
        return error.error_type


def test_a_full_outage_is_not_made_worse(slept: list[float]) -> None:
    """Without a breaker each request gets the provider's error, and retries add at most a fifth to the traffic."""
    requests = 5_000 if FULL else 100
    terms = Terms.of(ExecutionSettings())  # no state: nothing keeps the requests away
    with scripted(refuses(503)) as dead, faulty(dead.base_url) as case, ThreadPoolExecutor(4) as pool:
        case.router._terms = terms
        assert set(pool.map(lambda _: outcome_of(case.router), range(requests))) == {"503"}
        assert requests < dead.calls <= 1.2 * requests
        assert case.router.flush()
        assert len(case.sink.rows("live")) == requests


def test_a_dead_provider_gets_one_probe_at_a_time(slept: list[float]) -> None:
    """The breaker ends the traffic after three failures; then a crowd of requests makes one call per pause."""
    crowd = 200 if FULL else 20
    clock = HandClock()
    released = threading.Event()

    def hangs_then_refuses(wire: Wire) -> None:
        released.wait(60)
        refuses(503)(wire)

    fails = [refuses(503)] * 3
    with scripted(*fails, hangs_then_refuses) as dead, faulty(dead.base_url, settings=ONCE, clock=clock) as case:
        assert [outcome_of(case.router) for _ in range(3)] == ["503"] * 3
        assert [outcome_of(case.router) for _ in range(crowd)] == ["unavailable"] * crowd
        assert dead.calls == 3
        for probes in range(1, 4):
            clock.now_s += 61.0  # longer than any pause
            released.clear()
            with ThreadPoolExecutor(crowd) as pool:
                asked = [pool.submit(outcome_of, case.router) for _ in range(crowd)]
                done, waiting = wait_for_all_but_one(asked)
                assert {each.result() for each in done} == {"unavailable"}
                released.set()
                assert waiting.result() == "503"
            assert dead.calls == 3 + probes
        assert case.router.flush()
        errors = Counter(row["error.type"] for row in case.sink.rows("live"))
    assert errors == {"503": 6, "unavailable": crowd + 3 * (crowd - 1)}


def wait_for_all_but_one(asked: list[Future[str]]) -> tuple[list[Future[str]], Future[str]]:
    """Those that are done, once only one is not."""
    pending = set(asked)
    while len(pending) > 1:
        _, pending = wait(pending, return_when=FIRST_COMPLETED)
    (last,) = pending
    return [each for each in asked if each is not last], last


def test_a_provider_that_recovers_serves_again_by_ramp(slept: list[float]) -> None:
    """One probe, then growing shares of the traffic while its peer serves the rest; nobody sees an error."""
    requests = 60
    clock = HandClock()
    with (
        scripted(*[refuses(503)] * 3, says("back")) as broken,
        scripted(says("peer")) as peer,
        faulty(broken.base_url, peer.base_url, settings=ONCE, clock=clock) as case,
    ):
        assert [outcome_of(case.router) for _ in range(4)] == ["peer"] * 4
        clock.now_s += 61.0
        assert outcome_of(case.router) == "back"
        shares = []
        for _ in range(3):
            served = Counter(outcome_of(case.router) for _ in range(requests))
            assert set(served) <= {"back", "peer"}
            shares.append(served["back"] / requests)
            clock.now_s += 10.5
    assert shares[0] < shares[1] < shares[2] == 1.0


def test_a_recovering_provider_without_a_peer_serves_everybody(slept: list[float]) -> None:
    """A ramp spares a provider for its peers; where there is none, it would only prolong the outage."""
    clock = HandClock()
    with (
        scripted(*[refuses(503)] * 3, says("back")) as broken,
        faulty(broken.base_url, settings=ONCE, clock=clock) as case,
    ):
        assert [outcome_of(case.router) for _ in range(4)] == ["503", "503", "503", "unavailable"]
        clock.now_s += 61.0
        assert [outcome_of(case.router) for _ in range(30)] == ["back"] * 30


def test_a_provider_that_asked_to_wait_is_left_alone_by_other_requests(slept: list[float]) -> None:
    """Its budget is not free: a peer serves until the time that it named has passed."""
    clock = HandClock()
    with (
        scripted(refuses(429, Retry_After="30"), says("free")) as busy,
        scripted(says("peer")) as peer,
        faulty(busy.base_url, peer.base_url, clock=clock) as case,
    ):
        assert [outcome_of(case.router) for _ in range(5)] == ["peer"] * 5
        assert busy.calls == 1
        clock.now_s += 30.5
        assert outcome_of(case.router) == "free"


def test_rate_limit_headers_keep_requests_away_before_a_refusal(slept: list[float]) -> None:
    """A provider that has nothing left is not asked for a 429."""
    none_left = {"x-ratelimit-limit-requests": "100", "x-ratelimit-remaining-requests": "0"}
    answer = b'{"object": "chat.completion", "choices": [{"message": {"content": "last"}}]}'
    clock = HandClock()
    with (
        scripted(sends(head(200, none_left | {"x-ratelimit-reset-requests": "20s"}) + answer)) as full,
        scripted(says("peer")) as peer,
        faulty(full.base_url, peer.base_url, clock=clock) as case,
    ):
        assert [outcome_of(case.router) for _ in range(3)] == ["last", "peer", "peer"]
        clock.now_s += 21.0
        assert outcome_of(case.router) == "last"
