"""Graders of what an answer takes from the passages it was given. PYTEST_DONT_REWRITE

Neither asks a model: a citation has to name a passage that was given, a quote has to stand in one. Whether the passage
says what the answer makes of it is a judge's question.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import a_count, a_word, refused, some
from pytest_llm.graders.reading import CannotRead, kind_of, text_of
from pytest_llm.prompts import Case, as_input
from pytest_llm.schemas import JSON, quoted

MOST_SHOWN = 5
MOST_QUOTES = 1000

#: `[…]` on one line, but no link of Markdown. Short, so that a text of nothing but brackets takes no time.
_BRACKETS = re.compile(r"\[([^\[\]\n]{1,200})\](?!\()")
_APART = re.compile(r"[,;]")
#: What opens and closes a quote. None can hold a mark that opens it, so that a text of nothing but such takes no time.
_QUOTES = re.compile(r'(?<!\w)"([^"]*)"(?!\w)|“([^“”]*)”|„([^„“”]*)[“”]|«([^«»]*)»')
_PARAGRAPHS = re.compile(r"\n[^\S\n]*\n")
_PLAIN_MARKS = str.maketrans(dict.fromkeys("‘’‚‛′", "'") | dict.fromkeys("“”„‟«»″", '"'))


def citation_valid(
    ids: Iterable[str] | None = None,
    *,
    from_input: str | None = None,
    pattern: str | None = None,
    required: bool = True,
) -> Grader:
    """Every citation in the text names a passage that was given, and, unless `required=False`, there is one.

    A citation is `[1]`, `[doc-3]` or `[1, 2]`: in brackets, an id that was given, or a word with a digit in it. With
    `pattern` it is whatever that finds; its group, if it has one, is the id. The passages are those of the case's
    `context`, or of the input that `from_input` names: a text, a list of texts or of objects with `text` and `id`, or
    a mapping from ids to texts; without ids they are numbered from 1. Or their `ids` are told.
    """
    given = (
        None if ids is None else [a_word("citation_valid", "ids", one) for one in some("citation_valid", "ids", ids)]
    )
    source = _source("citation_valid", from_input)
    if given is not None and source is not None:
        why = "and ids both say what was given"
        raise refused("citation_valid", "from_input", from_input, why, f"citation_valid(from_input={source!r})")
    compiled = None if pattern is None else _compiled(pattern)

    def grade(output: object, case: Case | None) -> Told:
        text = text_of(output)
        known = dict.fromkeys(given if given is not None else _passages(case, source))
        cited = dict.fromkeys(_cited(text, known) if compiled is None else _found(compiled, text, known))
        unknown = [one for one in cited if one not in known]
        if unknown:
            return False, f"{_listed(unknown)} was not given; the passages are {_listed(list(known))}"
        if required and not cited:
            return False, f"no citation in {quoted(text)}"
        return True

    params = (
        ("ids", given),
        ("from_input", source),
        ("pattern", pattern),
        ("required", None if required else False),
    )
    told = tuple(pair for pair in params if pair[1] is not None)
    return Grader(name="citation_valid", function=grade, params=told)


def quotes_present(min_words: int = 4, *, from_input: str | None = None, required: bool = True) -> Grader:
    """Every quote of at least `min_words` words stands in a passage, and, unless `required=False`, there is one.

    A quote is what is between `"…"`, `“…”`, `„…“` or `«…»` in one paragraph. It has to be there word for word, letter
    case included; the kind of blanks, of quotation marks and of apostrophes does not matter, nor does a comma or full
    stop at its end, which is the quoting sentence's. The passages are those of `citation_valid`.
    """
    least = a_count("quotes_present", "min_words", min_words, least=1)
    source = _source("quotes_present", from_input)

    def grade(output: object, case: Case | None) -> Told:
        quotes = _quotes(text_of(output), least)
        passages = [_even(text) for text in _passages(case, source).values()]
        if len(quotes) > MOST_QUOTES:
            raise CannotRead(f"the text has more than {MOST_QUOTES} quotes")
        if required and not quotes:
            return False, f"no quote of {least} words or more"
        absent = [one for one in quotes if not any(one in passage for passage in passages)]
        if absent:
            return False, f"{len(absent)} of {len(quotes)} quotes are in no passage: {_listed(absent)}"
        return True

    params = (
        ("min_words", None if least == 4 else least),
        ("from_input", source),
        ("required", None if required else False),
    )
    told = tuple(pair for pair in params if pair[1] is not None)
    return Grader(name="quotes_present", function=grade, params=told)


def _cited(text: str, known: Mapping[str, None]) -> Iterator[str]:
    """The ids in brackets; what is neither given nor has a digit, as `[sic]`, is none."""
    for found in _BRACKETS.finditer(text):
        whole = found[1].strip()
        for one in [whole] if whole in known else map(str.strip, _APART.split(whole)):
            if one in known or (any(map(str.isdigit, one)) and len(one.split()) == 1):
                yield one


def _found(pattern: re.Pattern[str], text: str, known: Mapping[str, None]) -> Iterator[str]:
    for found in pattern.finditer(text):
        whole = (found[pattern.groups] or "").strip()  # a group that is not in this match
        yield from [whole] if whole in known else map(str.strip, _APART.split(whole))


def _quotes(text: str, least: int) -> list[str]:
    """The quotes of at least so many words, evened out, each once."""
    quotes = (
        _even(next(filter(None, found.groups()), "")).rstrip(" .,")
        for paragraph in _PARAGRAPHS.split(text)
        for found in _QUOTES.finditer(paragraph)
    )
    return list(dict.fromkeys(one for one in quotes if len(one.split()) >= least))


def _even(text: str) -> str:
    return " ".join(text.translate(_PLAIN_MARKS).split())


def _source(grader: str, from_input: str | None) -> str | None:
    return None if from_input is None else a_word(grader, "from_input", from_input)


def _passages(case: Case | None, source: str | None) -> dict[str, str]:
    """The passages that were given, by id, at least one. Raises CannotRead."""
    if case is None:
        raise CannotRead("it compares with the passages of a case, and there is no case")
    where = "`context`" if source is None else f"the input {quoted(source)}"
    given = case.context if source is None else case.inputs.get(source)
    if given is None:
        told = f"it compares with {where}, and case {quoted(case.id)} has none"
        if source is not None and case.has_key(source):
            told += f"; {quoted(source)} is a reserved key of a case; as an input: {as_input(source)['as an input']}"
        raise CannotRead(told)
    found = dict(_read(given, where))
    if not found:
        raise CannotRead(f"it compares with {where}, in which case {quoted(case.id)} has no passage")
    return found


def _read(given: JSON, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(given, str):
        yield "1", given
    elif isinstance(given, Mapping):
        for one, text in given.items():
            yield str(one), _text(text, where)
    elif isinstance(given, (list, tuple)):
        for place, passage in enumerate(given, start=1):
            one = passage.get("id", place) if isinstance(passage, Mapping) else place
            yield str(one), _text(passage.get("text") if isinstance(passage, Mapping) else passage, where)
    else:
        raise CannotRead(f"{where} is to hold passages, and is {kind_of(given)}")


def _text(passage: JSON, where: str) -> str:
    if not isinstance(passage, str):
        raise CannotRead(f"{where} has a passage that is {kind_of(passage)} and no text")
    return passage


def _compiled(pattern: object) -> re.Pattern[str]:
    fix = r'pattern=r"\((doc-[0-9]+)\)"'
    try:
        compiled = re.compile(a_word("citation_valid", "pattern", pattern))
    except re.error as problem:
        raise refused("citation_valid", "pattern", pattern, f"is no pattern ({problem})", fix) from None
    if compiled.groups > 1:
        raise refused("citation_valid", "pattern", pattern, "has more than one group, which would be the id", fix)
    if compiled.match(""):
        raise refused("citation_valid", "pattern", pattern, "is found in every text", fix)
    return compiled


def _listed(texts: list[str]) -> str:
    rest = f" and {len(texts) - MOST_SHOWN} more" if len(texts) > MOST_SHOWN else ""
    return ", ".join(quoted(text) for text in texts[:MOST_SHOWN]) + rest
