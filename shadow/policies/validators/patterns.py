"""`matches` and `not_matches`: a regular expression is found in the answer, or is not."""

from __future__ import annotations

import re

from shadow.policies.validators.protocol import Case, named


class Matches:
    """Accepts an answer in which the pattern is found; the dot matches line ends only with `(?s)`."""

    def __init__(self, pattern: str) -> None:
        self._search = re.compile(pattern).search
        self.name = named("matches", pattern)
        self.asks = f"match the regular expression {pattern}"

    def accepts(self, case: Case) -> bool:
        """Whether the pattern is found in the text."""
        return self._search(case.text) is not None


class NotMatches:
    """Accepts an answer in which the pattern is not found."""

    def __init__(self, pattern: str) -> None:
        self._search = re.compile(pattern).search
        self.name = named("not_matches", pattern)
        self.asks = f"not match the regular expression {pattern}"

    def accepts(self, case: Case) -> bool:
        """Whether the pattern is not found in the text."""
        return self._search(case.text) is None
