"""Every answer that is not 200, in the format of OpenAI's errors, so that its clients raise their usual exceptions.

A provider's message about the request itself (400, 404, 409, 413, 415, 422) is passed on, all other messages are not:
they may be about the gateway's account, key or address.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from typing import Any, Final

from shadow.errors import ProviderError, ShadowError
from shadow.gateway.asgi import Header, Response, json_response
from shadow.runtime.containment import LOG_EVERY_S, describe

logger = logging.getLogger("shadowroute.gateway")

ABOUT_THE_REQUEST: Final = frozenset({400, 404, 409, 413, 415, 422})
ABOUT_OUR_ACCOUNT: Final = frozenset({401, 402, 403, 407})
"""Statuses for which the client would blame its own key, although the provider refused the gateway's."""

KINDS: Final = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}
STATUSES: Final = {"timeout": 504, "connection": 502, "configuration": 500, "outcome_missing": 404}
"""HTTP status per `error_type` of a failure without a status; 502 for all others."""


class RefusedError(ShadowError):
    """The gateway refuses a request.

    Attributes:
        status: HTTP status.
        code: machine-readable reason.
        param: the wrong field; None = no field.
        retry_after_s: seconds after which the same request may succeed; None = never, or unknown.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str = "",
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.param = param
        self.retry_after_s = retry_after_s
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error for a client. `code` has low cardinality, because metrics count it."""

    status: int
    message: str
    code: str
    param: str | None = None
    retry_after_s: float | None = None

    @property
    def document(self) -> dict[str, Any]:
        """OpenAI's error object."""
        default = "server_error" if self.status >= 500 else "invalid_request_error"
        kind = KINDS.get(self.status, default)
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def response(self, *headers: Header) -> Response:
        """The whole answer."""
        return json_response(self.document, self.status, (*headers, *self._retry_after()))

    def _retry_after(self) -> tuple[Header, ...]:
        if self.retry_after_s is None:
            return ()
        return ((b"retry-after", str(max(0, math.ceil(self.retry_after_s))).encode()),)


def failure_of(error: Exception) -> Failure:
    """The failure for a client from an error of the router or the gateway itself."""
    if isinstance(error, RefusedError):
        return Failure(
            status=error.status,
            message=str(error),
            code=error.code,
            param=error.param,
            retry_after_s=error.retry_after_s,
        )
    if isinstance(error, ProviderError):
        return _provider_failure(error)
    status = getattr(error, "status", None)
    if isinstance(error, ShadowError) and isinstance(status, int) and 400 <= status < 600:
        code = str(getattr(error, "error_type", "")) or type(error).__name__
        return Failure(status=status, message=str(error), code=code, retry_after_s=_retry_after_s(error))
    if isinstance(error, UnicodeEncodeError):
        return Failure(status=400, message="text must be valid Unicode, got a lone surrogate", code="invalid_unicode")
    if isinstance(error, ShadowError):
        code = str(getattr(error, "error_type", "")) or "policy_error"
        return Failure(status=500, message=f"the live policy gave no decision ({code})", code=code)
    _log(error)
    return Failure(status=500, message="internal error in the gateway; its log names the place", code="internal_error")


def _provider_failure(error: ProviderError) -> Failure:
    status = error.status
    if status is None or not 400 <= status < 600:
        status = STATUSES.get(error.error_type, 502)
    elif status in ABOUT_OUR_ACCOUNT:
        status = 502
    detail = error.detail if error.status in ABOUT_THE_REQUEST else ""
    return Failure(
        status=status,
        message=detail or f"no provider served the request; the last failure was: {error.error_type}",
        code=f"upstream_{error.error_type}",
        retry_after_s=_retry_after_s(error),
    )


def _retry_after_s(error: Exception) -> float | None:
    seconds = getattr(error, "retry_after_s", None)
    return float(seconds) if isinstance(seconds, (int, float)) and 0 <= seconds < math.inf else None


_logged_at: dict[str, float] = {}


def _log(error: Exception) -> None:
    """Log the place of an unexpected error, each place every 20 s. Never its text, which may quote a prompt."""
    place, now = describe(error), time.monotonic()
    if now - _logged_at.get(place, -math.inf) >= LOG_EVERY_S:
        _logged_at[place] = now
        logger.error(
            "shadowroute: internal error in the gateway; the request got HTTP 500; please report it: %s", place
        )
