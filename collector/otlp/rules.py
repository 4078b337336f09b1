"""Rules for attributes that measures are computed from; a span that breaks one is rejected with the reason.

Rejected, not repaired: a negative token count read as zero would be an unnoticed wrong cost.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Final, get_args

from shadow.domain.outcome import OutcomeStatus
from shadow.domain.policy import DecisionStatus
from shadow.telemetry import keys
from shadowroute.collector.moments import YEAR_2000_US, YEAR_2100_US

_UINT32_MAX: Final = 0xFFFF_FFFF

Rule = Callable[[str], str]
"""Text of a value to the rule it breaks; empty if it is fine."""


# Python reads more than the store does: other scripts' digits, 1_000, spaces around a number. A value that only one of
# the two reads would be accepted here and unknown there; and thousands of digits raise.
_INTEGER: Final = re.compile(r"[0-9]{1,20}")
_DOUBLE: Final = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


def _count(text: str) -> str:
    return "" if _INTEGER.fullmatch(text) and int(text) <= _UINT32_MAX else "an integer from 0 to 4,294,967,295"


def _amount(text: str) -> str:
    value = _number(text)
    return "" if value is not None and value >= 0 else "a finite number, 0 or more"


def _share(text: str) -> str:
    value = _number(text)
    return "" if value is not None and 0 <= value <= 1 else "in [0, 1]"


def _positive_share(text: str) -> str:
    value = _number(text)
    return "" if value is not None and 0 < value <= 1 else "in (0, 1]"


def _flag(text: str) -> str:
    return "" if text in ("0", "1") else "the integer 0 or 1"


def _time_us(text: str) -> str:
    fits = _INTEGER.fullmatch(text) and YEAR_2000_US <= int(text) <= YEAR_2100_US
    return "" if fits else "epoch microseconds between 2000 and 2100"


def _one_of(*names: str) -> Rule:
    allowed = frozenset(names)
    return lambda text: "" if text in allowed else f"one of {', '.join(names)}"


def _number(text: str) -> float | None:
    if not _DOUBLE.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


RULES: Final[Mapping[str, Rule]] = {
    keys.USAGE_INPUT_TOKENS: _count,
    keys.USAGE_OUTPUT_TOKENS: _count,
    keys.USAGE_CACHE_READ_TOKENS: _count,
    keys.USAGE_CACHE_WRITE_TOKENS: _count,
    keys.REVISION: _count,
    keys.REQUEST_TIME_US: _time_us,
    keys.ROLE: _one_of("live", "shadow", "outcome"),
    keys.DECISION_STATUS: _one_of(*get_args(DecisionStatus)),
    keys.OUTCOME_STATUS: _one_of(*get_args(OutcomeStatus)),
    keys.DECISION_ESCALATED: _flag,
    keys.DECISION_CONFIDENCE: _share,
    keys.DECISION_PROPENSITY: _share,
    keys.SAMPLE_RATE: _positive_share,
    keys.EVALUATION_SCORE: _share,
    keys.OUTCOME_COST_USD: _amount,
    keys.OUTCOME_DURATION_S: _amount,
    keys.DECISION_DURATION_S: _amount,
    keys.TIME_TO_FIRST_CHUNK: _amount,
}

_RULED: Final = RULES.keys()
_CACHE: Final = (keys.USAGE_CACHE_READ_TOKENS, keys.USAGE_CACHE_WRITE_TOKENS)


def broken_rule(attributes: Mapping[str, str]) -> str:
    """The first rule that a span's attributes break, as `KEY must be RULE, got VALUE`; empty if none."""
    for key in attributes.keys() & _RULED:
        problem = RULES[key](attributes[key])
        if problem:
            return f"{key} must be {problem}, got {attributes[key][:40]!r}"
    return _cache_exceeds_input(attributes)


def _cache_exceeds_input(attributes: Mapping[str, str]) -> str:
    """Cache tokens are part of the input tokens; if they were reported separately, the price would be wrong."""
    total = attributes.get(keys.USAGE_INPUT_TOKENS)
    cached = sum(int(attributes[key]) for key in _CACHE if key in attributes)
    if total is None or cached <= int(total):
        return ""
    return f"{keys.USAGE_INPUT_TOKENS} must include the cache tokens ({cached}), got {total}"
