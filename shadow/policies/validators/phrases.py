"""`not_containing`: restricted phrases do not occur in the answer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from shadow.policies.validators.protocol import Case, named
from shadow.policies.validators.wording import plain


class NotContaining:
    """Accepts an answer without any of the phrases. Case and white space make no difference.

    Args:
        phrases: restricted ones.
        whole_words: a phrase counts only if no letter or digit touches it, so that `ass` is not found in `class`.
        label: name of the list; empty = the phrases themselves.
    """

    def __init__(self, phrases: Iterable[str], *, whole_words: bool = True, label: str = "") -> None:
        self._phrases = tuple(dict.fromkeys(folded for phrase in phrases if (folded := plain(phrase))))
        self._whole_words = whole_words
        listed = ", ".join(self._phrases)
        digest = hashlib.sha256(listed.encode()).hexdigest()[:8]
        what = f"{label}~{digest}" if label else listed
        self.name = named("not_containing", what if whole_words else f"{what}, also in words")
        # Not the list itself: a model tends to repeat phrases of its prompt.
        self.asks = "contain no restricted phrase"

    def accepts(self, case: Case) -> bool:
        """Whether no phrase is found."""
        text = plain(case.text)
        return not any(self._occurs(phrase, text) for phrase in self._phrases)

    def _occurs(self, phrase: str, text: str) -> bool:
        at = text.find(phrase)
        while at >= 0:
            end = at + len(phrase)
            if not self._whole_words or not (text[at - 1 : at].isalnum() or text[end : end + 1].isalnum()):
                return True
            at = text.find(phrase, end)
        return False
