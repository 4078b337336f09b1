"""Finds the spans of a trace that are calls to a model, each call once.

Instrumentations nest: a framework, an SDK and an HTTP client may each write a span for one call, with the same usage.
Agents write a span whose usage is the sum of their calls. Adding all of them up would count tokens three times.

The rule, for spans that say they call a model:
1. Of spans with the same response id in a trace that stand within each other, or at the same time with the same usage,
   the innermost counts. Others are calls of their own: some servers give the same ids again and again.
2. A span with such spans below it wraps them, and does not count, if its usage is that of one of them or their sum, if
   it reports no usage, or if not all of them stand below a tool or an agent. A tool that asks a model of its own is
   not the call that chose the tool: then both count.
3. What the call that counts does not report (its usage, its cached tokens, its cost), the nearest span around only it
   lends: a stream often ends before the innermost instrumentation has seen its usage.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shadow.domain.accounting import Counts
from shadowroute.collector.replay.readers import otel_attributes as names
from shadowroute.collector.replay.readers import values
from shadowroute.collector.replay.readers.otel_usage import counts_of_span
from shadowroute.collector.replay.record import Skipped

Usage = tuple[int | None, int | None]

NESTED = "a span around a call that is counted already"
TWICE = "a repeated span of one response"


@dataclass(slots=True, kw_only=True)
class CallSpan:
    """A span of the file. `lender`, `parent` and `callees` are filled in by `calls_of`."""

    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    failed: bool
    attributes: Mapping[str, Any]
    scope: str = ""
    place: str = ""
    lender: CallSpan | None = field(default=None, repr=False)
    parent: CallSpan | None = field(default=None, repr=False)
    callees: list[CallSpan] = field(default_factory=list, repr=False)
    _counts: Counts | None = field(default=None, repr=False)

    @property
    def counts(self) -> Counts:
        """Tokens as reported."""
        if self._counts is None:
            self._counts = counts_of_span(self.attributes)
        return self._counts

    @property
    def usage(self) -> Usage:
        """Input and output tokens as reported; two zeros are no report."""
        told = self.counts.input_tokens, self.counts.output_tokens
        return told if any(told) else (None, None)

    @property
    def response_id(self) -> str:
        """The provider's id, empty if it is not reported."""
        return values.text(values.first(self.attributes, names.RESPONSE_ID))

    def ancestors(self) -> Iterable[CallSpan]:
        """The spans around this one, innermost first. A cycle ends at its start."""
        seen = {id(self)}
        above = self.parent
        while above is not None and id(above) not in seen:
            yield above
            seen.add(id(above))
            above = above.parent

    def inherited(self, keys: Sequence[str]) -> str:
        """The value of this span or the nearest one around it; empty if none has one."""
        for span in (self, *self.ancestors()):
            if found := values.text(values.first(span.attributes, keys)):
                return found
        return ""


def calls_of(spans: Sequence[CallSpan]) -> tuple[list[CallSpan], list[Skipped]]:
    """The spans that are calls, in the given order, and the other model spans, with the reason."""
    by_id = {(span.trace_id, span.span_id): span for span in spans}
    unique = list(by_id.values())  # a file may hold a span twice, after a retry of the exporter
    for span in unique:
        span.parent = by_id.get((span.trace_id, span.parent_id)) if span.parent_id else None
    candidates = [span for span in unique if names.is_call(span.attributes)]
    _link(candidates)
    kept: list[CallSpan] = []
    skipped: list[Skipped] = []
    lenders: list[CallSpan] = []
    twins = _twins(candidates)
    for span in candidates:
        place = span.place or f"span {span.span_id}"
        if id(span) in twins:
            skipped.append(Skipped(place, TWICE))
            _lend(span, [twins[id(span)]])
        elif _wraps(span):
            skipped.append(Skipped(place, NESTED))
            lenders.append(span)
        else:
            kept.append(span)
    depth = {id(span): _depth(span) for span in lenders}
    counted = {id(span) for span in kept}
    for span in sorted(lenders, key=lambda each: -depth[id(each)]):
        _lend(span, [each for each in _all_below(span) if id(each) in counted and not each.failed])
    return kept, skipped


def _lend(span: CallSpan, calls: Sequence[CallSpan]) -> None:
    """Let the only call within a span have what the span reports and the call does not."""
    if len(calls) != 1 or calls[0].lender is not None or span.usage == (None, None):
        return
    (call,) = calls
    lacks = None in call.usage and None not in span.usage
    if lacks or (call.usage == span.usage and span.counts.cached and not call.counts.cached):
        call.lender = span


def _depth(span: CallSpan) -> int:
    return sum(1 for _ in span.ancestors())


def _link(candidates: Sequence[CallSpan]) -> None:
    """Give every candidate the candidates next below it."""
    known = {id(span) for span in candidates}
    for span in candidates:
        above = next((each for each in span.ancestors() if id(each) in known), None)
        if above is not None:
            above.callees.append(span)


def _twins(candidates: Sequence[CallSpan]) -> dict[int, CallSpan]:
    """By the identity of a span that tells of another one's response: that one, which stands further inside."""
    groups: dict[tuple[str, str], list[CallSpan]] = defaultdict(list)
    for span in candidates:
        if span.response_id:
            groups[span.trace_id, span.response_id].append(span)
    found: dict[int, CallSpan] = {}
    for group in groups.values():
        calls: list[CallSpan] = []
        for span in sorted(group, key=lambda each: -_depth(each)) if len(group) > 1 else ():
            same = next((call for call in calls if _is_one_call(span, call)), None)
            if same is None:
                calls.append(span)
            else:
                found[id(span)] = same
    return found


def _is_one_call(span: CallSpan, call: CallSpan) -> bool:
    if any(above is span for above in call.ancestors()):
        return True
    at_once = span.start_ns <= call.end_ns and call.start_ns <= span.end_ns
    return at_once and (span.usage == call.usage or (None, None) in (span.usage, call.usage))


def _wraps(span: CallSpan) -> bool:
    if not span.callees:
        return False
    own = span.usage
    if own == (None, None) or own in {callee.usage for callee in span.callees} or own == _total(_all_below(span)):
        return True
    if own == _total(span.callees):
        return True
    below = _all_below(span)
    reported = any(callee.usage != (None, None) or callee.response_id for callee in below)
    if reported and span.response_id and span.response_id not in {callee.response_id for callee in below}:
        return False
    return not all(_is_anothers(callee, span) for callee in span.callees)


def _all_below(span: CallSpan) -> list[CallSpan]:
    """Innermost candidates below a span."""
    below: dict[str, CallSpan] = {}
    stack = list(span.callees)
    seen = {id(span)}
    while stack:
        callee = stack.pop()
        if id(callee) in seen:
            continue
        seen.add(id(callee))
        if callee.callees:
            stack += callee.callees
        else:
            below[callee.span_id] = callee
    return list(below.values())


def _total(spans: Sequence[CallSpan]) -> Usage:
    sums: dict[int, int] = defaultdict(int)
    for span in spans:
        for place, count in enumerate(span.usage):
            sums[place] += count or 0
    return sums[0], sums[1]


def _is_anothers(callee: CallSpan, caller: CallSpan) -> bool:
    """Whether a tool or an agent stands between a call and the one above it."""
    for above in callee.ancestors():
        if above is caller:
            return False
        kinds = {names.word(above.attributes, names.OPERATION), names.word(above.attributes, names.KIND)}
        if kinds & names.PARTS_OF_AN_AGENT:
            return True
    return False
