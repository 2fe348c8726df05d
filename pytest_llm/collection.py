"""From a marker to the items of a suite: prompts, cases, variants and samples. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_llm.errors import CaseError, LlmError, MarkerError
from pytest_llm.graders import Grader, Judging, grader
from pytest_llm.prompts import Case, Prompt, as_input, load_cases
from pytest_llm.schemas import Validator
from pytest_llm.settings import Settings, samples_of

if TYPE_CHECKING:
    from pytest_llm.gates.expectations import Expectation

ARGUMENTS = (
    "prompt",
    "cases",
    "variants",
    "samples",
    "graders",
    "suite",
    "schema",
    "schema_required",
    "record_errors",
    "primary",
    "margin",
    "critical",
    "expect",
)
FIXTURES = (
    "llm_case",
    "llm_prompt",
    "llm_response",
    "llm_grade",
    "llm_retry",
    "llm_calls",
    "llm_client",
    "llm_async_client",
)

DRAW: pytest.StashKey[Draw] = pytest.StashKey()
"""What a marked item is."""

BASELINES = "llm_baselines"
LONGEST_NAME = 80
DEFAULT_MARGIN = 0.05
_NOT_ON_WINDOWS = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A test function with what its markers say."""

    name: str
    #: By variant; a test without variants has one under None, a test without a prompt has None there.
    prompts: Mapping[str | None, Prompt | None]
    cases: tuple[Case, ...]
    samples: int
    graders: tuple[Grader, ...]
    schema_required: bool
    #: Whether error replies are recorded, so that the handling of them is tested.
    record_errors: bool
    #: The compiled schema of each prompt.
    validators: Mapping[str | None, Validator | None]
    #: The metrics by which a gate decides, and the largest drop that is no matter, 0..1.
    primary: tuple[str, ...] = ("outcome",)
    margin: float = DEFAULT_MARGIN
    #: The ids of cases each failure of which fails the run, whatever the gate says.
    critical: frozenset[str] = frozenset()
    #: What is expected of all its items together.
    expect: tuple[Expectation, ...] = ()

    @property
    def is_parametrised(self) -> bool:
        """Whether the test becomes more items, or one with a name of its own."""
        return bool(self.cases) or len(self.prompts) > 1 or self.samples > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What one item is: one sample of one case under one variant."""

    suite: Suite
    case: Case | None = None
    variant: str | None = None
    sample: int = 1
    #: The end of the item's name that comes from case, variant and sample; "" where it has none.
    id: str = ""

    @property
    def is_critical(self) -> bool:
        """Whether a failure of the case fails the run, whatever a gate says."""
        return self.case is not None and (self.case.critical or self.case.id in self.suite.critical)

    @property
    def prompt(self) -> Prompt | None:
        """The prompt of this variant."""
        return self.suite.prompts[self.variant]


def suite_of(definition: pytest.Function, fixturenames: Iterable[str], settings: Settings, read: CaseReader) -> Suite:
    """The suite that the markers of a test function declare. Raises LlmError with the fix."""
    said = _merged(definition)
    declared = said.get("schema")
    prompts = {variant: _changed(prompt, declared, settings) for variant, prompt in _prompts(said).items()}
    cases = read(said["cases"], definition.path.parent) if said.get("cases") is not None else ()
    suite = Suite(
        name=said.get("suite") or _function_name(definition),
        prompts=prompts,
        cases=tuple(cases),
        samples=_samples(said.get("samples"), settings),
        graders=graders_of(said.get("graders", ())),
        schema_required=said.get("schema_required", True),
        record_errors=said.get("record_errors", False),
        validators={name: None if prompt is None else prompt.validator() for name, prompt in prompts.items()},
        primary=_primary(said.get("primary", "outcome")),
        margin=_margin(said.get("margin", DEFAULT_MARGIN)),
        critical=_critical(said.get("critical", ()), cases),
        expect=_expect(said.get("expect", ()), prompts),
    )
    if not is_bare(definition, fixturenames):
        _check(suite, definition, set(fixturenames), said)
    return suite


CaseReader = Callable[[Any, Path], Sequence[Case]]


def read_cases(source: Any, folder: Path) -> list[Case]:
    """The cases of a marker; a path is relative to the test file."""
    if isinstance(source, str | Path):
        return load_cases(folder / source)
    if isinstance(source, Mapping) or not isinstance(source, Iterable):
        shown = str(source)[:60]
        raise MarkerError(f"cases={shown} is neither a path nor a list of cases", fix={"write": "cases=[{…}, {…}]"})
    return load_cases(source)


def draws(suite: Suite, beyond: Callable[[Draw], Iterable[int]] = lambda _: ()) -> list[Draw]:
    """Every item of a suite: cases in their order, their variants, their samples.

    `beyond` tells, of the first sample, which others there are beside those that the suite has.
    """
    out: list[Draw] = []
    for case in suite.cases or (None,):
        for variant in suite.prompts:
            names = [name for name in (case and _printable_id(case.id), variant) if name]
            first = Draw(suite=suite, case=case, variant=variant, id="-".join(names))
            for sample in (*range(1, suite.samples + 1), *beyond(first)):
                parts = [*names, f"#{sample}"] if sample > 1 else names
                out.append(Draw(suite=suite, case=case, variant=variant, sample=sample, id="-".join(parts)))
    return out


def line_of(item: pytest.Function, draw: Draw) -> str:
    """An item's line in a baseline: what pytest calls it, without the function and the sample."""
    whole: str = item.callspec.id if hasattr(item, "callspec") else ""
    if draw.sample > 1:
        whole = whole.removesuffix(f"#{draw.sample}").removesuffix("-")
    return whole or item.originalname or item.name


def baseline_path(item: pytest.Function, suite: Suite) -> Path:
    """Where the baseline of a suite is: beside the test."""
    return item.path.parent / BASELINES / item.path.stem / f"{file_slug(suite.name)}.json"


def cassette_folder(item: pytest.Function) -> Path:
    """Where the exchanges of a test function are kept: beside it, one file a case."""
    return item.path.parent / "cassettes" / item.path.stem / file_slug(_function_name(item))


def cassette_name(item: pytest.Function, draw: Draw) -> str:
    """The file of an item's exchanges, which all samples of its case share.

    Not its variants: two of them may send the same request, to different endpoints.
    """
    parts = [file_slug(draw.case.id)] if draw.case is not None else []
    # Some systems take P and p for one file; case ids are unique without case, these need not be.
    names = filter(None, (_own_parameters(item, draw), draw.variant))
    parts += [file_slug(name if name == name.lower() else f"{name}^") for name in names]
    return ("~".join(parts) or file_slug(item.originalname or item.name)) + ".yaml"


def fixture_cassette(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Path:
    """The file of what a fixture of wider scope asks: beside the module, class or conftest that it belongs to."""
    parts = [fixturedef.argname]
    if fixturedef.scope in ("module", "class"):
        owner = cast("pytest.Module", request.node.getparent(pytest.Module)).path
        if isinstance(request.node, pytest.Class):
            parts.insert(0, _class_name(request.node))
    elif fixturedef.scope == "package":
        owner = request.node.path / "conftest.py"
    else:
        owner = _file_of(fixturedef.func)
        if not owner.is_relative_to(request.config.rootpath):  # of an installed plugin
            owner = request.config.rootpath / "conftest.py"
    name = file_slug(".".join(parts))
    if hasattr(request, "param"):
        plain = isinstance(request.param, str | int | float)
        name += f"~{file_slug(str(request.param if plain else getattr(request, 'param_index', 0)))}"
    return owner.parent / "cassettes" / owner.stem / "fixtures" / f"{name}.yaml"


def judge_cassette(judging: Judging, item: pytest.Function) -> Path:
    """The file of what a judge says of its golden outputs: one for each version, beside the module that uses it.

    By its kind, since it may go by several names.
    """
    name = f"judge.{file_slug(judging.grader.name)}-{judging.version[:6]}.yaml"
    return item.path.parent / "cassettes" / item.path.stem / "fixtures" / name


def _own_parameters(item: pytest.Function, draw: Draw) -> str:
    """The part of an item's name that comes from the test's own parameters; ours is its end, escaped by pytest."""
    if not hasattr(item, "callspec") or item.callspec.params.keys() == {"_llm_sample"}:
        return ""
    whole: str = item.callspec.id
    ours = draw.id.encode("unicode_escape").decode()
    return whole[: -len(ours)].removesuffix("-") if ours and whole.endswith(ours) else whole


def file_slug(text: str) -> str:
    """A name for a file on every system, and another one for every text: a digest is added where the slug loses any.

    >>> file_slug("order-001"), file_slug("../../etc/passwd")
    ('order-001', 'etc-passwd-dfc37f0f')
    """
    slug = re.sub(r"[^A-Za-z0-9._+=,-]+", "-", text).strip(".-")[:LONGEST_NAME].rstrip(".-")
    if slug == text and not _NOT_ON_WINDOWS.match(slug):
        return slug
    mark = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{slug}-{mark}".lstrip("-")


def tag_mark(tag: str) -> str:
    """The name of the pytest mark of a tag."""
    return "tag_" + re.sub(r"\W+", "_", tag)


def is_bare(definition: pytest.Item, fixturenames: Iterable[str]) -> bool:
    """Whether a test says no more than "talks to a model", which many repositories say without knowing this plugin."""
    marks = list(definition.iter_markers("llm"))
    return not any(mark.args or mark.kwargs for mark in marks) and not set(FIXTURES) & set(fixturenames)


# -- reading the marker -----------------------------------------------------------------------------------------


def _merged(definition: pytest.Function) -> dict[str, Any]:
    """The marker's arguments, those of the closest marker first, argument by argument."""
    said: dict[str, Any] = {}
    for mark in definition.iter_markers("llm"):
        if unknown := [name for name in mark.kwargs if name not in ARGUMENTS]:
            raise MarkerError(f"the llm marker has no argument {unknown[0]!r}", instead=[", ".join(ARGUMENTS)])
        if len(mark.args) > 1:
            raise MarkerError(
                f"the llm marker takes one prompt, and {len(mark.args)} positional arguments were given",
                fix={"for cases": "cases=…", "for prompts": "variants=[one, other]"},
            )
        given = dict(mark.kwargs)
        if mark.args:
            given["prompt"] = a_prompt(mark.args[0])
        for name, value in given.items():
            said.setdefault(name, value)
    return said


def a_prompt(value: Any) -> Prompt:
    """A prompt as it is. Raises MarkerError for anything else."""
    if isinstance(value, Prompt):
        return value
    raise MarkerError(
        f"a prompt is a Prompt, not {type(value).__name__} {str(value)[:40]!r}",
        fix={"write": "@pytest.mark.llm(Prompt(name=…, model=…, user=…))", "or, cases": "@pytest.mark.llm(cases=…)"},
    )


def _prompts(said: Mapping[str, Any]) -> dict[str | None, Prompt | None]:
    variants = said.get("variants")
    if variants is None:
        return {None: None if said.get("prompt") is None else a_prompt(said["prompt"])}
    if said.get("prompt") is not None:
        raise MarkerError("the llm marker has a prompt and variants", fix={"put": "the prompt among the variants"})
    if not isinstance(variants, Mapping):
        variants = [a_prompt(variant) for variant in variants]
        variants = {prompt.name: prompt for prompt in variants} if _differ(variants) else {}
    if not variants:
        raise MarkerError(
            "variants= needs prompts with different names", fix={"write": 'variants={"short": prompt, "long": other}'}
        )
    return {str(name): a_prompt(prompt) for name, prompt in variants.items()}


def _differ(prompts: Sequence[Prompt]) -> bool:
    return len({prompt.name.casefold() for prompt in prompts}) == len(prompts)


def _changed(prompt: Prompt | None, schema: Any, settings: Settings) -> Prompt | None:
    if prompt is None:
        if schema is not None:
            raise MarkerError("schema= is for the response of a prompt, and there is none")
        return None
    changes = dict(settings.changes) if schema is None else {"schema": schema, **settings.changes}
    return prompt.replace(**changes) if changes else prompt


def _samples(said: Any, settings: Settings) -> int:
    if settings.samples is not None:
        return settings.samples
    if said is not None:
        return samples_of(said, "samples")
    return settings.default_samples or 1


def graders_of(said: Any) -> tuple[Grader, ...]:
    """One grader or several, as a marker names them. Raises MarkerError."""
    if not isinstance(said, Iterable) or isinstance(said, str):
        said = (said,)
    out = []
    for one in said:
        if not callable(one):
            raise MarkerError(f"a grader is callable, not {one!r}", fix={"write": 'graders=[contains("14 days")]'})
        if getattr(one, "__module__", "").startswith("pytest_llm.graders") and not isinstance(one, Grader):
            name = getattr(one, "__name__", "…")
            raise MarkerError(f"{name} makes a grader, and was not called", fix={"write": f"{name}(…)"})
        out.append(one if isinstance(one, Grader) else grader(one))
    return tuple(_named_apart(out))


def _primary(said: Any) -> tuple[str, ...]:
    names = (said,) if isinstance(said, str) else tuple(said)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise MarkerError(f"primary= names metrics, not {said!r}", fix={"write": 'primary=["outcome"]'})
    return tuple(dict.fromkeys(names))


def _margin(said: Any) -> float:
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 < said < 1:
        raise MarkerError(
            f"margin= is a share between 0 and 1, not {said!r}", fix={"write": "margin=0.05      for 5 points"}
        )
    return float(said)


def _critical(said: Any, cases: Sequence[Case]) -> frozenset[str]:
    """The ids of the critical cases: all for True, those with an id or a tag that is named."""
    if isinstance(said, bool):
        return frozenset(case.id for case in cases) if said else frozenset()
    names = {said} if isinstance(said, str) else set(said)
    known = {name for case in cases for name in (case.id, *case.tags)}
    if unknown := sorted(map(str, names - known)):
        raise MarkerError(f"critical= names no case and no tag: {unknown[0]!r}", instead=sorted(known))
    return frozenset(case.id for case in cases if names & {case.id, *case.tags})


def _expect(said: Any, prompts: Mapping[str | None, Prompt | None]) -> tuple[Expectation, ...]:
    expected = tuple(said) if isinstance(said, Iterable) and not isinstance(said, str) else (said,)
    for one in expected:
        if not hasattr(one, "judge"):
            raise MarkerError(f"expect= holds expectations, not {one!r}", fix={"write": 'expect=[better("b", "a")]'})
        if unknown := [name for name in one.variants if name not in prompts]:
            known = [name for name in prompts if name is not None]
            raise MarkerError(f"expect= speaks of a variant {unknown[0]!r}, and there is none", instead=known)
    return expected


def _named_apart(graders: Sequence[Grader]) -> Iterator[Grader]:
    """The second grader of a name gets a number, since a metric is a grader's name."""
    seen: dict[str, int] = {}
    for one in graders:
        seen[one.name] = count = seen.get(one.name, 0) + 1
        yield one if count == 1 else one.named(f"{one.name} {count}")


# -- what would be a test that cannot fail, or a case that cannot be asked ---------------------------------------


def _check(suite: Suite, definition: pytest.Function, fixturenames: set[str], said: Mapping[str, Any]) -> None:
    if suite.graders and not fixturenames & {"llm_response", "llm_retry"}:
        raise MarkerError(
            "graders without a response to grade",
            where=definition.nodeid,
            fix={"name": "the fixture llm_response in the test, or grade by llm_grade(…) in its body"},
        )
    if said.get("schema") is not None and not fixturenames & {"llm_response", "llm_retry"}:
        raise MarkerError(
            "schema= without a response to validate", where=definition.nodeid, fix={"name": "the fixture llm_response"}
        )
    if "llm_response" in fixturenames and None in suite.prompts.values():
        raise MarkerError(
            "llm_response without a prompt", where=definition.nodeid, fix={"write": "@pytest.mark.llm(prompt, …)"}
        )
    judged = any(not one.score_only for one in suite.graders)
    # Whatever is answered, it is a str.
    schemas = [one.schema for one in suite.prompts.values() if one is not None and one.schema not in (None, str)]
    judged = judged or (suite.schema_required and bool(schemas))
    if not ("llm_response" in fixturenames and judged) and has_empty_body(definition.function):
        raise MarkerError(
            "this test cannot fail: its body is empty, and neither a schema nor a grader decides anything",
            where=definition.nodeid,
            fix={"add": "an assert, or llm_response with graders=[…] or a schema"},
        )
    for prompt in suite.prompts.values():
        if prompt is not None:
            _check_inputs(prompt, suite)


def _check_inputs(prompt: Prompt, suite: Suite) -> None:
    """A case without an input that the prompt's templates need is an error now, not when it is asked."""
    needed = prompt.variables
    for case in suite.cases or (None,):
        inputs = case.inputs if case is not None else {}
        if needed <= inputs.keys():
            continue
        if case is not None and (taken := [name for name in sorted(needed - inputs.keys()) if case.has_key(name)]):
            # Also where the template could do without it: before these keys were reserved, it was given the value.
            raise CaseError(
                f'the template of Prompt "{prompt.name}" uses {taken[0]!r}, which is a reserved key of a case and no '
                "input",
                where=f"{case.where or 'code'}, case {case.id!r}",
                fix=as_input(taken[0]),
            )
        try:  # a template may well say {% if notes is defined %}
            prompt.render(**inputs)
        except LlmError as error:
            place = "no cases= in the marker" if case is None else f"{case.where or 'code'}, case {case.id!r}"
            raise type(error)(f"{place}: {error}", where=f'Prompt "{prompt.name}"') from error


def is_our_fixture(item: pytest.Function, name: str) -> bool:
    """Whether a test gets our fixture of that name, and none that the project has put in its place."""
    # pytest has no public way to ask whose fixture a test gets.
    return str(item._fixtureinfo.name2fixturedefs[name][-1].func.__module__) == "pytest_llm.fixtures"  # noqa: SLF001


def has_empty_body(function: Callable[..., Any]) -> bool:
    """Whether a test's body can assert nothing: it has a docstring, `...` or `pass` at most."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError, TypeError):  # made by exec, or a lambda: there may be something in it
        return False
    body = tree.body[0].body if isinstance(tree.body[0], ast.FunctionDef | ast.AsyncFunctionDef) else []
    return bool(body) and all(
        isinstance(one, ast.Pass) or (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)) for one in body
    )


def _function_name(item: pytest.Function) -> str:
    name = item.originalname or item.name
    return name if item.cls is None else f"{item.cls.__qualname__}.{name}"


def _file_of(function: Callable[..., Any]) -> Path:
    try:
        return Path(inspect.getfile(inspect.unwrap(function)))
    except TypeError:  # a partial, or made in C
        return Path()


def _class_name(node: pytest.Class) -> str:
    return str(node.obj.__qualname__)


def _printable_id(text: str) -> str:
    """A case id as part of an item's name: no line breaks, no separator of node ids, not without end."""
    shown = re.sub(r"[\x00-\x1f\x7f]+", " ", text).replace("::", ":")
    return shown if len(shown) <= LONGEST_NAME else file_slug(text)
