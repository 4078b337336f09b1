"""A backtest's queries are planned before anything is sent, and the truth is walked from the same table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shadow.errors import ConfigError
from shadowroute.analysis.backtest.case import Case, Inputs, load
from shadowroute.analysis.backtest.run import truth_of
from shadowroute.collector.replay.readers.outcomes import EPOCH

PRICES = """
models:
  big: {provider: x, tier: large, price_usd_per_million: {input: 10, output: 20}}
  small: {provider: x, tier: small, price_usd_per_million: {input: 1, output: 2}}
"""
LIVE = "policy: big-always\nchoose: {use: big}\n"
ALL_SMALL = "policy: all-small\nchoose: {use: small}\n"
EASY_SMALL = "policy: easy-small\nchoose:\n  rules:\n    - {when: {task: easy}, use: small}\n    - {otherwise: big}\n"
CASCADE = "policy: small-first\nchoose:\n  cascade: {try: small, accept_if: [{score_at_least: 0.5}], else: big}\n"

QUERIES = {"query_id": ["q1", "q2", "q3"], "prompt": ["a", "b", "c"], "task": ["easy", "easy", "hard"]}
OUTCOMES: dict[str, list[Any]] = {
    "query_id": ["q1", "q2", "q3", "q1", "q2", "q3"],
    "model": ["big", "big", "big", "small", "small", "small"],
    "input_tokens": [100, 100, 100, 110, 110, 110],
    "output_tokens": [10, 20, 30, 20, 40, 60],
    "score": [1.0, 1.0, 0.5, 1.0, 0.0, 0.25],
}


class Folder:
    """Writes the files of one case."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self, *shadows: str, live: str = LIVE, **changed: Any) -> Case:
        self.write_tables(**changed)
        prices = self.path / "prices.yaml"
        prices.write_text(PRICES)
        return load(
            Inputs(
                queries=self.path / "q.parquet",
                outcomes=self.path / "o.parquet",
                live=self.text("live.yaml", live),
                shadows=tuple(self.text(f"shadow{place}.yaml", text) for place, text in enumerate(shadows)),
                prices=prices,
            )
        )

    def write_tables(self, *, queries: dict[str, Any] | None = None, outcomes: dict[str, Any] | None = None) -> None:
        pq.write_table(pa.table(queries or QUERIES), self.path / "q.parquet")
        pq.write_table(pa.table(outcomes or OUTCOMES), self.path / "o.parquet")

    def text(self, name: str, text: str) -> Path:
        (self.path / name).write_text(text)
        return self.path / name


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def without(*dropped: tuple[str, str]) -> dict[str, list[Any]]:
    kept = [pair not in dropped for pair in zip(OUTCOMES["query_id"], OUTCOMES["model"], strict=True)]
    return {
        name: [value for value, keep in zip(values, kept, strict=True) if keep] for name, values in OUTCOMES.items()
    }


def test_every_policy_rests_on_the_same_queries(folder: Folder) -> None:
    """A query that one shadow cannot be judged on is left out for all, and counted by the policy that lacks it."""
    case = folder.load(EASY_SMALL, ALL_SMALL, outcomes=without(("q1", "big"), ("q3", "small")))
    assert [plan.query.request_id for plan in case.planned] == ["q2"]
    assert [(left.policy, left.role, left.reason, left.n) for left in case.left_out] == [
        ("big-always", "live", "no outcome", 1),
        ("all-small", "shadow", "no outcome", 1),
    ]


def test_an_outcome_that_no_policy_needs_may_be_missing(folder: Folder) -> None:
    """The rule shadow keeps q3 with the large model, so the small model's answer to it is not needed."""
    assert len(folder.load(EASY_SMALL, outcomes=without(("q3", "small"))).planned) == 3


def test_a_rows_time_is_its_place_in_the_file(folder: Folder) -> None:
    """Leaving a query out does not move the others: a second run with more outcomes overwrites the first."""
    case = folder.load(ALL_SMALL, outcomes=without(("q1", "big")))
    assert [plan.query.time_us - int(EPOCH.timestamp() * 1e6) for plan in case.planned] == [1_000_000, 2_000_000]


def test_the_truth_uses_the_other_models_own_tokens(folder: Folder) -> None:
    """Cost from what the small model really read and wrote; quality from its own scores."""
    truth = truth_of(folder.load(EASY_SMALL), 0)
    live = 3 * 100 * 10 + (10 + 20 + 30) * 20
    shadow = 2 * 110 * 1 + (20 + 40) * 2 + 100 * 10 + 30 * 20
    assert truth.live_usd == pytest.approx(live / 1e6)
    assert truth.shadow_usd == pytest.approx(shadow / 1e6)
    assert truth.cost_change == pytest.approx(shadow / live - 1)
    assert truth.output_ratio == pytest.approx(60 / 30)
    assert truth.quality_change == pytest.approx(-1 / 3)
    assert (truth.downgraded_n, truth.downgraded_quality_change) == (2, pytest.approx(-0.5))
    assert truth.shadow_quality_downgraded == pytest.approx(0.5)
    assert truth.escalation is None


def test_the_truth_of_a_cascade_pays_twice_where_the_cheap_answer_is_refused(folder: Folder) -> None:
    """Small answers q1; q2 and q3 are refused and asked again: both calls are paid, the large answer is served."""
    truth = truth_of(folder.load(CASCADE), 0)
    small = 3 * 110 * 1 + (20 + 40 + 60) * 2
    again = 2 * 100 * 10 + (20 + 30) * 20
    assert truth.escalation == pytest.approx(2 / 3)
    assert truth.shadow_usd == pytest.approx((small + again) / 1e6)
    assert truth.quality_change == 0.0


def test_a_cascade_needs_the_second_answer_only_where_the_first_is_refused(folder: Folder) -> None:
    """What a plan needs is what its walk meets."""
    case = folder.load(
        CASCADE, live="policy: small-live\nchoose: {use: small}\n", outcomes=without(("q1", "big"), ("q2", "big"))
    )
    assert [plan.query.request_id for plan in case.planned] == ["q1", "q3"]


def test_without_scores_cost_is_still_true(folder: Folder) -> None:
    """A table of tokens alone gives a true cost and no quality."""
    outcomes = {name: values for name, values in OUTCOMES.items() if name != "score"}
    truth = truth_of(folder.load(ALL_SMALL, outcomes=outcomes), 0)
    assert truth.cost_change is not None
    assert (truth.quality_change, truth.downgraded_quality_change, truth.downgraded_n) == (None, None, 3)


def test_a_missing_price_leaves_no_true_cost(folder: Folder) -> None:
    """An unpriced model is never counted as free."""
    folder.write_tables()
    prices = folder.text(
        "prices.yaml", "models:\n  big: {price_usd_per_million: {input: 10, output: 20}}\n  small: {}\n"
    )
    inputs = Inputs(
        queries=folder.path / "q.parquet",
        outcomes=folder.path / "o.parquet",
        live=folder.text("live.yaml", LIVE),
        shadows=(folder.text("shadow.yaml", ALL_SMALL),),
        prices=prices,
    )
    truth = truth_of(load(inputs), 0)
    assert (truth.cost_change, truth.shadow_usd, truth.live_usd) == (None, None, None)
    assert truth.downgraded_n == 0


def test_no_query_left_is_an_error_that_names_the_models(folder: Folder) -> None:
    """A table of other models is not a result of zero requests."""
    outcomes = {**OUTCOMES, "model": ["huge"] * 3 + ["tiny"] * 3}
    with pytest.raises(ConfigError, match=r"3 without big-always's \(no outcome\).* It has outcomes of huge, tiny"):
        folder.load(ALL_SMALL, outcomes=outcomes)


def test_two_shadows_of_one_name_are_refused(folder: Folder) -> None:
    """A name stands for one policy in every table and page."""
    with pytest.raises(ConfigError, match="must have distinct names, got 'all-small' here and in"):
        folder.load(ALL_SMALL, ALL_SMALL)


def test_the_project_is_named_by_inputs_and_policies(folder: Folder) -> None:
    """The same inputs meet their own rows again; other ones get a project of their own."""
    first = folder.load(ALL_SMALL).project
    assert folder.load(ALL_SMALL).project == first
    assert folder.load(EASY_SMALL).project != first
    assert folder.load(ALL_SMALL, outcomes=without(("q1", "small"))).project != first
    assert first.startswith("backtest-")
    assert len(first) == len("backtest-") + 12


def test_a_model_that_no_price_file_lists_is_a_mistake_in_the_policy(folder: Folder) -> None:
    """A misspelt model is named with file and line before anything runs."""
    with pytest.raises(ConfigError, match=r"shadow0\.yaml:2: no model \"smal\""):
        folder.load(ALL_SMALL.replace("use: small", "use: smal"))
