"""What is set aside of a reply: it reads back exactly, and the rest is readable."""

from __future__ import annotations

import base64
import json
import random
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.cassettes import store
from pytest_llm.cassettes.aside import LONGEST_BASE64, LONGEST_BODY, NOISE, put_back, set_aside
from pytest_llm.cassettes.document import StoredReply, body_of, content_of
from pytest_llm.cassettes.identity import identity_of, model_record
from pytest_llm.errors import CassetteCorrupt

REQUEST = model_record("embeddings", {"model": "tiny", "input": "x"})
PICTURE = random.Random(1).randbytes(LONGEST_BASE64)


def vector(length=1536, width="f"):
    numbers = [random.Random(n).uniform(-1, 1) for n in range(length)]
    return list(struct.unpack(f"<{length}{width}", struct.pack(f"<{length}{width}", *numbers)))


def there_and_back(body):
    stored, files = set_aside(body, "case")
    read = json.loads(json.dumps(stored))
    again = put_back(read, files.__getitem__)
    assert json.dumps(again) == json.dumps(body)
    assert {name for name in files if name in json.dumps(stored)} == files.keys()
    return stored, files


def test_a_vector_takes_four_bytes_a_number_where_that_is_exact_and_eight_where_not():
    short, files = there_and_back({"json": {"data": [{"embedding": vector()}, {"embedding": vector(64)}]}})
    assert short["json"] == {"data": [{"embedding": None}, {"embedding": None}]}
    assert [one["at"] for one in short["aside"]] == ["/data/0/embedding", "/data/1/embedding"]
    assert len(short["aside"][0]["f32"]) == 1536 * 4 * 4 / 3
    assert not files
    for exact in (vector(width="d"), [*vector(63), 1e300]):
        long, _ = there_and_back({"json": {"data": exact}})
        assert long["aside"][0].keys() == {"at", "f64"}


def test_what_is_another_each_time_takes_one_line():
    tree = {"id": "a", "object": "chat.completion", "created": 3, "choices": [{"id": "b"}], "timings": {"ms": 0.5}}
    stored, _ = there_and_back({"json": tree})
    assert stored == {
        "json": {"id": None, "object": "chat.completion", "created": None, "choices": [{"id": "b"}], "timings": None},
        "noise": '{"id": "a", "created": 3, "timings": {"ms": 0.5}}',
    }
    there_and_back({"json": {"id": "a", "vector": vector(), "text": "word " * LONGEST_BODY}})
    assert there_and_back({"json": {"id": None}})[0] == {"json": {"id": None}}


def test_a_list_at_the_top_and_signs_of_zero_are_kept():
    stored, _ = there_and_back({"json": [0.0, -0.0] * 40})
    assert stored["json"] is None


@pytest.mark.parametrize("numbers", [vector(63), [*vector(63), 1], [True] * 64, [None] * 64])
def test_a_short_list_or_one_of_other_things_stays(numbers):
    assert there_and_back({"json": {"data": numbers}}) == ({"json": {"data": numbers}}, {})


def test_a_picture_goes_into_a_file_of_its_own():
    code = base64.b64encode(PICTURE).decode()
    stored, files = there_and_back({"json": {"data": [{"b64_json": code}], "created": 1}})
    assert list(files.values()) == [PICTURE]
    assert stored["json"] == {"data": [{"b64_json": None}], "created": None}
    assert stored["aside"][0]["file"]["bytes"] == len(PICTURE)


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(PICTURE).decode()[:LONGEST_BASE64],  # short enough to stay
        base64.b64encode(PICTURE).decode() + "\n",  # would come back without it
        base64.b64encode(PICTURE).decode()[:-2] + "B=",  # its last bits too
        "Aa 1" * LONGEST_BASE64,
    ],
)
def test_what_is_short_or_would_not_come_back_stays(text):
    body = {"json": {"data": text}}
    assert there_and_back(body) == (body, {})


@pytest.mark.parametrize(
    ("body", "ending"),
    [
        ({"json": {"text": "word " * LONGEST_BODY}}, ".json"),
        ({"json": {"a": vector(), "b": base64.b64encode(PICTURE).decode(), "text": "é" * LONGEST_BODY}}, ".json"),
        ({"text": "line\n" * LONGEST_BODY}, ".txt"),
        ({"stream": [{"data": {"text": "word " * LONGEST_BODY}}, {"raw": "data: [DONE]"}]}, ".json"),
        ({"base64": base64.b64encode(PICTURE + b"\xff").decode()}, ".bin"),
    ],
)
def test_a_reply_that_is_too_long_to_read_goes_into_a_file_as_a_whole(body, ending):
    stored, files = there_and_back(body)
    assert stored.keys() == {"file"}
    assert [name.endswith(ending) and name.startswith("case.") for name in files] == [True]


@pytest.mark.parametrize("body", [{}, {"text": "x"}, {"base64": "/wA="}, {"json": None}, {"json": "x" * 9}])
def test_anything_else_is_stored_as_it_is(body):
    assert there_and_back(body) == (body, {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(NOISE) | st.text(), inner)
        | st.lists(st.floats(), min_size=64, max_size=70)
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_comes_back(tree):
    there_and_back({"json": tree})


# -- on disk


def reply(body):
    return StoredReply(
        slot="1", number=1, status=200, latency_ms=1, headers={"content-type": "application/json"}, body=body
    )


def put(path, *replies):
    store.merge(path, {identity_of(REQUEST): (REQUEST, list(replies))}, path.parent / ".pytest_llm")


def files_in(path):
    return sorted(one.name for one in (path / "files").glob("*"))


@pytest.fixture
def cassette(tmp_path):
    path = tmp_path / "large-cups.yaml"
    body = body_of(json.dumps({"picture": base64.b64encode(PICTURE).decode()}).encode(), "application/json")
    put(path, reply(body))
    return path


def the_reply(path):
    (entry,) = store.load(path).values()
    return entry.replies["1", 1]


def test_a_file_lies_beside_the_cassette_and_is_part_of_the_reply(cassette):
    (name,) = files_in(cassette.parent)
    assert name.startswith("large-cups.")
    assert name.endswith(".bin")
    assert (cassette.parent / "files" / name).read_bytes() == PICTURE
    assert cassette.stat().st_size < 1000
    assert json.loads(content_of(the_reply(cassette).body))["picture"] == base64.b64encode(PICTURE).decode()


def test_a_file_goes_when_its_reply_goes_and_others_stay(cassette):
    other = cassette.with_name("large.yaml")
    put(other, replace(the_reply(cassette), slot="2"))
    assert len(files_in(cassette.parent)) == 2
    put(cassette, reply({"text": "no picture"}))
    assert [name.startswith("large.") for name in files_in(cassette.parent)] == [True]
    assert json.loads(content_of(next(iter(store.load(other).values())).replies["2", 1].body))["picture"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda cassette, beside: beside.unlink(), "a file beside the cassette cannot be read"),
        (lambda cassette, beside: beside.write_bytes(b"other"), "is not what was recorded"),
        (
            lambda cassette, beside: cassette.write_text(cassette.read_text().replace("name: ", "name: ../")),
            "is no name of a file beside a cassette",
        ),
        (
            lambda cassette, beside: cassette.write_text(cassette.read_text().replace("picture: null", "picture: 3")),
            "not empty",
        ),
        (lambda cassette, beside: cassette.write_text(cassette.read_text().replace("/picture", "/photo")), "mangled"),
    ],
)
def test_a_damaged_file_is_said_and_nothing_is_touched(cassette, damage, said):
    damage(cassette, cassette.parent / "files" / files_in(cassette.parent)[0])
    before = cassette.read_bytes()
    with pytest.raises(CassetteCorrupt, match=said):
        store.load(cassette)
    with pytest.raises(CassetteCorrupt, match=said):
        put(cassette, reply({"text": "new"}))
    assert cassette.read_bytes() == before


def test_a_vector_that_was_cut_is_said(tmp_path):
    path = tmp_path / "x.yaml"
    put(path, reply({"json": {"embedding": vector(64)}}))
    text = path.read_text()
    code = text.split("f32: ")[1].split("\n")[0]
    path.write_text(text.replace(code, code[:-3]))
    with pytest.raises(CassetteCorrupt, match="mangled"):
        store.load(path)
