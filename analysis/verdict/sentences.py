"""The headline of each verdict: the answer, the money, the answers' quality, the next step. No jargon, no p-values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shadowroute.analysis.format import count, counted, listed, percent
from shadowroute.analysis.results import Estimate, Interval, Measured, Range, Undefined, ends
from shadowroute.analysis.verdict.bounds import negated
from shadowroute.analysis.verdict.results import Blocker, Condition, Headline, SegmentFinding, Verdict
from shadowroute.analysis.verdict.wording import bare, money, points, span, whole_percent

NO_ANSWERS: Final = "Not yet: its answers have not been seen."


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The content of a headline.

    Attributes:
        loses_at_most: margin of the first quality condition, as a score.
        lower_is_better: whether less of its signal is better.
        first_step: share of the traffic that a SHIP begins with.
        signatures: that the plan asks for after a SHIP.
    """

    policy: str
    headline: Headline
    blockers: Sequence[Blocker]
    conditions: Sequence[Condition]
    segments: Sequence[SegmentFinding]
    worth: str
    requests: int
    executed: int
    days: int
    loses_at_most: float
    first_step: float
    signatures: int
    lower_is_better: bool = False


def sentence(verdict: Verdict, told: Told) -> str:
    """The headline as plain text; its first sentence is the answer."""
    if told.blockers:
        return _blocked(told)
    match verdict:
        case Verdict.SHIP:
            return _ship(told)
        case Verdict.REJECT:
            return _reject(told)
        case Verdict.HOLD:
            return _hold(told)
        case Verdict.NEED_MORE:
            return _need_more(told)


def _ship(told: Told) -> str:
    next_step = "sign" if told.signatures else "the plan asks for no signature"
    return (
        f"Ship to {whole_percent(told.first_step)}. {told.policy} would {saves(told.headline.saving_usd_per_month)} and"
        f" its answers hold up: {quality(told)}. {_basis(told)} Next: {next_step}."
    )


def _reject(told: Told) -> str:
    if told.worth:
        return f"Do not ship. {told.worth}"
    harms = [condition for condition in told.conditions if condition.is_harm]
    explained = [harm for harm in harms[1:] if not (harms[0].key == "cost" and harm.key == "escalation")]
    also = f" (also beyond the plan: {listed([harm.requirement for harm in explained])})" if explained else ""
    return f"Do not ship. {told.policy} {_harm(harms[0], harms, told)}{also}. {_basis(told)}"


def _harm(harm: Condition, harms: Sequence[Condition], told: Told) -> str:
    """The harm, as the end of a sentence about the policy."""
    saved = f"would {saves(told.headline.saving_usd_per_month)}"
    if harm.key == "cost":
        twice = next((each for each in harms if each.key == "escalation"), None)
        return f"{saved}: {_twice(twice, verb=' pay twice')}" if twice else saved
    if harm.key.startswith("quality:"):
        signal = harm.key.removeprefix("quality:")
        return f"{saved}, but its answers are worse: {signal} loses {harm.shown}; you allow {_allowed(harm)}"
    if harm.key == "escalation":
        return f"pays twice too often: {_twice(harm)}"
    value, _, interval = harm.shown.partition(" (")
    return f"would be slower: {value} more at the 95th percentile ({interval}; you allow {_allowed(harm)}"


def _twice(escalation: Condition, *, verb: str = "") -> str:
    rate = escalation.shown.partition(" (")[0]
    limit = escalation.requirement.removeprefix("escalation below ").partition(" (")[0]
    return f"{rate} of its cascade requests{verb}, and above {limit} the saving is gone"


def _allowed(condition: Condition) -> str:
    """The number of a requirement such as `loses at most 1.0 point`."""
    return condition.requirement.partition(" at most ")[2].partition(" ")[0]


def _hold(told: Told) -> str:
    harmed = [finding for finding in told.segments if finding.is_harm]
    failed = [condition for condition in told.conditions if condition.state == "not met"]
    text = f"Hold: more data will not settle this. {told.policy} would {saves(told.headline.saving_usd_per_month)}"
    if failed:
        text += f": {_short(failed[0])}"
    if not harmed:
        return f"{text}. Change the policy or accept it with a reason; a new margin needs a new plan."
    first = harmed[0]
    share = "" if first.share is None else f" ({percent(first.share)} of traffic)"
    more = f" and {counted(len(harmed) - 1, 'more segment')}" if len(harmed) > 1 else ""
    what = first.key.removeprefix("quality:")
    return (
        f"{text}, but {first.segment} is harmed: {what} {first.shown}, where the plan says: {first.requirement}{share}"
        f"{more}. Keep {_where(harmed)} as live decides it and start a new version, or accept it with a reason."
    )


def _short(failed: Condition) -> str:
    """The result of a condition that is certainly not met, and its requirement."""
    return f"{failed.shown}, and the plan says: {failed.requirement}"


def _where(harmed: Sequence[SegmentFinding]) -> str:
    return listed(list(dict.fromkeys(str(finding.segment) for finding in harmed)))


def _need_more(told: Told) -> str:
    unknown = [condition for condition in told.conditions if condition.state == "unknown"]
    unseen = [each for each in unknown if each.key.startswith("quality:") and each.rung == "none"]
    text = NO_ANSWERS if unseen or not unknown else "Not yet."
    text += f" {told.policy} would {saves(told.headline.saving_usd_per_month)}"
    if isinstance(told.headline.saving_usd_per_month, Range):
        text += ", depending on how often its cheap answers fail their check; waiting will not settle it"
    text += "."
    wanted = _wanted(unknown)
    certain = [_short(condition) for condition in told.conditions if condition.state == "not met"]
    certain += [f"{each.segment} is harmed ({each.shown})" for each in told.segments if each.is_harm]
    if certain:
        text += f" Already certain: {listed(certain)}; this plan cannot ship it."
    return f"{text} {wanted}".rstrip()


def _wanted(unknown: Sequence[Condition]) -> str:
    """The next steps for unknown conditions, once each."""
    steps = list(dict.fromkeys(condition.next_step for condition in unknown if condition.next_step))
    return f"Next: {'; '.join(steps)}." if steps else ""


def _blocked(told: Told) -> str:
    texts = [blocker.text.rstrip(".") for blocker in told.blockers]
    more = f" Also: {'; '.join(texts[1:])}." if len(texts) > 1 else ""
    return (
        f"Cannot judge yet: {_lowered(texts[0])}.{more} Next: {told.blockers[0].next_step}."
        " The figures are shown, not judged."
    )


def saves(saving: Measured) -> str:
    """`save $18,400 a month (16,300 to 20,500)`, or the additional cost, or the unknown amount."""
    match saving:
        case Estimate() if saving.value >= 0:
            return f"save {money(saving.value)} a month ({_dollars(saving.interval)})"
        case Estimate():
            more = negated(saving)
            assert isinstance(more, Estimate)  # noqa: S101  # an estimate the other way round
            return f"cost {money(more.value)} more a month ({_dollars(more.interval)})"
        case Range():
            return _between(*ends(saving))
    return f"change the bill by an unknown amount ({saving.reason})"


def _between(low: float, high: float) -> str:
    """A range of savings, which may be losses at one end or at both."""
    if low >= 0:
        return f"save {money(low)} to {money(high)} a month"
    if high <= 0:
        return f"cost {money(-high)} to {money(-low)} more a month"
    return f"save {money(high)} to cost {money(-low)} more a month"


def quality(told: Told) -> str:
    """`0.4 points fewer resolved (0.9 fewer to 0.1 more; you allow 1.0)`, or between which ends it lies."""
    change, signal = told.headline.quality_change, told.headline.quality_signal
    if isinstance(change, Undefined):
        return f"{signal}: {change.reason}"
    allowed = f"you allow {bare(told.loses_at_most, points)}"
    # A change counts as better or worse; more of a signal is not always better.
    sign = -1.0 if told.lower_is_better else 1.0
    between = " to ".join(_fewer(sign * end) for end in ends(change))
    if isinstance(change, Range):
        return f"{between} {signal}, in points ({allowed}; {change.why})"
    return f"{_fewer(sign * change.value, unit=True)} {signal} ({between}; {allowed})"


def _fewer(change: float, *, unit: bool = False) -> str:
    text = points(abs(change)) if unit else bare(abs(change), points)
    return f"{text} {'fewer' if change < 0 else 'more'}"


def _dollars(interval: Interval) -> str:
    return span(interval.low, interval.high, money)


def _basis(told: Told) -> str:
    executed = f", {counted(told.executed, 'executed answer')}" if told.executed else ""
    return f"Based on {count(told.requests)} decisions{executed}, {counted(told.days, 'day')}."


def _lowered(text: str) -> str:
    """A sentence inside another; names at its start keep their letters."""
    first = text.split(" ", 1)[0]
    return text if any(letter.isupper() for letter in first[1:]) else text[:1].lower() + text[1:]
