"""`state` and `spending` of a shadow.yaml, and `limits` of a model in models.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from shadow.config.fields import Document, Positive, PositiveCount, Text, Texts
from shadow.domain.request import LABEL
from shadow.state.settings import ALPHA, Per, SpendingLimit, StateSettings

DEFAULT_STATE: Final = StateSettings()
CONDITIONS: Final = ("task", "user_tier")


def _condition(value: str) -> str:
    if value not in CONDITIONS and not value.startswith(LABEL):
        raise ValueError(f"a condition must be task, user_tier or label:NAME, got {value!r}")
    return value


def _divider(value: str) -> str:
    if value not in (*CONDITIONS, "user") and not value.startswith(LABEL):
        raise ValueError(f"each must be task, user_tier, user or label:NAME, got {value!r}")
    return value


class StateDocument(Document):
    """Settings of the router's state."""

    alpha: Annotated[float, Field(ge=ALPHA[0], le=ALPHA[1])] = DEFAULT_STATE.alpha
    forget_s: Positive = DEFAULT_STATE.forget_s
    warm_ttl_s: Positive = DEFAULT_STATE.warm_ttl_s
    warm_sessions: PositiveCount = DEFAULT_STATE.warm_sessions
    reserve: Annotated[float, Field(ge=0, lt=1)] = DEFAULT_STATE.reserve
    quality_signal: Text | None = None
    kill_file: Text | None = None


class SpendingDocument(Document):
    """A spending limit per window of time."""

    usd: Positive
    per: Per
    only: dict[Annotated[str, AfterValidator(_condition)], Texts] = Field(default_factory=dict)
    each: Annotated[str, AfterValidator(_divider)] | None = None


class ModelLimitsDocument(Document):
    """Quotas that the provider's headers do not report, or lower ones."""

    requests_per_minute: PositiveCount | None = None
    tokens_per_minute: PositiveCount | None = None


def state_settings(document: StateDocument, folder: Path) -> StateSettings:
    """The settings; the kill file is relative to the folder."""
    values = document.model_dump()
    file, signal = values.pop("kill_file"), values.pop("quality_signal")
    return StateSettings(**values, quality_signal=signal or "", kill_file=None if file is None else folder / file)


def spending_limits(documents: Mapping[str, SpendingDocument]) -> tuple[SpendingLimit, ...]:
    """The limits, in the order of the file."""
    return tuple(
        SpendingLimit(
            name=name,
            usd=each.usd,
            per=each.per,
            only=MappingProxyType({key: tuple(values) for key, values in each.only.items()}),
            each=each.each or "",
        )
        for name, each in documents.items()
    )


def spending_labels(documents: Mapping[str, SpendingDocument]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Label keys that limits depend on, and where."""
    for name, each in documents.items():
        for key in each.only:
            if key.startswith(LABEL):
                yield key.removeprefix(LABEL), ("spending", name, "only", key)
        if each.each and each.each.startswith(LABEL):
            yield each.each.removeprefix(LABEL), ("spending", name, "each")
