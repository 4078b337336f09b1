"""The routing worksheet as a table, as CSV and as JSON: the twelve columns, and their order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from shadowroute.analysis.as_json import plain
from shadowroute.analysis.format import brief, count, counted, number, percent, usd
from shadowroute.analysis.results import Estimate, Measured
from shadowroute.analysis.worksheet import Worksheet, WorksheetRow
from shadowroute.app.tables import Cell, text_table

SCHEMA: Final = "shadowroute/worksheet/1"

HEADER: Final = (
    "task",
    "traffic share",
    "quality threshold",
    "primary",
    "fallback",
    "tokens in",
    "tokens out",
    "validation rule",
    "pass rate",
    "latency p95",
    "cost a month",
    "last review",
    "could save a month",
)

CSV_HEADER: Final = (
    "task",
    "traffic_share",
    "quality_threshold",
    "primary",
    "fallback",
    "input_tokens",
    "output_tokens",
    "validation_rule",
    "pass_rate",
    "latency_p95_s",
    "cost_usd",
    "last_review",
    "cost_usd_per_month",
    "saving_usd_per_month",
    "saved_by",
    "requests",
)

RULE: Final = (
    "Sorted by money that could be saved: cost a month x the largest saving that a shadow policy is predicted to make"
    " there; then by cost, then by traffic. An empty cell is unknown, never 0."
)


def worksheet_text(sheet: Worksheet) -> str:
    """The sheet as a table with its rule below."""
    lines = [
        f"{sheet.window} · {counted(sum(row.n for row in sheet.rows), 'live request')} · prices {sheet.book or 'none'}"
    ]
    lines.append(text_table(HEADER, [cells(row) for row in sheet.rows]))
    lines.append(RULE)
    if sheet.unpriced:
        lines.append(f"No price for {', '.join(sheet.unpriced)}: the cost of their tasks is unknown, not 0.")
    return "\n".join(lines)


def worksheet_json(sheet: Worksheet) -> dict[str, Any]:
    """The sheet as JSON values."""
    return {"schema": SCHEMA, "rule": RULE, **plain(sheet)}


def csv_rows(sheet: Worksheet) -> Iterator[tuple[Cell, ...]]:
    """One row per task; unknown cells are empty."""
    for row in sheet.rows:
        yield (
            row.task,
            row.share,
            row.quality_threshold or None,
            row.primary or None,
            " ".join(row.fallback) or None,
            row.input_tokens,
            row.output_tokens,
            row.validation_rule or None,
            _value(row.pass_rate),
            _value(row.latency_p95_s),
            row.cost_usd,
            None if row.last_review is None else row.last_review.isoformat(),
            row.cost_usd_per_month,
            row.saving_usd_per_month,
            None if row.saved_by is None else str(row.saved_by),
            row.n,
        )


def cells(row: WorksheetRow) -> tuple[str, ...]:
    """One row of the table, as `HEADER` names its columns."""
    saving = "" if row.saving_usd_per_month is None else usd(row.saving_usd_per_month)
    return (
        row.task or "(none)",
        percent(row.share),
        row.quality_threshold,
        row.primary,
        ", ".join(row.fallback),
        "" if row.input_tokens is None else count(row.input_tokens),
        "" if row.output_tokens is None else count(row.output_tokens),
        row.validation_rule,
        brief(row.pass_rate, "percent") if isinstance(row.pass_rate, Estimate) else "",
        number(row.latency_p95_s.value, "seconds") if isinstance(row.latency_p95_s, Estimate) else "",
        "" if row.cost_usd_per_month is None else usd(row.cost_usd_per_month),
        "" if row.last_review is None else row.last_review.isoformat(),
        f"{saving} by {row.saved_by.name}" if saving and row.saved_by is not None else saving,
    )


def _value(measured: Measured | None) -> float | None:
    return measured.value if isinstance(measured, Estimate) else None
