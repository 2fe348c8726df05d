"""Judges that answer by a script, for tests; no model is behind them."""

from __future__ import annotations

import contextlib
import json
import re

from pytest_llm.calls.transport import Reply
from pytest_llm.prompts import sending

CHECK = re.compile(r'\{"check": "(\w+)"')


class ScriptedJudge:
    """Says what a function makes of the material and the check word: a dict is a verdict, a text all of the reply."""

    def __init__(self, verdict, *, before="I thought about it. ", **choice):
        self.verdict = verdict if callable(verdict) else lambda material, check: verdict
        self.before = before
        self.choice = choice
        self.requests = []

    def __call__(self, asker, request):
        self.requests.append(request)
        system, material = (message["content"] for message in request.body["messages"])
        check = CHECK.search(system)[1]
        said = self.verdict(material, check)
        if isinstance(said, dict):
            said = f"{self.before}{json.dumps({'check': check, **said})}"
        choice = {"message": {"content": said}, "finish_reason": "stop", **self.choice}
        return Reply(data={"model": request.model, "choices": [choice]}, latency=None)

    @property
    def asked(self):
        return [request.body["messages"] for request in self.requests]


@contextlib.contextmanager
def judged_by(verdict, **options):
    judge = ScriptedJudge(verdict, **options)
    with sending(judge):
        yield judge


def endpoint(reply, decide, *, judge="big"):
    """A script for a server: the model `judge` says what `decide` makes of the output, any other model `reply`.

    `decide` gives PASS or FAIL, or, as a dict, a whole verdict, or, as any other text, a whole reply.
    """

    def script(body, _number):
        said = [message["content"] for message in body["messages"]]
        system, last = said[0], said[-1]
        if body["model"] != judge:
            return reply(last) if callable(reply) else reply
        said = decide(output_in(last))
        if said in ("PASS", "FAIL"):
            said = {"verdict": said}
        if isinstance(said, str):
            return said
        return f"I looked at it. {json.dumps({'check': CHECK.search(system)[1], **said})}"

    return script


def output_in(material):
    """The output in what a judge is shown."""
    return material.partition("BEGIN output ")[2].partition("\n")[2].partition("\nEND output ")[0]
