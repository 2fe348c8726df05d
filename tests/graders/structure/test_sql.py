"""Is it SQL, does it only read, and what does it read."""

import json
import socket
import sys
from pathlib import Path

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.errors import GraderError, MissingExtra
from pytest_llm.graders import contains_sql, valid_sql


@pytest.mark.parametrize(
    "code",
    [
        "SELECT name n FROM users",
        "SELECT 1;",
        "SELECT 1;;",
        "SELECT 1; -- done",
        "-- first\nSELECT 1",
        "(SELECT 1) UNION (SELECT 2)",
        "VALUES (1)",
        "DELETE FROM t",
        "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
        "CREATE TABLE t (a INT)",
        "DROP TABLE t",
        "SET x = 1",
    ],
)
def test_one_statement_is_valid(code):
    assert valid_sql()(code).passed


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("SELECT 1; DROP TABLE x", 'expected one SQL statement, got 2: "SELECT 1; DROP TABLE x"'),
        ("", 'expected one SQL statement, got 0: ""'),
        ("-- nothing", 'expected one SQL statement, got 0: "-- nothing"'),
        ("hello world", 'expected an SQL statement, got an expression: "hello world"'),
        ("42", 'expected an SQL statement, got an expression: "42"'),
        (
            "SELCT a FROM t",
            'the text is not SQL (sqlglot: line 1, column 12: Invalid expression / Unexpected token); got "SELCT a FROM t"',
        ),
        (
            "SELECT a b c FROM t",
            "the text is not SQL (sqlglot: line 1, column 12: Invalid expression / Unexpected token)",
        ),
        ("SELECT 'x", "the text is not SQL (sqlglot: Error tokenizing"),
    ],
)
def test_what_is_not_one_statement_is_told_and_why(code, reason):
    grade = valid_sql()(code)
    assert grade.state == "failed"
    assert grade.reason.startswith(reason)


@pytest.mark.parametrize("code", ["\x00", "\ud800", "Sure! Here it is:", "((", "*"])
def test_no_text_is_too_odd_to_fail(code):
    assert valid_sql()(code).state == "failed"


def test_what_sqlglot_cannot_read_is_ungraded():
    assert valid_sql()("EXPLAIN SELECT 1").reason == 'sqlglot knows "EXPLAIN" statements by name only'
    for deep in ("SELECT " + "(" * 5000, "SELECT " + "NOT " * 40_000 + "1", "[" * 20_000):
        grade = valid_sql()(deep)
        assert (grade.state, grade.reason) == ("ungraded", "it is nested too deep for sqlglot")


def test_sqlglot_logs_nothing_of_the_text(caplog):
    valid_sql()("EXPLAIN \x1b[31m")
    assert caplog.text == ""
    sqlglot.parse("EXPLAIN x")
    assert "EXPLAIN x" in caplog.text


@pytest.mark.parametrize(
    "code",
    [
        "SELECT * FROM t",
        "SELECT 1 UNION SELECT 2",
        "VALUES (1)",
        "WITH a AS (SELECT 1) SELECT * FROM a WHERE EXISTS (SELECT 1)",
        "SELECT 'DROP TABLE x'",
        "SELECT 1 /* DROP TABLE x */",
    ],
)
def test_a_query_only_reads(code):
    assert valid_sql("postgres", read_only=True)(code).passed


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("DROP TABLE x", "expected a query, got DROP"),
        ("DELETE FROM t", "expected a query, got DELETE"),
        ("INSERT INTO t VALUES (1)", "expected a query, got INSERT"),
        ("CREATE TABLE x AS SELECT 1", "expected a query, got CREATE"),
        ("COPY t FROM 'x'", "expected a query, got COPY"),
        ("PRAGMA x", "expected a query, got PRAGMA"),
        ("EXPLAIN ANALYZE DELETE FROM t", "expected a query, got EXPLAIN"),
        ("SELECT * INTO x FROM y", "expected a query that only reads, and it has INTO in it"),
        ("SELECT * FROM t FOR UPDATE", "expected a query that only reads, and it has LOCK in it"),
        ("WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a", "and it has DELETE in it"),
        ("WITH a AS (SELECT 1), b AS (UPDATE t SET a = 1 RETURNING *) SELECT * FROM a", "and it has UPDATE in it"),
        ("WITH a AS (DROP TABLE t) SELECT 1", "and it has DROP in it"),
        ("SELECT * FROM (WITH a AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM a) b", "it has INSERT in it"),
        ("SELECT 1 /*!50000 INTO OUTFILE '/tmp/x' */", "it has a comment that MySQL would run"),
        ("SELECT 1 /*M! + 1 */", "it has a comment that MySQL would run"),
        ("SELECT 1; SELECT 2", "expected one SQL statement, got 2"),
    ],
)
def test_what_writes_at_any_level_does_not_only_read(code, why):
    grade = valid_sql("postgres", read_only=True)(code)
    assert grade.state == "failed"
    assert why in grade.reason


ALLOWED = ["users", "shop.orders"]


@pytest.mark.parametrize(
    "code",
    [
        "SELECT * FROM users",
        "SELECT * FROM Users u JOIN shop.orders AS o ON u.id = o.user_id",
        "SELECT (SELECT max(id) FROM shop.orders) FROM users",
        "WITH secret AS (SELECT * FROM users) SELECT * FROM secret",
        "WITH a AS (SELECT * FROM users), b AS (SELECT * FROM a) SELECT * FROM a, b",
        "WITH RECURSIVE a AS (SELECT 1 UNION SELECT * FROM a) SELECT * FROM a",
        "WITH a AS (SELECT 1) SELECT * FROM (SELECT * FROM a) b WHERE EXISTS (SELECT * FROM a)",
        "SELECT * FROM UNNEST(x)",
        "SELECT 1",
    ],
)
def test_allowed_tables_ctes_and_aliases_may_be_named(code):
    assert valid_sql(tables=ALLOWED)(code).passed


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("SELECT * FROM secret", '"secret"'),
        ("SELECT * FROM b UNION SELECT * FROM a", '"a", "b"'),
        ("SELECT * FROM public.users", '"public.users"'),
        ("SELECT * FROM orders", '"orders"'),
        ('SELECT * FROM "USERS"', '"USERS"'),
        ("SELECT (SELECT max(a) FROM secret) FROM users", '"secret"'),
        ("SELECT * FROM users, LATERAL (SELECT * FROM secret) q", '"secret"'),
        ("WITH secret AS (SELECT * FROM secret) SELECT * FROM secret", '"secret"'),
        ("WITH b AS (SELECT * FROM c), c AS (SELECT 1) SELECT * FROM b, c", '"c"'),
        ("SELECT * FROM (WITH secret AS (SELECT 1) SELECT * FROM secret) x, secret", '"secret"'),
        ("WITH secret AS (SELECT 1) SELECT * FROM shop.secret", '"shop.secret"'),
        ("WITH secret AS (SELECT 1) UPDATE secret SET a = 1", '"secret"'),
        ("WITH secret AS (SELECT 1) INSERT INTO secret SELECT * FROM secret", '"secret"'),
        ("UPDATE secret SET a = 1", '"secret"'),
        ("DELETE FROM secret USING users", '"secret"'),
        ("DROP TABLE secret", '"secret"'),
        ("SELECT * FROM f(1)", '"f"'),
        ("SELECT * FROM read_csv('users')", '"read_csv"'),
        ("SELECT * FROM ?", '"?"'),
        ("SELECT * FROM a, b, c, d, e, f, g", '"a", "b", "c", "d", "e" and 2 more'),
    ],
)
def test_other_tables_may_not(code, named):
    grade = valid_sql(tables=ALLOWED)(code)
    assert (grade.state, grade.reason) == ("failed", f"it names tables that are not allowed: {named}")


def test_a_comment_that_mysql_runs_may_name_any_table():
    assert valid_sql("mysql", tables=ALLOWED)("SELECT * FROM users /*! , secret */").state == "failed"


def test_names_are_compared_as_the_dialect_does():
    assert valid_sql("snowflake", tables=["users"])("SELECT * FROM Users").passed
    assert valid_sql("snowflake", tables=["users"])('SELECT * FROM "users"').state == "failed"
    assert valid_sql("mysql", tables=["users"])("SELECT * FROM `users`").passed
    assert valid_sql("mysql", tables=["users"])("SELECT * FROM Users").state == "failed"
    assert valid_sql("duckdb", tables=["f"])("SELECT * FROM f(1)").passed


def test_a_dialect_is_kept_to():
    assert valid_sql("mysql")("SELECT `a` FROM t").passed
    assert valid_sql("postgres")("SELECT `a` FROM t").state == "failed"


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (
            {"dialect": "postgrs"},
            "dialect='postgrs' is none of sqlglot's (Unknown dialect 'postgrs'. Did you mean postgres?)",
        ),
        ({"dialect": ""}, "dialect='' is empty"),
        ({"tables": []}, "tables=[] is empty, so it would decide nothing"),
        ({"tables": "users"}, "tables='users' is no list"),
        ({"tables": ["a b c"]}, "tables='a b c' is no name of a table"),
        ({"tables": ["("]}, "tables='(' is no name of a table"),
        ({"tables": ["a, b"]}, "tables='a, b' is no name of a table"),
    ],
)
def test_a_parameter_that_names_nothing_is_refused(options, what):
    with pytest.raises(GraderError) as caught:
        valid_sql(**options)
    assert str(caught.value).startswith(f"valid_sql: {what}")


def test_parameters_are_refused_before_the_library_is_loaded(monkeypatch):
    monkeypatch.setattr("pytest_llm.graders.structure.sql.library", None)
    for options in ({"tables": []}, {"leniency": "extract"}, {"dialect": ""}):
        with pytest.raises(GraderError):
            valid_sql(**options)


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sqlglot", None)
    with pytest.raises(MissingExtra, match="valid_sql needs the library 'sqlglot'"):
        valid_sql()


def test_parameters_tell_what_it_was_built_with():
    assert valid_sql("postgres", read_only=True, tables=["a"]).parameters == {
        "dialect": "postgres",
        "parser": "libpg_query",
        "read_only": True,
        "tables": ["a"],
    }


@given(
    st.lists(
        st.sampled_from(
            ["SELECT", "FROM", "WHERE", "a", "b", "1", ",", "(", ")", "=", "UNION", "AS", "'x'", "*", "WITH", ";"]
        ),
        max_size=12,
    ).map(" ".join)
)
def test_what_is_valid_sqlglot_parses(code):
    grade = valid_sql(leniency="strict")(code)
    if grade.passed:
        assert [type(one) for one in sqlglot.parse(code) if one]
    else:
        assert grade.state == "failed"


CORPUS = json.loads(Path(__file__).with_name("sql_corpus.json").read_text(encoding="utf-8"))
#: What is wrong and passes still, for lack of a rule.
PASSING = {
    ("bigquery", "SELECT group FROM t"),
    ("bigquery", "UPDATE t SET a = 1,"),
    ("bigquery", "SELECT a FROM t WHERE a IN (1, 2,)"),
    ("snowflake", "SELECT a FROM t,"),
    ("snowflake", "UPDATE t SET a = 1,"),
}
DIALECTS = ["standard", "postgres", "mysql", "sqlite", "duckdb", "bigquery", "snowflake", "tsql"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_of_the_corpus_the_right_pass_and_the_wrong_fail(dialect):
    grader = valid_sql(None if dialect == "standard" else dialect)
    passed = {kind: {one["sql"] for one in CORPUS[kind] if grader(one["sql"]).passed} for kind in ("right", "wrong")}
    there = {kind: {one["sql"] for one in CORPUS[kind] if dialect in one["in"]} for kind in ("right", "wrong")}
    assert there["right"] - passed["right"] == set()
    assert there["wrong"] & passed["wrong"] == {code for name, code in PASSING if name == dialect}


def test_the_corpus_is_large_enough():
    assert len(CORPUS["right"]) >= 60
    assert len(CORPUS["wrong"]) >= 49


@pytest.mark.parametrize(
    ("dialect", "who"),
    [
        ("sqlite", "SQLite "),
        ("duckdb", "DuckDB "),
        ("postgres", "libpg_query of postgast "),
        ("mysql", "rule of mysql: it breaks off after SET"),
        (None, "rule of standard SQL: it breaks off after SET"),
    ],
)
def test_the_reason_names_who_refused(dialect, who):
    assert valid_sql(dialect)("UPDATE t SET").reason.startswith(f"the text is not SQL ({who}")


@pytest.mark.parametrize("dialect", ["sqlite", "duckdb", "postgres"])
def test_an_engine_opens_no_file_and_no_connection_and_runs_nothing(dialect, tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "socket", None)
    monkeypatch.chdir(tmp_path)
    grader = valid_sql(dialect)
    for code in (
        "ATTACH 'a.db' AS x",
        "VACUUM INTO 'b.db'",
        "PRAGMA journal_mode=WAL",
        "COPY (SELECT 1) TO 'c.csv'",
        "EXPORT DATABASE 'd'",
        "SELECT load_extension('e')",
        "SELECT * FROM 'https://localhost:1/f.csv'",
        "INSTALL httpfs",
        "CREATE TABLE t (a int)",
    ):
        grader(code)
    assert list(tmp_path.iterdir()) == []
    assert grader("SELECT * FROM t").passed


@pytest.mark.parametrize("dialect", ["sqlite", "duckdb", "postgres"])
@pytest.mark.parametrize(
    "code",
    [
        "SELECT 1" + "+1" * 40_000,
        "SELECT " + "(" * 150 + "1" + ")" * 150,
        "SELECT " + "NOT " * 100 + "1",
        "SELECT a FROM t WHERE a IN (" + "1," * 20_000 + "1)",
    ],
)
def test_what_is_too_deep_for_an_engine_ends_no_process(dialect, code):
    assert valid_sql(dialect)(code).state in {"passed", "ungraded"}


@pytest.mark.parametrize("code", ["SELECT '\x00'", "SELECT '\ud800'"])
@pytest.mark.parametrize("dialect", ["sqlite", "duckdb", "postgres"])
def test_characters_that_an_engine_cannot_be_given_are_refused(dialect, code):
    assert "it has " in valid_sql(dialect)(code).reason


def test_without_its_engine_a_dialect_is_held_to_the_rules(monkeypatch):
    monkeypatch.setitem(sys.modules, "postgast", None)
    grader = valid_sql("postgres")
    assert "parser" not in grader.parameters
    assert "(rule of postgres: it breaks off after SET)" in grader("UPDATE t SET").reason


def test_a_statement_that_sqlglot_knows_by_name_is_ungraded_unless_the_engine_refuses_it():
    assert valid_sql("postgres")("ALTER TABLE t").state == "failed"
    assert valid_sql("sqlite")("EXPLAIN QUERY PLAN SELECT 1").state == "ungraded"
    assert valid_sql("sqlite")("EXPLAIN SELECT FROM").state == "failed"


COLUMNS = ["id", "users.name", "shop.orders.total", "users.*"]


@pytest.mark.parametrize(
    "code",
    [
        "SELECT id, name FROM users",
        "SELECT u.name, o.total FROM users u JOIN shop.orders o ON u.id = o.id",
        "SELECT name, total FROM users JOIN shop.orders USING (id)",
        "SELECT * FROM users",
        "SELECT u.* FROM users u",
        "SELECT count(*) FROM secrets",
        "SELECT name AS n FROM users ORDER BY n",
        "SELECT x.n FROM (SELECT name AS n FROM users) x",
        "SELECT n FROM (SELECT name AS n FROM users) x, users",
        "WITH x AS (SELECT name AS n FROM users) SELECT n FROM x",
        "WITH x(n) AS (SELECT name FROM users) SELECT n FROM x JOIN users ON x.n = users.name",
        "SELECT id FROM users UNION SELECT id FROM t ORDER BY id",
        "SELECT name AS n FROM users UNION SELECT id FROM t ORDER BY n",
        "SELECT id FROM users WHERE EXISTS (SELECT 1 FROM shop.orders o WHERE o.id = users.id)",
        "UPDATE users SET name = 'x' WHERE id = 1",
        "INSERT INTO users (id, name) VALUES (1, 'x')",
        "INSERT INTO users SELECT * FROM users",
        "DELETE FROM users WHERE name = 'x'",
        "SELECT 1",
        "SELECT * FROM (SELECT id FROM t) x",
        "SELECT anything FROM (SELECT * FROM users) x, t",
        "SELECT y FROM UNNEST(z) AS x",
        "SELECT id FROM users WHERE id IN (SELECT id FROM t)",
    ],
)
def test_allowed_columns_may_be_named(code):
    assert valid_sql(columns=COLUMNS)(code).reason == ""


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("SELECT salary FROM users", '"users.salary"'),
        ("SELECT u.salary FROM users u", '"users.salary"'),
        ("SELECT total FROM users", '"users.total"'),
        ("SELECT name FROM shop.orders", '"shop.orders.name"'),
        ("SELECT * FROM shop.orders", '"shop.orders.*"'),
        ("SELECT o.* FROM shop.orders o", '"shop.orders.*"'),
        ("SELECT id FROM users WHERE salary > 1", '"users.salary"'),
        ("SELECT 1 AS salary FROM users WHERE salary > 1", '"users.salary"'),
        ("SELECT id FROM users, t ORDER BY salary", '"salary"'),
        ("SELECT x.a FROM (SELECT salary AS a FROM users) x", '"users.salary"'),
        ("WITH x AS (SELECT salary FROM users) SELECT id FROM x", '"users.salary"'),
        ("UPDATE users SET salary = 1", '"users.salary"'),
        ("SELECT (SELECT salary FROM users) FROM (SELECT 1 AS a) x", '"users.salary"'),
        ("INSERT INTO users (salary) VALUES (1)", '"users.salary"'),
        ("INSERT INTO secrets VALUES (1)", '"secrets.*"'),
        ("INSERT INTO users (id) SELECT name FROM secrets", '"secrets.name"'),
        ("SELECT id FROM users JOIN t USING (salary)", '"salary"'),
        ("SELECT shop.orders.name FROM shop.orders", '"shop.orders.name"'),
        ("SELECT nobody.a FROM users", '"nobody.a"'),
    ],
)
def test_other_columns_may_not(code, named):
    grade = valid_sql(columns=COLUMNS)(code)
    assert (grade.state, grade.reason) == ("failed", f"it names columns that are not allowed: {named}")


def test_columns_are_compared_as_the_dialect_does_and_only_of_rows():
    assert valid_sql("snowflake", columns=["id"])("SELECT ID FROM t").passed
    assert valid_sql("snowflake", columns=["id"])('SELECT "id" FROM t').state == "failed"
    assert valid_sql(columns=["*"])("SELECT * FROM t").passed
    assert valid_sql(columns=["id"])("DROP TABLE t").reason == 'expected a statement on rows, got DROP: "DROP TABLE t"'


@pytest.mark.parametrize("name", ["1", "a, b", "(", "count(a)", "a FROM"])
def test_what_is_no_name_of_a_column_is_refused(name):
    with pytest.raises(GraderError, match="is no name of a column"):
        valid_sql(columns=[name])


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM t",
        "select a from t",
        "Here it is:\n```sql\nSELECT a FROM t;\n```\nIt lists a.",
        "Here it is:\n```\nselect a from t\n```",
        "Use `select a from t` for that.",
        "Run this: SELECT a FROM t; it lists a.",
        "First:\n\nSELECT a\nFROM t\n\nThen go on.",
        "```sql\nSELECT a FROM\n```\nNo, rather:\n```sql\nSELECT a FROM t\n```",
        "```sql SELECT a FROM t```",
    ],
)
def test_sql_is_found_in_a_text(text):
    assert contains_sql()(text).passed


@pytest.mark.parametrize(
    "text",
    ["Select the best one from the list.", "```sql\nUPDATE t SET\n```", "SELECT a FROM, you know"],
)
def test_where_no_sql_is_in_a_text_the_reason_says_why_the_nearest_failed(text):
    grade = contains_sql()(text)
    assert grade.state == "failed"
    assert grade.reason.startswith("no SQL statement that passes is in the text; ")


@pytest.mark.parametrize("text", ["", "No query.", "Use a table"])
def test_a_text_without_sql_is_told(text):
    assert contains_sql()(text).reason == f'no SQL statement is in "{text}"'


def test_what_is_found_is_held_to_the_options():
    text = "```sql\nDELETE FROM users\n```"
    assert contains_sql(read_only=True)(text).state == "failed"
    assert contains_sql(tables=["t"])(text).state == "failed"
    assert contains_sql("postgres")("`EXPLAIN`, then `SELECT 1`").passed
    assert contains_sql()("Use `EXPLAIN SELECT 1`").state == "ungraded"
    assert contains_sql("mysql", columns=["a"]).parameters == {"dialect": "mysql", "columns": ["a"]}


@pytest.mark.parametrize("text", ["SELECT " * 20_000, "```" * 50_000, "`a" * 90_000, "WITH a\n" * 20_000])
def test_a_hostile_text_takes_bounded_time(text):
    assert contains_sql()(text).state in {"failed", "ungraded"}
