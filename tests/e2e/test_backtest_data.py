"""The main job on real input: the shared outcomes through the whole path, against an independent computation.

The independent computation reads the Parquet files and the price file by itself, in plain integers and decimals, and
knows nothing of routers, spans, buckets or SQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from pydantic import BaseModel

from shadowroute.analysis.backtest.case import Case, Inputs, load
from shadowroute.analysis.backtest.result import BacktestDocument, EstimateDocument, RangeDocument
from shadowroute.analysis.backtest.run import measure, run, send
from shadowroute.analysis.backtest.text import render
from shadowroute.collector.serve import ingest, rollup_now
from shadowroute.collector.store import Store
from tests.support.groups import ROOT, need_data
from tests.support.otlp_relay import otlp_relay
from tests.support.stores import fresh_store

EXAMPLES = ROOT / "examples/backtest"
LIVE, SHADOW = "gemini-1.5-pro-002", "gemini-1.5-flash-002"
HALF = {"business", "health", "history", "law", "other", "philosophy", "psychology"}
MILLION = Decimal(1_000_000)

pytestmark = pytest.mark.data


@dataclass(frozen=True)
class Independent:
    """What the files say, without the product."""

    used: int
    diverging: int
    live_tokens: tuple[int, int]
    moved_tokens: tuple[int, int]
    live_usd: Decimal
    estimated_usd: Decimal
    true_usd: Decimal
    downgraded_live_score: float
    downgraded_shadow_score: float
    rest_live_score: float
    quality_change: float


def independent(queries: Path, outcomes: Path, prices: Path) -> Independent:
    models = yaml.safe_load(prices.read_text())["models"]
    rows = pq.read_table(outcomes).to_pylist()
    live = {row["query_id"]: row for row in rows if row["model"] == LIVE}
    shadow = {row["query_id"]: row for row in rows if row["model"] == SHADOW}

    def usd(model: str, row: dict[str, int]) -> Decimal:
        price = models[model]["price_usd_per_million"]
        return (
            row["input_tokens"] * Decimal(str(price["input"])) + row["output_tokens"] * Decimal(str(price["output"]))
        ) / MILLION

    used, moved = [], []
    for query in pq.read_table(queries, columns=["query_id", "task"]).to_pylist():
        goes = query["task"] in HALF
        if query["query_id"] in live and (not goes or query["query_id"] in shadow):
            used.append(query["query_id"])
            if goes:
                moved.append(query["query_id"])
    stays = [each for each in used if each not in set(moved)]
    change = sum(shadow[each]["score"] - live[each]["score"] for each in moved)
    return Independent(
        used=len(used),
        diverging=len(moved),
        live_tokens=_tokens(live, used),
        moved_tokens=_tokens(live, moved),
        live_usd=sum((usd(LIVE, live[each]) for each in used), Decimal()),
        estimated_usd=sum((usd(SHADOW, live[each]) for each in moved), Decimal())
        + sum((usd(LIVE, live[each]) for each in stays), Decimal()),
        true_usd=sum((usd(SHADOW, shadow[each]) for each in moved), Decimal())
        + sum((usd(LIVE, live[each]) for each in stays), Decimal()),
        downgraded_live_score=sum(live[each]["score"] for each in moved) / len(moved),
        downgraded_shadow_score=sum(shadow[each]["score"] for each in moved) / len(moved),
        rest_live_score=sum(live[each]["score"] for each in stays) / len(stays),
        quality_change=change / len(used),
    )


def _tokens(rows: dict[str, dict[str, int]], ids: list[str]) -> tuple[int, int]:
    return sum(rows[each]["input_tokens"] for each in ids), sum(rows[each]["output_tokens"] for each in ids)


@pytest.fixture(scope="module")
def main_store(engine_folder: Path) -> Iterator[Store]:
    """One store for the module, so that later tests can write the same rows into it again."""
    with fresh_store(engine_folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def files() -> tuple[Path, Path, Path]:
    queries, outcomes = need_data("queries_mmlu_pro.parquet", "outcomes_mmlu_pro.parquet")
    return queries, outcomes, EXAMPLES / "mmlu_pro/prices.yaml"


@pytest.fixture(scope="module")
def case(files: tuple[Path, Path, Path]) -> Case:
    queries, outcomes, prices = files
    folder = EXAMPLES / "mmlu_pro"
    shadows = (folder / "half-flash.yaml",)
    return load(Inputs(queries=queries, outcomes=outcomes, live=folder / "live.yaml", shadows=shadows, prices=prices))


@pytest.fixture(scope="module")
def document(case: Case, main_store: Store) -> BacktestDocument:
    return run(case, main_store)


def test_the_main_pair_equals_an_independent_computation(
    document: BacktestDocument, files: tuple[Path, Path, Path]
) -> None:
    """Counts are exact, costs agree to 1e-9 relative, and so do the truths."""
    want = independent(*files)
    (shadow,) = document.shadows
    assert (document.queries.total, document.queries.used) == (8_478, want.used)
    assert shadow.differs.n == want.diverging
    assert isinstance(shadow.differs.model, EstimateDocument)
    assert shadow.differs.model.value == want.diverging / want.used
    cost, truth = shadow.cost, shadow.truth
    assert cost.live_usd == pytest.approx(float(want.live_usd), rel=1e-9)
    assert cost.shadow_usd == pytest.approx(float(want.estimated_usd), rel=1e-9)
    assert isinstance(cost.relative, EstimateDocument)
    assert cost.relative.value == pytest.approx(float(want.estimated_usd / want.live_usd - 1), rel=1e-9)
    assert truth.live_usd == pytest.approx(float(want.live_usd), rel=1e-9)
    assert truth.cost_change == pytest.approx(float(want.true_usd / want.live_usd - 1), rel=1e-9)
    assert truth.quality_change == pytest.approx(want.quality_change, rel=1e-9)
    assert truth.shadow_quality_downgraded == pytest.approx(want.downgraded_shadow_score, rel=1e-9)
    quality = shadow.live_quality
    assert isinstance(quality.downgraded, EstimateDocument)
    assert isinstance(quality.rest, EstimateDocument)
    assert quality.downgraded.value == pytest.approx(want.downgraded_live_score, rel=1e-9)
    assert quality.rest.value == pytest.approx(want.rest_live_score, rel=1e-9)


def test_the_token_sums_of_the_rollup_are_exact(
    document: BacktestDocument, main_store: Store, files: tuple[Path, Path, Path]
) -> None:
    """Every token of every used query is in the rollup once: live's as paid, the shadow's at the live counts."""
    want = independent(*files)
    rows = main_store.reader().query(
        "SELECT side, model, sum(n), sum(uncached_tokens + cache_read_tokens + cache_write_tokens), sum(output_tokens) "
        "FROM cost_daily WHERE project = {project:String} AND segment_key = 'all' GROUP BY side, model",
        parameters={"project": document.project},
    )
    sums = {(side, model): (n, int(read), int(written)) for side, model, n, read, written in rows.result_rows}
    kept = (want.live_tokens[0] - want.moved_tokens[0], want.live_tokens[1] - want.moved_tokens[1])
    assert sums == {
        ("live", LIVE): (want.used, *want.live_tokens),
        ("shadow", LIVE): (want.used - want.diverging, *kept),
        ("shadow", SHADOW): (want.diverging, *want.moved_tokens),
    }


def test_the_figures_of_the_documentation_are_these(document: BacktestDocument) -> None:
    """The README opens with this run: the live answers look better where downgrading loses most."""
    (shadow,) = document.shadows
    assert [(left.role, left.reason, left.n) for left in document.queries.left_out] == [
        ("live", "no outcome", 7),
        ("shadow", "no outcome", 7),
    ]
    truth, quality = shadow.truth, shadow.live_quality
    assert isinstance(quality.downgraded, EstimateDocument)
    assert isinstance(quality.rest, EstimateDocument)
    assert isinstance(shadow.cost.relative, EstimateDocument)
    assert shadow.differs.n == 3_704
    assert round(shadow.differs.n / document.queries.used, 3) == 0.438
    assert round(shadow.cost.relative.value, 3) == -0.324
    assert truth.cost_change is not None
    assert round(truth.cost_change, 3) == -0.320
    assert (round(quality.downgraded.value, 3), round(quality.rest.value, 3)) == (0.722, 0.688)
    assert truth.downgraded_quality_change is not None
    assert truth.quality_change is not None
    assert (round(truth.downgraded_quality_change, 3), round(truth.quality_change, 3)) == (-0.109, -0.048)


def test_the_documented_text_is_what_is_printed(document: BacktestDocument) -> None:
    """The example that the README and the documentation show is this run's own text."""
    assert_documented(document)


def assert_documented(document: BacktestDocument) -> None:
    """Every line but the last two, which name the time and the store, stands in the documentation."""
    documented = (ROOT / "docs/backtest.md").read_text().splitlines()
    printed = render(document).splitlines()[:-2]
    assert [line for line in printed if line not in documented] == []


def test_sending_everything_again_changes_no_measure(document: BacktestDocument, case: Case, main_store: Store) -> None:
    """A second run, its bodies posted twice, and the same spans in other batches: counts exact, sums to 1e-12."""
    with ingest(main_store) as endpoint, otlp_relay(endpoint) as relay:
        send(case, relay.endpoint)
        rollup_now(main_store)
        assert_same(measure(case, main_store).shadows, document.shadows)
        relay.send_again()
        rollup_now(main_store)
        assert_same(measure(case, main_store).shadows, document.shadows)
        relay.send_regrouped(size=777, seed=7)
        rollup_now(main_store)
        assert_same(measure(case, main_store).shadows, document.shadows)


def assert_same(got: object, want: object) -> None:
    """Equal documents: numbers to 1e-12 relative, everything else exactly."""
    flat_got, flat_want = dict(_leaves(got)), dict(_leaves(want))
    assert flat_got.keys() == flat_want.keys()
    for path, value in flat_want.items():
        if isinstance(value, float):
            assert flat_got[path] == pytest.approx(value, rel=1e-12), path
        else:
            assert flat_got[path] == value, path


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, list):
        for place, each in enumerate(value):
            yield from _leaves(each, f"{path}/{place}")
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _leaves(getattr(value, name), f"{path}/{name}")
    else:
        yield path, value


@pytest.mark.parametrize(
    ("folder", "source", "shadows"),
    [
        ("mmlu_pro_llama", "mmlu_pro", ("short-to-8b",)),
        ("zeroeval", "zeroeval", ("arithmetic-to-mini", "all-mini")),
        ("routellm", "routellm", ("short-to-mixtral",)),
        ("llmdrift", "llmdrift", ("gpt-4-june", "opinions-to-turbo")),
        ("mmlu_pro", "mmlu_pro", ("flash-first",)),
    ],
)
def test_every_example_runs_and_misses_as_documented(
    store: Store, folder: str, source: str, shadows: tuple[str, ...]
) -> None:
    """Each shipped example runs end to end; what the log can bound contains the truth."""
    queries, outcomes = need_data(f"queries_{source}.parquet", f"outcomes_{source}.parquet")
    here = EXAMPLES / folder
    case = load(
        Inputs(
            queries=queries,
            outcomes=outcomes,
            live=here / "live.yaml",
            shadows=tuple(here / f"{name}.yaml" for name in shadows),
            prices=here / "prices.yaml",
        )
    )
    document = run(case, store)
    assert document.queries.used + sum(left.n for left in document.queries.left_out) == document.queries.total
    for shadow in document.shadows:
        assert shadow.truth.cost_change is not None
        assert shadow.truth.n == document.queries.used
        if isinstance(shadow.escalation.shadow, RangeDocument):
            assert shadow.miss.escalation_inside
    assert_documented(document)
