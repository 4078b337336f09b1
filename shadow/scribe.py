"""Writes down what happened: asks the shadows about closed requests, and turns everything into spans for the sink."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from shadow.backlog import Entry, LateOutcome, Pending
from shadow.contained import Containment
from shadow.courtesy import Courtesy
from shadow.errors import PolicyError
from shadow.export.sink import SpanSink
from shadow.judge import Judgement, named
from shadow.outcome import Outcome
from shadow.policy import Decision
from shadow.runner import ShadowRunner
from shadow.signals import Signal
from shadow.spans import Record, SpanBuilder

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from shadow.catalogue import Catalogue


class Scribe:
    """Used by the recorder's thread only.

    Attributes:
        requests: closed requests whose spans were built.
        shed: those of them whose shadows were not asked.
        lost: requests that an error of ours cost their spans.
    """

    def __init__(
        self,
        *,
        runner: ShadowRunner,
        spans: SpanBuilder,
        sink: SpanSink,
        catalogue: Catalogue,
        containment: Containment,
    ) -> None:
        self._runner = runner
        self._spans = spans
        self._sink = sink
        self._catalogue = catalogue
        self._containment = containment
        self.after_fork()

    def after_fork(self) -> None:
        """A forked child counts from zero."""
        self.requests = self.shed = self.lost = 0

    def work_off(self, entries: Sequence[Entry]) -> None:
        """Shadows and spans of a few entries. Never raises, unless a test asked for it."""
        requests = [entry for entry in entries if isinstance(entry, Pending)]
        with self._containment.guard("recorder"):
            self._write_requests(requests)
        for entry in entries:
            if not isinstance(entry, Pending):
                with self._containment.guard("recorder"):
                    self._sink.submit([self._fact(entry)])

    def _write_requests(self, requests: Sequence[Pending]) -> None:
        courtesy = Courtesy()
        written = 0
        try:
            for pending in requests:
                self._use_catalogue_names(pending)
            for pending, judgements in zip(requests, self._runner.evaluate(requests), strict=True):
                courtesy.pause()
                with self._containment.guard("spans"):
                    # All spans of a request in one call: the sink takes all or none, and counts what it refuses.
                    self._sink.submit(self._spans.of_request(_record(pending, judgements)))
                    written += 1
                    self.shed += pending.shed
        finally:
            # Counted once the batch is done: a flush in another thread compares the losses before and after.
            self.requests += written
            self.lost += len(requests) - written

    def _use_catalogue_names(self, pending: Pending) -> None:
        """Replace aliases and dated ids, so that equal models have equal names on both sides."""
        planned = ""
        if isinstance(pending.decision, Decision):
            with suppress(PolicyError):  # a live model that the catalogue does not know was served all the same
                pending.decision = named(pending.decision.policy, pending.decision, self._catalogue)
            planned = pending.decision.model
        outcome = pending.final
        if outcome.model:
            pending.final = replace(outcome, model=self._catalogue.canonical(outcome.model, planned))
        if isinstance(pending.decision, Decision):
            pending.final = contaminated(pending.decision, pending.final, self._catalogue)

    def _fact(self, entry: Signal | LateOutcome) -> ReadableSpan:
        if isinstance(entry, Signal):
            return self._spans.of_signal(entry)
        return self._spans.of_late_outcome(entry.request_id, entry.outcome, entry.time_ns)


def contaminated(decision: Decision, outcome: Outcome, catalogue: Catalogue) -> Outcome:
    """The outcome, marked if another model answered than the decision asked for and nobody said why.

    A name that the catalogue does not know is no proof of that: it may be a deployment of the same model. It stays
    unmarked, and the cost says that it has no price for it.
    """
    if outcome.contamination or not outcome.model or outcome.model not in catalogue:
        return outcome
    kinds = {step.kind for step in decision.steps if step.model == outcome.model}
    if kinds - {"fallback"}:
        return outcome
    return replace(outcome, contamination=("fallback",) if kinds else ("rewritten",))


def _record(pending: Pending, judgements: Sequence[Judgement]) -> Record:
    return Record(
        request=pending.request,
        decision=pending.decision,
        outcome=pending.final,
        judgements=judgements,
        decide_s=pending.decide_s,
        parent=pending.parent,
    )
