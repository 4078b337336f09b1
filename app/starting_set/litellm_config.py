"""The models of a LiteLLM proxy's config.yaml, in the form of models.yaml. Of keys only the variable's name is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from shadow.config.source import read_source
from shadow.domain.ids import canonical_id
from shadow.errors import ConfigError

KEY_VARIABLE: Final = re.compile(r"os\.environ/([A-Za-z_][A-Za-z0-9_]*)")
RANDOM_STRATEGIES: Final = frozenset({"", "simple-shuffle"})
"""Strategies by which LiteLLM draws among the deployments of a group; the others follow its measurements."""


@dataclass(slots=True)
class ListedModel:
    """One model group of the proxy.

    Attributes:
        name: as requests name it.
        provider: of its first deployment.
        aliases: ids of its deployments.
        base_url: its address, if the configuration has one.
        api_key_env: variable that holds its key, if the configuration names one.
    """

    name: str
    provider: str
    aliases: list[str] = field(default_factory=list)
    base_url: str = ""
    api_key_env: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteLLMConfig:
    """The parts of a proxy's configuration for a routing folder.

    Attributes:
        models: in the order of the file; a group's deployments are one model.
        version: hash of its model list and router settings, without keys.
        is_random: the proxy draws among several deployments of one model.
    """

    models: tuple[ListedModel, ...]
    version: str
    is_random: bool


def read_litellm(file: Path) -> LiteLLMConfig:
    """Read a proxy's config.yaml.

    Raises:
        ConfigError: it cannot be read, or lists no model.
    """
    source = read_source(file)
    content = source.value if isinstance(source.value, dict) else {}
    entries = content.get("model_list")
    if not isinstance(entries, list) or not entries:
        raise source.error("model_list must list at least one model, got none; is this the proxy's config.yaml?")
    models: dict[str, ListedModel] = {}
    for place, entry in enumerate(entries):
        name, parameters = _entry(entry)
        if not name or not parameters.get("model"):
            raise source.error("an entry must have model_name and litellm_params.model", ("model_list", place))
        if "*" not in name:
            _add(models, name, parameters)
    if not models:
        raise source.error("model_list must name models one by one, got only wildcards; list those that are used")
    settings = content.get("router_settings")
    strategy = str((settings or {}).get("routing_strategy", "")) if isinstance(settings, Mapping) else ""
    groups = [_entry(entry)[0] for entry in entries]
    return LiteLLMConfig(
        models=tuple(models.values()),
        version=canonical_id({"model_list": _keyless(entries), "router_settings": _keyless(settings)}, length=12),
        is_random=strategy in RANDOM_STRATEGIES and len(groups) != len(set(groups)),
    )


def _entry(entry: Any) -> tuple[str, Mapping[str, Any]]:
    if not isinstance(entry, Mapping):
        return "", {}
    parameters = entry.get("litellm_params")
    return str(entry.get("model_name") or ""), parameters if isinstance(parameters, Mapping) else {}


def _add(models: dict[str, ListedModel], name: str, parameters: Mapping[str, Any]) -> None:
    deployment = str(parameters["model"])
    provider, _, bare = deployment.rpartition("/")
    model = models.setdefault(name, ListedModel(name=name, provider=provider.split("/")[0] or "openai"))
    for alias in dict.fromkeys((deployment, bare)):
        if alias != name and alias not in model.aliases:
            model.aliases.append(alias)
    if not model.base_url:
        model.base_url = _address(parameters.get("api_base"))
    found = KEY_VARIABLE.fullmatch(str(parameters.get("api_key") or ""))
    if found and not model.api_key_env:
        model.api_key_env = found[1]


def _address(value: Any) -> str:
    """An address in the file; one from a variable is unknown here."""
    return value.rstrip("/") if isinstance(value, str) and value.startswith(("http://", "https://")) else ""


def _keyless(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _keyless(each) for key, each in value.items() if not _is_secret(str(key))}
    return [_keyless(each) for each in value] if isinstance(value, list) else value


def _is_secret(key: str) -> bool:
    return any(word in key.lower() for word in ("key", "token", "secret", "password", "credential"))


def unique_aliases(models: tuple[ListedModel, ...]) -> Iterator[tuple[str, str]]:
    """(alias, model) pairs that no other model claims: an id that two groups share names neither of them."""
    claimed: dict[str, list[str]] = {}
    for model in models:
        for alias in (model.name, *model.aliases):
            claimed.setdefault(alias, []).append(model.name)
    for alias, names in claimed.items():
        if len(names) == 1 and alias != names[0]:
            yield alias, names[0]


def check_at_least_two(config: LiteLLMConfig, file: Path) -> None:
    """Refuse a proxy with one model: there is nothing to route.

    Raises:
        ConfigError: it lists one model.
    """
    if len(config.models) < 2:
        raise ConfigError(
            f"model_list must hold two models to choose between, got {config.models[0].name} alone", file=file
        )
