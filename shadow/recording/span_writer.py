"""Asks the shadows about closed requests, and turns requests, signals and late outcomes into spans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from shadow.domain.features import with_complexity
from shadow.domain.outcome import Outcome
from shadow.domain.policy import Decision, Failure
from shadow.domain.signals import Signal
from shadow.errors import PolicyError
from shadow.policies.guarded import PolicyResult, named
from shadow.recording.backlog import Entry, LateOutcome, Pending
from shadow.runtime.containment import Containment
from shadow.runtime.frozen import copied
from shadow.runtime.lock_yielding import LockYielder
from shadow.telemetry.export.sink import SpanSink
from shadow.telemetry.span import Span
from shadow.telemetry.spans import Record

if TYPE_CHECKING:
    from shadow.prices.catalogue import Catalogue
    from shadow.recording.content import Content
    from shadow.recording.routing_version import RoutingVersion
    from shadow.recording.stats import ReloadCounts
    from shadow.state.router_state import State


class SpanWriter:
    """Used by the recorder's thread only.

    Args:
        sink: takes the spans.
        routing_version: for new requests.
        containment: counts internal errors.
        reloads: has the error of a refused reload, for the spans.
        content: attributes of prompts and answers.

    Attributes:
        routing_version: as above; a reload sets it.
        requests: closed requests whose spans were built.
        shed: those of them whose shadows were left out.
        lost: requests without spans because of an internal error.
        attempts: dispatches of closed requests, by kind.
        failed_attempts: those of them that failed, by `error_type`.
    """

    def __init__(
        self,
        *,
        sink: SpanSink,
        routing_version: RoutingVersion,
        containment: Containment,
        reloads: ReloadCounts,
        content: Content,
        state: State | None = None,
    ) -> None:
        self._sink = sink
        self._reloads = reloads
        self._content = content
        self._containment = containment
        self.routing_version = routing_version
        self._state = state
        self.after_fork()

    def after_fork(self) -> None:
        """A forked child counts from zero."""
        self.requests = self.shed = self.lost = 0
        self.attempts: Counter[str] = Counter()
        self.failed_attempts: Counter[str] = Counter()

    def work_off(self, entries: Sequence[Entry]) -> None:
        """Shadows and spans of a few entries. Never raises, except with `on_error="raise"`."""
        for routing_version, requests in _by_version(entries).items():
            with self._containment.guard("recorder"):
                self._write_requests(routing_version, requests)
        for entry in entries:
            if not isinstance(entry, Pending):
                with self._containment.guard("recorder"):
                    if isinstance(entry, LateOutcome) and entry.pending is not None:
                        self._learn_late(entry.pending, entry.outcome)
                    self._sink.submit([self._fact(entry)])

    def _write_requests(self, routing_version: RoutingVersion, requests: Sequence[Pending]) -> None:
        yielder = LockYielder()
        written = 0
        try:
            for pending in requests:
                yielder.pause()
                if pending.lacks_complexity:
                    pending.request = with_complexity(pending.request)
                _use_catalogue_names(pending, routing_version.routing.catalogue)
                self._count_attempts(pending.final)
                if self._state is not None:
                    self._state.observe(pending.request, pending.decision, pending.final)
            contents = self._content.of(requests, self._sink.stats.queued)
            judged = routing_version.runner.evaluate(requests)
            for pending, results, content in zip(requests, judged, contents, strict=True):
                yielder.pause()
                with self._containment.guard("spans"):
                    # All spans of a request in one call: the sink takes all or none, and counts what it refuses.
                    self._sink.submit(
                        routing_version.spans.of_request(_record(pending, results, self._reloads.error, content))
                    )
                    written += 1
                    self.shed += pending.shed
        finally:
            # After the batch, because a flush in another thread compares the losses before and after.
            self.requests += written
            self.lost += len(requests) - written

    def _learn_late(self, pending: Pending, outcome: Outcome) -> None:
        """Learn from a call that outlasted the time-out."""
        self._count_attempts(outcome)
        if self._state is not None:
            self._state.observe(pending.request, pending.decision, outcome)

    def _count_attempts(self, outcome: Outcome) -> None:
        for attempt in outcome.attempts:
            self.attempts[attempt.kind] += 1
            if attempt.error_type:
                self.failed_attempts[attempt.error_type] += 1

    def _fact(self, entry: Signal | LateOutcome) -> Span:
        """Signals and late outcomes have no version: they may belong to a request of another process."""
        if isinstance(entry, Signal):
            return self.routing_version.spans.of_signal(entry)
        outcome, pending = entry.outcome, entry.pending
        if pending is not None:
            outcome = _with_catalogue_name(pending.decision, outcome, pending.routing_version.routing.catalogue)
        return self.routing_version.spans.of_late_outcome(entry.request_id, outcome, entry.time_ns)


def _by_version(entries: Sequence[Entry]) -> dict[RoutingVersion, list[Pending]]:
    groups: dict[RoutingVersion, list[Pending]] = {}
    for entry in entries:
        if isinstance(entry, Pending):
            groups.setdefault(entry.routing_version, []).append(entry)
    return groups


def _use_catalogue_names(pending: Pending, catalogue: Catalogue) -> None:
    """Replace aliases and dated ids, so that equal models have equal names on both sides."""
    if isinstance(pending.decision, Decision):
        with suppress(PolicyError):  # a host may serve a model that is not in the catalogue
            pending.decision = named(pending.decision.policy, pending.decision, catalogue)
    pending.final = _with_catalogue_name(pending.decision, pending.final, catalogue)


def _with_catalogue_name(decision: Decision | Failure, outcome: Outcome, catalogue: Catalogue) -> Outcome:
    """The outcome with the catalogue's name of its model, marked if that is not the decided one."""
    planned = decision.model if isinstance(decision, Decision) else ""
    model = outcome.model and catalogue.canonical(outcome.model, planned)
    if model != outcome.model:
        outcome = copied(outcome, model=model, reported_model=outcome.reported_model or outcome.model)
    return contaminated(decision, outcome, catalogue) if isinstance(decision, Decision) else outcome


def contaminated(decision: Decision, outcome: Outcome, catalogue: Catalogue) -> Outcome:
    """The outcome, marked if another model than the decided one answered and the host gave no contamination.

    A name outside the catalogue stays unmarked: it may be a deployment of the same model.
    """
    if outcome.contamination or not outcome.model or outcome.model not in catalogue:
        return outcome
    if outcome.model == decision.steps[0].model:
        return outcome
    kinds = {step.kind for step in decision.steps if step.model == outcome.model}
    if kinds - {"fallback"}:
        return outcome
    return copied(outcome, contamination=("fallback",) if kinds else ("rewritten",))


def _record(pending: Pending, results: Sequence[PolicyResult], reload_error: str, content: Mapping[str, str]) -> Record:
    return Record(
        request=pending.request,
        decision=pending.decision,
        outcome=pending.final,
        results=results,
        decide_s=pending.decide_s,
        parent=pending.parent,
        reload_error=reload_error,
        content=content,
    )
