"""The tables and columns that a statement names. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from typing import Any

from pytest_llm.graders.parameters import refused
from pytest_llm.schemas import quoted

MOST_SHOWN = 5


def changes(exp: Any) -> tuple[Any, ...]:
    """The statements that change something; in older versions of sqlglot not all of them are DML."""
    return exp.DML, exp.DDL, exp.Insert, exp.Update, exp.Delete, exp.Merge


def tables_of(sqlglot: Any, statement: Any, dialect: Any) -> set[tuple[str, ...]]:
    """The tables that a statement names, in the letter case that the dialect gives their names."""
    sqlglot.optimizer.normalize_identifiers.normalize_identifiers(statement, dialect=dialect)
    exp = sqlglot.exp
    return {table_parts(exp, table) for table in statement.find_all(exp.Table) if not is_cte(exp, table)}


def table_parts(exp: Any, table: Any) -> tuple[str, ...]:
    """The name of a table with what stands before it, in parts."""
    parts = [table.args.get(kind) for kind in ("catalog", "db", "this")]
    return tuple(_name(exp, part) for part in parts if part is not None)


def _name(exp: Any, part: Any) -> str:
    """A part of a table's name, or the name of a function in its place, whatever its arguments are."""
    if isinstance(part, exp.Func) and not isinstance(part, exp.Anonymous):
        return str(part.sql_name().lower())
    return part.name or str(part.sql())


def is_cte(exp: Any, table: Any) -> bool:
    """Whether a name is that of a CTE where it stands: not in the CTE itself, nor in those before it."""
    if table.args.get("db") is not None or not isinstance(table.this, exp.Identifier):
        return False
    inner, outer = table, table.parent
    while outer is not None:
        if isinstance(outer, changes(exp)) and inner.arg_key == "this":
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


def allowed_tables(sqlglot: Any, name: str, dialect: Any) -> set[tuple[str, ...]]:
    """Return the name of a table in parts, in the letter case of the dialect."""
    try:
        query = sqlglot.parse_one(f"SELECT * FROM {name}", read=dialect)  # noqa: S608 - nothing runs it
        found = tables_of(sqlglot, query, dialect)
    except sqlglot.errors.SqlglotError:
        found = set()
    if len(found) != 1:
        raise refused("valid_sql", "tables", name, "is no name of a table", 'tables=["orders", "shop.customers"]')
    return found


def shown(found: set[tuple[str, ...]]) -> str:
    """Return names for a reason, the first few."""
    names = sorted(quoted(".".join(parts)) for parts in found)
    more = f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
    return ", ".join(names[:MOST_SHOWN]) + more
