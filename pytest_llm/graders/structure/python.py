"""A grader of Python. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import ast
import threading
import warnings

from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.reading import CannotRead
from pytest_llm.graders.structure.fences import CodeLeniency, a_leniency, code_of
from pytest_llm.prompts import Case
from pytest_llm.schemas import one_line, quoted

#: Two threads that silence warnings at once can leave them silenced.
_SILENCE = threading.Lock()


def valid_python(*, leniency: CodeLeniency = "fence") -> Grader:
    """The text is a Python module with at least one statement. Nothing of it is run.

    Source: the grammar of the Python that runs the tests, by `ast.parse`. A single word is an expression, and so valid.
    """
    params = a_leniency("valid_python", leniency)

    def grade(output: object, _case: Case | None) -> Told:
        code = code_of(output, leniency)
        try:
            with _SILENCE, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of "\d" and its like, which are valid
                found = ast.parse(code)
        except SyntaxError as problem:
            place = f"line {problem.lineno}: " if problem.lineno else ""
            return False, f"the text is not Python ({place}{one_line(str(problem.msg))}); got {quoted(code)}"
        except ValueError as problem:  # NUL, a lone surrogate, a number of too many digits
            return False, f"the text is not Python ({one_line(str(problem))}); got {quoted(code)}"
        except (MemoryError, RecursionError):
            raise CannotRead("it is nested too deep for Python's parser") from None
        if not found.body:
            return False, f"no statement is in {quoted(code)}"
        return True

    return Grader(name="valid_python", function=grade, params=params)
