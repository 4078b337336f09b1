"""A table of calls in our own column names, or in any others with `--rename`: CSV, Parquet or JSON lines.

Needed: `time`, `model`, and `input_tokens` and `output_tokens`, or a provider's block of them in `usage`. Everything
else that `RENAMEABLE` lists is read if it is there. A column that is not there is unknown; an empty cell of one that
is there means that there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from shadow.domain.accounting import Counts, counts_of_block, settled
from shadow.domain.outcome import OutcomeStatus
from shadow.domain.request import LABEL
from shadow.domain.usage import billed, cost_of_block, under
from shadowroute.collector.replay.readers import values
from shadowroute.collector.replay.readers.exports import completed, renaming
from shadowroute.collector.replay.readers.reading import Reading
from shadowroute.collector.replay.readers.rows import RowLog
from shadowroute.collector.replay.readers.text_rows import Row
from shadowroute.collector.replay.record import Read, Record, Skipped

NEEDED: Final = (("time",), ("model",), ("input_tokens", "usage"), ("output_tokens", "usage"))
COUNTS: Final = (
    "input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens", "reasoning_tokens", "total_tokens",
)  # fmt: skip


class TableLog(RowLog):
    """A table of calls."""

    needed = NEEDED

    def _meant(self, reading: Reading, columns: Sequence[str]) -> Reading:
        return replace(reading, rename=renaming(columns, reading.rename))

    def _notice(self, place: str, row: Row) -> None:
        named = completed({**row, **self._reading.renamed(row)})
        self._ids.notice(values.text(named.get("request_id")), values.time_us(named.get("time")))
        counts = counts_of(named)
        if isinstance(counts, Counts):
            self._cache.notice(counts, place=place)

    def _read(self, place: str, raw: Row) -> Iterator[Read]:
        row = completed({**raw, **self._reading.renamed(raw)})
        time_us, model = values.time_us(row.get("time")), values.text(row.get("model"))
        if time_us is None:
            yield Skipped(place, "time is not a time between 2000 and 2100")
            return
        if not model:
            yield Skipped(place, "no model")
            return
        signals, refused = self._reading.judged(row, place)
        yield from refused
        counts = counts_of(row)
        if isinstance(counts, str):
            yield Skipped(place, counts)
            return
        counts = self._cache.of(counts)
        if counts.cache_inside is True and counts.contradicts_inside:
            yield Skipped(place, "input_tokens does not include the cache tokens")
            return
        status = status_of(row)
        yield Record(
            request_id=self._ids.of(values.text(row.get("request_id")), raw, time_us),
            time_us=time_us,
            place=place,
            model=model,
            planned_model=values.text(row.get("planned_model")),
            provider=values.text(row.get("provider")),
            response_id=values.text(row.get("response_id")),
            usage=under(settled(counts), row.get("service_tier")),
            cost_usd=cost_of(row),
            duration_s=_duration_s(row, time_us),
            ttft_s=_seconds(row, "ttft"),
            status=status,
            error_type=error_type_of(row) if status == "error" else "",
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


def counts_of(row: Mapping[str, Any]) -> Counts | str:
    """Tokens of a row, or which rule they break. An empty cell is unknown."""
    counts: dict[str, int | None] = {}
    for name in COUNTS:
        value = row.get(name)
        counts[name] = values.tokens(value)
        if counts[name] is None and value not in (None, "") and value == value:  # noqa: PLR0124 - NaN is no value
            return f"{name} is no count of tokens"
    block = counts_of_block(values.mapping_of(row.get("usage")).get)
    if not counts["input_tokens"] and not counts["output_tokens"] and row.get("usage"):
        return block
    return Counts(
        input_tokens=counts["input_tokens"],
        output_tokens=counts["output_tokens"],
        cache_read=counts["cached_input_tokens"] or 0,
        cache_write=counts["cache_write_tokens"] or 0,
        reasoning=counts["reasoning_tokens"] or 0,
        total=counts["total_tokens"],
        unpriced=block.unpriced,
    )


def cost_of(row: Mapping[str, Any]) -> float | None:
    """What the row, or its usage block, says that the call cost."""
    told = billed(values.amount(row.get("cost_usd")), values.amount(row.get("upstream_cost_usd")))
    return cost_of_block(values.mapping_of(row.get("usage")).get) if told is None else told


def status_of(row: Mapping[str, Any]) -> OutcomeStatus:
    """How the call ended; a row without a word about it was answered, unless it names an error."""
    word = row.get("status")
    return "error" if word in (None, "") and row.get("error_type") else values.ended(word)


def error_type_of(row: Mapping[str, Any]) -> str:
    """Why a call failed."""
    return values.text(row.get("error_type"))[:200] or values.why_failed(row.get("status"))


def labels_of(row: Mapping[str, Any]) -> dict[str, str]:
    """Every column `label:KEY`."""
    return {
        key[len(LABEL) :]: values.text(value) for key, value in row.items() if key.startswith(LABEL) and value != ""
    }


def _duration_s(row: Mapping[str, Any], time_us: int) -> float | None:
    told = _seconds(row, "latency")
    return values.seconds(time_us, values.time_us(row.get("end_time"))) if told is None else told


def _seconds(row: Mapping[str, Any], name: str) -> float | None:
    """A duration in seconds, else in milliseconds."""
    told, milliseconds = values.amount(row.get(f"{name}_s")), values.amount(row.get(f"{name}_ms"))
    return milliseconds / 1e3 if told is None and milliseconds is not None else told


def _messages(row: Mapping[str, Any]) -> list[Any] | None:
    """`messages` in OpenAI's form, else `prompt` as one user message; None without either."""
    whole = values.json_of(row.get("messages"))
    if isinstance(whole, list) and whole:
        return whole
    prompt = row.get("prompt")
    return [{"role": "user", "content": values.text(prompt)}] if prompt not in (None, "") else None
