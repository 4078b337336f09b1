"""Terms of a call that a price book has no column for: service tiers, audio, cache writes that are kept for an hour.

A call under such terms does not cost what its tokens cost at the list price, so its cost is unknown, with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

ONE_HOUR_WRITES: Final = "1-hour cache writes"
AUDIO: Final = "audio tokens"
IMAGES: Final = "image tokens in the answer"

_LIST_PRICE: Final = frozenset(
    {"", "auto", "default", "none", "null", "on_demand", "ondemand", "standard", "standard_only", "unspecified",
     "traffic_type_unspecified"}
)  # fmt: skip
"""Words of providers for the service that the list price is of."""
_ONE_HOUR: Final = "ephemeral_1h_input_tokens"
_PARTS: Final = (
    (ONE_HOUR_WRITES, ("input_cache_creation_1h",)),
    (AUDIO, ("input_audio_tokens", "output_audio_tokens", "input_audio", "output_audio")),
)
"""Langfuse's parts of a usage."""
_SENT: Final = ("promptTokensDetails", "prompt_tokens_details", "cacheTokensDetails", "cache_tokens_details")
_ANSWERED: Final = ("candidatesTokensDetails", "candidates_tokens_details")
"""Gemini's lists of modalities."""


def tier_terms(*words: Any) -> str:
    """The service tier, by the first of the words that names one; empty for the tier of the list price."""
    word = next((each for each in words if isinstance(each, str) and each), "").strip().lower()
    return "" if word in _LIST_PRICE else f"service tier {word[:40]}"


def usage_terms(said: Callable[[str], Any], details: Iterable[Callable[[str], Any]] | None = None) -> str:
    """Terms that a usage block shows; empty = the list price holds. Every answer asks, so it asks for little.

    Args:
        said: gives a field of the block by its name.
        details: the same of OpenAI's details within it; None = the block is of another shape.
    """
    tier, written, audio = said("service_tier"), said("cache_creation"), False
    for detail in details or ():
        audio = audio or _is_some(detail("audio_tokens"))
        written = written or detail("cache_creation_token_details")
    if details is not None and not (tier or written or audio):
        return ""
    found = [tier_terms(tier, said("trafficType"), said("traffic_type"))]
    if written and _is_some(_reader(written)(_ONE_HOUR)):
        found.append(ONE_HOUR_WRITES)
    if audio:
        found.append(AUDIO)
    return all_terms(*found, *(_of_other_shapes(said) if details is None else ()))


def _of_other_shapes(said: Callable[[str], Any]) -> Iterator[str]:
    yield from (terms for terms, names in _PARTS if any(_is_some(said(name)) for name in names))
    answered = _modalities(said, _ANSWERED)
    if "AUDIO" in answered | _modalities(said, _SENT):
        yield AUDIO
    if "IMAGE" in answered:
        yield IMAGES


def all_terms(*terms: str) -> str:
    """Terms as one text."""
    return " and ".join(dict.fromkeys(filter(None, terms)))


def _reader(holder: Any) -> Callable[[str], Any]:
    return holder.get if isinstance(holder, Mapping) else lambda name: getattr(holder, name, None)


def _modalities(said: Callable[[str], Any], names: Iterable[str]) -> set[str]:
    """Modalities with more than 0 tokens."""
    lists = [held for name in names if isinstance(held := said(name), (list, tuple))]
    readers = [_reader(item) for held in lists for item in held]
    return {
        str(getattr(read("modality"), "value", read("modality")))
        for read in readers
        if _is_some(read("tokenCount") or read("token_count"))
    }


def _is_some(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
