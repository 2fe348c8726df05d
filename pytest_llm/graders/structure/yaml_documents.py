"""A grader of YAML. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from functools import cache
from typing import Any

from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.reading import CannotRead
from pytest_llm.graders.structure.fences import CodeLeniency, a_leniency, code_of
from pytest_llm.graders.structure.json_documents import a_schema, conforms
from pytest_llm.prompts import Case
from pytest_llm.schemas import fingerprint, one_line, quoted

#: Mappings and sequences inside each other, as in JSON.
DEEPEST = 200
#: Values of a document whose aliases are written out; a bomb of a few lines has billions.
MOST_VALUES = 1_000_000


def valid_yaml(schema: Any = None, *, leniency: CodeLeniency = "fence") -> Grader:
    """The text is one YAML document, and as JSON conforms to the schema, if there is one.

    Without a schema it has to be a mapping or a sequence: nearly any prose is a YAML scalar. Source: YAML 1.1 as
    PyYAML's SafeLoader reads it (`no` is false, `on` true), except that dates stay texts; a key twice in one mapping,
    tags of Python objects, and aliases that are endless or a million values, fail.
    """
    params = a_leniency("valid_yaml", leniency)
    validator = None if schema is None else a_schema("valid_yaml", schema)

    def grade(output: object, _case: Case | None) -> Told:
        import yaml

        text = code_of(output, leniency)
        try:
            value = yaml.load(text, Loader=_strict_loader())  # noqa: S506 - a SafeLoader
        except yaml.MarkedYAMLError as problem:
            mark = problem.problem_mark or problem.context_mark
            place = f"line {mark.line + 1}: " if mark else ""
            what = " ".join(filter(None, (problem.context, problem.problem)))
            return False, f"the text is not YAML ({place}{one_line(what)}); got {quoted(text)}"
        except (yaml.YAMLError, ValueError) as problem:  # ValueError: a number of too many digits
            return False, f"the text is not YAML ({one_line(str(problem))}); got {quoted(text)}"
        except RecursionError:
            raise CannotRead("it is nested too deep to be read here") from None
        if validator is not None:
            return conforms(validator, value)
        if isinstance(value, (dict, list)):
            return True
        return False, f"expected a mapping or a sequence, got {quoted(text)}"

    shown = () if schema is None else (("schema", fingerprint(schema)),)
    return Grader(name="valid_yaml", function=grade, params=(*shown, *params))


@cache
def _strict_loader() -> Any:
    """The class of PyYAML's that refuses what the grader's docstring says."""
    import yaml

    class Loader(yaml.SafeLoader):
        """Counts what a document would be with its aliases written out, and looks for keys that are there twice."""

        def __init__(self, text: str) -> None:
            super().__init__(text)
            self.depth = 0
            #: By the identity of a node: how many values it is, and how deep.
            self.sizes: dict[int, tuple[int, int]] = {}

        def compose_node(self, parent: Any, index: Any) -> Any:
            """The next node; its size is known once all in it are."""
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # its stub has no types
            if self.check_event(yaml.AliasEvent):
                node = super().compose_node(parent, index)
                if id(node) not in self.sizes:
                    raise yaml.composer.ComposerError(None, None, "an alias is inside what it stands for", mark)
                return node
            self.depth += 1
            if self.depth > DEEPEST:
                raise _too_deep(mark)
            node = super().compose_node(parent, index)
            self.depth -= 1
            inner = node.value if isinstance(node, yaml.CollectionNode) else []
            pairs = [one for two in inner for one in two] if isinstance(node, yaml.MappingNode) else inner
            known = [self.sizes[id(one)] for one in pairs]
            size, depth = 1 + sum(size for size, _ in known), 1 + max((depth for _, depth in known), default=0)
            if size > MOST_VALUES:
                what = f"with its aliases written out it has more than {MOST_VALUES:,} values"
                raise yaml.composer.ComposerError(None, None, what, mark)
            if depth > DEEPEST:
                raise _too_deep(mark)
            self.sizes[id(node)] = size, depth
            if isinstance(node, yaml.MappingNode):
                self.refuse_repeated(node)
            return node

        def refuse_repeated(self, node: Any) -> None:
            """Before `<<` brings in further keys, which a mapping's own may override."""
            seen = set()
            for key_node, _ in node.value:
                if isinstance(key_node, yaml.ScalarNode) and key_node.tag != "tag:yaml.org,2002:merge":
                    value = self.construct_object(key_node)
                    key = (type(value) is bool, value)  # 1 and true are two keys
                    if key in seen:
                        what = f"the key {quoted(value, 40)} is repeated"
                        raise yaml.constructor.ConstructorError(None, None, what, key_node.start_mark)
                    seen.add(key)

    def _too_deep(mark: Any) -> Exception:
        return yaml.composer.ComposerError(None, None, f"nested more than {DEEPEST} deep", mark)

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return Loader
