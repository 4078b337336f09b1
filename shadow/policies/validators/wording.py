"""The text of an answer as the phrase validators compare it."""

from __future__ import annotations

from typing import Final

APOSTROPHES: Final = str.maketrans({"\u2019": "'", "\u02bc": "'", "\u2018": "'", "\u00b4": "'", "`": "'"})


def plain(text: str) -> str:
    """Case folded, typographic apostrophes made plain, and every run of white space one space."""
    return " ".join(text.casefold().translate(APOSTROPHES).split())
