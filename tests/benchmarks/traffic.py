"""The service that the SDK benchmarks stand for: 24 features, one live decision by rules, three shadows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shadow.config import LiveSpec, Routing
from shadow.domain.policy import Decision, Policy, Step
from shadow.observer import Observer
from tests.support.sdk import CATALOGUE, FunctionPolicy

QUESTION = "How do I return an order that arrived damaged? " * 12
MESSAGES = [
    {"role": "system", "content": "You answer questions about orders. " * 20},
    {"role": "user", "content": QUESTION},
]
REPLY = {
    "object": "chat.completion",
    "id": "chatcmpl-1",
    "model": "big",
    "choices": [{"message": {"role": "assistant", "content": "Send it back within 30 days."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 310, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 128}},
}


def by_task(name: str, cheap: str, from_tokens: int) -> FunctionPolicy:
    """A policy with a rule, as users write them."""

    def decide(request: Any) -> Any:
        model = "big" if request.input_tokens > from_tokens or request.task == "legal" else cheap
        reason = "short question" if model == cheap else "long or legal"
        return Decision(policy=name, version="1", steps=(Step(kind="primary", model=model),), reason=reason)

    return FunctionPolicy(name, decide)


THREE = (by_task("cheap-first", "small", 2000), by_task("bold", "small", 100_000), by_task("careful", "other", 100))


def service(shadows: tuple[Policy, ...], collector_url: str) -> Observer:
    """An observer of that service."""
    return Observer(
        Routing.of(
            service="bench",
            live=LiveSpec(name="live", version="1", decides="repeatably"),
            shadows=shadows,
            catalogue=CATALOGUE,
            export_to=collector_url,
            labels=["team", "channel"],
        )
    )


def observed_call(observer: Observer, live: Callable[[], Any]) -> Any:
    """One routed call, as a host would write it."""
    with observer.request(
        messages=MESSAGES, user="user-17", session="session-4", task="support", labels={"team": "a", "channel": "web"}
    ) as request:
        request.chose("big")
        reply = live()
        request.served(reply)
    return reply
