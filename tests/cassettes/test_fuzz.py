"""Whatever was recorded reads back, and whatever happens to a file ends in the same replies or in one clear error."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_llm.cassettes.document import (
    Entry,
    StoredReply,
    apart,
    body_of,
    check_unedited,
    content_of,
    read,
    write,
)
from pytest_llm.cassettes.identity import identity_of, record_of
from pytest_llm.cassettes.strict_yaml import read_strict
from pytest_llm.errors import CassetteCorrupt

URL = "https://api.example.invalid/v1/chat/completions"
ODD = [
    "a\x85b\n", "a\x85b\nc", "a\u2028b\nc", "a\rb\nc", "\u2028\n x ", "\u2029", "\ufeff", "\ufeffx\ny", " \n", "x \ny", "\ud800", "a\ud800\n", "yes", "no",
    "~", "null", "1e5", "1.0", "0x1f", "1:30", "2026-01-02", "---", "\n---\n", "...", "- a", "a: b", "<<", "=",
    "*a", "&a", "!t", "%", "@", "`", "|\n", ">", "#", " #", "\t", "\tx\ny", "\x00", "\x1b[31m", "\x7f", "\r", "\r\n",
    "a\r\nb", "<<<<<<< HEAD", "a\n<<<<<<< HEAD\n=======\nb\n>>>>>>> x\n", "'", '"', "\\", "\U0001f600", "\n", "\n\nx",
]  # fmt: skip
texts = st.text(max_size=20) | st.sampled_from(ODD) | st.lists(st.sampled_from(ODD), max_size=4).map("".join)
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
events = st.lists(st.dictionaries(st.sampled_from(["id", "delta"]), trees, max_size=2), max_size=4).map(
    lambda items: "".join(f"data: {json.dumps(item)}\n\n" for item in items) + "data: [DONE]\n\n"
)
KINDS = ["application/json", "text/event-stream", "text/plain", "application/octet-stream", ""]
contents = (
    st.binary(max_size=60)
    | texts.map(lambda text: text.encode(errors="replace"))
    | trees.map(lambda tree: json.dumps(tree).encode())
    | trees.map(lambda tree: json.dumps(tree, ensure_ascii=False).encode(errors="replace"))
    | events.map(str.encode)
)


def stored(content, kind="application/json", slot="1", number=1):
    return StoredReply(
        slot=slot, number=number, status=200, latency_ms=84, headers={"content-type": kind}, body=body_of(content, kind)
    )


def entry(body, *replies, kind="application/json"):
    request = record_of("POST", URL, body, kind)
    return Entry(identity_of(request), request, {(one.slot, one.number): one for one in replies})


def events_in(content):
    """The lines of a stream, of JSON its value."""
    lines = content.decode().replace("\r\n", "\n").split("\n")
    return [_data(line) if line.startswith("data:") else line for line in lines]


def _data(line):
    try:
        return ["data", json.loads(line[5:])]
    except ValueError:
        return line


def same(one, other, kind):
    """Whether two contents are equal to whoever reads them: of JSON the value, of anything else every byte."""
    if one == other:
        return True
    if kind == "text/event-stream":
        return json.dumps(events_in(one)) == json.dumps(events_in(other))
    return json.dumps(json.loads(one)) == json.dumps(json.loads(other))


@settings(max_examples=150)
@given(st.lists(st.tuples(contents, contents, st.sampled_from(KINDS)), min_size=1, max_size=3))
@example([(b'{"a": "\\ud800"}', b'{"a": "\\ud800"}', "application/json")])
@example([('["a\x85b\\nc", "a\u2028b\\nc", "\ufeffb\\nc"]'.encode(), b"", "application/json")])
@example([(b'{"a": 1e999}', b'{"a": 1, "a": 2}', "application/json")])
@example([(b'{"n": ' + b"9" * 4300 + b"}", b'{"n": ' + b"9" * 4301 + b"}", "application/json")])
@example([(b"[" * 200 + b"]" * 200, b"[" * 200 + b"]" * 200, "application/json")])
@example([(b"[" * 9000 + b"]" * 9000, b'data: {"a":' + b"[" * 199 + b"]" * 199 + b"}\n\n", "text/event-stream")])
def test_every_request_and_every_reply_read_back_as_they_were(exchanges):
    written = {}
    for request, reply, kind in exchanges:
        one = entry(request, stored(reply, kind), stored(request, kind, "2"), kind=kind)
        written[one.identity] = (one, reply, request, kind)
    entries, files = apart([one for one, *_ in written.values()], "x")
    found = read(write(entries).encode().decode(), "x.yaml", files.__getitem__)
    check_unedited(found.values(), "x.yaml")
    assert found == {identity: one for identity, (one, *_) in written.items()}
    for identity, (_, first, second, kind) in written.items():
        assert same(content_of(found[identity].replies["1", 1].body), first, kind)
        assert same(content_of(found[identity].replies["2", 1].body), second, kind)


@settings(max_examples=300)
@given(st.dictionaries(texts, trees, max_size=3) | st.lists(trees, max_size=3))
def test_the_strict_reader_reads_what_pyyaml_reads(tree):
    for style in (None, True, False):
        try:
            text = yaml.dump(tree, Dumper=Plain, default_flow_style=style, allow_unicode=True, explicit_start=True)
            expected = list(yaml.load_all(text, Loader=yaml.CSafeLoader))
        except (UnicodeEncodeError, yaml.YAMLError):  # half an emoji; what PyYAML writes and does not read
            continue
        assert repr(read_strict(text)) == repr(expected)


class Plain(yaml.SafeDumper):
    """PyYAML's own, without the aliases that it makes of two empty lists."""

    def ignore_aliases(self, _data):
        return True


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &a [1]\nb: *a\n", r"the alias \*a"),
        ("a: &a x\nb: *a\n", r"the alias \*a"),
        ("a: &a [*a]\n", r"the alias \*a"),
        ("a: 2026-01-02\n", "'2026-01-02' without quotes"),
        ("a: yes\n", "'yes' without quotes"),
        ("a: .inf\n", "without quotes"),
        ("a: 1.0e+999\n", "without quotes"),
        (f"a: {'9' * 5000}\n", "without quotes"),
        ("<<: {a: 1}\n", "without quotes"),
        ("1: a\n", "a key that is no text"),
        ("[a]: 1\n", "a key that is no text"),
        ("a: 1\na: 2\n", "the key 'a' twice"),
        ("a: !!set {x}\n", "the tag tag:yaml.org,2002:set"),
        ("a: !!binary aGk=\n", "the tag tag:yaml.org,2002:binary"),
        # libyaml has a limit of its own from one release on, and says so in its own words.
        ("a: " + "[" * 100_000, "more than 300 levels|maximum nesting depth"),
        ("- " * 100_000 + "a\n", "more than 300 levels|maximum nesting depth"),
    ],
)
def test_what_yaml_has_beyond_json_is_refused(text, said):
    with pytest.raises(yaml.YAMLError, match=said):
        read_strict(text)
    with pytest.raises(CassetteCorrupt, match=said):
        read(f"version: 1\nrules: 1\n---\n{text}", "x.yaml")


# -- files that were changed ------------------------------------------------------------------------------------

ASKED = [{"model": "tiny", "n": 1, "q": "Hi,\nhow are you?"}, {"model": "tiny", "n": 2.5, "q": "yes", "more": [True]}]
ANSWERS = [
    b'{"id": "c-1", "created": 7, "text": "first\\nanswer\\t1"}',
    b'{"text": "second", "logprob": -0.25, "list": [1, [2], {}]}',
]
STREAM = b"".join(b'data: {"delta": "%s", "n": %d}\n\n' % (word, n) for n, word in enumerate([b"one", b" two", b" 3"]))
ENTRIES = [
    entry(json.dumps(asked).encode(), stored(answer), stored(STREAM, "text/event-stream", "2"), stored(answer, "", "3"))
    for asked, answer in zip(ASKED, ANSWERS, strict=True)
]
GOOD = write(ENTRIES)
BY_IDENTITY = {one.identity: one for one in ENTRIES}
LINES = GOOD.splitlines(keepends=True)
PIECES = [
    "", "\n", " ", "  ", "\t", "-", "- ", ":", ": ", "'", '"', "[", "{", "]", "}", "*a", "&a ", "!!set ", "!!binary ",
    "<<: ", "? ", "|", "#", "---\n", "...\n", "~", "null", "yes", "2026-01-02", ".nan", ".inf", "1", "-1", "1e9", "9" * 5000,
    "\x00", "\x85", "\r", "\ufeff", "%YAML 1.2\n", "<<<<<<< HEAD\n", "=======\n", ">>>>>>> x\n", "||||||| base\n",
    "status: x\n", "  status: 1.5\n", "  number: '1'\n", "  headers: 3\n", "  text: 3\n", "a: &a [*a]\n", "\ud7ff",
]  # fmt: skip


def _places():
    """The lines of GOOD that belong to no reply: head, identities, requests, end."""
    outside, places = True, []
    for place, line in enumerate(LINES):
        outside = line == "---\n" or (outside and line != "responses:\n")
        places += [place] if outside else []
    return places


OUTSIDE = _places()


@st.composite
def edits(draw, of_replies):
    """A cassette with one to three edits: lines or characters that went, came, or were said twice."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(LINES) - 1) if of_replies else st.sampled_from(OUTSIDE))
        line = lines[at]
        if draw(st.booleans()):
            new = draw(st.sampled_from(["", line + line]) | st.sampled_from(LINES + PIECES))
            lines[at] = new + draw(st.sampled_from(["", line]))
        else:
            start = draw(st.integers(0, len(line)))
            end = start + draw(st.sampled_from([0, 1, 1, 2, 9]))
            lines[at] = line[:start] + draw(st.sampled_from(PIECES) | st.text(max_size=2)) + line[end:]
    return "".join(lines)


def read_checked(text):
    """The entries of a text; None where it is refused, by the one error that there is for it."""
    try:
        found = read(text, "x.yaml")
        check_unedited(found.values(), "x.yaml")
    except CassetteCorrupt as error:
        assert "x.yaml" in str(error)
        assert "git checkout" in str(error) or "install" in str(error)
        return None
    return found


@settings(max_examples=1000)
@given(edits(of_replies=True))
def test_an_edited_file_is_refused_or_read_and_written_as_it_is_read(text):
    found = read_checked(text)
    if found is not None:
        for one in found.values():
            for reply in one.replies.values():
                content_of(reply.body)
        entries, files = apart(found.values(), "x")
        assert read(write(entries).encode().decode(), "x.yaml", files.__getitem__) == found


@settings(max_examples=1000)
@given(edits(of_replies=False))
@example(GOOD.replace(ENTRIES[0].identity, ENTRIES[1].identity))
@example(GOOD.replace("q: 'yes'", "q: yes"))
@example(GOOD.replace("n: 2.5", "n: 2.5\n    n: 2.5"))
def test_an_edit_outside_the_replies_never_gives_a_request_another_reply(text):
    found = read_checked(text)
    if found is not None:
        for identity, one in found.items():
            assert identity_of(one.request) == identity
            assert one.replies.items() <= BY_IDENTITY[identity].replies.items()


@settings(max_examples=500)
@given(st.binary(max_size=200) | texts.map(lambda text: text.encode(errors="replace")))
def test_any_text_at_all_is_read_or_refused(content):
    with pytest.raises(CassetteCorrupt):
        read(content.decode(errors="replace"), "x.yaml")
