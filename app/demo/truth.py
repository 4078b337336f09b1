"""The simulated world that answers: every model's answer is known, and each policy keeps its own prompt caches warm.

A policy that sends a conversation to one model finds its prefix in that cache; one that switches models pays the
prefix again. So the truth of a shadow is not its live log re-priced: its caches would have been others.
"""

from __future__ import annotations

from shadow.domain.outcome import Answer, Usage
from shadowroute.app.demo.traffic import Turn

CACHE_TTL_US = 10 * 60 * 1_000_000
CACHE_BLOCK_TOKENS = 128
CACHE_LEAST_TOKENS = 1_024
GOOD_TEXT = '{"answer": "as asked"}'
BROKEN_TEXT = "I am not sure what is meant."
FIRST_TOKEN_S = 0.35
TOKENS_PER_SECOND = {"sim-large": 55.0, "sim-medium": 110.0, "sim-small": 190.0}
THUMB_RATE_GOOD, THUMB_RATE_BAD = 0.28, 0.42


class World:
    """Models and their prompt caches under one policy's calls. Calls must come in the order of the turns."""

    def __init__(self) -> None:
        self._warm: dict[tuple[str, str], tuple[int, int]] = {}

    def answer(self, turn: Turn, model: str) -> Answer:
        """The model's answer. `score` is the truth, 1 for a good answer and 0 for a bad one.

        Raises:
            KeyError: no such simulated model.
        """
        draw = turn.draws[model]
        cached = self._cached_tokens(turn, model)
        self._warm[turn.session, model] = (turn.time_us, turn.input_tokens)
        return Answer(
            text=GOOD_TEXT if draw.well_formed else BROKEN_TEXT,
            model=model,
            response_id=f"resp-{model}-{turn.request_id}",
            usage=Usage(input_tokens=turn.input_tokens, output_tokens=draw.output_tokens, cache_read_tokens=cached),
            score=float(draw.good),
            latency_s=FIRST_TOKEN_S + draw.output_tokens / TOKENS_PER_SECOND[model],
        )

    def _cached_tokens(self, turn: Turn, model: str) -> int:
        called_us, tokens = self._warm.get((turn.session, model), (None, 0))
        if called_us is None or turn.time_us - called_us > CACHE_TTL_US:
            return 0
        known = min(turn.prefix_tokens, tokens) // CACHE_BLOCK_TOKENS * CACHE_BLOCK_TOKENS
        return known if known >= CACHE_LEAST_TOKENS else 0


def thumb(turn: Turn, *, served: str) -> float | None:
    """The user's rating of the served model's answer: 1 or 0, None if there is none.

    Three in ten rate; annoyed users rate more often than content ones, and one rating in twenty is the wrong way round.
    """
    good = turn.draws[served].good
    if turn.thumb_roll >= (THUMB_RATE_GOOD if good else THUMB_RATE_BAD):
        return None
    return float(good != turn.thumb_flipped)
