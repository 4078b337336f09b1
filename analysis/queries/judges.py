"""Scores of model judges on live answers, beside scores of people, code or a reference on the same answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from shadowroute.analysis.queries.reader import Reader, days
from shadowroute.analysis.selection import Window
from shadowroute.analysis.signals import USUAL_BAR
from shadowroute.analysis.summaries import BUCKETS, Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgePairs:
    """One judge and one truth. A score becomes a label at its bar: 1 = good enough.

    Attributes:
        judge: name of the signal of source `llm`.
        truth: name of the signal that it is compared with; empty = every answer that the judge scored.
        truth_source: human, code or reference; empty without a truth.
        weights: (2, 2, 256) weighted answers by the judge's label, the true one (0 without a truth) and bucket.
        n: answers, rows.
    """

    judge: str
    truth: str
    truth_source: str
    weights: Floats
    n: int


def judge_pairs(reader: Reader, window: Window, bars: Mapping[str, float]) -> list[JudgePairs]:
    """Pairs of a window, judge by judge; first each judge's row without a truth.

    Args:
        reader: reads the project.
        window: UTC days of the requests.
        bars: score from which an answer is good enough, by signal; `USUAL_BAR` for the others.
    """
    names = sorted(bars)
    weights: dict[tuple[str, str, str], Floats] = {}
    counts: dict[tuple[str, str, str], int] = {}
    known = {"names": names, "bars": [bars[name] for name in names], "usual_bar": USUAL_BAR}
    for row in reader.select("judge_pairs", **days(window), **known):
        key = row["judge"], row["truth_name"], row["truth_source"]
        cells = weights.setdefault(key, np.zeros((2, 2, BUCKETS)))
        cells[row["passed"], row["good"], row["bucket"]] += row["weight"]
        counts[key] = counts.get(key, 0) + row["n"]
    return [
        JudgePairs(judge=judge, truth=truth, truth_source=source, weights=cells, n=counts[judge, truth, source])
        for (judge, truth, source), cells in weights.items()
    ]
