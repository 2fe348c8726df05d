"""An endpoint that takes its time, and a suite that asks it; for tests of what is asked at once."""

from __future__ import annotations

import threading
import time

TEST = """
import pytest
from pytest_llm import Prompt
from pytest_llm.graders import contains

prompt = Prompt(name="greet", model="tiny", user="Greet {{ name }}")
CASES = [{"id": f"c{n:02}", "name": f"c{n:02}"} for n in range(24)]

@pytest.mark.llm(prompt, cases=CASES, graders=[contains("Hello")])
def test_greets(llm_response):
    pass
"""


class Endpoint:
    """A script that takes its time, and counts how many requests it has at once.

    `hold`: the first requests wait until so many are there, as they will be soon; after some seconds they go on.
    `of`: which requests are counted at once, by their bodies, and held.
    """

    def __init__(self, seconds=0.05, said=None, hold=4, of=lambda body: True):
        self.seconds = seconds
        self._hold, self._of = hold, of
        self.said = said or (lambda name, number: f"Hello, {name}!")
        self.now = self.peak = 0
        self.names = []
        self._lock = threading.Condition()

    def __call__(self, body, number):
        name = body["messages"][-1]["content"].split()[-1]
        is_counted = self._of(body)
        with self._lock:
            self.names.append(name)
            self.now += is_counted
            self.peak = max(self.peak, self.now)
            self._lock.notify_all()
            if is_counted:
                self._lock.wait_for(lambda: self.peak >= self._hold, timeout=3)
                self._hold = 1
        try:
            time.sleep(self.seconds)
            return self.said(name, number)
        finally:
            with self._lock:
                self.now -= is_counted
