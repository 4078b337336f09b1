"""Weighted, budget and split on real outcomes: as live and as shadow, through the whole path."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from shadowroute.analysis.backtest.case import Inputs, load
from shadowroute.analysis.backtest.result import RangeDocument
from shadowroute.analysis.backtest.run import run
from tests.support.groups import ROOT, need_data
from tests.support.stores import fresh_store

FOLDER = ROOT / "examples/backtest/zeroeval"
LARGE, SMALL = "gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18"
CAP_USD = 0.006
"""Between what a short and a long prompt is expected to cost with the large model and 500 tokens of answer."""
POLICIES = {
    "weighted": f"{{weighted: {{preset: balanced, among: [{LARGE}, {SMALL}]}}}}",
    "budget": f"{{budget: {{per_request_usd: {CAP_USD}, among: [{LARGE}, {SMALL}]}}}}",
    "split": f"{{split: {{arms: [{{share: 30%, use: {SMALL}}}], otherwise: {LARGE}}}}}",
}

pytestmark = pytest.mark.data


def test_every_comparing_policy_on_real_outcomes(tmp_path: Path, engine_folder: Path) -> None:
    """Live is a split; each policy does on the first thousand queries what its file says."""
    whole, outcomes = need_data("queries_zeroeval.parquet", "outcomes_zeroeval.parquet")
    queries = tmp_path / "queries.parquet"
    pq.write_table(pq.read_table(whole).slice(0, 1000), queries)
    files = {}
    for name, choose in POLICIES.items():
        files[name] = tmp_path / f"{name}.yaml"
        files[name].write_text(f"policy: {name}\nchoose: {choose}\n")
    case = load(
        Inputs(
            queries=queries,
            outcomes=outcomes,
            live=files["split"],
            shadows=(files["weighted"], files["budget"]),
            prices=FOLDER / "prices.yaml",
        )
    )
    n = len(case.planned)
    to_small = sum(plan.live.decision.model == SMALL for plan in case.planned)
    assert to_small / n == pytest.approx(0.3, abs=4 * (0.21 / n) ** 0.5)
    assert {plan.live.decision.propensity for plan in case.planned} == {0.3, 0.7}
    for plan in case.planned:
        weighted, budget = plan.shadows
        assert weighted is not None
        assert budget is not None
        costs = {each.model: each.terms["expected_cost_usd"] for each in budget.decision.candidates}
        assert budget.decision.model == (LARGE if costs[LARGE] <= CAP_USD else SMALL)
        assert weighted.decision.model == SMALL
        assert weighted.decision.reason == "best weighted score (balanced), without latency and quality"
    with fresh_store(engine_folder) as store:
        document = run(case, store)
    by_weight, by_budget = document.shadows
    assert by_weight.differs.n == n - to_small
    assert by_budget.truth.n == n
    assert by_weight.truth.cost_change is not None
    assert by_weight.truth.cost_change < -0.8
    assert not isinstance(by_weight.cost, RangeDocument)
