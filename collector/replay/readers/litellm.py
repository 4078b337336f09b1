"""LiteLLM's spend logs: the proxy's table LiteLLM_SpendLogs, or the table `spend_logs` of its ClickHouse callback.

Particulars: a proxy's own cache hits have an id with a suffix; the request body stands in
`proxy_server_request` only if prompts are stored, and long texts in it are cut in the middle; a cost of 0 also stands
for a model without a price; and a session id is generated for every call without one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from shadow.domain.accounting import Counts, counts_of_block, settled
from shadow.domain.features import output_limit
from shadow.domain.outcome import Contamination, OutcomeStatus
from shadow.domain.usage import answer_of, cost_of_block, under
from shadowroute.collector.replay.readers import values
from shadowroute.collector.replay.readers.reading import Reading
from shadowroute.collector.replay.readers.rows import RowLog
from shadowroute.collector.replay.readers.text_rows import Row
from shadowroute.collector.replay.record import Read, Record, RecordedSignal, Skipped

NEEDED: Final = (
    ("startTime", "start_time", "time"),
    ("model",),
    ("prompt_tokens", "input_tokens"),
    ("completion_tokens", "output_tokens"),
)
PARSED: Final = ("metadata", "request_tags", "proxy_server_request")
"""Columns that hold JSON, read once per row."""
CHAT_CALLS: Final = frozenset({
    "", "completion", "acompletion", "text_completion", "atext_completion", "responses", "aresponses",
    "anthropic_messages", "generate_content", "agenerate_content", "generate_content_stream",
    "agenerate_content_stream", "pass_through_endpoint", "allm_passthrough_route", "llm_passthrough_route",
})  # fmt: skip
CACHE_HIT_SUFFIX: Final = "_cache_hit"
CUT: Final = "litellm_truncated"
"""Marker in a text of which the proxy kept only the ends."""
TIER: Final = "service_tier"
SEGMENTS: Final = ("task", "user_tier", "prompt_version")
HOLDERS: Final = ("spend_logs_metadata", "requester_metadata")
"""Place of a caller's own metadata in `metadata`."""


class LiteLLMLog(RowLog):
    """Spend logs of a LiteLLM proxy."""

    needed = NEEDED

    def __init__(self, file: Path, reading: Reading | None = None) -> None:
        super().__init__(file, reading)
        self._answering: dict[str, set[tuple[str, str]]] = defaultdict(set)

    def _notice(self, place: str, row: Row) -> None:
        raw = _parsed(row)
        self._ids.notice(values.text(raw.get("request_id")), _time_us(raw, self._reading.renamed(raw)))
        failed, provider = _failed(raw), values.text(raw.get("custom_llm_provider"))
        self._cache.notice(_counts(raw, values.mapping_of(raw.get("metadata"))), provider, place)
        group, model = _group(raw), values.text(raw.get("model"))
        if group and model and not failed:
            self._answering[group].add((model, provider))

    def _read(self, place: str, row: Row) -> Iterator[Read]:
        raw = _parsed(row)
        renamed = self._reading.renamed(raw)
        kind = values.text(raw.get("call_type"))
        time_us = _time_us(raw, renamed)
        model, provider = self._asked(raw, renamed)
        if kind not in CHAT_CALLS:
            yield Skipped(place, f"no chat call ({kind})")
        elif time_us is None:
            yield Skipped(place, "startTime is not a time between 2000 and 2100")
        elif not model:
            yield Skipped(place, "no model")
        else:
            told = values.text(raw.get("request_id"))
            raw["response_id"] = raw.get("response_id") or told.partition(CACHE_HIT_SUFFIX)[0]
            raw["request_id"] = self._ids.of(told, row, time_us)
            signals, refused = self._reading.judged(raw, place)
            yield from refused
            labels = self._reading.labels(renamed)
            counts = self._cache.of(_counts(raw, values.mapping_of(raw.get("metadata"))), provider)
            call = _call(raw, renamed, time_us=time_us, model=model, counts=counts, labels=labels, signals=signals)
            yield replace(call, place=place, provider=provider)

    def _asked(self, raw: Row, renamed: Mapping[str, Any]) -> tuple[str, str]:
        """Model and provider. A failure names its group or nothing: then it is one of the group's model, if it has one.

        A group of several models does not tell which of them failed, so the failure keeps the name of the group.
        """
        model, provider = (
            values.text(renamed.get("model", raw.get("model"))),
            values.text(raw.get("custom_llm_provider")),
        )
        group = _group(raw)
        if not _failed(raw) or model not in ("", group):
            return model, provider
        answering = self._answering.get(group, set())
        return next(iter(answering)) if len(answering) == 1 else (group, provider)


def _call(
    raw: Row,
    renamed: Mapping[str, Any],
    *,
    time_us: int,
    model: str,
    counts: Counts,
    labels: Mapping[str, str],
    signals: tuple[RecordedSignal, ...],
) -> Record:
    metadata = values.mapping_of(raw.get("metadata"))
    told = {**_told(metadata, _tags(raw)), **renamed}
    body = values.mapping_of(raw.get("proxy_server_request"))
    status = _status(raw)
    failed = status == "error"
    hit = values.flag(raw.get("cache_hit")) is True
    contamination = _contamination(metadata, hit=hit)
    end_us = values.time_us(values.first(raw, ("endTime", "end_time")))
    return Record(
        request_id=values.text(raw.get("request_id")),
        time_us=time_us,
        model=model,
        planned_model=values.text(body.get("model")) if "fallback" in contamination else "",
        reported_model="" if failed else _reported(raw, metadata, model),
        response_id=values.text(raw.get("response_id")),
        usage=under(settled(counts), values.mapping_of(raw.get("response")).get(TIER) or body.get(TIER)),
        cost_usd=_cost_usd(raw, metadata, hit=hit),
        duration_s=_duration_s(raw, time_us, end_us),
        ttft_s=_ttft_s(raw, time_us, end_us),
        status=status,
        error_type=_error_type(raw, metadata) if failed else "",
        contamination=contamination,
        retries=min(values.tokens(metadata.get("attempted_retries")) or 0, 20),
        messages=_messages(raw, body),
        answer_text=_answer_text(raw),
        user=values.told(told, "user", raw.get("end_user") or metadata.get("user_api_key_end_user_id")),
        session=values.told(told, "session", raw.get("session_id")),
        task=values.told(told, "task"),
        user_tier=values.told(told, "user_tier"),
        prompt_version=values.text(told.get("prompt_version")),
        has_tools=bool(body.get("tools") or body.get("functions")) if body else None,
        wants_json=_wants_json(body) if body else None,
        max_output_tokens=values.tokens(output_limit(body)) or 0 if body else None,
        labels={**_labels(raw, metadata), **labels},
        signals=signals,
    )


def _tags(raw: Row) -> dict[str, str]:
    """Request tags of the form `key:value` or `key=value`."""
    tags = values.json_of(raw.get("request_tags"))
    found: dict[str, str] = {}
    for tag in tags if isinstance(tags, (list, tuple)) else ():
        if isinstance(tag, str):
            for mark in (":", "="):
                key, separator, value = tag.partition(mark)
                if separator and key and value:
                    found.setdefault(key.strip(), value.strip())
                    break
    return found


def _told(metadata: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    """Segments and session from the caller's metadata or tags."""
    holders = [values.mapping_of(metadata.get(name)) for name in HOLDERS]
    told: dict[str, Any] = {}
    for name, aliases in (*((name, (name,)) for name in SEGMENTS), ("session", ("session", "session_id"))):
        for holder in (*holders, tags):
            value = next((holder[alias] for alias in aliases if holder.get(alias)), None)
            if isinstance(value, (str, int)):
                told[name] = value
                break
    return told


def _labels(raw: Row, metadata: Mapping[str, Any]) -> dict[str, str]:
    """Team, key and tags."""
    labels = {
        "team": values.text(metadata.get("user_api_key_team_alias") or raw.get("team_alias") or raw.get("team_id")),
        "key": values.text(metadata.get("user_api_key_alias") or raw.get("key_alias")),
        "model_group": _group(raw),
    }
    return {**_tags(raw), **{key: value for key, value in labels.items() if value}}


def _parsed(row: Row) -> dict[str, Any]:
    return {**row, **{name: values.json_of(row.get(name)) for name in PARSED if name in row}}


def _time_us(raw: Row, renamed: Mapping[str, Any]) -> int | None:
    return values.time_us(renamed.get("time", values.first(raw, ("startTime", "start_time", "time"))))


def _status(raw: Row) -> OutcomeStatus:
    return values.ended(raw.get("status") or values.mapping_of(raw.get("metadata")).get("status"))


def _failed(raw: Row) -> bool:
    return _status(raw) == "error"


def _group(raw: Row) -> str:
    """The name under which the caller asked; of a failure it may stand in `model` alone."""
    told = raw.get("model_group") or values.mapping_of(raw.get("metadata")).get("model_group")
    return values.text(told) or (values.text(raw.get("model")) if _failed(raw) else "")


def _counts(raw: Row, metadata: Mapping[str, Any]) -> Counts:
    """`prompt_tokens` of LiteLLM holds the cached ones, unless the numbers forbid it. A failure logs zeros."""
    details = {**values.mapping_of(metadata.get("usage_object")), **_additional(metadata)}
    for ours, theirs in (("cache_read_tokens", "cached_tokens"), ("cache_write_tokens", "cache_write_tokens")):
        if (count := values.tokens(raw.get(ours))) is not None:
            details[theirs] = count
    told = {
        "prompt_tokens": values.first_tokens(raw, ("prompt_tokens", "input_tokens")),
        "completion_tokens": values.first_tokens(raw, ("completion_tokens", "output_tokens")),
        "total_tokens": values.tokens(raw.get("total_tokens")) or details.get("total_tokens"),
    }
    return counts_of_block({**details, **told}.get)._replace(cache_inside=None)


def _additional(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    known = values.mapping_of(metadata.get("additional_usage_values"))
    return {name: value for name, value in known.items() if value is not None}


def _cost_usd(raw: Row, metadata: Mapping[str, Any], *, hit: bool) -> float | None:
    """A cost of 0 also stands for a model without a price; then what the provider itself reports is the cost."""
    spend = values.amount(raw.get("spend"))
    return spend if spend or hit else cost_of_block(values.mapping_of(metadata.get("usage_object")).get) or None


def _duration_s(raw: Row, time_us: int, end_us: int | None) -> float | None:
    found = values.seconds(time_us, end_us)
    milliseconds = values.amount(raw.get("request_duration_ms"))
    return milliseconds / 1e3 if found is None and milliseconds is not None else found


def _ttft_s(raw: Row, time_us: int, end_us: int | None) -> float | None:
    """Only of streams: without one the proxy writes the end of the answer."""
    first_us = values.time_us(values.first(raw, ("completionStartTime", "completion_start_time")))
    return None if first_us == end_us else values.seconds(time_us, first_us)


def _error_type(raw: Row, metadata: Mapping[str, Any]) -> str:
    error = values.mapping_of(metadata.get("error_information"))
    told = error.get("error_class") or error.get("error_code") or raw.get("error_type")
    return values.text(told)[:200] or "failure"


def _contamination(metadata: Mapping[str, Any], *, hit: bool) -> tuple[Contamination, ...]:
    return values.contamination(cache_hit=hit, fallback=(values.tokens(metadata.get("attempted_fallbacks")) or 0) > 0)


def _reported(raw: Row, metadata: Mapping[str, Any], model: str) -> str:
    """The answer's own id of its model, else the one that LiteLLM priced: a deployment's name has no price."""
    answered = values.mapping_of(raw.get("response")).get("model")
    priced = values.mapping_of(metadata.get("model_map_information")).get("model_map_key")
    names = (values.text(each) for each in (answered, priced))
    return next((name for name in names if name not in ("", model, _group(raw))), "")


def _messages(raw: Row, body: Mapping[str, Any]) -> list[Any] | None:
    """The whole prompt; None where it is not stored or cut."""
    for held in (raw.get("messages"), body.get("messages"), body.get("input")):
        found = values.json_of(held) if isinstance(held, str) and held[:1] in "[{" else held
        if isinstance(found, str) and found:
            found = [{"role": "user", "content": found}]
        if isinstance(found, (list, tuple)) and found:
            return None if CUT in str(found) else list(found)
    return None


def _answer_text(raw: Row) -> str | None:
    response = raw.get("response")
    if not response or CUT in str(response):
        return None
    return answer_of(values.mapping_of(response)).text or None


def _wants_json(body: Mapping[str, Any]) -> bool:
    kind = values.mapping_of(body.get("response_format")).get("type")
    kind = kind or values.mapping_of(values.mapping_of(body.get("text")).get("format")).get("type")
    return kind in values.JSON_FORMATS
