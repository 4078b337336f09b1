"""`not_hedging`: the answer does not express doubt.

A heuristic over English phrases of doubt. "I think" and "probably" are not among them: good answers use them. Every
quantifier is bounded, so that its time is linear in the text.
"""

from __future__ import annotations

import re
from typing import Final

from shadow.policies.validators.protocol import Case, named
from shadow.policies.validators.wording import plain

HEDGES: Final = (
    r"(?:i'm|i am|we're|we are) (?:not|un)(?: \w{1,12})? ?(?:sure|certain)",
    r"i (?:really |honestly )?(?:don't|do not) know",
    r"i (?:guess|suppose)",
    r"i (?:may|might|could) be (?:wrong|mistaken)",
    r"(?:my|a) best guess",
    r"to the best of my knowledge",
    r"as far as i (?:know|can tell)",
    r"(?:it's|it is) (?:hard|difficult|impossible) to (?:say|tell|know|determine)",
    r"(?:it's|it is) (?:unclear|not clear)",
    r"(?:can't|cannot|can not|could not) be (?:determined|verified|known)",
    r"(?:not|isn't|is not) enough information",
    r"insufficient (?:information|data)",
    r"may or may not",
)


class NotHedging:
    """Accepts an answer with few enough hedges.

    Args:
        at_most: allowed hedges.
    """

    _find = re.compile(rf"\b(?:{'|'.join(HEDGES)})\b").finditer

    def __init__(self, at_most: int = 0) -> None:
        self._at_most = at_most
        self.name = named("not_hedging", f"at most {at_most}" if at_most else "")
        self.asks = "say what is the case, without doubting itself"

    def accepts(self, case: Case) -> bool:
        """Whether there are few enough hedges."""
        left = self._at_most
        for _ in self._find(plain(case.text)):
            left -= 1
            if left < 0:
                return False
        return True
