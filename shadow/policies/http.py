"""The mechanism `http`: another service decides. For shadows only, because it waits for an answer.

The request's text is never sent: the service gets features, and candidates with their state.
"""

from __future__ import annotations

import json
import os
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx

from shadow.domain.policy import Candidate, Step
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import PolicyError
from shadow.policies.plan import Plan, Refused
from shadow.prices.catalogue import Catalogue
from shadow.runtime.forks import on_fork_in_child

SCHEMA: Final = "policy_router_v1"
BODY_BYTES_AT_MOST: Final = 65_536
FAILURES_IN_A_ROW: Final = 3
PAUSE_S: Final = 30.0
FEATURES: Final = (
    "input_tokens", "max_output_tokens", "complexity", "task", "user_tier", "has_tools", "has_images", "wants_json",
)  # fmt: skip
"""Features that are sent besides labels; unknown ones are left out."""
HIDDEN: Final = {"complexity": "messages"}
"""Features that are unknown if another one is."""


class Breaker:
    """Stops asking a failed service: after three failures in a row, for half a minute; then one request may try.

    Args:
        tick: monotonic seconds.
    """

    def __init__(self, tick: Callable[[], float] = time.monotonic) -> None:
        self._tick = tick
        self._failures = 0
        self._closed_until = float("-inf")

    @property
    def is_open(self) -> bool:
        """Whether the service must not be asked now."""
        return self._tick() < self._closed_until

    def note(self, *, ok: bool) -> None:
        """Count the result of one question."""
        self._failures = 0 if ok else self._failures + 1
        if self._failures >= FAILURES_IN_A_ROW:
            self._closed_until = self._tick() + PAUSE_S


class Http:
    """Asks `POST url` for the model. Used by the thread of its policy only.

    Redirects are not followed and proxies of the environment are ignored, so that the token reaches only its configured
    address. It is read from the environment when a question is sent, and never stored.

    Args:
        policy: name of the policy, for errors.
        url: of the service.
        models: the candidates, by their names in the catalogue.
        catalogue: their tiers.
        timeout_s: seconds for connecting, and for the answer.
        token_env: environment variable with a bearer token; empty = none is sent.
        breaker: decides whether to ask.
    """

    def __init__(
        self,
        policy: str,
        url: str,
        models: tuple[str, ...],
        catalogue: Catalogue,
        *,
        timeout_s: float,
        token_env: str = "",
        breaker: Breaker | None = None,
    ) -> None:
        self._policy = policy
        self._url = url
        self._timeout_s = timeout_s
        self._token_env = token_env
        self._tiers = {name: catalogue.tier(name) for name in models}
        self._breaker = breaker or Breaker()
        self._client: httpx.Client | None = None
        self.models = models
        self.reads: frozenset[str] | None = None
        on_fork_in_child(self._after_fork)

    def choose(self, request: Request, snapshot: Snapshot, refused: Refused) -> Plan:
        """The service's choice among the models that pass the filters.

        Raises:
            PolicyError: the service is not asked (`breaker_open`), does not answer (`http_timeout`,
                `http_connection`), or does not answer with a choice (`http_STATUS`, `http_invalid`).
        """
        rejected = {name: reason for name in self.models if (reason := refused(name))}
        left = [name for name in self.models if name not in rejected]
        candidates = tuple(Candidate(model=name, rejected=reason) for name, reason in rejected.items())
        if not left:
            return Plan(steps=(), candidates=candidates, reason="no candidate is left")
        if self._breaker.is_open:
            raise PolicyError(
                self._policy, f"{self._url} is not asked for a while after failures", error_type="breaker_open"
            )
        try:
            plan = self._plan(self._answer(self._question(request, snapshot, left)), left, candidates)
        except PolicyError:
            self._breaker.note(ok=False)
            raise
        self._breaker.note(ok=True)
        return plan

    def _question(self, request: Request, snapshot: Snapshot, left: list[str]) -> dict[str, Any]:
        unknown = request.unknown
        features = {
            name: value
            for name in FEATURES
            if HIDDEN.get(name, name) not in unknown and (value := getattr(request, name)) is not None
        }
        return {
            "schema": SCHEMA,
            "execution_mode": "shadow",
            "policy": self._policy,
            "request_id": request.request_id,
            "time_us": request.time_us,
            "user_key": request.user_key,
            "session_key": request.session_key,
            "features": features,
            "labels": dict(request.labels),
            "unknown": sorted(unknown),
            "candidates": [self._candidate(name, snapshot) for name in left],
        }

    def _candidate(self, name: str, snapshot: Snapshot) -> dict[str, Any]:
        state = snapshot.of(name)
        known = {
            "tier": self._tiers[name] or None,
            "latency_s": state.latency_s,
            "quality": state.quality,
            "headroom": state.headroom,
        }
        return {
            "roster_id": name,
            "admitted": 0.0 if name in snapshot.killed else state.admitted,
            "warm_tokens": snapshot.warm_tokens.get(name, 0),
            **{key: value for key, value in known.items() if value is not None},
        }

    def _answer(self, question: dict[str, Any]) -> Mapping[str, Any]:
        token = os.environ.get(self._token_env, "") if self._token_env else ""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            with self._http().stream("POST", self._url, json=question, headers=headers) as response:
                if response.status_code != httpx.codes.OK:
                    raise self._error(f"answered {response.status_code}", f"http_{response.status_code}")
                body = bytearray()
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > BODY_BYTES_AT_MOST:
                        raise self._error(f"answered with more than {BODY_BYTES_AT_MOST:,} bytes", "http_invalid")
            answer = json.loads(bytes(body))
        except httpx.TimeoutException:
            raise self._error(f"did not answer within {self._timeout_s:g} s", "http_timeout") from None
        except httpx.HTTPError as error:
            raise self._error(f"is not reachable ({type(error).__name__})", "http_connection") from None
        except (ValueError, RecursionError):
            raise self._error("did not answer with JSON", "http_invalid") from None
        if not isinstance(answer, dict):
            raise self._error("did not answer with a JSON object", "http_invalid")
        return answer

    def _plan(self, answer: Mapping[str, Any], left: list[str], rejected: tuple[Candidate, ...]) -> Plan:
        chosen, scores = answer.get("selected_roster_id"), answer.get("candidate_scores") or {}
        if chosen not in left:
            raise self._error("chose a model that is not a candidate", "http_invalid")
        propensity, reason = answer.get("propensity"), answer.get("reason")
        if not isinstance(scores, dict) or not _is_number(propensity, none=True):
            raise self._error("answered with scores or a propensity that are not numbers", "http_invalid")
        ranked = sorted(left, key=lambda name: name != chosen)
        return Plan(
            steps=(Step(kind="primary", model=str(chosen)),),
            candidates=(*(Candidate(model=name, score=_score(scores.get(name))) for name in ranked), *rejected),
            reason=reason[:120] if isinstance(reason, str) and reason else "chosen by the service",
            propensity=propensity,
        )

    def _error(self, what: str, error_type: str) -> PolicyError:
        return PolicyError(self._policy, f"{self._url} {what}", error_type=error_type)

    def _http(self) -> httpx.Client:
        if self._client is None:
            self._client = httpx.Client(timeout=self._timeout_s, follow_redirects=False, trust_env=False)
            weakref.finalize(self, self._client.close)  # a policy has no close()
        return self._client

    def _after_fork(self) -> None:
        """Do not use the parent's connection."""
        self._client = None


def _is_number(value: Any, *, none: bool) -> bool:
    return (none and value is None) or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _score(value: Any) -> float | None:
    return float(value) if _is_number(value, none=False) else None
