"""`confidence`: the model's own rating of its answer."""

from __future__ import annotations

import re
from typing import Any, Final

from shadow.errors import UnjudgedError
from shadow.policies.validators.json_value import MISSING, json_in, value_at
from shadow.policies.validators.protocol import Case, named

STATED: Final = (
    r"(?i:confidence)(?: (?:score|level|rating))?(?: is| of)?[^\w.%]{0,10}(\d{1,3}(?:\.\d{1,6})?(?: ?%| ?/ ?\d{1,3})?)"
)
"""`Confidence: 85 %`, `"confidence": 0.85`, `**Confidence score:** 8/10`."""

NUMBER: Final = re.compile(r"(\d{1,3}(?:\.\d{1,6})?) ?(%|/ ?\d{1,3})?")


class Confidence:
    """Accepts an answer that rates itself high enough. The prompt must ask for the rating, which stays in the answer.

    Args:
        at_least: share in [0, 1].
        field: dotted path of the rating in an answer that is JSON, fenced or not; empty = in the text.
        pattern: regular expression whose first group is the rating in the text. The last one found counts.
    """

    def __init__(self, at_least: float, *, field: str = "", pattern: str = "") -> None:
        self._at_least = at_least
        self._path = tuple(field.split(".")) if field else ()
        self._find = re.compile(pattern or STATED).finditer
        where = field or pattern
        self.name = named("confidence", f"at least {at_least:g}" + (f", {where}" if where else ""))
        self.asks = f"be an answer of which you are sure: at least {at_least:.0%}"

    def accepts(self, case: Case) -> bool:
        """Whether the rating is high enough.

        Raises:
            UnjudgedError: the answer has no rating as a share, percentage or fraction.
        """
        rating = _share(self._rating(case.text))
        if rating is None:
            raise UnjudgedError(f"{self.name} must find a rating such as 0.8, 80 % or 8/10 in the answer, got none")
        return rating >= self._at_least

    def _rating(self, text: str) -> Any:
        if self._path:
            return value_at(json_in(text, fenced=True), self._path)
        last = None
        for match in self._find(text):
            last = match
        return MISSING if last is None else last[1] if last.re.groups else last[0]


def _share(rating: Any) -> float | None:
    if isinstance(rating, bool):
        return None
    if isinstance(rating, (int, float)):
        return float(rating) if 0 <= rating <= 1 else None
    found = NUMBER.fullmatch(rating.strip()) if isinstance(rating, str) else None
    if found is None:
        return None
    unit = found[2] or ""
    scale = 100.0 if unit == "%" else float(unit[1:]) if unit else 1.0
    share = float(found[1]) / scale if scale else -1.0
    return share if 0 <= share <= 1 else None
