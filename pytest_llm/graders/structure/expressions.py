r"""Mathematical expressions, as people and LaTeX write them, read into trees. PYTEST_DONT_REWRITE

Nothing of a text is run: it is cut into tokens of a closed list, and these are read by the rules below. What could be
read in two ways is not read: `1/2x`, `2 1/2`, `x2`, `\sin^{-1} x`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from pytest_llm.graders.reading import CannotRead, NotConforming
from pytest_llm.schemas import quoted

LONGEST_EXPRESSION = 1000
MOST_NESTED = 40

FUNCTIONS = frozenset(
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh exp ln log sqrt abs".split()  # noqa: SIM905
)
_OTHER_NAMES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "\u221a": "sqrt"}
_CONSTANTS = {"pi": "pi", "π": "pi", "e": "e", "i": "i"}
_GREEK = "alpha beta gamma delta epsilon theta lambda mu nu rho sigma tau phi varphi omega"
_GREEK_NAMES = frozenset(_GREEK.split())
_GREEK_LETTERS = dict(zip("αβγδεθλμνρστφω", (one for one in _GREEK.split() if one != "varphi"), strict=True))
_SIGNS = {
    "\u2212": "-", "\u2013": "-", "\u00b7": "*", "\u22c5": "*", "\u00d7": "*", "\u00f7": "/", "**": "^",
    "\\cdot": "*", "\\times": "*", "\\div": "/", "\\%": "%", "[": "(", "]": ")", "\\lvert": "|", "\\rvert": "|",
}  # fmt: skip
_POWERS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")

_TOKEN = re.compile(
    r"(?P<blank>(?:\s|~|\\[,;:! ]|\\q?quad\b|\\left\b|\\right\b|\\displaystyle\b)+)"
    r"|(?P<number>[0-9]{1,3}(?:(?:,|\{,\})[0-9]{3})+(?:\.[0-9]+)?(?![0-9])|[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
    r"|(?P<power>[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)"
    r"|(?P<command>\\(?:[a-zA-Z]+|[%{}]))"
    r"|(?P<name>[a-zA-Z]+|[α-ωπ√])"
    r"|(?P<sign>\*\*|[-+*/^()\[\]{}|!%=_\u2212\u2013\u00b7\u22c5\u00d7\u00f7])"
)
#: Around the whole, in LaTeX and markdown.
_AROUND = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"), ("**", "**"), ("`", "`"))
_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{")
_POWER_OF_TEN = re.compile(r"[0-9.][eE][+-]?[0-9]")
_WORDS = re.compile(r"(?<![a-zA-Z\\])[a-zA-Z]{2,}(?![a-zA-Z])")


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, or one of the constants pi, e and i."""

    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation or a function on expressions."""

    kind: str
    parts: tuple[Expression, ...]


Expression = Number | Name | Operation


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    #: Whether a blank is in front of it.
    apart: bool = False


def expression_of(text: str) -> tuple[str, Expression]:
    r"""Return what is left of an equals sign, "" without one, and the expression of a text.

    The last `\boxed{…}` counts where there is one, else the whole text. Raises NotConforming where it is no
    expression, CannotRead where it is one that is not read.

    >>> expression_of("x = 2")
    ('x', Number(value=Fraction(2, 1)))
    """
    bare = _bare(text)
    if len(bare) > LONGEST_EXPRESSION:
        raise CannotRead(f"it reads expressions of up to {LONGEST_EXPRESSION} characters, and this is of {len(bare)}")
    unknown = [word for word in _WORDS.findall(bare) if word not in FUNCTIONS | {"pi", *_OTHER_NAMES}]
    if not bare or len(unknown) > 1:
        raise NotConforming(f"expected an expression and nothing else, got {quoted(text)}")
    if _POWER_OF_TEN.search(bare):
        raise CannotRead(f"the expression can be read in two ways (e, or a power of ten): {quoted(text)}")
    return _Parser(list(_tokens(bare)), text).whole()


def _bare(text: str) -> str:
    """Return the expression without what LaTeX and markdown put around it."""
    boxes = list(_BOXED.finditer(text))
    if boxes:
        text = _braced(text, boxes[-1].end())
    text = text.strip()
    shorter = None
    while shorter != text:
        shorter = text
        text = text.removesuffix(".").strip()
        for begin, end in _AROUND:
            if text.startswith(begin) and text.endswith(end) and len(text) > len(begin) + len(end):
                inner = text[len(begin) : -len(end)]
                text = text if end in inner else inner.strip()
    return text


def _braced(text: str, start: int) -> str:
    """Return what is in the braces that are open at a place; "" where they are not closed, as in a cut-off reply."""
    depth = 1
    for place in range(start, min(len(text), start + 10 * LONGEST_EXPRESSION)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[start:place]
    return ""


def _tokens(text: str) -> Iterator[_Token]:
    """Yield the tokens of an expression. Raises CannotRead for what is none."""
    place, apart = 0, False
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise CannotRead(f"{quoted(text[place])} is not read in an expression: {quoted(text)}")
        place, kind, token = found.end(), str(found.lastgroup), found[0]
        if kind == "blank":
            apart = True
            continue
        if kind in ("command", "sign") and token in _SIGNS:
            kind, token = "sign", _SIGNS[token]
        yield from _named(kind, token, apart=apart)
        apart = False


def _named(kind: str, token: str, *, apart: bool) -> Iterator[_Token]:
    """Yield a token, or, of letters that are no name together, each letter as a variable."""
    if kind == "number":
        yield _Token("number", re.sub(r"[,{}]", "", token), apart)
        return
    word = token.removeprefix("\\")
    word = (_OTHER_NAMES | _GREEK_LETTERS).get(word, word)
    if kind == "command":
        if word in ("frac", "dfrac", "tfrac", "cfrac"):
            yield _Token("frac", word, apart)
            return
        if word not in FUNCTIONS | _GREEK_NAMES | {"pi"}:
            raise CannotRead(f"{quoted(token)} is not read in an expression")
    if kind not in ("command", "name"):
        yield _Token(kind, token, apart)
    elif word in FUNCTIONS:
        yield _Token("function", word, apart)
    elif word in _CONSTANTS or word in _GREEK_NAMES or len(word) == 1:
        yield _Token("name", _CONSTANTS.get(word, word), apart)
    else:
        for place, letter in enumerate(word):
            yield _Token("name", _CONSTANTS.get(letter, letter), apart and not place)


class _Parser:
    """Recursive descent, with the depth bounded."""

    def __init__(self, tokens: list[_Token], text: str) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0
        self._bars = 0
        self._text = text

    def whole(self) -> tuple[str, Expression]:
        """Return the side left of an equals sign and the expression; it has to be a variable alone."""
        left = self._sum()
        if not self._take("="):
            self._end()
            return "", left
        right = self._sum()
        self._end()
        if not isinstance(left, Name):
            raise CannotRead(f"an equation is read only with a variable alone on its left: {quoted(self._text)}")
        return left.name, right

    def _end(self) -> None:
        if self._place < len(self._tokens):
            raise self._wrong()

    def _sum(self) -> Expression:
        terms = [self._product()]
        while (sign := self._take("+", "-")) is not None:
            terms.append(_negative(self._product()) if sign == "-" else self._product())
        return _joined("+", terms)

    def _product(self) -> Expression:
        above, below, sign = [self._signed()], list[Expression](), None
        while True:
            divided = sign == "/"
            sign = self._take("*", "/")
            if sign is None and not self._begins_factor():
                break
            if sign is None and divided:
                raise self._two_ways("what the line of the fraction is over")
            if sign is None and self._peek().kind == "number":
                raise self._two_ways("a number after another one")
            if sign is None and self._peek().kind == "frac" and isinstance(above[-1], Number):
                raise self._two_ways("a number before a fraction")
            (below if sign == "/" else above).append(self._signed() if sign else self._factor())
        found = _joined("*", above)
        return Operation("/", (found, _joined("*", below))) if below else found

    def _signed(self) -> Expression:
        sign = self._take("+", "-")
        if sign is None:
            return self._factor()
        if self._take("+", "-") is not None:
            raise self._wrong()
        inner = self._factor()
        return _negative(inner) if sign == "-" else inner

    def _factor(self) -> Expression:
        """Return an operand with its powers, factorials and per cents."""
        self._depth += 1
        if self._depth > MOST_NESTED:
            raise CannotRead(f"the expression has more than {MOST_NESTED} levels: {quoted(self._text)}")
        found = self._operand()
        sign = self._take("!", "%")
        if sign is not None:
            found = Operation("!", (found,)) if sign == "!" else Operation("/", (found, Number(Fraction(100))))
        if sign and self._take("!", "%"):
            raise self._two_ways("two signs behind a number")
        exponent = self._exponent()
        self._depth -= 1
        return found if exponent is None else Operation("^", (found, exponent))

    def _exponent(self) -> Expression | None:
        token = self._peek()
        if token.kind == "power":
            self._place += 1
            written = token.text.translate(_POWERS)
            if not re.fullmatch("-?[0-9]+", written):
                raise self._wrong()
            return Number(Fraction(written))
        if self._take("^") is None:
            return None
        if self._peek().text == "{":
            return self._group("{", "}")
        return self._signed()  # 2^-1, and 2^3^2 from the right

    def _operand(self) -> Expression:
        token = self._peek()
        self._place += 1
        match token.kind, token.text:
            case "number", text:
                return Number(Fraction(text))
            case "name", text:
                return self._variable(text)
            case "frac", _:
                return Operation("/", (self._argument(), self._argument()))
            case "function", name:
                return self._function(name)
            case "sign", "(" | "{" as begin:
                self._place -= 1
                return self._group(begin, ")" if begin == "(" else "}")
            case "sign", "|" if not self._bars:
                self._bars += 1
                inner = self._sum()
                self._bars -= 1
                self._need("|")
                return Operation("abs", (inner,))
        self._place -= 1
        raise self._wrong()

    def _variable(self, name: str) -> Expression:
        if self._take("_") is not None:
            argument = self._argument()
            index = argument.value if isinstance(argument, Number) else getattr(argument, "name", None)
            if index is None:
                raise CannotRead(f"an index is read only as a number or a letter: {quoted(self._text)}")
            return Name(f"{name}_{index}")
        after = self._peek()
        if after.kind == "number" and not after.apart:
            raise self._two_ways("a number right after a letter")
        return Name(name)

    def _function(self, name: str) -> Expression:
        if name == "sqrt" and self._peek().text == "(" and self._is_root_index():
            degree = self._group("(", ")")
            return Operation("root", (self._argument(), degree))
        base: tuple[Expression, ...] = ()
        if name == "log" and self._take("_") is not None:
            base = (self._argument(),)
        exponent = self._exponent()
        if exponent is not None and not (isinstance(exponent, Number) and exponent.value > 0):
            raise self._two_ways("an inverse or a reciprocal")
        found = Operation(name, (self._function_argument(name), *base))
        return found if exponent is None else Operation("^", (found, exponent))

    def _is_root_index(self) -> bool:
        """Whether `[3]` follows, and after it what the root is of."""
        closing = next((at for at in range(self._place, len(self._tokens)) if self._tokens[at].text == ")"), None)
        following = self._tokens[closing + 1].text if closing is not None and closing + 1 < len(self._tokens) else ""
        return following == "{"

    def _function_argument(self, name: str) -> Expression:
        """Return what a function is of: a group, or all factors up to the next sign or function."""
        begin = self._peek().text
        if begin in ("(", "{"):
            return self._group(begin, ")" if begin == "(" else "}")
        if name in ("sqrt", "abs"):
            return self._argument()
        factors = [self._signed()]
        while self._peek().kind == "name":
            factors.append(self._factor())
        return _joined("*", factors)

    def _argument(self) -> Expression:
        """Return what stands in braces, or, as LaTeX does, the next digit or letter."""
        token = self._peek()
        if token.text == "{":
            return self._group("{", "}")
        if token.kind == "number" and not token.text.isdigit():
            raise self._wrong()
        if token.kind == "number" and len(token.text) > 1:
            self._tokens[self._place : self._place + 1] = [_Token("number", digit) for digit in token.text]
            token = self._peek()
        if token.kind not in ("number", "name"):
            raise self._wrong()
        self._place += 1
        return Number(Fraction(token.text)) if token.kind == "number" else Name(token.text)

    def _group(self, begin: str, end: str) -> Expression:
        self._need(begin)
        bars, self._bars = self._bars, 0
        found = self._sum()
        self._bars = bars
        self._need(end)
        return found

    def _begins_factor(self) -> bool:
        token = self._peek()
        if token.text == "|":
            return not self._bars
        return token.kind in ("number", "name", "frac", "function") or token.text in ("(", "{")

    def _peek(self) -> _Token:
        return self._tokens[self._place] if self._place < len(self._tokens) else _Token("end", "")

    def _take(self, *signs: str) -> str | None:
        token = self._peek()
        if token.kind != "sign" or token.text not in signs:
            return None
        self._place += 1
        return token.text

    def _need(self, sign: str) -> None:
        if self._take(sign) is None:
            raise self._wrong()

    def _wrong(self) -> NotConforming:
        return NotConforming(f"expected an expression and nothing else, got {quoted(self._text)}")

    def _two_ways(self, what: str) -> CannotRead:
        return CannotRead(f"the expression can be read in two ways ({what}): {quoted(self._text)}")


def _negative(expression: Expression) -> Expression:
    return Operation("*", (Number(Fraction(-1)), expression))


def _joined(kind: str, parts: list[Expression]) -> Expression:
    return parts[0] if len(parts) == 1 else Operation(kind, tuple(parts))
