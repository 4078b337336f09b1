"""The two Parquet tables of a backtest: the queries, and each model's answers to them.

queries: `query_id`, `prompt`; optional `task`, `user_tier`, `session_id`, `prompt_tokens`.
outcomes, one row per (query, model): `query_id`, `model`, `input_tokens`, `output_tokens`; optional `score` in [0, 1],
`latency_s`, `response` (the answer's text, for validators that read it).

A table is checked once, in whole columns, before anything is sent. A broken rule is a `ConfigError` that names the
file, the column and, where there is one, the row. A missing value is not an error: the query is left out with a reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from shadow.domain.outcome import Answer, Usage
from shadow.errors import ConfigError, MissingOutcomeError
from shadowroute.collector.replay.readers.columns import Columns
from shadowroute.collector.replay.record import Record, said

QUERY_COLUMNS = ("query_id", "prompt")
QUERY_EXTRAS = ("task", "user_tier", "session_id", "prompt_tokens")
OUTCOME_COLUMNS = ("query_id", "model", "input_tokens", "output_tokens")
OUTCOME_EXTRAS = ("score", "latency_s", "response")

KNOWN: Final = (*QUERY_COLUMNS, *QUERY_EXTRAS, *OUTCOME_COLUMNS, *OUTCOME_EXTRAS)

NO_OUTCOME = "no outcome"
NO_TOKENS = "no token counts"
NO_SCORE = "no score"


EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Time of the first query; each later one is a second later, so that a second run meets its own rows."""


@dataclass(frozen=True)
class Queries:
    """The table of questions, in the file's order. Without a column of sessions each query is its own session."""

    file: Path
    rows: tuple[Record, ...]
    has_sessions: bool


class Outcomes:
    """The table of outcomes. One model's answers are built on first use.

    If a model has several answers to a query, the first row counts; `repeated` is the number of the others.
    """

    def __init__(self, file: Path, table: pa.Table, *, has_score: bool) -> None:
        self.file = file
        self.has_score = has_score
        self._table = table
        self._answers: dict[str, dict[str, Answer]] = {}
        self._incomplete: dict[str, dict[str, str]] = {}

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Every model of the table, sorted."""
        return tuple(sorted(pc.unique(self._table["model"]).to_pylist()))

    @cached_property
    def repeated(self) -> int:
        """Rows that repeat a (query, model) of an earlier row; they are not used."""
        pairs = self._table.select(["query_id", "model"])
        return int(self._table.num_rows - pairs.group_by(["query_id", "model"]).aggregate([]).num_rows)

    def answer(self, query_id: str, model: str) -> Answer | None:
        """The model's answer, None if the row is missing or lacks tokens or (where scores are kept) its score."""
        return self._of(model).get(query_id)

    def needed(self, query_id: str, model: str) -> Answer:
        """The model's answer, which must exist.

        Raises:
            MissingOutcomeError: there is none.
        """
        answer = self.answer(query_id, model)
        if answer is None:
            raise MissingOutcomeError(query_id, model)
        return answer

    def why_missing(self, query_id: str, model: str) -> str:
        """Empty if there is an answer, else the broken rule of a complete outcome."""
        if query_id in self._of(model):
            return ""
        return self._incomplete[model].get(query_id, NO_OUTCOME)

    def _of(self, model: str) -> Mapping[str, Answer]:
        if model not in self._answers:
            self._answers[model], self._incomplete[model] = self._build(model)
        return self._answers[model]

    def _build(self, model: str) -> tuple[dict[str, Answer], dict[str, str]]:
        rows = self._table.filter(pc.equal(self._table["model"], model)).to_pylist()
        answers: dict[str, Answer] = {}
        incomplete: dict[str, str] = {}
        for row in rows:
            query_id = row["query_id"]
            if query_id in answers or query_id in incomplete:
                continue
            reason = self._incomplete_because(row)
            if reason:
                incomplete[query_id] = reason
            else:
                answers[query_id] = _answer(row)
        return answers, incomplete

    def _incomplete_because(self, row: Mapping[str, Any]) -> str:
        if row["input_tokens"] is None or row["output_tokens"] is None:
            return NO_TOKENS
        return NO_SCORE if self.has_score and row["score"] is None else ""


def load_queries(file: Path, rename: Mapping[str, str] | None = None) -> Queries:
    """The checked table of questions.

    Args:
        file: a Parquet file.
        rename: the file's column name -> ours.

    Raises:
        ConfigError: the file cannot be read, lacks a column, is empty, or a query id is empty or given twice.
    """
    columns = Columns(file, QUERY_COLUMNS, QUERY_EXTRAS, rename)
    if columns.rows == 0:
        raise ConfigError("must hold at least one query, got none", file=file)
    ids = columns.texts("query_id")
    _refuse_repeated(ids, file)
    told = [columns.texts("prompt"), *(columns.texts(name, "") for name in ("session_id", "task", "user_tier"))]
    rows = tuple(
        Record(
            request_id=query_id,
            time_us=int((EPOCH.timestamp() + row) * 1_000_000),
            messages=said(prompt),
            session=session or query_id,
            task=task,
            user_tier=tier,
            usage=Usage(input_tokens=tokens),
        )
        for row, (query_id, prompt, session, task, tier, tokens) in enumerate(
            zip(ids, *told, columns.counts("prompt_tokens").to_pylist(), strict=True)
        )
    )
    return Queries(file=file, rows=rows, has_sessions="session_id" in columns)


def load_outcomes(file: Path, rename: Mapping[str, str] | None = None) -> Outcomes:
    """The checked table of outcomes.

    Raises:
        ConfigError: the file cannot be read, lacks a column, or holds a negative count or a score outside [0, 1].
    """
    columns = Columns(file, OUTCOME_COLUMNS, OUTCOME_EXTRAS, rename)
    checked = {name: pa.array(columns.texts(name)) for name in ("query_id", "model")}
    checked |= {name: columns.counts(name) for name in ("input_tokens", "output_tokens")}
    checked |= {"score": columns.numbers("score", high=1.0), "latency_s": columns.numbers("latency_s")}
    checked["response"] = pa.array(columns.texts("response", ""))
    return Outcomes(file, pa.table(checked), has_score="score" in columns)


def _answer(row: Mapping[str, Any]) -> Answer:
    return Answer(
        text=row["response"],
        model=row["model"],
        response_id=f"{row['model']}/{row['query_id']}",
        usage=Usage(input_tokens=row["input_tokens"], output_tokens=row["output_tokens"]),
        score=row["score"],
        latency_s=row["latency_s"],
    )


def _refuse_repeated(ids: Sequence[str], file: Path) -> None:
    seen: dict[str, int] = {}
    for row, query_id in enumerate(ids, 1):
        if query_id in seen:
            raise ConfigError(
                f"query_id must be unique, got {query_id!r} in rows {seen[query_id]} and {row}", file=file
            )
        seen[query_id] = row
