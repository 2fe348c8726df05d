"""What counts as a secret, and that none reaches a file."""

from __future__ import annotations

import pytest

from pytest_llm.cassettes.secrets import Secrets
from pytest_llm.errors import SecretInRequest

SECRETS = Secrets.of(
    {
        "MY_API_KEY": "a1b2c3d4e5f6g7",
        "DB_TOKEN": "Zz9-Zz9-Zz9-Zz9",
        "SHORT_KEY": "a1b2",
        "WORD_SECRET": "development-key",
        "LONGER_SECRET": "a1b2c3d4e5f6g7-and-more-1",
        "PATH": "/usr/bin/a1b2c3d4",
    }
)


def test_values_of_key_token_and_secret_variables_are_replaced_by_their_name():
    assert SECRETS.scrub("x a1b2c3d4e5f6g7 y") == "x <secret:MY_API_KEY> y"
    assert SECRETS.scrub("Zz9-Zz9-Zz9-Zz9") == "<secret:DB_TOKEN>"


def test_the_longest_value_wins_where_one_begins_with_another():
    assert SECRETS.scrub("a1b2c3d4e5f6g7-and-more-1") == "<secret:LONGER_SECRET>"


def test_short_values_words_and_other_variables_are_no_secrets():
    text = "a1b2 development-key /usr/bin/a1b2c3d4"
    assert SECRETS.scrub(text) == text


@pytest.mark.parametrize(
    "words", ["development-key", "pytest_llm replay", "Placeholder", "KeyForLocalTests", "CHANGEMEPLEASE"]
)
def test_words_are_no_secrets(words):
    assert Secrets.of({"A_KEY": words}).scrub(words) == words


@pytest.mark.parametrize(
    "value", ["xrfaZPbCGirwrVWJPOkylhYPdNypBJJSMu", "ABCdefghijklm", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1"]
)
def test_letters_with_capitals_anywhere_are_a_secret_though_they_hold_no_digit(value):
    assert Secrets.of({"A_KEY": value}).scrub(value) == "<secret:A_KEY>"


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("sk-ant-api03-abcdefghijklmnop1234", "anthropic-key"),
        ("sk-proj-abcdefghijklmnopqrst1234", "openai-key"),
        ("sk-abcdefghijklmnopqrst1234", "openai-key"),
        ("AIza" + "a1" * 17 + "b", "google-key"),
        ("hf_" + "aB1" * 11, "huggingface-token"),
        ("ghp_" + "aB1c" * 9, "github-token"),
        *((f"gh{kind}_" + "aB1c" * 9, "github-token") for kind in "ousr"),
        ("github_pat_" + "aB1c" * 10, "github-token"),
        ("xoxb-1234567890-abc", "slack-token"),
        ("AKIAABCDEFGHIJKLMNOP", "aws-key-id"),
        ("ASIAABCDEFGHIJKLMNOP", "aws-key-id"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJlLXBhcnQ", "json-web-token"),
    ],
)
def test_the_shapes_of_known_keys_are_secrets_without_any_variable(key, name):
    assert Secrets.of({}).scrub(f"key={key}.") == f"key=<secret:{name}>."


def test_ordinary_text_is_not_a_key():
    text = "sk-learn and task-based-retrieval-augmented-generation, eyJ, AIza"
    assert Secrets.of({}).scrub(text) == text


def test_a_secret_is_found_anywhere_in_json():
    found = SECRETS.scrub_json({"a1b2c3d4e5f6g7": [{"x": "a1b2c3d4e5f6g7"}, 1, None]})
    assert found == {"<secret:MY_API_KEY>": [{"x": "<secret:MY_API_KEY>"}, 1, None]}


def test_a_secret_in_a_path_or_a_header_that_is_compared_says_how_to_leave_it_out():
    secrets = Secrets.of({"MY_API_KEY": "a9b8c7d6e5f4a3"})
    record = {"method": "POST", "url": "messages"}
    with pytest.raises(SecretInRequest, match="ini llm_ignore_path_segments"):
        secrets.refuse({**record, "path": "gateway/a9b8c7d6e5f4a3"}, "x.yaml")
    with pytest.raises(SecretInRequest, match="ini llm_compare_headers names it"):
        secrets.refuse({**record, "headers": {"x-team": "a9b8c7d6e5f4a3"}}, "x.yaml")
    with pytest.raises(SecretInRequest, match="from the prompt or the inputs"):
        secrets.refuse({**record, "body": "a9b8c7d6e5f4a3"}, "x.yaml")


def test_a_request_with_a_secret_is_refused_by_its_name_never_its_value():
    with pytest.raises(SecretInRequest, match="MY_API_KEY") as caught:
        SECRETS.refuse({"method": "POST", "url": "x", "body": {"prompt": "use a1b2c3d4e5f6g7"}}, "case x")
    assert "a1b2c3d4e5f6g7" not in str(caught.value)
    SECRETS.refuse({"method": "POST", "url": "x", "body": {}}, "case x")
