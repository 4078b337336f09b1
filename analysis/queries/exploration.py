"""Live answers with the weight that they have under a shadow policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shadowroute.analysis.queries.reader import Reader, conditions, days, of_policy
from shadowroute.analysis.selection import ALL, PolicyRef, Slice, Window
from shadowroute.analysis.signals import SignalRow
from shadowroute.analysis.stats.off_policy import Codes, GroupedSums
from shadowroute.analysis.summaries import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """Live decisions with a plan, by recorded probability.

    Attributes:
        unknown: without a propensity.
        random: with a propensity below 1.
    """

    n: int
    unknown: int
    random: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightedAnswers:
    """Requests with a signal, by bucket, cell (task and complexity band), live plan and shadow plan; (k,) arrays.

    Attributes:
        sums: input of the estimators.
        plans: names of the action codes in `sums`: first model, and ` > ` its escalation.
        certain: weighted requests on which live chose deterministically.
        weight_sq: sums of squared weights.
        heaviest: largest importance weight; 0 where the plans differ.
        n: requests with the signal.
        unknown: of those, without a known propensity.
    """

    sums: GroupedSums
    plans: tuple[str, ...]
    certain: Floats
    weight_sq: Floats
    heaviest: Floats
    n: int
    unknown: int


def exploration(reader: Reader, window: Window) -> Exploration:
    """Whether live chose at random in the window; cheap, so it is asked first."""
    record = reader.one("off_policy_exploration", **days(window))
    return Exploration(n=record["n"], unknown=record["unknown_n"], random=record["random_n"])


def weighted_answers(
    reader: Reader, window: Window, policy: PolicyRef, signal: SignalRow, where: Slice = ALL
) -> WeightedAnswers | None:
    """One pass over the decisions of a slice; None if no request has the signal."""
    rows = list(
        reader.select(
            "off_policy_cells",
            **of_policy(policy),
            **days(window),
            **conditions(where),
            name=signal.name,
            source=signal.source,
        )
    )
    if not rows:
        return None

    def column(name: str) -> Floats:
        return np.array([row[name] for row in rows], dtype=np.float64)

    plans = sorted({row[side] for row in rows for side in ("live_plan", "shadow_plan")})
    n = sum(row["n"] for row in rows)
    return WeightedAnswers(
        sums=GroupedSums(
            bucket=np.array([row["bucket"] for row in rows], dtype=np.int64),
            cell=_codes([(row["task"], row["complexity_band"]) for row in rows]),
            logged=np.array([plans.index(row["live_plan"]) for row in rows], dtype=np.int64),
            evaluated=np.array([plans.index(row["shadow_plan"]) for row in rows], dtype=np.int64),
            n=n,
            size=column("size"),
            reward=column("score"),
            weight=column("importance"),
            weighted_reward=column("importance_score"),
        ),
        plans=tuple(plans),
        certain=column("certain"),
        weight_sq=column("importance_sq"),
        heaviest=column("heaviest"),
        n=n,
        unknown=sum(row["unknown_n"] for row in rows),
    )


def _codes(keys: Sequence[tuple[str, str]]) -> Codes:
    known = {key: code for code, key in enumerate(sorted(set(keys)))}
    return np.array([known[key] for key in keys], dtype=np.int64)
