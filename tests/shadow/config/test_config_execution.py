"""`execution:` of a shadow.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadow.config import load_routing
from shadow.errors import ConfigError
from shadow.execution import ExecutionSettings, RetrySettings, TierBudget
from tests.support.routing_folder import write_folder

BARE = "live: {name: x}\nshadows: []\n"


def test_every_key_reaches_the_settings(tmp_path: Path) -> None:
    """A tier without an entry has that of `default`, and without one no budget."""
    text = """
execution:
  deadline_s: 30
  timeout_s: 20
  first_chunk_s: 5
  max_attempts: 4
  retry: {times: 1, budget: 0.2, backoff_s: 1, patience_s: 0}
  long_context: gpt-5
  content_policy: llama-70b
  tiers: {free: {latency_s: 2, cost_usd: 0.01, over_cost: truncate}, default: {latency_s: 9}}
"""
    settings = load_routing(write_folder(tmp_path, shadow=BARE + text) / "shadow.yaml").execution
    assert settings == ExecutionSettings(
        deadline_s=30,
        timeout_s=20,
        first_chunk_s=5,
        max_attempts=4,
        retry=RetrySettings(times=1, budget=0.2, backoff_s=1, patience_s=0),
        long_context="gpt-5",
        content_policy="llama-70b",
        tiers={
            "free": TierBudget(latency_s=2, cost_usd=0.01, over_cost="truncate"),
            "default": TierBudget(latency_s=9),
        },
    )
    assert (settings.limits_cost, ExecutionSettings().limits_cost) == (True, False)
    assert (settings.budget_of("free").latency_s, settings.budget_of("paid").latency_s) == (2, 9)
    assert ExecutionSettings().budget_of("free") == TierBudget()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{long_context: gpt-6}", r'shadow.yaml:3: no model "gpt-6" in models.yaml; nearest: gpt-5'),
        ("{retry: {budget: 0.5}}", r"shadow.yaml:3: .*0.2.*0.5"),
        ("{deadline_s: 0}", r"shadow.yaml:3: .*0"),
        ("{tries: 3}", r"shadow.yaml:3: .*tries"),
    ],
)
def test_mistakes_name_their_line(tmp_path: Path, line: str, message: str) -> None:
    """A model that stands in must be known, and a retry budget that makes outages worse is refused."""
    folder = write_folder(tmp_path, shadow=f"{BARE}execution: {line}\n")
    with pytest.raises(ConfigError, match=message):
        load_routing(folder / "shadow.yaml")


@pytest.mark.parametrize("wrong", [{"budget": 0.3}, {"times": -1}, {"backoff_s": 61.0}, {"patience_s": -1.0}])
def test_settings_made_in_code_keep_the_same_rules(wrong: dict[str, float]) -> None:
    """The file is not the only way in."""
    with pytest.raises(ConfigError, match=r"execution\.retry"):
        RetrySettings(**wrong)  # type: ignore[arg-type]
