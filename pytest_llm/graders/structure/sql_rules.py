"""Rules on what sqlglot parsed, for what it accepts and databases refuse. PYTEST_DONT_REWRITE

sqlglot translates between dialects, so it accepts nearly every dialect's habits in each. A rule applies only to the
dialects that are taken to refuse the construct; None stands for a statement without a dialect, which follows the SQL
standard here. Only the parsers of SQLite, DuckDB and PostgreSQL were run on the corpus of the tests; which constructs
the other dialects refuse was written from memory, and no server or manual of theirs has confirmed it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: The dialects whose grammar is looked at; the others (ClickHouse, Spark, …) reserve few words and are left to sqlglot.
KNOWN: frozenset[str | None] = frozenset(
    {
        None,
        "bigquery",
        "duckdb",
        "mysql",
        "oracle",
        "postgres",
        "presto",
        "redshift",
        "snowflake",
        "sqlite",
        "trino",
        "tsql",
    }
)
#: Words taken to be reserved in the standard and in the dialects that the rule applies to.
_RESERVED = frozenset(
    [
        "SELECT",
        "FROM",
        "WHERE",
        "GROUP",
        "ORDER",
        "HAVING",
        "UNION",
        "ON",
        "AND",
        "OR",
        "AS",
        "IN",
        "CREATE",
        "INTO",
        "SET",
        "WHEN",
        "THEN",
        "TABLE",
    ]
)
_OPENING = frozenset(
    [
        "BY",
        "ON",
        "SET",
        "AS",
        "IN",
        "INTO",
        "JOIN",
        "AND",
        "OR",
        "NOT",
        "WHERE",
        "FROM",
        "HAVING",
        "UNION",
        "LIKE",
        "BETWEEN",
        "GROUP",
        "ORDER",
        "IS",
        "FETCH",
    ]
) | frozenset(["=", "<", ">", "<=", ">=", "<>", "!="])
#: What cannot follow a comma.
_CLOSING = frozenset([")", "FROM", "WHERE", "GROUP BY", "ORDER BY", "HAVING", "LIMIT", "VALUES", "UNION", "SELECT"])


def broken_rule(sqlglot: Any, statement: Any, code: str, dialect: Any, name: str | None) -> str | None:
    """Return the first rule of this dialect's grammar that a parsed statement breaks, in words, or None."""
    exp = sqlglot.exp
    if name not in KNOWN or not isinstance(
        statement, (exp.Query, exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create)
    ):
        return None
    words = _words(dialect.tokenize(code))
    for rule, exempt in _RULES.items():
        if name not in exempt and (why := rule(exp, statement, words)):
            return why
    return None


def _words(tokens: list[Any]) -> list[str]:
    """The keywords and signs of a text in capitals; for quoted text, and for a name after a dot, a placeholder."""
    quoted_kinds = {"STRING", "IDENTIFIER", "RAW_STRING", "NATIONAL_STRING", "HEREDOC_STRING", "UNICODE_STRING"}
    words = ["…" if token.token_type.name in quoted_kinds else token.text.upper() for token in tokens]
    words = ["…" if place and words[place - 1] == "." else word for place, word in enumerate(words)]
    while words[-1] == ";":
        words.pop()
    return words


def _outer(words: list[str]) -> list[str]:
    """The words that are in no brackets."""
    depth, outer = 0, []
    for word in words:
        depth += (word == "(") - (word == ")")
        if not depth:
            outer.append(word)
    return outer


def _breaks_off(_exp: Any, _statement: Any, words: list[str]) -> str:
    last = words[-1].split()[-1]
    return f"it breaks off after {last}" if last in _OPENING else ""


def _comma_in_table(exp: Any, statement: Any, words: list[str]) -> str:
    return _comma(words) if isinstance(statement, exp.Create) else ""


def _comma_in_rows(exp: Any, statement: Any, words: list[str]) -> str:
    return "" if isinstance(statement, exp.Create) else _comma(words)


def _comma(words: list[str]) -> str:
    for word, following in zip(words, [*words[1:], ")"], strict=True):
        if word == "," and following in _CLOSING:
            return "nothing follows a comma"
    return ""


def _update_without_assignment(exp: Any, statement: Any, _words: list[str]) -> str:
    for update in statement.find_all(exp.Update):
        assignments = update.expressions
        if isinstance(update.parent, exp.When):
            continue
        if not assignments or any(isinstance(one, (exp.Column, exp.Identifier)) for one in assignments):
            return "UPDATE assigns nothing"
    return ""


def _select_nothing(exp: Any, statement: Any, _words: list[str]) -> str:
    nothing = any(not select.expressions for select in statement.find_all(exp.Select))
    return "SELECT has no list of columns" if nothing else ""


def _reserved_name(exp: Any, statement: Any, _words: list[str]) -> str:
    for node in statement.find_all(exp.Column, exp.Table, exp.TableAlias):
        name = node.this
        if (
            isinstance(name, exp.Identifier)
            and not name.args.get("quoted")
            and name.name.upper() in _RESERVED
            and not (node.args.get("table") or node.args.get("db"))
        ):
            return f"the reserved word {name.name.upper()} stands where a name is expected"
    return ""


def _empty_group(exp: Any, statement: Any, _words: list[str]) -> str:
    empty = any(not any(group.args.values()) for group in statement.find_all(exp.Group))
    return "GROUP BY names nothing" if empty else ""


def _named_star(exp: Any, statement: Any, _words: list[str]) -> str:
    named = any(alias.this.is_star and not alias.this.find(exp.Func) for alias in statement.find_all(exp.Alias))
    return "* has an alias" if named else ""


def _empty_in(exp: Any, statement: Any, _words: list[str]) -> str:
    empty = any(
        not any(value for key, value in one.args.items() if key != "this") for one in statement.find_all(exp.In)
    )
    return "IN has an empty list" if empty else ""


def _delete_without_from(exp: Any, statement: Any, words: list[str]) -> str:
    bad = isinstance(statement, exp.Delete) and "FROM" not in _outer(words)
    return "DELETE has no FROM" if bad else ""


def _insert_without_into(exp: Any, statement: Any, words: list[str]) -> str:
    bad = isinstance(statement, exp.Insert) and not {"INTO", "OVERWRITE"} & set(_outer(words))
    return "INSERT has no INTO" if bad else ""


def _insert_set(exp: Any, statement: Any, words: list[str]) -> str:
    outer = _outer(words)
    sets = ["UPDATE" not in before for before, word in zip(["", *outer], outer, strict=False) if word == "SET"]
    return "INSERT … SET is MySQL's" if isinstance(statement, exp.Insert) and any(sets) else ""


def _table_without_columns(exp: Any, statement: Any, _words: list[str]) -> str:
    if not isinstance(statement, exp.Create) or statement.args.get("kind") != "TABLE":
        return ""
    more = any(statement.args.get(key) for key in ("expression", "properties", "clone"))
    plain = isinstance(statement.this, (exp.Table, exp.Schema)) and not statement.this.expressions
    return "CREATE TABLE has no columns" if plain and not more else ""


def _limit_comma(_exp: Any, _statement: Any, words: list[str]) -> str:
    bad = any(word == "LIMIT" and words[place + 2 : place + 3] == [","] for place, word in enumerate(words))
    return "LIMIT has two numbers" if bad else ""


def _ilike(_exp: Any, _statement: Any, words: list[str]) -> str:
    return "it has no ILIKE" if "ILIKE" in words else ""


def _share_lock(_exp: Any, _statement: Any, words: list[str]) -> str:
    return "LOCK IN SHARE MODE is MySQL's" if "LOCK IN SHARE MODE" in " ".join(words) else ""


#: Each rule with the known dialects in which the construct is right.
_RULES: dict[Callable[[Any, Any, list[str]], str], frozenset[str | None]] = {
    _breaks_off: frozenset(),
    _comma_in_rows: frozenset({"bigquery", "duckdb", "snowflake"}),
    _comma_in_table: frozenset({"bigquery", "duckdb", "snowflake", "tsql"}),
    _update_without_assignment: frozenset(),
    _select_nothing: frozenset({"postgres"}),
    _reserved_name: frozenset({"bigquery"}),
    _empty_group: frozenset(),
    _named_star: frozenset({"duckdb"}),
    _empty_in: frozenset({"duckdb", "sqlite"}),
    _delete_without_from: frozenset({"bigquery", "oracle", "tsql"}),
    _insert_without_into: frozenset({"bigquery", "mysql", "tsql"}),
    _insert_set: frozenset({"mysql"}),
    _table_without_columns: frozenset({"bigquery", "postgres"}),
    _limit_comma: frozenset({None, "mysql", "sqlite"}),
    _ilike: frozenset({None, "duckdb", "postgres", "redshift", "snowflake"}),
    _share_lock: frozenset({None, "mysql"}),
}
