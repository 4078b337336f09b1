"""Shared cases: exports and bug reports of other people, with the values that are right for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from shadow.domain.outcome import Usage
from shadowroute.collector.moments import read_us
from shadowroute.collector.replay.checked import CheckedLog
from shadowroute.collector.replay.readers.litellm import LiteLLMLog
from shadowroute.collector.replay.readers.otel import OtelLog
from shadowroute.collector.replay.readers.table import TableLog
from shadowroute.collector.replay.record import Log, Record, Skipped
from tests.support.groups import need_case

pytestmark = pytest.mark.data

NOW_US = read_us("2026-12-01T01:00:00Z")
KINDS: dict[str, Callable[[Path], Log]] = {"litellm": LiteLLMLog, "otel": OtelLog}


def read(case: str) -> tuple[list[Record], list[Skipped]]:
    """Twice, because an import reads a log twice and must find the same."""
    log = checked(case)
    first, second = list(log.calls()), list(log.calls())
    assert first == second
    calls = [each for each in first if isinstance(each, Record)]
    assert len({call.request_id for call in calls}) == len(calls)
    return calls, [each for each in first if isinstance(each, Skipped)]


def checked(case: str) -> Log:
    file: Path = need_case(f"import/{case}")
    assert NOW_US is not None
    return CheckedLog(KINDS.get(case.partition("-")[0], TableLog)(file), NOW_US)


def usages(calls: Sequence[Record]) -> list[tuple[int | None, int | None, int, int]]:
    return [
        (call.usage.input_tokens, call.usage.output_tokens, call.usage.cache_read_tokens, call.usage.cache_write_tokens)
        for call in calls
    ]


@pytest.mark.parametrize(
    ("case", "right"),
    [
        ("csv-exclusive-cache", [(17903, 50, 17817, 0), (8000, 50, 3000, 0), (5000, 50, 0, 0)]),
        ("litellm-xai-reasoning", [(10120, 4308, 128, 0)]),
        ("litellm-cache-write-1h", [(20003, 100, 0, 20000)]),
        ("otel-aisdk5-anthropic-exclusive", [(5000, 100, 2000, 0), (7000, 100, 4000, 0)]),
        ("otel-aisdk6-cache", [(10000, 100, 8000, 1000)]),
        ("otel-ollama-colliding-ids", [(101, 10, 0, 0), (102, 10, 0, 0), (103, 10, 0, 0)]),
        ("otel-parent-usage-child-streamed-none", [(120, 30, 0, 0)]),
        ("otel-pydantic-ai-logfire-names", [(130213, 216, 128955, 1253)]),
        ("otel-jsonl-truncated", [(10, 5, 0, 0)]),
        ("e2e-duplicates-no-id", [(1000, 100, 0, 0)] * 11),
        ("e2e-zero", [(1000, 100, 0, 0)] * 5 + [(None, None, 0, 0)] * 5),
        ("litellm-azure-deployment", [(100, 10, 0, 0)]),
        ("litellm-providers-unpriced", [(1000, 100, 0, 0)] * 60),
        ("snapshot-divergence", [(1000, 100, 0, 0)] * 60),
        ("snapshot-folded-price", [(1000, 100, 0, 0)] * 50),
    ],
)
def test_every_call_has_its_tokens(case: str, right: list[tuple[int | None, int | None, int, int]]) -> None:
    """Input with cache reads and writes, output with reasoning; every call once."""
    calls, _ = read(case)
    assert usages(calls) == right


def test_milliseconds_as_text_are_milliseconds() -> None:
    """ISO 8601 would take `1796120121230` for the year 1796."""
    calls, skipped = read("csv-epoch-ms-text")
    assert (len(calls), skipped) == (100, [])
    lines = need_case("import/csv-epoch-ms-text").read_text().splitlines()[1:]
    assert [call.time_us for call in calls] == [int(line.partition(",")[0]) * 1_000 for line in lines]


@pytest.mark.parametrize(
    ("case", "n", "places"),
    [
        ("e2e-future-2099", 50, ["line 52"]),
        ("e2e-surrogate", 9, ["line 8"]),
        ("otel-jsonl-truncated", 1, ["line 2"]),
    ],
)
def test_a_broken_row_costs_itself(case: str, n: int, places: list[str]) -> None:
    """It is skipped and named by its line; the others are calls."""
    calls, skipped = read(case)
    assert (len(calls), [each.place for each in skipped]) == (n, places)


def test_an_export_of_helicone_is_read_as_it_is() -> None:
    """Its names, milliseconds, dollars with a sign, and HTTP statuses."""
    (answered, failed), skipped = read("helicone-csv")
    assert not skipped
    assert (answered.status, answered.cost_usd, answered.duration_s, answered.usage) == (
        "complete",
        0.0038,
        2.345,
        Usage(input_tokens=1200, output_tokens=80),
    )
    assert (failed.status, failed.error_type, failed.usage, failed.user) == ("error", "429", Usage(), "u-1")
