"""The columns that a statement names. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_llm.graders.parameters import refused
from pytest_llm.graders.structure.sql_names import changes, is_cte, table_parts

Names = tuple[str, ...]


class ColumnCheck:
    """Find the columns of a statement that are not allowed; CTEs and subqueries are looked into, not at.

    The statement has its identifiers in the letter case of its dialect. A column without its table counts as one of any
    table of its query.
    """

    def __init__(self, sqlglot: Any, allowed: set[Names]) -> None:
        self._exp = sqlglot.exp
        self._allowed = allowed
        self._found: dict[int, dict[str, Names | None]] = {}

    def others(self, statement: Any) -> set[Names]:
        """Return the columns that are not allowed, as the statement names them."""
        exp = self._exp
        others = set()
        for node in statement.find_all(exp.Column, exp.Star, exp.Identifier, exp.Insert):
            if isinstance(node, exp.Column):
                others |= self._of_column(node)
            elif isinstance(node, exp.Star):
                if not isinstance(node.parent, (exp.Column, exp.Count)):
                    others |= self._of_star(node)
            elif isinstance(node, exp.Insert):
                if not isinstance(node.this, exp.Schema):
                    others |= self._of_star(node.this)
            elif node.arg_key in {"using", "conflict_keys"} or _is_inserted(exp, node):
                others |= self._of_name(node, node.name)
        return others

    def _of_column(self, column: Any) -> set[Names]:
        name = "*" if isinstance(column.this, self._exp.Star) else column.name
        if not column.table:
            return self._of_name(column, name)
        written = tuple(part.name for part in column.parts[:-1])
        parts: Names | None = written
        for scope in self._scopes(column):
            if len(written) == 1 and written[0] in self._sources(scope):
                parts = self._sources(scope)[written[0]]
                break
        if parts is None or {(*parts, name), (name,)} & self._allowed:
            return set()
        return {(*parts, name)}

    def _of_name(self, node: Any, name: str) -> set[Names]:
        if (name,) in self._allowed or self._is_output(node, name):
            return set()
        tables: list[Names] = []
        for scope in self._scopes(node):
            sources = self._sources(scope).values()
            tables += [parts for parts in sources if parts is not None]
            if None in sources and self._is_derived(scope, name):
                return set()
        if not tables and any(self._sources(scope) for scope in self._scopes(node)):
            return set()
        if any((*parts, name) in self._allowed for parts in tables):
            return set()
        return {(*tables[0], name) if len(tables) == 1 else (name,)}

    def _of_star(self, star: Any) -> set[Names]:
        scope = next(self._scopes(star), None)
        if ("*",) in self._allowed or scope is None:
            return set()
        stars = {(*parts, "*") for parts in self._sources(scope).values() if parts is not None}
        return stars - self._allowed

    def _scopes(self, node: Any) -> Iterator[Any]:
        """The queries and changes around a node, from the inside.

        None beyond a CTE or a subquery in FROM, which see nothing outside.
        """
        exp = self._exp
        inner, outer = node, node.parent
        while outer is not None and not isinstance(inner, exp.CTE):
            is_source = isinstance(inner, exp.Subquery) and isinstance(outer, (exp.From, exp.Join))
            if is_source and inner is not node and inner.arg_key == "this":
                return
            writes_what_it_selects = isinstance(outer, exp.Insert) and inner.arg_key == "expression"
            if isinstance(outer, (exp.Select, *changes(exp))) and not writes_what_it_selects:
                yield outer
            inner, outer = outer, outer.parent

    def _sources(self, scope: Any) -> dict[str, Names | None]:
        """What a query reads from, by the name that it has there: the parts of a table's name, or None."""
        if id(scope) not in self._found:
            exp = self._exp
            found: dict[str, Names | None] = {}
            for node in scope.find_all(exp.Table, exp.Subquery, exp.Unnest, exp.Lateral, exp.Values):
                if next(self._scopes(node), None) is scope and node.arg_key not in {"tables", "expressions"}:
                    real = (
                        isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier) and not is_cte(exp, node)
                    )
                    found[node.alias_or_name or f" {len(found)}"] = table_parts(exp, node) if real else None
            self._found[id(scope)] = found
        return self._found[id(scope)]

    def _is_derived(self, scope: Any, name: str) -> bool:
        """Whether a CTE, a subquery or a function of this query may be what has the column."""
        exp = self._exp
        exported: set[str] = set()
        for node in scope.find_all(exp.Subquery):
            if not isinstance(node.parent, (exp.From, exp.Join)):
                continue
            exported |= set(node.alias_column_names or node.this.named_selects)
        named = {source for source, parts in self._sources(scope).items() if parts is None}
        for cte in scope.root().find_all(exp.CTE):
            exported |= set(cte.alias_column_names or getattr(cte.this, "named_selects", ()))
        for node in scope.find_all(exp.Unnest, exp.Lateral, exp.Values, exp.TableAlias):
            exported |= {column.name for column in getattr(node, "columns", None) or ()}
        return bool({name, "*"} & (exported | named))

    def _is_output(self, node: Any, name: str) -> bool:
        """Whether it sorts or groups by a column of the result, which was looked at where it is made."""
        exp = self._exp
        clause = node.find_ancestor(exp.Order, exp.Group, exp.Having, exp.Qualify, exp.Select, exp.SetOperation)
        if not isinstance(clause, (exp.Order, exp.Group, exp.Having, exp.Qualify)):
            return False
        query = clause.parent
        return isinstance(query, exp.Query) and name in {
            one.alias for one in query.selects if isinstance(one, exp.Alias)
        } | (set(query.named_selects) if isinstance(query, exp.SetOperation) else set())


def allowed_column(sqlglot: Any, name: str, dialect: Any) -> Names:
    """Return the parts of a column's name, `orders.total` or `*`, in the letter case of the dialect."""
    exp = sqlglot.exp
    try:
        query = sqlglot.parse_one(f"SELECT {name}", read=dialect)
        sqlglot.optimizer.normalize_identifiers.normalize_identifiers(query, dialect=dialect)
        found = query.expressions
    except (sqlglot.errors.SqlglotError, AttributeError):
        found = []
    only = found[0] if len(found) == 1 and len(query.args["expressions"]) == 1 else None
    if isinstance(only, exp.Star):
        return ("*",)
    if isinstance(only, exp.Column):
        return tuple("*" if isinstance(part, exp.Star) else part.name for part in only.parts)
    raise refused("valid_sql", "columns", name, "is no name of a column", 'columns=["id", "orders.total", "users.*"]')


def _is_inserted(exp: Any, identifier: Any) -> bool:
    schema = identifier.parent
    return isinstance(schema, exp.Schema) and isinstance(schema.parent, exp.Insert)
