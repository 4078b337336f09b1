"""`length`: the answer is neither too short nor too long."""

from __future__ import annotations

from typing import Literal

from shadow.errors import UnjudgedError
from shadow.policies.validators.protocol import Case, limits, named

Unit = Literal["characters", "tokens"]


class Length:
    """Accepts an answer whose length lies between two limits, both included.

    Args:
        at_least: fewest; None = no limit.
        at_most: most; None = no limit.
        unit: characters of the text without the white space around it, or output tokens as the provider counted them.
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
            UnjudgedError: tokens are asked for, and the provider did not count them.
        """
        length = len(case.text.strip()) if self._unit == "characters" else case.answer.usage.output_tokens
        if length is None:
            raise UnjudgedError(f"{self.name} must know the output tokens, got none from the provider")
        return self._at_least <= length <= self._at_most
