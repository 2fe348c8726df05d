"""Cassette files: read back exactly, and refused with a reason when they are not what was written."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.cassettes.document import body_of, check_unedited, content_of, read, upgraded, write
from pytest_llm.cassettes.entry import DrawGrades, Entry, Mark, StoredReply
from pytest_llm.cassettes.identity import identity_of, record_of
from pytest_llm.cassettes.plain_yaml import read_plain
from pytest_llm.errors import CassetteCorrupt

URL = "https://api.example.invalid/v1/chat/completions"


def entry(body, *replies):
    request = record_of("POST", URL, json.dumps(body).encode())
    found = Entry(identity_of(request), request)
    for reply in replies:
        found.replies[reply.slot, reply.number] = reply
    return found


def reply(content=b'{"text": "hello"}', slot="1", number=1, kind="application/json"):
    return StoredReply(
        slot=slot, number=number, status=200, latency_ms=84, headers={"content-type": kind}, body=body_of(content, kind)
    )


def test_the_file_is_meant_to_be_read():
    text = write([entry({"model": "tiny", "messages": [{"role": "user", "content": "Hi,\nhow are you?"}]}, reply())])
    assert text == (
        "version: 2\n---\nidentity: 3c7a\nrules: 2\n".replace("3c7a", text.split("identity: ")[1][:64])
        + "request:\n  method: POST\n  url: chat/completions\n  body:\n    model: tiny\n    messages:\n"
        "    - role: user\n      content: |-\n        Hi,\n        how are you?\n"
        "responses:\n- slot: '1'\n  number: 1\n  status: 200\n  latency_ms: 84\n"
        "  headers:\n    content-type: application/json\n  json:\n    text: hello\n---\nend: 1\n"
    )


def test_a_latency_that_is_not_known_is_not_written():
    unknown = replace(reply(), latency_ms=None)
    written = entry({"a": 1}, unknown)
    assert "latency_ms" not in write([written])
    assert read(write([written]), "x.yaml")[written.identity].replies["1", 1] == unknown


GRADES = DrawGrades(suite="test_orders", instrument="3f", grades={"outcome": "P", "contains 2": "F", "quality": 0.75})
FACTS = {
    "recorded": "2026-12-01T09:30:00Z",
    "concurrency": 16,
    "feedback": 1,
    "mark": Mark(kind="comparison", name="model=b", definition={"model": "b", "base_url": "http://b.invalid/v1"}),
    "accepted": (GRADES,),
    "earlier": (DrawGrades(), GRADES),
}


def test_what_is_known_about_a_reply_is_written_and_read_back():
    written = entry({"a": 1}, replace(reply(), **FACTS))
    written.rules, written.verdicts = 1, 3
    text = write([written])
    assert read(text, "x.yaml") == {written.identity: written}
    assert read_plain(text) is not None  # the quick reader takes all of it
    assert "  - suite: test_orders\n    instrument: 3f\n    grades:\n      outcome: P\n      contains 2: F\n" in text


def test_a_file_of_version_1_is_read_and_says_that_nothing_else_is_known():
    found = entry({"a": 1}, reply())
    text = write([found]).replace("version: 2\n", "version: 1\nrules: 1\n").replace("rules: 2\n", "")
    (entry_of_1,) = read(text, "x.yaml").values()
    assert (entry_of_1.rules, entry_of_1.verdicts, entry_of_1.replies) == (1, 0, found.replies)


def test_only_an_older_version_is_rewritten_and_only_if_it_is_whole():
    text = write([entry({"a": 1}, reply())])
    older = text.replace("version: 2\n", "version: 1\nrules: 1\n").replace("rules: 2\n", "")
    assert upgraded(text, "x.yaml") is None
    assert upgraded(older, "x.yaml") == text.replace("rules: 2", "rules: 1")
    with pytest.raises(CassetteCorrupt, match="was edited"):
        upgraded(older.replace("a: 1", "a: 2"), "x.yaml")


def test_bodies_can_be_left_as_they_are_stored():
    text = write([entry({"a": 1}, reply())]).replace("  json:\n    text: hello\n", "  file:\n    name: gone.bin\n")
    (found,) = read(text, "x.yaml", None).values()
    assert found.replies["1", 1].body == {"file": {"name": "gone.bin"}}
    assert write([found]) == text


def test_replies_are_in_the_order_of_their_slots():
    slots = ["10", "2", "2/errors/1", "1"]
    text = write([entry({"a": 1}, *(reply(slot=slot) for slot in slots))])
    assert [line.strip() for line in text.splitlines() if "slot" in line] == [
        f"- slot: {shown}" for shown in ("'1'", "'2'", "2/errors/1", "'10'")
    ]


texts = st.text() | st.sampled_from(
    ["yes", "1e5", "---", "2025-01-02", "a\x85b\n", "\u2028\n x ", " \n", "~", "|\n", "\x00"]
)
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(texts, trees, max_size=4), st.dictionaries(texts, trees, max_size=4), texts)
def test_whatever_is_written_reads_back(body, answer, text):
    json_reply = reply(json.dumps(answer).encode())
    text_reply = reply(text.encode(errors="replace"), number=2, kind="text/plain")
    written = entry(body, json_reply, text_reply)
    found = read(write([written]), "x.yaml")
    assert found == {written.identity: written}
    assert json.loads(content_of(found[written.identity].replies["1", 1].body)) == answer
    assert content_of(found[written.identity].replies["1", 2].body) == text.encode(errors="replace")


@given(st.binary())
def test_any_content_replays(content):
    for kind in ("application/json", "text/event-stream", ""):
        body = body_of(content, kind)
        again = content_of(body)
        assert again == content or json.loads(again) == json.loads(content)


@pytest.mark.parametrize("charset", ["iso-8859-1", "utf-16", "Shift_JIS"])
def test_text_of_another_charset_is_text(charset):
    content = ("Tür, 扉" if charset == "Shift_JIS" else "Tür, £").encode(charset, errors="ignore")
    kind = f'text/html; charset="{charset}"; x=y'
    body = body_of(content, kind)
    assert body == {"text": content.decode(charset), "charset": charset.lower()}
    written = entry({"a": 1}, reply(content, kind=kind))
    assert content_of(read(write([written]), "x.yaml")[written.identity].replies["1", 1].body) == content
    with pytest.raises(CassetteCorrupt, match="mangled"):
        read(write([written]).replace(f"charset: {charset.lower()}", "charset: morse"), "x.yaml")


@pytest.mark.parametrize(
    "kind", ["image/png", "text/plain; charset=morse", "text/plain; charset=ascii", "charset=utf-8"]
)
def test_what_is_no_text_in_its_charset_is_base64(kind):
    assert body_of(b"\xff\xfe\x00", kind) == {"base64": "//4A"}


def test_a_reply_with_a_lone_surrogate_is_kept_as_text():
    assert body_of(b'{"a": "\\ud800"}', "application/json") == {"text": '{"a": "\\ud800"}'}


GOOD = write([entry({"a": 1}, reply()), entry({"b": 1}, reply())])
ONE_REPLY = GOOD[GOOD.index("- slot") : GOOD.index("---", GOOD.index("- slot"))]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "does not begin with its version"),
        ("a list", "does not begin with its version"),
        (GOOD.replace("version: 2", "version: 9"), "version 9; this release reads 1 and 2"),
        (GOOD.replace("version: 2", "version: 1\nrules: 2"), "version 1, rules 2"),
        (GOOD.replace("version: 2", "version: true"), "version True"),
        (GOOD.replace("rules: 2", "rules: 3", 1), "rules 3; this release knows 1 to 2"),
        (GOOD.replace("rules: 2\n", "", 1), "mangled"),
        (GOOD.replace("responses:", "verdicts: -1\nresponses:", 1), "verdicts -1 is not a count"),
        (GOOD.replace("responses:", "verdict: 1\nresponses:", 1), "unknown key 'verdict'"),
        (GOOD.replace("number: 1", "number: 1\n  draws: 3", 1), "a response has the unknown key 'draws'"),
        (GOOD.replace("number: 1", "number: 1\n  number: 1", 1), "no YAML"),
        (GOOD.replace("number: 1", "number: 1\n  recorded: 3", 1), "recorded is a date"),
        (GOOD.replace("number: 1", "number: 1\n  concurrency: 0", 1), "concurrency is a number from 1"),
        (GOOD.replace("number: 1", "number: 1\n  feedback: true", 1), "feedback is a number from 1"),
        (GOOD.replace("number: 1", "number: 1\n  mark: {kind: guess}", 1), "is not a mark"),
        (GOOD.replace("number: 1", "number: 1\n  mark: {kind: control, definition: 1}", 1), "is not a mapping"),
        (GOOD.replace("number: 1", "number: 1\n  mark: {kind: control, why: x}", 1), "unknown key 'why'"),
        (GOOD.replace("number: 1", "number: 1\n  accepted: [{suite: s, instrument: i}]", 1), "mangled"),
        (GOOD.replace("number: 1", "number: 1\n  earlier: [{suite: 1, instrument: i, grades: {}}]", 1), "are texts"),
        (
            GOOD.replace("number: 1", "number: 1\n  earlier: [{suite: s, instrument: i, grades: {}, n: 1}]", 1),
            "grades of a draw with the unknown key 'n'",
        ),
        (
            GOOD.replace("number: 1", "number: 1\n  earlier: [{suite: s, instrument: i, grades: {outcome: X}}]", 1),
            "a grade is P, F, U or a score",
        ),
        (
            GOOD.replace("number: 1", "number: 1\n  earlier: [{suite: s, instrument: i, grades: {x: true}}]", 1),
            "a grade is P, F, U or a score",
        ),
        (GOOD[: GOOD.rindex("---")], "cut: its last document is not `end: 1`"),
        (GOOD.rsplit("---\n", 2)[0] + "---\nend: 2\n", "cut: its last document is not `end: 1`"),
        ("<<<<<<< HEAD\n" + GOOD, "merge conflict"),
        (GOOD.replace("---\nend", "<<<<<<< ours\n---\nend"), "merge conflict"),
        (GOOD.replace("json:", "json: [", 1), "no YAML"),
        (GOOD.replace("number: 1", "count: 1", 1), "mangled"),
        (GOOD.replace("slot: '1'", "slot: 1", 1), "mangled"),
        (GOOD.replace("responses:", "replies:", 1), "mangled"),
        (re.sub("identity: .*", "identity: 3", GOOD, count=1), "mangled"),
        (re.sub("  method: .*\\n(  .*\\n)+", "- 3\\n", GOOD, count=1), "mangled"),
        (GOOD.replace("headers:", "text: x\n  headers:", 1), "a response has json and text"),
        (GOOD.replace(ONE_REPLY, 2 * ONE_REPLY, 1), "response 1 number 1 occurs twice"),
    ],
)
def test_a_damaged_file_says_what_is_wrong_and_how_to_restore_it(text, said):
    with pytest.raises(CassetteCorrupt) as caught:
        read(text, "cassettes/x.yaml")
    assert said in str(caught.value)
    assert "cassettes/x.yaml" in str(caught.value)
    assert re.search("git checkout (--ours )?-- cassettes/x.yaml", str(caught.value)) or "install" in str(caught.value)
    assert "delete" not in str(caught.value)


def test_a_request_that_was_edited_is_found_out():
    check_unedited(read(GOOD, "x.yaml").values(), "x.yaml")
    with pytest.raises(CassetteCorrupt, match="was edited") as caught:
        check_unedited(read(GOOD.replace("a: 1", "a: 2"), "x.yaml").values(), "x.yaml")
    assert "git checkout -- x.yaml" in str(caught.value)


def test_a_cassette_whose_file_beside_it_is_not_there_names_it():
    beside = "file: {kind: text, name: x.0123456789abcdef.txt, sha256: 0, bytes: 3}"
    with pytest.raises(CassetteCorrupt, match=r"beside the cassette cannot be read: x\.0123456789abcdef\.txt"):
        read(re.sub(r"json:\n    text: hello", beside, GOOD, count=1), "x.yaml")
