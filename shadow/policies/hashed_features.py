"""A request as a short list of hashed features, for training and inference.

Words and pairs of words are hashed with CRC-32 into a fixed number of buckets, so that there is no vocabulary to keep.
Only a bounded part of the text is read: the cost does not grow with the prompt.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Final, Literal
from zlib import crc32

from shadow.domain.request import Request

FeatureSet = Literal["text", "metadata"]
"""`text` reads the last user message, too; `metadata` only fields of stored decisions."""

FIRST_CHARACTERS: Final = 1_000
LAST_CHARACTERS: Final = 500
WORDS_AT_MOST: Final = 150
DENSE: Final = ("log_input_tokens", "complexity")
"""Numeric features, in the order of `Features.dense`; 0 in the set `metadata`, which has bands."""

PUNCTUATION: Final = str.maketrans(dict.fromkeys(".,;:!?()[]{}\"'`*#<>|/\\", " "))
READS: Final[dict[FeatureSet, frozenset[str]]] = {
    "text": frozenset({"messages", "input_tokens", "task", "user_tier", "has_tools", "wants_json"}),
    "metadata": frozenset({"messages", "input_tokens", "task", "user_tier"}),
}
"""Features of a request that a set reads, as `Request.unknown` names them."""


@dataclass(frozen=True, slots=True)
class Features:
    """The input of a linear model.

    Attributes:
        facts: buckets whose value is 1.
        words: buckets whose value is `word_value`.
        word_value: 1 / sqrt(number of words), so that a long prompt weighs as much as a short one.
        dense: values of `DENSE`.
    """

    facts: tuple[int, ...]
    words: tuple[int, ...]
    word_value: float
    dense: tuple[float, float]


def features_of(request: Request, feature_set: FeatureSet, buckets: int) -> Features:
    """The features of a request.

    Args:
        request: frozen.
        feature_set: to read.
        buckets: a power of two.
    """
    mask = buckets - 1
    facts = [f"task={request.task}", f"user_tier={request.user_tier}"]
    words: tuple[int, ...] = ()
    dense = (0.0, 0.0)
    if feature_set == "text":
        facts += [f"tools={request.has_tools}", f"json={request.wants_json}"]
        words = _words(request.text, mask)
        dense = (math.log1p(max(0, request.input_tokens)) / 10, request.complexity)
    else:
        facts += [f"complexity={request.complexity_band}", f"input={request.input_band}"]
    return Features(
        facts=tuple([crc32(fact.encode("utf-8", "replace")) & mask for fact in facts]),
        words=words,
        word_value=1 / math.sqrt(len(words)) if words else 0.0,
        dense=dense,
    )


def _words(text: str, mask: int) -> tuple[int, ...]:
    """Buckets of the different words and neighbouring pairs in the first and last part of a text."""
    if len(text) > FIRST_CHARACTERS + LAST_CHARACTERS:
        text = f"{text[:FIRST_CHARACTERS]} {text[-LAST_CHARACTERS:]}"
    words = text.lower().translate(PUNCTUATION).encode("utf-8", "replace").split()[:WORDS_AT_MOST]
    hashes = [crc32(word) for word in words]
    found = {value & mask for value in hashes}
    found.update([(31 * left + right) & mask for left, right in itertools.pairwise(hashes)])
    return tuple(found)
