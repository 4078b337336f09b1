"""A table of calls in our own column names, or in any others with `--rename`: CSV, Parquet or JSON lines.

Needed: `time`, `model`, `input_tokens`, `output_tokens`. Other columns of `RENAMEABLE` are
optional. An absent column is unknown; an empty cell of a column means that there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from shadow.domain.outcome import OutcomeStatus, Usage
from shadow.domain.request import LABEL
from shadowroute.collector.replay.readers import values
from shadowroute.collector.replay.readers.rows import Row, RowLog
from shadowroute.collector.replay.record import Read, Record, Skipped

NEEDED: Final = (("time",), ("model",), ("input_tokens",), ("output_tokens",))
PARTIAL: Final = frozenset({"partial", "incomplete", "cancelled", "canceled"})


class TableLog(RowLog):
    """A table of calls."""

    needed = NEEDED

    def _read(self, place: str, raw: Row) -> Iterator[Read]:
        row = {**raw, **self._reading.renamed(raw)}
        time_us, model = values.time_us(row["time"]), values.text(row["model"])
        if time_us is None:
            yield Skipped(place, "time is not a time between 2000 and 2100")
            return
        if not model:
            yield Skipped(place, "no model")
            return
        signals, refused = self._reading.judged(row, place)
        yield from refused
        usage = usage_of_columns(row)
        if isinstance(usage, str):
            yield Skipped(place, usage)
            return
        yield Record(
            request_id=values.text(row.get("request_id")) or values.row_id(raw),
            time_us=time_us,
            model=model,
            planned_model=values.text(row.get("planned_model")),
            provider=values.text(row.get("provider")),
            response_id=values.text(row.get("response_id")),
            usage=usage,
            cost_usd=values.amount(row.get("cost_usd")),
            duration_s=_duration_s(row, time_us),
            ttft_s=values.amount(row.get("ttft_s")),
            status=status_of(row),
            error_type=values.text(row.get("error_type")),
            contamination=values.contamination(
                cache_hit=values.flag(row.get("cache_hit")) is True, fallback=values.flag(row.get("fallback")) is True
            ),
            retries=values.tokens(row.get("retries")) or 0,
            messages=_messages(row),
            answer_text=values.text(row["response"]) if row.get("response") else None,
            user=values.told(row, "user"),
            session=values.told(row, "session"),
            task=values.told(row, "task"),
            user_tier=values.told(row, "user_tier"),
            prompt_version=values.text(row.get("prompt_version")),
            has_tools=values.flag(row.get("has_tools")),
            has_images=values.flag(row.get("has_images")),
            wants_json=values.flag(row.get("wants_json")),
            max_output_tokens=values.tokens(row.get("max_output_tokens")),
            labels=labels_of(row),
            signals=signals,
        )


def usage_of_columns(row: Mapping[str, Any]) -> Usage | str:
    """Tokens of a row, or the rule that they break. An empty cell is unknown; cached tokens are part of the input."""
    counts: dict[str, int | None] = {}
    for name in ("input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens"):
        value = row.get(name)
        counts[name] = values.tokens(value)
        if counts[name] is None and value not in (None, "") and value == value:  # noqa: PLR0124 - NaN is no value
            return f"{name} is not a number of tokens"
    cached, written = counts["cached_input_tokens"] or 0, counts["cache_write_tokens"] or 0
    known = counts["input_tokens"]
    if known is not None and cached + written > known:
        return "input_tokens does not include the cache tokens"
    return Usage(
        input_tokens=known,
        output_tokens=counts["output_tokens"],
        cache_read_tokens=cached if known is not None else 0,
        cache_write_tokens=written if known is not None else 0,
    )


def status_of(row: Mapping[str, Any]) -> OutcomeStatus:
    """The end of the call; a row without a status was answered."""
    word = values.text(row.get("status")).strip().lower()
    if word in values.FAILED or (not word and row.get("error_type")):
        return "error"
    return "partial" if word in PARTIAL else "complete"


def labels_of(row: Mapping[str, Any]) -> dict[str, str]:
    """Every column `label:KEY`."""
    return {
        key[len(LABEL) :]: values.text(value) for key, value in row.items() if key.startswith(LABEL) and value != ""
    }


def _duration_s(row: Mapping[str, Any], time_us: int) -> float | None:
    told = values.amount(row.get("latency_s"))
    return values.seconds(time_us, values.time_us(row.get("end_time"))) if told is None else told


def _messages(row: Mapping[str, Any]) -> list[Any] | None:
    """`messages` in OpenAI's form, else `prompt` as one user message; None without either."""
    whole = values.json_of(row.get("messages"))
    if isinstance(whole, list) and whole:
        return whole
    prompt = row.get("prompt")
    return [{"role": "user", "content": values.text(prompt)}] if prompt not in (None, "") else None
