"""Explanation of a policy's decision on one request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shadow.domain.policy import Candidate, Decision, Step
from shadow.domain.request import Request


def explained(decision: Decision, request: Request) -> str:
    """The decision as text: steps, reason and candidates."""
    return "\n".join(_lines(decision, request))


def as_document(decision: Decision) -> dict[str, Any]:
    """The decision as JSON values."""
    return {
        "policy": decision.policy,
        "version": decision.version,
        "steps": [{"kind": s.kind, "model": s.model, "accept_if": list(s.accept_if)} for s in decision.steps],
        "candidates": [
            {"model": c.model, "score": c.score, "terms": dict(c.terms), "rejected": c.rejected}
            for c in decision.candidates
        ],
        "reason": decision.reason,
        "confidence": decision.confidence,
        "propensity": decision.propensity,
        "state_mode": decision.state_mode,
    }


def _lines(decision: Decision, request: Request) -> Iterator[str]:
    yield f"{decision.policy} {decision.version} -> {decision.model}"
    yield f"  request     {_request(request)}"
    yield f"  reason      {decision.reason or 'not given'}"
    yield f"  steps       {', then '.join(_step(step) for step in decision.steps)}"
    propensity = "unknown" if decision.propensity is None else f"{decision.propensity:g}"
    confidence = "not given" if decision.confidence is None else f"{decision.confidence:.3f}"
    yield f"  propensity  {propensity}   confidence {confidence}   state {decision.state_mode}"
    if decision.candidates:
        yield "  considered"
        width = max(len(candidate.model) for candidate in decision.candidates)
        for candidate in decision.candidates:
            yield f"    {candidate.model:<{width}}  {_verdict(candidate, decision.model)}"


def _request(request: Request) -> str:
    known = {
        "task": request.task,
        "user_tier": request.user_tier,
        "input_tokens": f"{request.input_tokens:,}" if "input_tokens" not in request.unknown else "unknown",
        "complexity": f"{request.complexity:.2f}" if "messages" not in request.unknown else "unknown",
    }
    known |= {f"label:{key}": value for key, value in request.labels.items()}
    flags = [name for name in ("has_tools", "wants_json", "has_images") if getattr(request, name)]
    return ", ".join([f"{name} {value}" for name, value in known.items() if value] + flags)


def _step(step: Step) -> str:
    checks = f" if {' and '.join(step.accept_if)}" if step.accept_if else ""
    return f"{step.kind} {step.model}{checks}"


def _verdict(candidate: Candidate, chosen: str) -> str:
    score = "" if candidate.score is None else f"score {candidate.score:.4f}"
    terms = ", ".join(f"{name} {value:.4g}" for name, value in candidate.terms.items())
    why = candidate.rejected or ("chosen" if candidate.model == chosen else "")
    return "  ".join(part for part in (score, f"({terms})" if terms else "", why) if part)
