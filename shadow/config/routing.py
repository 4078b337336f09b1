"""The settings of one routing file, as plain frozen values; also the way to make them in code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, Self

from shadow.config.gateway_settings import GatewaySettings
from shadow.domain.policy import LiveSpec, Policy
from shadow.domain.request import nothing
from shadow.errors import ConfigError
from shadow.execution.settings import ExecutionSettings
from shadow.policies.recipe import CodeRecipe, Recipe
from shadow.prices.catalogue import Catalogue
from shadow.state.settings import SpendingLimit, StateSettings

Content = Literal["none", "redacted", "full"]
Origin = Literal["production", "backtest", "demo", "eval", "import"]

DEFAULT_SERVICE: Final = "unknown_service"
DEFAULT_PROJECT: Final = "default"
DEFAULT_SEGMENTS: Final = ("task", "user_tier", "complexity", "input_band")
DEFAULT_EXPORT_URL: Final = "http://127.0.0.1:4318"


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Export of spans.

    Attributes:
        to: base address of an OTLP/HTTP receiver, without /v1/traces.
        token_env: environment variable that holds the bearer token; empty = none is sent.
        content: export of prompts and answers: none, redacted (after `redact`), or full.
        redact: from the text of a message to the text to export.
    """

    to: str = DEFAULT_EXPORT_URL
    token_env: str = ""
    content: Content = "none"
    redact: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of shadow work.

    Attributes:
        budget_s: seconds for one shadow decision.
        strikes: overruns of the budget after which a shadow policy is switched off.
        max_pending: requests that wait for their outcome; above it the oldest is closed as unreported.
        outcome_timeout_s: seconds after which a request without an outcome is closed as unreported.
        queue_spans: spans that wait for export; above it new ones are dropped and counted.
        sample_rate: share of requests for the shadows, in (0, 1].
        review_after_refusals: refused answers of a cascade's first model in a row, per policy and task, after which a
            request is flagged for review.
    """

    budget_s: float = 0.05
    strikes: int = 3
    max_pending: int = 10_000
    outcome_timeout_s: float = 120.0
    queue_spans: int = 20_000
    sample_rate: float = 1.0
    review_after_refusals: int = 5

    def __post_init__(self) -> None:
        for name in ("budget_s", "strikes", "max_pending", "outcome_timeout_s", "queue_spans"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise ConfigError(f"limits.{name} must be above 0 and finite, got {value!r}")
        if not 0 < self.sample_rate <= 1:
            raise ConfigError(f"limits.sample_rate must be in (0, 1], got {self.sample_rate!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """Whether changed files are loaded while the process runs.

    Attributes:
        watch: check for changes; without it they wait for a call of `reload()`.
        every_s: seconds between two checks. A change is loaded at the second check that sees it.
    """

    watch: bool = False
    every_s: float = 5.0

    def __post_init__(self) -> None:
        if not 0 < self.every_s < float("inf"):
            raise ConfigError(f"reload.every_s must be above 0 and finite, got {self.every_s!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """The settings of one service.

    Attributes:
        service: `service.name` of its spans.
        project: tenant or environment; reports read one project.
        origin: kind of traffic.
        live: the policy to execute, or the name of the host's router.
        shadows: policies that decide beside it, with distinct names.
        from_request: request field (`session`, `task`, ...) or `label:NAME` to the dotted path in the host's arguments.
        labels: label keys that may leave the process.
        segments: slices of the reports.
        state: settings of the router's state.
        spending: limits over time, with distinct names.
        execution: settings of `ShadowRouter`.
        gateway: clients and limits of `shadowroute gateway`.
        recipes: of the shadows that run in processes of their own, by name.
        file: its file, None if made in code.
        files: every file that was read for it, with its digest.
    """

    service: str
    live: Policy | LiveSpec
    shadows: tuple[Policy, ...]
    catalogue: Catalogue
    project: str = DEFAULT_PROJECT
    origin: Origin = "production"
    from_request: Mapping[str, str] = field(default_factory=nothing)
    labels: frozenset[str] = frozenset()
    segments: tuple[str, ...] = DEFAULT_SEGMENTS
    export: Export = Export()
    limits: Limits = Limits()
    reload: Reload = Reload()
    state: StateSettings = field(default_factory=StateSettings)
    spending: tuple[SpendingLimit, ...] = ()
    execution: ExecutionSettings = field(default_factory=ExecutionSettings)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    recipes: Mapping[str, Recipe] = field(default_factory=lambda: MappingProxyType({}))
    file: Path | None = None
    files: Mapping[Path, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        names = [shadow.name for shadow in self.shadows]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ConfigError(
                f"shadows must have distinct names, got {twice!r} twice; change `policy:` in one of the files",
                file=self.file,
            )

    @classmethod
    def of(
        cls,
        *,
        live: Policy | LiveSpec,
        shadows: Iterable[Policy] = (),
        service: str = DEFAULT_SERVICE,
        catalogue: Catalogue | None = None,
        export_to: str = DEFAULT_EXPORT_URL,
        project: str = DEFAULT_PROJECT,
        origin: Origin = "production",
        labels: Iterable[str] = (),
        segments: Iterable[str] = DEFAULT_SEGMENTS,
        from_request: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        state: StateSettings | None = None,
        spending: Iterable[SpendingLimit] = (),
        execution: ExecutionSettings | None = None,
        gateway: GatewaySettings | None = None,
        isolated: Iterable[str] = (),
    ) -> Self:
        """A routing made in code. The default catalogue has every model of the price registry.

        `isolated` names the shadows that run in processes of their own; their classes and functions must be importable.

        Raises:
            ConfigError: two shadows share a name, or one cannot be built in another process.
        """
        shadows = tuple(shadows)
        by_name = {shadow.name: shadow for shadow in shadows}
        return cls(
            service=service,
            live=live,
            shadows=shadows,
            catalogue=Catalogue() if catalogue is None else catalogue,
            project=project,
            origin=origin,
            from_request=MappingProxyType(dict(from_request or {})),
            labels=frozenset(labels) | (gateway or GatewaySettings()).labels,
            segments=tuple(segments),
            export=Export(to=export_to),
            limits=limits or Limits(),
            state=state or StateSettings(),
            spending=tuple(spending),
            execution=execution or ExecutionSettings(),
            gateway=gateway or GatewaySettings(),
            recipes=MappingProxyType({name: CodeRecipe.of(by_name[name]) for name in isolated}),
        )
