"""What is said to a model: the words of each policy, and where they go."""

from __future__ import annotations

import pytest

from pytest_llm.calls import Message, Request, Response, read_reply
from pytest_llm.correction import errors, generic, paths, placebo, resample
from pytest_llm.correction.attempt import Attempt
from pytest_llm.correction.budget import Budget
from pytest_llm.correction.policies import FeedbackContext, feedback_of, inserted, next_conversation
from pytest_llm.errors import CorrectionError
from pytest_llm.schemas import Issue, Report

BASE = ({"role": "user", "content": "hi"},)
NOTICE = "Your previous reply did not pass automated validation. This notice comes from a program, not from a person.\n"
JSON = "Reply with the complete corrected JSON document and nothing else."
REST = "Fields that are not listed were accepted: keep their values. "


def issue(path, expected="an integer", got="null"):
    return Issue(path=path, code="type", expected=expected, got=got)


def failure(*issues, text="{}", sent=BASE, form="json", **more):
    reply = read_reply("chat", {"choices": [{"message": {"role": "assistant", "content": text}}]})
    response = Response(text=text, messages=reply.messages, report=Report(valid=False, issues=issues))
    request = Request(body={"model": "m", "messages": list(sent)})
    attempt = Attempt(index=1, arm="x", outcome="invalid", request=request, response=response, **more)
    return FeedbackContext(
        api="chat", base=BASE, sent=tuple(sent), attempt=attempt, attempts=(attempt,), budget=Budget(), form=form
    )


def told(policy, context):
    return next_conversation(policy, context)[-1]["content"]


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (
            errors(),
            f"2 problems found:\n1. /a: expected an integer; got null.\n2. /b: expected an integer; got null.\n{REST}{JSON}",
        ),
        (errors(limit=1), f"2 problems found:\n1. /a: expected an integer; got null.\n(and 1 more)\n{JSON}"),
        (paths(), f"2 problems found:\n1. /a\n2. /b\n{REST}{JSON}"),
        (generic(), JSON),
    ],
)
def test_what_each_policy_says(policy, words):
    assert told(policy, failure(issue("/a"), issue("/b"))) == NOTICE + words


def test_a_placebo_has_as_many_lines_each_as_long_and_no_facts():
    context = failure(issue("/a"), issue("/b/c", expected="one of the many words that are allowed here" * 5))
    real, empty = (told(policy, context).split("\n") for policy in (errors(), placebo()))
    assert [len(one) for one in empty] == pytest.approx([len(one) for one in real], abs=1)
    assert not any(fact in "\n".join(empty[2:-1]) for fact in ("/a", "/b/c", "integer", "allowed"))
    assert real[-1] == empty[-1]


def test_that_the_rest_was_accepted_is_said_only_where_all_of_it_was_read():
    assert REST not in told(errors(), failure(issue("")))
    assert REST not in told(errors(), failure(*(issue(f"/{n}") for n in range(13))))
    assert REST in told(errors(), failure(*(issue(f"/{n}") for n in range(12))))
    assert REST not in told(errors(), failure(issue("/a"), form="text"))
    assert told(errors(), failure(issue(""), form="text")).endswith(
        "\nReply with the complete corrected text and nothing else."
    )


def test_asking_again_repeats_the_first_conversation():
    context = failure(
        issue("/a"), sent=(*BASE, {"role": "assistant", "content": "{}"}, {"role": "user", "content": "no"})
    )
    assert next_conversation(resample(), context) == list(BASE)
    assert inserted(list(BASE), context) == ""


def test_the_same_failure_has_the_same_words_whichever_attempt_it_is():
    assert told(errors(), failure(issue("/a"))) == told(errors(), failure(issue("/a")))


def test_a_model_that_repeats_itself_may_be_told_the_same_again():
    first = failure(issue("/a"))
    wire = next_conversation(errors(), first)
    again = failure(issue("/a"), sent=tuple(wire), repeated=True)
    assert next_conversation(errors(), again) == wire
    assert inserted(wire, again) == inserted(wire, first) == wire[-1]["content"]
    with pytest.raises(CorrectionError, match="that is no feedback"):
        next_conversation(errors(), failure(issue("/a"), sent=tuple(wire)))


def test_policies_have_names_and_digests_of_their_words():
    named = [
        errors(),
        errors(limit=3),
        errors(limit=3, keep="all"),
        generic(keep="all"),
        resample(),
        placebo(),
        paths(),
    ]
    assert [one.name for one in named] == [
        "errors",
        "errors(limit=3)",
        "errors(limit=3, keep=all)",
        "generic(keep=all)",
        "resample",
        "placebo",
        "paths",
    ]
    assert len({one.digest for one in named}) == len(named)
    assert errors().digest == errors().digest
    assert [one.repeats for one in named] == [False, False, False, False, True, False, False]


def test_a_policy_of_one_s_own_returns_messages_and_has_a_name():
    def only(context):
        return [*context.base, Message("user", f"mend {context.issues[0].path}")]

    class Named:
        name = "mine"

        def __call__(self, context):
            return context.turn("mend it")

    context = failure(issue("/a"))
    assert next_conversation(feedback_of(only), context) == [*BASE, {"role": "user", "content": "mend /a"}]
    assert [feedback_of(one).name for one in (only, Named(), Named, "paths")] == ["only", "mine", "mine", "paths"]
    unnamed = type("Unnamed", (), {"__call__": lambda self, context: context.turn("x")})()
    assert feedback_of(unnamed).name == "Unnamed"
    assert feedback_of(errors(limit=2)).name == "errors(limit=2)"


@pytest.mark.parametrize("limit", [0, -1, True, "3"])
def test_a_limit_that_is_no_count_is_refused(limit):
    with pytest.raises(CorrectionError, match="limit= counts findings from 1"):
        errors(limit=limit)


def test_a_manner_of_keeping_that_there_is_not_is_refused():
    with pytest.raises(CorrectionError, match="keep='first' is none of"):
        generic(keep="first")


def test_without_a_reply_nothing_is_shown_again():
    context = failure(issue("/a"))
    bare = FeedbackContext(
        api="chat",
        base=BASE,
        sent=BASE,
        attempt=Attempt(index=1, arm="x", outcome="empty", request=context.attempt.request),
        attempts=(),
        budget=Budget(),
    )
    assert [one["role"] for one in bare.turn("mend it")] == ["user", "user"]
