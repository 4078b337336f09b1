"""Small policies, catalogues and routings for tests and benchmarks of the SDK."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from shadow.config import Export, Limits, LiveSpec, Routing
from shadow.domain.outcome import Answer, Outcome, Usage
from shadow.domain.policy import Candidate, Decision, Policy, Step
from shadow.domain.request import Message, Request
from shadow.domain.snapshot import Snapshot
from shadow.prices.catalogue import Catalogue, Model
from shadow.recording.recorder import Recorder
from shadow.testing import MemorySink

CATALOGUE = Catalogue(
    [
        Model(name="big", provider="openai", tier="large", aliases=("azure/big-prod", "big-eu")),
        Model(name="small", provider="openai", tier="small"),
        Model(name="other", provider="onprem", tier="medium"),
    ]
)
LIVE = LiveSpec(name="live", version="aaaa", decides="repeatably")

_ids = itertools.count(1)


class FunctionPolicy:
    """A policy from a function of the request."""

    def __init__(self, name: str, decide: Callable[[Request], Any], version: str = "1111") -> None:
        self.name = name
        self.version = version
        self._decide = decide

    def decide(self, request: Request, snapshot: Snapshot) -> Decision:
        """Whatever the function gives."""
        given: Decision = self._decide(request)
        return given


class CascadePolicy(FunctionPolicy):
    """Tries `small`, then `big`; `refuse` names the validator that refuses an answer."""

    def __init__(self, refuse: Callable[[Answer], str], name: str = "cascade") -> None:
        super().__init__(name, lambda request: cascade(name))
        self._refuse = refuse

    def accepts(self, request: Request, decision: Decision, step: Step, answer: Answer) -> str:
        """The function's verdict."""
        return self._refuse(answer)


def decision(model: str = "small", policy: str = "cheap", **changes: Any) -> Decision:
    """A decision for one model."""
    made = Decision(policy=policy, version="1111", steps=(Step(kind="primary", model=model),), reason="a rule")
    return replace(made, **changes)


def cascade(policy: str = "cascade") -> Decision:
    """First `small`, then `big`."""
    steps = (Step(kind="primary", model="small", accept_if=("ok",)), Step(kind="escalation", model="big"))
    return decision(policy=policy, steps=steps)


def always(model: str, name: str = "cheap") -> FunctionPolicy:
    """A policy that always takes one model, with candidates as real ones have them."""
    candidates = (Candidate(model=model, score=1.0), Candidate(model="big", score=0.4, rejected="costs more"))
    return FunctionPolicy(name, lambda request: decision(model, name, candidates=candidates))


def request(request_id: str | None = None, **fields: Any) -> Request:
    """A request, with an id of its own unless one is given."""
    facts: dict[str, Any] = {
        "request_id": request_id or f"request-{next(_ids)}",
        "time_us": 1_700_000_000_000_000,
        "messages": (Message("user", "How do I return an order?"),),
        "task": "support",
    }
    return Request(**(facts | fields))


def routing(shadows: Iterable[Policy] = (), *, export_to: str = "http://127.0.0.1:9", **changes: Any) -> Routing:
    """A routing with an observed live router. Nothing listens at its default address. `changes` may be limits."""
    limits = {name: changes.pop(name) for name in list(changes) if hasattr(Limits(), name)}
    made = Routing.of(service="support-api", live=LIVE, shadows=shadows, catalogue=CATALOGUE, limits=Limits(**limits))
    return replace(made, **({"export": Export(to=export_to)} | changes))


def recorder(sink: MemorySink, shadows: Iterable[Policy] = (), **changes: Any) -> Recorder:
    """A recorder whose own errors fail the test."""
    return Recorder(routing(shadows, **changes), exporter=sink, on_error="raise")


def complete(model: str = "big", **changes: Any) -> Outcome:
    """A whole answer."""
    usage = Usage(input_tokens=120, output_tokens=30, cache_read_tokens=20)
    return replace(Outcome(status="complete", model=model, usage=usage, duration_s=0.5, response_id="r-1"), **changes)


def record(recorder: Recorder, request: Request, outcome: Outcome, made: Decision | None = None) -> None:
    """One request from decision to outcome."""
    live = made or decision("big", "live", version="aaaa")
    recorder.close(recorder.open(request, Snapshot(), live, decide_s=0.00001), outcome)
