"""A file of routes for the calculator, and the same as text options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from shadow.config.fields import Document, NotNegative, Text
from shadow.config.source import Place, Source, read_source
from shadow.config.validation import validated
from shadow.errors import ConfigError
from shadowroute.analysis.calculator import Expected, Route, expected
from shadowroute.analysis.plan.amounts import Percent, share_of


class RouteDocument(Document):
    """One route."""

    share: Percent
    usd: NotNegative
    latency_s: NotNegative | None = None
    quality: Percent | None = None
    escalates: Percent = "0%"
    to: Text | None = None


class RoutesDocument(Document):
    """A file of routes. Shares, qualities and rates carry a percent sign; money is USD."""

    routes: Annotated[dict[Text, RouteDocument], Field(min_length=1, max_length=100)]
    requests: NotNegative = 1.0
    router_usd: NotNegative = 0.0
    bad_answer_usd: NotNegative | None = None
    baseline: Text | None = None


@dataclass(frozen=True, slots=True)
class Mix:
    """A valid set of routes."""

    document: RoutesDocument

    def expected(self) -> Expected:
        """Its expected cost, time and errors.

        Raises:
            ConfigError: shares do not add up, or a route names an absent one.
        """
        return expected(
            [_route(name, route) for name, route in self.document.routes.items()],
            requests=self.document.requests,
            router_usd=self.document.router_usd,
            bad_answer_usd=self.document.bad_answer_usd,
            baseline=self.document.baseline or "",
        )


def load_mix(path: Path) -> Mix:
    """The routes of a YAML file.

    Raises:
        ConfigError: the file breaks a rule; `file:line` first.
    """
    problems: list[ConfigError] = []
    document = validated(read_source(path), RoutesDocument, "routes", problems)
    if document is None:
        raise problems[0]
    return Mix(document)


def mix_of(options: Sequence[str], **settings: Any) -> Mix:
    """The routes of options like `small: share=70%, usd=0.0004, quality=91%, escalates=8%, to=large`.

    Raises:
        ValueError: an option has another form, or a value breaks a rule.
    """
    routes: dict[str, dict[str, Any]] = {}
    for option in options:
        name, colon, rest = option.partition(":")
        pairs = [part.partition("=") for part in rest.split(",")]
        if not colon or not all(equals for _, equals, _ in pairs):
            raise ValueError(f"a route must be NAME: share=70%, usd=0.0004, ..., got {option!r}")
        if name.strip() in routes:
            raise ValueError(f"a route must be given once, got {name.strip()!r} twice")
        routes[name.strip()] = {key.strip(): _value(key.strip(), text.strip()) for key, _, text in pairs}
    # Reported as for a file, where a misspelt key is recognised; there is no line to name.
    problems: list[ConfigError] = []
    value = {"routes": routes, **{key: each for key, each in settings.items() if each is not None}}
    places: list[Place] = [("routes",), *(("routes", name) for name in routes)]
    places += [("routes", name, key) for name in routes for key in routes[name]]
    source = Source(Path("--route"), value, dict.fromkeys(places, 0))
    document = validated(source, RoutesDocument, "a route", problems)
    if document is None:
        raise ValueError(problems[0].message)
    return Mix(document)


def _value(key: str, text: str) -> Any:
    if key not in {"usd", "latency_s"}:
        return text
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{key} must be a number, got {text!r}") from None


def _route(name: str, document: RouteDocument) -> Route:
    return Route(
        name=name,
        share=share_of(document.share),
        usd=document.usd,
        latency_s=document.latency_s,
        quality=None if document.quality is None else share_of(document.quality),
        escalates=share_of(document.escalates),
        to=document.to or "",
    )
