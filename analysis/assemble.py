"""From records of a SELECT to typed rows and bucket sums; no database here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from shadowroute.analysis.rows import (
    AttemptRow,
    ClusterKindRow,
    CompletenessRow,
    DecisionRow,
    FailureRow,
    Freshness,
    Gaps,
    MatrixRow,
    PairSums,
    PolicyRow,
    RequestRow,
    RequestTrace,
    SegmentRow,
    SignalEvent,
    SignalRow,
)
from shadowroute.analysis.selection import PolicyRef
from shadowroute.analysis.summaries import Floats, RatioSums, spread

Record = Mapping[str, Any]
T = TypeVar("T")

_PAIR_SUMS: Final = (
    "weight", "failed", "planned", "compared", "by_model", "by_tier", "by_steps", "clean", "cascade", "known",
    "paid_twice", "possible",
)  # fmt: skip


def utc(moment: datetime) -> datetime:
    """The moment with its time zone; drivers give UTC columns without one."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def policy_of(record: Record) -> PolicyRef:
    """The policy that a record is about."""
    return PolicyRef(record["policy"], record["policy_version"])


def by_value(records: Iterable[Record], make: Callable[[list[Record]], T]) -> dict[str, T]:
    """One result per segment value, in the order of the records."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record["segment_value"], []).append(record)
    return {value: make(group) for value, group in groups.items()}


def policy_row(record: Record) -> PolicyRow:
    """A row of `policies`."""
    return PolicyRow(
        policy=policy_of(record),
        is_live=bool(record["is_live"]),
        n=record["n"],
        weight=record["weight"],
        failed_weight=record["failed_weight"],
        first=record["first_day"],
        last=record["last_day"],
    )


def failure_row(record: Record) -> FailureRow:
    """A row of `failures`."""
    return FailureRow(policy=policy_of(record), status=record["status"], error_type=record["error_type"], n=record["n"])


def segment_row(record: Record) -> SegmentRow:
    """A row of `segments`."""
    return SegmentRow(key=record["segment_key"], value=record["segment_value"], n=record["n"], weight=record["weight"])


def signal_row(record: Record) -> SignalRow:
    """A row of `signals_seen`."""
    return SignalRow(name=record["name"], source=record["source"], n=record["n"])


def cluster_kind_row(record: Record) -> ClusterKindRow:
    """A row of `cluster_kinds`."""
    return ClusterKindRow(kind=record["cluster_kind"], n=record["n"])


def completeness_row(record: Record) -> CompletenessRow:
    """A row of `completeness`."""
    return CompletenessRow(
        policy=policy_of(record),
        hour=utc(record["hour"]),
        live_n=record["live_n"],
        shadow_n=record["shadow_n"],
        shadow_weight=record["shadow_weight"],
    )


def freshness(record: Record) -> Freshness:
    """The row of `freshness`."""
    return Freshness(
        newest_decision=utc(record["newest_decision"]) if record["n"] else None,
        newest_arrival=utc(record["newest_arrival"]) if record["n"] else None,
        rolled_up_to=rolled_up_to(record),
    )


def rolled_up_to(record: Record) -> datetime | None:
    """The row of `rolled_up_to`; the epoch stands for "never" in SQL."""
    moment = record["rolled_up_to"]
    return utc(moment) if moment is not None and utc(moment).timestamp() > 0 else None


def gaps(records: Iterable[Record]) -> Gaps:
    """The rows of `levels` of one policy in one answer."""
    rows = list(records)
    models = {row["shadow_model"] for row in rows if row["shadow_no_tier_n"]}
    models |= {row["live_model"] for row in rows if row["live_no_tier_n"]}
    return Gaps(models_without_tier=tuple(sorted(models)), has_plans_without_id=any(row["no_steps_n"] for row in rows))


def pair_sums(records: Iterable[Record]) -> PairSums:
    """The rows of `pair_sums`, of one slice."""
    rows = list(records)
    return pair_sums_of({name: _column(rows, name) for name in _PAIR_SUMS}, sum(row["n"] for row in rows))


def pair_sums_of(columns: Mapping[str, Floats], n: int) -> PairSums:
    """The columns of `pair_sums`, (256,) each.

    Args:
        columns: by name.
        n: decisions with a plan, rows.
    """
    planned = float(columns["planned"].sum())

    def ratio(numerator: str, denominator: str) -> RatioSums:
        # Rows are counted for the slice, not per condition; all of them weigh about the same.
        total = float(columns[denominator].sum())
        return RatioSums(
            numerator=columns[numerator],
            denominator=columns[denominator],
            n=round(n * total / planned) if planned else 0,
        )

    return PairSums(
        model=ratio("by_model", "compared"),
        tier=ratio("by_tier", "compared"),
        steps=ratio("by_steps", "compared"),
        escalated=ratio("paid_twice", "cascade"),
        escalated_known=ratio("paid_twice", "known"),
        escalated_overall=ratio("paid_twice", "planned"),
        possible=ratio("possible", "cascade"),
        possible_overall=ratio("possible", "planned"),
        failed_weight=float(columns["failed"].sum()),
        clean_weight=float(columns["clean"].sum()),
        weight=float(columns["weight"].sum()),
        n=n,
    )


def matrix(records: Iterable[Record]) -> list[MatrixRow]:
    """The rows of `matrix`, of one slice."""
    return [
        MatrixRow(
            live_model=row["live_model"],
            shadow_model=row["shadow_model"],
            n=row["n"],
            weight=row["weight"],
            clean_weight=row["clean_weight"],
        )
        for row in records
    ]


def request_row(record: Record) -> RequestRow:
    """A row of `requests`."""
    return RequestRow(
        ts=utc(record["ts"]),
        contamination=tuple(record["contamination"]),
        **{key: value for key, value in record.items() if key not in {"ts", "contamination"}},
    )


def targets(request_id: str, records: Iterable[Record]) -> list[str]:
    """The names that a signal may have used for this request."""
    names = {request_id}
    for record in records:
        if record["role"] == "live":
            names.add(f"response:{record['response_id']}")
            names.add(f"span:{record['trace_id']}{record['span_id']}")
    return sorted(names - {"response:", "span:"})


def request_trace(request_id: str, decisions: Iterable[Record], signals: Iterable[Record]) -> RequestTrace:
    """The rows of `request_decisions` and `request_signals`."""
    rows = [_decision(record) for record in decisions]
    return RequestTrace(
        request_id=request_id,
        live=next((row for row in rows if row.role == "live"), None),
        shadows=tuple(row for row in rows if row.role == "shadow"),
        signals=tuple(_signal_event(record) for record in signals),
    )


def _column(rows: list[Record], name: str) -> Any:
    return spread([row["bucket"] for row in rows], [row[name] for row in rows])


_COMPUTED: Final = {"policy", "policy_version", "ts", "contamination", "escalated", "labels", "span_id"}


def _decision(record: Record) -> DecisionRow:
    plain = {key: value for key, value in record.items() if key not in _COMPUTED and not key.startswith("attempt_")}
    return DecisionRow(
        policy=policy_of(record),
        ts=utc(record["ts"]),
        contamination=tuple(record["contamination"]),
        escalated=None if record["escalated"] is None else bool(record["escalated"]),
        labels=dict(record["labels"]),
        attempts=_attempts(record),
        **plain,
    )


def _attempts(record: Record) -> tuple[AttemptRow, ...]:
    columns = (
        record["attempt_kinds"],
        record["attempt_providers"],
        record["attempt_models"],
        record["attempt_errors"],
        record["attempt_input_tokens"],
        record["attempt_cache_read_tokens"],
        record["attempt_cache_write_tokens"],
        record["attempt_output_tokens"],
        record["attempt_latencies_s"],
    )
    return tuple(
        AttemptRow(
            kind=kind,
            provider=provider,
            model=model,
            error_type=error,
            input_tokens=tokens_in,
            cache_read_tokens=read,
            cache_write_tokens=written,
            output_tokens=tokens_out,
            latency_s=latency,
        )
        for kind, provider, model, error, tokens_in, read, written, tokens_out, latency in zip(*columns, strict=True)
    )


def _signal_event(record: Record) -> SignalEvent:
    return SignalEvent(
        ts=utc(record["at"]),
        name=record["name"],
        source=record["source"],
        scorer=record["scorer"],
        value=record["value"],
        label=record["label"],
        explanation=record["explanation"],
    )
