"""Tokens of a provider's usage block: which numbers contain which.

Cached tokens stand inside the input (OpenAI, Gemini) or beside it (Anthropic, Bedrock, Langfuse); reasoning stands
inside the output (OpenAI) or beside it (xAI, Gemini). The names tell which, unless a total does: it is the sum of what
stands side by side. A request that was answered has a prompt, so 0 tokens of both kinds are no count. Of several names
for one number a 0 is believed last: some writers fill every name that they know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from shadow.domain.outcome import UNKNOWN_USAGE, Usage
from shadow.domain.price_terms import usage_terms

MOST_TOKENS: Final = 2**31
"""A larger number is not a token count."""

CACHE_READ_KEYS: Final = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens", "cache_read_tokens")
CACHE_WRITE_KEYS: Final = ("cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens")
INPUT_DETAIL_KEYS: Final = ("prompt_tokens_details", "input_tokens_details", "prompt_token_details")
OUTPUT_DETAIL_KEYS: Final = ("completion_tokens_details", "output_tokens_details")

Fields = Callable[[str], Any]
"""Gives a field of an object or a mapping by its name; None if there is none."""


class Counts(NamedTuple):
    """Numbers as reported. None = not reported, or not known which.

    Attributes:
        cache_inside: whether the input contains the cached tokens, as far as the names tell. None: inside, unless the
            numbers forbid it.
        reasoning_inside: whether the output contains the reasoning, likewise.
        unpriced: terms under which the list price does not hold, as in `Usage`.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    total: int | None = None
    cache_inside: bool | None = None
    reasoning_inside: bool | None = None
    unpriced: str = ""

    @property
    def cached(self) -> int:
        """Read and written together."""
        return self.cache_read + self.cache_write

    @property
    def beyond(self) -> int | None:
        """What the total holds beside input and output; None without a total that is at least their sum."""
        if self.total is None or self.input_tokens is None:
            return None
        beyond = self.total - self.input_tokens - (self.output_tokens or 0)
        return beyond if beyond >= 0 else None

    @property
    def contradicts_inside(self) -> bool:
        """Whether there are more cached tokens than input."""
        return self.input_tokens is not None and self.cached > self.input_tokens

    @property
    def total_says_outside(self) -> bool:
        """Whether the total counts the cached tokens, or those of one kind, beside the input."""
        if not self.cached or not self.beyond:
            return False
        beside = {self.cached, self.cache_read, self.cache_write} - {0}
        return bool({self.beyond, self.beyond - self.reasoning} & beside)


def settled(counts: Counts) -> Usage:
    """The usage that the counts say: cached tokens are part of the input, and reasoning is part of the output.

    Counts that contradict themselves are unknown; those of one side only, where that is possible.
    """
    known, answer, cached, beyond = counts.input_tokens, counts.output_tokens, counts.cached, counts.beyond
    if known is None:
        if answer is not None and counts.reasoning_inside is False:
            answer += counts.reasoning
        return Usage(output_tokens=answer) if answer else UNKNOWN_USAGE
    if not known and not answer and not cached:
        return UNKNOWN_USAGE
    is_plain = beyond == 0 and cached <= known  # almost every answer; this runs while the host waits
    outside = not is_plain and _cache_is_outside(counts)
    if outside:
        known += cached
    elif cached > known:
        return Usage(output_tokens=answer) if answer is not None else UNKNOWN_USAGE
    if answer is not None:
        answer += _reasoning_beside(counts, None if beyond is None else beyond - (cached if outside else 0))
    return Usage(
        input_tokens=known,
        output_tokens=answer,
        cache_read_tokens=counts.cache_read,
        cache_write_tokens=counts.cache_write,
        unpriced=counts.unpriced,
    )


def usage_of_block(said: Fields) -> Usage:
    """Tokens of a usage block: OpenAI's, Anthropic's, Gemini's, Bedrock's, Cohere's, Langfuse's and the AI SDK's.

    A block of another shape, or one that contradicts itself, is unknown.
    """
    return settled(counts_of_block(said))


def counts_of_block(said: Fields) -> Counts:
    """The numbers of a usage block, and what its names say about them."""
    prompt_tokens, prompt = count_of(said("prompt_tokens")), None
    output_tokens = count_of(said("completion_tokens"))
    if not prompt_tokens:
        prompt = count_of(said("input_tokens"))
    if not output_tokens:
        output_tokens = _larger(output_tokens, count_of(said("output_tokens")))
    input_tokens = _larger(prompt_tokens, prompt)
    if input_tokens is None and output_tokens is None:
        found = next((counts for shape in _OTHER_SHAPES if (counts := shape(said)) is not None), Counts())
        return found._replace(unpriced=usage_terms(said))
    details = [fields_of(detail) for key in INPUT_DETAIL_KEYS if (detail := said(key)) is not None]
    answered = [fields_of(detail) for key in OUTPUT_DETAIL_KEYS if (detail := said(key)) is not None]
    total = count_of(said("total_tokens"))
    reasoning = 0
    if total is None or total != (input_tokens or 0) + (output_tokens or 0):
        reasoning = first_count((*answered, said), ("reasoning_tokens",)) or 0
    anthropic = prompt_tokens is None and _leaves_cache_out(said)
    return Counts(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cache_read=first_count((*details, said), CACHE_READ_KEYS) or 0,
        cache_write=first_count((*details, said), CACHE_WRITE_KEYS) or 0,
        reasoning=reasoning,
        total=total,
        cache_inside=not anthropic,
        unpriced=usage_terms(said, (*details, *answered)),
    )


def fields_of(holder: Any) -> Fields:
    """Fields of one holder by their names. A missing attribute of a pydantic object takes microseconds to ask for."""
    if type(holder) is dict or isinstance(holder, Mapping):  # the first test is ten times faster
        get: Fields = holder.get
        return get
    extra = getattr(holder, "__pydantic_extra__", None)
    if extra is not None:
        return {**vars(holder), **extra}.get if extra else vars(holder).get
    return lambda name: getattr(holder, name, None)


def first_count(holders: Iterable[Fields], names: Iterable[str]) -> int | None:
    """The first count above 0 that one of the holders has under one of the names, else 0 if any says so."""
    zero = None
    for said in holders:
        for name in names:
            found = said(name)
            if found is not None and (count := count_of(found)) is not None:
                if count:
                    return count
                zero = 0
    return zero


def count_of(value: Any) -> int | None:
    """A number of tokens; None for any other value."""
    if value is None or isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if 0 <= value < MOST_TOKENS and value == int(value) else None


def _cache_is_outside(counts: Counts) -> bool:
    if not counts.cached:
        return False
    if counts.total_says_outside:
        return True
    if counts.contradicts_inside:
        return counts.cache_inside is not True
    if counts.beyond == 0 or (counts.reasoning and counts.beyond == counts.reasoning):
        return False
    return counts.cache_inside is False


def _reasoning_beside(counts: Counts, beyond: int | None) -> int:
    """Reasoning that the output does not contain. What a total holds for no other reason was thought (Gemini)."""
    if beyond is not None and beyond >= 0:
        return beyond
    inside = counts.reasoning_inside
    if inside is None:
        inside = counts.reasoning <= (counts.output_tokens or 0)
    return 0 if inside else counts.reasoning


def _larger(first: int | None, second: int | None) -> int | None:
    return second if first is None else first if second is None else max(first, second)


def _leaves_cache_out(said: Fields) -> bool:
    """Anthropic's accounting."""
    return said("cache_read_input_tokens") is not None or said("cache_creation_input_tokens") is not None


def _gemini(said: Fields) -> Counts | None:
    """Gemini's and Vertex AI's `usageMetadata`. What tools put into the prompt is counted apart and billed with it."""
    prompt = first_count((said,), ("promptTokenCount", "prompt_token_count", "total_input_tokens"))
    answer = first_count((said,), ("candidatesTokenCount", "candidates_token_count", "total_output_tokens"))
    thoughts = first_count((said,), ("thoughtsTokenCount", "thoughts_token_count", "total_thought_tokens"))
    if prompt is None and answer is None and thoughts is None:
        return None
    tools = first_count((said,), ("toolUsePromptTokenCount", "tool_use_prompt_token_count", "total_tool_use_tokens"))
    total = first_count((said,), ("totalTokenCount", "total_token_count", "total_tokens"))
    ended = thoughts is not None or (total is not None and total == prompt)  # a refused prompt has no candidates
    return Counts(
        input_tokens=None if prompt is None else prompt + (tools or 0),
        output_tokens=0 if answer is None and ended else answer,
        cache_read=first_count(
            (said,), ("cachedContentTokenCount", "cached_content_token_count", "total_cached_tokens")
        ) or 0,
        reasoning=thoughts or 0,
        cache_inside=True,
        reasoning_inside=False,
    )  # fmt: skip


def _camel(said: Fields) -> Counts | None:
    """Bedrock's Converse and the AI SDK. Only the SDK's version 6 has details, and counts the cache inside."""
    known = first_count((said,), ("inputTokens", "promptTokens"))
    answer = first_count((said,), ("outputTokens", "completionTokens"))
    if known is None and answer is None:
        return None
    details, thought = fields_of(said("inputTokenDetails")), fields_of(said("outputTokenDetails"))
    bedrock = said("cacheReadInputTokens") is not None or said("cacheReadInputTokenCount") is not None
    return Counts(
        input_tokens=known,
        output_tokens=answer,
        cache_read=first_count(
            (details, said),
            ("cacheReadTokens", "cacheReadInputTokens", "cacheReadInputTokenCount", "cachedInputTokens"),
        ) or 0,
        cache_write=first_count(
            (details, said), ("cacheWriteTokens", "cacheWriteInputTokens", "cacheWriteInputTokenCount")
        ) or 0,
        reasoning=first_count((thought, said), ("reasoningTokens",)) or 0,
        total=count_of(said("totalTokens")),
        cache_inside=False if bedrock else None,
    )  # fmt: skip


def _cohere(said: Fields) -> Counts | None:
    """Cohere bills other numbers than it counts."""
    for name in ("billed_units", "tokens"):
        held = fields_of(said(name))
        known, answer = count_of(held("input_tokens")), count_of(held("output_tokens"))
        if known is not None or answer is not None:
            return Counts(input_tokens=known, output_tokens=answer)
    return None


def _langfuse(said: Fields) -> Counts | None:
    """Langfuse's `usageDetails`: parts side by side, with names of their own, and perhaps their total."""
    known, answer = count_of(said("input")), count_of(said("output"))
    if known is None and answer is None:
        return None
    audio = [first_count((said,), (f"{side}_audio_tokens", f"{side}_audio")) or 0 for side in ("input", "output")]
    return Counts(
        input_tokens=None if known is None else known + audio[0],
        output_tokens=None if answer is None else answer + audio[1],
        cache_read=first_count(
            (said,), ("input_cached_tokens", "cache_read_input_tokens", "input_cache_read", "input_cached",
                      "cached_tokens", "cache_read")
        ) or 0,
        cache_write=first_count(
            (said,), ("cache_creation_input_tokens", "input_cache_creation", "input_cache_write",
                      "cache_write_input_tokens", "input_cache_creation_5m", "cache_write")
        ) or 0,
        reasoning=first_count((said,), ("output_reasoning_tokens", "output_reasoning", "reasoning_tokens", "reasoning"))
        or 0,
        total=count_of(said("total")),
        cache_inside=False,
        reasoning_inside=False,
    )  # fmt: skip


_OTHER_SHAPES: Final = (_gemini, _camel, _cohere, _langfuse)
