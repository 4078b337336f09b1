"""`score_at_least`: the recorded score of an answer, in backtests."""

from __future__ import annotations

from shadow.errors import UnjudgedError
from shadow.policies.validators.protocol import Case, named


class ScoreAtLeast:
    """Accepts an answer whose recorded score is high enough; for backtests and simulations."""

    def __init__(self, score: float) -> None:
        self._score = score
        self.name = named("score_at_least", f"{score:g}")
        self.asks = f"have a score of at least {score:g}"

    def accepts(self, case: Case) -> bool:
        """Whether the score is high enough.

        Raises:
            UnjudgedError: the answer has no score.
        """
        if case.answer.score is None:
            raise UnjudgedError(f"{self.name} must see a recorded score, got none; use another validator in production")
        return case.answer.score >= self._score
