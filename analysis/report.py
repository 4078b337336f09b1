"""The four measures of every shadow policy, overall and per segment, with everything that limits them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial

from shadowroute.analysis import caveats as say
from shadowroute.analysis.assemble import pair_sums
from shadowroute.analysis.caveats import Caveat
from shadowroute.analysis.cost_cube import CostCube
from shadowroute.analysis.measures.completeness import Completeness, completeness_of
from shadowroute.analysis.measures.cost import CostDelta, Samples, cost_of, samples_by_value, samples_of
from shadowroute.analysis.measures.direction import Directions
from shadowroute.analysis.measures.divergence import Divergence, divergence_of, excess_of
from shadowroute.analysis.measures.escalation import Escalation, escalation_of
from shadowroute.analysis.measures.noise_floor import without_control
from shadowroute.analysis.measures.quality import Quality
from shadowroute.analysis.measures.quality_readings import Readings
from shadowroute.analysis.measures.rates import Clusters
from shadowroute.analysis.measures.simpson import Simpson
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.money import cost_cube, cost_cubes_by_value
from shadowroute.analysis.queries.off_policy import exploration
from shadowroute.analysis.results import Measured
from shadowroute.analysis.rows import Gaps, MatrixRow, PairSums, PolicyRow, SignalRow
from shadowroute.analysis.selection import ALL, PolicyRef, Segment, Slice, Window
from shadowroute.analysis.signals import SignalSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceReport:
    """The four measures on one slice of the traffic.

    Attributes:
        share: of the policy's decisions in the window that lie in this slice, 0 to 1; None without decisions.
        quality: the signal that was asked for.
        further_signals: every other signal that arrived; in segments, those that have a bar.
    """

    slice: Slice
    share: float | None
    divergence: Divergence
    cost: CostDelta
    escalation: Escalation
    quality: Quality
    further_signals: tuple[Quality, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyReport:
    """One shadow policy.

    Attributes:
        is_control: whether it is the live policy run as its own shadow (A/A); its divergence is the noise floor.
        excess: divergence by model above the control's, request buckets paired; None without a control or for it.
        floor: what is known of how often live differs from itself where no control measured it; else empty.
        completeness: its decisions over the live requests of the same hours; None without live requests.
        overall: all traffic, or the slice that was asked for.
        segments: one per value of the keys that were asked for, the largest first.
        simpson: per key that was asked for: whether the signal's difference between downgraded requests and the rest
            turns round within the key's values.
    """

    policy: PolicyRef
    is_control: bool
    excess: Measured | None
    floor: str
    completeness: float | None
    overall: SliceReport
    segments: tuple[SliceReport, ...]
    simpson: tuple[Simpson, ...]
    caveats: tuple[Caveat, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectReport:
    """All shadow policies of a project in one window.

    Attributes:
        as_of: requests that arrived before this are in the figures; None if nothing was rolled up yet.
        book: the price book; empty if none is pinned.
        requests: live requests.
        live: live policies of the window; more than one means the live policy changed.
        known_clusters_share: of live requests, those with a user or session id; None without requests.
        policies: the largest first, controls last.
    """

    project: str
    window: Window
    as_of: datetime | None
    book: str
    requests: int
    live: tuple[PolicyRef, ...]
    known_clusters_share: float | None
    policies: tuple[PolicyReport, ...]
    caveats: tuple[Caveat, ...]


def project_report(
    q: Queries,
    window: Window,
    *,
    book: str,
    only: Iterable[PolicyRef] | None = None,
    segment: Slice = ALL,
    by: Sequence[str] = (),
    signal: SignalRow | None = None,
    specs: Mapping[str, SignalSpec] | None = None,
) -> ProjectReport:
    """Measure every shadow policy of a project.

    Args:
        q: reads the project.
        window: UTC days.
        book: price book; empty if none is pinned, costs are then undefined.
        only: these policies; None for all.
        segment: the slice that "overall" means.
        by: segment keys to split by, for example `("task",)`.
        signal: the quality signal; None for the most frequent one.
        specs: how signals are read, by name; None for what their names are known to mean.
    """
    study = _study(q, window, book=book, segment=segment, by=by, signal=signal, specs=specs)
    wanted = None if only is None else set(only)
    shadows = [row for row in study.policies if not row.is_live and (wanted is None or row.policy in wanted)]
    live = [row for row in study.policies if row.is_live]
    kinds = q.cluster_kinds(window)
    total = sum(kind.n for kind in kinds)
    known = sum(kind.n for kind in kinds if kind.kind != "request") / total if total else None
    ordered = sorted(shadows, key=lambda row: (study.is_control(row.policy), -row.n, row.policy))
    return ProjectReport(
        project=q.project,
        window=window,
        as_of=q.rolled_up_to(),
        book=book,
        requests=sum(row.n for row in live),
        live=tuple(row.policy for row in live),
        known_clusters_share=known,
        policies=tuple(study.report(row.policy) for row in ordered),
        caveats=tuple(say.about_project(live=live, shadows=shadows, known_clusters_share=known)),
    )


def policy_report(
    q: Queries,
    policy: PolicyRef,
    window: Window,
    *,
    book: str,
    segment: Slice = ALL,
    by: Sequence[str] = (),
    signal: SignalRow | None = None,
    specs: Mapping[str, SignalSpec] | None = None,
) -> PolicyReport:
    """Measure one shadow policy; the arguments are those of `project_report`."""
    return _study(q, window, book=book, segment=segment, by=by, signal=signal, specs=specs).report(policy)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Study:
    """What all policies of one report share, read once.

    Attributes:
        pairs: decisions of a policy (None: live) in a slice, each read once.
    """

    q: Queries
    window: Window
    book: str
    segment: Slice
    by: Sequence[str]
    readings: Readings
    policies: Sequence[PolicyRow]
    pairs: Callable[[PolicyRef | None, Slice], PairSums]
    completeness: Mapping[PolicyRef, Completeness]
    directions: Directions

    def is_control(self, policy: PolicyRef) -> bool:
        """Whether the policy is the live one, run as its own shadow (A/A).

        A policy that was a shadow first and went live later, or the other way round, is none: in its days as a shadow
        it stood beside another live policy.
        """
        own = next((row for row in self.policies if not row.is_live and row.policy == policy), None)
        if own is None:
            return False
        beside = {
            row.policy for row in self.policies if row.is_live and row.first <= own.last and own.first <= row.last
        }
        return beside == {policy}

    def control(self) -> PolicyRef | None:
        """The A/A shadow, if there is one."""
        return next((row.policy for row in self.policies if not row.is_live and self.is_control(row.policy)), None)

    def report(self, policy: PolicyRef) -> PolicyReport:
        """Everything about one policy."""
        control = None if self.is_control(policy) else self.control()
        whole, gaps = self.pairs(policy, ALL), self.q.gaps(self.window, policy)
        overall = self.overall(policy, whole, gaps)
        by = [self.segments(policy, key, whole, gaps) for key in self.by]
        simpson = tuple(found for _, found in by if found)
        completeness = self.completeness.get(policy)
        return PolicyReport(
            policy=policy,
            is_control=self.is_control(policy),
            excess=excess_of(self._pairs(policy).model, self._pairs(control).model) if control else None,
            floor="" if self.control() else without_control(exploration(self.q, self.window)),
            completeness=completeness.share if completeness else None,
            overall=overall,
            segments=tuple(report for reports, _ in by for report in reports),
            simpson=simpson,
            caveats=tuple(
                say.about_policy(
                    divergence=overall.divergence,
                    cost=overall.cost,
                    escalation=overall.escalation,
                    quality=overall.quality,
                    completeness=completeness,
                    simpson=simpson,
                )
            ),
        )

    def _pairs(self, policy: PolicyRef | None) -> PairSums:
        return self.pairs(policy, self.segment)

    def overall(self, policy: PolicyRef, whole: PairSums, gaps: Gaps) -> SliceReport:
        """The measures on the slice that was asked for."""
        q, window, where = self.q, self.window, self.segment
        clusters = cache(partial(q.effective_clusters, window, policy, where))
        return self._measured(
            where,
            whole=whole,
            gaps=gaps,
            pairs=self._pairs(policy),
            live=self._pairs(None),
            matrix=q.matrix(window, policy, where),
            cube=cost_cube(q, window, policy, self.book, where),
            samples=samples_of(q, policy, window, where),
            signals=self.readings.of(policy, where, clusters),
            clusters=clusters,
            live_clusters=cache(partial(q.effective_clusters, window, None, where)),
        )

    def segments(
        self, policy: PolicyRef, key: str, whole: PairSums, gaps: Gaps
    ) -> tuple[list[SliceReport], Simpson | None]:
        """The measures for every value of a key, the largest first; a handful of queries per key."""
        q, window = self.q, self.window
        pairs = q.pairs_by_value(window, policy, key)
        live = q.pairs_by_value(window, None, key)
        matrices = q.matrix_by_value(window, policy, key)
        cubes = cost_cubes_by_value(q, window, policy, self.book, key)
        samples = samples_by_value(q, policy, window, key)
        signals = self.readings.by_value(policy, key)
        clusters = cache(partial(q.effective_clusters_by_value, window, policy, key))
        live_clusters = cache(partial(q.effective_clusters_by_value, window, None, key))
        reports = [
            self._measured(
                Segment(key, value),
                whole=whole,
                gaps=gaps,
                pairs=pairs[value],
                live=live.get(value) or pair_sums([]),
                matrix=matrices.get(value, []),
                cube=cubes.get(value) or CostCube(book=self.book),
                samples=samples(value),
                signals=signals.of(value, partial(_of_value, clusters, value)),
                clusters=partial(_of_value, clusters, value),
                live_clusters=partial(_of_value, live_clusters, value),
            )
            for value in sorted(pairs, key=lambda value: (-pairs[value].weight, value))
        ]
        return reports, signals.simpson

    def _measured(
        self,
        where: Slice,
        *,
        whole: PairSums,
        gaps: Gaps,
        pairs: PairSums,
        live: PairSums,
        matrix: Sequence[MatrixRow],
        cube: CostCube,
        samples: Samples,
        signals: Sequence[Quality],
        clusters: Clusters,
        live_clusters: Clusters,
    ) -> SliceReport:
        return SliceReport(
            slice=where,
            share=pairs.weight / whole.weight if whole.weight else None,
            divergence=divergence_of(pairs, matrix, gaps=gaps, directions=self.directions, clusters=clusters),
            cost=cost_of(cube, pairs, clusters=clusters, lengths=samples.lengths, escalation=samples.escalation),
            escalation=escalation_of(pairs, live, clusters=clusters, live_clusters=live_clusters),
            quality=signals[0],
            further_signals=tuple(signals[1:]),
        )


def _of_value(by_value: Callable[[], dict[str, float]], value: str) -> float:
    return by_value().get(value, 0.0)


def _study(
    q: Queries,
    window: Window,
    *,
    book: str,
    segment: Slice,
    by: Sequence[str],
    signal: SignalRow | None,
    specs: Mapping[str, SignalSpec] | None,
) -> _Study:
    q = q.remembering()
    policies = q.policies(window)
    directions = Directions(q.blended_prices(book, window.last))
    seen = q.signals_seen(window)
    # What was asked for comes first, even if it never arrived.
    others = [row for row in seen if signal is None or (row.name, row.source) != (signal.name, signal.source)]
    signals = [signal, *others] if signal else others
    return _Study(
        q=q,
        window=window,
        book=book,
        segment=segment,
        by=by,
        readings=Readings(
            q=q,
            window=window,
            directions=directions,
            signals=signals,
            specs=specs or {},
            as_of=q.rolled_up_to(),
        ),
        policies=policies,
        pairs=cache(partial(q.pairs, window)),
        completeness=completeness_of(q.completeness(window)),
        directions=directions,
    )
