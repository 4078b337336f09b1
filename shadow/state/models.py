"""The records of all models, and their snapshot, which readers get without a lock.

Writers hold the lock of the `State` that owns this; `published` is replaced as a whole and never changed.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from shadow.domain.snapshot import ModelState, Snapshot
from shadow.prices.catalogue import Catalogue
from shadow.runtime.containment import logger
from shadow.state.admission import draw
from shadow.state.breaker import RECORDED, RULES
from shadow.state.record import ModelRecord
from shadow.state.settings import StateSettings

MODELS_AT_MOST: Final = 1000
"""Limit for names of models from the host; further ones are not observed."""


class Models:
    """The records of all models by their catalogue names.

    Args:
        catalogue: aliases, providers and configured quotas.
        settings: of averages and quotas.
        events: whether this is recorded traffic.

    Attributes:
        published: models and kill switches, for policies.
        fresh_until_s: when time alone changes `published`.
    """

    def __init__(self, catalogue: Catalogue, settings: StateSettings, *, events: bool) -> None:
        self._rules = RECORDED if events else RULES
        self._records: dict[str, ModelRecord] = {}
        self._states: dict[str, ModelState] = {}
        self._use(catalogue, settings)
        self.published = Snapshot(mode="shared")
        self.fresh_until_s = float("-inf")

    def adopt(self, catalogue: Catalogue, settings: StateSettings) -> None:
        """Use another catalogue; observations are kept."""
        self._use(catalogue, settings)
        for name, record in self._records.items():
            record.adopt(catalogue.models.get(name), settings)

    def name(self, model: str) -> str:
        """The catalogue's name of a model; the given one if it is not in the catalogue."""
        return self._names.get(model, model)

    def record(self, name: str) -> ModelRecord | None:
        """The record of a model, made by the first call; None if there are too many."""
        record = self._records.get(name)
        if record is None and len(self._records) < MODELS_AT_MOST:
            record = self._records[name] = ModelRecord(self._catalogue.models.get(name), self._settings, self._rules)
        return record

    def admits(self, model: str, request_id: str, now_s: float) -> bool:
        """Whether a model may be dispatched to now: see `State.admits`."""
        name = self.name(model)
        if self._is_killed(name):
            return False
        record = self.record(name)
        if record is None or self._rules is RECORDED:
            return True
        if record.quota.headroom(now_s) == 0:
            return False
        if not record.breaker.lets_pass(now_s, lambda: draw(name, request_id)):
            return False
        record.quota.dispatched(now_s)
        return True

    def returns(self, model: str, now_s: float) -> bool:
        """Whether a model's breaker is recovering: see `State.returns`."""
        name = self.name(model)
        record = self._records.get(name)
        if record is None or self._is_killed(name) or not record.breaker.returns(now_s):
            return False
        return record.quota.headroom(now_s) != 0

    def dispatched(self, model: str, now_s: float) -> None:
        """Count a dispatch without a call of `admits`."""
        record = self.record(self.name(model))
        if record is not None:
            record.quota.dispatched(now_s)

    def used(self, model: str, tokens: int, now_s: float) -> None:
        """Count tokens against the quota of a model."""
        record = self.record(self.name(model))
        if record is not None:
            record.quota.used(now_s, tokens)

    def judged(self, model: str, quality: float, now_s: float) -> None:
        """Count the quality of an answer, in [0, 1], from a validator or a signal."""
        name = self.name(model)
        record = self.record(name)
        if record is not None:
            record.averages.judged(now_s, quality)
            self.put(name, record, now_s)

    def _is_killed(self, name: str) -> bool:
        killed = self.published.killed
        if not killed:
            return False
        model = self._catalogue.get(name)
        return name in killed or (model is not None and model.provider in killed)

    def put(self, name: str, record: ModelRecord, now_s: float) -> None:
        """Publish the state of one model."""
        self._states = {**self._states, name: record.state(now_s)}
        self._publish(self.published.killed)
        self.fresh_until_s = min(self.fresh_until_s, record.changes_at_s(now_s))

    def refresh(self, killed: frozenset[str], now_s: float) -> None:
        """Publish the current state of all models.

        Args:
            killed: models, providers and policies with a kill switch on.
            now_s: on the clock of the records.
        """
        self._states = {name: record.state(now_s) for name, record in self._records.items()}
        if killed != self.published.killed:
            names = ", ".join(sorted(killed)) or "none"
            logger.warning("shadowroute: kill switches changed; switched off for new requests: %s", names)
        self._publish(killed)
        changes = [record.changes_at_s(now_s) for record in self._records.values()]
        self.fresh_until_s = min(changes, default=float("inf"))

    def release_probes(self) -> None:
        """Forget the probes of the parent process."""
        for record in self._records.values():
            record.breaker.release_probe()
        self.fresh_until_s = float("-inf")

    def _publish(self, killed: frozenset[str]) -> None:
        self.published = Snapshot(mode="shared", models=MappingProxyType(self._states), killed=killed)

    def _use(self, catalogue: Catalogue, settings: StateSettings) -> None:
        self._catalogue, self._settings = catalogue, settings
        self._names = {name: each.name for each in catalogue.models.values() for name in (each.name, *each.aliases)}
