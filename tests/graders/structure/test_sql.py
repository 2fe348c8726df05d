"""Is it SQL, does it only read, and what does it read."""

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.errors import GraderError, MissingExtra
from pytest_llm.graders import valid_sql


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
