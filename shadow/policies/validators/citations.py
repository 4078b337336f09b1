"""`cites`: the answer names its sources."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

from shadow.policies.validators.protocol import Case, named

Form = Literal["any", "brackets", "url", "doi", "author_year"]

FORMS: Final[Mapping[str, str]] = {
    "brackets": r"\[\d{1,4}(?: ?[,;\u2013-] ?\d{1,4}){0,20}\]",
    "url": r"https?://[^\s<>\"'\]){}]{3,2000}",
    "doi": r"\b10\.\d{4,9}/[^\s<>\"'\]){}]{1,200}",
    "author_year": r"\((?:[^()\n]{1,120}\D)?(?:19|20)\d\d[a-z]?\)",
}
"""Forms of citations: `[3]` and `[1, 4-6]`, an address, a DOI, `(Smith et al., 2020)`."""


class Cites:
    """Accepts an answer with enough different citations.

    Args:
        at_least: number of different ones.
        form: of a citation.
        pattern: a regular expression instead of a form.
    """

    def __init__(self, *, at_least: int = 1, form: Form = "any", pattern: str = "") -> None:
        self._at_least = at_least
        wanted = pattern or ("|".join(FORMS.values()) if form == "any" else FORMS[form])
        self._find = re.compile(wanted).finditer
        what = pattern or form
        self.name = named("cites", what if at_least == 1 else f"at least {at_least} {what}")
        self.asks = f"cite at least {at_least} source{'s' if at_least > 1 else ''}" + (
            "" if what == "any" else f" in the form {what}"
        )

    def accepts(self, case: Case) -> bool:
        """Whether enough different citations are found."""
        found: set[str] = set()
        for match in self._find(case.text):
            found.add(match[0])
            if len(found) >= self._at_least:
                return True
        return False
