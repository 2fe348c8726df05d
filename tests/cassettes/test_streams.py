"""Streams in cassettes: a person can read them, a changed word changes a line, and every event comes back."""

from __future__ import annotations

import difflib
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scripted_replies import REPLIES, Asked

from pytest_llm.cassettes.document import Entry, StoredReply, body_of, content_of, read, write
from pytest_llm.cassettes.identity import identity_of, record_of
from pytest_llm.cassettes.plain_yaml import read_plain
from pytest_llm.cassettes.secrets import Secrets
from pytest_llm.cassettes.streams import events_in, events_of, packed, unpacked
from pytest_llm.errors import CassetteCorrupt

KIND = "text/event-stream; charset=utf-8"
TOOL = {"type": "function", "name": "look_up", "parameters": {"properties": {"id": {"type": "string"}}}}


def sse(*events, end="data: [DONE]\n\n"):
    return "".join(f"data: {json.dumps(one)}\n\n" for one in events) + end


def delta(index=0, **delta):
    return {
        "id": "c1",
        "object": "chat.completion.chunk",
        "choices": [{"index": index, "delta": delta, "finish_reason": None}],
    }


def words(*said, **more):
    return [delta(content=word) | more for word in said]


def cassette(text, slot="1"):
    request = record_of("POST", "https://a.invalid/v1/chat/completions", b'{"stream": true}')
    reply = StoredReply(
        slot=slot,
        number=1,
        status=200,
        latency_ms=8,
        headers={"content-type": KIND},
        body=body_of(text.encode(), KIND),
    )
    return write([Entry(identity_of(request), request, {(slot, 1): reply})])


def recorded(path, **body):
    """A stream of the scripted endpoint."""
    body = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "stream": True, **body}
    asked = Asked(number=1, method="POST", path=path, headers={}, content=b"", body=body)
    return REPLIES[path](asked).content.decode()


def meaning(text):
    """What a stream says: JSON as values, with the order of keys and the kinds of numbers, all else to the letter."""

    def line(one):
        if not one.startswith("data:"):
            return one
        try:
            found = json.loads(one.removeprefix("data:"))
        except ValueError:
            return one
        return json.dumps(found) if isinstance(found, dict) else one

    return [line(one) for one in text.split("\n")]


def test_the_answer_stands_in_one_place():
    text = sse(delta(role="assistant", content=""), *words("The", " basket", " is", " full."), delta())
    assert (
        cassette(text).partition("  stream:\n")[2]
        == """\
  - data:
      id: c1
      object: chat.completion.chunk
      choices:
      - index: 0
        delta:
          role: assistant
          content: ''
        finish_reason: null
  - data:
      id: c1
      object: chat.completion.chunk
      choices:
      - index: 0
        delta:
          content: ''
        finish_reason: null
    run:
    - at: /choices/0/delta/content
      text: The basket is full.
      cuts: 3 7 3 6
  - data:
      id: c1
      object: chat.completion.chunk
      choices:
      - index: 0
        delta: {}
        finish_reason: null
  - raw: 'data: [DONE]'
---
end: 1
"""
    )


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("chat/completions", {}),
        ("chat/completions", {"stream_options": {"include_usage": True}}),
        ("chat/completions", {"tools": [{"type": "function", "function": TOOL}]}),
        ("responses", {}),
        ("responses", {"tools": [TOOL]}),
        ("messages", {}),
        ("messages", {"tools": [{"name": "look_up", "input_schema": TOOL["parameters"]}]}),
    ],
)
def test_a_word_that_changes_changes_a_line_or_two_wherever_it_stands(path, body):
    before = recorded(path, **body)
    items = packed(before)
    assert meaning(unpacked(items)) == meaning(before)
    assert content_of(body_of(before.encode(), KIND)) == unpacked(items).encode()
    if not body.get("tools"):
        (run,) = [item["run"][0] for item in items if "run" in item]
        assert (run["text"], run["cuts"]) == ("scripted réply 1 to: hi", "8 6 2 4 3")
    old, new = (cassette(text).splitlines() for text in (before, before.replace(" to:", " upon:")))
    changed = [line for line in difflib.ndiff(old, new) if line[:1] == "+"]
    # The Responses API repeats the text in four later events.
    assert len(changed) == (0 if body.get("tools") else 6 if path == "responses" else 2)


def test_what_an_endpoint_counts_and_pads_is_part_of_the_run():
    """The Responses API numbers its events; OpenAI makes them equally long, against listeners on the wire."""
    said = [
        {"type": "response.output_text.delta", "delta": word, "sequence_number": number, "obfuscation": "x" * number}
        for number, word in enumerate(["The", " basket", " is", " full."], start=4)
    ]
    [item] = packed(sse(*said, end=""))
    assert item["data"] == {**said[0], "delta": "", "obfuscation": ""}
    assert item["run"] == [
        {"at": "/delta", "text": "The basket is full.", "cuts": "3 7 3 6"},
        {"at": "/sequence_number"},
        {"at": "/obfuscation", "text": "x" * 22, "cuts": "4 5 6 7"},
    ]
    assert list(events_of([item])) == said


@pytest.mark.parametrize(
    ("events", "items"),
    [
        ([{"n": 1}, {"n": 2}, {"n": 3}], 3),  # a run has a text
        ([{"t": "a", "n": 1}, {"t": "b", "n": 2}, {"t": "c", "n": 2}], 2),  # a number that stands still
        ([{"t": "a", "n": 1}, {"t": "b", "n": 3}], 2),
        ([{"t": "a", "n": 1.5}, {"t": "b", "n": 2.5}], 2),
        ([{"t": "a", "n": True}, {"t": "b", "n": False}], 2),
        ([{"t": "a", "u": "a"}, {"t": "b", "u": "a"}, {"t": "c", "u": "c"}], 2),  # one field more than before
        ([{"t": "a", "u": 1}, {"t": "b", "v": 1}], 2),
        ([{"t": "a", "u": [1]}, {"t": "b", "u": [1, 2]}], 2),
        ([{"t": "a", "u": None}, {"t": "b", "u": "x"}], 2),
        ([{"t": "a", "u": 1}, {"u": 1, "t": "b"}], 2),
        ([{"t": "a"}, {"t": "a"}, {"t": "a"}], 3),
        ([{"t": "a"}, {"t": "b"}, {"t": "b"}, {"t": ""}], 1),
        ([{"a/b": {"~": ["a"]}}, {"a/b": {"~": ["b"]}}], 1),
        ([{"": "a"}, {"": "b"}], 1),
    ],
)
def test_a_run_ends_where_more_changes(events, items):
    found = packed(sse(*events, end=""))
    assert len(found) == items
    assert list(events_of(found)) == events


def test_events_of_another_name_are_no_run():
    text = 'event: a\ndata: {"t": "x"}\n\nevent: a\ndata: {"t": "y"}\n\nevent: b\nid: 3\ndata: {"t": "z"}\n\n'
    found = packed(text)
    assert [item["head"] for item in found] == ["event: a", "event: b\nid: 3"]
    assert unpacked(found) == text.replace(": {", ": {").replace('": "', '":"')


JSON_EVENT = 'data: {"t":"x"}'


@pytest.mark.parametrize(
    "block",
    [
        "data: [DONE]",
        "data: 3",
        "data: [1]",
        "data: ",
        "data",
        ": keep alive",
        ": OPENROUTER PROCESSING\n" + JSON_EVENT + "\nid: 4",
        "data: {\ndata: }",
        "data: {}\n" + JSON_EVENT,
        'data: {"a": 1, "a": 2}',
        'data: {"a": "\\ud83d"}',
        "data: NaN",
        "event: ping",
        "\nretry: 10",
        "",
        "{}",
    ],
)
def test_what_is_no_json_object_on_one_line_is_kept_as_it_is(block):
    text = f"{JSON_EVENT}\n\n{block}\n\n{JSON_EVENT}\n\n"
    found = packed(text)
    assert {"raw": block} in found or {"raw": block[1:]} in found or block == ""
    assert unpacked(found) == text


def test_a_stream_that_was_cut_keeps_its_end():
    text = sse(*words("The", " basket", " is"), end="")
    for length in range(len(text)):
        cut = text[:length]
        found = packed(cut)
        if found is not None:
            assert meaning(unpacked(found)) == meaning(cut)
    assert packed(text[:-40])[-1].keys() == {"rest"}
    assert packed(text + "\n")[-1] == {"rest": "\n"}


def test_lines_that_end_in_crlf_still_do():
    text = sse(*words("The", " basket")).replace("\n", "\r\n").replace(": ", ":").replace("data:", "data: ")
    found = packed(text)
    assert found[0] == {"line_end": "crlf"}
    assert unpacked(found).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    "text", ["", "hello", "data: [DONE]\n\n", sse({"a": 1}) + "\r\n", sse({"a": 1}) + "\r", "\r\n"]
)
def test_what_cannot_be_packed_stays_text(text):
    assert packed(text) is None
    assert body_of(text.encode(), KIND) == ({"text": text} if text else {})


pieces = st.text(max_size=6) | st.sampled_from(
    ["", " ", "\n", "é", "🙂", "'", ": ", "---", "3", "\u2028", "\r", "\ufeff"]
)
deltas = (
    st.builds(lambda text: {"content": text}, pieces)
    | st.builds(lambda text: {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}, pieces)
    | st.builds(lambda text: {"reasoning_content": text, "content": None}, pieces)
    | st.just({})
)
chunks = st.builds(lambda index, change: delta(index, **change), st.integers(0, 2), deltas)
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | pieces,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(pieces, inner, max_size=3),
    max_leaves=6,
)
datas = chunks | chunks | st.dictionaries(pieces, trees, max_size=3)
dumped = st.builds(
    lambda data, plain, space: f"data:{space}" + json.dumps(data, ensure_ascii=plain),
    datas, st.booleans(), st.sampled_from(["", " ", "  "]),
)  # fmt: skip
blocks = (
    dumped
    | dumped
    | st.builds(lambda head, data: f"{head}\n{data}", st.sampled_from(["event: a", "id: 3", ": x", ""]), dumped)
    | st.sampled_from(["data: [DONE]", ": ping", "", "\n", "data: {", "data: 1", "retry: 3"])
)


@given(st.lists(blocks, max_size=12), st.sampled_from(["", "\n\n", "\n"]), st.booleans(), st.integers(0, 400))
@example([f"data: {json.dumps(delta(content=word))}" for word in "abc"], "\n\n", False, 0)
@example(['data: {"a": 0.0, "b": "x"}', 'data: {"a": -0.0, "b": "y"}'], "\n\n", False, 0)
def test_every_event_comes_back(parts, end, crlf, cut):
    text = "\n\n".join(parts) + end
    text = text[: len(text) - cut] if cut < len(text) else text
    text = text.replace("\n", "\r\n") if crlf else text
    body = body_of(text.encode(), KIND)
    again = content_of(body).decode()
    assert meaning(again) == meaning(text)
    assert ("\r\n" in again) == ("\r\n" in text)
    if "stream" in body:
        assert list(events_of(body["stream"])) == list(events_in(text)) == list(events_in(again))
        stored = read(cassette(text), "x.yaml")
        assert [reply.body for one in stored.values() for reply in one.replies.values()] == [body]


def test_a_stream_as_it_is_written_is_read_without_pyyaml():
    for path in ("chat/completions", "responses", "messages"):
        assert read_plain(cassette(recorded(path))) is not None


# -- events for whoever reads them ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ('data: {"a": 1}\n\ndata: {"b": 1}\n\n', [{"a": 1}, {"b": 1}]),
        ('data:{"a":\ndata:1}\n\n', [{"a": 1}]),
        ('event: x\r\ndata: {"a": 1}\r\n\r\n', [{"a": 1}]),
        ('data: {"a": 1}\r\rdata: 2', [{"a": 1}, 2]),
        ('data: {"a": 1}', [{"a": 1}]),
        ('data: {"a": 1', []),
        ("data: " + "[" * 100_000, []),
        (": x\n\n\n\n", []),
    ],
)
def test_events_are_read_as_the_format_has_it(text, events):
    assert list(events_in(text)) == events


def test_events_that_are_not_packed_are_events_too():
    assert list(events_of([{"raw": "data: {\ndata: }"}, {"line_end": "crlf"}, {"rest": 'data: {"a": 1}'}])) == [
        {},
        {"a": 1},
    ]


# -- secrets, and what people do to files -----------------------------------------------------------------------

KEY = "f3a9" * 8


def test_a_secret_in_several_pieces_is_found_and_the_rest_stays_readable():
    text = sse(*words("The key is ", KEY[:10], KEY[10:], ". Do", " not tell."))
    body = Secrets.of({"MY_KEY": KEY}).scrub_json(body_of(text.encode(), KIND))
    told = "".join(one["choices"][0]["delta"].get("content", "") for one in events_in(content_of(body).decode()) if one)
    assert told == "The key is <secret:MY_KEY>. Do not tell."
    assert KEY[:10] not in str(body)


GOOD = cassette(sse(*words("The", " basket", seq="a")))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("at: /choices/0/delta/content", "at: /choices/1/delta/content"),
        ("at: /choices/0/delta/content", "at: /choices/x/delta/content"),
        ("at: /choices/0/delta/content", "at: /other"),
        ("at: /choices/0/delta/content", "at: 3"),
        ("cuts: 3 7", "cuts: 3 seven"),
        ("cuts: 3 7", "cuts: ''"),
        ("cuts: 3 7", "cuts: 37"),
        ("text: The basket", "texts: The basket"),
        ("raw: 'data: [DONE]'", "row: x"),
        ("raw: 'data: [DONE]'", "raw: 3"),
        ("raw: 'data: [DONE]'", "line_end: lf"),
        ("raw: 'data: [DONE]'", "- x"),
    ],
)
def test_a_stream_that_was_mangled_is_no_cassette(old, new):
    assert old in GOOD
    with pytest.raises(CassetteCorrupt, match=r"mangled"):
        read(GOOD.replace(old, new), "x.yaml")


def test_a_text_that_a_person_changed_is_still_cut():
    longer = read(GOOD.replace("The basket", "The picnic basket"), "x.yaml")
    [reply] = next(iter(longer.values())).replies.values()
    assert [one["choices"][0]["delta"]["content"] for one in events_of(reply.body["stream"])] == [
        "The",
        " picnic basket",
    ]
