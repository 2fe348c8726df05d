"""What is said to a model: the words of each policy, and where they go."""

from __future__ import annotations

import pytest

from pytest_llm.calls import Message, Request, Response, read_reply
from pytest_llm.correction import errors, generic, paths, placebo, resample
from pytest_llm.correction.attempt import Attempt
from pytest_llm.correction.budget import Budget
from pytest_llm.correction.policies import LONGEST_REPLY, FeedbackContext, feedback_of, inserted, next_conversation
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


# -- what of a reply is shown again ---------------------------------------------------------------------------------


def after(api, data, answer_after=None, sent=BASE, **more):
    """The context of a failure whose reply is read from the endpoint's JSON."""
    response = read_reply(api, data, answer_after=answer_after)
    request = Request(api=api, body={"model": "m", "messages": list(sent), "input": list(sent)})
    attempt = Attempt(index=1, arm="x", outcome="invalid", request=request, response=response, **more)
    return FeedbackContext(api=api, base=BASE, sent=tuple(sent), attempt=attempt, attempts=(), budget=Budget())


def said(content, *calls):
    told = [
        {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for number, (name, arguments) in enumerate(calls)
    ]
    return {"choices": [{"message": {"role": "assistant", "content": content, "tool_calls": told}}]}


THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": []}
CALL = {"type": "function_call", "call_id": "c1", "name": "book", "arguments": "{}"}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("book", '{"qty": 3'),
        ("book", ""),
        ("book", "[3]"),
        ("book", "null"),
        ("functions.book", "{}"),
        ("", "{}"),
        ("b" * 65, "{}"),
        ("book me", "{}"),
    ],
)
@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_call_that_endpoints_do_not_take_back_is_shown_as_text(api, name, arguments):
    """llama.cpp answers 500 to arguments that are no JSON, OpenAI 400 to a name that no tool can have."""
    item = {**CALL, "name": name, "arguments": arguments}
    data = said("hm", (name, arguments)) if api == "chat" else {"output": [THOUGHT, item]}
    text = f"hm {name}({arguments})" if api == "chat" else f"{name}({arguments})"
    assert after(api, data).turn("no") == [
        *BASE,
        {"role": "assistant", "content": text},
        {"role": "user", "content": "no"},
    ]


def test_where_one_call_is_not_taken_back_none_is():
    wire = after("chat", said(None, ("book", "{}"), ("book", "{"))).turn("no")
    assert wire[1:] == [{"role": "assistant", "content": "book({}) book({)"}, {"role": "user", "content": "no"}]


def test_any_other_call_is_answered_as_what_the_tool_said():
    wire = after("chat", said("hm", ("b" * 64, "{}"), ("get-it_2", '{"a": [1]}'))).turn("no")
    assert [one["role"] for one in wire] == ["user", "assistant", "tool", "tool"]
    assert wire[1]["content"] == "hm"
    assert [one["tool_call_id"] for one in wire[2:]] == ["c0", "c1"]
    assert [one["content"] for one in wire[2:]] == ["no", "See the notice on the first call."]


def test_reasoning_that_nothing_follows_is_not_sent_again():
    """OpenAI refuses it: a reasoning item without its required following item."""
    assert after("responses", {"output": [THOUGHT]}).turn("no") == [*BASE, {"role": "user", "content": "no"}]
    assert after("responses", {"output": [THOUGHT, CALL]}).turn("no")[1:3] == [THOUGHT, CALL]


@pytest.mark.parametrize("output", [None, 5, "text", {}, [None, "text"]])
def test_output_of_another_shape_is_not_sent_again(output):
    assert after("responses", {"output": output}).turn("no") == [*BASE, {"role": "user", "content": "no"}]


def test_a_call_whose_answer_could_not_name_it_is_shown_as_text():
    nameless = {key: value for key, value in CALL.items() if key != "call_id"}
    wire = after("responses", {"output": [nameless]}).turn("no")
    assert wire[1:] == [{"role": "assistant", "content": "book({})"}, {"role": "user", "content": "no"}]


def test_items_of_another_shape_are_left_out():
    context = after("responses", {"output": [None, CALL, "text"]})
    assert context.turn("no")[1:2] == [CALL]
    assert next_conversation(generic(), context)[2]["type"] == "function_call_output"


def test_what_is_sent_again_is_a_copy():
    context = after("responses", {"output": [dict(THOUGHT), CALL]})
    context.turn("no")[1]["id"] = "other"
    assert context.attempt.response.raw["output"][0] == THOUGHT


@pytest.mark.parametrize("longer", [0, 1])
@pytest.mark.parametrize(
    ("make", "answer_after"),
    [
        (lambda length: said("x" * length), None),
        (lambda length: said("x" * (length - 8) + "Answer:1"), "Answer:"),
        (lambda length: said("x" * (length - 12), ("book", '{"a": 1}')), None),
        (lambda length: said(None, ("book", '{"a": "' + "x" * (length - 13) + '"}')), None),
    ],
)
def test_how_long_a_reply_may_be_to_be_shown_again(make, answer_after, longer):
    wire = after("chat", make(LONGEST_REPLY + longer), answer_after).turn("no")
    told = f"no\nThe reply was too long to be shown again: {LONGEST_REPLY + 1} characters."
    assert (wire == [*BASE, {"role": "user", "content": told}]) == bool(longer)
    assert any(one["role"] == "assistant" for one in wire) != bool(longer)


def test_another_reply_that_is_too_long_may_have_the_same_notice():
    wire = next_conversation(generic(), after("chat", said("x" * 30_000)))
    again = after("chat", said("y" * 30_000), sent=tuple(wire))
    assert next_conversation(generic(), again) == wire


def test_half_a_character_is_sent_as_a_question_mark():
    """No request can hold half of a surrogate pair, and a reply that was cut may."""
    wire = next_conversation(generic(), after("chat", said("cups \ud83d, é 🥤")))
    assert wire[1]["content"] == "cups ?, é 🥤"


@pytest.mark.parametrize("content", [float("nan"), {1, 2}, b"no"])
def test_what_no_json_can_hold_is_the_policy_s_mistake(content):
    mine = feedback_of(lambda context: [{"role": "user", "content": content}])
    with pytest.raises(CorrectionError, match="the feedback policy '<lambda>' failed: "):
        next_conversation(mine, failure(issue("/a")))


def test_with_keep_all_everything_that_was_sent_stays():
    sent = (*BASE, {"role": "assistant", "content": "1"}, {"role": "user", "content": "no"})
    context = failure(issue("/a"), text="2", sent=sent)
    assert next_conversation(generic(keep="all"), context)[:4] == [*sent, {"role": "assistant", "content": "2"}]
    assert next_conversation(generic(), context)[:2] == [*BASE, {"role": "assistant", "content": "2"}]
