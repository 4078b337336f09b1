"""Messages of providers that name a failure only in words, by a table with their sources.

A message counts from its beginning on: providers quote the request, and a 400 about a field may quote any word.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from shadow.errors import CONTENT_POLICY, CONTEXT_LENGTH, QUOTA

VLLM: Final = "https://github.com/vllm-project/vllm (entrypoints/openai, v1/engine)"
LITELLM: Final = "https://github.com/BerriAI/litellm 1.110.2, litellm_core_utils/exception_mapping_utils.py"
ANTHROPIC: Final = "https://docs.anthropic.com/en/api/errors"
OPENAI: Final = "https://platform.openai.com/docs/guides/error-codes"

WRAPPERS: Final = (
    r"(?:[\w.]*(?:Error|Exception)(?::| -)\s*|Input validation error:\s*|The model returned the following errors:\s*)*"
)
"""What gateways and servers put before a message."""


class ErrorText(NamedTuple):
    """The beginning of a message.

    Attributes:
        error_type: of the failure.
        begins: a regular expression, in any case.
        source: who sends it, and where that can be read.
    """

    error_type: str
    begins: str
    source: str


TEXTS: Final = (
    ErrorText(CONTEXT_LENGTH, r"This model'?s maximum context length is", f"OpenAI, DeepSeek, vLLM; {VLLM}"),
    ErrorText(CONTEXT_LENGTH, r"This endpoint's maximum context length is", "OpenRouter; https://openrouter.ai/docs"),
    ErrorText(
        CONTEXT_LENGTH, r"Your input exceeds the context window of this model", f"OpenAI, Responses API; {OPENAI}"
    ),
    ErrorText(CONTEXT_LENGTH, r"Input tokens exceed the configured limit", f"OpenAI; {LITELLM}"),
    ErrorText(CONTEXT_LENGTH, r"prompt is too long\b", f"Anthropic; {ANTHROPIC}"),
    ErrorText(CONTEXT_LENGTH, r"input length and `?max_tokens`? exceed context limit", f"Anthropic; {LITELLM}"),
    ErrorText(
        CONTEXT_LENGTH, r"Input is too long for requested model", "Amazon Bedrock; https://docs.aws.amazon.com/bedrock"
    ),
    ErrorText(
        CONTEXT_LENGTH,
        r"The input token count (\(\d+\) )?exceeds the maximum number of tokens allowed",
        f"Gemini; {LITELLM}",
    ),
    ErrorText(CONTEXT_LENGTH, r"This model's maximum prompt length is \d+", "xAI; https://docs.x.ai"),
    ErrorText(
        CONTEXT_LENGTH,
        r"Please reduce the length of the messages or completion",
        "Groq; https://console.groq.com/docs/errors",
    ),
    ErrorText(
        CONTEXT_LENGTH, r"Prompt contains \d+ tokens\b.* too large for model", "Mistral; https://docs.mistral.ai"
    ),
    ErrorText(
        CONTEXT_LENGTH,
        r"The (decoder |encoder )?prompt \((total )?length \d+\) is (longer than the maximum|too long to fit)",
        f"vLLM; {VLLM}",
    ),
    ErrorText(
        CONTEXT_LENGTH,
        r"'max_tokens' or 'max_completion_tokens' is too large: \d+\. This model's maximum",
        f"vLLM; {VLLM}",
    ),
    ErrorText(CONTEXT_LENGTH, r"You passed \d+ input tokens and requested \d+ output tokens", f"vLLM; {VLLM}"),
    ErrorText(CONTEXT_LENGTH, r"Input length \(\d+\) exceeds model's maximum context length", f"vLLM; {VLLM}"),
    ErrorText(
        CONTEXT_LENGTH, r"The input \(\d+ tokens\) is longer than the model's context length", f"SGLang; {LITELLM}"
    ),
    ErrorText(
        CONTEXT_LENGTH, r"Requested token count exceeds the model's maximum context length", f"SGLang; {LITELLM}"
    ),
    ErrorText(
        CONTEXT_LENGTH,
        r"`inputs` tokens \+ `max_new_tokens` must be",
        f"Text Generation Inference, Together; {LITELLM}",
    ),
    ErrorText(
        CONTEXT_LENGTH, r"(the )?request( \(\d+ tokens\))? exceeds the available context size", f"llama.cpp; {LITELLM}"
    ),
    ErrorText(
        CONTEXT_LENGTH,
        r"(The number of tokens to keep from the initial prompt|Trying to keep the first \d+ tokens)",
        "LM Studio; https://lmstudio.ai/docs",
    ),
    ErrorText(CONTEXT_LENGTH, r"Current length is \d+ while limit is \d+", f"Cerebras; {LITELLM}"),
    ErrorText(
        CONTENT_POLICY,
        r"Output blocked by content filtering policy",
        "Anthropic; https://support.claude.com/en/articles/10023638",
    ),
    ErrorText(
        CONTENT_POLICY,
        r"Your (request was rejected|task failed) as a result of our safety system",
        f"OpenAI; {LITELLM}",
    ),
    ErrorText(
        CONTENT_POLICY,
        r"(Invalid prompt: )?your (prompt|request) was flagged as potentially violating",
        "OpenAI; https://platform.openai.com/docs/guides/reasoning#advice-on-prompting",
    ),
    ErrorText(
        CONTENT_POLICY,
        r"The response was filtered due to the prompt triggering Azure OpenAI's content",
        f"Azure; {LITELLM}",
    ),
    ErrorText(
        CONTENT_POLICY,
        r"\S+ requires moderation\b|Your chosen model requires moderation",
        "OpenRouter; https://openrouter.ai/docs/api-reference/errors",
    ),
    ErrorText(CONTENT_POLICY, r"Content Exists Risk", "DeepSeek; https://api-docs.deepseek.com"),
    ErrorText(QUOTA, r"Your credit balance is too low", f"Anthropic; {ANTHROPIC}"),
    ErrorText(QUOTA, r"You exceeded your current quota", f"OpenAI; {OPENAI}"),
    ErrorText(
        QUOTA,
        r"Insufficient (balance|credits|quota)\b",
        "DeepSeek, OpenRouter; https://api-docs.deepseek.com/quick_start/error_codes",
    ),
)

_PATTERNS: Final = tuple((re.compile(WRAPPERS + text.begins, re.IGNORECASE), text.error_type) for text in TEXTS)


def type_of_text(message: str) -> str:
    """The class of a failure by its message; empty for one that is in no row."""
    return next((error_type for pattern, error_type in _PATTERNS if pattern.match(message)), "")
