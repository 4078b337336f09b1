"""The window's study: the source of all figures of reports, evidence, verdicts, packets, worksheets and pages.

A new study reads nothing. The data behind figures are read once, on first use, so a page reads only the data of its
own figures, and figures that stand together rest on the same answers of the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, reduce
from operator import add

from shadowroute.analysis.measures.divergence import excess_of
from shadowroute.analysis.measures.floor import most_that_routing_could_save
from shadowroute.analysis.measures.judge_agreement import JUDGE, JudgeAgreement, judge_agreements_of, newest_days
from shadowroute.analysis.measures.noise_floor import Control, NoiseFloor, controls_of, noise_floor_of
from shadowroute.analysis.measures.variety import Common, uniform
from shadowroute.analysis.policy_study import PolicyStudy
from shadowroute.analysis.queries.judges import judge_pairs
from shadowroute.analysis.queries.money import cheapest_dollars
from shadowroute.analysis.queries.pairs import effective_clusters, pairs
from shadowroute.analysis.reads import Reads
from shadowroute.analysis.results import Measured, Undefined
from shadowroute.analysis.selection import PolicyRef, Slice, Window
from shadowroute.analysis.summaries import RatioSums


class Study(Reads):
    """One window of a project; the arguments are the attributes of `Reads`.

    `Study(Queries(client, "demo"), window, book="registry")` is about every shadow and all traffic; `of` gives the
    figures of one shadow.
    """

    def of(self, policy: PolicyRef, where: Slice | None = None) -> PolicyStudy:
        """A shadow policy on a slice; None for the slice of the study."""
        found = (policy, self.slice if where is None else where)
        if found not in self._kept:
            self._kept[found] = PolicyStudy(self, *found)
        kept = self._kept[found]
        assert isinstance(kept, PolicyStudy)  # noqa: S101  # nothing else has a policy and a slice for its name
        return kept

    def at(self, level: float) -> Study:
        """The same study with intervals of another level; what was read is read for both."""
        return replace(self, level=level)

    # The noise floor

    @cached_property
    def controls(self) -> Sequence[Control]:
        """The A/A shadows, and the days on which they were live's policy beside itself."""
        return controls_of(self.decided)

    def control(self, policy: PolicyRef) -> Control | None:
        """The policy as an A/A shadow; None if it was none on any day."""
        return next((control for control in self.controls if control.policy == policy), None)

    @cached_property
    def floor(self) -> NoiseFloor:
        """How often live differs from itself, on the slice of the study."""
        return noise_floor_of(
            self.controls,
            lambda: self._diverging(self.controls),
            clusters=lambda: max(
                self.once(effective_clusters, control.policy, self.slice, days=self._days(run))
                for control in self.controls
                for run in control.days
            ),
            chance=lambda: self.chance,
            level=self.level,
        )

    def excess(self, policy: PolicyRef) -> Measured | None:
        """How much more often a policy differs from live than live does, on the days of the controls; None without."""
        others = [control for control in self.controls if control.policy != policy]
        control = self.control(policy)
        if not others or (control is not None and control.is_whole):
            return None
        return excess_of(self._diverging(others, policy), self._diverging(others))

    def _diverging(self, controls: Sequence[Control], policy: PolicyRef | None = None) -> RatioSums:
        """Diverging decisions over compared ones on the days of the controls: of each of them, or of one policy."""
        found = [
            self.once(pairs, policy or control.policy, self.slice, days=self._days(run)).model
            for control in controls
            for run in control.days
        ]
        return reduce(add, found)

    def _days(self, run: Window) -> Window:
        """The run; where it holds every day with requests, the window, so that what was read of it serves here too."""
        days = [day for row in self.live for day in row.days]
        return self.window if run == Window(min(days), max(days)) else run

    # The project

    @cached_property
    def judges(self) -> tuple[JudgeAgreement, ...]:
        """Models that judge, against people, code or a reference on the same live answers."""
        if not any(signal.source == JUDGE for signal in self.seen):
            return ()
        bars = {signal.name: bar for signal in self.seen if (bar := self.spec(signal).bar) is not None}
        shadow = next((row.policy for row in self.decided if not row.is_live), None)
        rows = [] if shadow is None else self.project.row_counts(self.window, shadow)
        days = newest_days({row.day: row.live_n for row in rows}, self.window)
        return tuple(judge_agreements_of(judge_pairs(self.project, days, bars), level=self.level))

    @property
    def common(self) -> tuple[Common, ...]:
        """What nearly all requests have in common, if nothing tells them apart (R54)."""
        largest = self._largest
        return () if largest is None else uniform(self.project.segments(self.window, largest))

    @property
    def _largest(self) -> PolicyRef | None:
        """The shadow with most decisions."""
        shadows = [row for row in self.decided if not row.is_live]
        return max(shadows, key=lambda row: row.n).policy if shadows else None

    @property
    def most_saved(self) -> Measured:
        """What any policy over the models of the window could save at most, USD per month (R54)."""
        chosen = self._largest
        if chosen is None:
            return Undefined(reason="no shadow policy decided in this window", next_step="add one under shadows:")
        largest = self.of(chosen).whole
        return most_that_routing_could_save(
            largest.cube,
            self.once(cheapest_dollars, largest.policy, self.book),
            days=largest.days,
            clusters=largest.clusters,
            level=self.level,
        )
