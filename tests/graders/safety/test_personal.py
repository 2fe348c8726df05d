"""Personal data, by the checksums and number plans of others."""

import sys

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban, luhn

from pytest_llm.calls import Response, ToolCall
from pytest_llm.errors import GraderError, MissingExtra
from pytest_llm.graders import pii_free
from pytest_llm.graders.safety.personal import KINDS

FOUND = {
    "email": [
        "ann.hall@hall-sons.co.uk",
        "o'neil+orders@mail.shop.de",
        "a@b.cd",
        "x" * 64 + "@hall.de",
        "user@xn--bcher-kva.de",
        "mailto:ann@hall.de.",
    ],
    "phone": ["+44 20 7946 0958", "+1 (212) 736-5000", "+49-30-901820"],
    "credit_card": [
        "4111 1111 1111 1111",
        "4222222222222",
        "5555-5555-5555-4444",
        "2223003122003222",
        "378282246310005",
        "3782 822463 10005",
        "6011111111111117",
        "3530111333300000",
        "30569309025904",
        "6200000000000005",
        "12 4111111111111111",
    ],
    "iban": [
        "DE89370400440532013000",
        "GB82 WEST 1234 5698 7654 32",
        "NO9386011117947",
        "MT84MALT011000012345MTLCAST001S",
    ],
    "us_ssn": ["123-45-6789", "536-90-4399"],
}
FREE = {
    "email": [
        "",
        "@ann",
        "ann@hall",
        "3@2.50",
        "a@b.1",
        "ann at hall.de",
        "ann@example.com",
        "ann@mail.example.org",
        "ann@shop.test",
        "a@-b.cd",
    ],
    "phone": ["", "020 7946 0958", "+1", "1 + 2120000000", "+999 123 4567", "order 2127365000"],
    "credit_card": [
        "",
        "4111 1111 1111 1112",
        "9111111111111110",
        "41111111111111113",
        "0.4111111111111111",
        "a4111111111111111",
        "4111111111111111f",
        "41111111111111110000000",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
    ],
    "iban": [
        "",
        "DE89370400440532013001",
        "XX89370400440532013000",
        "DE8937040044053201300",
        "ADE89370400440532013000",
    ],
    "us_ssn": [
        "",
        "000-12-3456",
        "666-12-3456",
        "123-00-4567",
        "123456789",
        "1123-45-6789",
        "123-45-67890",
        "900-12-3456",
    ],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in FOUND.items() for text in texts])
def test_it_is_found_wherever_it_stands_and_is_not_shown_whole(kind, text):
    for around in ("{}", "Write to {}, please.", "A\n{}\nB", "({})", "BIC COBADEFF {} EUR"):
        grade = pii_free([kind]).grade(around.format(text))
        assert (grade.passed, grade.score) == (False, None), around
        assert grade.reason.startswith(f"it holds {KINDS[kind]}, ")
        assert text not in grade.reason


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in FREE.items() for text in texts])
def test_what_is_none_passes(kind, text):
    assert pii_free([kind]).grade(text).passed is True
    assert pii_free([kind]).grade(f"It is {text} here").passed is True


def test_every_kind_is_named_once_with_a_mask():
    text = "ann.hall@hall-sons.co.uk 4111 1111 1111 1111, bob@hall.de, 123-45-6789"
    assert pii_free().grade(text).reason == (
        'it holds an e-mail address, "ann…" (24 characters) and a card number, "41…" (19 characters)'
        ' and a US social security number, "1…" (11 characters)'
    )


def test_numbers_as_a_country_writes_them_are_found_with_its_region():
    assert pii_free(["phone"], region="GB").grade("Call 020 7946 0958.").passed is False
    assert pii_free(["phone"], region="US").grade("Call (212) 736-5000.").passed is False
    assert pii_free(["phone"], region="US").grade("Call 020 7946 0958.").passed is True


def test_arguments_of_tool_calls_are_read_too():
    call = ToolCall(name="mail", arguments=None, arguments_text='{"to": "ann@hall.de"}')
    assert pii_free().grade(Response(text="Sent.", tool_calls=(call,))).passed is False
    assert pii_free().grade(Response(text="Sent.")).passed is True


@given(st.from_regex(r"\A[1-9]\d{10,19}\Z"))
def test_no_number_without_luhns_digit_is_a_card(number):
    if not luhn.is_valid(number):
        assert pii_free(["credit_card"]).grade(number).passed is True


@given(st.sampled_from(["DE", "GB", "FR", "NO", "XX"]), st.from_regex(r"\A[A-Z0-9]{11,28}\Z"))
def test_an_iban_is_what_stdnum_says(country, rest):
    number = f"{country}{rest[:2]}{rest}" if rest[:2].isdigit() else f"{country}44{rest}"
    with_digits = iban.compact(number)[:2] + iban.calc_check_digits(number) + number[4:]
    for one in (number, with_digits):
        assert pii_free(["iban"]).grade(one).passed is not iban.is_valid(one)


@given(st.from_regex(r"\A[0-7]\d\d-\d\d-\d{4}\Z"))
def test_a_social_security_number_is_what_stdnum_says(number):
    from stdnum.us import ssn

    assert pii_free(["us_ssn"]).grade(number).passed is not ssn.is_valid(number)


@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)))
def test_the_example_number_of_every_country_is_found(region):
    number = phonenumbers.example_number(region)
    text = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    assert pii_free(["phone"]).grade(f"Call {text} today").passed is False


@pytest.mark.parametrize("text", ["11 " * 60_000, "AA11 " * 9_000, "a@a." * 60_000, "@" * 200_000])
def test_many_beginnings_are_looked_at_and_of_half_a_megabyte_it_is_ungraded(text):
    kinds = ["email", "credit_card", "iban", "us_ssn"]
    assert pii_free(kinds).grade(text).state in {"passed", "failed"}
    grade = pii_free(kinds).grade(text * 12)
    assert (grade.state, grade.reason) == ("ungraded", "the text is longer than 500,000 characters")


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: pii_free([]), "pii_free: kinds=[] is empty"),
        (lambda: pii_free("email"), "pii_free: kinds='email' is no list"),
        (lambda: pii_free(["name"]), "pii_free: kinds='name' is none of email, phone, credit_card, iban, us_ssn"),
        (lambda: pii_free([["email"]]), "pii_free: kinds=['email'] is none of"),
        (lambda: pii_free(region="gb"), "pii_free: region='gb' is no country of two letters"),
        (lambda: pii_free(region=44), "pii_free: region=44 is no country of two letters"),
        (lambda: pii_free(["email"], region="GB"), "pii_free: region='GB' is of phone numbers only"),
        (lambda: pii_free(region="XX"), "pii_free: region='XX' is no country with phone numbers"),
    ],
)
def test_what_makes_no_sense_is_refused(make, what):
    with pytest.raises(GraderError) as caught:
        make()
    first, fix = str(caught.value).split("\n")
    assert first.startswith(what)
    assert fix.startswith("  write       ")


def test_parameters_tell_what_it_was_built_with():
    assert pii_free().parameters == {}
    assert pii_free(region="GB").parameters == {"region": "GB"}
    assert pii_free(["phone", "email", "email"]).parameters == {"kinds": ["email", "phone"]}


@pytest.mark.parametrize(
    ("kind", "module"), [("phone", "phonenumbers"), ("credit_card", "stdnum"), ("iban", "stdnum"), ("us_ssn", "stdnum")]
)
def test_an_absent_library_is_named_with_its_extra_and_only_by_who_needs_it(monkeypatch, kind, module):
    for loaded in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(MissingExtra, match=r"pip install 'pytest-llm-evals\[pii\]'"):
        pii_free([kind])
    assert pii_free(["email"]).grade("ann@hall.de").passed is False
