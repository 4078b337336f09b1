"""Every kind of policy can be backtested, as live and as shadow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shadow.errors import ConfigError
from shadowroute.analysis.backtest.case import Case, Inputs, load
from shadowroute.analysis.backtest.run import run
from tests.support.groups import ROOT
from tests.support.stores import fresh_store

FOLDER = ROOT / "examples" / "policies"
NOT_IN_A_TABLE = ("http.yaml", "draft.yaml")
"""A service is not asked in a backtest, and a table holds answers, no checks of drafts."""
FILES = sorted(file for file in FOLDER.glob("*.yaml") if file.name not in ("models.yaml", *NOT_IN_A_TABLE))
MODELS = ("gpt-5", "gpt-5-mini", "gpt-4.1", "llama-70b")
QUERIES = 60


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))


def case_of(folder: Path, live: Path, *shadows: Path) -> Case:
    """Every model answered every query; four queries of a session follow each other."""
    queries: dict[str, list[Any]] = {
        "query_id": [f"q{n}" for n in range(QUERIES)],
        "prompt": [f"Question {n}: why? Explain and compare the {n} proofs." for n in range(QUERIES)],
        "task": [("extract", "chat", "refund")[n % 3] for n in range(QUERIES)],
        "user_tier": [("free", "pro", "enterprise")[n % 5 % 3] for n in range(QUERIES)],
        "session_id": [f"s{n // 4}" for n in range(QUERIES)],
        "prompt_tokens": [300 + 100 * (n % 40) for n in range(QUERIES)],
    }
    pairs = [(n, name) for n in range(QUERIES) for name in MODELS]
    outcomes: dict[str, list[Any]] = {
        "query_id": [f"q{n}" for n, _ in pairs],
        "model": [name for _, name in pairs],
        "input_tokens": [300 + 100 * (n % 40) for n, _ in pairs],
        "output_tokens": [50 + 10 * len(name) for _, name in pairs],
        "score": [float((n + len(name)) % 4 > 0) for n, name in pairs],
        "latency_s": [(0.5 if n < QUERIES / 2 else 9.0) if name == "llama-70b" else 3.0 for n, name in pairs],
        "response": [f"{n} items" for n, _ in pairs],
    }
    pq.write_table(pa.table(queries), folder / "q.parquet")
    pq.write_table(pa.table(outcomes), folder / "o.parquet")
    return load(
        Inputs(
            queries=folder / "q.parquet",
            outcomes=folder / "o.parquet",
            live=live,
            shadows=shadows,
            prices=FOLDER / "models.yaml",
        )
    )


@pytest.mark.parametrize("live", FILES, ids=lambda file: file.stem)
def test_a_policy_of_every_kind_as_live_and_as_shadow(tmp_path: Path, live: Path) -> None:
    """Each example is live once, with all others as shadows: all decide on every query, and all can be walked."""
    others = [file for file in FILES if file != live]
    case = case_of(tmp_path, live, *others)
    assert (len(case.planned), case.left_out) == (QUERIES, ())
    assert [others[at].stem for plan in case.planned for at, walk in enumerate(plan.shadows) if walk is None] == []


def test_a_check_of_a_draft_is_in_no_table(tmp_path: Path) -> None:
    """As a whole answer of the checking model it would be priced wrongly, so nothing is made up."""
    with pytest.raises(ConfigError) as raised:
        case_of(tmp_path, FOLDER / "static.yaml", FOLDER / "draft.yaml")
    assert f"{QUERIES} without draft-first's (its policy checks drafts, and recorded answers do not show" in str(
        raised.value
    )


def test_latencies_are_learnt_in_the_order_of_the_rows(tmp_path: Path) -> None:
    """The fast model is slow in the second half of the table: the score notices it there, and not before."""
    case = case_of(tmp_path, FOLDER / "weighted.yaml", FOLDER / "static.yaml")
    chosen = [plan.live.decision.model for plan in case.planned]
    assert set(chosen[: QUERIES // 2]) == {"llama-70b"}
    assert chosen[-1] != "llama-70b"
    latencies = [plan.snapshot.of("llama-70b").latency_s for plan in case.planned]
    assert (latencies[0], latencies[1]) == (None, 0.5)
    assert {walk.decision.model for plan in case.planned for walk in plan.shadows if walk} == {"gpt-5"}


def test_the_real_path_decides_as_planned(tmp_path: Path, engine_folder: Path) -> None:
    """Through router, recorder and store: no decision fails, and the counts are those of the plan."""
    live = FOLDER / "weighted.yaml"
    case = case_of(tmp_path, live, *(file for file in FILES if file != live))
    with fresh_store(engine_folder) as store:
        document = run(case, store)
    for at, shadow in enumerate(document.shadows):
        moved = sum(
            walk is not None and walk.decision.model != plan.live.decision.model
            for plan in case.planned
            for walk in [plan.shadows[at]]
        )
        assert (shadow.policy.name, shadow.truth.n, shadow.differs.n) == (case.shadows[at].name, QUERIES, moved)
