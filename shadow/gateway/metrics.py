"""Counts for `GET /metrics`, in Prometheus' text format: https://prometheus.io/docs/instrumenting/exposition_formats/.

Labels have few values: models of the catalogue, statuses, codes, policies. Never an id, never a key.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from shadow.recording.stats import RecorderStats

PREFIX: Final = "shadowroute_gateway_"
BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class GatewayMetrics:
    """The gateway's own counts. Used from the event loop only."""

    def __init__(self) -> None:
        self.in_progress = 0
        self._requests: Counter[tuple[str, int]] = Counter()
        self._errors: Counter[tuple[int, str]] = Counter()
        self._buckets = [0] * (len(BOUNDS_S) + 1)
        self._seconds = 0.0
        self._signals = 0

    def request(self, *, model: str, status: int, code: str, seconds: float) -> None:
        """Count one chat completion after its end.

        Args:
            model: that answered, by its catalogue name; empty if none did.
            status: HTTP status; 499 if the client left.
            code: of the error; empty if there was none.
            seconds: from the head of the request to the last byte of the answer.
        """
        self._requests[model or "none", status] += 1
        if code:
            self._errors[status, code] += 1
        self._buckets[bisect_left(BOUNDS_S, seconds)] += 1
        self._seconds += seconds

    def signal(self) -> None:
        """Count one accepted signal."""
        self._signals += 1

    def text(self, stats: RecorderStats) -> str:
        """All metrics, with the recorder's counts."""
        return "\n".join([*self._own_lines(), *_recorder_lines(stats)]) + "\n"

    def _own_lines(self) -> Iterator[str]:
        yield from _counter(
            "requests_total",
            "Chat completions by the model that answered and HTTP status; 499: the client left.",
            ((f'model="{_escaped(model)}",status="{status}"', n) for (model, status), n in self._requests.items()),
        )
        yield from _counter(
            "errors_total",
            "Chat completions that failed, by HTTP status and code.",
            ((f'status="{status}",code="{_escaped(code)}"', n) for (status, code), n in self._errors.items()),
        )
        yield from _head("request_seconds", "histogram", "Seconds from the head of a request to the end of its answer.")
        total = 0
        for bound, count in zip((*BOUNDS_S, None), self._buckets, strict=True):
            total += count
            yield f'{PREFIX}request_seconds_bucket{{le="{"+Inf" if bound is None else f"{bound:g}"}"}} {total}'
        yield f"{PREFIX}request_seconds_sum {self._seconds:.6f}"
        yield f"{PREFIX}request_seconds_count {total}"
        yield from _gauge("requests_in_progress", "Chat completions that are being answered.", self.in_progress)
        yield from _counter("signals_total", "Accepted signals.", [("", self._signals)])


def _recorder_lines(stats: RecorderStats) -> Iterator[str]:
    attempts: dict[str, int] = defaultdict(int, stats.attempts)
    yield from _counter(
        "attempts_total",
        "Dispatches to providers by kind: primary, retry, fallback, escalation.",
        _by("kind", {kind: attempts[kind] for kind in ("primary", "retry", "fallback", "escalation")}),
    )
    yield from _counter(
        "failed_attempts_total", "Dispatches that failed, by error type.", _by("error_type", stats.failed_attempts)
    )
    yield from _counter("recorded_total", "Requests whose spans were built.", [("", stats.requests)])
    yield from _counter(
        "shadows_evaluated_total", "Shadow decisions, failures included.", [("", stats.shadows_evaluated)]
    )
    yield from _counter(
        "shadow_failures_total",
        "Shadow decisions that failed, by policy and error type.",
        (
            (f'policy="{_escaped(policy)}",error_type="{_escaped(kind)}"', count)
            for policy, kinds in stats.shadow_failures.items()
            for kind, count in kinds.items()
        ),
    )
    yield from _head("shadow_switched_off", "gauge", "1 for a shadow policy that is switched off.")
    yield from (f'{PREFIX}shadow_switched_off{{policy="{_escaped(name)}"}} 1' for name in stats.switched_off)
    yield from _counter("shadows_shed_total", "Requests whose shadows were left out.", [("", stats.shed)])
    yield from _counter("spans_exported_total", "Spans that the collector confirmed.", [("", stats.exported)])
    yield from _counter("records_dropped_total", "Lost requests and spans.", [("", stats.dropped)])
    yield from _counter("contained_total", "Contained errors, by place.", _by("place", stats.contained))
    yield from _gauge("record_queue", "Requests and spans in the queues for shadows and the collector.", stats.backlog)


def _by(label: str, counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(f'{label}="{_escaped(value)}"', count) for value, count in counts.items()]


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {PREFIX}{name} {text}"
    yield f"# TYPE {PREFIX}{name} {kind}"


def _counter(name: str, text: str, samples: Iterable[tuple[str, int]]) -> Iterator[str]:
    yield from _head(name, "counter", text)
    for labels, count in samples:
        yield f"{PREFIX}{name}{{{labels}}} {count}" if labels else f"{PREFIX}{name} {count}"


def _gauge(name: str, text: str, value: float) -> Iterator[str]:
    yield from _head(name, "gauge", text)
    yield f"{PREFIX}{name} {value:g}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")[:200]
