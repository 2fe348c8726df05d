"""Where baselines are: in the working tree, and in the commit that a change began at. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from pytest_llm.collection import BASELINES
from pytest_llm.errors import BaselineError, GitError, LlmError
from pytest_llm.gates.baseline import Baseline, Baselines, read_baseline
from pytest_llm.git import checked, git, paths_of, said_by, text_of

_DEEPER = {
    "fetch it": "git fetch --unshallow      (GitHub: actions/checkout with fetch-depth: 0; GitLab: GIT_DEPTH: 0)"
}
_WHOLE = {
    "fetch it": "git fetch --refetch origin      (this clone was made with --filter, without the content of files)"
}


@dataclass(slots=True)
class BaselineFiles:
    """The baselines under a root, on both sides of a change; paths are relative to the root."""

    root: Path
    #: What --llm-baseline-ref names; "" to find out.
    ref: str = ""
    _commit: str | None = None
    _problem: str = ""
    _is_resolved: bool = False
    _known: dict[str, Baselines] = field(default_factory=dict)
    _in_commit: set[str] | None = None

    def of(self, path: str) -> Baselines:
        """The baselines of one suite."""
        if path not in self._known:
            self._known[path] = self._read(path)
        return self._known[path]

    def _read(self, path: str) -> Baselines:
        try:
            head = self.in_tree(path)
            if not self._is_resolved:
                self._resolve()
            if self._problem:
                # Without any baseline there is nothing to compare, wherever the change began.
                return Baselines(base=None, head=head, problem=self._problem if head is not None else "")
            if self._commit is None:
                return Baselines(base=head, head=head, is_one=True)
            base = self.in_commit(path)
            if base is None and head is not None and head.renamed_from:
                base = self.in_commit(head.renamed_from)
            return Baselines(base=base, head=head, commit=self._commit)
        except LlmError as error:
            return Baselines(base=None, head=None, problem=str(error))

    def in_tree(self, path: str) -> Baseline | None:
        """The baseline in the working tree; None where there is none. Raises BaselineError."""
        try:
            return read_baseline((self.root / path).read_text(encoding="utf-8"), path)
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise BaselineError(f"the baseline cannot be read: {error}", where=path) from error

    def in_commit(self, path: str) -> Baseline | None:
        """The baseline in the commit that the change began at; None where there is none. Raises BaselineError."""
        text, where = self.text_before(path), f"{str(self._commit)[:12]}:{path}"
        if text is None and path in self.paths_in_commit():
            raise BaselineError("the baseline is in that commit, and git cannot show it", where=where, fix=_WHOLE)
        return None if text is None else read_baseline(text, where)

    def text_before(self, path: str) -> str | None:
        """A file as it was where the change began, at a desk in the last commit; None where it was not."""
        try:
            found = git(self.root, "show", f"{self.commit or 'HEAD'}:./{path}")
        except LlmError:
            return None
        return None if found.returncode else found.stdout.decode(errors="replace")

    @property
    def commit(self) -> str | None:
        """The commit that the change began at; None where the working tree is compared with itself."""
        if not self._is_resolved:
            self._resolve()
        return self._commit

    def _resolve(self) -> None:
        self._is_resolved = True
        try:
            self._commit = _base_of(self.root, self.ref, os.environ)
        except LlmError as error:
            self._problem = str(error)

    def paths_in_tree(self) -> set[str]:
        """Every baseline in the working tree."""
        found: set[str] = set()
        for folder, inner, files in os.walk(self.root):
            inner[:] = [name for name in inner if not name.startswith(".") and name not in ("node_modules", "venv")]
            place = Path(folder).relative_to(self.root)
            if BASELINES in place.parts:
                found.update((place / name).as_posix() for name in files if name.endswith(".json"))
        return found

    def paths_in_commit(self) -> set[str]:
        """Every baseline in the commit that the change began at."""
        if self.commit is None:
            return set()
        if self._in_commit is None:
            self._in_commit = self._listed()
        return self._in_commit

    def _listed(self) -> set[str]:
        listed = checked(git(self.root, "ls-tree", "-r", "-z", "--name-only", str(self.commit), "--", "."))
        paths = (PurePosixPath(path) for path in paths_of(listed))
        return {str(path) for path in paths if BASELINES in path.parts and path.suffix == ".json"}


def _base_of(root: Path, ref: str, environment: Mapping[str, str]) -> str | None:
    """The commit that a change began at; None at a desk, where the working tree holds the baseline.

    Raises LlmError where there is one and it cannot be found.
    """
    if ref:
        return _merge_base(root, ref)
    if environment.get("GITHUB_ACTIONS") == "true":
        if target := environment.get("GITHUB_BASE_REF"):
            return _merge_base(root, f"origin/{target}")
        main, here = _default_branch(environment), environment.get("GITHUB_REF_NAME", "")
    elif environment.get("GITLAB_CI") == "true":
        if commit := environment.get("CI_MERGE_REQUEST_DIFF_BASE_SHA"):
            return _commit(root, commit)
        main, here = environment.get("CI_DEFAULT_BRANCH", ""), environment.get("CI_COMMIT_BRANCH", "")
    elif environment.get("CI", "").lower() in ("", "0", "false"):
        return None
    else:
        main = here = ""
    if not main:
        raise BaselineError(
            "this is CI, and which commit the change began at is not known",
            fix={"say it": "pytest --llm-baseline-ref origin/main"},
        )
    return _first_parent(root) if here == main else _merge_base(root, f"origin/{main}")


def _default_branch(environment: Mapping[str, str]) -> str:
    """The main branch, of which GitHub tells in the event; "" where it does not."""
    try:
        event = json.loads(Path(environment["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
        return str(event["repository"]["default_branch"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _merge_base(root: Path, ref: str) -> str:
    target = _commit(root, ref)
    found = git(root, "merge-base", target, "HEAD")
    if found.returncode:
        raise BaselineError(f"{ref} and HEAD have no commit in common", where=str(root), fix=_DEEPER)
    return text_of(found.stdout).strip()


def _commit(root: Path, ref: str) -> str:
    found = git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if found.returncode == 0:
        return text_of(found.stdout).strip()
    inside = git(root, "rev-parse", "--is-inside-work-tree")
    if inside.returncode:
        raise GitError(f"the baseline is to be read at {ref}: {said_by(inside)}", where=str(root))
    shallow = " (a shallow clone?)" if _is_shallow(root) else ""
    raise BaselineError(f"the baseline cannot be read at {ref}: there is no such commit{shallow}", fix=_DEEPER)


def _is_shallow(root: Path) -> bool:
    return text_of(git(root, "rev-parse", "--is-shallow-repository").stdout).strip() == "true"


def _first_parent(root: Path) -> str:
    """The commit before this one on the main branch; of the very first, the empty tree, which has no baseline."""
    if git(root, "rev-parse", "--verify", "--quiet", "HEAD^1").returncode == 0 or _is_shallow(root):
        return _commit(root, "HEAD^1")
    return text_of(checked(git(root, "hash-object", "-t", "tree", "/dev/null"))).strip()
