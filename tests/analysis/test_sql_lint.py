"""The SQL check finds what it is for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shadow.prices.registry import BAND_EDGES_TOKENS
from shadowroute.analysis import sql_files
from shadowroute.analysis.prices import context_band
from tests.checks import sql_lint

GOOD = """-- what: rows
-- grain: one row
-- params: project String, at DateTime64(3, 'UTC')
SELECT count() AS n FROM decisions WHERE project = {project:String} AND ts < {at:DateTime64(3, 'UTC')}
"""


def found(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch, where: str = "analysis/sql") -> list[str]:
    """Problems of a tree that holds one file."""
    target = folder / where
    target.mkdir(parents=True)
    (target / "some.sql").write_text(text)
    monkeypatch.setattr(sql_lint, "ROOT", folder)
    return list(sql_lint.problems())


def test_every_file_of_the_repository_is_right() -> None:
    """No SQL file has a problem."""
    assert list(sql_lint.problems()) == []


def test_a_right_file_has_no_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The smallest good statement passes."""
    assert found(tmp_path, GOOD, monkeypatch) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("-- grain: one row\n", "", "header line `-- grain"),
        ("project String, ", "", "parameter project must be both"),
        ("project String, ", "project String, day Date, ", "parameter day must be both"),
        ("{project:String}", "{project:LowCardinality(String)}", "must have one type"),
        ("count() AS n", "*", "got a star"),
        ("count() AS n", "decisions.*", "got a star"),
        ("SELECT count()", "SELEC count()", "must"),
        ("WHERE project", "WHERE (project", "must parse"),
        ("SELECT", "DROP TABLE decisions; SELECT", "exactly one SELECT"),
        ("SELECT count() AS n FROM", "DELETE FROM", "exactly one SELECT"),
        ("SELECT count() AS n FROM", "INSERT INTO t SELECT count() AS n FROM", "exactly one SELECT"),
    ],
)
def test_a_wrong_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, problem: str
) -> None:
    """Each mistake gives a line that starts with the file and says the rule."""
    assert old in GOOD
    lines = found(tmp_path, GOOD.replace(old, new), monkeypatch)
    assert lines
    assert lines[0].startswith("analysis/sql/some.sql: ")
    assert problem in lines[0]


def test_migrations_must_parse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration may do what it likes, as long as it is ClickHouse SQL."""
    text = "CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a;\nALTER TABEL t ADD COLUMN b UInt8;"
    assert found(tmp_path, text, monkeypatch, "collector/migrations") != []


def test_counting_rows_is_no_star(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """count(*) names no column and is fine."""
    assert found(tmp_path, GOOD.replace("count()", "count(*)"), monkeypatch) == []


def test_every_context_band_has_the_edges_of_the_price_book() -> None:
    """SQL and Python price one call in one band: above an edge is in the next one, at the edge is not."""
    folders = (Path(sql_files.__file__).with_name("sql"), Path(sql_files.__file__).parents[1] / "collector" / "sql")
    found = re.findall(
        r"toUInt8\(((?:\([^()]+ > \d+\)(?: \+ )?)+)\) AS context_band",
        "\n".join(file.read_text() for folder in folders for file in sorted(folder.rglob("*.sql"))),
    )
    assert len(found) >= 3
    assert {tuple(map(int, re.findall(r"> (\d+)", bands))) for bands in found} == {BAND_EDGES_TOKENS}
    assert [context_band(edge + more) for edge in BAND_EDGES_TOKENS for more in (0, 1)] == [0, 1, 1, 2, 2, 3]


def test_every_statement_has_a_test() -> None:
    """Each file of analysis/sql has a test of its name in some test_sql*.py beside this one."""
    sources = [path.read_text() for path in Path(__file__).parent.glob("test_sql*.py")]
    tested = {name for text in sources for name in re.findall(r"^def test_(\w+)\(", text, re.MULTILINE)}
    assert [name for name in sql_files.names() if name not in tested] == []


def test_a_part_that_no_statement_uses_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that does not say what it is; a used one passes."""
    lines = found(tmp_path, "SELECT 1\n", monkeypatch, "analysis/sql/parts")
    assert [line.split(";")[0] for line in lines] == [
        "analysis/sql/parts/some.sql: must stand in a statement",
        "analysis/sql/parts/some.sql: must have a header line `-- what: ...`",
    ]
    (tmp_path / "analysis/sql/parts/some.sql").write_text("-- what: one\nSELECT 1\n")
    monkeypatch.setattr(sql_files, "FOLDER", tmp_path / "analysis/sql")
    (tmp_path / "analysis/sql/parts/some.sql").write_text("-- what: one\nAND status = 'ok'\n")
    (tmp_path / "analysis/sql/user.sql").write_text(GOOD + "-- part: some\n")
    assert list(sql_lint.problems()) == []


def test_a_part_stands_where_its_line_stood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Indented like the line, without its header, and with parts of its own."""
    monkeypatch.setattr(sql_files, "FOLDER", tmp_path)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/outer.sql").write_text("-- what: outer\nFROM (\n  -- part: inner\n)\n")
    (tmp_path / "parts/inner.sql").write_text("-- what: inner\nSELECT 1\n")
    (tmp_path / "some.sql").write_text("-- what: some\nSELECT 2\n  -- part: outer\n")
    assert sql_files.body_of(tmp_path / "some.sql") == "SELECT 2\n  FROM (\n    SELECT 1\n  )"
