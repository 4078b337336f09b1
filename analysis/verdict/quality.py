"""The quality evidence that a plan asks for, on all traffic and per segment: executed answers, else off-policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shadowroute.analysis.measures.executed import NOTHING, Executed, executed, executed_by_value
from shadowroute.analysis.measures.off_policy import off_policy
from shadowroute.analysis.plan.document import QualityDocument
from shadowroute.analysis.plan.loading import Plan
from shadowroute.analysis.plan.meaning import specs_of
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.results import Rung, Undefined
from shadowroute.analysis.rows import SignalRow
from shadowroute.analysis.selection import ALL, PolicyRef, Segment, Window
from shadowroute.analysis.signals import SignalSpec, spec_of
from shadowroute.analysis.verdict.bounds import negated
from shadowroute.analysis.verdict.conditions import RUN_ANSWERS, Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReader:
    """Reads the quality of one policy in one window; `seen` are the signals that arrived in it."""

    q: Queries
    plan: Plan
    policy: PolicyRef
    window: Window
    book: str
    level: float
    seen: Sequence[SignalRow]

    def executed(self, asked: QualityDocument) -> Executed:
        """Executed answers on all traffic."""
        return executed(self.q, self.policy, self.window, signal=asked.signal, book=self.book, level=self.level)

    def overall(self, asked: QualityDocument, found: Executed) -> Evidence:
        """The evidence on all traffic."""
        return self._evidence(asked, found, ALL)

    def by_value(self, asked: QualityDocument, key: str) -> Mapping[str, Evidence]:
        """The evidence per value of a segment key."""
        found = executed_by_value(
            self.q, self.policy, self.window, key, signal=asked.signal, book=self.book, level=self.level
        )
        return {value: self._evidence(asked, each, Segment(key, value)) for value, each in found.items()}

    def missing(self, asked: QualityDocument, key: str, value: str) -> Evidence:
        """The evidence of a segment in which nothing was executed."""
        return self._evidence(asked, NOTHING, Segment(key, value))

    def spec(self, asked: QualityDocument) -> SignalSpec:
        """How the signal is to be read: as the plan says, else as its name is known."""
        return spec_of(self._row(asked) or SignalRow(name=asked.signal, source="", n=0), specs_of(self.plan.document))

    def _evidence(self, asked: QualityDocument, found: Executed, where: Segment) -> Evidence:
        """Executed answers wherever there are some; off-policy only where the plan accepts it."""
        if found.rung == "executed" or asked.evidence == "executed":
            change = found.quality_change if asked.over == "all_requests" else found.diverging_quality_change
            evidence = Evidence(measured=change, rung=found.rung, n=found.n, grows_with_traffic=False)
        else:
            evidence = self._observed(asked, where)
        if self.spec(asked).lower_is_better:
            return Evidence(
                measured=negated(evidence.measured),
                rung=evidence.rung,
                n=evidence.n,
                grows_with_traffic=evidence.grows_with_traffic,
                per_day=evidence.per_day,
            )
        return evidence

    def _observed(self, asked: QualityDocument, where: Segment) -> Evidence:
        row = self._row(asked)
        if row is None:
            reason = f"no signal {asked.signal} arrived in this window"
            return Evidence(measured=Undefined(reason=reason, next_step=RUN_ANSWERS), rung="none", n=0)
        found = off_policy(self.q, self.policy, self.window, where, signal=row, level=self.level)
        rung: Rung = "none" if isinstance(found.value_change, Undefined) else self.spec(asked).rung
        days = max(self.window.days, 1)
        return Evidence(measured=found.value_change, rung=rung, n=found.n, per_day=found.n / days or None)

    def _row(self, asked: QualityDocument) -> SignalRow | None:
        """The signal as it arrived, from the source that the plan names, else from the most frequent one."""
        document = self.plan.document.signals.get(asked.signal)
        source = document.source if document else None
        rows = [row for row in self.seen if row.name == asked.signal and source in {None, row.source}]
        return max(rows, key=lambda row: row.n, default=None)
