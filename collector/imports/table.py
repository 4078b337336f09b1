"""A table of calls in our own column names, or in any others with `--rename`: CSV, Parquet or JSON lines.

Needed: `time`, `model`, `input_tokens`, `output_tokens`. Everything else that `RENAMEABLE` lists is read if it is
there. A column that is not there is unknown; an empty cell of one that is there means that there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from shadow.domain.outcome import Contamination, OutcomeStatus, Usage
from shadow.domain.request import LABEL
from shadowroute.collector.imports import values
from shadowroute.collector.imports.call import LoggedCall, LoggedSignal, Read, Skipped
from shadowroute.collector.imports.reading import Reading
from shadowroute.collector.imports.rows import Row, TableFile

NEEDED: Final = (("time",), ("model",), ("input_tokens",), ("output_tokens",))
FAILED: Final = frozenset({"error", "failure", "failed", "fail"})
PARTIAL: Final = frozenset({"partial", "incomplete", "cancelled", "canceled"})


class TableLog:
    """A table of calls.

    Raises:
        ConfigError: the file cannot be read, or lacks a needed column.
    """

    def __init__(self, file: Path, reading: Reading | None = None) -> None:
        self._table = TableFile(file)
        self._reading = reading or Reading()
        self._table.require(NEEDED, self._reading.rename)
        self.name = file.name

    def calls(self) -> Iterator[Read]:
        """Every row, as a call or as skipped; what is wrong with a signal alone costs only the signal."""
        for place, row in self._table:
            if isinstance(row, Skipped):
                yield row
            else:
                yield from self._read(place, row)

    def _read(self, place: str, raw: Row) -> Iterator[Read]:
        row = {**raw, **self._reading.renamed(raw)}
        time_us, model = values.time_us(row["time"]), values.text(row["model"])
        if time_us is None:
            yield Skipped(place, "time is no moment between 2000 and 2100")
            return
        if not model:
            yield Skipped(place, "no model")
            return
        signals = []
        for judged in self._reading.judgements(row):
            if isinstance(judged, LoggedSignal):
                signals.append(judged)
            else:
                yield Skipped(place, f"signal only: {judged}")
        usage = usage_of_columns(row)
        if isinstance(usage, str):
            yield Skipped(place, usage)
            return
        yield LoggedCall(
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
            contamination=contamination_of(row),
            retries=values.tokens(row.get("retries")) or 0,
            messages=_messages(row),
            answer_text=values.text(row["response"]) if row.get("response") else None,
            user=_told(row, "user"),
            session=_told(row, "session"),
            task=_told(row, "task"),
            user_tier=_told(row, "user_tier"),
            prompt_version=values.text(row.get("prompt_version")),
            has_tools=values.flag(row.get("has_tools")),
            has_images=values.flag(row.get("has_images")),
            wants_json=values.flag(row.get("wants_json")),
            max_output_tokens=values.tokens(row.get("max_output_tokens")),
            labels=labels_of(row),
            signals=tuple(signals),
        )


def usage_of_columns(row: Mapping[str, Any]) -> Usage | str:
    """Tokens of a row, or which rule they break. An empty cell is unknown; cached tokens are part of the input."""
    counts: dict[str, int | None] = {}
    for name in ("input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens"):
        value = row.get(name)
        counts[name] = values.tokens(value)
        if counts[name] is None and value not in (None, "") and value == value:  # noqa: PLR0124 - NaN is no value
            return f"{name} is no count of tokens"
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
    """How the call ended; a row without a word about it was answered."""
    word = values.text(row.get("status")).strip().lower()
    if word in FAILED or (not word and row.get("error_type")):
        return "error"
    return "partial" if word in PARTIAL else "complete"


def contamination_of(row: Mapping[str, Any]) -> tuple[Contamination, ...]:
    """Why the model that answered is not simply live's choice."""
    found: list[Contamination] = []
    if values.flag(row.get("cache_hit")):
        found.append("cache_hit")
    if values.flag(row.get("fallback")):
        found.append("fallback")
    return tuple(found)


def labels_of(row: Mapping[str, Any]) -> dict[str, str]:
    """Every column `label:KEY`."""
    return {
        key[len(LABEL) :]: values.text(value) for key, value in row.items() if key.startswith(LABEL) and value != ""
    }


def _told(row: Mapping[str, Any], name: str) -> str | None:
    return values.text(row[name]) if name in row else None


def _duration_s(row: Mapping[str, Any], time_us: int) -> float | None:
    told = values.amount(row.get("latency_s"))
    end_us = values.time_us(row.get("end_time"))
    if told is not None or end_us is None or end_us < time_us:
        return told
    return (end_us - time_us) / 1e6


def _messages(row: Mapping[str, Any]) -> list[Any] | None:
    """`messages` in OpenAI's form, else `prompt` as one user message; None without either."""
    whole = values.json_of(row.get("messages"))
    if isinstance(whole, list) and whole:
        return whole
    prompt = row.get("prompt")
    return [{"role": "user", "content": values.text(prompt)}] if prompt not in (None, "") else None
