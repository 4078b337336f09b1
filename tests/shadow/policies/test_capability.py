"""The capability filter: who cannot or must not get a request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shadow.domain.snapshot import STATELESS
from shadow.errors import ConfigError, PolicyError, UnknownFeatureError
from shadow.policies.capability import Capability
from tests.support.models import catalogue, model, policy_of, request

FULL = model(
    "full",
    context_tokens=2000,
    supports=frozenset({"tools", "json"}),
    regions=frozenset({"eu"}),
    languages=frozenset({"de"}),
)
SILENT = model("silent")


def refusal(name: str, *, strict: bool = False, region: str = "", **features: Any) -> str:
    return Capability(catalogue(FULL, SILENT), strict=strict, region=region).refusal(
        request(**features), STATELESS, name
    )


@pytest.mark.parametrize(
    ("features", "stated", "silent", "strict"),
    [
        ({}, "", "", "context not stated"),
        ({"input_tokens": 2000}, "", "", "context not stated"),
        ({"input_tokens": 2001}, "context too short for the prompt", "", "context not stated"),
        ({"max_output_tokens": 1001}, "context too short for prompt and answer", "", "context not stated"),
        ({"max_output_tokens": 1000}, "", "", "context not stated"),
        ({"has_tools": True}, "", "", "tools not stated"),
        ({"has_images": True}, "no images", "", "images not stated"),
        ({"wants_json": True}, "", "", "structured output not stated"),
        ({"labels": {"region": "eu"}}, "", "region not stated", "context not stated"),
        ({"labels": {"region": "us"}}, "not in region us", "region not stated", "context not stated"),
        ({"labels": {"language": "fr"}}, "not in language fr", "", "context not stated"),
    ],
)
def test_what_a_model_must_be_able_to_do(features: dict[str, Any], stated: str, silent: str, strict: str) -> None:
    """What is stated decides; what is not counts as fulfilled, except for the region, and never when strict."""
    assert refusal("full", **features) == stated
    assert refusal("silent", **features) == silent
    assert refusal("silent", strict=True, **features) == strict


def test_a_region_of_the_policy(tmp_path: Path) -> None:
    """A policy for one region needs no label, and a name that no model has is a mistake."""
    assert refusal("full", region="eu", labels={"region": "us"}) == ""
    assert refusal("silent", region="eu") == "region not stated"
    with pytest.raises(ConfigError, match="region must be one that a model has, got 'moon'"):
        policy_of(tmp_path, "policy: c\nfilter: {capability: {region: moon}}\nchoose: {use: small}\n")


def test_unknown_matters_only_where_it_decides() -> None:
    """A log that does not tell of tools says nothing about a model without them, and enough about one with them."""
    unknown = frozenset({"has_tools", "has_images"})
    with pytest.raises(UnknownFeatureError, match="has_images"):
        refusal("full", unknown=unknown)
    assert refusal("silent", unknown=unknown) == ""
    with pytest.raises(UnknownFeatureError, match="has_tools"):
        refusal("silent", strict=True, unknown=unknown)
    assert refusal("full", input_tokens=9999, unknown=frozenset({"max_output_tokens"})).startswith("context too short")
    assert Capability(catalogue(SILENT)).reads == {"label:region"}
    assert Capability(catalogue(FULL)).reads == {
        "label:region", "label:language", "has_images", "input_tokens", "max_output_tokens",
    }  # fmt: skip


def test_a_label_that_requests_cannot_carry_is_a_mistake(tmp_path: Path) -> None:
    """An undeclared label is dropped: residency would silently not be kept."""
    models = "models: {a: {regions: [eu], price_usd_per_million: {input: 1, output: 1}}}\n"
    text = "policy: c\nfilter: {capability: auto}\nchoose: {use: a}\n"
    assert policy_of(tmp_path, text, models=models, labels=frozenset({"region"})).name == "c"
    with pytest.raises(ConfigError, match=r"policy.yaml:2: label region must be declared"):
        policy_of(tmp_path, text, models=models, labels=frozenset())


def test_filter_choose_fallback(tmp_path: Path) -> None:
    """What a filter refuses is no candidate of a comparison either, and every reason is told."""
    models = """models:
  small: {supports: [], price_usd_per_million: {input: 1, output: 1}}
  large: {supports: [tools], price_usd_per_million: {input: 9, output: 9}}
"""
    text = "policy: c\nfilter: {capability: strict}\nchoose: {weighted: {preset: budget}}\nfallback: [small]\n"
    models = models.replace("{supports", "{context_tokens: 5000, supports")
    decision = policy_of(tmp_path, text, models=models).decide(request(has_tools=True), STATELESS)
    assert [step.model for step in decision.steps] == ["large"]
    assert {c.model: c.rejected for c in decision.candidates} == {"large": "", "small": "no tools"}
    with pytest.raises(PolicyError, match="large: no images"):
        policy_of(tmp_path, text, models=models).decide(request(has_images=True), STATELESS)
