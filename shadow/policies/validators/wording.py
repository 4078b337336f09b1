"""Normalized text for the phrase validators."""

from __future__ import annotations

from typing import Final

APOSTROPHES: Final = str.maketrans({"\u2019": "'", "\u02bc": "'", "\u2018": "'", "\u00b4": "'", "`": "'"})


def plain(text: str) -> str:
    """The text with case folded, plain apostrophes and single spaces."""
    return " ".join(text.casefold().translate(APOSTROPHES).split())
