"""The conditions of the plan against the measurements: met, not met, or still unknown.

Every condition is a quantity with a limit above which it fails: the change of cost, the loss of quality, the rate of
escalation, the added latency. Met means that the whole interval of this look lies at or below the limit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from shadowroute.analysis.format import counted, percent
from shadowroute.analysis.measures.break_even import NO_ESCALATION
from shadowroute.analysis.measures.change import UNKNOWN_CACHES
from shadowroute.analysis.next_steps import TELL_SESSIONS
from shadowroute.analysis.plan.document import QualityDocument
from shadowroute.analysis.results import Estimate, Measured, Range, Rung, Undefined
from shadowroute.analysis.verdict.bounds import Missing, at_most, bounds, is_above, missing, negated
from shadowroute.analysis.verdict.results import Condition, ConditionState
from shadowroute.analysis.verdict.wording import about, milliseconds, points, shown, whole_percent

BELIEVED: Final[tuple[Rung, ...]] = ("executed", "observed")
"""Evidence for a quality condition: answers of the shadow's own plan, never live's answers or decisions."""

RUN_ANSWERS: Final = "run answers of the shadow (shadowroute queue), then shadowroute import executions FILE"
_RUN_FIRST: Final = "run the first answers of the cascade: how often they fail their check is unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One measured quantity and its basis.

    Attributes:
        n: requests, or executed answers, that the figure rests on.
        grows_with_traffic: whether waiting brings more of them; executed answers must be run.
        per_day: of them, at the present rate; None if unknown.
        doubt: the same quantity under the worst assumption, or by the paid cost; None without an assumption.
        doubt_why: the condition of the doubt, as the end of a sentence with `if`.
        doubt_step: how to settle it.
        lasting: the same quantity without the spending until the decision; None without such spending.
    """

    measured: Measured
    rung: Rung
    n: int
    grows_with_traffic: bool = True
    per_day: float | None = None
    doubt: Measured | None = None
    doubt_why: str = ""
    doubt_step: str = RUN_ANSWERS
    lasting: Measured | None = None


def cost_condition(change: Evidence, *, saves_at_least: float) -> Condition:
    """Net change of cost, relative to live, against the saving that the plan asks for.

    It is a harm only where the shadow certainly costs more than live, evaluation aside: that is spent to decide, not by
    the policy. A saving that is certainly too small is not met.
    A result that holds only under an assumption (such as the answer length of a model that was never run) is unknown,
    and so is a result that the bills of the executed answers do not confirm.
    """
    measured = change.measured
    state = at_most(measured, -saves_at_least)
    is_harm = is_above(measured if change.lasting is None else change.lasting, 0.0)
    if change.doubt is not None and state != "unknown" and at_most(change.doubt, -saves_at_least) != state:
        return _assumed(change, saves_at_least)
    if change.doubt is not None:
        is_harm = is_harm and is_above(change.doubt, 0.0)
    return _condition(
        change,
        key="cost",
        requirement=f"saves at least {whole_percent(saves_at_least)}",
        state=state,
        is_harm=is_harm,
        limit=-saves_at_least,
        shown_as=shown(negated(measured), percent),
        fails="costs more than live" if is_harm else "saves less than the plan asks for",
        waits=_settles(measured),
    )


def _settles(cost: Measured) -> str:
    if not isinstance(cost, Range):
        return "judge it without a share of what live costs"
    return TELL_SESSIONS if cost.why.startswith(UNKNOWN_CACHES) else _RUN_FIRST


def quality_condition(change: Evidence, asked: QualityDocument, *, loses_at_most: float) -> Condition:
    """Change of a signal's mean, shadow minus live, against the margin; -0.004 loses 0.4 points.

    A figure with weaker evidence than the plan asks for counts as unknown.
    """
    disbelieved = _disbelieved(change, asked)
    measured = change.measured if disbelieved is None else disbelieved
    loss = negated(measured)
    over = "" if asked.over == "all_requests" else " on requests that differ"
    return _condition(
        replace(change, measured=measured),
        key=f"quality:{asked.signal}",
        requirement=f"{asked.signal} loses at most {points(loses_at_most)}{over}",
        state=at_most(loss, loses_at_most),
        is_harm=is_above(loss, loses_at_most),
        limit=loses_at_most,
        shown_as=shown(loss, points),
        fails="loses more than the plan allows",
        waits=RUN_ANSWERS,
        compared=loss,
    )


def escalation_condition(rate: Evidence, *, limit: Measured, limit_name: str) -> Condition:
    """Share of cascade requests that pay twice, against the share at which the saving is gone.

    Args:
        rate: of the cascade requests.
        limit: the break-even rate with its own interval, or a number of the plan.
        limit_name: `break-even` or empty.
    """
    interval = bounds(limit)
    if interval is None:
        reason = limit.reason if isinstance(limit, Undefined) else "the break-even rate is unknown"
        compared: Measured = Undefined(reason=reason, next_step=getattr(limit, "next_step", ""), n=rate.n)
        low = high = 1.0
        requirement = "escalation below break-even"
    else:
        compared, low, high = rate.measured, interval.low, interval.high
        value = limit.value if isinstance(limit, Estimate) else low
        # Above 1 everything may escalate, below 0 nothing may; a share says that too.
        written = whole_percent(round(min(max(value, 0.0), 1.0), 3))
        requirement = f"escalation below {written}" + (f" ({limit_name})" if limit_name else "")
    # The limit has an interval of its own: met below its lower end, failed above its upper end.
    state: ConditionState = "not met" if is_above(compared, high) else "unknown"
    return _condition(
        rate,
        key="escalation",
        requirement=requirement,
        state="met" if at_most(compared, low) == "met" else state,
        is_harm=is_above(compared, high),
        limit=low,
        shown_as=shown(rate.measured, percent) if not isinstance(compared, Undefined) else compared.reason,
        fails="pays twice so often that the saving is gone" if limit_name else "pays twice more often than allowed",
        waits=_RUN_FIRST,
        compared=compared,
    )


def no_escalation(limit: str = "break-even") -> Condition:
    """The escalation condition of a policy that plans none; `limit` as the plan says it."""
    return Condition(
        key="escalation",
        requirement=f"escalation below {limit}",
        state="met",
        is_harm=False,
        measured=NO_ESCALATION,
        shown="no cascade",
        rung="none",
        n=0,
        why="",
        next_step="",
    )


def latency_condition(added_ms: Evidence, *, adds_at_most_ms: float) -> Condition:
    """Predicted change of the 95th percentile of latency, in milliseconds, against the margin."""
    measured = added_ms.measured
    return _condition(
        added_ms,
        key="latency_p95",
        requirement=f"p95 adds at most {milliseconds(adds_at_most_ms)}",
        state=at_most(measured, adds_at_most_ms),
        is_harm=is_above(measured, adds_at_most_ms),
        limit=adds_at_most_ms,
        shown_as=shown(measured, milliseconds),
        fails="is slower than the plan allows",
        waits=RUN_ANSWERS,
    )


def _assumed(change: Evidence, saves_at_least: float) -> Condition:
    """The cost condition where an assumption decides it."""
    assert change.doubt is not None  # noqa: S101  # only then is this asked
    figure, doubt = (shown(negated(measured), percent) for measured in (change.measured, change.doubt))
    return Condition(
        key="cost",
        requirement=f"saves at least {whole_percent(saves_at_least)}",
        state="unknown",
        is_harm=False,
        measured=change.measured,
        shown=f"{figure}; {doubt} if {change.doubt_why}",
        rung=change.rung,
        n=change.n,
        why=f"it depends on whether {change.doubt_why}",
        next_step=change.doubt_step,
    )


def _disbelieved(change: Evidence, asked: QualityDocument) -> Undefined | None:
    """The reason why the figure does not count for this plan; None if it does."""
    enough = ("executed",) if asked.evidence == "executed" else BELIEVED
    if isinstance(change.measured, Undefined) or change.rung in enough:
        return None
    return Undefined(
        reason=f"the plan asks for {asked.evidence} evidence, this figure is {change.rung}",
        next_step=RUN_ANSWERS,
        n=change.n,
    )


def _condition(
    evidence: Evidence,
    *,
    key: str,
    requirement: str,
    state: ConditionState,
    is_harm: bool,
    limit: float,
    shown_as: str,
    fails: str,
    waits: str,
    compared: Measured | None = None,
) -> Condition:
    measured = evidence.measured if compared is None else compared
    more = missing(measured, limit) if state == "unknown" else None
    return Condition(
        key=key,
        requirement=requirement,
        state=state,
        is_harm=is_harm,
        measured=evidence.measured,
        shown=shown_as,
        rung=evidence.rung,
        n=evidence.n,
        why={"met": "", "not met": fails, "unknown": _why_unknown(measured)}[state],
        next_step="" if state == "met" else _next_step(state, measured, evidence, more, waits),
        more_requests=None if more is None else more.requests,
        more_days=_days(more, evidence),
    )


def _why_unknown(measured: Measured) -> str:
    match measured:
        case Undefined():
            return measured.reason
        case Range():
            return measured.why
        case Estimate():
            return "the interval can still fall on either side of the limit"


def _next_step(state: ConditionState, measured: Measured, evidence: Evidence, more: Missing | None, waits: str) -> str:
    if state == "not met":
        return "change the policy and give it a new plan"
    if isinstance(measured, Undefined):
        return measured.next_step or waits
    if isinstance(measured, Range):
        return waits
    if more is None:
        return "the figure lies on the limit: more data will hardly settle it"
    if not evidence.grows_with_traffic:
        wanted = counted(about(more.requests), "more answer")
        return f"run about {wanted} (shadowroute queue), then shadowroute import executions FILE"
    days = _days(more, evidence)
    when = "" if days is None else f", {counted(max(1, round(days)), 'day')} at the present rate"
    return f"wait for about {counted(about(more.requests), 'more request')}{when}"


def _days(more: Missing | None, evidence: Evidence) -> float | None:
    if more is None or not evidence.grows_with_traffic or not evidence.per_day:
        return None
    return more.requests / evidence.per_day
