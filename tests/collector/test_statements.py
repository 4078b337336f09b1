"""Which SQL passes into an embedded store, judged by the engine that would run it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import chdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shadowroute.collector.doors import statements
from shadowroute.collector.errors import StatementRefusedError

Check = Callable[..., statements.Kind]


@pytest.fixture(scope="module")
def engine(engine_folder: Path) -> Iterator[Any]:
    """A handle on a small database beside `default`, the one that reads files as tables."""
    connection = chdb.connect(str(engine_folder.resolve()))
    for sql in (
        "CREATE DATABASE gate ENGINE = Atomic",
        "CREATE TABLE gate.t (a UInt64, b String) ENGINE = MergeTree ORDER BY a",
        "CREATE VIEW gate.v AS SELECT a FROM gate.t",
        "USE gate",
    ):
        connection.query(sql, "TabSeparated")
    yield connection
    connection.query("DROP DATABASE gate SYNC", "TabSeparated")
    connection.close()


@pytest.fixture(scope="module")
def functions(engine: Any) -> frozenset[str]:
    return statements.table_functions(engine)


@pytest.fixture(scope="module")
def check(engine: Any, functions: frozenset[str]) -> Check:
    def run(sql: str, **params: str) -> statements.Kind:
        return statements.check(engine, sql, database="gate", params=params, functions=functions)

    return run


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "SELECT 1;",
        "-- why\nSELECT a FROM t FINAL WHERE a IN (1, 2) FORMAT Native",
        "(SELECT 1) UNION ALL (SELECT 2)",
        "SELECT 1 EXCEPT SELECT 2",
        "WITH x AS (SELECT 1 AS a) SELECT a FROM x",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT n FROM r",
        "SELECT name, value FROM system.settings",
        "SELECT a FROM t WHERE a IN t AND b != 'SETTINGS a = 1'",
        "SELECT t.a FROM t AS default ASOF JOIN t AS u ON t.b = u.b AND t.a >= u.a",
        "SELECT number, format('{}', 'file') AS file FROM numbers(3) ARRAY JOIN [1, 2] AS url",
        "SELECT 'file(''/etc/passwd'')' AS x /* url( */",
        "SELECT a FROM {table:Identifier}",
    ],
)
def test_selects_pass(check: Check, sql: str) -> None:
    """Ordinary analysis passes, whatever its aliases, literals and comments look like."""
    assert check(sql, table="gate.t") == "select"


@pytest.mark.parametrize(
    "sql",
    ["SHOW TABLES", "DESCRIBE TABLE t", "EXISTS TABLE t", "SHOW CREATE TABLE t", "EXPLAIN SELECT 1", "SHOW DATABASES"],
)
def test_questions_about_the_schema_pass(check: Check, sql: str) -> None:
    """Clients ask these before they insert."""
    assert check(sql) == "show"


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t (a, b) FORMAT Native",
        "INSERT INTO gate.t VALUES (1, 'x')",
        "/* x */ insert into `t` select number, 'x' from numbers(3)",
    ],
)
def test_inserts_into_our_tables_pass(check: Check, sql: str) -> None:
    """Data, values and selects may be inserted."""
    assert check(sql) == "insert"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT file('/etc/passwd')",
        "SELECT FiLe('/etc/passwd')",
        "SELECT * FROM view(SELECT * FROM url('http://x'))",
        "EXPLAIN SELECT * FROM s3('x')",
        "DESCRIBE TABLE file('/etc/passwd')",
        "SELECT * FROM remote('host', gate.t)",
        "SELECT * FROM merge('default', '.*')",
        "SELECT * FROM Python(secrets)",
        "SELECT * FROM format(Values, 'a String', $$(file('/etc/passwd'))$$)",
        "SELECT * FROM values('a String', file('/etc/passwd'))",
        "SELECT * FROM executable('x', 'TSV', 'a Int8')",
        "SELECT 1 IN url('http://x')",
        "SELECT aiGenerate('key', explanation) FROM t",
        "SELECT hasColumnInTable('host', 'user', 'password', 'd', 't', 'c')",
        "SELECT * FROM default.`/etc/passwd`",
        "SELECT * FROM `default`.`/etc/passwd`",
        "SELECT 'a' IN default.`/etc/passwd`",
        "SELECT 1 FROM t JOIN default.`/etc/passwd` AS f ON 1",
        "DESCRIBE TABLE default.`/etc/passwd`",
        "SHOW CREATE TABLE default.`/etc/passwd`",
        "CHECK TABLE default.`/etc/passwd`",
        "SELECT * FROM {path:Identifier}",
        "SELECT * FROM {database:Identifier}.{file:Identifier}",
        "SELECT 1 INTO OUTFILE '/tmp/x'",
        "SELECT 1 SETTINGS output_format_schema = '/tmp/x'",
        "INSERT INTO t SELECT 1, line FROM file('/etc/passwd', 'LineAsString')",
        "INSERT INTO t FROM INFILE '/etc/passwd' FORMAT TSV",
        "INSERT INTO FUNCTION file('/tmp/x') SELECT 1",
        "INSERT INTO t SETTINGS input_format_values_interpret_expressions = 1 FORMAT Values",
        "SELECT 1 FROM t SETTINGS additional_table_filters = {'t': 'file(''/etc/passwd'') != '''''}",
        "SELECT * FROM (SELECT 1 SETTINGS max_threads = 1)",
        "SELECT 1 FORMAT Template SETTINGS format_template_row = '/etc/passwd'",
    ],
)
def test_nothing_reaches_files_or_hosts(check: Check, sql: str) -> None:
    """Files, addresses, programs and Python objects cannot be read or written, however they are named."""
    with pytest.raises(StatementRefusedError, match="must"):
        check(sql, path="default./etc/passwd", database="default", file="/etc/passwd")


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE t",
        "TRUNCATE TABLE t",
        "ALTER TABLE t DELETE WHERE 1",
        "OPTIMIZE TABLE t",
        "CREATE TABLE u (a Int8) ENGINE = Memory",
        "CREATE FUNCTION f AS x -> x",
        "ATTACH TABLE u FROM '/x' (a Int8) ENGINE = Log",
        "RENAME TABLE t TO u",
        "GRANT ALL ON *.* TO x",
        "SET max_threads = 1",
        "USE default",
        "SYSTEM SHUTDOWN",
        "KILL QUERY WHERE 1",
        "BACKUP TABLE t TO File('/x')",
        "INSERT INTO system.one VALUES (1)",
        "INSERT INTO default.x VALUES (1)",
        "INSERT INTO schema_migrations VALUES (1)",
        "SELECT 1; SELECT 2",
        "INSERT INTO t SELECT 1, 'x'; DROP TABLE t",
        "SELEC 1",
        "",
    ],
)
def test_everything_but_reads_and_inserts_is_refused(check: Check, sql: str) -> None:
    """One statement, a read or an insert: the rest belongs to the process that runs the store."""
    with pytest.raises(StatementRefusedError, match="must"):
        check(sql)


def test_a_refusal_says_what_was_wrong(check: Check) -> None:
    """The message names the rule and what broke it, without quoting the whole statement."""
    with pytest.raises(StatementRefusedError) as caught:
        check("DROP TABLE t")
    assert str(caught.value) == (
        "statement must be a read or an INSERT into this store's tables, got 'DROP'; "
        "only the process that owns the store makes other changes"
    )
    with pytest.raises(StatementRefusedError, match="it reads from url"):
        check("SELECT * FROM url('http://10.0.0.1/?secret')")


SOURCES = [
    "SELECT * FROM {0}",
    "SELECT (SELECT count() FROM {0})",
    "SELECT 1 WHERE 1 IN (SELECT 1 FROM {0})",
    "WITH x AS (SELECT * FROM {0}) SELECT 1 FROM x",
    "SELECT 1 FROM t LEFT JOIN {0} AS j ON 1",
    "SELECT 1 UNION ALL SELECT * FROM (SELECT * FROM {0})",
    "EXPLAIN SELECT * FROM {0}",
    "INSERT INTO t SELECT * FROM {0}",
    "SELECT 1 EXCEPT SELECT * FROM {0}",
    "SELECT * FROM view(SELECT * FROM {0})",
]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_table_function_slips_through(check: Check, functions: frozenset[str], data: st.DataObject) -> None:
    """Every table function of the engine but the harmless ones is refused, at every place where rows come from."""
    name = data.draw(st.sampled_from(sorted(functions - statements.SAFE_TABLE_FUNCTIONS)))
    spelled = "".join(data.draw(st.sampled_from([c.lower(), c.upper()])) for c in name)
    quoted = data.draw(st.sampled_from([spelled, f"`{spelled}`", f"/* x */ {spelled} /* y */"]))
    shape = data.draw(st.sampled_from(SOURCES))
    with pytest.raises((StatementRefusedError, RuntimeError)):
        check(shape.format(f"{quoted}('a', 'b')"))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_passes_leaves_the_schema_alone(engine: Any, check: Check, data: st.DataObject) -> None:
    """Whatever words are strung together: if they pass, running them changes no table and no setting."""
    words = "SELECT INSERT INTO FROM t v a DROP TABLE ALTER CREATE SET ; ( ) 1 , 'x' * numbers(2) VALUES AS WITH FORMAT"
    sql = " ".join(data.draw(st.lists(st.sampled_from(words.split()), min_size=1, max_size=9)))
    try:
        kind = check(sql)
    except (StatementRefusedError, RuntimeError):
        return
    before = _schema(engine)
    with suppress(RuntimeError):
        engine.query(sql, "TabSeparated")
    assert kind in ("select", "show", "insert")
    assert _schema(engine) == before


def _schema(engine: Any) -> list[str]:
    # ORDER BY would belong to the second half of the union only.
    found = engine.query(
        "SELECT database, name, create_table_query FROM system.tables WHERE database IN ('gate', 'default')"
        " UNION ALL SELECT name, value, '' FROM system.settings WHERE changed",
        "TabSeparated",
    )
    return sorted(str(found).splitlines())
