"""Single values of logs: times, counts, amounts and flags in the spellings that exporters use.

An unreadable value is None, which means unknown; the readers decide whether a call needs it.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from shadow.domain.accounting import count_of, first_count
from shadow.domain.outcome import Contamination, OutcomeStatus
from shadowroute.collector.moments import read_us

YES: Final = frozenset({"true", "1", "yes", "y", "t", "on"})
NO: Final = frozenset({"false", "0", "no", "n", "f", "off", "none", "null"})
UP: Final = frozenset({"up", "thumbs_up", "thumbs-up", "positive", "good", "like", "+1"})
DOWN: Final = frozenset({"down", "thumbs_down", "thumbs-down", "negative", "bad", "dislike", "-1"})
PLAINLY_FAILED: Final = frozenset({"error", "failure", "failed", "fail"})
"""Words for a call without an answer that say nothing about why."""
FAILED: Final = PLAINLY_FAILED | {
    "errored", "exception", "timeout", "timedout", "timeouted", "aborted", "abort", "rejected", "refused", "denied",
    "throttled", "throttling", "exceeded", "exhausted", "unavailable", "overloaded", "unauthorized", "unauthenticated",
    "forbidden", "crashed", "crash", "unreachable", "disconnected", "reset", "invalid", "blocked", "bad", "limited",
    "ratelimited", "ratelimit", "quota", "failing", "dropped", "killed", "notfound",
}  # fmt: skip
"""Words of which one makes a status a failure, wherever it stands in it."""
PARTIAL: Final = frozenset({"partial", "incomplete", "cancelled", "canceled", "truncated", "interrupted"})
"""Words for an answer that did not come to its end."""
NONE_OF: Final = frozenset({"no", "not", "without", "0", "non"})
CLIENT_LEFT: Final = "499"
"""HTTP status of nginx and others for a client that did not wait for the end."""
JSON_FORMATS: Final = frozenset({"json_object", "json_schema"})
ROW: Final = "row-"
"""Before an id that is a hash."""
THOUSANDS: Final = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
CURRENCY: Final = re.compile(r"^(?:US)?\$|\s*(?:\$|USD)$", re.IGNORECASE)


def time_us(value: Any) -> int | None:
    """Epoch microseconds of a moment in any spelling that `moments` lists."""
    return read_us(value)


def number(value: Any) -> float | None:
    """A finite number, also written as text."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        value = value.strip()
        value = value.replace(",", "") if THOUSANDS.fullmatch(value) else value
    try:
        amount = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return amount if math.isfinite(amount) else None


def amount(value: Any) -> float | None:
    """Seconds or dollars: a finite number from 0 on, also written as `$0.0038`."""
    found = number(CURRENCY.sub("", value.strip()) if isinstance(value, str) else value)
    return found if found is not None and found >= 0 else None


def tokens(value: Any) -> int | None:
    """A count of tokens, also written as text or as a whole double."""
    return count_of(number(value))


def flag(value: Any) -> bool | None:
    """Yes or no in the spellings of exporters."""
    if isinstance(value, bool):
        return value
    if value is None:
        return None
    word = str(value).strip().lower()
    if word in YES:
        return True
    return False if word in NO else None


def score(value: Any, low: float, high: float) -> float | None:
    """A rating in [0, 1]: a number between low and high, yes or no, or a thumb."""
    if isinstance(value, str):
        word = value.strip().lower()
        if word in UP or word in DOWN:
            return 1.0 if word in UP else 0.0
    found = number(value)
    if found is None:
        known = flag(value)
        return None if known is None else float(known)
    scaled = (found - low) / (high - low)
    return scaled if 0 <= scaled <= 1 else None


def text(value: Any) -> str:
    """A value as text; empty for none."""
    return value if isinstance(value, str) else "" if value is None else str(value)


def first_tokens(row: Mapping[str, Any], names: Sequence[str]) -> int | None:
    """The first count above 0 that one of the names has, else 0 if one says so: a 0 hides nothing."""
    return first_count((lambda name: tokens(row.get(name)),), names)


def first(row: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The first value that one of the names has; None if none has."""
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def told(row: Mapping[str, Any], name: str, otherwise: Any = None) -> str | None:
    """The value of a row, which may be explicitly none; else the default, where empty means unknown."""
    return text(row[name]) if name in row else text(otherwise) or None


def seconds(start_us: int, end_us: int | None) -> float | None:
    """Seconds between two moments; None without an end, or with an end before the start."""
    return (end_us - start_us) / 1e6 if end_us is not None and end_us >= start_us else None


def contamination(*, cache_hit: bool, fallback: bool) -> tuple[Contamination, ...]:
    """The reason why the model that answered is not live's choice."""
    kinds: tuple[tuple[Contamination, bool], ...] = (("cache_hit", cache_hit), ("fallback", fallback))
    return tuple(kind for kind, applies in kinds if applies)


def ended(word: Any) -> OutcomeStatus:
    """How a call ended that a log gives this status: a word, an HTTP status, or nothing."""
    code = number(word)
    if code is not None and code < 0:
        return "error"
    words = re.findall(r"[a-z]+|[0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text(word)).lower())
    codes = {word for word in words if len(word) == 3 and "400" <= word <= "599"}
    joined = {first + second for first, second in pairwise(words)}  # "timed out", "time-out"
    if codes == {CLIENT_LEFT}:
        return "partial"
    if codes or FAILED & joined or (FAILED.intersection(words) and not NONE_OF.intersection(words)):
        return "error"
    return "partial" if PARTIAL.intersection(words) else "complete"


def why_failed(word: Any) -> str:
    """What a status says about a failure besides that it is one."""
    said = text(word).strip()
    return "" if said.lower() in PLAINLY_FAILED else said[:200]


def json_of(value: Any) -> Any:
    """The value of a JSON text; other values are returned as they are, and invalid JSON is None."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def mapping_of(value: Any) -> Mapping[str, Any]:
    """A JSON object, empty for anything else."""
    found = json_of(value)
    return found if isinstance(found, Mapping) else {}


def at_path(row: Mapping[str, Any], path: str) -> Any:
    """A column, or a dotted path into one that holds JSON: `metadata.spend_logs_metadata.task`."""
    if path in row:
        return row[path]
    head, _, rest = path.partition(".")
    value: Any = row.get(head)
    for name in rest.split(".") if rest else ():
        value = mapping_of(value).get(name)
    return value if rest else None


def row_id(row: Mapping[str, Any]) -> str:
    """An id for a row without one, the same in every import: a hash of its content."""
    body = json.dumps(row, sort_keys=True, default=str, ensure_ascii=False)
    return ROW + hashlib.sha256(body.encode("utf-8", "replace")).hexdigest()[:32]
