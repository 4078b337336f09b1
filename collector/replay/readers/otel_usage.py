"""Tokens and cost of a span under every name that instrumentations have used.

A name says what it counts, not what that contains: the AI SDK before version 6 and OpenInference for JavaScript hand
on what the provider counts. So totals are read too, and what one span of an instrumentation proves holds for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from shadow.domain.accounting import Counts, counts_of_block
from shadow.domain.price_terms import AUDIO, ONE_HOUR_WRITES, all_terms, tier_terms, usage_terms
from shadow.domain.usage import billed, cost_of_block
from shadowroute.collector.replay.readers import values

Attributes = Mapping[str, Any]

INPUT_TOKENS: Final = (
    "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt", "llm.usage.prompt_tokens",
    "ai.usage.inputTokens", "ai.usage.promptTokens", "llm.usage.input_tokens",
)  # fmt: skip
OUTPUT_TOKENS: Final = (
    "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion",
    "llm.usage.completion_tokens", "ai.usage.outputTokens", "ai.usage.completionTokens", "llm.usage.output_tokens",
)  # fmt: skip
CACHE_READ: Final = (
    "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.cache_read_tokens",
    "gen_ai.usage.cached_tokens", "gen_ai.usage.cached_input_tokens", "gen_ai.usage.input_tokens.cached",
    "gen_ai.usage.details.cache_read_tokens", "gen_ai.usage.details.cache_read_input_tokens",
    "gen_ai.usage.details.cached_tokens", "gen_ai.usage.prompt_tokens_details.cached_tokens",
    "llm.token_count.prompt_details.cache_read", "llm.token_count.prompt_details.cache_input",
    "llm.usage.cache_read_input_tokens", "llm.usage.cached_tokens", "ai.usage.inputTokenDetails.cacheReadTokens",
    "ai.usage.cachedInputTokens", "ai.usage.cacheReadInputTokens",
)  # fmt: skip
CACHE_WRITE: Final = (
    "gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens", "gen_ai.usage.cache_write_input_tokens",
    "gen_ai.usage.cache_write_tokens", "gen_ai.usage.cache_creation_tokens", "gen_ai.usage.details.cache_write_tokens",
    "gen_ai.usage.details.cache_creation_input_tokens", "llm.token_count.prompt_details.cache_write",
    "llm.usage.cache_creation_input_tokens", "ai.usage.inputTokenDetails.cacheWriteTokens",
    "ai.usage.cacheCreationInputTokens",
)  # fmt: skip
REASONING: Final = (
    "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens", "gen_ai.usage.details.reasoning_tokens",
    "gen_ai.usage.completion_tokens_details.reasoning_tokens", "llm.token_count.completion_details.reasoning",
    "llm.usage.reasoning_tokens", "ai.usage.outputTokenDetails.reasoningTokens", "ai.usage.reasoningTokens",
)  # fmt: skip
TOTAL: Final = (
    "gen_ai.usage.total_tokens", "llm.token_count.total", "llm.usage.total_tokens", "ai.usage.totalTokens",
)  # fmt: skip
BLOCKS: Final = ("langfuse.observation.usage_details", "gen_ai.usage", "llm.usage")
"""Attributes that hold a usage block as JSON."""
PROVIDER_METADATA: Final = "ai.response.providerMetadata"
"""Where the AI SDK puts what has no name of its own."""
COST: Final = (
    "gen_ai.usage.cost", "gen_ai.cost.total_cost", "llm.cost.total", "gen_ai.usage.total_cost", "operation.cost",
)  # fmt: skip
COST_DETAILS: Final = "langfuse.observation.cost_details"
UPSTREAM: Final = ("upstream_inference_cost", "upstreaminferencecost")
"""Ends of names of what the provider bills to a key of one's own."""
TIER: Final = "service_tier"
ONE_HOUR: Final = "ephemeral_1h_input_tokens"
COUNTED: Final = ("gen_ai.usage.", "llm.usage.", "llm.token_count.", "ai.usage.")
OWN_KEY: Final = ("is_byok", "isbyok")


def counts_something(attributes: Attributes) -> bool:
    """Whether a span reports tokens of a prompt or an answer."""
    return values.first(attributes, (*INPUT_TOKENS, *OUTPUT_TOKENS, *BLOCKS)) is not None


def counts_of_span(attributes: Attributes) -> Counts:
    """The numbers of a span."""
    more = values.mapping_of(attributes.get(PROVIDER_METADATA)) if PROVIDER_METADATA in attributes else {}
    counts = Counts(
        input_tokens=values.first_tokens(attributes, INPUT_TOKENS),
        output_tokens=values.first_tokens(attributes, OUTPUT_TOKENS),
        cache_read=values.first_tokens(attributes, CACHE_READ) or _metadata(more, "cacheReadInputTokens"),
        cache_write=values.first_tokens(attributes, CACHE_WRITE)
        or _metadata(more, "cacheCreationInputTokens")
        or _metadata(more, "cacheWriteInputTokens"),
        reasoning=values.first_tokens(attributes, REASONING) or 0,
        total=values.first_tokens(attributes, TOTAL) or None,
    )
    unpriced = _terms(attributes, more)
    blocks = (values.mapping_of(attributes[name]) for name in BLOCKS if attributes.get(name))
    for block in blocks:
        told = counts_of_block(block.get)
        unpriced = all_terms(unpriced, told.unpriced)
        if not counts.input_tokens or (told.cached and not counts.cached):
            return told._replace(unpriced=unpriced)
    return counts._replace(unpriced=unpriced)


def cost_of_span(attributes: Attributes) -> float | None:
    """What a span says that the call cost; what a provider billed to a key of one's own is part of it."""
    told = values.amount(values.first(attributes, COST))
    if told is None and COST_DETAILS in attributes:
        details = values.mapping_of(attributes[COST_DETAILS])
        told = values.amount(details.get("total"))
    upstream = next((values.amount(held) for key, held in attributes.items() if key.lower().endswith(UPSTREAM)), None)
    own_key = next((values.flag(held) for key, held in attributes.items() if key.lower().endswith(OWN_KEY)), None)
    if told is not None:
        return billed(told, upstream, own_key=own_key)
    router = values.mapping_of(values.mapping_of(attributes.get(PROVIDER_METADATA)).get("openrouter"))
    usage = values.mapping_of(router.get("usage"))
    details = values.mapping_of(usage.get("costDetails"))
    return cost_of_block(
        {
            "cost": usage.get("cost"),
            "is_byok": usage.get("isByok"),
            "cost_details": {"upstream_inference_cost": details.get("upstreamInferenceCost")},
        }.get
    )


def _terms(attributes: Attributes, more: Attributes) -> str:
    """Terms under which the list price does not hold; a tier of the answer counts before one that was asked for."""
    tiers = [(key, held) for key, held in attributes.items() if key.endswith(TIER)]
    counted = {key for key, held in attributes.items() if key.startswith(COUNTED) and values.tokens(held)}
    providers = [values.mapping_of(held) for held in more.values()]
    return all_terms(
        tier_terms(*(held for key, held in sorted(tiers, key=lambda tier: "request" in tier[0])))
        or tier_terms(*(held.get("serviceTier") for held in providers)),
        ONE_HOUR_WRITES if any(key.endswith(ONE_HOUR) for key in counted) else "",
        AUDIO if any("audio" in key for key in counted) else "",
        *(usage_terms(values.mapping_of(held.get("usage")).get) for held in providers),
    )


def _metadata(more: Attributes, name: str) -> int:
    """A count in what the AI SDK keeps of a provider, or in the usage there; 0 if it is not there."""
    for provider in more.values():
        held = values.mapping_of(provider)
        found = values.tokens(held.get(name)) or values.tokens(values.mapping_of(held.get("usage")).get(name))
        if found:
            return found
    return 0
