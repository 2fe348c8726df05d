"""Missing and stale, told apart; what changed, in words."""

from __future__ import annotations

import pytest

from pytest_llm.cassettes.entry import Entry, StoredReply
from pytest_llm.cassettes.identity import CanonicalRequest, identity_of, model_record
from pytest_llm.cassettes.staleness import difference, explain_miss, likeness

SYSTEM = "You turn order e-mails into JSON records.\nWrite dates as YYYY-MM-DD."


def request(system=SYSTEM, user="Please send 36 oak bottles to Finn Dahl.", **parameters):
    messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    return model_record("chat/completions", {"model": "tiny", "messages": messages, "temperature": 0.7, **parameters})


def entry(record, *slots):
    replies = {
        (slot, 1): StoredReply(slot=slot, number=1, status=200, latency_ms=None, headers={}, body={}) for slot in slots
    }
    return Entry(identity_of(record), record, replies)


def miss(asked, *entries, slot="1", file_exists=True, answered=()):
    recorded = {one.identity: one for one in entries}
    return explain_miss(recorded, CanonicalRequest.of(asked), slot, file_exists=file_exists, answered=answered)


def test_of_two_that_are_as_alike_the_one_that_is_left_is_the_earlier_form():
    first, second = entry(request(user="Note 1 of the index."), "1"), entry(request(user="Note 2 of the index."), "1")
    now = request(user="Note 3 of the index.")
    assert "Note 1" in miss(now, first, second).heading
    assert "Note 2" in miss(now, first, second, answered={first.identity}).heading


def test_likeness_is_the_share_of_equal_parts():
    assert likeness(request(), request()) == 1
    assert 0.7 < likeness(request(), request(user="Please send 37 oak bottles to Finn Dahl.")) < 1
    assert likeness({"method": "GET", "url": "a"}, {"method": "POST", "url": "b"}) == 0


def test_without_a_file_there_is_no_cassette():
    assert miss(request(), file_exists=False).kind == "no cassette"


def test_another_sample_of_a_recorded_request_is_missing_never_replayed():
    assert miss(request(), entry(request(), "1"), slot="2").kind == "missing"


def test_more_replies_than_recorded_is_exhausted():
    assert miss(request(), entry(request(), "1")).kind == "exhausted"


def test_a_changed_line_is_stale_and_shown():
    found = miss(request(SYSTEM + " Or null."), entry(request(), "1"))
    assert found.kind == "stale"
    assert found.heading == "system message −1 +1"
    assert found.change.split("\n") == [
        "system message:",
        "  You turn order e-mails into JSON records.",
        "- Write dates as YYYY-MM-DD.",
        "+ Write dates as YYYY-MM-DD. Or null.",
    ]


def test_the_same_edit_gives_the_same_change_for_every_case():
    changes = {
        miss(request("Be brief.\n" + SYSTEM, user), entry(request(SYSTEM, user), "1")).change
        for user in ("Please send 36 oak bottles.", "We need two green pens, urgently!")
    }
    assert len(changes) == 1


def test_another_request_altogether_is_missing():
    other = request("Translate into French.", "Good morning to you all, dear friends", top_p=1)
    assert miss(other, entry(request(), "1")).kind == "missing"
    elsewhere = {**request(), "url": "embeddings"}
    assert miss(elsewhere, entry(request(), "1")).kind == "missing"


def test_the_nearest_recorded_request_is_compared_and_one_of_the_same_sample_preferred():
    near, far = request(temperature=0.8), request(SYSTEM + "\nBe brief.", temperature=0.9)
    assert miss(request(), entry(far, "1"), entry(near, "1")).heading == "temperature 0.8 → 0.7"
    one, other = request(temperature=0.1), request(temperature=0.2)
    assert miss(request(), entry(one, "1"), entry(other, "2"), slot="2").heading == "temperature 0.2 → 0.7"


@pytest.mark.parametrize(
    ("before", "after", "heading"),
    [
        (request(), request(model="big"), 'model "tiny" → "big"'),
        (request(seed=1), request(), "seed 1 → nothing"),
        (request(), request(seed=1), "seed nothing → 1"),
        (request(user="a"), request(user="b"), 'user message "a" → "b"'),
        (request(flag=True), request(flag=1), "flag true → 1"),
        (request(), {**request(), "url": "responses"}, 'url "chat/completions" → "responses"'),
        ({"method": "GET", "url": "x", "text": "a"}, {"method": "GET", "url": "x", "text": "b"}, 'text "a" → "b"'),
        (request(tools=[]), request(tools=[{"name": "x"}]), 'tools [] → nothing, tools/0/name nothing → "x"'),
    ],
)
def test_other_differences_are_named_by_field(before, after, heading):
    assert difference(before, after)[0] == heading


def test_messages_of_one_role_are_counted():
    def talk(last):
        messages = [{"role": "user", "content": "a"}, {"role": "user", "content": last}, "odd"]
        return model_record("chat/completions", {"messages": messages})

    assert difference(talk("b"), talk("c"))[0] == 'user message 2 of 2 "b" → "c"'


def test_very_long_lines_are_cut():
    _, change = difference(request("x" * 5000), request("y" * 5000))
    assert max(map(len, change.split("\n"))) < 200
