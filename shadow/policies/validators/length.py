"""`length`: the answer is neither too short nor too long."""

from __future__ import annotations

from typing import Literal

from shadow.errors import UnjudgedError
from shadow.policies.validators.protocol import Case, limits, named

Unit = Literal["characters", "tokens"]


class Length:
    """Accepts an answer whose length is between two limits, both included.

    Args:
        at_least: minimum; None = no limit.
        at_most: maximum; None = no limit.
        unit: characters of the text without surrounding white space, or the provider's count of output tokens.
    """

    def __init__(self, *, at_least: int | None = None, at_most: int | None = None, unit: Unit = "characters") -> None:
        self._at_least = 0 if at_least is None else at_least
        self._at_most = float("inf") if at_most is None else at_most
        self._unit = unit
        words = f"{limits(at_least, at_most)} {unit}"
        self.name = named("length", words)
        self.asks = f"have {words}"

    def accepts(self, case: Case) -> bool:
        """Whether the length is within the limits.

        Raises:
            UnjudgedError: the unit is tokens, and the provider reported none.
        """
        length = len(case.text.strip()) if self._unit == "characters" else case.answer.usage.output_tokens
        if length is None:
            raise UnjudgedError(f"{self.name} must know the output tokens, got none from the provider")
        return self._at_least <= length <= self._at_most
