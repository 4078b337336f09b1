"""Single requests: a page of them by a filter, and everything that is stored about one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from shadowroute.analysis.queries.reader import Reader, conditions, days, role_of
from shadowroute.analysis.queries.records import Record, row_of
from shadowroute.analysis.selection import ALL, PolicyRef, Slice, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFilter:
    """Filter of the Requests page.

    Attributes:
        policy: a shadow policy to put beside the live decision; None shows live decisions only.
        differs: with a policy: only requests where it names another model (True) or the same one (False).
        served_model: the model that answered; empty for any.
        status: of the policy's decision, or of the live one without a policy: ok, error, timeout or invalid; empty for
            any.
        contaminated: only requests whose served model is not the policy's choice (True), or only others (False).
        flagged: only requests that their router flagged for a person.
    """

    window: Window
    slice: Slice = ALL
    policy: PolicyRef | None = None
    differs: bool | None = None
    served_model: str = ""
    status: str = ""
    contaminated: bool | None = None
    flagged: bool = False

    @property
    def params(self) -> dict[str, Any]:
        """Parameters of the statements."""
        return {
            **days(self.window),
            **role_of(self.policy),
            **conditions(self.slice),
            "differs": _yes_no(self.differs),
            "contaminated": _yes_no(self.contaminated),
            "flagged": "yes" if self.flagged else "",
            "served_model": self.served_model,
            "status": self.status,
        }


@dataclass(frozen=True, slots=True, order=True)
class PageKey:
    """The last row of a page: newer requests come first, and ties are broken by id."""

    ts: datetime
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """One live request and, if a policy is chosen, that shadow's decision. None is unknown, empty is not given."""

    ts: datetime
    request_id: str
    policy: str
    status: str
    model: str
    served_model: str
    outcome_status: str
    contamination: tuple[str, ...]
    task: str
    user_tier: str
    complexity_band: str
    input_tokens: int | None
    output_tokens: int | None
    latency_s: float | None
    reason: str
    shadow_status: str
    shadow_model: str
    shadow_reason: str

    @property
    def key(self) -> PageKey:
        """The start of the next page."""
        return PageKey(self.ts, self.request_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPage:
    """Some rows, and the start of the next page; None at the end."""

    rows: tuple[RequestRow, ...]
    next: PageKey | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """One dispatch of the live plan, in order."""

    kind: str
    provider: str
    model: str
    error_type: str
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    latency_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """One decision on one request, live or shadow, with the outcome that was served."""

    role: str
    policy: PolicyRef
    ts: datetime
    status: str
    error_type: str
    model: str
    tier: str
    escalation_model: str
    steps: str
    candidates: str
    reason: str
    confidence: float | None
    propensity: float | None
    eval_s: float | None
    state_mode: str
    escalated: bool | None
    outcome_status: str
    served_model: str
    served_provider: str
    response_id: str
    trace_id: str
    contamination: tuple[str, ...]
    input_tokens: int | None
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int | None
    latency_s: float | None
    ttft_s: float | None
    reported_cost_usd: float | None
    cluster_kind: str
    task: str
    user_tier: str
    complexity_band: str
    input_band: str
    labels: Mapping[str, str]
    prompt_version: str
    sample_rate: float
    origin: str
    sdk_version: str
    attempts: tuple[AttemptRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalEvent:
    """A signal on one request, the newest of its name, source and scorer."""

    at: datetime
    name: str
    source: str
    scorer: str
    value: float | None
    label: str
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTrace:
    """Everything stored about one request.

    Attributes:
        live: the executed decision; None if only shadow rows arrived.
        prompt: JSON of the messages, where the service sends them; else empty. `answer` likewise.
    """

    request_id: str
    live: DecisionRow | None
    shadows: tuple[DecisionRow, ...]
    signals: tuple[SignalEvent, ...]
    prompt: str = ""
    answer: str = ""


NEWEST: Final = PageKey(datetime(2299, 1, 1), "")  # noqa: DTZ001  # bound as UTC text; DateTime64(6) ends in 2299
EXPORT_PAGE: Final = 10_000
"""Rows per page when all rows of a filter are read."""


def request_page(reader: Reader, where: RequestFilter, *, after: PageKey | None = None, limit: int = 50) -> RequestPage:
    """One page of requests, newest first; `after` is the last row of the page before."""
    key = after or NEWEST
    before = {"before_ts": f"{key.ts:%Y-%m-%d %H:%M:%S.%f}", "before_id": key.request_id}
    records = reader.select("requests", **where.params, **before, page=limit + 1)
    rows = tuple(row_of(RequestRow, record) for record in records)
    return RequestPage(rows=rows[:limit], next=rows[limit - 1].key if len(rows) > limit else None)


def request_count(reader: Reader, where: RequestFilter) -> int:
    """Number of requests that the filter keeps."""
    return int(reader.one("request_count", **where.params)["n"])


def all_requests(reader: Reader, where: RequestFilter) -> Iterator[RequestRow]:
    """Every request that the filter keeps, newest first, read page by page."""
    page = request_page(reader, where, limit=EXPORT_PAGE)
    yield from page.rows
    while page.next:
        page = request_page(reader, where, after=page.next, limit=EXPORT_PAGE)
        yield from page.rows


def request_trace(reader: Reader, request_id: str) -> RequestTrace | None:
    """Everything stored about one request; None if the project does not know it."""
    records = list(reader.select("request_decisions", request_id=request_id))
    if not records:
        return None
    rows = [row_of(DecisionRow, record, attempts=_attempts(record)) for record in records]
    signals = reader.select("request_signals", targets=_targets(request_id, records))
    trace = RequestTrace(
        request_id=request_id,
        live=next((row for row in rows if row.role == "live"), None),
        shadows=tuple(row for row in rows if row.role == "shadow"),
        signals=tuple(row_of(SignalEvent, record) for record in signals),
    )
    if trace.live is None:
        return trace
    content = reader.select("request_content", request_id=request_id, trace_id=trace.live.trace_id)
    return next((replace(trace, **each) for each in content), trace)


def _targets(request_id: str, records: Iterable[Record]) -> list[str]:
    """The names that a signal may have used for this request."""
    names = {request_id}
    for record in records:
        if record["role"] == "live":
            names.add(f"response:{record['response_id']}")
            names.add(f"span:{record['trace_id']}{record['span_id']}")
    return sorted(names - {"response:", "span:"})


_ATTEMPT_COLUMNS: Final = {
    "kind": "attempt_kinds",
    "provider": "attempt_providers",
    "model": "attempt_models",
    "error_type": "attempt_errors",
    "input_tokens": "attempt_input_tokens",
    "cache_read_tokens": "attempt_cache_read_tokens",
    "cache_write_tokens": "attempt_cache_write_tokens",
    "output_tokens": "attempt_output_tokens",
    "latency_s": "attempt_latencies_s",
}


def _attempts(record: Record) -> tuple[AttemptRow, ...]:
    columns = zip(*(record[column] for column in _ATTEMPT_COLUMNS.values()), strict=True)
    return tuple(AttemptRow(**dict(zip(_ATTEMPT_COLUMNS, values, strict=True))) for values in columns)


def _yes_no(wanted: bool | None) -> str:  # noqa: FBT001  # three states, one argument
    return "" if wanted is None else "yes" if wanted else "no"
