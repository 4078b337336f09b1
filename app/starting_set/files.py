"""The texts of a routing folder: a service's settings, its models, a live and a candidate policy, and a plan."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from shadow.errors import ConfigError
from shadow.prices.registry import Price, registry_prices
from shadowroute.analysis.prices import blend
from shadowroute.app.starting_set.litellm_config import ListedModel, LiteLLMConfig, unique_aliases

WINDOW_DAYS: Final = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The dearer model, assumed to be live's, and the cheaper one, which the candidate tries first."""

    large: str
    small: str


def starting_set(service: str, *, today: date, litellm: LiteLLMConfig | None = None) -> dict[str, str]:
    """File name to text, relative to the routing folder.

    Args:
        service: name of the service.
        today: the plan's window starts the day after.
        litellm: a proxy whose models are used; else two models of OpenAI stand as an example.
    """
    models = litellm.models if litellm is not None else _EXAMPLE
    pair = dearest_and_cheapest(models)
    live = (
        {"name": "litellm-prod", "version": litellm.version, "decides": "randomly" if litellm.is_random else "unknown"}
        if litellm is not None
        else "policies/live.yaml"
    )
    return {
        "shadow.yaml": _shadow(service, live),
        "models.yaml": _models(models, pair),
        "policies/live.yaml": _LIVE.format(large=_quoted(pair.large)),
        "policies/cheap-first.yaml": _CHEAP_FIRST.format(small=_quoted(pair.small), large=_quoted(pair.large)),
        "plans/cheap-first.yaml": _PLAN.format(
            month=f"{today:%Y-%m}", starts=today + timedelta(days=1), ends=today + timedelta(days=WINDOW_DAYS)
        ),
    }


def dearest_and_cheapest(models: tuple[ListedModel, ...]) -> Pair:
    """The two ends by the registry's prices; models without a price stand between, in the order of the file."""
    priced = [(price, model.name) for model in models if (price := _blended_usd(model)) is not None]
    if len(priced) >= 2:
        return Pair(large=max(priced)[1], small=min(priced)[1])
    return Pair(large=models[0].name, small=models[-1].name)


def write(folder: Path, files: Mapping[str, str], *, force: bool = False) -> list[Path]:
    """Write the files; nothing is written if one of them exists, unless forced.

    Raises:
        ConfigError: a file exists, or the folder cannot be written to.
    """
    paths = {folder / name: text for name, text in files.items()}
    existing = [path for path in paths if path.exists()]
    if existing and not force:
        raise ConfigError("file must not exist yet; move it away, or write over it with --force", file=existing[0])
    try:
        for path, text in paths.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"folder must be writable ({error.strerror})", file=folder) from None
    return list(paths)


def _blended_usd(model: ListedModel) -> float | None:
    found = _price(model)
    if found is None:
        return None
    return blend(found[1].input_usd_per_mtok, found[1].output_usd_per_mtok)


def _price(model: ListedModel) -> tuple[str, Price] | None:
    """The registry's present price of a model by its own name or that of a deployment, and which name that was."""
    for name in (model.name, *model.aliases):
        rows = registry_prices(name, None)
        if rows:
            return name, max((row for row in rows if not row.context_band), key=lambda row: row.effective_from).price
    return None


def _shadow(service: str, live: Mapping[str, str] | str) -> str:
    return _SHADOW.format(service=_quoted(service), live=live if isinstance(live, str) else _inline(live))


def _models(models: tuple[ListedModel, ...], pair: Pair) -> str:
    aliases: dict[str, list[str]] = {}
    for alias, name in unique_aliases(models):
        aliases.setdefault(name, []).append(alias)
    lines = [_MODELS]
    for model in models:
        entry: dict[str, Any] = {"provider": model.provider}
        if model.name in (pair.large, pair.small):
            entry["tier"] = "large" if model.name == pair.large else "small"
        if aliases.get(model.name):
            entry["aliases"] = aliases[model.name]
        if model.base_url:
            entry["base_url"] = model.base_url
        if model.api_key_env:
            entry["api_key_env"] = model.api_key_env
        found = _price(model)
        if found is not None and found[0] != model.name:
            entry["price_usd_per_million"] = {
                "input": found[1].input_usd_per_mtok,
                "cached_input": found[1].cache_read_usd_per_mtok,
                "output": found[1].output_usd_per_mtok,
            }
            lines.append(f"  # price of {found[0]}, its deployment\n")
        lines.append(f"  {_quoted(model.name)}: {_inline(entry)}\n")
    unpriced = [model.name for model in models if _price(model) is None]
    if unpriced:
        lines.append(
            f"# Not in the registry: {', '.join(unpriced)}. Give price_usd_per_million: {{input: ..., output: ...}}.\n"
        )
    return "".join(lines)


def _quoted(text: str) -> str:
    """A YAML scalar; only plain words stand without quotes."""
    plain = text.replace("-", "").replace("_", "").replace(".", "")
    return text if plain.isalnum() and text[0].isalpha() else json.dumps(text)


def _inline(mapping: Mapping[str, Any]) -> str:
    """A mapping in YAML's flow style; JSON strings are YAML strings."""
    parts = []
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            text = _inline(value)
        elif isinstance(value, list):
            text = f"[{', '.join(json.dumps(each) for each in value)}]"
        else:
            text = json.dumps(value)
        parts.append(f"{key}: {text}")
    return "{" + ", ".join(parts) + "}"


_EXAMPLE: Final = (
    ListedModel(name="gpt-5", provider="openai"),
    ListedModel(name="gpt-5-mini", provider="openai"),
)

_SHADOW: Final = """\
# Settings of one service: docs/reference/configuration.md has every key.
service: {service}
live: {live}
shadows: [policies/cheap-first.yaml]
# from_request: {{session: metadata.session_id, task: metadata.task, user_tier: metadata.plan}}
segments: [task, user_tier, complexity, input_band]
export: {{to: "http://127.0.0.1:4318", content: none}}
"""

_MODELS: Final = """\
# The models. Prices come from the registry genai-prices unless price_usd_per_million is given here.
models:
"""

_LIVE: Final = """\
policy: live
why: The routing of production today; correct this file until it matches.
choose: {{use: {large}}}
"""

_CHEAP_FIRST: Final = """\
policy: cheap-first
why: The small model answers first; an empty answer goes to the large model.
choose:
  rules:
    - when: {{input_tokens: {{at_most: 8000}}}}
      cascade: {{try: {small}, accept_if: [{{matches: '\\S'}}], else: {large}}}
      why: short prompts
    - {{otherwise: {large}}}
"""

_PLAN: Final = """\
# Conditions before cheap-first may serve a user. The first content that judges is recorded: correct it before.
plan: cheap-first-{month}
policy: cheap-first
window: {{starts: {starts}, ends: {ends}, min_days: 7}}
confidence: 95%
must:
  cost:    {{saves_at_least: 10%}}
  quality: {{signal: resolved, loses_at_most_points: 1.0, over: all_requests, evidence: executed}}
segments: {{by: [task, user_tier]}}
"""
