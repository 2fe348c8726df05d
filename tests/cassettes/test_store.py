"""Cassette files on disk: merged, atomic, recovered."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from pytest_llm.cassettes import store
from pytest_llm.cassettes.document import StoredReply
from pytest_llm.cassettes.identity import identity_of, model_record
from pytest_llm.cassettes.journal import Journal, recover
from pytest_llm.errors import CassetteCorrupt, LlmError

ONE, OTHER = (model_record("chat/completions", {"model": "tiny", "n": n}) for n in (1, 2))


def reply(slot="1", number=1, text="hello"):
    return StoredReply(slot=slot, number=number, status=200, latency_ms=1, headers={}, body={"text": text})


def put(path, request, *replies):
    store.merge(path, {identity_of(request): (request, list(replies))}, path.parent / ".pytest_llm")


def stored(path):
    return {
        (entry.request["body"]["n"], slot, number): reply.body["text"]
        for entry in store.load(path).values()
        for (slot, number), reply in entry.replies.items()
    }


def test_replies_are_added_and_replaced_never_lost(tmp_path):
    path = tmp_path / "deep" / "x.yaml"
    put(path, ONE, reply())
    put(path, OTHER, reply())
    put(path, ONE, reply("2"), reply("1", text="again"))
    assert stored(path) == {(1, "1", 1): "again", (1, "2", 1): "hello", (2, "1", 1): "hello"}
    assert [one.name for one in path.parent.iterdir() if one.suffix == ".yaml"] == ["x.yaml"]
    assert path.stat().st_mode & 0o044  # others may read it, unlike mkstemp's files


def test_only_what_a_complete_run_used_is_kept(tmp_path):
    path = tmp_path / "x.yaml"
    put(path, ONE, reply("1"), reply("1", 2), reply("3"))
    put(path, OTHER, reply("1"))
    put(path, OTHER, reply("3"), reply("2/errors/1"))
    store.keep_only(path, {(identity_of(ONE), "1", 1)}, {"1", "2"}, tmp_path / ".pytest_llm")
    # Sample 3 was not run, and was paid for.
    assert stored(path) == {(1, "1", 1): "hello", (1, "3", 1): "hello", (2, "3", 1): "hello"}
    store.keep_only(path, set(), {"1", "2", "3"}, tmp_path / ".pytest_llm")
    assert stored(path) == {}


def test_a_file_that_does_not_change_is_not_written(tmp_path):
    path = tmp_path / "x.yaml"
    put(path, ONE, reply())
    os.utime(path, (1, 1))
    put(path, ONE, reply())
    assert path.stat().st_mtime == 1


def test_a_damaged_file_is_left_as_it_is(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("version: 1\nrules: 1\n")
    with pytest.raises(CassetteCorrupt):
        put(path, ONE, reply())
    assert path.read_text() == "version: 1\nrules: 1\n"
    path.write_bytes(b"\xff")
    with pytest.raises(CassetteCorrupt, match="cannot be read"):
        store.load(path)
    assert store.load(tmp_path / "none.yaml") is None


def test_a_file_with_an_edited_request_takes_nothing_more(tmp_path):
    path = tmp_path / "x.yaml"
    put(path, ONE, reply())
    edited = path.read_text().replace("    n: 1", "    n: 3")
    path.write_text(edited)
    with pytest.raises(CassetteCorrupt, match="was edited"):
        put(path, OTHER, reply())
    assert path.read_text() == edited


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LlmError, match="cannot be written"):
        store.replace(tmp_path / "file" / "x.yaml", b"text")
    (tmp_path / "x.yaml").mkdir()
    with pytest.raises(LlmError, match="cannot be written"):
        store.replace(tmp_path / "x.yaml", b"text")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "x.yaml"]  # no temporary file is left


def test_the_state_folder_ignores_itself(tmp_path):
    store.state_folder(tmp_path / ".pytest_llm")
    assert (tmp_path / ".pytest_llm" / ".gitignore").read_text().endswith("*\n")


def test_two_processes_may_record_into_one_file_at_once(tmp_path):
    path = tmp_path / "x.yaml"
    code = textwrap.dedent(
        """
        import sys; from pathlib import Path
        from pytest_llm.cassettes import store
        from pytest_llm.cassettes.document import StoredReply
        from pytest_llm.cassettes.identity import identity_of, model_record
        path, first = Path(sys.argv[1]), int(sys.argv[2])
        for n in range(first, first + 15):
            one = model_record("chat/completions", {"n": n})
            reply = StoredReply(slot="1", number=1, status=200, latency_ms=1, headers={}, body={"text": "x"})
            store.merge(path, {identity_of(one): (one, [reply])}, path.parent / ".pytest_llm")
        """
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path), first]) for first in ("0", "100", "200")]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert len(stored(path)) == 45


def test_a_killed_recording_loses_at_most_the_reply_in_flight(tmp_path):
    """The writer is killed for good; what it had been given is in the cassette after the next run's recovery."""
    code = textwrap.dedent(
        """
        import os, sys, signal; from pathlib import Path
        from pytest_llm.cassettes.document import StoredReply
        from pytest_llm.cassettes.identity import identity_of, model_record
        from pytest_llm.cassettes.journal import Journal
        state = Path(sys.argv[1])
        journal = Journal(state)
        for n in range(10):
            one = model_record("chat/completions", {"n": n})
            reply = StoredReply(slot="1", number=1, status=200, latency_ms=1, headers={}, body={"text": "x"})
            journal.write(state.parent / f"{n % 2}.yaml", identity_of(one), one, reply)
        journal._file.write(b'\\n{"cassette": "torn')
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    state = tmp_path / ".pytest_llm"
    assert subprocess.run([sys.executable, "-c", code, str(state)], check=False).returncode == -signal.SIGKILL
    assert recover(state) == ["10 exchanges were recovered from an earlier run, which was killed"]
    assert len(stored(tmp_path / "0.yaml")) == len(stored(tmp_path / "1.yaml")) == 5
    assert recover(state) == []
    assert not list((state / "journals").glob("*.jsonl"))


def test_the_journal_of_a_living_process_is_left_alone(tmp_path):
    journal = Journal(tmp_path)
    journal.write(Path(tmp_path / "x.yaml"), identity_of(ONE), ONE, reply())
    code = "import sys, pathlib, pytest_llm.cassettes.journal as j; print(j.recover(pathlib.Path(sys.argv[1])))"
    out = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
    assert json.loads(journal.path.read_text())["identity"] == identity_of(ONE)
    journal.settle(tmp_path / "x.yaml", 1)
    journal.close()
    assert not list((tmp_path / "journals").iterdir())


def test_a_journal_stays_until_all_its_exchanges_are_in_their_cassettes(tmp_path):
    """Also where another sample of the same case could be written."""
    path, state = tmp_path / "x.yaml", tmp_path / ".pytest_llm"
    path.write_text("damaged")
    journal = Journal(state)
    journal.write(path, identity_of(ONE), ONE, reply("1"))
    journal.write(path, identity_of(ONE), ONE, reply("2"))
    journal.settle(path, 1)
    journal.close()
    [told] = recover(state)
    assert "wait in" in told
    assert "does not begin with its version" in told
    path.unlink()
    assert recover(state) == ["2 exchanges were recovered from an earlier run, which was killed"]
    assert stored(path) == {(1, "1", 1): "hello", (1, "2", 1): "hello"}


def test_a_repository_that_was_moved_recovers_into_itself(tmp_path):
    journal = Journal(tmp_path / "old" / ".pytest_llm")
    journal.write(tmp_path / "old" / "cassettes" / "x.yaml", identity_of(ONE), ONE, reply())
    journal.close()
    (tmp_path / "old").rename(tmp_path / "new")
    recover(tmp_path / "new" / ".pytest_llm")
    assert len(stored(tmp_path / "new" / "cassettes" / "x.yaml")) == 1
    assert not (tmp_path / "old").exists()


def test_a_line_that_was_torn_by_a_full_disk_spoils_no_other(tmp_path):
    """A real limit: the file may not grow past a size, as on a full disk; then there is room again."""
    code = textwrap.dedent(
        """
        import resource, sys; from pathlib import Path
        from pytest_llm.cassettes.document import StoredReply
        from pytest_llm.cassettes.identity import identity_of, model_record
        from pytest_llm.cassettes.journal import Journal
        from pytest_llm.errors import LlmError
        state = Path(sys.argv[1])
        journal = Journal(state)
        def write(n):
            one = model_record("chat/completions", {"n": n})
            reply = StoredReply(slot="1", number=1, status=200, latency_ms=1, headers={}, body={"text": "x"})
            journal.write(state.parent / "x.yaml", identity_of(one), one, reply)
        write(1)
        size = journal.path.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, resource.RLIM_INFINITY))
        for ask in (lambda: write(2), journal.check):
            try:
                ask()
            except LlmError as error:
                print(error)
        assert journal.path.stat().st_size == size + 20
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        write(3)
        journal.close()
        """
    )
    state = tmp_path / ".pytest_llm"
    told = subprocess.run([sys.executable, "-c", code, str(state)], check=True, capture_output=True, text=True).stdout
    assert told.count("the journal of what is recorded cannot be written: [Errno 27] File too large") == 2
    assert "pytest --llm-record" in told
    assert recover(state) == ["2 exchanges were recovered from an earlier run, which was killed"]
    assert sorted(stored(tmp_path / "x.yaml")) == [(1, "1", 1), (3, "1", 1)]


def test_of_two_journals_the_later_one_has_the_last_word(tmp_path):
    state = tmp_path / ".pytest_llm"
    for text in ("earlier", "later"):
        journal = Journal(state)
        journal.write(tmp_path / "x.yaml", identity_of(ONE), ONE, reply(text=text))
        journal.close()
    recover(state)
    assert stored(tmp_path / "x.yaml") == {(1, "1", 1): "later"}


def test_a_cassette_that_cannot_take_its_exchanges_keeps_no_other_from_it(tmp_path):
    """Nor does what is recovered once come back, over what was recorded since."""
    state, bad, good = tmp_path / ".pytest_llm", tmp_path / "a.yaml", tmp_path / "b.yaml"
    bad.write_text("damaged")
    journal = Journal(state)
    for path in (bad, good):
        journal.write(path, identity_of(ONE), ONE, reply())
    journal.close()
    told = recover(state)
    assert told[0] == "1 exchange was recovered from an earlier run, which was killed"
    assert "does not begin with its version" in told[1] and len(told) == 2
    put(good, ONE, reply(text="since then"))
    bad.unlink()
    assert recover(state) == ["1 exchange was recovered from an earlier run, which was killed"]
    assert stored(bad) == {(1, "1", 1): "hello"}
    assert stored(good) == {(1, "1", 1): "since then"}


def test_a_journal_that_another_run_has_just_recovered_is_nobodys(tmp_path):
    """Two processes recover at once: each of them finds the same journals, and one is later."""
    code = textwrap.dedent(
        """
        import sys; from pathlib import Path
        from pytest_llm.cassettes.journal import recover
        state = Path(sys.argv[1])
        while not (state / "go").exists():
            pass
        print(recover(state))
        """
    )
    state = tmp_path / ".pytest_llm"
    for n in range(20):
        journal = Journal(state)
        journal.write(tmp_path / f"{n}.yaml", identity_of(ONE), ONE, reply())
        journal.close()
    runs = [
        subprocess.Popen([sys.executable, "-c", code, str(state)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    time.sleep(0.5)
    (state / "go").touch()
    told = [run.communicate() for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], told
    assert sum(out.count(b"1 exchange was") for out, _ in told) == 20
    assert len(list(tmp_path.glob("*.yaml"))) == 20
    assert not list((state / "journals").iterdir())


def test_a_file_beside_a_cassette_that_lost_its_line_ends_is_written_anew(tmp_path):
    path, long = tmp_path / "x.yaml", "line\n" * 60_000
    put(path, ONE, reply(text=long))
    [file] = (tmp_path / "files").iterdir()
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))  # as git on Windows does, unless told otherwise
    assert stored(path) == {(1, "1", 1): long}
    file.write_bytes(b"mangled")
    with pytest.raises(CassetteCorrupt, match="digest is another"):
        store.load(path)
    path.unlink()  # as the message says
    put(path, ONE, reply(text=long))
    assert stored(path) == {(1, "1", 1): long}
