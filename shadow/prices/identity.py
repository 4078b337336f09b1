"""One model under many names: which model a name means, and whose price holds for it.

Clients, gateways and clouds spell one model in many ways: `gpt-5`, `gpt-5-2025-08-07`, `openai/gpt-5`,
`us.anthropic.claude-sonnet-4-5-20250929-v1:0`. Choices are compared by the family; a price belongs to a provider and,
where the registry prices it apart, to one snapshot.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from shadow.prices.registry import registry_key

SNAPSHOT: Final = re.compile(r"(?:-\d{4}-\d{2}-\d{2}|-\d{2}-\d{4}|-\d{3,8}|-latest|@[\w.-]+|:[a-z]+)$")
"""Suffixes by which providers name a snapshot or a variant of a model."""

_SAME_WORD: Final = (
    "anthropic arcee aws azure baseten cerebras cloudflare cohere databricks deepseek doubleword "
    "fireworks google groq meta minimax mistral moonshotai novita openai openrouter ovhcloud perplexity "
    "quicksilverpro together voyageai x-ai zai zhipuai"
)
PROVIDERS: Final = {name: name for name in _SAME_WORD.split()} | {
    "amazon_bedrock": "aws",
    "aws_bedrock": "aws",
    "az": "azure",
    "azure_ai": "azure",
    "azure_openai": "azure",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "fireworks_ai": "fireworks",
    "gcp": "google",
    "gemini": "google",
    "google_ai_studio": "google",
    "google_genai": "google",
    "google_vertex": "google",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "together_ai": "together",
    "togetherai": "together",
    "vertex": "google",
    "vertex_ai": "google",
    "vertex_ai_beta": "google",
    "x_ai": "x-ai",
    "xai": "x-ai",
}
"""Words for the registry's providers: its own, LiteLLM's, OpenTelemetry's (before the first dot), the AI SDK's.

A table, because a request must not wait for the registry, which takes a third of a second to load."""

OWN_HOSTS: Final = frozenset(
    {"hosted_vllm", "llamafile", "lm_studio", "lmdeploy", "localai", "ollama", "ollama_chat", "sglang", "tgi",
     "triton", "vllm", "xinference"}
)  # fmt: skip
"""Servers of one's own: no public price holds for what they serve."""

_VARIANT: Final = re.compile(r":(?!latest$)[a-z]+$")
"""OpenRouter's suffix of another service of the same model at another price: `:free`, `:batch`, `:flex`."""
_DATED: Final = re.compile(r"-20\d{2}-?[01]\d-?[0-3]\d$|-latest$")
_ARN: Final = re.compile(r"arn:aws[\w-]*:bedrock:[^/]*/(.+)")
_PATH: Final = re.compile(r"(?:projects/[^/]+/locations/[^/]+/)?(?:publishers/[^/]+/)?models/(.+)")
_BEDROCK: Final = re.compile(
    r"(?:(?:us|us-gov|eu|apac|jp|au|ca|global|regional)\.)?"
    r"(?:ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshotai|nvidia|openai|qwen|writer|zai)"
    r"\.([a-z][\w.-]*?)(?:-v\d+(?::\d+(?::\w+)?)?|-\d+:\d+)?"
)
"""`[REGION.]VENDOR.MODEL[-vN[:N]]`"""
_NUMBER_FIRST: Final = re.compile(r"^claude-([4-9](?:-\d{1,2})?)-([a-z]+)")
"""OpenRouter's ids of snapshots: claude-4.5-sonnet-20250929 is Anthropic's claude-sonnet-4-5-20250929."""


class Identity(NamedTuple):
    """What a name means.

    Attributes:
        family: the model for choices and comparisons; the name in models.yaml where it is listed there.
        snapshot: the version that the name gives, as its provider writes it; empty = none.
        provider: the registry's id of who served it; empty = unknown.
        price_key: name under which a price book has its price; empty = no price is known.
    """

    family: str
    snapshot: str
    provider: str
    price_key: str


class Spelling(NamedTuple):
    """A name taken apart.

    Attributes:
        provider: the registry's id; empty = neither the name nor the log says it.
        name: as its provider writes it, without the route of a gateway.
        bare: without vendor, region and version of the interface too.
        is_own_host: served by a server of one's own.
    """

    provider: str
    name: str
    bare: str
    is_own_host: bool

    @property
    def family(self) -> str:
        """Without the snapshot and the variant."""
        return _without_snapshot(_VARIANT.sub("", self.bare)) or self.bare


def provider_id(said: str) -> str:
    """The registry's id of a provider as logs and gateways name it; empty for one that the registry lacks.

    Args:
        said: for example `bedrock`, `gcp.vertex_ai`, `openai.responses`, `together_ai`.
    """
    word = _word(said)
    return PROVIDERS.get(word) or PROVIDERS.get(word.replace("_", "-"), "")


def is_own_host(said: str) -> bool:
    """Whether a provider is a server of one's own, as far as its name tells."""
    return _word(said) in OWN_HOSTS


@lru_cache(maxsize=4096)
def spelled(name: str, provider: str = "") -> Spelling:
    """Take a name apart.

    Args:
        name: as sent: a provider's id, a gateway's route, an ARN, a path.
        provider: who served it, as the log says; it counts before what the name says. Empty = the log does not say.
    """
    served, own, left = provider_id(provider), is_own_host(provider), name.strip()
    if (arn := _ARN.fullmatch(left)) is not None:
        served, left = served or "aws", arn[1]
    if (path := _PATH.fullmatch(left)) is not None:
        served, left = served or "google", path[1]
    while "/" in left:
        head, _, rest = left.partition("/")
        route = provider_id(head)
        # A marketplace's own id begins with the vendor's name: groq has openai/gpt-oss-120b.
        if not (route or is_own_host(head)) or (served and _sold_as(left, served)):
            break
        served, own, left = served or route, own or is_own_host(head), rest
    vendor, _, bare = left.rpartition("/")
    if (bedrock := _BEDROCK.fullmatch(bare)) is not None:
        served, bare = served or "aws", bedrock[1]
    if vendor == "anthropic" or bare.startswith("claude"):
        bare = _NUMBER_FIRST.sub(r"claude-\2-\1", bare.replace(".", "-"))  # marketplaces write claude-sonnet-4.5
    return Spelling(served, left, bare, own)


def identify(name: str, provider: str = "", listed: Callable[[str], str] = lambda _: "") -> Identity:
    """What a name means.

    Args:
        name: of a model, as sent.
        provider: who served it, as the log says; empty = it does not say.
        listed: the name in models.yaml of a name or alias; empty where it is not listed.
    """
    told = spelled(name, provider)
    key = price_key(told)
    spellings = (name, told.name, told.bare, told.family)
    family = next((known for each in spellings if (known := listed(each))), "")
    if not family:
        # A number behind an unknown name may tell two models apart: router-001 and router-002.
        is_known = key or _DATED.search(told.bare) or registry_key(told.family, "")
        family = told.family.lower() if is_known else told.bare
    return Identity(
        family=family,
        snapshot=told.bare if told.bare not in {told.family, family} else "",
        provider=told.provider,
        price_key=key,
    )


def price_key(told: Spelling) -> str:
    """Name under which the registry's price of it stands in a price book; empty if it has none.

    The provider decides: a model that its provider does not list has no price, whatever another one asks for it. So
    does the variant: `:free` and `:batch` do not cost what the model costs without them.
    """
    if told.is_own_host:
        return ""
    variant = "".join(_VARIANT.findall(told.bare))
    found = (_sold_as(each, told.provider) for each in (told.name, told.bare, told.family + variant))
    return next((key for key in found if key), "")


def _sold_as(name: str, provider: str) -> str:
    """The price of a name, else of its model without the snapshot, each with the name's variant."""
    variant = "".join(_VARIANT.findall(name))
    without = _without_snapshot(name.removesuffix(variant)) + variant
    found = (registry_key(each, provider) for each in dict.fromkeys((name, without)))
    return next((key for key in found if key and key.endswith(variant)), "")


def _without_snapshot(name: str) -> str:
    return SNAPSHOT.sub("", name) or name


def _word(said: str) -> str:
    word = said.strip().lower().replace("-", "_").replace(" ", "_")
    return word.partition(".")[0]
