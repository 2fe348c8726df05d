"""A grader of SQL. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from pytest_llm.graders.extras import library
from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import a_word, refused, some
from pytest_llm.graders.reading import CannotRead
from pytest_llm.graders.structure.fences import CodeLeniency, a_leniency, code_of
from pytest_llm.prompts import Case
from pytest_llm.schemas import one_line, quoted

#: MySQL and MariaDB run what is in such a comment; a parser of another mind does not see it.
_EXECUTED_COMMENT = re.compile(r"/\*M?!")
MOST_SHOWN = 5


def valid_sql(
    dialect: str | None = None,
    *,
    read_only: bool = False,
    tables: Iterable[str] | None = None,
    leniency: CodeLeniency = "fence",
) -> Grader:
    """The text is one SQL statement, of this dialect if one is named: "postgres", "mysql", "sqlite", "bigquery", …

    `read_only`: it is a query (SELECT, VALUES, and what UNION and its like make of them), writes nothing in any part of
    it (SELECT … INTO, a CTE with DELETE …), and locks nothing. `tables`: it names no others, each named as the
    query has to write it (`"shop.orders"` is not `"orders"`), compared by the dialect's own rule of letter case; CTEs
    and aliases are no tables, a function in FROM is one. What functions do is not seen.

    Source: sqlglot, whose parser is lenient in places; what it knows only by its first word (EXPLAIN, CALL) is
    ungraded.
    """
    params = a_leniency("valid_sql", leniency)
    wanted = None if dialect is None else a_word("valid_sql", "dialect", dialect)
    listed = () if tables is None else some("valid_sql", "tables", tables)
    names = [a_word("valid_sql", "tables", one) for one in listed] or None
    sqlglot = library("valid_sql", "sqlglot")
    library("valid_sql", "sqlglot.optimizer.normalize_identifiers")
    try:
        spoken = sqlglot.Dialect.get_or_raise(wanted)
    except ValueError as problem:
        raise refused("valid_sql", "dialect", wanted, f"is none of sqlglot's ({problem})", '"postgres"') from None
    allowed = None if names is None else set().union(*(_allowed(sqlglot, name, spoken) for name in names))

    def grade(output: object, _case: Case | None) -> Told:
        code = code_of(output, leniency)
        try:
            with _quiet():
                found = sqlglot.parse(code, read=spoken)
            # Between two semicolons is None where there is nothing, and a Semicolon where there is a comment.
            parsed = [one for one in found if one is not None and one.key != "semicolon"]
            if len(parsed) != 1:
                return False, f"expected one SQL statement, got {len(parsed)}: {quoted(code)}"
            (statement,) = parsed
            if isinstance(statement, sqlglot.exp.Command) and not read_only:
                raise CannotRead(f"sqlglot knows {quoted(statement.name)} statements by name only")
            if not _is_statement(sqlglot, statement, code, spoken):
                return False, f"expected an SQL statement, got an expression: {quoted(code)}"
            if (read_only or allowed is not None) and _EXECUTED_COMMENT.search(code):
                return False, f"it has a comment that MySQL would run: {quoted(code)}"
            if read_only and (why := _writes(sqlglot.exp, statement)):
                return False, f"{why}: {quoted(code)}"
            others = set() if allowed is None else _tables(sqlglot, statement, spoken) - allowed
        except sqlglot.errors.SqlglotError as problem:
            return False, f"the text is not SQL ({_message(problem)}); got {quoted(code)}"
        except RecursionError:
            raise CannotRead("it is nested too deep for sqlglot") from None
        return not others, f"it names tables that are not allowed: {_shown(others)}" if others else ""

    told = tuple(pair for pair in (("dialect", wanted), ("read_only", read_only), ("tables", names)) if pair[1])
    return Grader(name="valid_sql", function=grade, params=(*told, *params))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without sqlglot's warnings of what it cannot parse: they carry the text as it is, control characters too."""
    logger = logging.getLogger("sqlglot")

    def nothing(_record: logging.LogRecord) -> bool:
        return False

    logger.addFilter(nothing)
    try:
        yield
    finally:
        logger.removeFilter(nothing)


def _is_statement(sqlglot: Any, statement: Any, code: str, dialect: Any) -> bool:
    """Whether it is more than an expression: `hello world` is one, with an alias, to sqlglot."""
    exp = sqlglot.exp
    if isinstance(statement, (exp.Query, exp.Values, exp.Command, *_changes(exp))):
        return True
    first = dialect.tokenize(code)[0].token_type
    return first in dialect.parser_class.STATEMENT_PARSERS


def _writes(exp: Any, statement: Any) -> str:
    """What in a statement is more than reading; "" where nothing is."""
    if not isinstance(statement, (exp.Query, exp.Values)):
        kind = statement.name if isinstance(statement, exp.Command) else statement.key
        return f"expected a query, got {kind.upper()}"
    for node in statement.find_all(exp.CTE, exp.Into, exp.Lock, *_changes(exp)):
        # Whatever is a statement may stand in a CTE, for sqlglot.
        inner = node.this if isinstance(node, exp.CTE) else node
        if not isinstance(inner, (exp.Query, exp.Values, exp.Condition)):
            return f"expected a query that only reads, and it has {inner.key.upper()} in it"
    return ""


def _changes(exp: Any) -> tuple[Any, ...]:
    """The statements that change something; in older versions of sqlglot not all of them are DML."""
    return exp.DML, exp.DDL, exp.Insert, exp.Update, exp.Delete, exp.Merge


def _tables(sqlglot: Any, statement: Any, dialect: Any) -> set[tuple[str, ...]]:
    """The tables that a statement names, in the letter case that the dialect gives their names."""
    sqlglot.optimizer.normalize_identifiers.normalize_identifiers(statement, dialect=dialect)
    exp = sqlglot.exp
    return {
        tuple(_name(exp, part) for kind in ("catalog", "db", "this") if (part := table.args.get(kind)) is not None)
        for table in statement.find_all(exp.Table)
        if not _is_cte(exp, table)
    }


def _name(exp: Any, part: Any) -> str:
    """A part of a table's name, or the name of a function in its place, whatever its arguments are."""
    if isinstance(part, exp.Func) and not isinstance(part, exp.Anonymous):
        return str(part.sql_name().lower())
    return part.name or str(part.sql())


def _is_cte(exp: Any, table: Any) -> bool:
    """Whether a name is that of a CTE where it stands: not in the CTE itself, nor in those before it."""
    if table.args.get("db") is not None or not isinstance(table.this, exp.Identifier):
        return False
    inner, outer = table, table.parent
    while outer is not None:
        if isinstance(outer, _changes(exp)) and inner.arg_key == "this":
            return False  # what is written to
        named = outer if isinstance(outer, exp.With) else outer.args.get("with_") or outer.args.get("with")
        if named is not None and named is not inner:
            ctes = named.expressions
            if named is outer and not named.args.get("recursive"):
                ctes = ctes[: inner.index]
            if table.name in {cte.alias for cte in ctes}:
                return True
        inner, outer = outer, outer.parent
    return False


def _allowed(sqlglot: Any, name: str, dialect: Any) -> set[tuple[str, ...]]:
    try:
        query = sqlglot.parse_one(f"SELECT * FROM {name}", read=dialect)  # noqa: S608 - nothing runs it
        found = _tables(sqlglot, query, dialect)
    except sqlglot.errors.SqlglotError:
        found = set()
    if len(found) != 1:
        raise refused("valid_sql", "tables", name, "is no name of a table", 'tables=["orders", "shop.customers"]')
    return found


def _shown(tables: set[tuple[str, ...]]) -> str:
    names = sorted(quoted(".".join(table)) for table in tables)
    more = f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
    return ", ".join(names[:MOST_SHOWN]) + more


def _message(problem: Any) -> str:
    """Without the text around the place, in which sqlglot underlines it."""
    for one in getattr(problem, "errors", ()):
        return f"line {one['line']}, column {one['col']}: {one_line(one['description'], 200)}"
    return one_line(str(problem), 200)
