"""Exports of other tools as tables: what their columns are called here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from shadowroute.collector.replay.readers import values

HELICONE: Final = {
    "Created At": "time", "Status": "status", "Model": "model", "Prompt Tokens": "input_tokens",
    "Completion Tokens": "output_tokens", "Total Tokens": "total_tokens", "Latency": "latency_ms", "Cost": "cost_usd",
    "User": "user", "Request ID": "request_id", "Provider": "provider", "Session": "session",
    "Prompt Cache Read Tokens": "cached_input_tokens", "Prompt Cache Write Tokens": "cache_write_tokens",
    "Time to First Token": "ttft_ms",
}  # fmt: skip
HELICONE_API: Final = {
    "request_created_at": "time", "response_status": "status", "response_model": "model",
    "prompt_tokens": "input_tokens", "completion_tokens": "output_tokens", "total_tokens": "total_tokens",
    "delay_ms": "latency_ms", "time_to_first_token": "ttft_ms", "cost": "cost_usd", "request_user_id": "user",
    "prompt_cache_read_tokens": "cached_input_tokens", "prompt_cache_write_tokens": "cache_write_tokens",
}  # fmt: skip
LANGFUSE: Final = {
    "startTime": "time", "endTime": "end_time", "usageDetails": "usage", "calculatedTotalCost": "cost_usd",
    "totalCost": "cost_usd", "latency": "latency_s", "timeToFirstToken": "ttft_s", "level": "status",
    "id": "request_id", "userId": "user", "sessionId": "session", "promptVersion": "prompt_version",
}  # fmt: skip
OPENROUTER: Final = {
    "generation_id": "request_id", "created_at": "time", "model_permaslug": "model", "tokens_prompt": "input_tokens",
    "tokens_completion": "output_tokens", "tokens_reasoning": "reasoning_tokens",
    "tokens_cached": "cached_input_tokens",
    "cost_total": "cost_usd", "byok_usage_inference": "upstream_cost_usd", "provider_name": "provider",
    "generation_time_ms": "latency_ms", "time_to_first_token_ms": "ttft_ms", "finish_reason_normalized": "status",
    "app_name": "label:app", "api_key_name": "label:key",
}  # fmt: skip
OPENROUTER_MARKS: Final = frozenset({"generation_id", "model_permaslug", "cost_total"})
KNOWN: Final = (
    (OPENROUTER, OPENROUTER_MARKS),
    (HELICONE, frozenset({"Created At", "Prompt Tokens", "Completion Tokens"})),
    (HELICONE_API, frozenset({"request_created_at", "delay_ms"})),
    (LANGFUSE, frozenset({"startTime", "usageDetails", "model"})),
)
"""Names, and the columns by which the export is known."""
ALIASES: Final = {
    "cached_tokens": "cached_input_tokens", "cache_read_tokens": "cached_input_tokens",
    "cache_read_input_tokens": "cached_input_tokens", "cache_creation_tokens": "cache_write_tokens",
    "cache_write_input_tokens": "cache_write_tokens", "cache_creation_input_tokens": "cache_write_tokens",
    "usage_details": "usage", "usageDetails": "usage", "usageMetadata": "usage", "usage_metadata": "usage",
}  # fmt: skip
"""Names of providers for what every table may have: not to read them would price every cached token in full."""


def completed(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row under our names, with what an export says in several columns; rows of other tables as they are.

    OpenRouter's activity names the variant of a model (`free`) apart, bills by its own price list unless a key of the
    user's own paid, and then charges nothing or a fee. So only a free variant costs 0.
    """
    if not row.keys() >= OPENROUTER_MARKS:
        return row
    variant = values.text(row.get("variant"))
    charged, upstream = (values.amount(row.get(name)) or 0.0 for name in ("cost_usd", "upstream_cost_usd"))
    more: dict[str, Any] = {"cost_usd": charged + upstream or (0.0 if variant == "free" else None)}
    if variant not in ("", "standard"):
        more["model"] = f"{values.text(row.get('model'))}:{variant}"
    if not upstream:
        more["provider"] = "openrouter"
    if values.flag(row.get("cancelled")):
        more["status"] = "cancelled"
    return {**row, "upstream_cost_usd": None, **more}


def renaming(columns: Collection[str], rename: Mapping[str, str]) -> dict[str, str]:
    """The columns under our names: as the user says, else as a known export means it, else by a provider's name."""
    milliseconds = {"latency_s": "latency_ms", "ttft_s": "ttft_ms"}
    known = next((names for names, marks in KNOWN if marks <= set(columns)), {})
    found = {
        theirs: milliseconds.get(ours, ours) if known.get(theirs) == milliseconds.get(ours) else ours
        for theirs, ours in rename.items()
    }
    for names in (known, ALIASES):
        for theirs, ours in names.items():
            if theirs in columns and theirs not in found and ours not in columns and ours not in found.values():
                found[theirs] = ours
    return found
