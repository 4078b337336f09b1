"""One model under many names: its family, its snapshot, and whose price holds."""

from __future__ import annotations

import subprocess
import sys

import pytest

from shadow.prices.catalogue import Catalogue, Model
from shadow.prices.identity import OWN_HOSTS, PROVIDERS, Identity, identify, provider_id
from shadow.prices.registry import Price, registry_prices, registry_providers

SONNET = "claude-sonnet-4-5"


@pytest.mark.parametrize(
    ("name", "provider", "family", "price_key"),
    [
        ("gpt-5", "", "gpt-5", "gpt-5"),
        ("gpt-5-2025-08-07", "", "gpt-5", "gpt-5"),
        ("openai/gpt-5", "", "gpt-5", "gpt-5"),
        ("gpt-5", "openai.responses", "gpt-5", "gpt-5"),
        ("gpt-4o-2024-05-13", "", "gpt-4o", "gpt-4o-2024-05-13"),
        ("gpt-4o-2024-08-06", "openai", "gpt-4o", "gpt-4o"),
        ("azure/gpt-4o", "azure", "gpt-4o", "azure/gpt-4o"),
        ("gpt-4o", "az.ai.openai", "gpt-4o", "azure/gpt-4o"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock", SONNET,
         "aws/regional.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock", SONNET,
         "aws/global.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "", SONNET,
         "aws/regional.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("arn:aws:bedrock:eu-west-1::foundation-model/meta.llama3-70b-instruct-v1:0", "", "llama3-70b-instruct",
         "aws/meta.llama3-70b-instruct-v1:0"),
        ("claude-sonnet-4-5@20250929", "vertex_ai", SONNET, f"google/{SONNET}"),
        ("publishers/anthropic/models/claude-sonnet-4-5@20250929", "gcp.vertex_ai", SONNET, f"google/{SONNET}"),
        ("models/gemini-2.5-pro", "", "gemini-2.5-pro", "gemini-2.5-pro"),
        ("gemini/gemini-2.5-flash", "", "gemini-2.5-flash", "gemini-2.5-flash"),
        ("llama-3.3-70b-versatile", "groq", "llama-3.3-70b-versatile", "groq/llama-3.3-70b-versatile"),
        ("openai/gpt-oss-120b", "groq", "gpt-oss-120b", "groq/openai/gpt-oss-120b"),
        ("groq/openai/gpt-oss-120b", "", "gpt-oss-120b", "groq/openai/gpt-oss-120b"),
        ("meta-llama/Llama-3.3-70B-Instruct-Turbo", "together_ai", "llama-3.3-70b-instruct-turbo",
         "together/meta-llama/Llama-3.3-70B-Instruct-Turbo"),
        ("anthropic/claude-sonnet-4.5", "openrouter", SONNET, "openrouter/anthropic/claude-sonnet-4.5"),
        ("openrouter/anthropic/claude-sonnet-4.5", "", SONNET, "openrouter/anthropic/claude-sonnet-4.5"),
        ("anthropic/claude-4.5-sonnet-20250929", "openrouter", SONNET, "openrouter/anthropic/claude-sonnet-4.5"),
        ("openai/gpt-5:batch", "openrouter", "gpt-5", "openrouter/openai/gpt-5:batch"),
        ("openai/gpt-5-2025-08-07:batch", "openrouter", "gpt-5", "openrouter/openai/gpt-5:batch"),
        ("openai/gpt-4.1-2025-04-14", "openrouter", "gpt-4.1", "openrouter/openai/gpt-4.1"),
        ("mistral/mistral-large-latest", "", "mistral-large", "mistral-large"),
        ("xai/grok-4", "", "grok-4", "grok-4-0709"),
        ("deepseek/deepseek-chat", "", "deepseek-chat", "deepseek-chat"),
    ],
)  # fmt: skip
def test_spellings_of_gateways_and_clouds(name: str, provider: str, family: str, price_key: str) -> None:
    """The provider decides the price; the family is one for all."""
    found = identify(name, provider)
    assert (found.family, found.price_key) == (family, price_key)
    assert registry_prices(price_key, None)


@pytest.mark.parametrize(
    ("name", "provider", "family"),
    [
        ("gpt-5", "groq", "gpt-5"),
        ("llama3:8b", "ollama", "llama3:8b"),
        ("openai/gpt-oss-20b", "hosted_vllm", "gpt-oss-20b"),
        ("azure/prod-eu-chat-01", "azure", "prod-eu-chat-01"),
        ("deepseek/deepseek-r1:free", "openrouter", "deepseek-r1"),
        ("openai/gpt-oss-120b:free", "openrouter", "gpt-oss-120b"),
        ("openai/gpt-5-2025-08-07:flex", "openrouter", "gpt-5"),
        ("gpt-5:flex", "openai", "gpt-5"),
        ("small", "", "small"),
    ],
)
def test_a_price_is_never_that_of_another_provider(name: str, provider: str, family: str) -> None:
    """What its provider does not list, and what a server of one's own serves, has no price."""
    found = identify(name, provider)
    assert found.price_key == ""
    assert found.family == family or found.family == name.rpartition("/")[2]


def test_numbers_behind_an_unknown_name_tell_models_apart() -> None:
    """Two deployments of one's own are two models; a date says that it is a snapshot."""
    assert [identify(name).family for name in ("router-001", "router-002")] == ["router-001", "router-002"]
    assert identify("mine-2025-08-07") == Identity("mine", "mine-2025-08-07", "", "")


def test_the_listed_model_counts_first() -> None:
    """By name, alias, route and snapshot; its own price holds for every snapshot, another provider's never."""
    own = Price(
        input_usd_per_mtok=1.0, cache_read_usd_per_mtok=1.0, cache_write_usd_per_mtok=1.0, output_usd_per_mtok=2.0
    )
    catalogue = Catalogue(
        [
            Model(name="gpt-4o", provider="openai"),
            Model(name="ours", provider="azure", aliases=("prod-eu-chat-01",)),
            Model(name="gpt-5", provider="openai", price=own),
        ]
    )
    told = {
        ("gpt-4o-2024-05-13", ""): ("gpt-4o", "gpt-4o-2024-05-13"),
        ("openai/gpt-4o-2024-08-06", ""): ("gpt-4o", "gpt-4o"),
        ("azure/prod-eu-chat-01", "azure"): ("ours", "ours"),
        ("gpt-5-2025-08-07", "openai"): ("gpt-5", "gpt-5"),
        ("gpt-4o", "groq"): ("gpt-4o", ""),
    }
    found = {key: catalogue.identity(*key) for key in told}
    assert {key: (each.family, each.price_key) for key, each in found.items()} == told
    assert catalogue.canonical("openai/gpt-4o-2024-08-06") == "gpt-4o"
    assert catalogue.canonical("claude-sonnet-4-5") == "claude-sonnet-4-5"
    assert catalogue.canonical("gpt-4o-2024-05-13", "azure/gpt-4o") == "azure/gpt-4o"


def test_every_provider_is_the_registrys() -> None:
    """The table of words stands for the registry, which a request must not wait for."""
    assert set(PROVIDERS.values()) <= registry_providers()
    assert not OWN_HOSTS & set(PROVIDERS)
    assert provider_id("no such provider") == ""


def test_a_plain_name_loads_no_registry() -> None:
    """The registry takes a third of a second: a name of a live answer must not load it."""
    program = (
        "import sys; from shadow.prices.catalogue import Catalogue, Model;"
        "c = Catalogue([Model(name='gpt-5'), Model(name='gpt-4o')]);"
        "assert c.canonical('openai/gpt-5-2025-08-07', 'gpt-5') == 'gpt-5' and c.canonical('gpt-4o') == 'gpt-4o';"
        "assert 'genai_prices.data' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
