"""Names as they were sent, what they mean, and what the sums make of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from shadow.config import LiveSpec
from shadow.domain.outcome import Usage
from shadow.prices.catalogue import Catalogue, Model
from shadowroute.collector.model_names import declare, learn, named_models
from shadowroute.collector.replay.job import Wanted, run
from shadowroute.collector.replay.record import Read, Record
from shadowroute.collector.rollup import Rollup
from shadowroute.collector.store import Store

NOON_US = 1_763_640_000_000_000
EVER = "1970-01-01 00:00:00"
SAME = "policy: same\nwhy: test\nchoose:\n  rules:\n    - {otherwise: gpt-5}\n"
LISTED = "models:\n  gpt-5: {provider: openai, tier: large}\n  gpt-5-mini: {provider: openai, tier: small}\n"


class Calls:
    """A log of one call a name, an hour apart."""

    name = "calls"
    notes: Sequence[str] = ()

    def __init__(self, *names: tuple[str, str]) -> None:
        self._names = names

    def calls(self) -> Iterator[Read]:
        for place, (model, provider) in enumerate(self._names):
            yield Record(
                request_id=f"r{place}",
                time_us=NOON_US + place * 1_000_000,
                model=model,
                provider=provider,
                user=f"u{place}",
                usage=Usage(input_tokens=1000, output_tokens=100),
            )


def bring(store: Store, folder: Path, *names: tuple[str, str], models: str = LISTED) -> None:
    """Import calls beside a shadow that always says gpt-5."""
    (folder / "models.yaml").write_text(models)
    (folder / "same.yaml").write_text(SAME)
    run(Calls(*names), Wanted(live=LiveSpec(name="live"), shadows=(folder / "same.yaml",), project="p"), store)


def spent(store: Store) -> dict[str, float]:
    """Dollars of live by price key, at the project's book; a key without a price has none."""
    found = store.reader().query(
        "SELECT c.model, sum(uncached_tokens * input_usd_per_mtok + output_tokens * output_usd_per_mtok) / 1e6"
        " FROM (SELECT model, uncached_tokens, output_tokens FROM cost_daily"
        "   WHERE project = 'p' AND side = 'live' AND segment_key = 'all') AS c"
        " INNER JOIN (SELECT DISTINCT model, input_usd_per_mtok, output_usd_per_mtok FROM price_books FINAL"
        "   WHERE context_band = 0 AND effective_from <= '2025-11-20'"
        "   ORDER BY effective_from DESC LIMIT 1 BY model) AS b"
        " ON b.model = c.model GROUP BY c.model ORDER BY c.model"
    )
    return {str(model): float(usd) for model, usd in found.result_rows}


def test_three_names_of_one_model_do_not_differ(store: Store, tmp_path: Path) -> None:
    """Not by model and not by tier; each costs what gpt-5 costs."""
    bring(store, tmp_path, *[("gpt-5", ""), ("gpt-5-2025-08-07", ""), ("openai/gpt-5", "")] * 3)
    ((n, by_model, by_tier),) = (
        store.reader()
        .query(
            "SELECT sum(n), sum(w_div_model), sum(w_div_tier) FROM pair_daily"
            " WHERE role = 'shadow' AND segment_key = 'all'"
        )
        .result_rows
    )
    assert (n, by_model, by_tier) == (9, 0, 0)
    assert spent(store) == pytest.approx({"gpt-5": 9 * (1000 * 1.25 + 100 * 10) / 1e6})


@pytest.mark.parametrize("listed", [LISTED, LISTED.replace("gpt-5:", "gpt-4o:", 1) + "  gpt-5: {provider: openai}\n"])
def test_a_snapshot_costs_what_the_registry_asks_for_it(store: Store, tmp_path: Path, listed: str) -> None:
    """One model for comparisons, and the price of the snapshot, also where models.yaml lists the family only."""
    bring(store, tmp_path, *[("gpt-4o-2024-05-13", "openai")] * 5, models=listed)
    assert spent(store) == pytest.approx({"gpt-4o-2024-05-13": 5 * (1000 * 5 + 100 * 15) / 1e6})
    ((family, key),) = (
        store.reader()
        .query("SELECT DISTINCT live_model, served_key FROM named_decisions WHERE role = 'shadow'")
        .result_rows
    )
    assert (family, key) == ("gpt-4o", "gpt-4o-2024-05-13")


def test_the_provider_of_the_log_decides_the_price(store: Store, tmp_path: Path) -> None:
    """One model at several providers has several prices; where its provider has none, none is taken from another."""
    bring(
        store,
        tmp_path,
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock"),
        ("llama-3.3-70b-versatile", "groq"),
        ("openai/gpt-oss-120b", "groq"),
        ("meta-llama/Llama-3.3-70B-Instruct-Turbo", "together_ai"),
        ("anthropic/claude-sonnet-4.5", "openrouter"),
        ("gpt-5", "groq"),
    )
    per_mtok = {key: usd * 1e6 for key, usd in spent(store).items()}
    assert per_mtok == pytest.approx(
        {
            "aws/regional.anthropic.claude-sonnet-4-5-20250929-v1:0": 1000 * 3.3 + 100 * 16.5,
            "groq/llama-3.3-70b-versatile": 1000 * 0.59 + 100 * 0.79,
            "groq/openai/gpt-oss-120b": 1000 * 0.15 + 100 * 0.6,
            "together/meta-llama/Llama-3.3-70B-Instruct-Turbo": 1100 * 0.88,
            "openrouter/anthropic/claude-sonnet-4.5": 1000 * 3 + 100 * 15,
        }
    )
    unpriced = store.reader().query("SELECT DISTINCT model FROM cost_daily WHERE model LIKE '%groq/gpt-5%'").result_rows
    assert unpriced == [("groq/gpt-5",)]


def test_tables_keep_names_as_they_were_sent(store: Store, tmp_path: Path) -> None:
    """A catalogue's name stands beside the id of the answer."""
    bring(store, tmp_path, ("gpt-5-2025-08-07", "openai"))
    assert store.reader().query(
        "SELECT served_model, served_name FROM decisions FINAL WHERE role = 'live'"
    ).result_rows == [("gpt-5", "gpt-5-2025-08-07")]
    rows = {(row.provider, row.name): (row.family, row.price_key) for row in named_models(store.reader(), "p")}
    assert rows["openai", "gpt-5-2025-08-07"] == ("gpt-5", "gpt-5")


def test_a_new_alias_sums_its_days_again(store: Store, tmp_path: Path) -> None:
    """models.yaml says later which model a deployment is: the days that hold it are no longer different."""
    bring(store, tmp_path, *[("prod-eu", "azure")] * 4)
    differs = "SELECT sum(w_div_model) FROM pair_daily WHERE role = 'shadow' AND segment_key = 'all'"
    assert store.reader().query(differs).result_rows == [(4,)]
    catalogue = Catalogue([Model(name="gpt-5", provider="azure", aliases=("prod-eu",))])
    declare(store.client(), "p", catalogue, "models.yaml")
    Rollup(store).run_once()
    assert store.reader().query(differs).result_rows == [(0,)]
    assert learn(store.client(), EVER) == []
