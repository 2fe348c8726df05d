"""Graders of SQL. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pytest_llm.graders.extras import library
from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import a_word, refused, some
from pytest_llm.graders.reading import CannotRead
from pytest_llm.graders.structure.fences import CodeLeniency, a_leniency, code_of
from pytest_llm.graders.structure.sql_columns import ColumnCheck, allowed_column
from pytest_llm.graders.structure.sql_engines import StrictParser, strict_parser
from pytest_llm.graders.structure.sql_names import allowed_tables, changes, shown, tables_of
from pytest_llm.graders.structure.sql_rules import broken_rule
from pytest_llm.prompts import Case
from pytest_llm.schemas import one_line, quoted

#: MySQL and MariaDB run what is in such a comment; a parser of another mind does not see it.
_EXECUTED_COMMENT = re.compile(r"/\*M?!")
_WORDS = "SELECT|WITH|INSERT|UPDATE|DELETE|MERGE|CREATE|ALTER|DROP|VALUES"
#: In prose a statement begins with one of these words in capitals; a text that is all SQL may have them in any case.
_BEGINNING = re.compile(rf"\b(?:{_WORDS})\b[^;]*?(?=;|\n[ \t]*\n|\Z)")
_FIRST_WORD = re.compile(rf"[\s(]*(?:{_WORDS})\b", re.IGNORECASE)
_FENCED = re.compile(r"```(?:[A-Za-z0-9_+-]*[ \t]*\n|sql\b)?(.*?)```|`([^`\n]+)`", re.DOTALL)
MOST_CANDIDATES = 50


def valid_sql(
    dialect: str | None = None,
    *,
    read_only: bool = False,
    tables: Iterable[str] | None = None,
    columns: Iterable[str] | None = None,
    leniency: CodeLeniency = "fence",
) -> Grader:
    """The text is one SQL statement, of this dialect if one is named: "postgres", "mysql", "sqlite", "bigquery", …

    `read_only`: it is a query (SELECT, VALUES, and what UNION and its like make of them), writes nothing in any part of
    it (SELECT … INTO, a CTE with DELETE …), and locks nothing. `tables`: it names no others, each named as the
    query has to write it (`"shop.orders"` is not `"orders"`), compared by the dialect's own rule of letter case; CTEs
    and aliases are no tables, a function in FROM is one. `columns`: it names no others; `"id"` is that column of any
    table, `"orders.total"` that of one, `"orders.*"` and `"*"` allow SELECT * and INSERT without a list. What functions
    do is not seen.

    sqlglot parses it; then the parser of the engine whose dialect it is: SQLite's, and with the extra `sql` DuckDB's
    and PostgreSQL's. For other dialects rules of our own refuse what sqlglot accepts and the grammar does not. The
    reason names who refused. What sqlglot knows only by its first word (EXPLAIN, CALL) is ungraded, unless an engine
    refuses it.

    >>> from pytest_llm.graders import valid_sql
    >>> valid_sql("mysql")("UPDATE t SET").reason
    'the text is not SQL (rule of mysql: it breaks off after SET); got "UPDATE t SET"'
    """
    params = a_leniency("valid_sql", leniency)
    told, judge = _checked("valid_sql", dialect, read_only, tables, columns)

    def grade(output: object, _case: Case | None) -> Told:
        return judge(code_of(output, leniency))

    return Grader(name="valid_sql", function=grade, params=(*told, *params))


def contains_sql(
    dialect: str | None = None,
    *,
    read_only: bool = False,
    tables: Iterable[str] | None = None,
    columns: Iterable[str] | None = None,
) -> Grader:
    """An SQL statement that `valid_sql` passes is in the text: all of it, in a code fence, in backticks, or in prose.

    In prose a statement begins with its first word in capitals (SELECT, WITH, INSERT, …), and ends before a semicolon
    or an empty line, or with the text. The first 50 places are looked at. Source: as for `valid_sql`.

    >>> from pytest_llm.graders import contains_sql
    >>> contains_sql()("Run this: SELECT name FROM users; it lists them.").state
    'passed'
    """
    told, judge = _checked("contains_sql", dialect, read_only, tables, columns)

    def grade(output: object, _case: Case | None) -> Told:
        text = code_of(output, "fence")
        reasons, unread = [], None
        for candidate in _candidates(text):
            try:
                passed, why = judge(candidate)
            except CannotRead as problem:
                unread = problem
                continue
            if passed:
                return True, ""
            reasons.append(why)
        if unread is not None:
            raise unread
        if not reasons:
            return False, f"no SQL statement is in {quoted(text)}"
        return False, f"no SQL statement that passes is in the text; {reasons[0]}"

    return Grader(name="contains_sql", function=grade, params=told)


def _candidates(text: str) -> list[str]:
    """The parts of a text that may be a statement, without repetition."""
    fences = list(_FENCED.finditer(text))
    inside = [fence[1] if fence[1] is not None else fence[2] for fence in fences[:MOST_CANDIDATES]]
    starts = islice(_BEGINNING.finditer(text), MOST_CANDIDATES)
    prose = [found[0] for found in starts if not any(fence.start() < found.start() < fence.end() for fence in fences)]
    whole = [text] if _FIRST_WORD.match(text) else []  # to sqlglot, "Use `a`" is a statement too
    found = [part.strip() for part in (*inside, *prose, *whole)]
    return list(dict.fromkeys(found))


def _checked(
    grader: str,
    dialect: str | None,
    read_only: bool,
    tables: Iterable[str] | None,
    columns: Iterable[str] | None,
) -> tuple[tuple[tuple[str, Any], ...], Callable[[str], tuple[bool, str]]]:
    """The parameters and the check of one text, for both graders."""
    wanted = None if dialect is None else a_word(grader, "dialect", dialect)
    listed = {"tables": tables, "columns": columns}
    names = {
        key: None if some_names is None else [a_word(grader, key, one) for one in some(grader, key, some_names)]
        for key, some_names in listed.items()
    }
    sqlglot = library(grader, "sqlglot")
    library(grader, "sqlglot.optimizer.normalize_identifiers")
    try:
        spoken = sqlglot.Dialect.get_or_raise(wanted)
    except ValueError as problem:
        raise refused(grader, "dialect", wanted, f"is none of sqlglot's ({problem})", '"postgres"') from None
    known, fields = names["tables"], names["columns"]
    check = _Check(
        sqlglot=sqlglot,
        dialect=spoken,
        dialect_name=wanted,
        engine=strict_parser(wanted),
        read_only=read_only,
        tables=None if known is None else set().union(*(allowed_tables(sqlglot, name, spoken) for name in known)),
        columns=None if fields is None else {allowed_column(sqlglot, name, spoken) for name in fields},
    )
    parser = None if check.engine is None else check.engine.name
    pairs = (("dialect", wanted), ("parser", parser), ("read_only", read_only), *names.items())
    return tuple(pair for pair in pairs if pair[1]), check


@dataclass(frozen=True, slots=True, kw_only=True)
class _Check:
    """What one statement has to be."""

    sqlglot: Any
    dialect: Any
    dialect_name: str | None
    engine: StrictParser | None
    read_only: bool
    tables: set[tuple[str, ...]] | None
    columns: set[tuple[str, ...]] | None

    def __call__(self, code: str) -> tuple[bool, str]:
        sqlglot = self.sqlglot
        try:
            with _quiet():
                found = sqlglot.parse(code, read=self.dialect)
            # Between two semicolons is None where there is nothing, and a Semicolon where there is a comment.
            parsed = [one for one in found if one is not None and one.key != "semicolon"]
            if len(parsed) != 1:
                return False, f"expected one SQL statement, got {len(parsed)}: {quoted(code)}"
            why = self._fault(parsed[0], code)
        except sqlglot.errors.SqlglotError as problem:
            return False, f"the text is not SQL (sqlglot: {_message(problem)}); got {quoted(code)}"
        except RecursionError:
            raise CannotRead("it is nested too deep for sqlglot") from None
        return not why, why

    def _fault(self, statement: Any, code: str) -> str:
        """Return why a parsed statement fails, or nothing."""
        sqlglot, exp = self.sqlglot, self.sqlglot.exp
        if not _is_statement(sqlglot, statement, code, self.dialect):
            return f"expected an SQL statement, got an expression: {quoted(code)}"
        if self.read_only and (writing := _writes(exp, statement)):
            return f"{writing}: {quoted(code)}"
        if why := self._refusal(statement, code):
            return f"the text is not SQL ({why}); got {quoted(code)}"
        if isinstance(statement, exp.Command):
            raise CannotRead(f"sqlglot knows {quoted(statement.name)} statements by name only")
        limited = self.read_only or self.tables is not None or self.columns is not None
        if limited and _EXECUTED_COMMENT.search(code):
            return f"it has a comment that MySQL would run: {quoted(code)}"
        named = tables_of(sqlglot, statement, self.dialect)
        if self.tables is not None and (others := named - self.tables):
            return f"it names tables that are not allowed: {shown(others)}"
        if self.columns is None:
            return ""
        if not isinstance(statement, (exp.Query, exp.Values, exp.Insert, exp.Update, exp.Delete, exp.Merge)):
            return f"expected a statement on rows, got {statement.key.upper()}: {quoted(code)}"
        others = ColumnCheck(sqlglot, self.columns).others(statement)
        return f"it names columns that are not allowed: {shown(others)}" if others else ""

    def _refusal(self, statement: Any, code: str) -> str | None:
        if self.engine is not None:
            return self.engine.refusal(code)
        why = broken_rule(self.sqlglot, statement, code, self.dialect, self.dialect_name)
        return None if why is None else f"rule of {self.dialect_name or 'standard SQL'}: {why}"


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
    if isinstance(statement, (exp.Query, exp.Values, exp.Command, *changes(exp))):
        return True
    first = dialect.tokenize(code)[0].token_type
    return first in dialect.parser_class.STATEMENT_PARSERS


def _writes(exp: Any, statement: Any) -> str:
    """What in a statement is more than reading; "" where nothing is."""
    if not isinstance(statement, (exp.Query, exp.Values)):
        kind = statement.name if isinstance(statement, exp.Command) else statement.key
        return f"expected a query, got {kind.upper()}"
    for node in statement.find_all(exp.CTE, exp.Into, exp.Lock, *changes(exp)):
        # Whatever is a statement may stand in a CTE, for sqlglot.
        inner = node.this if isinstance(node, exp.CTE) else node
        if not isinstance(inner, (exp.Query, exp.Values, exp.Condition)):
            return f"expected a query that only reads, and it has {inner.key.upper()} in it"
    return ""


def _message(problem: Any) -> str:
    """Without the text around the place, in which sqlglot underlines it."""
    for one in getattr(problem, "errors", ()):
        return f"line {one['line']}, column {one['col']}: {one_line(one['description'], 200)}"
    return one_line(str(problem), 200)
