"""A LiteLLM Router as the live policy: its version, its model groups, and the catalogue's names of its deployments.

LiteLLM is never imported: both generations of its Router are recognized by their interface. The newer one has
`registry()` and `settings()`; the older one has attributes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from shadow.config import LiveSpec
from shadow.domain.ids import canonical_id
from shadow.domain.policy import Candidate
from shadow.domain.usage import read
from shadow.hooks.litellm_facts import text_of
from shadow.hooks.observer_context import ObserverContext
from shadow.prices.catalogue import Catalogue

REREAD_EVERY_S: Final = 30.0
"""The model list may change while the process runs; reading it takes about 10 us per deployment."""
SECRET: Final = re.compile(r"(?:^|_)(?:key|token|secret|password|credentials?|authorization|headers?)$", re.IGNORECASE)
PARAMETERS: Final = (
    "model", "weight", "order", "rpm", "tpm", "max_parallel_requests", "tags", "region_name", "max_budget",
    "budget_duration", "auto_router_config", "complexity_router_config", "auto_router_default_model",
)  # fmt: skip
"""Parameters of a deployment that affect the choice."""
SETTINGS: Final = (
    "routing_strategy", "routing_strategy_args", "routing_groups", "fallbacks", "context_window_fallbacks",
    "content_policy_fallbacks", "default_fallbacks", "max_fallbacks", "model_group_alias", "num_retries",
    "retry_policy", "model_group_retry_policy", "allowed_fails", "allowed_fails_policy", "cooldown_time",
    "disable_cooldowns", "enable_pre_call_checks", "enable_tag_filtering", "enable_weighted_failover",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment of a model group."""

    id: str
    model: str


class LiteLLMPolicy:
    """The model groups and the version of a Router, read again every 30 s.

    Args:
        context: of the observer.
        find_router: the Router; None if there is none yet.
        tick: a monotonic clock in seconds.
    """

    def __init__(self, context: ObserverContext, find_router: Callable[[], Any], tick: Callable[[], float]) -> None:
        self._plain_context = context
        self._context = context
        self._find_router = find_router
        self._tick = tick
        self._read_s = float("-inf")
        self._version = ""
        self._groups: Mapping[str, tuple[Deployment, ...]] = {}
        self.strategy = ""
        self.name_of = _names(context)

    def context(self) -> ObserverContext:
        """The context with the current version of the Router."""
        plain = self._plain_context.now()
        if plain is not self._plain_context:
            self._plain_context, self._context = plain, plain.of_version(self._version)
            self.name_of = _names(plain)
            self._read_s = float("-inf")
        now = self._tick()
        if now - self._read_s >= REREAD_EVERY_S:
            self._read_s = now
            with self._plain_context.recorder.containment.guard("litellm version"):
                self._reread(self._find_router())
        return self._context

    def candidates(self, group: str, offered: frozenset[str] | None) -> tuple[Candidate, ...]:
        """The models of a group. A model without an offered deployment is rejected.

        Args:
            group: name of the model group.
            offered: ids of the deployments that LiteLLM picked from; None = unknown.
        """
        picked_from: dict[str, bool] = {}
        for deployment in self._groups.get(group, ()):
            is_offered = offered is None or deployment.id in offered
            picked_from[deployment.model] = picked_from.get(deployment.model, False) or is_offered
        return tuple(
            Candidate(model=model, rejected="" if is_offered else "not_offered")
            for model, is_offered in picked_from.items()
        )

    def _reread(self, router: Any) -> None:
        if router is None:
            return
        deployments, settings = deployments_of(router), settings_of(router)
        self.strategy = str(settings.get("routing_strategy") or "")
        groups: dict[str, list[Deployment]] = {}
        for held in deployments:
            name = str(read(held, "model_name") or "")
            info = read(held, "model_info")
            model = self.name_of(
                text_of(read(read(held, "litellm_params"), "model")), text_of(read(info, "base_model"))
            )
            groups.setdefault(name, []).append(Deployment(text_of(read(info, "id")), model))
        self._groups = {name: tuple(members) for name, members in groups.items()}
        live = self._plain_context.routing.live
        if isinstance(live, LiveSpec) and not live.version:
            version = router_version(deployments, settings)
            if version != self._version:
                self._version = version
                self._context = self._plain_context.of_version(version)


def _names(context: ObserverContext) -> Callable[..., str]:
    catalogue = context.routing.catalogue
    return lru_cache(maxsize=1024)(lambda *ids: catalogue_name(catalogue, *ids))


def deployments_of(router: Any) -> list[Any]:
    """The deployments of a Router of either generation."""
    registry = getattr(router, "registry", None)
    return list((registry().all() if callable(registry) else router.model_list) or ())


def settings_of(router: Any) -> dict[str, Any]:
    """The settings of a Router of either generation that affect routing."""
    settings = getattr(router, "settings", None)
    if callable(settings):
        held = settings().as_dict()
        return {name: held.get(name) for name in SETTINGS}
    return {name: getattr(router, name, None) for name in SETTINGS}


def router_version(deployments: list[Any], settings: Mapping[str, Any]) -> str:
    """Hash of a Router's model list and settings, without keys, addresses and ids of deployments."""
    listed = []
    for held in deployments:
        params = read(held, "litellm_params")
        known = {name: read(params, name) for name in PARAMETERS}
        listed.append([read(held, "model_name"), _plain({k: v for k, v in known.items() if v is not None})])
    told = {name: value for name, value in settings.items() if value not in (None, [], {}, False)}
    return canonical_id({"model_list": listed, "settings": _plain(told)}, length=12)


def catalogue_name(catalogue: Catalogue, *ids: str) -> str:
    """The catalogue's name of the first of LiteLLM's ids of a model that it knows, else the first id unchanged."""
    given = [each for each in ids if each]
    known = (name for each in given if (name := catalogue.canonical(each)) in catalogue)
    return next(known, given[0] if given else "")


def _plain(value: Any) -> Any:
    """A value for JSON, without possible secrets."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return repr(value)  # JSON has no infinity
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items() if not SECRET.search(str(key))}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    dump = getattr(value, "model_dump", None)
    return _plain(dump()) if callable(dump) else type(value).__name__
