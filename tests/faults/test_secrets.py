"""A provider's key stays where it belongs, whatever the provider does: in its own requests, and nowhere else."""

from __future__ import annotations

import json
import logging
import traceback

import pytest

from shadow.config import Routing
from shadow.errors import ProviderError
from shadow.execution import ExecutionSettings, RetrySettings
from shadow.policies.call import Call
from shadow.prices.catalogue import Catalogue, Model
from shadow.router import ShadowRouter
from shadow.testing import MemorySink
from tests.support.faulty import WAYS, Way
from tests.support.scripted_provider import Play, Wire, delta, event, head, refuses, says, scripted, sends, streams

CANARY = "sk-canary/7f3a+b9=="
SAID = f"Incorrect API key provided: {CANARY}"
AS_JSON = json.dumps({"error": {"message": SAID, "code": CANARY, "type": CANARY}})
ONCE = ExecutionSettings(retry=RetrySettings(times=0))

QUOTES: dict[str, Play] = {
    "in its message": refuses(401, {"error": {"message": SAID}}),
    "in every field": sends(head(401, {"X-Key": CANARY, "Retry-After": CANARY}) + AS_JSON.encode()),
    "in JSON with escapes": sends(head(401, {}) + AS_JSON.replace("/", "\\/").encode()),
    "in JSON as code points": sends(
        head(401, {}) + b'{"error": {"message": "' + "".join(f"\\u{ord(c):04x}" for c in CANARY).encode() + b'"}}'
    ),
    "at the cut of a long text": refuses(400, {"error": {"message": "x" * 290 + CANARY}}),
    "in plain text": sends(head(500, {}) + SAID.encode()),
    "in an unknown shape": sends(head(422, {}) + json.dumps({"detail": [{"input": SAID}]}).encode()),
    "in an error of an answer": sends(head(200, {}) + AS_JSON.encode()),
    "in an answer that is none": sends(head(200, {}) + json.dumps([SAID]).encode()),
    "in an answer that is no JSON": sends(head(200, {}) + SAID.encode()),
    "in an event": streams(event({"error": {"message": SAID}})),
    "in an event after text": streams(delta("a"), event(json.loads(AS_JSON))),
    "in an event that is no JSON": streams(delta("a"), event("{" + SAID)),
    "in something that is no HTTP": sends(f"{CANARY} {CANARY}\r\n\r\n".encode()),
    "in a redirect": sends(head(307, {"Location": f"http://127.0.0.1:9/{CANARY}"})),
}


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_KEY", CANARY)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("quote", QUOTES)
def test_a_key_that_a_provider_quotes_shows_up_nowhere(way: Way, quote: str, caplog: pytest.LogCaptureFixture) -> None:
    """Not in the error, its causes, their texts and fields, the traceback, a repr, a log line or a span.

    httpcore logs the headers of answers at DEBUG, whoever uses it; that is the host's to switch on.
    """
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, logger="shadowroute")
    sink = MemorySink()
    with scripted(QUOTES[quote]) as provider:
        models = [Model(name="a", provider="p", base_url=provider.base_url, api_key_env="CANARY_KEY")]
        live = Call(lambda request: "a", name="live", version="1")
        routing = Routing.of(live=live, catalogue=Catalogue(models), execution=ONCE)
        with ShadowRouter(routing, exporter=sink) as router:
            with pytest.raises(ProviderError) as caught:
                way(router)
            assert router.flush()
            shown = [repr(router), repr(vars(router)), repr(router.stats)]
    error: BaseException | None = caught.value
    shown += traceback.format_exception(caught.value)
    while error is not None:
        shown += [str(error), repr(error), repr(vars(error))]
        error = error.__cause__
    shown += [span.to_json() for span in sink.spans] + [caplog.text]
    assert sink.spans
    for text in shown:
        assert CANARY not in text
        assert json.dumps(CANARY)[1:-1] not in text
        assert CANARY[:12] not in text  # what a cut would leave of it


def test_a_key_travels_only_to_its_own_host() -> None:
    """A fallback at another address gets its own key, or none; a redirect is not followed."""
    seen: list[bytes] = []

    def notes(inner: Play) -> Play:
        def play(wire: Wire) -> None:
            seen.append(wire.headers)
            inner(wire)

        return play

    with scripted(notes(refuses(503))) as first, scripted(notes(says("fine"))) as second:
        models = [
            Model(name="a", provider="p", base_url=first.base_url, api_key_env="CANARY_KEY"),
            Model(name="b", provider="q", base_url=second.base_url),
        ]
        live = Call(lambda request: "a", name="live", version="1", fallback=["b"])
        routing = Routing.of(live=live, catalogue=Catalogue(models), execution=ONCE)
        with ShadowRouter(routing, exporter=MemorySink()) as router:
            assert router.complete(messages=[{"role": "user", "content": "hi"}]).text == "fine"
    assert [CANARY.encode() in headers for headers in seen] == [True, False]
    assert b"authorization" not in seen[1].lower()
