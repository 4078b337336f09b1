"""A sample request and a sample state, as a user types them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from shadow.domain.features import extract
from shadow.domain.ids import KeyedHash
from shadow.domain.request import Request
from shadow.domain.snapshot import STATELESS, ModelState, Snapshot
from shadow.errors import ConfigError

REQUEST_KEYS: Final = (
    "messages", "task", "user_tier", "labels", "input_tokens", "max_output_tokens", "tools", "response_format",
    "has_images", "user", "session", "prompt_version", "request_id",
)  # fmt: skip
STATE_KEYS: Final = tuple(field.name for field in fields(ModelState))
UNTOLD: Final = frozenset({"messages"})
TIME_US: Final = 1_767_225_600_000_000
"""The first moment of 2026: decisions on a sample do not depend on the day of the run."""


def sample_request(text: str) -> Request:
    """The request of a JSON object; missing keys are absent features, and a missing prompt is unknown.

    Raises:
        ConfigError: it is not a JSON object, or has a key that a request does not have.
    """
    told = _object(text, "--request", REQUEST_KEYS)
    labels = told.get("labels") or {}
    if not isinstance(labels, dict):
        raise ConfigError(f"labels of --request must be a JSON object, got {type(labels).__name__}")
    return extract(
        **{"messages": None, "request_id": "sample", **told},
        allowed_labels=frozenset(labels),
        hash_id=KeyedHash("sample"),
        time_us=TIME_US,
        unknown=frozenset() if told.get("messages") is not None else UNTOLD,
    )


def sample_state(text: str) -> Snapshot:
    """The snapshot of a JSON object, model to its observed values; an empty text is no state.

    Raises:
        ConfigError: it is not a JSON object of objects, or has a key that a state does not have.
    """
    if not text:
        return STATELESS
    models: dict[str, ModelState] = {}
    for model, state in _object(text, "--state", None).items():
        if not isinstance(state, dict):
            raise ConfigError(f"--state of {model} must be a JSON object, got {type(state).__name__}")
        _refuse_unknown(state, f"--state of {model}", STATE_KEYS)
        models[model] = ModelState(**state)
    return Snapshot(mode="shared", models=models)


def _object(text: str, option: str, keys: tuple[str, ...] | None) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{option} must be JSON, got {text[:60]!r}; {error}") from None
    if not isinstance(value, dict):
        raise ConfigError(
            f'{option} must be a JSON object, got {type(value).__name__}; for example {{"task": "extract"}}'
        )
    if keys is not None:
        _refuse_unknown(value, option, keys)
    return value


def _refuse_unknown(value: Mapping[str, Any], option: str, keys: tuple[str, ...]) -> None:
    unknown = sorted(set(value) - set(keys))
    if unknown:
        raise ConfigError(f"keys of {option} must be among {', '.join(keys)}, got {', '.join(unknown)}")
