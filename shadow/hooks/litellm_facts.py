"""Reads LiteLLM's calls and events. A missing value, or one of another type, is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from shadow.domain.usage import read

CLIENT_LEFT: Final = "ClientDisconnected"


def metadata_of(event: Any) -> Mapping[str, Any]:
    """Metadata of a call or an event; the key differs between kinds of calls."""
    for holder in (read(event, "litellm_params"), event):
        for name in ("metadata", "litellm_metadata"):
            held = read(holder, name)
            if isinstance(held, Mapping) and held:
                return held
    return {}


def seconds_between(start: Any, end: Any) -> float | None:
    """Seconds between two times of LiteLLM's events; None if one is missing."""
    if not isinstance(start, datetime) or not isinstance(end, datetime) or start.tzinfo != end.tzinfo:
        return None
    return max(0.0, (end - start) / timedelta(seconds=1))


def cost_of(amount: Any, *, hit: bool) -> float | None:
    """USD that LiteLLM reports. Its 0 means a model without a price, except for an answer of its cache."""
    if hit:
        return 0.0
    is_amount = isinstance(amount, (int, float)) and not isinstance(amount, bool)
    return float(amount) if is_amount and 0 < amount < float("inf") else None


def provider_of(event: Any) -> str:
    """LiteLLM's name of an event's provider."""
    told = read(event, "custom_llm_provider") or read(read(event, "litellm_params"), "custom_llm_provider")
    return text_of(told)


def client_left(event: Any) -> bool:
    """Whether the proxy's client went away: LiteLLM then accounts for the part of the stream that it had sent."""
    told = read(read(event, "standard_logging_object"), "error_information")
    return read(told, "error_class") == CLIENT_LEFT or metadata_of(event).get("client_disconnected") is True


def text_of(value: Any) -> str:
    """A text; empty for anything else."""
    return value if isinstance(value, str) else ""
