r"""Where in a prose text JSON arrays and objects are. PYTEST_DONT_REWRITE

One pass, whatever the text: `json.JSONDecoder.raw_decode` at every bracket is quadratic (each attempt may read to the
end, and each JSONDecodeError counts the lines before it), and a bracket counter is fooled by brackets in strings. So
the grammar is walked token by token; where it breaks, all containers open at that point are no JSON at once, and the
walk goes on from there.

A document inside an unfinished one is not found: of `{"order": {"id": 1}, "x":` the inner object is not the answer.
Which values are allowed (repeated keys, NaN) is not decided here: the last document counts, and if it is wrong it is
wrong.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

#: A bracket that what follows does not rule out.
_OPENING = re.compile(r"""\[(?=[ \t\n\r]*+[\]\[{"0-9tfnNI-])|\{(?=[ \t\n\r]*+["}])""")
TOKEN = re.compile(
    r"""[ \t\n\r]*+(?:
        (?P<mark>[\[\]{},:])
      | (?P<string>"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+")
      | (?P<scalar>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|null|NaN|-?Infinity)
    )""",
    re.VERBOSE,
)

#: From what came last to what may come, and what that makes. "value" is any value; "end" closes the container.
NEXT: dict[str, dict[str, str]] = {
    "{": {"string": "key", "}": "end"},
    "key": {":": ":"},
    ":": {"value": "member"},
    "member": {",": "member,", "}": "end"},
    "member,": {"string": "key"},
    "[": {"value": "item", "]": "end"},
    "item": {",": "item,", "]": "end"},
    "item,": {"value": "item"},
}


def documents(text: str) -> Iterator[str]:
    """The arrays and objects in the text that are not inside another one, in order.

    >>> list(documents('Not {"a": 1} but {"a": [2]}, I think.'))
    ['{"a": 1}', '{"a": [2]}']
    """
    position = 0
    while (opening := _OPENING.search(text, position)) is not None:
        ended, position = _container(text, opening.start())
        if ended:
            yield text[opening.start() : position]


def last_document(text: str) -> str | None:
    """The last of them.

    >>> last_document('Not {"a": 1} but {"a": [2]}, I think.')
    '{"a": [2]}'
    """
    last = deque(documents(text), maxlen=1)
    return last[0] if last else None


def _container(text: str, start: int) -> tuple[bool, int]:
    """Whether an array or object starts here, and where it ends or the grammar breaks."""
    state, position = follow(text, start)
    return state == "end", position


def follow(text: str, start: int) -> tuple[str, int]:
    """Follow the grammar from an opening bracket; return the state in which it breaks, or "end", and where."""
    state, position = text[start], start + 1
    #: The states to go on with when the containers that are open have ended, innermost last.
    outer: list[str] = []
    while True:
        token = TOKEN.match(text, position)
        if token is None:
            return state, position
        kind = token["mark"] or str(token.lastgroup)
        allowed = NEXT[state]
        if kind in {"[", "{"} and "value" in allowed:
            outer.append(allowed["value"])
            state = kind
        elif kind in allowed:
            state = allowed[kind]
        elif kind in {"string", "scalar"} and "value" in allowed:
            state = allowed["value"]
        else:
            return state, position
        position = token.end()
        if state == "end":
            if not outer:
                return state, position
            state = outer.pop()
