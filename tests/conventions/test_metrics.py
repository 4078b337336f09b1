"""The names of metrics are documented: dashboards and alarms of others are built on them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from shadow.gateway import metrics as gateway
from shadow.gateway.metrics import GatewayMetrics
from shadow.recording.stats import RecorderStats
from shadowroute.collector.doors.metrics import GAUGES, Exposition, Metrics
from tests.support.groups import ROOT

COUNTED: Final = RecorderStats(
    attempts={"primary": 2},
    failed_attempts={"503": 1},
    shadow_failures={"bold": {"timeout": 1}},
    switched_off={"bold": "overruns"},
    contained={"reload": 1},
)
SUFFIXES: Final = re.compile("_(bucket|sum|count)$")


def labels_of(text: bytes, prefix: str) -> dict[str, set[str]]:
    """Labels by metric, as a scraper reads them, without what a histogram adds to its name."""
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            name = SUFFIXES.sub("", sample.name) if family.type == "histogram" else sample.name
            assert name.startswith(prefix)
            found.setdefault(name.removeprefix(prefix), set()).update(sample.labels)
    return found


def documented(page: str, heading: str) -> Iterable[list[str]]:
    """The rows of the first table after a text."""
    text = (ROOT / "docs" / page).read_text()
    table = text[text.index(heading) :].split("|---", 1)[1].split("\n\n")[0]
    return [row.strip("|").split("|") for row in table.splitlines()[1:]]


def names_in(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


def gateway_metrics() -> GatewayMetrics:
    made = GatewayMetrics(lambda: COUNTED)
    made.request(model="small", status=503, code="overloaded", seconds=0.1)
    return made


def test_the_gateways_metrics_are_those_of_its_page() -> None:
    """Names and labels. A row of several metrics names their labels together."""
    found = labels_of(gateway_metrics().text(), gateway.PREFIX)
    rows = [(names_in(name), set(names_in(labels))) for name, labels, _ in documented("gateway.md", "## Metrics")]
    assert sorted(found) == sorted(name for names, _ in rows for name in names)
    for names, labels in rows:
        assert set().union(*(found[name] for name in names)) == labels


def test_the_receivers_metrics_are_those_of_the_operations_page() -> None:
    """Counters of `/-/status`, and gauges of the writer."""
    exposition = Exposition(Metrics().snapshot()["counts"], dict.fromkeys(GAUGES, 1.0))
    found = labels_of(exposition.text(), "shadowroute_receiver_")
    rows = documented("operations.md", "`/metrics` counts")
    assert sorted(found) == sorted(name for row in rows for name in names_in(row[0]))
    assert set().union(*found.values()) == set()


def test_each_gateway_has_counts_of_its_own() -> None:
    """Nothing is kept for the process: a second one, in a test or beside the first, begins at 0."""
    gateway_metrics()
    text = gateway_metrics().text().decode()
    assert 'shadowroute_gateway_requests_total{model="small",status="503"} 1.0' in text
    assert [family.name for family in REGISTRY.collect() if "shadowroute" in family.name] == []
