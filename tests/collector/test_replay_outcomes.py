"""The two Parquet tables of a backtest are checked before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shadow.errors import ConfigError
from shadowroute.collector.replay.readers.columns import check_rename
from shadowroute.collector.replay.readers.outcomes import (
    EPOCH,
    KNOWN,
    NO_OUTCOME,
    NO_SCORE,
    NO_TOKENS,
    Outcomes,
    load_outcomes,
    load_queries,
)
from shadowroute.collector.replay.record import said
from tests.support.groups import need_data

OUTCOME = {"query_id": ["q1"], "model": ["a"], "input_tokens": [10], "output_tokens": [2]}


def write(path: Path, columns: dict[str, Any]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def outcomes(path: Path, **changed: Any) -> Outcomes:
    return load_outcomes(write(path / "outcomes.parquet", {**OUTCOME, **changed}))


def test_rows_keep_the_files_order_and_numbers(tmp_path: Path) -> None:
    """A query's row number is its place in the file: it becomes its time in the store."""
    file = write(tmp_path / "q.parquet", {"query_id": ["b", "a"], "prompt": ["x", "y"], "task": ["t", None]})
    rows = load_queries(file).rows
    seconds = [row.time_us // 1_000_000 - int(EPOCH.timestamp()) for row in rows]
    assert [(row.request_id, row.messages, row.task, row.input_tokens) for row in rows] == [
        ("b", said("x"), "t", None),
        ("a", said("y"), "", None),
    ]
    assert seconds == [0, 1]


def test_integers_and_categories_are_text(tmp_path: Path) -> None:
    """Numbered ids and categorical columns, as pandas writes them, join like plain text."""
    file = write(tmp_path / "q.parquet", {"query_id": [7], "prompt": ["x"]})
    assert load_queries(file).rows[0].request_id == "7"
    assert outcomes(tmp_path, query_id=[7]).answer("7", "a") is not None
    assert outcomes(tmp_path, model=pa.array(["a"]).dictionary_encode()).answer("q1", "a") is not None


def test_a_missing_column_names_the_nearest_and_the_renaming(tmp_path: Path) -> None:
    """The error is one sentence that can be pasted back as an option."""
    columns = {name: values for name, values in OUTCOME.items() if name != "output_tokens"}
    file = write(tmp_path / "outcomes.parquet", {**columns, "completion_tokens": [2]})
    with pytest.raises(ConfigError) as raised:
        load_outcomes(file)
    assert str(raised.value) == (
        f'{file}: needs query_id, model, input_tokens, output_tokens; "output_tokens" is missing '
        "(has: completion_tokens). --rename completion_tokens=output_tokens"
    )
    renamed = load_outcomes(file, {"completion_tokens": "output_tokens"}).answer("q1", "a")
    assert renamed is not None
    assert renamed.usage.output_tokens == 2


def test_a_renaming_of_nothing_is_refused(tmp_path: Path) -> None:
    """A misspelt --rename is an error, not a silent no-op."""
    file = write(tmp_path / "outcomes.parquet", OUTCOME)
    with pytest.raises(ConfigError, match="no file has a column 'outptu'"):
        check_rename({"outptu": "output_tokens"}, KNOWN, file, file)
    with pytest.raises(ConfigError, match="must be one of"):
        check_rename({"model": "modle"}, KNOWN, file)
    check_rename({"model": "model"}, KNOWN, file)


def test_a_renaming_onto_a_column_that_is_there_is_refused(tmp_path: Path) -> None:
    """Two columns of one name would leave to chance which one counts."""
    file = write(tmp_path / "outcomes.parquet", {**OUTCOME, "other": [3]})
    with pytest.raises(ConfigError, match="got it twice after --rename"):
        load_outcomes(file, {"other": "output_tokens"})


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"output_tokens": [-1]}, r"output_tokens must be in \[0, 100,000,000\], got -1.0 in row 1"),
        ({"output_tokens": [1.5]}, "output_tokens must be a whole number, got 1.5 in row 1"),
        ({"output_tokens": ["two"]}, "output_tokens must be a number, got string"),
        ({"output_tokens": [float("inf")]}, "output_tokens must be a finite number"),
        ({"score": [1.5]}, r"score must be in \[0, 1\], got 1.5 in row 1"),
        ({"latency_s": [-0.1]}, "latency_s must be >= 0, got -0.1 in row 1"),
        ({"model": [None]}, "model must be a non-empty text, got None in row 1"),
        ({"model": [1.5]}, "model must be text, got double"),
    ],
)
def test_a_wrong_value_names_column_rule_and_row(tmp_path: Path, changed: dict[str, Any], sentence: str) -> None:
    """Each broken rule is one sentence with the value that breaks it."""
    with pytest.raises(ConfigError, match=sentence):
        outcomes(tmp_path, **changed)


def test_queries_must_be_there_and_unique(tmp_path: Path) -> None:
    """No queries, or one id twice, would make every figure meaningless."""
    with pytest.raises(ConfigError, match="at least one query"):
        load_queries(
            write(tmp_path / "q.parquet", {"query_id": pa.array([], pa.string()), "prompt": pa.array([], pa.string())})
        )
    with pytest.raises(ConfigError, match="query_id must be unique, got 'q' in rows 1 and 3"):
        load_queries(write(tmp_path / "q.parquet", {"query_id": ["q", "r", "q"], "prompt": ["x", "y", "z"]}))


def test_a_file_that_is_absent_or_not_parquet_is_named(tmp_path: Path) -> None:
    """A typing error in a path and a CSV give a sentence, not a stack trace."""
    with pytest.raises(ConfigError, match=r"nothing\.parquet: no such file"):
        load_queries(tmp_path / "nothing.parquet")
    (tmp_path / "q.parquet").write_text("query_id,prompt\n")
    with pytest.raises(ConfigError, match="must be a Parquet file"):
        load_queries(tmp_path / "q.parquet")


def test_an_incomplete_outcome_says_why(tmp_path: Path) -> None:
    """Missing rows, missing tokens and missing scores are different reasons to leave a query out; 0 tokens are none."""
    table = outcomes(
        tmp_path,
        query_id=["q1", "q2", "q3", "q4"],
        model=["a"] * 4,
        input_tokens=[10, 10, 10, 0],
        output_tokens=[2, None, 2, 0],
        score=[1.0, 1.0, float("nan"), 0.0],
    )
    reasons = [table.why_missing(query_id, "a") for query_id in ("q1", "q2", "q3", "q4", "q5")]
    assert reasons == ["", NO_TOKENS, NO_SCORE, "", NO_OUTCOME]
    empty = table.answer("q4", "a")
    assert empty is not None
    assert (empty.usage.input_tokens, empty.usage.output_tokens, empty.score) == (0, 0, 0.0)


def test_without_a_score_column_no_score_is_needed(tmp_path: Path) -> None:
    """A table of tokens alone still gives divergence and cost."""
    answer = outcomes(tmp_path).answer("q1", "a")
    assert answer is not None
    assert answer.score is None


def test_a_repeated_outcome_counts_once(tmp_path: Path) -> None:
    """The first row of a (query, model) is used, the others are counted."""
    table = outcomes(
        tmp_path, query_id=["q1"] * 3, model=["a", "a", "b"], input_tokens=[1, 2, 3], output_tokens=[1, 2, 3]
    )
    answer = table.answer("q1", "a")
    assert answer is not None
    assert (answer.usage.input_tokens, table.repeated, table.models) == (1, 1, ("a", "b"))


@pytest.mark.data
@pytest.mark.parametrize(
    ("source", "queries", "models", "repeated"),
    [("mmlu_pro", 8478, 29, 0), ("zeroeval", 1475, 59, 0), ("routellm", 1033, 4, 0), ("llmdrift", 1771, 4, 16)],
)
def test_every_pair_of_the_shared_data_is_read(source: str, queries: int, models: int, repeated: int) -> None:
    """Real files, with their nulls, doubles and large strings, pass the checks."""
    query_file, outcome_file = need_data(f"queries_{source}.parquet", f"outcomes_{source}.parquet")
    table = load_outcomes(outcome_file)
    assert (len(load_queries(query_file).rows), len(table.models), table.repeated) == (queries, models, repeated)
