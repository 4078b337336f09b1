"""Answers that were run on purpose, and the requests that they stand for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from shadowroute.analysis.queries.reader import Reader, conditions, days, of_policy
from shadowroute.analysis.queries.records import Record, by_value, column, row_of
from shadowroute.analysis.selection import ALL, Cross, PolicyRef, Slice, Window, stored_key
from shadowroute.analysis.summaries import Floats


@dataclass(frozen=True, slots=True)
class PaidCall:
    """One call that was paid for a live request; cache reads and writes are part of the input tokens."""

    model: str
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutedAnswer:
    """One answer that a draw took, and the request that it answers. Tokens, USD and seconds; None = unknown.

    Attributes:
        day: UTC day of the live decision.
        bucket: hash bucket of the request's cluster.
        weight: requests that the shadow's decision stands for, 1/sample_rate.
        sample: name of the draw.
        inclusion_probability: chance that the draw takes this request, (0, 1].
        live_model: first model of the live plan. shadow_model: of the shadow's. served_model: the live answer's.
        escalation_model: the shadow's second model; empty if its plan is one step.
        model: whose answer was run.
        price_key: model of the price book whose price holds for it; as `shadow_key` for the shadow's first model and
            `escalation_key` for its second. Empty = the model's own.
        is_whole_plan: whether the policy's whole plan was run; else the model alone.
        needs_execution: False where both plans are the same, so that their difference is 0.
        score: of the run answer, 0 to 1, by `signal`. live_score: of the answer that live served.
        cost_usd: paid for the whole plan. input_tokens, output_tokens: of its first step.
        escalated: the first answer was refused and a second model paid.
        seen_escalated: the same from the live answer.
        live_calls: every call that was paid for the live request.
        live_input_tokens: of the answer that was served, cache included; as the other `live_*_tokens`.
        segment_value: value of the segment key that was asked for; empty for `all`.
    """

    request_id: str
    day: date
    bucket: int
    cluster_key: str
    weight: float
    sample: str
    inclusion_probability: float
    stratum: str
    live_model: str
    shadow_model: str
    escalation_model: str
    served_model: str
    model: str
    is_whole_plan: bool
    needs_execution: bool
    status: str
    signal: str
    scorer: str
    score: float | None
    live_score: float | None
    cost_usd: float | None
    input_tokens: int | None
    output_tokens: int | None
    escalated: bool | None
    seen_escalated: bool | None
    latency_s: float | None
    live_calls: tuple[PaidCall, ...]
    live_input_tokens: int | None
    live_cache_read_tokens: int
    live_cache_write_tokens: int
    live_output_tokens: int | None
    live_latency_s: float | None
    task: str
    user_tier: str
    complexity_band: str
    input_band: str
    segment_value: str = ""
    price_key: str = ""
    shadow_key: str = ""
    escalation_key: str = ""

    @property
    def is_cascade(self) -> bool:
        """Whether the shadow's plan can escalate."""
        return bool(self.escalation_model)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """The requests that executed answers stand for, summed by bucket; contaminated ones left out.

    Attributes:
        requests: (256,) weighted requests on which the shadow has a plan.
        needed: of these, those whose answer must be run, because the plans differ.
        cascade: of these, those whose plan can escalate.
        known: of those, those whose outcome the live answer showed.
        paid_twice: of those, the escalated ones.
        n: rows.
    """

    requests: Floats
    needed: Floats
    cascade: Floats
    known: Floats
    paid_twice: Floats
    n: int


def executed_answers(
    reader: Reader, window: Window, policy: PolicyRef, where: Slice = ALL, key: str = "all"
) -> list[ExecutedAnswer]:
    """Every executed answer that counts for the policy, in a window and a slice.

    An answer of a model alone counts for requests on which the whole plan is that one call. A request can come several
    times: once per draw, signal and scorer.

    Args:
        reader: of the project.
        window: UTC days of the live decisions.
        policy: a shadow policy.
        where: slice of the requests.
        key: segment key whose value each answer carries in `segment_value`.
    """
    if not reader.one("executed_count")["n"]:
        return []
    cascades = frozenset(record["model"] for record in reader.select("executed_live_cascades", **days(window)))
    records = reader.select(
        "executed_answers", **of_policy(policy), **days(window), **conditions(where), segment_key=stored_key(key)
    )
    return [_answer(record, cascades) for record in records]


def executed_answers_by_value(
    reader: Reader, window: Window, policy: PolicyRef, key: str
) -> dict[str, list[ExecutedAnswer]]:
    """The same for every value of a segment key."""
    groups: dict[str, list[ExecutedAnswer]] = {}
    for answer in executed_answers(reader, window, policy, key=key):
        groups.setdefault(answer.segment_value, []).append(answer)
    return groups


def executed_frame(reader: Reader, window: Window, policy: PolicyRef, where: Slice = ALL) -> Frame:
    """Number of requests that the answers stand for."""
    params = {**of_policy(policy), **days(window)}
    file = "executed_frame_rows" if isinstance(where, Cross) else "executed_frame"
    return _frame(list(reader.in_slice("executed_frame", file, where, **params)))


def executed_frame_by_value(reader: Reader, window: Window, policy: PolicyRef, key: str) -> dict[str, Frame]:
    """The same for every value of a segment key."""
    return by_value(reader.per_value("executed_frame", key, **of_policy(policy), **days(window)), _frame)


def _frame(records: Sequence[Record]) -> Frame:
    names = ("requests", "needed", "cascade", "known", "paid_twice")
    return Frame(**{name: column(records, name) for name in names}, n=sum(row["n"] for row in records))


def _answer(record: Record, live_cascades: Iterable[str]) -> ExecutedAnswer:
    same_model = record["shadow_model"] == record["live_model"]
    if same_model and record["live_model"] in live_cascades:
        needs = not record["same_plan"]
    else:
        needs = not same_model or bool(record["escalation_model"])
    calls = zip(
        record["attempt_models"],
        record["attempt_input_tokens"],
        record["attempt_cache_read_tokens"],
        record["attempt_cache_write_tokens"],
        record["attempt_output_tokens"],
        strict=True,
    )
    paid = tuple(PaidCall(*call) for call in calls)
    return row_of(ExecutedAnswer, record, needs_execution=needs, live_calls=paid)
