"""Substitute times for a model that did not answer: the nearest answers of that model with a recorded time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from shadowroute.analysis.queries.times import ExecutedTimes, LiveTimes
from shadowroute.analysis.stats.log_bins import Axis, by_bucket, moved_to
from shadowroute.analysis.summaries import Floats

ENOUGH: Final = 30
"""Timed answers from which a distribution is taken; with fewer the next source is asked."""


class Donors:
    """Times by model and input band, from the nearest source that has enough of them.

    1. live's answers of the model on requests of the same input band; 2. its answers on all of them; 3. executed
    answers of the model alone; 4. the expected time in models.yaml, spread like live's answers. A requested
    model without any of these is in `missing`.
    """

    def __init__(
        self,
        live: Sequence[LiveTimes],
        executed: Sequence[ExecutedTimes],
        priors: Mapping[str, float],
        axis: Axis,
    ) -> None:
        self._axis = axis
        self._single = [row for row in live if row.is_single]
        self._live = [row for row in live if row.n]
        self._executed = [row for row in executed if not row.is_whole_plan]
        self._priors = priors
        self._found: dict[tuple[str, str], Floats | None] = {}
        self._said: dict[str, None] = {}
        self._missing: set[str] = set()

    @property
    def assumptions(self) -> tuple[str, ...]:
        """The times from further sources, one sentence each."""
        return tuple(self._said)

    @property
    def missing(self) -> tuple[str, ...]:
        """Requested models without a recorded time, sorted."""
        return tuple(sorted(self._missing))

    def weights(self, model: str, band: str) -> Floats | None:
        """Weights by bucket and bin (256, bins), or by bin alone (bins,) where no bucket is known; None if missing."""
        if (model, band) not in self._found:
            self._found[model, band] = self._nearest(model, band)
        return self._found[model, band]

    def shape(self, model: str, band: str) -> Floats | None:
        """The same over all buckets, (bins,)."""
        found = self.weights(model, band)
        return found if found is None or found.ndim == 1 else found.sum(axis=0)

    def _nearest(self, model: str, band: str) -> Floats | None:
        rows = [row for row in self._single if row.model == model]
        near = [row for row in rows if row.input_band == band]
        if sum(row.n for row in near) >= ENOUGH:
            return by_bucket([row.bins for row in near], self._axis)
        if sum(row.n for row in rows) >= ENOUGH:
            self._say(
                f"{model} was timed too seldom on inputs of {band or 'unknown size'}: its other requests stand in"
            )
            return by_bucket([row.bins for row in rows], self._axis)
        alone = [row for row in self._executed if row.model == model]
        if sum(row.n for row in alone) >= ENOUGH:
            self._say(f"the times of {model} are those of executed answers, not of live traffic")
            return self._of_executed(alone)
        if model in self._priors and self._live:
            seconds = self._priors[model]
            self._say(f"{model} is assumed to take {seconds:g} s (models.yaml), spread like live's answers")
            whole = by_bucket([row.bins for row in self._live], self._axis).sum(axis=0)
            return moved_to(whole, self._axis, seconds)
        self._missing.add(model)
        return None

    def _of_executed(self, rows: Sequence[ExecutedTimes]) -> Floats:
        weights = np.zeros(self._axis.count)
        for row in rows:
            weights[row.bin - self._axis.first] += row.weight
        return weights

    def _say(self, sentence: str) -> None:
        self._said[sentence] = None
