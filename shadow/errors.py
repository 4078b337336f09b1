"""Errors of the SDK.

ShadowError
├── ConfigError (ValueError)      a file or argument is wrong; carries `.file` and `.line`
├── PolicyError                   a policy gave something that is not a decision; carries `.policy`
├── UnknownFeatureError           a decision needs what is not known of the request; carries `.feature`
├── OverBudgetError               no model fits a budget that must be kept
├── UnjudgedError                 a validator lacks what it needs to judge this answer
└── ProviderError                 a dispatch to a provider failed; carries `.error_type`, `.status`
    └── MissingOutcomeError            the recorded table holds no outcome for this request and model

They are raised while something is built, or by the live call itself. After construction no error of
shadow work, telemetry or configuration reload ever reaches the caller (`contained.py`).
"""

from __future__ import annotations

from pathlib import Path


class ShadowError(Exception):
    """Base of every error that this package raises."""


class ConfigError(ShadowError, ValueError):
    """A configuration file or argument breaks a rule; the text is `file:line: what is wrong; what to do`."""

    def __init__(self, message: str, *, file: str | Path | None = None, line: int | None = None) -> None:
        self.message = message
        self.file = None if file is None else str(file)
        self.line = line
        place = "" if self.file is None else self.file + (f":{line}" if line is not None else "") + ": "
        super().__init__(place + message)


class PolicyError(ShadowError):
    """A policy returned something that cannot be a decision; `error_type` is what the record carries."""

    def __init__(self, policy: str, message: str, *, error_type: str = "invalid_decision") -> None:
        self.policy = policy
        self.error_type = error_type
        super().__init__(f"policy {policy}: {message}")


class UnknownFeatureError(ShadowError):
    """A decision depends on something that whoever recorded the request does not tell, for example its prompt."""

    def __init__(self, feature: str) -> None:
        self.feature = feature
        super().__init__(f"needs {feature}, which is not known of this request")


class OverBudgetError(ShadowError):
    """No model fits the budget of a policy that must keep it."""


class UnjudgedError(ShadowError):
    """A validator lacks what it needs to judge this answer. The answer is neither accepted nor refused by it."""


class ProviderError(ShadowError):
    """A dispatch failed.

    Attributes:
        error_type: short, low-cardinality class of the failure: `timeout`, `connection` or the HTTP status as text.
        status: HTTP status, None when no answer arrived.
        retryable: whether another provider may succeed with the same request (never for a 4xx of the caller).
    """

    def __init__(self, message: str, *, error_type: str, status: int | None = None, retryable: bool = False) -> None:
        self.error_type = error_type
        self.status = status
        self.retryable = retryable
        super().__init__(message)


class MissingOutcomeError(ProviderError):
    """The table of recorded outcomes has no row for this request and model."""

    def __init__(self, request_id: str, model: str) -> None:
        self.request_id = request_id
        self.model = model
        super().__init__(f"no recorded outcome of {model} for {request_id}", error_type="outcome_missing")
