"""Times of requests and decisions, as counts in bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shadowroute.analysis.queries.reader import Reader, conditions, days, of_policy, role_of
from shadowroute.analysis.queries.records import row_of
from shadowroute.analysis.selection import ALL, PolicyRef, Slice, Window
from shadowroute.analysis.stats.log_bins import BinRow

Escalates = Literal["no", "yes", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LiveTimes:
    """Live requests of one served model, input band and bucket.

    Attributes:
        is_single: one call answered, as live planned it, so that the time is the model's own.
        n: requests whose time is known.
        unknown_n: requests whose time is not.
        stands_for: requests of the store that those of `n` stand for; more where a day is sampled.
    """

    model: str
    input_band: str
    is_single: bool
    n: int
    unknown_n: int
    bins: BinRow
    stands_for: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairTimes:
    """A shadow's requests of one bucket by the models it would have called, with live's times on them.

    Attributes:
        first_model: its time must be looked up; empty if the request's own time holds, because the same plan or
            the same single model answered.
        second_model: the escalation, if one happens or may.
        left_out: weighted requests that cannot be compared: contaminated, failed, or without a time.
    """

    first_model: str
    second_model: str
    escalates: Escalates
    input_band: str
    n: int
    requests: float
    left_out: float
    bins: BinRow


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExecutedTimes:
    """Times of executed answers in one bin; weights are inverse inclusion probabilities."""

    model: str
    is_whole_plan: bool
    bin: int
    n: int
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecisionTimes:
    """Times that a policy took to decide, of one bucket."""

    n: int
    bins: BinRow


def live_times(reader: Reader, window: Window, where: Slice = ALL) -> list[LiveTimes]:
    """Times of live requests in a slice; one pass over the sample of requests."""
    records = reader.select("latency_live", **days(window), **conditions(where))
    return [row_of(LiveTimes, record, model=record["served_model"]) for record in records]


def pair_times(reader: Reader, window: Window, policy: PolicyRef, where: Slice = ALL) -> list[PairTimes]:
    """Times on a shadow's requests in a slice; one pass over the sample of requests."""
    records = reader.select("latency_pairs", **of_policy(policy), **days(window), **conditions(where))
    return [row_of(PairTimes, record) for record in records]


def executed_times(reader: Reader, policy: PolicyRef) -> list[ExecutedTimes]:
    """Times of executed answers: of models alone, and of the policy's whole plan."""
    return [row_of(ExecutedTimes, record) for record in reader.select("latency_executed", **of_policy(policy))]


def decision_times(reader: Reader, window: Window, policy: PolicyRef | None) -> list[DecisionTimes]:
    """Times that a shadow policy (None: the live one) took to decide."""
    records = reader.select("decision_times", **role_of(policy), **days(window))
    return [row_of(DecisionTimes, record) for record in records]
