"""Parsers of database engines, which are stricter than sqlglot. PYTEST_DONT_REWRITE

An engine judges only the dialect that is its own. It parses and runs nothing, opens no file and no connection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from pytest_llm.errors import MissingExtra
from pytest_llm.graders.extras import library

#: How SQLite words an error of its grammar. Other errors are about names and sizes, which no text alone decides.
_SQLITE_SYNTAX = ("syntax error", "incomplete input", "unrecognized token", "clause should come", "one statement")
_DUCKDB_SETTINGS = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "threads": "1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StrictParser:
    """The parser of one engine: its name, with the version for reasons, and a function that returns its objection.

    The objection is None where the parser accepts a statement, or cannot judge it (too deep for its stack).
    """

    name: str
    version: str
    objection: Callable[[str], str | None]

    def refusal(self, code: str) -> str | None:
        """Return why the parser refuses the statement, with the parser's name in front, or None.

        >>> parser = strict_parser("sqlite")
        >>> parser.refusal("SELECT a, FROM t").partition(": ")[2]
        'near "FROM": syntax error'
        """
        why = _not_plain(code) or self.objection(code)
        return None if why is None else f"{self.name} {self.version}: {why}"


def strict_parser(dialect: str | None) -> StrictParser | None:
    """Return the parser of the engine whose dialect this is, or None where there is none or it is not installed."""
    make = {"sqlite": _sqlite, "duckdb": _duckdb, "postgres": _postgres}.get(dialect or "")
    try:
        return None if make is None else make()
    except MissingExtra:
        return None


def _not_plain(code: str) -> str | None:
    """Name the characters at which C libraries stop or that they cannot be given."""
    if "\x00" in code:
        return "it has a null character"
    if any("\ud800" <= character <= "\udfff" for character in code):
        return "it has half of a character (a lone surrogate)"
    return None


def _sqlite() -> StrictParser:
    sqlite3 = library("valid_sql", "sqlite3", extra="sql")

    def objection(code: str) -> str | None:
        connection = sqlite3.connect(":memory:")
        try:
            # "Ignore" makes SQLite skip the compilation of every action and read on, so that PRAGMA, ATTACH and the
            # like do nothing while they are prepared; EXPLAIN keeps what is left from running.
            connection.set_authorizer(lambda *_: sqlite3.SQLITE_IGNORE)
            prefix = "" if code.lstrip()[:7].upper() == "EXPLAIN" else "EXPLAIN "
            connection.execute(prefix + code)
        except (sqlite3.Error, sqlite3.Warning) as problem:
            message = str(problem)
            return message if any(words in message for words in _SQLITE_SYNTAX) else None
        finally:
            connection.close()
        return None

    return StrictParser(name="SQLite", version=sqlite3.sqlite_version, objection=objection)


def _duckdb() -> StrictParser:
    duckdb = library("valid_sql", "duckdb", extra="sql")
    connection = duckdb.connect(":memory:", config=_DUCKDB_SETTINGS)

    def objection(code: str) -> str | None:
        try:
            connection.cursor().extract_statements(code)
        except duckdb.Error as problem:
            message = _first_line(problem).removeprefix("Parser Error: ")
            return None if "depth" in message else message
        return None

    return StrictParser(name="DuckDB", version=duckdb.__version__, objection=objection)


def _postgres() -> StrictParser:
    postgast = library("valid_sql", "postgast", extra="sql")

    def objection(code: str) -> str | None:
        try:
            # Not parse(): it walks the tree in C to build a message, and a deep statement ends the process.
            found = postgast.split(code, method="parser")
        except postgast.PgQueryError as problem:
            message = _first_line(problem)
            return None if "memory exhausted" in message else message
        return None if len(found) == 1 else f"it has {len(found)} statements"

    return StrictParser(name="libpg_query", version=f"of postgast {version('postgast')}", objection=objection)


def _first_line(problem: Any) -> str:
    return str(problem).strip().partition("\n")[0]
