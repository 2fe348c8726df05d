"""Case files: JSONL, JSON, YAML and CSV, read strictly, every error with file and line. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import csv
import difflib
import functools
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_llm.errors import CaseError
from pytest_llm.prompts.case import NEW_KEYS, Case
from pytest_llm.schemas import JSON, load_json

_FIRST_KEYS = ("id", "inputs", "expected", "tags", "context", "critical")
RESERVED = (*_FIRST_KEYS, *NEW_KEYS)
SUFFIXES = (".jsonl", ".json", ".yaml", ".yml", ".csv")

_Row = tuple[str, Mapping[str, JSON]]


def load_cases(source: str | Path | Iterable[Case | Mapping[str, JSON]]) -> list[Case]:
    """The cases of a file, or of an iterable of cases and dicts, in their order.

    A relative path is relative to the working directory. Raises CaseError, with file and line, for a line that cannot
    be read, a key that is nearly a reserved one, an id that occurs twice (letter case does not count), and where there
    is no case at all.
    """
    if isinstance(source, str | Path):
        path = Path(source)
        name, cases = str(path), [_case(row, where) for where, row in _rows(path)]
    else:
        name = "cases="
        cases = [row if isinstance(row, Case) else _case(row, f"cases[{n}]") for n, row in enumerate(source)]
    if not cases:
        raise CaseError("there is no case", where=name, fix={"add": "at least one; a suite without cases cannot fail"})
    _check_unique(cases)
    return cases


def _check_unique(cases: Iterable[Case]) -> None:
    first: dict[str, Case] = {}
    for case in cases:
        other = first.setdefault(case.id.casefold(), case)
        if other is not case:
            same = "" if other.id == case.id else f" (ids are compared without case: {other.id!r})"
            raise CaseError(
                f"case id {case.id!r} occurs twice{same}",
                where=" and ".join(one.where or "code" for one in (other, case)),
                fix={"rename": "one of them, or remove it"},
            )


def _case(row: JSON, where: str) -> Case:
    if not isinstance(row, Mapping):
        raise CaseError(f"a case is an object with keys, not {type(row).__name__}", where=where)
    row = {str(key): value for key, value in row.items()}
    _check_keys(row, where)
    inputs = row.get("inputs", {key: value for key, value in row.items() if key not in RESERVED})
    if not isinstance(inputs, Mapping):
        raise CaseError(f"inputs is an object, not {type(inputs).__name__}", where=where)
    tags = row.get("tags", ())
    if isinstance(tags, str) or not isinstance(tags, Iterable) or not all(isinstance(tag, str) for tag in tags):
        raise CaseError(f"tags is a list of texts, not {tags!r}", where=where, fix={"write": '"tags": ["vip"]'})
    critical = row.get("critical", False)
    if not isinstance(critical, bool):
        raise CaseError(f"critical is true or false, not {critical!r}", where=where)
    id_ = row.get("id", "")
    if "id" in row and (isinstance(id_, bool) or not (isinstance(id_, str | int) and str(id_).strip())):
        raise CaseError(f"an id is a text, not {id_!r}", where=where, fix={"or": "leave it out: one is derived"})
    return Case(
        id=str(id_),
        inputs=dict(inputs),
        expected=row.get("expected"),
        tags=tuple(tags),
        context=row.get("context"),
        critical=critical,
        group=row.get("group"),
        split=row.get("split"),
        relevant=row.get("relevant", ()),
        where=where,
    )


def _check_keys(row: Mapping[str, JSON], where: str) -> None:
    others = [key for key in row if key not in RESERVED]
    if "inputs" in row and others:
        raise CaseError(
            f"key {others[0]!r} beside inputs",
            where=where,
            instead=[f"known beside inputs: {', '.join(RESERVED)}"],
            fix={"move": f"{others[0]!r} into inputs"},
        )
    for key in others:
        near = _reserved_word_near(key)
        # {"input": "…", "expected": "…"} is how many datasets look: "input" is meant, unless it holds the inputs.
        if near and not (key == "input" and not isinstance(row[key], Mapping)):
            raise CaseError(
                f"key {key!r} is nearly {near[0]!r}",
                where=where,
                fix={"write": repr(near[0]), "or": f'if it is an input: {{"inputs": {{{json.dumps(key)}: …}}}}'},
            )


@functools.lru_cache(maxsize=256)  # the same few keys in every case of a file
def _reserved_word_near(key: str) -> list[str]:
    word = key.casefold()
    near = difflib.get_close_matches(word, _FIRST_KEYS, n=1, cutoff=0.81)
    # "groups", "subgroup", "splits", "Group" and "relevance" are common names of inputs, and stay inputs: a word that
    # holds a newer key is no slip of it, and "relevance" and "relevancy" are less like "relevant" than .85.
    newer = [one for one in NEW_KEYS if one not in word]
    return near or difflib.get_close_matches(word, newer, n=1, cutoff=0.85)


def _rows(path: Path) -> Iterator[_Row]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        there = sorted(one.name for one in path.parent.glob("*") if one.suffix.lower() in SUFFIXES)
        near = difflib.get_close_matches(path.name, there, n=5, cutoff=0) if there else []
        raise CaseError("there is no such case file", where=str(path), instead=near) from error
    except (OSError, UnicodeDecodeError) as error:
        raise CaseError(f"the case file cannot be read: {error}", where=str(path)) from error
    match path.suffix.lower():
        case ".jsonl":
            return _jsonl(text, path)
        case ".json":
            return _listed(_parsed(text, str(path)), path)
        case ".yaml" | ".yml":
            return _yaml(text, path)
        case ".csv":
            return _csv(text, path)
    raise CaseError(f"{path.suffix!r} is no kind of case file", where=str(path), instead=SUFFIXES)


def _parsed(text: str, where: str) -> JSON:
    try:
        return load_json(text, "strict")[0]
    except ValueError as error:
        raise CaseError(f"no JSON: {error}", where=where) from error


def _jsonl(text: str, path: Path) -> Iterator[_Row]:
    # Not splitlines(): U+2028 and its like are legal inside a JSON string.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            where = f"{path}:{number}"
            yield where, _parsed(line, where)


def _listed(found: Any, path: Path) -> Iterator[_Row]:
    if not isinstance(found, list):
        raise CaseError(f"the file holds {type(found).__name__}, not a list of cases", where=str(path))
    for number, row in enumerate(found):
        yield f"{path}[{number}]", row


def _yaml(text: str, path: Path) -> Iterator[_Row]:
    import yaml

    class Loader(yaml.SafeLoader):
        """Dates stay text, as they are in the other three formats."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    try:
        node = yaml.compose(text, Loader=Loader)
        found = yaml.load(text, Loader=Loader)  # noqa: S506 - a SafeLoader
        _check_keys_once(node, path)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a number or a date that is none
        mark = getattr(error, "problem_mark", None)
        where = str(path) if mark is None else f"{path}:{mark.line + 1}"
        raise CaseError(f"no YAML: {getattr(error, 'problem', error)}", where=where) from error
    try:
        is_json = json.loads(json.dumps(found, allow_nan=False)) == found
    except (TypeError, ValueError, RecursionError):  # a set, a date, NaN, an anchor within itself
        is_json = False
    if not is_json:
        raise CaseError("something that JSON could not say: cases are objects, lists, texts, numbers", where=str(path))
    rows = list(_listed([] if found is None else found, path))
    if not rows or node is None:
        return iter(rows)
    return iter([(f"{path}:{item.start_mark.line + 1}", row) for item, (_, row) in zip(node.value, rows, strict=True)])


def _check_keys_once(node: Any, path: Path) -> None:
    """YAML takes the last of two equal keys without a word; JSONL refuses them."""
    kind = getattr(node, "id", "scalar")
    if kind == "mapping":
        keys = [str(key.value) for key, _ in node.value]
        if len(set(keys)) < len(keys):
            raise CaseError("a key occurs twice in a case", where=f"{path}:{node.start_mark.line + 1}")
    for item in node.value if kind != "scalar" else ():
        _check_keys_once(item[1] if kind == "mapping" else item, path)


def _csv(text: str, path: Path) -> Iterator[_Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        if len({name.casefold() for name in header}) != len(header):
            raise CaseError("a column occurs twice", where=f"{path}:1", instead=header)
        for row in reader:
            where = f"{path}:{reader.line_num}"
            if not row:
                continue
            if len(row) != len(header):
                raise CaseError(f"{len(row)} fields under {len(header)} columns", where=where)
            yield where, _csv_row(dict(zip(header, row, strict=True)), where)
    except csv.Error as error:
        raise CaseError(f"no CSV: {error}", where=f"{path}:{reader.line_num}") from error


def _csv_row(row: dict[str, str], where: str) -> dict[str, JSON]:
    """CSV has only text: tags and relevant are separated by blanks, critical is true or false.

    An empty field of a reserved key is none.
    """
    out: dict[str, JSON] = {key: value for key, value in row.items() if value or key not in RESERVED}
    for name in {"tags", "relevant"} & out.keys():
        out[name] = row[name].split()
    if "critical" in out:
        words = {"true": True, "false": False}
        if row["critical"].lower() not in words:
            raise CaseError(f"critical is true or false, not {row['critical']!r}", where=where)
        out["critical"] = words[row["critical"].lower()]
    if "inputs" in out:
        raise CaseError("a CSV column cannot be named inputs", where=where, fix={"write": "one column an input"})
    return out
