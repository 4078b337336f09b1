"""Small catalogues and policy folders for the mechanisms that compare models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shadow.config.loading import load_catalogue
from shadow.config.policy_file import read_policy
from shadow.domain.request import Request
from shadow.errors import ConfigError
from shadow.policies.composed import Composed
from shadow.prices.catalogue import Catalogue, Model
from shadow.prices.registry import Price


def model(name: str, input_usd: float | None = 1.0, output_usd: float = 0.0, **facts: Any) -> Model:
    """A model with a price per million tokens, cached input at a tenth; None = no price."""
    price = None
    if input_usd is not None:
        price = Price(
            input_usd_per_mtok=input_usd,
            cache_read_usd_per_mtok=input_usd / 10,
            cache_write_usd_per_mtok=input_usd,
            output_usd_per_mtok=output_usd,
        )
    return Model(name=name, price=price, **facts)


def catalogue(*models: Model) -> Catalogue:
    """These models and no others."""
    return Catalogue(models)


def request(request_id: str = "r", **features: Any) -> Request:
    """A request of 2023 with a thousand tokens."""
    return Request(request_id=request_id, time_us=1_700_000_000_000_000, **{"input_tokens": 1000, **features})


def smallest(request: Request) -> str:
    """A function that a policy file may call."""
    return "small"


MODELS = """\
models:
  small:  {provider: a, latency_s: 1, quality: 0.5, price_usd_per_million: {input: 1, output: 1}}
  medium: {provider: a, latency_s: 2, quality: 0.7, price_usd_per_million: {input: 2, output: 2}}
  large:  {provider: b, latency_s: 4, quality: 0.9, price_usd_per_million: {input: 9, output: 9}}
"""


def policy_of(folder: Path, text: str, *, models: str = MODELS, labels: frozenset[str] | None = None) -> Composed:
    """The policy of this text, over these models.

    Raises:
        ConfigError: the first problem.
    """
    folder.joinpath("models.yaml").write_text(models)
    file = folder / "policy.yaml"
    file.write_text(text)
    problems: list[ConfigError] = []
    policy = read_policy(file, load_catalogue(folder / "models.yaml"), problems, labels=labels)
    if policy is None:
        raise problems[0]
    return policy
