"""What crosses between a service and the process of one shadow policy, and how.

Both directions are frames: four bytes of length, then the content. Down go pickles of frozen values, which are ten
times faster than JSON on a long prompt. Up comes JSON, and it is checked like any stranger's answer: the service loads
no object that a policy's process made.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, BinaryIO, Final

from shadow.domain.outcome import Outcome
from shadow.domain.policy import Candidate, Decision, Failure, Step
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.policies.guarded import PolicyResult
from shadow.runtime.pickling import pickled

LENGTH: Final = struct.Struct(">I")
UPWARD_BYTES_AT_MOST: Final = 4 * 1024 * 1024
"""Of one frame from the policy's process; the largest decision that passes the checks has an eighth of it."""


@dataclass(frozen=True, slots=True)
class Item:
    """One closed request, as the other process sees it."""

    request: Request
    snapshot: Snapshot
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer of the other process.

    Attributes:
        result: what the policy said, not checked yet.
        notes: what its validators threw: where, and what.
    """

    result: PolicyResult
    notes: Sequence[tuple[str, str]]


def pickled_item(request: Request, snapshot: Snapshot, outcome: Outcome) -> bytes:
    """One closed request as bytes, without the provider's own object of the answer."""
    if outcome.answer is not None:
        outcome = replace(outcome, answer=replace(outcome.answer, raw=None))
    return pickled(Item(request, snapshot, outcome))


def write_frame(pipe: BinaryIO, content: bytes) -> None:
    """Write one frame, however many pieces the pipe takes it in.

    Raises:
        OSError: nobody reads any more.
    """
    left = memoryview(LENGTH.pack(len(content)) + content)
    while left:
        left = left[pipe.write(left) or 0 :]


def read_frame(pipe: BinaryIO, at_most: int) -> bytes:
    """The content of the next frame.

    Raises:
        EOFError: the other side is gone.
        ValueError: the frame is longer than `at_most` bytes.
    """
    (length,) = LENGTH.unpack(_read(pipe, LENGTH.size))
    if length > at_most:
        raise ValueError(f"a frame must have at most {at_most:,} bytes, got {length:,}")
    return _read(pipe, length)


def _read(pipe: BinaryIO, length: int) -> bytes:
    body = bytearray()
    while len(body) < length:
        piece = pipe.read(length - len(body))
        if not piece:
            raise EOFError
        body += piece
    return bytes(body)


def judgement_json(result: PolicyResult, notes: Sequence[tuple[str, str]]) -> bytes:
    """A result for the service."""
    decision = result.decision
    made: dict[str, Any]
    if isinstance(decision, Failure):
        made = {
            "status": decision.status,
            "error_type": decision.error_type,
            "message": decision.message,
        }
    else:
        made = {
            "steps": [[step.kind, step.model, list(step.accept_if)] for step in decision.steps],
            "candidates": [[c.model, c.score, dict(c.terms), c.rejected] for c in decision.candidates],
            "reason": decision.reason,
            "confidence": decision.confidence,
            "propensity": decision.propensity,
            "state_mode": decision.state_mode,
        }
    made |= {"policy": decision.policy, "version": decision.version}
    answer = {"made": made, "duration_s": result.duration_s, "escalated": result.escalated, "notes": list(notes)}
    return json.dumps(answer).encode()


def heard(content: bytes) -> Heard:
    """A result from the other process.

    Raises:
        Exception: it is none.
    """
    answer = json.loads(content)
    made, escalated, duration_s = answer["made"], answer["escalated"], answer["duration_s"]
    decision: Decision | Failure
    if "steps" in made:
        decision = Decision(
            policy=made["policy"],
            version=made["version"],
            steps=tuple(Step(kind=kind, model=model, accept_if=tuple(names)) for kind, model, names in made["steps"]),
            candidates=tuple(
                Candidate(model=model, score=score, terms=MappingProxyType(terms), rejected=rejected)
                for model, score, terms, rejected in made["candidates"]
            ),
            reason=made["reason"],
            confidence=made["confidence"],
            propensity=made["propensity"],
            state_mode=made["state_mode"],
        )
    else:
        decision = Failure(
            policy=str(made["policy"]),
            version=str(made["version"]),
            status=made["status"] if made["status"] in ("error", "timeout", "invalid") else "error",
            error_type=str(made["error_type"])[:200],
            message=str(made["message"])[:200],
        )
    result = PolicyResult(
        decision=decision,
        duration_s=None if duration_s is None else float(duration_s),
        escalated=None if escalated is None else bool(escalated),
    )
    return Heard(result, [(str(where)[:200], str(what)[:200]) for where, what in answer["notes"]])
