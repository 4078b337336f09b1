"""`not_refusal`: the answer does not decline to help.

A heuristic over the start of the answer, in English, German, French and Spanish. Every quantifier is bounded, so that
its time is linear in the text.
"""

from __future__ import annotations

import re
from typing import Final

from shadow.errors import UnjudgedError
from shadow.policies.validators.protocol import Case, named
from shadow.policies.validators.wording import plain

OPENING_CHARACTERS: Final = 400
"""Refusals are at the start. Further down, the same words are usually a caveat or a quotation."""

_CANNOT = (
    r"(?:can(?:'t|not| not)|could(?:n't| not)|won't|will not|(?:am|'m|are|'re) (?:not able|unable|not allowed) to)"
)
_HELP = (
    r"(?:help(?! but)|assist|answer|comply|do (?:that|this|so)|fulfil|support|share|provide|create|generate|write|"
    r"produce|engage|discuss|give|offer|respond|continue|participate|complete (?:this|that|your))"
)
REFUSALS: Final = (
    rf"\b(?:i|we)(?: am| are)? ?{_CANNOT} (?:\w{{1,20}} ){{0,2}}{_HELP}\b",
    rf"\bsorry\b[^.!?]{{0,40}}\b(?:i|we) ?{_CANNOT}",
    r"\b(?:i|we) (?:must|have to|need to|will|would have to) (?:\w{1,20} )?(?:decline|refuse)\b",
    r"\bi(?:'m| am) (?:not comfortable|uncomfortable|not going to)\b",
    rf"\bas an ai\b[^.!?]{{0,80}}\b(?:{_CANNOT}|don't|do not|unable|not able)",
    r"\b(?:goes|is|would be|are) against my (?:guidelines|programming|polic(?:y|ies)|principles)\b",
    r"\bviolates? (?:my|our|the|openai's|anthropic's) (?:\w{1,20} )?(?:guidelines|polic(?:y|ies))\b",
    r"\b(?:tut mir (?:sehr )?leid|entschuldigung)\b[^.!?]{0,80}\b(?:kann|darf|können|dürfen)\b[^.!?]{0,60}\bnicht\b",
    r"\b(?:ich|wir) (?:kann|darf|können|dürfen)\b[^.!?]{0,60}\bnicht (?:weiter)?(?:helfen|beantworten|unterstützen)\b",
    r"\bje (?:ne |n')?(?:peux|puis) (?:malheureusement )?pas (?:vous |t'|te )?(?:aider|répondre|fournir|assister)\b",
    r"\bdésolée?\b[^.!?]{0,60}\bje ne (?:peux|puis) pas\b",
    r"\b(?:lo siento|disculpa|perdón)\b[^.!?]{0,60}\bno (?:puedo|podemos)\b",
    r"\bno (?:puedo|podemos) (?:ayudar|ayudarte|ayudarle|responder|proporcionar)\b",
)


class NotRefusal:
    """Accepts an answer that does not decline. An empty text is a refusal, unless the answer calls tools."""

    name = named("not_refusal")
    asks = "answer the question instead of declining"
    _search = re.compile("|".join(f"(?:{each})" for each in REFUSALS)).search

    def accepts(self, case: Case) -> bool:
        """Whether the start of the text contains no refusal.

        Raises:
            UnjudgedError: the text is empty, and tool calls are unknown.
        """
        opening = plain(case.text[: 4 * OPENING_CHARACTERS])[:OPENING_CHARACTERS]
        if opening:
            return self._search(opening) is None
        if case.answer.tool_calls is None and case.request.has_tools:
            raise UnjudgedError(f"{self.name} must know whether an answer without text calls tools")
        return bool(case.answer.tool_calls)
