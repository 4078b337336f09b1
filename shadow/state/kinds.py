"""Kinds of results of attempts, for the provider's health."""

from __future__ import annotations

import re
from typing import Final, Literal

from shadow.domain.outcome import REFUSED, UNJUDGED

Kind = Literal["answered", "failed", "limited", "silent"]
"""The result of one attempt for a model's health. Silent: no information, because the request was at fault or the
caller left."""

ANSWERED: Final = frozenset({"", REFUSED, UNJUDGED})
"""A refused answer is still an answer of a healthy provider."""

FAILED: Final = frozenset(
    {"408", "timeout", "connection", "bad_response", "stream_truncated", "provider_error"}
    # Hosts report the exceptions of their clients: openai, LiteLLM, httpx, Python.
    | {"APITimeoutError", "APIConnectionError", "InternalServerError", "ServiceUnavailableError", "BadGatewayError"}
    | {"Timeout", "ConnectTimeout", "ReadTimeout", "PoolTimeout", "ConnectError", "ReadError", "RemoteProtocolError"}
    | {"TimeoutError", "ConnectionError", "ConnectionResetError", "ConnectionRefusedError", "BrokenPipeError"}
)
LIMITED: Final = frozenset({"429", "insufficient_quota", "RateLimitError"})
SERVER_ERROR: Final = re.compile(r"5\d\d")


def kind_of(error_type: str) -> Kind:
    """The kind of an attempt, from its `error_type`. An unlisted one is silent."""
    if error_type in ANSWERED:
        return "answered"
    if error_type in FAILED or SERVER_ERROR.fullmatch(error_type):
        return "failed"
    return "limited" if error_type in LIMITED else "silent"
