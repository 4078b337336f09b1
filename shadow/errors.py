"""Errors of the SDK.

ShadowError
├── ConfigError (ValueError)      a file or argument is wrong; has `.file` and `.line`
├── PolicyError                   a policy did not return a decision; has `.policy`
├── UnknownFeatureError           a decision needs an unknown feature of the request; has `.feature`
├── OverBudgetError               no model fits a budget that must be kept
├── UnjudgedError                 a validator lacks information
├── UnservedError                 no step may serve the request now; has `.error_type`, `.status`
└── ProviderError                 a dispatch to a provider failed; has `.error_type`, `.status`
    └── MissingOutcomeError            the recorded table has no outcome for this request and model

They are raised by constructors, or by the live call itself. After construction no error of
shadow work, telemetry or configuration reload ever reaches the caller (`runtime/containment.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

FailureClass = Literal["request", "configuration", "context_length", "content_policy", "rate_limit", "quota", "outage"]
"""Class of a failed dispatch; docs/router.md has the action for each."""

CONTEXT_LENGTH: Final = "context_length"
CONTENT_POLICY: Final = "content_policy"
QUOTA: Final = "insufficient_quota"
CONFIGURATION: Final = "configuration"
CLASS_OF_TYPE: Final[dict[str, FailureClass]] = {
    CONTEXT_LENGTH: "context_length",
    CONTENT_POLICY: "content_policy",
    QUOTA: "quota",
    CONFIGURATION: "configuration",
    "401": "configuration",
    "403": "configuration",
    "429": "rate_limit",
}


class ShadowError(Exception):
    """Base of every error that this package raises."""


class ConfigError(ShadowError, ValueError):
    """A configuration file or argument breaks a rule; the text is `file:line: rule; next step`.

    Attributes:
        message: the text without file and line.
        file: of the broken rule; None = an argument.
        line: in the file; None = the whole file.
    """

    def __init__(self, message: str, *, file: str | Path | None = None, line: int | None = None) -> None:
        self.message = message
        self.file = None if file is None else str(file)
        self.line = line
        place = "" if self.file is None else self.file + (f":{line}" if line is not None else "") + ": "
        super().__init__(place + message)


class PolicyError(ShadowError):
    """A policy did not return a valid decision; `error_type` is that of the record."""

    def __init__(self, policy: str, message: str, *, error_type: str = "invalid_decision") -> None:
        self.policy = policy
        self.error_type = error_type
        super().__init__(f"policy {policy}: {message}")


class UnknownFeatureError(ShadowError):
    """A decision needs an unknown feature of the request, for example its prompt."""

    def __init__(self, feature: str) -> None:
        self.feature = feature
        super().__init__(f"needs {feature}, which is unknown for this request")


class OverBudgetError(ShadowError):
    """No model fits the budget of a policy that must keep it."""


class UnjudgedError(ShadowError):
    """A validator lacks information. It neither accepts nor refuses the answer."""


class UnservedError(ShadowError):
    """No step of the decision may serve the request now, although no provider failed.

    Attributes:
        error_type: `unavailable` (breakers are open or providers asked to wait), `killed`, `cost_budget`,
            `spending_limit` or `deadline`.
        status: the HTTP status: 402, 429, 503 or 504.
    """

    STATUSES: Final = {"unavailable": 503, "killed": 503, "cost_budget": 402, "spending_limit": 429, "deadline": 504}

    def __init__(self, message: str, *, error_type: str) -> None:
        self.error_type = error_type
        self.status = self.STATUSES[error_type]
        super().__init__(message)


class ProviderError(ShadowError):
    """A dispatch failed.

    Attributes:
        error_type: short, low-cardinality class of the failure: `timeout`, `connection`, `context_length` or another
            name of docs/router.md, else the HTTP status as text.
        status: HTTP status, None when no answer arrived.
        retryable: whether another provider may succeed with the same request (never for a 4xx of the caller).
        retry_after_s: seconds that the provider asks to wait, in [0, 60]; None = unknown.
        detail: the provider's own message, without its key; empty if it has none.
    """

    def __init__(
        self,
        message: str,
        *,
        error_type: str,
        status: int | None = None,
        retryable: bool = False,
        retry_after_s: float | None = None,
        detail: str = "",
    ) -> None:
        self.error_type = error_type
        self.status = status
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        self.detail = detail
        super().__init__(message)

    @property
    def failure_class(self) -> FailureClass:
        """The class of this failure."""
        known = CLASS_OF_TYPE.get(self.error_type)
        if known is not None:
            return known
        return "outage" if self.retryable else "request"


class MissingOutcomeError(ProviderError):
    """The table of recorded outcomes has no row for this request and model."""

    def __init__(self, request_id: str, model: str) -> None:
        self.request_id = request_id
        self.model = model
        super().__init__(f"no recorded outcome of {model} for {request_id}", error_type="outcome_missing")


def error_type_of(error: BaseException) -> str:
    """Class of a failure, of low cardinality: the provider's own, else the exception's name."""
    return error.error_type if isinstance(error, ProviderError) else type(error).__name__
