"""Findings in the order of the document, each once. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Iterable

from pytest_llm.schemas.issue import JSON, Issue


def deduplicated(issues: Iterable[Issue]) -> tuple[Issue, ...]:
    """Each finding once; two are the same when they expect the same at the same place.

    Where a choice is expected, that says the kind too: "one of 'low' or 'high'" needs no "a string" beside it.
    """
    once: dict[tuple[str, str, str], Issue] = {}
    for issue in issues:
        once.setdefault((issue.path, issue.code, issue.expected), issue)
    chosen = {issue.path for issue in once.values() if issue.code == "enum"}
    return tuple(issue for issue in once.values() if issue.code != "type" or issue.path not in chosen)


def in_document_order(issues: Iterable[Issue], data: JSON) -> tuple[Issue, ...]:
    """Each finding once, in the order in which the document has the values; what is missing comes last in its object.

    Validators look at fields in orders of their own; with this one, two that find the same say the same.
    """
    order = _Order(data)
    return tuple(sorted(deduplicated(issues), key=lambda issue: order.place(issue.path)))


class _Order:
    """Where in a document a pointer leads, as something that sorts."""

    def __init__(self, data: JSON) -> None:
        self._data = data
        #: Of each object that was passed, by id, its fields' places; else a thousand findings read it a thousand times.
        self._fields: dict[int, dict[str, int]] = {}

    def place(self, path: str) -> tuple[int, ...]:
        value = self._data
        places: list[int] = []
        for step in path.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(value, dict):
                fields = self._numbered(value)
                places.append(fields.get(name, len(fields)))
                value = value.get(name)
            elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
                places.append(int(name))
                value = value[int(name)]
            else:  # an item that is missing; or a step into what a validator made of the value
                places.append(len(value) if isinstance(value, list) else 0)
                value = None
        return tuple(places)

    def _numbered(self, fields: dict[str, JSON]) -> dict[str, int]:
        if id(fields) not in self._fields:
            self._fields[id(fields)] = {name: n for n, name in enumerate(fields)}
        return self._fields[id(fields)]
