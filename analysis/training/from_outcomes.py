"""Examples from the two tables of a backtest: the queries, and each model's answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np

from shadow.domain.ids import KeyedHash
from shadow.domain.outcome import Answer
from shadow.errors import ConfigError
from shadow.prices.catalogue import Catalogue
from shadowroute.analysis.prices import PriceTable
from shadowroute.analysis.summaries import Floats
from shadowroute.analysis.training.examples import Examples
from shadowroute.collector.replay.readers.columns import check_rename
from shadowroute.collector.replay.readers.outcomes import EPOCH, KNOWN, load_outcomes, load_queries

PROJECT = "train"


def examples_from_outcomes(
    queries: Path,
    outcomes: Path,
    *,
    models: Sequence[str],
    catalogue: Catalogue,
    rename: Mapping[str, str] | None = None,
) -> Examples:
    """Requests to which at least one of the models has a scored answer.

    Args:
        queries: Parquet, as for a backtest.
        outcomes: Parquet with the column `score`, as for a backtest.
        models: at least two, by the names of the table.
        catalogue: prices the answers.
        rename: the files' column names -> ours.

    Raises:
        ConfigError: a file is wrong, has no scores, or lacks a model.
    """
    check_rename(rename or {}, KNOWN, queries, outcomes)
    asked, answered = load_queries(queries, rename), load_outcomes(outcomes, rename)
    if not answered.has_score:
        raise ConfigError("must have a column score to train on, got none; rename one with --rename", file=outcomes)
    missing = sorted(set(models) - set(answered.models))
    if missing:
        raise ConfigError(
            f"models must be in the table, got {', '.join(missing)}; it has {', '.join(answered.models[:20])}",
            file=outcomes,
        )
    found = {model: [answered.answer(query.request_id, model) for query in asked.rows] for model in models}
    kept = [row for row in range(len(asked.rows)) if any(found[model][row] is not None for model in models)]
    prices, day = PriceTable(catalogue.price_rows(models)), EPOCH.date()
    rows, hash_id = [asked.rows[row] for row in kept], KeyedHash(PROJECT)
    return Examples(
        requests=tuple(query.request(hash_id) for query in rows),
        clusters=tuple(query.session or "" for query in rows),
        scores={model: _column([_score(found[model][row]) for row in kept]) for model in models},
        costs={model: _column([_usd(prices, model, found[model][row], day) for row in kept]) for model in models},
        weights={model: np.ones(len(kept)) for model in models},
        features="text",
        target="score",
        data=f"{queries.name} and {outcomes.name}",
    )


def _score(answer: Answer | None) -> float | None:
    return None if answer is None else answer.score


def _usd(prices: PriceTable, model: str, answer: Answer | None, day: date) -> float | None:
    return None if answer is None else prices.usd(model, answer.usage, day)


def _column(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
