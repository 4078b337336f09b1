"""Counts for `GET /metrics`, in Prometheus' text format.

Labels have few values: models of the catalogue, statuses, codes, policies. Never an id, never a key. Nothing goes into
the global registry of the client library: each gateway of a process has its own counts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Any, Final

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from shadow.gateway.asgi import Header
from shadow.recording.stats import RecorderStats

PREFIX: Final = "shadowroute_gateway_"
CONTENT_TYPE: Final[Header] = (b"content-type", CONTENT_TYPE_PLAIN_0_0_4.encode())
BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
KINDS: Final = ("primary", "retry", "fallback", "escalation")
LABEL_CHARACTERS: Final = 200


class GatewayMetrics:
    """The gateway's own counts and those of its recorder. Used from the event loop only.

    Args:
        recorded: gives the counts of the router.
    """

    def __init__(self, recorded: Callable[[], RecorderStats]) -> None:
        self.in_progress = 0
        self._recorded = recorded
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

    def text(self) -> bytes:
        """All metrics, in the text format."""
        return generate_latest(self)

    def collect(self) -> Iterator[Metric]:
        """All metrics, for the client library."""
        yield _counter(
            "requests",
            "Chat completions by the model that answered and HTTP status; 499: the client left.",
            [(*labels, count) for labels, count in self._requests.items()],
            "model",
            "status",
        )
        errors = [(*labels, count) for labels, count in self._errors.items()]
        yield _counter("errors", "Chat completions that failed, by HTTP status and code.", errors, "status", "code")
        bounds = (*(f"{bound:g}" for bound in BOUNDS_S), "+Inf")
        yield HistogramMetricFamily(
            PREFIX + "request_seconds",
            "Seconds from the head of a request to the end of its answer.",
            buckets=list(zip(bounds, accumulate(self._buckets), strict=True)),
            sum_value=self._seconds,
        )
        yield _gauge("requests_in_progress", "Chat completions that are being answered.", self.in_progress)
        yield _counter("signals", "Accepted signals.", [(self._signals,)])
        yield from _of_recorder(self._recorded())


def _of_recorder(stats: RecorderStats) -> Iterator[Metric]:
    yield _counter(
        "attempts",
        "Dispatches to providers by kind: primary, retry, fallback, escalation.",
        [(kind, stats.attempts.get(kind, 0)) for kind in KINDS],
        "kind",
    )
    failed = stats.failed_attempts.items()
    yield _counter("failed_attempts", "Dispatches that failed, by error type.", failed, "error_type")
    yield _counter("recorded", "Requests whose spans were built.", [(stats.requests,)])
    yield _counter("shadows_evaluated", "Shadow decisions, failures included.", [(stats.shadows_evaluated,)])
    yield _counter(
        "shadow_failures",
        "Shadow decisions that failed, by policy and error type.",
        [(policy, kind, count) for policy, kinds in stats.shadow_failures.items() for kind, count in kinds.items()],
        "policy",
        "error_type",
    )
    switched_off = GaugeMetricFamily(
        PREFIX + "shadow_switched_off", "1 for a shadow policy that is switched off.", labels=("policy",)
    )
    for policy in stats.switched_off:
        switched_off.add_metric((_cut(policy),), 1)
    yield switched_off
    yield _counter("shadows_shed", "Requests whose shadows were left out.", [(stats.shed,)])
    yield _counter("spans_exported", "Spans that the collector confirmed.", [(stats.exported,)])
    yield _counter("records_dropped", "Lost requests and spans.", [(stats.dropped,)])
    yield _counter("contained", "Contained errors, by place.", stats.contained.items(), "place")
    yield _gauge("record_queue", "Requests and spans in the queues for shadows and the collector.", stats.backlog)


def _counter(name: str, text: str, rows: Iterable[tuple[Any, ...]], *labels: str) -> Metric:
    """A counter, whose samples end in `_total`: the values of its labels, then the count."""
    family = CounterMetricFamily(PREFIX + name, text, labels=labels)
    for *values, count in rows:
        family.add_metric([_cut(value) for value in values], count)
    return family


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, text, value=value)


def _cut(value: object) -> str:
    return str(value)[:LABEL_CHARACTERS]
