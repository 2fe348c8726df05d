"""A project with one suite, whose model answers as a test says."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import threading

from scripted_replies import completion

TEST = """
import pytest
from pytest_llm import Prompt, grader

colour = Prompt(name="colour", model="tiny", system="{system}", user="{{{{ thing }}}}", temperature=0.7)


@grader
def says_yes(output):
    return {says}


CASES = [{{"id": f"c{{n:02}}", "inputs": {{"thing": f"thing {{n}}"}}}} for n in range({first}, {cases})]


@pytest.mark.llm(colour, cases=CASES, samples={samples}, graders=[says_yes]{more})
def test_colour(llm_response):
    pass
"""
PATH = "llm_baselines/test_colour/test_colour.json"
FIRST = ("--llm-baseline=update", "--llm-note", "first")


class GatedSuite:
    """Twelve cases, three samples each, of a prompt whose system message says which answers it gets."""

    def __init__(self, project, serve, kept) -> None:
        self.project = project
        self.path = project.path
        self.answer = self._yes = lambda system, n, draw: "yes"
        #: A folder for suites that several tests begin with.
        self._kept = kept
        self._draws = {}
        self._lock = threading.Lock()  # several are asked at once
        self.server = serve(self._reply)
        project.use(self.server)

    def _reply(self, body, _):
        system, user = (message["content"] for message in body["messages"])
        n = int(user.split()[-1])
        with self._lock:
            self._draws[system, n] = draw = self._draws.get((system, n), 0) + 1
        return completion(self.answer(system, n, draw)) | {"id": f"chatcmpl-{self.asked}"}

    @property
    def asked(self):
        return len(self.server.requests)

    def write(self, system="old", *, first=0, cases=12, samples=3, says='"yes" in output.text', more=""):
        text = TEST.format(system=system, first=first, cases=cases, samples=samples, says=says, more=more)
        self.project.write("test_colour.py", text)

    def few_fail(self, *cases, prompt="new"):
        """With this prompt, these cases always fail."""
        self.answer = lambda system, n, draw: "no" if system == prompt and n in (cases or (0, 1, 2)) else "yes"

    def run(self, *arguments):
        # Which of several samples asks first is chance, where they ask at once; here draws have an order.
        return self.project.run("-o", "llm_concurrency=1", *arguments)

    def accepted(self, **how):
        """The suite with its first baseline; one in which all pass is recorded once, and copied from then on."""
        self.write(**how)
        kept = self._kept / hashlib.sha256(repr(sorted(how.items())).encode()).hexdigest()[:16]
        if self.answer is self._yes and kept.exists():
            shutil.copytree(kept, self.path, dirs_exist_ok=True)
            return
        found = self.run("--llm-record", *FIRST)
        assert found.ret == 0
        if self.answer is self._yes:
            for name in ("cassettes", "llm_baselines", ".pytest_llm"):
                shutil.copytree(self.path / name, kept / name)

    @property
    def baseline(self):
        return json.loads((self.path / PATH).read_text("utf-8"))

    def edit_baseline(self, old, new):
        path = self.path / PATH
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")

    def git(self, *arguments):
        return git(self.path, *arguments)

    def repository(self):
        """A repository whose main branch holds what there is, and a branch off it."""
        (self.path / ".gitignore").write_text(".pytest_llm\n__pycache__\n", "utf-8")
        self.git("init", "-q")
        self.commit("base")
        self.git("update-ref", "refs/remotes/origin/main", "HEAD")
        self.git("checkout", "-qb", "change")

    def commit(self, message):
        self.git("add", ".")
        self.git("commit", "-qm", message)


def git(folder, *arguments):
    """What git says, as somebody."""
    who = ["-c", "user.name=x", "-c", "user.email=x@example.invalid", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode().strip()
