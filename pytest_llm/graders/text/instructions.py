"""A grader of instructions that can be checked without a model. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable, Mapping

from pytest_llm.errors import GraderError
from pytest_llm.graders.grade import Grade
from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import a_json, refused
from pytest_llm.graders.reading import CannotRead, text_of
from pytest_llm.graders.text.instruction_kinds import KINDS, OTHERS, Check
from pytest_llm.prompts import Case
from pytest_llm.schemas import JSON, quoted

MOST_SHOWN = 5
_FIX = (
    'follows("punctuation:no_comma", {"length_constraints:number_words": {"relation": "at least", "num_words": 300}})'
)

_Instruction = tuple[str, Mapping[str, JSON], Check]


def follows(*instructions: str | Mapping[str, Mapping[str, JSON]], loose: bool = False) -> Grader:
    """The text follows these instructions; the score is the share of those that it follows.

    An instruction goes by its id in IFEval (Zhou et al. 2023), with its keyword arguments where it has some:
    `follows("punctuation:no_comma", {"keywords:existence": {"keywords": ["tea"]}})`. Without any, those of the case
    count: `instruction_id_list` and `kwargs`, as the lines of the published data set have them, in `expected` or among
    the inputs. An empty text follows none.

    The verdicts are those of the official script: the strict ones or, with `loose`, the loose ones, by which an
    instruction is followed too where it is without asterisks, the first line, the last, or several of these. Five kinds
    need a trained model, and are refused, or ungraded where a case has them: those of languages
    (`language:response_language`, `change_case:english_capital`, `change_case:english_lowercase`) and of sentences
    (`length_constraints:number_sentences`, `change_case:capital_word_frequency`).
    """
    given = _built(_pairs(instructions)) if instructions else None

    def grade(output: object, case: Case | None) -> Told:
        text = text_of(output)
        wanted = _of_case(case) if given is None else given
        readings = [one for one in (_loosened(text) if loose else [text]) if one.strip()]
        broken = [one for one in wanted if not any(one[2](reading) for reading in readings)]
        score = (len(wanted) - len(broken)) / len(wanted)
        if not broken:
            return Grade(name="follows", score=score, passed=True)
        reason = f"{len(broken)} of {len(wanted)} are not followed by {quoted(text)}: {_listed(broken)}"
        return Grade(name="follows", score=score, passed=False, reason=reason)

    told = [{name: dict(arguments)} if arguments else name for name, arguments, _ in given or ()]
    params = (("instructions", told),) * (given is not None) + (("loose", True),) * loose
    return Grader(name="follows", function=grade, params=params)


def _pairs(instructions: Iterable[object]) -> list[tuple[object, object]]:
    """Ids with their arguments, as they were written."""
    found: list[tuple[object, object]] = []
    for one in instructions:
        if isinstance(one, Mapping):
            if not one:
                raise refused("follows", "instructions", one, "is empty, so it would decide nothing", _FIX)
            found.extend(one.items())
        else:
            found.append((one, {}))
    return found


def _built(pairs: Iterable[tuple[object, object]]) -> list[_Instruction]:
    """Instructions with their checks. Raises GraderError for what is unknown, and what could not fail or pass."""
    return [_checked(name, arguments) for name, arguments in pairs]


def _checked(name: object, arguments: object) -> _Instruction:
    if not isinstance(name, str):
        raise refused("follows", "instructions", name, "is neither an id nor an id with arguments", _FIX)
    if name in OTHERS:
        why = f"needs {OTHERS[name]}, and is not checked"
        raise refused("follows", "instructions", name, why, "a grader of your own, or a judge")
    if name not in KINDS:
        near = difflib.get_close_matches(name, KINDS, n=3, cutoff=0.4) or list(KINDS)
        raise GraderError(f"follows: instructions={name!r} is unknown", instead=map(repr, near), fix={"write": _FIX})
    if not isinstance(arguments, Mapping):
        raise refused("follows", name, arguments, "is no object of arguments", _FIX)
    # In one edition of the data set every line has all arguments of all kinds, null where they are not its own.
    given = {key: value for key, value in arguments.items() if value is not None}
    known = list(inspect.signature(KINDS[name]).parameters)
    for what, keys in (("has no argument", [key for key in given if key not in known]),
                       ("lacks the argument", [key for key in known if key not in given])):  # fmt: skip
        if keys:
            near = difflib.get_close_matches(str(keys[0]), known, n=len(known) or 1, cutoff=0)
            takes = [f"{key!r}" for key in near] or ["no argument"]
            raise GraderError(f"follows: {name!r} {what} {keys[0]!r}", instead=takes, fix={"write": _FIX})
    copy = a_json("follows", name, given)
    return name, copy, KINDS[name](**copy)


def _of_case(case: Case | None) -> list[_Instruction]:
    """What a line of the data set asks for, wherever the case has it. Raises CannotRead."""
    if case is None:
        raise CannotRead("it checks the instructions of a case, and there is no case")
    line = (
        case.expected if isinstance(case.expected, Mapping) and "instruction_id_list" in case.expected else case.inputs
    )
    names, arguments = line.get("instruction_id_list"), line.get("kwargs")
    if not isinstance(names, (list, tuple)) or not isinstance(arguments, (list, tuple)) or not names:
        raise CannotRead(
            f"case {quoted(case.id)} has no `instruction_id_list` and `kwargs`, in `expected` or as inputs"
        )
    if len(names) != len(arguments):
        raise CannotRead(f"case {quoted(case.id)} has {len(names)} instructions and {len(arguments)} `kwargs`")
    try:
        return _built(zip(names, arguments, strict=True))
    except GraderError as problem:
        raise CannotRead(str(problem).partition("\n")[0].removeprefix("follows: ")) from None


def _loosened(text: str) -> list[str]:
    """The eight readings of the official loose accuracy."""
    lines = text.split("\n")
    parts = [text, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    return [*parts, *(part.replace("*", "") for part in parts)]


def _listed(broken: list[_Instruction]) -> str:
    shown = [f"{quoted(name)}{f' {quoted(dict(told))}' if told else ''}" for name, told, _ in broken[:MOST_SHOWN]]
    rest = f" and {len(broken) - MOST_SHOWN} more" if len(broken) > MOST_SHOWN else ""
    return f"{', '.join(shown)}{rest}"
