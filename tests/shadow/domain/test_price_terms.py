"""Terms of a call that no price book has: they are named, and never priced as if they were not there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from shadow.domain.price_terms import tier_terms
from shadow.domain.usage import answer_of, chunk_of, usage_of

SENT = {"prompt_tokens": 1000, "completion_tokens": 100}


@pytest.mark.parametrize(
    ("block", "terms"),
    [
        (SENT, ""),
        ({**SENT, "prompt_tokens_details": {"audio_tokens": 0, "cached_tokens": 10}}, ""),
        ({**SENT, "prompt_tokens_details": {"audio_tokens": 40}}, "audio tokens"),
        ({**SENT, "completion_tokens_details": {"audio_tokens": 40}}, "audio tokens"),
        ({"input_tokens": 5, "output_tokens": 5, "service_tier": "standard"}, ""),
        ({"input_tokens": 5, "output_tokens": 5, "service_tier": "batch"}, "service tier batch"),
        ({"input_tokens": 5, "output_tokens": 5, "cache_creation_input_tokens": 900,
          "cache_creation": {"ephemeral_5m_input_tokens": 900, "ephemeral_1h_input_tokens": 0}}, ""),
        ({"input_tokens": 5, "output_tokens": 5, "cache_creation_input_tokens": 900, "service_tier": "priority",
          "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 900}},
         "service tier priority and 1-hour cache writes"),
        ({**SENT, "prompt_tokens_details": {"cache_creation_token_details": {"ephemeral_1h_input_tokens": 9}}},
         "1-hour cache writes"),
        ({"promptTokenCount": 100, "candidatesTokenCount": 5, "trafficType": "ON_DEMAND",
          "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 100}]}, ""),
        ({"promptTokenCount": 100, "candidatesTokenCount": 5, "trafficType": "PROVISIONED_THROUGHPUT",
          "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 60}]},
         "service tier provisioned_throughput and audio tokens"),
        ({"promptTokenCount": 100, "candidatesTokenCount": 1290,
          "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}]}, "image tokens in the answer"),
        ({"promptTokenCount": 300, "candidatesTokenCount": 9,
          "promptTokensDetails": [{"modality": "IMAGE", "tokenCount": 258}]}, ""),
        ({"input": 10, "output": 5, "input_audio_tokens": 90}, "audio tokens"),
        ({"input": 10, "output": 5, "input_cache_creation_1h": 90}, "1-hour cache writes"),
    ],
    ids=range(15),
)  # fmt: skip
def test_terms_of_a_usage_block(block: dict[str, Any], terms: str) -> None:
    """As OpenAI, Anthropic, LiteLLM, Gemini and Langfuse write them; 0 tokens of a kind are none."""
    assert usage_of(block).unpriced == terms
    assert usage_of(SimpleNamespace(**block)).unpriced == terms


@pytest.mark.parametrize("tier", ["flex", "priority", "scale", "batch"])
def test_the_service_tier_of_an_answer(tier: str) -> None:
    """OpenAI names it beside the usage block, in a whole answer and in the chunk with the usage."""
    whole = {"object": "chat.completion", "service_tier": tier, "usage": SENT}
    chunk = {"object": "chat.completion.chunk", "service_tier": tier, "usage": SENT, "choices": []}
    usage = chunk_of(chunk).usage
    assert usage is not None
    assert (answer_of(whole).usage.unpriced, usage.unpriced) == (f"service tier {tier}",) * 2
    assert (usage.input_tokens, usage.output_tokens) == (1000, 100)


@pytest.mark.parametrize("tier", ["default", "auto", "standard", "on_demand", "", None, 3])
def test_the_tier_of_the_list_price(tier: object) -> None:
    """It is no term, and neither is what is no name."""
    assert answer_of({"object": "chat.completion", "service_tier": tier, "usage": SENT}).usage.unpriced == ""


def test_the_tier_of_the_answer_counts_before_that_of_the_request() -> None:
    """A provider may serve a request for `flex` by default."""
    assert tier_terms("default", "flex") == ""
    assert tier_terms(None, "", "Flex") == "service tier flex"
