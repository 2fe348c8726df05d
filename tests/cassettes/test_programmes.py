"""Random programmes of requests: recorded once, replayed in any order, any selection and from many threads."""

from __future__ import annotations

import json
import sys
import tempfile
import threading
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pytest_llm.cassettes import Desk, Recorder, Secrets, Shelf, content_of
from pytest_llm.cassettes.identity import identity_of, record_of
from pytest_llm.cassettes.journal import Journal, recover
from pytest_llm.errors import CassetteMiss

URL = "https://api.example.invalid/v1/chat/completions"
THREADS = 8


class Place:
    """A folder with a cassette; `open` gives a recorder as a run of its own has it."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory()
        self.root = Path(self._folder.name)
        self.state = self.root / ".pytest_llm"
        self.journal = Journal(self.state)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.journal.close()
        self._folder.cleanup()

    def open(self, mode, slot):
        desk = Desk(
            mode=mode, state=self.state, secrets=lambda: Secrets.of({}), journal=lambda: self.journal, shelf=Shelf()
        )
        return Recorder(desk, self.root / "x.yaml", shown="x.yaml", owner="test", slot=slot)

    def restart(self):
        """As a run that ends here, whatever it saved, and one that begins."""
        self.journal.close()
        told = recover(self.state)
        self.journal = Journal(self.state)
        return told


def request(number):
    return record_of("POST", URL, json.dumps({"model": "tiny", "n": number}).encode())


class Model:
    """Gives every request a reply of its own, and knows which."""

    def __init__(self):
        self._lock = threading.Lock()
        self._count = 0
        self.given = defaultdict(list)

    def answer(self, recorder, number, arm=""):
        """What a client sees: a recorded reply, or one that is asked, and kept."""
        ticket = recorder.take(recorder.canonical(request(number)), arm=arm)
        if ticket.reply is not None:
            return text_of(ticket.reply)
        with self._lock:
            self._count += 1
            said = f"reply {self._count}"
            self.given[ticket.slot, number].append(said)
        reply = {"choices": [{"finish_reason": "stop", "message": {"content": said}}]}
        recorder.keep(ticket, 200, {"content-type": "application/json"}, json.dumps(reply).encode())
        return said


def text_of(reply):
    return json.loads(content_of(reply.body))["choices"][0]["message"]["content"]


def in_threads(work, items):
    """All at once, and in turns that are as short as Python can make them."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-7)
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(work, items))
    finally:
        sys.setswitchinterval(interval)


SLOTS = ("1", "2", "3", "1/resample/2", "1/errors/2")
# A step is (slot, request): a sample, or an arm's attempt of one. Steps repeat, and the slots are mixed.
programmes = st.lists(st.tuples(st.sampled_from(SLOTS), st.integers(0, 4)), min_size=1, max_size=24)


def opened(place, mode):
    """A recorder a sample, as the samples of a case have it; arms go through that of their sample."""
    return {sample: place.open(mode, sample) for sample in "123"}


def through(recorders, slot):
    """The recorder of a slot, and the arm in it."""
    sample, _, arm = slot.partition("/")
    return recorders[sample], arm


@settings(max_examples=60)
@given(programmes, st.booleans(), st.booleans(), st.randoms(use_true_random=False))
@example([("1", 0)] * 24, True, True, None)
@example([("1", 0), ("2", 0), ("3", 0)] * 8, True, True, None)
def test_every_recorded_reply_comes_back_once_to_its_own_request_in_its_own_slot(steps, threads, scattered, random):
    with Place() as place:
        model = Model()
        recorders = opened(place, "record")

        def ask(step):
            recorder, arm = through(recorders, step[0])
            return step, model.answer(recorder, step[1], arm)

        in_threads(ask, steps) if threads else [ask(step) for step in steps]
        for recorder in recorders.values():
            recorder.close()

        order = list(steps)
        if random is not None:
            random.shuffle(order)
            order = order[: random.randint(0, len(order))] if scattered else order
        again = opened(place, "replay")
        heard = defaultdict(dict)
        for step, reply in in_threads(lambda step: (step, _replay(again, *step)), order):
            assert reply.number not in heard[step]  # every number once
            heard[step][reply.number] = text_of(reply)
        for step, replies in heard.items():
            assert set(replies) == set(range(1, len(replies) + 1))
            assert Counter(replies.values()) <= Counter(model.given[step])
            if not threads:  # which of several at once was answered first, nobody knows
                assert [replies[number] for number in sorted(replies)] == model.given[step][: len(replies)]
        for step, count in Counter(order).items():
            if count == len(model.given[step]):
                with pytest.raises(CassetteMiss) as caught:
                    _replay(again, *step)
                assert caught.value.kind == "exhausted"


def _replay(recorders, slot, number):
    recorder, arm = through(recorders, slot)
    ticket = recorder.take(recorder.canonical(request(number)), arm=arm)
    assert ticket.canonical.identity == identity_of(request(number))
    return ticket.reply


def test_of_many_equal_requests_at_once_no_two_get_the_same_reply():
    count = 400
    with Place() as place:
        model, recorder = Model(), place.open("record", "1")
        in_threads(lambda _: model.answer(recorder, 0), range(count))
        recorder.close()
        again = opened(place, "replay")
        numbers = in_threads(lambda _: _replay(again, "1", 0).number, range(count))
    assert sorted(numbers) == list(range(1, count + 1))
    assert len(set(model.given["1", 0])) == count


@settings(max_examples=40)
@given(programmes, programmes)
@example([("1", 0)], [("2", 0)])
def test_a_sample_that_was_not_recorded_is_missing_never_anothers(recorded, asked):
    with Place() as place:
        model = Model()
        recorders = opened(place, "record")
        for slot, number in recorded:
            recorder, arm = through(recorders, slot)
            model.answer(recorder, number, arm)
        for recorder in recorders.values():
            recorder.close()
        again = opened(place, "replay")
        used = Counter()
        for step in asked:
            used[step] += 1
            if used[step] <= len(model.given[step]):
                assert text_of(_replay(again, *step)) == model.given[step][used[step] - 1]
            else:
                with pytest.raises(CassetteMiss):
                    _replay(again, *step)


@settings(max_examples=40)
@given(programmes, st.integers(0, 24), st.booleans())
def test_a_run_that_ends_anywhere_is_gone_on_with_and_asks_only_what_is_missing(steps, cut, saved):
    """Also where it never came to its save: then the journal has what was answered."""
    with Place() as place:
        first, second = Model(), Model()
        recorders = opened(place, "record")
        for slot, number in steps[:cut]:
            recorder, arm = through(recorders, slot)
            first.answer(recorder, number, arm)
        for recorder in recorders.values():
            if saved:
                recorder.close()
        told = place.restart()
        assert bool(told) == (not saved and cut > 0)
        again = opened(place, "record")
        heard = defaultdict(list)
        for slot, number in steps:
            recorder, arm = through(again, slot)
            heard[slot, number].append(second.answer(recorder, number, arm))
        # Each request gets its earlier replies first, and only then new ones.
        for step, said in heard.items():
            assert said == first.given[step] + second.given[step]
        assert sum(map(len, second.given.values())) == len(steps) - len(steps[:cut])


# -- identity ---------------------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["1.0", "1e+5", "é", "\x85", "/"]
)
numbers = st.integers(-(10**15), 10**15) | st.floats(allow_nan=False, allow_infinity=False)
trees = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
bodies = st.dictionaries(texts, trees, min_size=1, max_size=3)


def spelled(draw, value):
    """JSON of a value in another spelling: order of keys, white space, escapes, and 1 as 1.0 or 1e0."""
    blank = draw(st.sampled_from(["", " ", "\n\t"]))
    if isinstance(value, dict):
        items = draw(st.permutations(list(value.items())))
        inner = f"{blank},".join(f"{blank}{spelled(draw, key)}:{spelled(draw, item)}" for key, item in items)
        return f"{{{inner}{blank}}}"
    if isinstance(value, list):
        return f"[{blank}{','.join(spelled(draw, item) for item in value)}{blank}]"
    if isinstance(value, str):
        return draw(st.sampled_from([json.dumps(value), json.dumps(value, ensure_ascii=False), _escaped(value)]))
    if type(value) is int:
        return draw(st.sampled_from([f"{value}", f"{value}.0", f"{value}e0", f"{value}.00E+0", f"{value}0e-1"]))
    return json.dumps(value)


def _escaped(text):
    units = text.encode("utf-16-be")
    return '"' + "".join(f"\\u{units[at]:02X}{units[at + 1]:02x}" for at in range(0, len(units), 2)) + '"'


def identity(body, kind="application/json", url=URL):
    return identity_of(record_of("POST", url, body if isinstance(body, bytes) else body.encode(), kind))


@settings(max_examples=200)
@given(bodies, st.data())
@example({"t": 1}, None)
def test_how_a_body_is_spelled_does_not_matter(body, data):
    other = '{\n "t" : 1.0e0 }' if data is None else spelled(data.draw, body)
    assert identity(json.dumps(body)) == identity(other)


def canonical(value):
    """What two bodies have in common that are the same request; written apart from the product."""
    if isinstance(value, dict):
        return frozenset((key, canonical(item)) for key, item in value.items())
    if isinstance(value, list):
        return tuple(map(canonical, value))
    if isinstance(value, str | bool) or value is None:
        return type(value), value
    return "number", value


@settings(max_examples=300)
@given(bodies, bodies, st.data())
def test_anything_else_in_a_body_matters(body, other, data):
    if data.draw(st.booleans()):
        other = _with_an_edit(data.draw, body)
    assume(canonical(body) != canonical(other))
    assert identity(json.dumps(body)) != identity(json.dumps(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": True, "t": 1.0}, {"a": 1, "t": 1.0}),
        ({"a": False}, {"a": 0}),
        ({"a": "1"}, {"a": 1}),
        ({"a": "1.0"}, {"a": "1"}),
        ({"a": None}, {}),
        ({"a": []}, {"a": {}}),
        ({"a": ""}, {"a": None}),
        ({"a": [1, 2]}, {"a": [2, 1]}),
        ({"a": 0.1}, {"a": 0.1 + 2**-56}),
        ({"a": "e\u0301"}, {"a": "\xe9"}),
        ({"a": "x "}, {"a": "x"}),
    ],
)
def test_what_looks_alike_is_not_the_same(one, other):
    assert identity(json.dumps(one)) != identity(json.dumps(other))


def _with_an_edit(draw, value):
    """The value with one leaf, key or item changed."""
    if isinstance(value, dict) and value:
        key = draw(st.sampled_from(list(value)))
        rest = {name: item for name, item in value.items() if name != key}
        return draw(
            st.sampled_from([rest, {**rest, draw(texts): value[key]}, {**value, key: _with_an_edit(draw, value[key])}])
        )
    if isinstance(value, list) and value:
        at = draw(st.integers(0, len(value) - 1))
        return draw(
            st.sampled_from([value[:at] + value[at + 1 :], [*value, None], value[::-1], [*value[:at], *value[at:], 0]])
        )
    return draw(trees)


parts = st.lists(
    st.tuples(st.sampled_from(["model", "file", "prompt"]), st.binary(max_size=20)), min_size=1, max_size=3
)


def upload(fields, boundary):
    """Fields as multipart, and the content type that says so."""
    text = b"".join(
        b'--%s\r\ncontent-disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (boundary, name.encode(), content)
        for name, content in fields
    )
    return text + b"--%s--\r\n" % boundary, f"multipart/form-data; boundary={boundary.decode()}"


@settings(max_examples=100)
@given(parts, parts)
def test_the_boundary_of_an_upload_does_not_matter_and_its_parts_do(fields, others):
    url = URL.replace("chat/completions", "audio/transcriptions")
    one, again = (identity(*upload(fields, boundary), url) for boundary in (b"x1x1x1", b"----Y2"))
    assert one == again
    assert (one == identity(*upload(others, b"x1x1x1"), url)) == (fields == others)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(["a", "b", "page"]), texts), max_size=4), st.data())
def test_the_order_of_a_query_does_not_matter_and_its_values_do(query, data):
    def at(pairs):
        return identity(b"", url="https://shop.invalid/v1?" + "&".join(f"{key}={quote(value)}" for key, value in pairs))

    assert at(query) == at(data.draw(st.permutations(query)))
    assert at(query) == at([*query, ("api_key", "any")])
    assert at(query) != at([*query, ("a", "any")])
