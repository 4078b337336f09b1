"""The protocol between a service and the process of one shadow policy.

Both directions are frames: four bytes of length, then the content. The service sends pickles of frozen values, ten
times faster than JSON for a long prompt. The process sends JSON, which is checked: the service never unpickles
objects of a policy's process.
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
"""Of one frame from the policy's process; the largest valid decision has an eighth of it."""


@dataclass(frozen=True, slots=True)
class Item:
    """One closed request for the other process."""

    request: Request
    snapshot: Snapshot
    outcome: Outcome


def pickled_item(request: Request, snapshot: Snapshot, outcome: Outcome) -> bytes:
    """One closed request as bytes, without the provider's own object of the answer."""
    if outcome.answer is not None:
        outcome = replace(outcome, answer=replace(outcome.answer, raw=None))
    return pickled(Item(request, snapshot, outcome))


def write_frame(pipe: BinaryIO, content: bytes) -> None:
    """Write one frame, in as many pieces as the pipe needs.

    Raises:
        OSError: the other side is gone.
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


def encoded_result(result: PolicyResult, errors: Sequence[tuple[str, str]]) -> bytes:
    """A result and errors of validators for the service, as JSON."""
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
    answer = {"made": made, "duration_s": result.duration_s, "escalated": result.escalated, "errors": list(errors)}
    return json.dumps(answer).encode()


def decoded_result(content: bytes) -> tuple[PolicyResult, list[tuple[str, str]]]:
    """The result of the other process, its decision still unchecked, and errors of validators: place and text.

    Raises:
        Exception: the content has another form.
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
    return result, [(str(where)[:200], str(text)[:200]) for where, text in answer["errors"]]
