"""`POST /v1/signals`: one quality signal as plain JSON, for a thumbs button or a nightly job without an SDK."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NoReturn, get_args

from shadow.domain.signals import SignalSource
from shadow.telemetry import keys
from shadowroute.collector.moments import is_believed, read_us
from shadowroute.collector.otlp.bodies import load_object
from shadowroute.collector.otlp.limits import RefusalError
from shadowroute.collector.otlp.logs import add_evaluation
from shadowroute.collector.otlp.rows import SpanRows
from shadowroute.collector.otlp.values import double_text

_SOURCES: Final[tuple[str, ...]] = get_args(SignalSource)
_TEXTS: Final[Mapping[str, str]] = {
    "request_id": keys.REQUEST_ID,
    "response_id": keys.RESPONSE_ID,
    "name": keys.EVALUATION_NAME,
    "label": keys.EVALUATION_LABEL,
    "source": keys.SIGNAL_SOURCE,
    "scorer": keys.SIGNAL_SCORER,
    "explanation": keys.EVALUATION_EXPLANATION,
}
_FIELDS: Final = (*_TEXTS, "value", "time", "project", "deleted")
_LONGEST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Signal:
    """A valid signal, ready to store.

    Attributes:
        target: as in the store: a request id, or `response:ID`.
        time: of the observation, ISO 8601 in UTC.
        token: deduplication token.
    """

    rows: SpanRows
    target: str
    name: str
    time: str
    token: str


def decode_signal(body: bytes, *, now_ns: int | None = None) -> Signal:
    """Parse and check one signal.

    Raises:
        RefusalError: 400, with the field and its rule.
    """
    document = load_object(body)
    unknown = sorted(set(document) - set(_FIELDS))
    if unknown:
        _refuse(unknown[0], f"one of {', '.join(_FIELDS)}", unknown[0])
    texts = {name: _text(document, name) for name in (*_TEXTS, "project")}
    _check_texts(texts)
    now = time.time_ns() if now_ns is None else now_ns
    time_ns = _time_ns(document.get("time"), now)
    value = _value(document.get("value"), needed=not texts["label"] and document.get("deleted") is not True)
    attributes = {key: texts[name] for name, key in _TEXTS.items() if texts[name]}
    if value is not None:
        attributes[keys.EVALUATION_SCORE] = double_text(value)
    if _flag(document.get("deleted", False)):
        attributes[keys.SIGNAL_DELETED] = "true"
    rows = SpanRows()
    resource = {keys.PROJECT: texts["project"]} if texts["project"] else {}
    add_evaluation(rows, time_ns=time_ns, attributes=attributes, resource=resource)
    return Signal(
        rows=rows,
        target=texts["request_id"] or f"response:{texts['response_id']}",
        name=texts["name"],
        time=datetime.fromtimestamp(time_ns / 1e9, UTC).isoformat(),
        token=hashlib.sha256(f"{time_ns}\n".encode() + body).hexdigest(),
    )


def _refuse(field: str, rule: str, got: Any) -> NoReturn:
    raise RefusalError(400, f"{field} must be {rule}, got {str(got)[:100]!r}", kind=f"{field} must be {rule}"[:100])


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name, "")
    if not isinstance(value, str) or len(value) > _LONGEST:
        _refuse(name, f"a text of at most {_LONGEST:,} characters", value)
    try:
        value.encode()
    except UnicodeEncodeError:
        _refuse(name, "valid Unicode without lone surrogates", ascii(value))
    return value


def _check_texts(texts: Mapping[str, str]) -> None:
    if bool(texts["request_id"]) == bool(texts["response_id"]):
        _refuse("request_id or response_id", "given, exactly one of them", texts["request_id"] or "")
    if not texts["name"]:
        _refuse("name", "given, for example resolved", "")
    if texts["source"] and texts["source"] not in _SOURCES:
        _refuse("source", f"one of {', '.join(_SOURCES)}", texts["source"])


def _value(value: Any, *, needed: bool) -> float | None:
    if value is None:
        if needed:
            _refuse("value", "given, in [0, 1] with 1 as best, unless there is a label", "nothing")
        return None
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        _refuse("value", "a number in [0, 1] with 1 as best", value)
    return float(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        _refuse("deleted", "true or false", value)
    return value


def _time_ns(value: Any, now_ns: int) -> int:
    """Epoch nanoseconds of a moment, however it is written; now if there is none."""
    if value is None:
        return now_ns
    rule = "ISO 8601 between 2000 and tomorrow, such as 2026-11-23T09:00:00Z, or an epoch time"
    found = read_us(value)
    if found is None or not is_believed(found, now_ns // 1_000):
        _refuse("time", rule, value)
    return found * 1_000
