"""A real LiteLLM Router of two generations, wrapped: it behaves as before, and what it did is recorded right."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from shadow.telemetry import keys
from tests.hosts.environments import RELEASES, Release, python_of
from tests.support.groups import ROOT

pytestmark = pytest.mark.litellm
INTERNAL = ("silent", "classifier")


class Told:
    """What one process printed."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.played: dict[str, dict[str, Any]] = told["played"]
        self.rows: list[dict[str, Any]] = told["rows"]
        self.shadows: list[str] = told["shadows"]
        self.contained: dict[str, int] = told["contained"]

    def row(self, name: str) -> dict[str, Any]:
        """The only row of a scenario."""
        (row,) = (row for row in self.rows if row[keys.REQUEST_ID] == name)
        return row


def play(release: Release) -> Told:
    """Every scenario of `litellm_router.py`, in one process of that release."""
    done = subprocess.run(
        [python_of(release), "-m", "tests.hosts.litellm_router"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SHADOW_ID_KEY": "s3cret"},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("JSON")]
    assert lines, done.stderr[-3000:]
    return Told(json.loads(lines[0][4:]))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_a_wrapped_router_behaves_as_before_and_is_recorded_as_it_was(release: Release) -> None:
    """The caller and the provider see what a plain Router shows them, and every routed call has one right row."""
    told = play(release)
    nothing_changed(told)
    shadows_failed_alone(told)
    every_call_is_recorded_once(told)
    answers_are_recorded(told)
    failures_are_recorded(told)
    contamination_is_recorded(told)
    streams_are_recorded(told)


def nothing_changed(told: Told) -> None:
    """Answers, exceptions, streams and upstream requests, with and without shadows that raise, hang and mutate."""
    for name, one in told.played.items():
        assert one["got"] == one["expected"], name


def shadows_failed_alone(told: Told) -> None:
    """Each shadow's failure is its own row, and nothing of ours failed."""
    assert told.shadows == ["hanging:timeout", "mutating:AttributeError", "raising:RuntimeError"]
    assert told.contained == {}


def every_call_is_recorded_once(told: Told) -> None:
    """One row per call of the caller, none for calls that LiteLLM makes for itself; one version without a key."""
    expected = [name for name in told.played if not name.startswith(INTERNAL)]
    assert sorted(row[keys.REQUEST_ID] for row in told.rows) == sorted(expected)
    (version,) = {row[keys.POLICY_VERSION] for row in told.rows}
    assert len(version) == 12
    assert {row[keys.TASK] for row in told.rows} == {"extract"}
    assert {row[keys.LABELS] for row in told.rows} == {'{"team":"a"}'}
    assert all(row[keys.SESSION_KEY] for row in told.rows)
    assert "sk-secret" not in json.dumps(told.rows)


def answers_are_recorded(told: Told) -> None:
    """The picked model, the model that answered, tokens with the cached ones, and what LiteLLM says it cost."""
    for way in ("sync", "async"):
        row = told.row(f"ok {way}")
        assert (row[keys.DECISION_MODEL], row[keys.RESPONSE_MODEL], row[keys.PROVIDER_NAME]) == (
            "gpt-5", "gpt-5", "openai",
        )  # fmt: skip
        assert row[keys.USAGE_INPUT_TOKENS] == 10
        assert row[keys.USAGE_CACHE_READ_TOKENS] == 4
        assert row[keys.USAGE_OUTPUT_TOKENS] == 5
        assert row[keys.OUTCOME_COST_USD] > 0
        assert row[keys.OUTCOME_STATUS] == "complete"
        assert row[keys.DECISION_REASON] == "simple-shuffle"
        assert json.loads(row[keys.DECISION_CANDIDATES])[0]["model"] == "gpt-5"
        assert keys.OUTCOME_CONTAMINATION not in row
        azure = told.row(f"alias {way}")
        assert (azure[keys.DECISION_MODEL], azure[keys.RESPONSE_MODEL]) == ("gpt-5", "gpt-5")


def failures_are_recorded(told: Told) -> None:
    """Retries and fallbacks are attempts in order; what the caller gets as an exception is an error."""
    for name in ("retry sync", "retry async", "fallback sync", "fallback async", "sync inside a loop sync in loop"):
        row = told.row(name)
        first, second = json.loads(row[keys.ATTEMPTS])
        kind, model = ("retry", "gpt-5") if name.startswith("retry") else ("fallback", "gpt-4.1")
        assert (first["kind"], first["model"], first["error_type"]) == ("primary", "gpt-5", "InternalServerError"), name
        assert (second["kind"], second["model"], second["error_type"]) == (kind, model, ""), name
        assert (row[keys.DECISION_MODEL], row[keys.RESPONSE_MODEL]) == ("gpt-5", model), name
        assert row.get(keys.OUTCOME_CONTAMINATION) == (None if kind == "retry" else "fallback"), name
        assert row[keys.OUTCOME_COST_USD] > 0, name
    for way in ("sync", "async"):
        failed = told.row(f"fails {way}")
        assert (failed[keys.OUTCOME_STATUS], failed[keys.ERROR_TYPE]) == ("error", "BadRequestError")
        assert failed[keys.DECISION_MODEL] == "gpt-4.1"
        absent = told.row(f"no group {way}")
        assert absent[keys.OUTCOME_STATUS] == "error"
        assert keys.DECISION_MODEL not in absent  # nothing was picked


def contamination_is_recorded(told: Told) -> None:
    """An answer of LiteLLM's cache is no evidence about the model, and a pinned model is no decision of the Router."""
    for way in ("sync", "async"):
        assert keys.OUTCOME_CONTAMINATION not in told.row(f"cached first {way}")
        hit = told.row(f"cached again {way}")
        assert hit[keys.OUTCOME_CONTAMINATION] == "cache_hit"
        assert hit[keys.OUTCOME_COST_USD] == 0.0
        assert told.row(f"pinned {way}")[keys.OUTCOME_CONTAMINATION] == "pinned"


def streams_are_recorded(told: Told) -> None:
    """One row when a stream ended as its caller saw it: whole, left or broken."""
    for way in ("sync", "async"):
        whole = told.row(f"stream {way}")
        assert (whole[keys.OUTCOME_STATUS], whole[keys.RESPONSE_MODEL]) == ("complete", "gpt-5")
        assert whole[keys.USAGE_INPUT_TOKENS] == 10
        assert whole[keys.USAGE_CACHE_READ_TOKENS] == 4
        assert 0 < whole[keys.TIME_TO_FIRST_CHUNK] <= whole[keys.OUTCOME_DURATION_S]
        uncounted = told.row(f"stream without usage {way}")
        assert uncounted[keys.USAGE_INPUT_TOKENS] > 0  # LiteLLM's own count
        for row in (whole, uncounted):  # threads of LiteLLM that log chunks may erase what its last one computes
            cost_usd = row.get(keys.OUTCOME_COST_USD)
            assert (way == "sync" and cost_usd is None) or (cost_usd or 0) > 0
        left = told.row(f"stream left {way}")
        assert (left[keys.OUTCOME_STATUS], left[keys.RESPONSE_MODEL]) == ("partial", "gpt-5")
        assert keys.USAGE_INPUT_TOKENS not in left  # nobody counted them
        broken = told.row(f"stream broken {way}")
        raised = isinstance(
            told.played[f"stream broken {way}"]["got"]["got"], list
        )  # the older release takes a reset for an end in `async for`
        assert broken[keys.OUTCOME_STATUS] == ("partial" if raised else "complete")
        assert keys.ATTEMPTS not in broken
