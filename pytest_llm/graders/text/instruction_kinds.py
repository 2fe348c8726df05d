"""The kinds of instructions that IFEval checks, by their official names and arguments. PYTEST_DONT_REWRITE

Source: `instructions.py` of "Instruction-Following Evaluation for Large Language Models" (Zhou et al. 2023,
google-research/instruction_following_eval), as lm-evaluation-harness 0.4 ships it. Its verdicts are ours; where its
patterns need quadratic time, the same is found in linear time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from pytest_llm.graders.parameters import a_count, refused, some
from pytest_llm.graders.reading import CannotRead
from pytest_llm.graders.text.patterns import finder

Check = Callable[[str], bool]

RELATIONS = ("less than", "at least")
CONSTRAINED = ("My answer is yes.", "My answer is no.", "My answer is maybe.")

_WORD = re.compile(r"\w+")
_PLACEHOLDER = re.compile(r"\[[^\]]*\]")
_BULLETS = (re.compile(r"^[^\S\n]*\*[^\*].*$", re.MULTILINE), re.compile(r"^[^\S\n]*-.*$", re.MULTILINE))
_HIGHLIGHT, _DOUBLE_HIGHLIGHT = re.compile(r"\*[^\n\*]*\*"), re.compile(r"\*\*[^\n\*]*\*\*")
_DIVIDER = re.compile(r"\s?\*\*\*\s?")
_POSTSCRIPTS = {"P.S.": re.compile(r"p\.\s?s\."), "P.P.S": re.compile(r"p\.\s?p\.\s?s")}
_ENDS_WORD = frozenset(".,?!'\"")


def _existence(*, keywords: object) -> Check:
    looks = [finder(_keyword("keywords", word), "search") for word in some("follows", "keywords", keywords)]  # type: ignore[arg-type]  # what is no list is refused
    return lambda text: all(look(text) for look in looks)


def _frequency(*, keyword: object, frequency: object, relation: object) -> Check:
    look = finder(_keyword("keyword", _text("keyword", keyword)), "findall")
    enough = _compared("frequency", frequency, "relation", relation)
    return lambda text: enough(len(look(text)))


def _forbidden_words(*, forbidden_words: object) -> Check:
    words = some("follows", "forbidden_words", forbidden_words)  # type: ignore[arg-type]  # as above
    whole = [
        _pattern("forbidden_words", word, rf"\b{_word('forbidden_words', word)}\b", re.IGNORECASE) for word in words
    ]
    looks = [finder(pattern, "search") for pattern in whole]
    return lambda text: not any(look(text) for look in looks)


def _letter_frequency(*, letter: object, let_frequency: object, let_relation: object) -> Check:
    one = _text("letter", letter).lower()
    if len(one) != 1:
        raise refused("follows", "letter", letter, "is no single character", 'letter="e"')
    enough = _compared("let_frequency", let_frequency, "let_relation", let_relation)
    return lambda text: enough(text.lower().count(one))


def _number_words(*, num_words: object, relation: object) -> Check:
    enough = _compared("num_words", num_words, "relation", relation)
    return lambda text: enough(sum(1 for _ in _WORD.finditer(text)))


def _number_paragraphs(*, num_paragraphs: object) -> Check:
    wanted = a_count("follows", "num_paragraphs", num_paragraphs, least=1)

    def check(text: str) -> bool:
        parts = [part.strip() for part in _DIVIDER.split(text)]
        # A divider above the first or under the last paragraph is none; nothing between two dividers fails.
        return all(parts[1:-1]) and sum(map(bool, parts)) == wanted

    return check


def _nth_paragraph_first_word(*, num_paragraphs: object, nth_paragraph: object, first_word: object) -> Check:
    wanted = a_count("follows", "num_paragraphs", num_paragraphs, least=1)
    nth = a_count("follows", "nth_paragraph", nth_paragraph, least=1)
    if nth > wanted:
        why = f"is above num_paragraphs={wanted}, so it could not pass"
        raise refused("follows", "nth_paragraph", nth, why, f"nth_paragraph={wanted}")
    word = _word("first_word", first_word).lower()
    if word.split() != [word] or _ENDS_WORD & set(word):
        why = "is no word by itself, so it could not pass"
        raise refused("follows", "first_word", first_word, why, 'first_word="however"')

    def check(text: str) -> bool:
        paragraphs = text.split("\n\n")
        if sum(1 for one in paragraphs if one.strip()) != wanted:
            return False
        # Empty paragraphs are not counted above, and are counted here: so does the official script.
        found = paragraphs[nth - 1].split(maxsplit=1)
        if not found:
            return False
        begin = found[0].lstrip("'").lstrip('"')
        end = next((place for place, letter in enumerate(begin) if letter in _ENDS_WORD), len(begin))
        # Letter by letter, since "Σ" at the end of a word has a lower case of its own.
        return "".join(map(str.lower, begin[:end])) == word

    return check


def _number_placeholders(*, num_placeholders: object) -> Check:
    least = a_count("follows", "num_placeholders", num_placeholders, least=1)

    def check(text: str) -> bool:
        # Without the rest behind the last "]", where each "[" would look for its end in vain.
        lines = (line[: line.rfind("]") + 1] for line in text.split("\n"))
        return sum(1 for line in lines for _ in _PLACEHOLDER.finditer(line)) >= least

    return check


def _postscript(*, postscript_marker: object) -> Check:
    marker = _text("postscript_marker", postscript_marker)
    if marker in _POSTSCRIPTS:
        look: Callable[[str], Any] = _POSTSCRIPTS[marker].search
    else:
        look = finder(_somewhere("postscript_marker", marker, marker.lower(), re.MULTILINE), "search")
    return lambda text: bool(look(text.lower()))


def _number_bullet_lists(*, num_bullets: object) -> Check:
    wanted = a_count("follows", "num_bullets", num_bullets, least=0)
    return lambda text: sum(1 for bullet in _BULLETS for _ in bullet.finditer(text)) == wanted


def _constrained_response() -> Check:
    return lambda text: any(option in text for option in CONSTRAINED)


def _number_highlighted_sections(*, num_highlights: object) -> Check:
    least = a_count("follows", "num_highlights", num_highlights, least=1)

    def check(text: str) -> bool:
        # **Bold** is found by both patterns, and by the first as two empty highlights.
        single = sum(1 for found in _HIGHLIGHT.finditer(text) if found[0].strip("*").strip())
        return single + sum(1 for found in _DOUBLE_HIGHLIGHT.finditer(text) if found[0][2:-2].strip()) >= least

    return check


def _multiple_sections(*, section_spliter: object, num_sections: object) -> Check:
    splitter = _text("section_spliter", section_spliter)
    least = a_count("follows", "num_sections", num_sections, least=1)
    split = finder(_pattern("section_spliter", splitter, rf"\s?{splitter}\s?\d+\s?"), "split")
    return lambda text: len(split(text)) - 1 >= least


def _json_format() -> Check:
    def check(text: str) -> bool:
        inside = text.strip()
        for fence in ("```json", "```Json", "```JSON", "```"):
            inside = inside.removeprefix(fence)
        try:
            json.loads(inside.removesuffix("```").strip())
        except ValueError:
            return False
        except RecursionError:
            raise CannotRead("the JSON is nested too deeply to be read") from None
        return True

    return check


def _title() -> Check:
    def check(text: str) -> bool:
        spans = ((line, line.find("<<"), line.rfind(">>")) for line in text.split("\n"))
        return any(0 <= begin < end and _titled(line[begin : end + 2]) for line, begin, end in spans)

    return check


def _titled(found: str) -> bool:
    return bool(found.lstrip("<").rstrip(">").strip())


def _two_responses() -> Check:
    def check(text: str) -> bool:
        parts = [part.strip() for part in text.split("******")]
        filled = [part for part in parts if part]
        return all(parts[1:-1]) and len(filled) == 2 and filled[0] != filled[1]

    return check


def _repeat_prompt(*, prompt_to_repeat: object) -> Check:
    prompt = _text("prompt_to_repeat", prompt_to_repeat).lower()
    return lambda text: text.strip().lower().startswith(prompt)


def _end_checker(*, end_phrase: object) -> Check:
    phrase = _text("end_phrase", end_phrase).lower()
    return lambda text: text.strip().strip('"').lower().endswith(phrase)


def _quotation() -> Check:
    def check(text: str) -> bool:
        inside = text.strip()
        return len(inside) > 1 and inside[0] == inside[-1] == '"'

    return check


def _no_comma() -> Check:
    return lambda text: "," not in text


#: From the official id to what makes a check of the official keyword arguments.
KINDS: dict[str, Callable[..., Check]] = {
    "keywords:existence": _existence,
    "keywords:frequency": _frequency,
    "keywords:forbidden_words": _forbidden_words,
    "keywords:letter_frequency": _letter_frequency,
    "length_constraints:number_paragraphs": _number_paragraphs,
    "length_constraints:number_words": _number_words,
    "length_constraints:nth_paragraph_first_word": _nth_paragraph_first_word,
    "detectable_content:number_placeholders": _number_placeholders,
    "detectable_content:postscript": _postscript,
    "detectable_format:number_bullet_lists": _number_bullet_lists,
    "detectable_format:constrained_response": _constrained_response,
    "detectable_format:number_highlighted_sections": _number_highlighted_sections,
    "detectable_format:multiple_sections": _multiple_sections,
    "detectable_format:json_format": _json_format,
    "detectable_format:title": _title,
    "combination:two_responses": _two_responses,
    "combination:repeat_prompt": _repeat_prompt,
    "startend:end_checker": _end_checker,
    "startend:quotation": _quotation,
    "punctuation:no_comma": _no_comma,
}

#: The other five, and what each would need.
OTHERS = {
    "language:response_language": "a model that tells languages",
    "change_case:english_capital": "a model that tells languages",
    "change_case:english_lowercase": "a model that tells languages",
    "change_case:capital_word_frequency": "NLTK's model of sentences",
    "length_constraints:number_sentences": "NLTK's model of sentences",
}


def _text(argument: str, value: object) -> str:
    """A text that is more than blanks, without those around it, as the official script takes it."""
    return _word(argument, value).strip()


def _word(argument: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise refused("follows", argument, value, "is no text", f'{argument}="…"')
    return value


def _compared(argument: str, number: object, relation_argument: str, relation: object) -> Callable[[int], bool]:
    if relation not in RELATIONS:
        fix = f'{relation_argument}="at least" or "less than"'
        raise refused("follows", relation_argument, relation, "is no relation", fix)
    # At least 0 could not fail, less than 0 could not pass.
    limit = a_count("follows", argument, number, least=1)
    return partial(limit.__gt__) if relation == "less than" else partial(limit.__le__)


def _keyword(argument: str, value: object) -> re.Pattern[str]:
    """A keyword, which the official script takes as a pattern."""
    return _somewhere(argument, value, _word(argument, value), re.IGNORECASE)


def _somewhere(argument: str, value: object, pattern: str, flags: int) -> re.Pattern[str]:
    compiled = _pattern(argument, value, pattern, flags)
    if compiled.match(""):
        raise refused("follows", argument, value, "is in every text", f'{argument}="…"')
    return compiled


def _pattern(argument: str, value: object, pattern: str, flags: int = 0) -> re.Pattern[str]:
    try:
        return re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError) as problem:
        why = f"is no pattern ({problem}), and is taken as one"
        raise refused("follows", argument, value, why, rf'{argument}="C\+\+" for "C++"') from None
