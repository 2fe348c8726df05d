"""What was paid for is not lost: real kills, a real full disk, two writers; and no damaged file is made worse."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading

import pytest

TEST = """
import json, os, urllib.request, pytest

def ask(text):
    body = json.dumps({"model": "tiny", "messages": [{"role": "user", "content": text}]}).encode()
    headers = {"content-type": "application/json", "x-pids": f"{os.getpid()} {os.getppid()}"}
    request = urllib.request.Request(os.environ["OPENAI_BASE_URL"] + "/chat/completions", body, headers)
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)["choices"][0]["message"]["content"]

@pytest.mark.llm(cases=[{"id": f"c{n}"} for n in range(CASES)], samples=SAMPLES)
def test_it(llm_case, llm_calls):
    for n in range(CALLS):
        assert ask(f"{llm_case.id} {n}").startswith(f"reply to {llm_case.id} {n}")
"""


def said_to(body):
    return f"reply to {body['messages'][-1]['content']}"


@pytest.fixture
def app(project, serve, monkeypatch):
    """A project whose test asks CALLS times; `at[k]` is done to the processes of the k-th request before its reply."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # a third of the time
    project.pytester.makeini("[pytest]\naddopts = -p pytest_llm.plugin -p no:cacheprovider\n")
    at = {}

    def script(body, number):
        if number in at:
            at.pop(number)([int(pid) for pid in server.headers[number - 1]["x-pids"].split()])
        return said_to(body)

    server = serve(script)
    project.use(server)
    project.server, project.at = server, at
    project.asked = lambda: sorted(body["messages"][-1]["content"] for body in server.requests)

    def tests(cases=3, calls=3, samples=1):
        text = TEST.replace("CASES", str(cases)).replace("CALLS", str(calls)).replace("SAMPLES", str(samples))
        project.write("test_it.py", text)
        return [f"c{case} {n}" for case in range(cases) for n in range(calls) for _ in range(samples)]

    project.tests = tests
    return project


def send(number):
    return lambda pids: os.kill(pids[0], number)


def state(app):
    """What is left in the folders that only a run that was killed leaves something in."""
    return [path.name for path in [*app.path.glob(".pytest_llm/journals/*"), *app.path.rglob(".*.tmp")]]


def replays_all(app):
    before = len(app.server.requests)
    result = app.run()
    return result.ret == 0 and len(app.server.requests) == before and not state(app)


# -- kills ------------------------------------------------------------------------------------------------------


def test_a_run_that_is_killed_at_any_request_loses_that_reply_and_no_other(app):
    expected = app.tests()
    # Killed at its first request, in the middle of an item, at the first of an item, and in between once more.
    for step in (1, 2, 2, 3):
        app.at[len(app.server.requests) + step] = send(signal.SIGKILL)
        assert app.record().ret == -signal.SIGKILL
        assert not app.at
    missed = app.run()
    assert missed.ret == 1
    missed.stdout.fnmatch_lines(["replies of a run that was killed, or still records, wait to be recovered by *"])
    result = app.record("-W", "error")
    assert result.parseoutcomes()["passed"] == 3
    result.stdout.fnmatch_lines(["*2 exchanges were recovered from an earlier run, which was killed*"])
    # Each kill lost the reply that was under way: it is asked again, and nothing else is.
    assert len(app.server.requests) == len(expected) + 4
    assert sorted(set(app.asked())) == expected
    assert replays_all(app)


KILLS = """
import os, signal

def kill(when):
    if os.environ["KILL"] == when:
        os.kill(os.getpid(), signal.SIGKILL)

def replace(source, target, real=os.replace):
    ours = str(target).endswith(".yaml")
    if ours: kill("before it is replaced")
    real(source, target)
    if ours: kill("after it is replaced")

def fsync(handle, real=os.fsync):
    kill("before it is on disk")
    real(handle)

os.replace, os.fsync = replace, fsync
"""


def test_a_kill_within_a_save_or_within_a_recovery_loses_nothing(app, monkeypatch):
    expected = app.tests(cases=2)
    app.write("conftest.py", KILLS)
    for when in ("before it is on disk", "before it is replaced", "after it is replaced"):
        monkeypatch.setenv("KILL", when)
        # The first is killed in the save of an item, the others in the recovery from the one before.
        assert app.record().ret == -signal.SIGKILL
        assert len(app.server.requests) == 3
        assert any(name.endswith(".journal.jsonl") for name in state(app))
    monkeypatch.setenv("KILL", "never")
    result = app.record()
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*3 exchanges were recovered from an earlier run, which was killed*"])
    assert app.asked() == expected
    assert replays_all(app)


def test_ctrl_c_keeps_what_was_answered(app):
    expected = app.tests()
    app.at[5] = send(signal.SIGINT)
    assert app.record().ret == pytest.ExitCode.INTERRUPTED
    assert len(app.server.requests) == 5
    app.record().assert_outcomes(passed=3)
    assert len(expected) <= len(app.server.requests) <= len(expected) + 1
    assert sorted(set(app.asked())) == expected
    assert replays_all(app)


def test_a_worker_of_xdist_that_is_killed_loses_its_reply_and_no_other(app):
    expected = app.tests(cases=4)
    app.at[6] = send(signal.SIGKILL)
    result = app.record("-p", "xdist", "-n2")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    app.record("-p", "xdist", "-n2").assert_outcomes(passed=4)
    assert len(app.server.requests) == len(expected) + 1
    assert sorted(set(app.asked())) == expected
    assert replays_all(app)


def test_a_run_of_xdist_that_is_killed_as_a_whole_loses_a_reply_of_each_worker_at_most(app):
    expected = app.tests(cases=4)

    def kill_all(pids):
        for pid in {int(pid) for headers in app.server.headers for pid in headers["x-pids"].split()}:
            os.kill(pid, signal.SIGKILL)

    app.at[7] = kill_all
    assert app.record("-p", "xdist", "-n2").ret == -signal.SIGKILL
    app.record().assert_outcomes(passed=4)
    assert len(expected) + 1 <= len(app.server.requests) <= len(expected) + 2
    assert sorted(set(app.asked())) == expected
    assert replays_all(app)


# -- disks ------------------------------------------------------------------------------------------------------


def is_clear(result, *said):
    """One error that says what, and no traceback from inside."""
    result.stdout.fnmatch_lines([f"*{line}*" for line in said])
    return result.ret != 0 and not comes_from_inside(result.stdout.str() + result.stderr.str())


def comes_from_inside(out):
    return "Traceback" in out or "INTERNALERROR" in out or re.search(r"(?m)^\S*pytest_llm/\S+:\d+: (in |\w+Error)", out)


LIMIT = """
import os, resource
resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["LIMIT"]), resource.RLIM_INFINITY))
"""
SPACE = "the space or the permissions there"


def test_a_disk_that_is_full_for_the_journal_is_said_and_nothing_more_is_paid_for(app, monkeypatch):
    """A real limit on the size of every file."""
    expected = app.tests(cases=4)
    app.server.script = lambda body, number: said_to(body) + "x" * 6000
    app.write("conftest.py", LIMIT)
    monkeypatch.setenv("LIMIT", "28000")
    result = app.record()
    assert is_clear(result, "the journal of what is recorded cannot be written: * File too large", SPACE)
    # The reply in flight was the fifth; the item went on with what it had been told. The next items did not ask.
    asked = len(app.server.requests)
    assert asked < len(expected)
    assert app.cassettes().keys() >= {"cassettes/test_it/test_it/c0.yaml"}
    monkeypatch.setenv("LIMIT", "-1")
    app.record().assert_outcomes(passed=4)
    assert len(expected) <= len(app.server.requests) <= len(expected) + 1
    assert sorted(set(app.asked())) == expected
    assert replays_all(app)


def test_a_disk_that_is_full_for_a_cassette_leaves_the_old_one_and_keeps_the_new_reply(app, monkeypatch):
    app.tests(cases=1)
    app.server.script = lambda body, number: said_to(body) + "x" * 6000
    app.record().assert_outcomes(passed=1)
    before = app.cassettes()
    expected = app.tests(cases=1, samples=2)
    app.server.script = lambda body, number: said_to(body)
    app.write("conftest.py", LIMIT)
    monkeypatch.setenv("LIMIT", "16000")
    result = app.record()
    assert is_clear(result, "the file cannot be written: * File too large", "where*cassettes/test_it/test_it/c0.yaml")
    assert app.cassettes() == before
    monkeypatch.setenv("LIMIT", "-1")
    app.record().assert_outcomes(passed=2)
    assert app.asked() == expected
    assert replays_all(app)


@pytest.fixture
def tiny_disk(app):
    """A file system of 32 kB over the folder of the cassettes."""
    folder = app.path / "cassettes"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("file systems cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_without_space_and_one_that_is_read_only(app, tiny_disk):
    expected = app.tests(cases=2)
    (tiny_disk / "ballast").write_bytes(b"x" * 20_000)
    app.server.script = lambda body, number: said_to(body) + "x" * 2000
    result = app.record()
    assert is_clear(result, "the file cannot be written: * No space left on device", SPACE)
    assert len(app.server.requests) == len(expected)
    (tiny_disk / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    assert is_clear(app.record(), "*wait in*the file cannot be written: * Read-only file system")
    subprocess.run(["mount", "-o", "remount,rw", str(tiny_disk)], check=True)
    app.record().assert_outcomes(passed=2)
    assert replays_all(app)


def test_a_file_where_a_folder_has_to_be_is_said_before_anything_is_asked(app):
    expected = app.tests(cases=1)
    place = app.write("cassettes/test_it/test_it", "mine")
    assert is_clear(app.record(), "Not a directory", "where*cassettes/test_it/test_it/c0.yaml")
    place.unlink()
    place = app.write(".pytest_llm/journals", "mine")
    assert is_clear(app.record(), "the journal of what is recorded cannot be written: * File exists", SPACE)
    assert app.server.requests == []
    assert place.read_text() == "mine"
    place.unlink()
    place = app.write(".pytest_llm/locks", "mine")
    assert is_clear(app.record(), "the file cannot be written: * File exists", SPACE)
    place.unlink()
    app.record().assert_outcomes(passed=1)
    assert app.asked() == expected


# -- damage -----------------------------------------------------------------------------------------------------


def in_a_block(text, *markers):
    """A conflict in the middle of a text of several lines, with one side for each marker but the last."""
    head, line, rest = re.split(r"(?m)^( +line two\n)", text)
    return (head + line.join(markers) + rest).encode()


BOMB = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else 'x'] * 9)}]\n" for n in range(30))
DAMAGES = {
    "empty": lambda text: b"",
    "nul": lambda text: bytes(len(text)),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16 without mark": lambda text: text.encode("utf-16-le"),
    "latin-1": lambda text: text.replace("line three", "l\xefne three").encode("latin-1"),
    "newer": lambda text: text.replace("version: 2", "version: 3", 1).encode(),
    "bomb": lambda text: text.replace("---\n", f"---\n{BOMB}", 1).encode(),
    "bomb alone": lambda text: BOMB.encode(),
    "brackets": lambda text: text.replace("---\n", f"---\na: {'[' * 100_000}\n", 1).encode(),
    "dashes": lambda text: text.replace("---\n", f"---\n{'- ' * 100_000}a\n", 1).encode(),
    "edited request": lambda text: text.replace("content: c", "content: d").encode(),
    "said twice": lambda text: "---\n".join((a := text.split("---\n"))[:2] + a[1:2] + ["end: 2\n"]).encode(),
    "status": lambda text: text.replace("status: 200", "status: OK").encode(),
    "key twice": lambda text: text.replace("rules: 2\n", "rules: 2\nrules: 2\n", 1).encode(),
    "unknown key": lambda text: text.replace("rules: 2\n", "rules: 2\ndraws: 1\n", 1).encode(),
    "count": lambda text: text.replace("rules: 2\n", "rules: 2\nverdicts: many\n", 1).encode(),
    "letter": lambda text: text.replace("outcome: P", "outcome: Q", 1).encode(),
    "number": lambda text: text.replace("number: 1", "number: '1'", 1).encode(),
    "date": lambda text: text.replace("object: chat.completion", "object: 2026-01-02").encode(),
    "conflict": lambda text: f"<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> other\n".encode(),
    "conflict in a block": lambda text: in_a_block(text, "<<<<<<< HEAD\n", "=======\n", ">>>>>>> other\n"),
    "diff3": lambda text: in_a_block(text, "<<<<<<< HEAD\n", "||||||| 3f1e\n", "=======\n", ">>>>>>> other\n"),
    "rest of a conflict": lambda text: in_a_block(text, "=======\n", ">>>>>>> other\n"),
}
FINE = {
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
}


def test_no_damage_is_made_worse_or_replayed_and_line_ends_are_none(app):
    """One run for all of them: each case's cassette is damaged in its own way."""
    damages = list(DAMAGES.values()) + list(FINE.values())
    app.tests(cases=len(damages), calls=1)
    app.server.script = lambda body, number: said_to(body) + "\nline two\nline three\n"
    app.record().assert_outcomes(passed=len(damages))
    folder, damaged = app.path / "cassettes/test_it/test_it", {}
    for number, damage in enumerate(damages):
        path = folder / f"c{number}.yaml"
        damaged[path] = damage(path.read_bytes().decode())
        path.write_bytes(damaged[path])
    for arguments in ((), ("--llm-record",)):
        result = app.run(*arguments)
        outcomes = result.parseoutcomes()
        assert outcomes["passed"] == len(FINE)
        assert outcomes.get("failed", 0) + outcomes.get("errors", 0) >= len(DAMAGES)
        out = result.stdout.str() + result.stderr.str()
        for number, name in enumerate(DAMAGES):
            told = re.findall(rf"where +cassettes/test_it/test_it/c{number}\.yaml\n +(.*)", out)
            assert told, name
            assert re.search(r"git checkout -- |install|pytest-llm cassettes merge", told[0]), name
        assert not comes_from_inside(out)
        assert {path: path.read_bytes() for path in damaged} == damaged
    assert len(app.server.requests) == len(damages)


def test_a_file_that_is_cut_at_any_line_is_refused(app):
    """Cut between two lines, and within one."""
    from pytest_llm.cassettes.store import load
    from pytest_llm.errors import CassetteCorrupt

    app.tests(cases=1, calls=2)
    app.record()
    [path] = app.path.rglob("cassettes/**/*.yaml")
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    for count in range(len(lines)):
        for cut in (b"".join(lines[:count]), b"".join(lines[:count]) + lines[count][: len(lines[count]) // 2]):
            path.write_bytes(cut)
            with pytest.raises(CassetteCorrupt, match=r"c0\.yaml"):
                load(path)
            assert path.read_bytes() == cut


# -- two writers ------------------------------------------------------------------------------------------------


def test_four_workers_that_record_the_same_files_lose_nothing(app):
    expected = app.tests(cases=2, calls=2, samples=4)
    app.record("-p", "xdist", "-n4").assert_outcomes(passed=8)
    assert app.asked() == expected
    assert len(app.cassettes()) == 2
    assert replays_all(app)


@pytest.mark.parametrize(
    "selections", [("c0 c1", "c0-#2 c1-#2"), ("c0 c0-#2", "c1 c1-#2")], ids=["samples of a file", "files"]
)
def test_two_runs_that_record_at_once_lose_nothing(app, selections):
    expected = app.tests(cases=2, calls=2, samples=2)
    meet = threading.Barrier(2, timeout=60)

    def together(body, number):
        if number <= 8:
            meet.wait()  # so that neither run is over before the other begins
        return said_to(body)

    app.server.script = together
    command = [sys.executable, "-m", "pytest", "--llm-record"]
    items = [[f"test_it.py::test_it[{one}]" for one in selection.split()] for selection in selections]
    runs = [subprocess.Popen([*command, *some], cwd=app.path, stdout=subprocess.PIPE, text=True) for some in items]
    outs = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outs
    assert app.asked() == expected
    assert replays_all(app)
