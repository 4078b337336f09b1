"""One backtest, read and planned but not sent: tables, policies, prices, and the plan of each policy for every query.

A query is used only if every policy's whole plan can be walked on recorded answers. So all figures, estimates and
truths, rest on the same queries, and each left-out query is counted with its reason.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

from shadow.config import load_policy
from shadow.domain.ids import KeyedHash, canonical_id
from shadow.domain.outcome import Answer
from shadow.domain.policy import Decision, Failure, Policy, Step, state_mode_of
from shadow.domain.request import Request
from shadow.domain.snapshot import STATELESS, Snapshot
from shadow.errors import ConfigError, MissingOutcomeError
from shadow.policies.guarded import GuardedPolicy, PolicyResult, checked
from shadow.prices.catalogue import MODELS_FILE, Catalogue
from shadow.prices.registry import PriceRow
from shadow.runtime.containment import Containment
from shadowroute.analysis.backtest.memory import Memory, Served
from shadowroute.analysis.backtest.result import LeftOutDocument
from shadowroute.analysis.backtest.truth import UnknownCheckError, Walk, walk
from shadowroute.analysis.prices import PriceTable
from shadowroute.collector.price_books import catalogue_of
from shadowroute.collector.replay.readers.columns import check_rename
from shadowroute.collector.replay.readers.outcomes import KNOWN, Outcomes, Queries, load_outcomes, load_queries
from shadowroute.collector.replay.record import Record


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The user's input. `prices` has the form of models.yaml; `rename` maps the files' column names to ours."""

    queries: Path
    outcomes: Path
    live: Path
    shadows: tuple[Path, ...]
    prices: Path | None = None
    rename: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Planned:
    """A used query, with the router's state before it.

    A shadow that failed on it has None; `shadows` is in the order of the case's shadows.
    """

    query: Record
    snapshot: Snapshot
    live: Walk
    shadows: tuple[Walk | None, ...]


@dataclass(frozen=True, kw_only=True)
class Case:
    """Everything that a run needs."""

    inputs: Inputs
    project: str
    queries: Queries
    outcomes: Outcomes
    catalogue: Catalogue
    live: Policy
    shadows: tuple[Policy, ...]
    planned: tuple[Planned, ...]
    left_out: tuple[LeftOutDocument, ...]
    price_rows: tuple[PriceRow, ...]
    price_source: str

    @property
    def prices(self) -> PriceTable:
        """The price book in memory."""
        return PriceTable(self.price_rows)

    @property
    def days(self) -> tuple[date, date]:
        """First and last UTC day of the run's rows."""
        first, last = (datetime.fromtimestamp(self.queries.rows[row].time_us / 1e6, UTC).date() for row in (0, -1))
        return first, last

    def answers(self) -> dict[tuple[str, str], Answer]:
        """The recorded answers of every model that the live policy may call, by (request id, model)."""
        return {
            (plan.query.request_id, step.model): answer
            for plan in self.planned
            for step in plan.live.decision.steps
            if (answer := self.outcomes.answer(plan.query.request_id, step.model)) is not None
        }


def load(inputs: Inputs) -> Case:
    """Reads and checks all files, and plans every query.

    Raises:
        ConfigError: a file is wrong, two shadows are the same, or no query is left.
    """
    check_rename(inputs.rename, KNOWN, inputs.queries, inputs.outcomes)
    beside = inputs.live.with_name(MODELS_FILE)
    catalogue, source = catalogue_of(inputs.prices or (beside if beside.exists() else None))
    live = load_policy(inputs.live, catalogue)
    shadows = tuple(load_policy(path, catalogue) for path in inputs.shadows)
    _refuse_twins(shadows, inputs.shadows)
    queries = load_queries(inputs.queries, inputs.rename)
    outcomes = load_outcomes(inputs.outcomes, inputs.rename)
    project = f"backtest-{_fingerprint(inputs, (live, *shadows))}"
    planned, left_out = _Planner(project, outcomes, catalogue, live, shadows).plan(queries.rows)
    if not planned:
        raise ConfigError(_nothing_left(left_out, outcomes), file=inputs.outcomes)
    models = {step.model for plan in planned for step in _steps(plan)}
    return Case(
        inputs=inputs,
        project=project,
        queries=queries,
        outcomes=outcomes,
        catalogue=catalogue,
        live=live,
        shadows=shadows,
        planned=planned,
        left_out=left_out,
        price_rows=tuple(catalogue.price_rows(sorted(models))),
        price_source=source,
    )


class _Planner:
    """Let every policy decide on every query, and walk its decision."""

    def __init__(
        self, project: str, outcomes: Outcomes, catalogue: Catalogue, live: Policy, shadows: Sequence[Policy]
    ) -> None:
        self._hash_id = KeyedHash(project)
        self._outcomes = outcomes
        self._catalogue = catalogue
        self._live = live
        containment = Containment()
        self._guarded = [(shadow, GuardedPolicy(shadow, catalogue, containment)) for shadow in shadows]
        self._memory = Memory(catalogue, shadows)

    def plan(self, queries: Sequence[Record]) -> tuple[tuple[Planned, ...], tuple[LeftOutDocument, ...]]:
        planned: list[Planned] = []
        left_out: Counter[LeftOutDocument] = Counter()
        for query in queries:
            request = query.request(self._hash_id)
            snapshot = self._memory.snapshot(request)
            try:
                live = self._live_walk(request, snapshot)
                served = Served(request, snapshot, live.outcome)
                results = [
                    guarded.ask(request, view.snapshot(served), served.final)
                    for (_, guarded), view in zip(self._guarded, self._memory.views, strict=True)
                ]
                shadows = tuple(
                    self._shadow_walk(shadow, request, result)
                    for (shadow, _), result in zip(self._guarded, results, strict=True)
                )
            except _NotUsableError as reason:
                left_out[reason.left_out] += 1
            else:
                planned.append(Planned(query, snapshot, live, shadows))
                self._memory.note(served, live.decision, results, self._latency_of(request))
        return tuple(planned), tuple(left.model_copy(update={"n": n}) for left, n in left_out.items())

    def _latency_of(self, request: Request) -> Callable[[str], float | None]:
        def latency_s(model: str) -> float | None:
            answer = self._outcomes.answer(request.request_id, model)
            return None if answer is None else answer.latency_s

        return latency_s

    def _live_walk(self, request: Request, snapshot: Snapshot) -> Walk:
        seen = STATELESS if state_mode_of(self._live) == "none" else snapshot
        decision = _decide(self._live, request, seen, self._catalogue)
        if decision is None:
            raise self._not_usable(self._live, "its policy failed")
        return self._walk(self._live, request, decision)

    def _shadow_walk(self, shadow: Policy, request: Request, result: PolicyResult) -> Walk | None:
        decision = result.decision
        return None if isinstance(decision, Failure) else self._walk(shadow, request, decision)

    def _walk(self, policy: Policy, request: Request, decision: Decision) -> Walk:
        try:
            answer_of = partial(self._outcomes.needed, request.request_id)
            return walk(policy, request, decision, answer_of, self._catalogue)
        except MissingOutcomeError as error:
            reason = self._outcomes.why_missing(error.request_id, error.model)
        except UnknownCheckError:
            reason = "its policy checks drafts, and recorded answers do not show the result of such a check"
        raise self._not_usable(policy, reason)

    def _not_usable(self, policy: Policy, reason: str) -> _NotUsableError:
        return _NotUsableError(
            LeftOutDocument(policy=policy.name, role="live" if policy is self._live else "shadow", reason=reason, n=1)
        )


class _NotUsableError(Exception):
    def __init__(self, left_out: LeftOutDocument) -> None:
        self.left_out = left_out
        super().__init__(left_out.reason)


def _decide(policy: Policy, request: Request, snapshot: Snapshot, catalogue: Catalogue) -> Decision | None:
    """The decision as the recorder would store it, None where it would store a failure."""
    try:
        return checked(policy.name, policy.decide(request, snapshot), catalogue)
    except (Exception, SystemExit):  # noqa: BLE001 - a policy may raise anything; the run records what it raised
        return None


def _steps(plan: Planned) -> list[Step]:
    walks = (plan.live, *(walk for walk in plan.shadows if walk is not None))
    return [step for each in walks for step in each.decision.steps]


def _refuse_twins(shadows: Sequence[Policy], files: Sequence[Path]) -> None:
    seen: dict[str, Path] = {}
    for shadow, file in zip(shadows, files, strict=True):
        if shadow.name in seen:
            raise ConfigError(
                f"shadows must have distinct names, got {shadow.name!r} here and in {seen[shadow.name]}; "
                "change `policy:` in one of them",
                file=file,
            )
        seen[shadow.name] = file


def _fingerprint(inputs: Inputs, policies: Sequence[Policy]) -> str:
    """12 hex characters of all inputs of a run: both tables, how they are read, and the policies."""
    digests = []
    for file in (inputs.queries, inputs.outcomes):
        with file.open("rb") as opened:
            digests.append(hashlib.file_digest(opened, "sha256").hexdigest())
    named = [[policy.name, policy.version] for policy in policies]
    return canonical_id([digests, dict(inputs.rename), named], length=12)


def _nothing_left(left_out: Sequence[LeftOutDocument], outcomes: Outcomes) -> str:
    reasons = "; ".join(f"{each.n} without {each.policy}'s ({each.reason})" for each in left_out)
    return (
        f"must hold outcomes of the policies' models for at least one query, got none: {reasons}. "
        f"It has outcomes of {', '.join(outcomes.models)}"
    )
