"""A service that decides: what it is told, what it may answer, and what happens when it does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from shadow.config import load_routing
from shadow.domain.request import Message
from shadow.domain.snapshot import STATELESS, ModelState, Snapshot
from shadow.errors import ConfigError, PolicyError
from shadow.policies.composed import Composed
from shadow.policies.http import FAILURES_IN_A_ROW, PAUSE_S, Breaker, Http
from shadow.prices.catalogue import Model
from tests.support.models import MODELS, catalogue, policy_of, request
from tests.support.remote_router import RemoteRouter, Reply, remote_router


class Tick:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def server() -> Iterator[RemoteRouter]:
    with remote_router() as listening:
        yield listening


def asking(server: RemoteRouter, *, timeout_s: float = 10.0, tick: Tick | None = None, token_env: str = "") -> Composed:
    models = catalogue(Model(name="small", tier="small"), Model(name="large"))
    chooser = Http(
        "remote",
        server.url,
        ("large", "small"),
        models,
        timeout_s=timeout_s,
        token_env=token_env,
        breaker=Breaker(tick or Tick()),
    )
    return Composed(name="remote", version="1", chooser=chooser)


def failure(policy: Composed) -> str:
    with pytest.raises(PolicyError) as caught:
        policy.decide(request(), STATELESS)
    return caught.value.error_type


def test_the_question_tells_features_and_candidates_and_no_prompt(server: RemoteRouter) -> None:
    """What is unknown is left out and named; the text stays in the process."""
    asked = request(
        messages=(Message("user", "my secret"),),
        task="extract",
        complexity=0.5,
        unknown=frozenset({"messages", "user_tier"}),
    )
    state = Snapshot(models={"small": ModelState(latency_s=1.5)}, warm_tokens={"large": 7}, killed=frozenset({"large"}))
    asking(server).decide(asked, state)
    (question,) = server.questions
    assert "secret" not in str(question)
    assert question["execution_mode"] == "shadow"
    assert question["features"] == {
        "input_tokens": 1000, "task": "extract", "has_tools": False, "has_images": False, "wants_json": False,
    }  # fmt: skip
    assert question["unknown"] == ["messages", "user_tier"]
    assert question["candidates"] == [
        {"roster_id": "large", "admitted": 0.0, "warm_tokens": 7},
        {"roster_id": "small", "tier": "small", "admitted": 1.0, "warm_tokens": 0, "latency_s": 1.5},
    ]


def test_the_answer_is_a_decision(server: RemoteRouter) -> None:
    """Scores, propensity and reason come along; without a propensity it is unknown."""
    server.script.append(
        Reply(
            b'{"selected_roster_id": "small", "candidate_scores": {"small": 0.8}, "propensity": 0.5, "reason": "why"}'
        )
    )
    policy = asking(server)
    decision = policy.decide(request(), STATELESS)
    assert (decision.model, decision.propensity, decision.reason) == ("small", 0.5, "why")
    assert [(each.model, each.score) for each in decision.candidates] == [("small", 0.8), ("large", None)]
    assert policy.decide(request(), STATELESS).propensity is None


@pytest.mark.parametrize(
    ("reply", "error_type"),
    [
        (Reply(status=503), "http_503"),
        (Reply(status=307, headers={"Location": "http://127.0.0.1:1/"}), "http_307"),
        (Reply(b"no json"), "http_invalid"),
        (Reply(b"[]"), "http_invalid"),
        (Reply(b'{"selected_roster_id": "huge"}'), "http_invalid"),
        (Reply(b'{"selected_roster_id": "small", "propensity": "x"}'), "http_invalid"),
        (Reply(b" " * 100_000), "http_invalid"),
    ],
)
def test_what_is_no_choice_is_a_failure(server: RemoteRouter, reply: Reply, error_type: str) -> None:
    """Nothing falls back to a guess, and no redirect is followed."""
    server.script.append(reply)
    assert failure(asking(server)) == error_type


def test_it_waits_no_longer_than_it_may(server: RemoteRouter) -> None:
    """A silent service is a failure after the time-out."""
    hold = threading.Event()
    server.script.append(Reply(hold=hold))
    assert failure(asking(server, timeout_s=0.05)) == "http_timeout"
    hold.set()


def test_a_service_that_fails_is_left_alone_for_a_while(server: RemoteRouter) -> None:
    """After three failures in a row nobody asks for half a minute; then one question decides."""
    tick = Tick()
    policy = asking(server, tick=tick)
    server.script.extend([Reply(status=500)] * (FAILURES_IN_A_ROW + 1))
    assert [failure(policy) for _ in range(FAILURES_IN_A_ROW + 2)] == ["http_500"] * 3 + ["breaker_open"] * 2
    tick.now_s = PAUSE_S
    assert (failure(policy), failure(policy)) == ("http_500", "breaker_open")
    tick.now_s = 2 * PAUSE_S
    assert policy.decide(request(), STATELESS).model == "small"
    assert len(server.questions) == FAILURES_IN_A_ROW + 2


def test_the_token_travels_to_its_address_only(server: RemoteRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read from the environment at the question, and in no error."""
    monkeypatch.setenv("REMOTE_TOKEN", "hush")
    policy = asking(server, token_env="REMOTE_TOKEN")
    policy.decide(request(), STATELESS)
    assert server.authorizations == ["Bearer hush"]
    server.script.append(Reply(status=401))
    with pytest.raises(PolicyError) as caught:
        policy.decide(request(), STATELESS)
    assert "hush" not in str(caught.value)


def test_no_service_decides_live(tmp_path: Path) -> None:
    """It would make every request wait; as a shadow it may, and also inside another file it is found."""
    remote = "policy: remote\nchoose: {http: {url: 'http://127.0.0.1:9/', version: '1', among: [small]}}\n"
    assert policy_of(tmp_path, remote).models == ("small",)
    (tmp_path / "remote.yaml").write_text(remote)
    (tmp_path / "nested.yaml").write_text("policy: n\nchoose: {policy: remote.yaml}\n")
    (tmp_path / "own.yaml").write_text("policy: own\nchoose: {use: small}\n")
    (tmp_path / "models.yaml").write_text(MODELS)
    for live in ("remote.yaml", "nested.yaml"):
        (tmp_path / "shadow.yaml").write_text(f"live: {live}\nshadows: [own.yaml]\n")
        with pytest.raises(ConfigError, match=r"remote.yaml:2: http must be in a shadow, got it in the live policy"):
            load_routing(tmp_path / "shadow.yaml")
    (tmp_path / "shadow.yaml").write_text("live: own.yaml\nshadows: [remote.yaml]\n")
    assert load_routing(tmp_path / "shadow.yaml").shadows[0].name == "remote"


def test_a_service_needs_a_version(tmp_path: Path) -> None:
    """Nobody else can see when it changes."""
    with pytest.raises(ConfigError, match="version must be given under http, got nothing"):
        policy_of(tmp_path, "policy: r\nchoose: {http: {url: 'http://127.0.0.1:9/', among: [small]}}\n")
