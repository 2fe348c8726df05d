"""Numbers as they are written, each reading where it is asked for and nowhere else."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.calls import Response
from pytest_llm.errors import GraderError
from pytest_llm.graders import number_close
from pytest_llm.graders.structure.tolerance import LARGEST_EXPONENT, exact
from pytest_llm.prompts import Case

READINGS = [
    ({"unit": "kg"}, 1234.5, ["1,234.5 kg", "1234.5kg", "kg 1234.5", "1234.5", "1234.5\u00a0kg"]),
    ({"unit": ["kg", "kilograms"]}, 5, ["5 kg", "5 kilograms"]),
    ({"unit": "m2"}, 5, ["5 m2", "5m2", "m2 5"]),
    ({"unit": "USD"}, 1234.5, ["$1,234.50", "US$1,234.50", "1234.5 USD", "USD 1234.5", "1234.5"]),
    ({"unit": "USD"}, -5, ["-$5", "$-5", "\u2212$5", "-5 USD"]),
    ({"unit": "EUR", "decimal": ","}, 1234.5, ["1.234,50 €", "€ 1.234,5", "1234,5"]),
    ({"unit": "EUR", "decimal": ",", "thousands": " "}, 1234.5, ["1 234,50 €", "1\u202f234,50\u00a0€"]),
    ({"thousands": "'"}, 1234.5, ["1'234.5", "1’234.50"]),
    ({"decimal": ","}, 0.5, ["0,5", ",5", "5e-1"]),
    ({"percent": True}, 0.125, ["12.5 %", "12.5%", "12.5 percent", "12.5 per cent", "0.125", r"12.5\%"]),
    ({"percent": True, "fractions": True}, 0.005, ["1/2 %", "½ %"]),
    ({"unit": "%"}, 12.5, ["12.5 %", "12.5"]),
    ({"fractions": True}, 0.75, ["3/4", "¾", "0.75", "6/8", "3⁄4"]),
    ({"fractions": True}, 1.5, ["1 1/2", "1½", "1 ½", "3/2"]),
    ({"fractions": True}, -1.5, ["-1 1/2", "-1½"]),
    ({"fractions": True, "unit": "cup"}, 1.5, ["1 1/2 cup", "1½ cup"]),
    ({"pick": "last"}, 42, [
        "It is 42.", "7 and 42", "**42**", "The answer is __42__!", "`42`", "**Total:** *42*", "Answer:42", "$42", "42 kg",
        "costs €42.00.", "COVID-19 has 42", "41 to 42", "2*42", "(42)", r"\boxed{42}", "42-year-old", "42, I think", "42\n",
    ]),
    ({"pick": "last"}, -42, ["it is -42", "it is -$42", "it is \u221242."]),
    ({"pick": "only"}, 1234.5, ["It is 1,234.5.", "1234.5", "1,234.50 (see COVID-19)"]),
    ({"pick": "only", "unit": "kg"}, 42, ["The 3 boxes weigh 42 kg.", "42", "It weighs **42** kg", "42kg in all"]),
    ({"pick": "last", "percent": True}, 0.42, ["from 12 % to 42 %"]),
    ({"pick": "last", "fractions": True}, 1.5, ["take 1 1/2 cups", "take 1½ cups"]),
    ({"pick": "last", "thousands": " "}, 1234, ["about 1 234 in all"]),
    ({}, 1234567, ["12,34,567", "１，２３４，５６７", "１２,３４,５６７.", "१२,३४,५६७", "১২,৩৪,৫৬৭", "١٬٢٣٤٬٥٦٧"]),
    ({}, 5, ["5.", "５．", "5.0", "५"]),
    ({}, -0.5, ["－０．５", "-٠٫٥", "-𝟎.𝟓"]),
    ({"decimal": ","}, 1.5, ["١٫٥", "１，５"]),
    ({"pick": "last"}, 123, ["the answer is １２３", "答案是123。", "答えは１２３です", "उत्तर १२३ है।", "约￥123", "合計￡１２３"]),
    ({"pick": "last"}, 1234567, ["It is 12,34,567.", "₹12,34,567 in all"]),
    ({"unit": "元", "pick": "only"}, 123, ["3个价格是123元。", "123元"]),
    ({"unit": ["％"]}, 12, ["12％", "１２ %"]),
    ({"unit": "JPY"}, 123, ["￥１２３", "¥123"]),
]  # fmt: skip

#: None of these is the number; the last column is what the reason says.
REFUSED = [
    ({}, 12.5, "12.5 %", "expected a number and nothing else"),
    ({}, 12.5, "**12.5**", "expected a number and nothing else"),
    ({}, 0.75, "3/4", "expected a number and nothing else"),
    ({}, 0.75, "¾", "expected a number and nothing else"),
    ({}, 5, "$5", "expected a number and nothing else"),
    ({}, 1234.5, "1.234,5", "expected a number and nothing else"),
    ({"unit": "kg"}, 5, "5 g", 'expected a number, alone or with "kg", and nothing else'),
    ({"unit": "kg"}, 5, "5 KG", "expected a number"),
    ({"unit": "kg"}, 5, "5 kgs", "expected a number"),
    ({"unit": "kg"}, 5, "It is 5 kg", "expected a number"),
    ({"unit": "m2"}, 5, "m25", "expected a number"),
    ({"unit": "USD"}, 5, "€5", 'alone or with "USD" or "US$" or "$", and nothing else'),
    ({"unit": "USD"}, 5, "$5 USD", "expected a number"),
    ({"unit": "USD"}, -5, "-$-5", "expected a number"),
    ({"decimal": ","}, 1234.5, "1,234.5", "expected a number"),
    ({"decimal": ","}, 125, "0.125", "expected a number"),
    ({"decimal": ",", "thousands": " "}, 1234.5, "1.234,5", "expected a number"),
    ({"percent": True}, 0.125, "12.5", "expected 0.125, got 12.5"),
    ({"percent": True}, 0.125, "12.5 percentage", "expected a number"),
    ({"unit": "%"}, 12.5, "0.125", "expected 12.5, got 0.125"),
    ({"fractions": True}, 1.5, "1 3/2", "expected a number"),
    ({"fractions": True}, 1.5, "1/2/3", "expected a number"),
    ({"fractions": True}, 0, "3/0", "expected a number"),
    ({"fractions": True}, 0.75, "0.5/2", "expected a number"),
    ({"pick": "last"}, 42, "42 of 50", "expected 42, got 50"),
    ({"pick": "last"}, 5, "25", "expected 5, got 25"),
    ({"pick": "last"}, 42, "forty-two", 'no number is in "forty-two"'),
    ({"pick": "last"}, 42, "snake_42", "no number is in"),
    ({"pick": "last"}, 42, "x-42", "no number is in"),
    ({"pick": "last"}, 42, "It is 42 %", '"42 %" is no number that was asked for; got "It is 42 %"'),
    ({"pick": "last"}, 4, "is 3/4", '"3/4" is no number that was asked for'),
    ({"pick": "last"}, 42, "42km", '"42km" is no number that was asked for'),
    ({"pick": "last"}, 5, "5k", '"5k" is no number'),
    ({"pick": "last"}, 3, "the 3rd", '"3rd" is no number'),
    ({"pick": "last"}, 42, "41-42", '"41-42" is no number'),
    ({"pick": "last"}, 3, "on 2024-05-03", '"2024-05-03" is no number'),
    ({"pick": "last", "fractions": True}, 3, "on 2024-05-03", '"2024-05-03" is no number'),
    ({"pick": "last"}, 30, "at 12:30", '"12:30" is no number'),
    ({"pick": "last"}, 7, "Python 3.11.7", '"3.11.7" is no number'),
    ({"pick": "last"}, 5, "3 × 10^5", '"10^5" is no number'),
    ({"pick": "last"}, 10, "3 × 10⁵", '"10⁵" is no number'),
    ({"pick": "last"}, 42, "41,42", '"41,42" is no number'),
    ({"pick": "last"}, 1, "1" * 500, "is no number that was asked for"),
    ({}, 123, "12,3", "expected a number and nothing else"),
    ({}, 1234, "12,34", "expected a number and nothing else"),
    ({}, 5, "5..", "expected a number and nothing else"),
    ({}, 2, "²", "expected a number and nothing else"),
    ({"decimal": ","}, 1234567, "12.34.567", "expected a number and nothing else"),
    ({"pick": "last"}, 35000, "答えは3万5000", '"3万" is no number that was asked for'),
    ({"pick": "last"}, 5, "第5", "no number is in"),
    ({"pick": "last"}, 5000, "约二5000", "no number is in"),
    ({"pick": "last"}, 5, "共5万", '"5万" is no number that was asked for'),
    ({"pick": "last"}, 5, "共5元", '"5元" is no number that was asked for'),
    ({"pick": "last"}, 3, "２０２４／０５／０３", '"2024/05/03" is no number'),
    ({"pick": "only"}, 42, "42 and 42", 'expected a single number, got 2: "42 and 42"'),
    ({"pick": "only"}, 42, "42 on 2024-05-03", "expected a single number, got 2"),
    ({"pick": "only", "unit": "kg"}, 42, "It weighs 42 pounds", 'no number with "kg" is in "It weighs 42 pounds"'),
    ({"pick": "only", "unit": "kg"}, 42, "3 kg or 42 kg", 'expected a single number with "kg", got 2'),
    ({"pick": "only", "unit": "kg"}, 42, "3-42 kg", 'no number with "kg" is in'),
    ({"pick": "last", "unit": "m"}, 5, "5 m/s", 'no number with "m" is in'),
    ({"pick": "last", "unit": "m"}, 5, "5 m²", 'no number with "m" is in'),
]


@pytest.mark.parametrize(
    ("options", "number", "text"), [(options, number, text) for options, number, texts in READINGS for text in texts]
)
def test_a_number_is_read_as_was_asked_for(options, number, text):
    assert number_close(number, **options)(text).passed
    assert number_close(number, **options)(Response(text=text)).passed
    assert number_close(number + 1, **options)(text).state == "failed"


@pytest.mark.parametrize(("options", "number", "text", "why"), REFUSED)
def test_what_was_not_asked_for_or_could_be_two_things_is_not_read(options, number, text, why):
    grade = number_close(number, **options)(text)
    assert grade.state == "failed"
    assert why in grade.reason


def test_expected_is_read_as_the_output_is():
    grader = number_close(unit="EUR", decimal=",", fractions=True)
    assert grader("1.234,50 €", Case(id="one", expected="1234,5 EUR")).passed
    assert grader("½", Case(id="one", expected=0.5)).passed
    assert grader("1,5", Case(id="one", expected="1.5")).state == "ungraded"


def test_thirds_are_exact():
    third = Case(id="one", expected="1/3")
    assert number_close(fractions=True)("2/6", third).passed
    assert number_close(fractions=True)("0.3333333333333333", third).reason == "expected 1/3, got 0.3333333333333333"
    assert number_close(0.333, abs_tol=0.001, fractions=True)("1/3").passed
    assert number_close(0.333, abs_tol=0.0003, fractions=True)("1/3").state == "failed"


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"unit": ""}, "unit='' is empty"),
        ({"unit": []}, "unit=[] is empty, so it would decide nothing"),
        ({"unit": 5}, "unit=5 is no list"),
        ({"unit": [5]}, "unit=5 is no text"),
        ({"unit": "5"}, "unit='5' could be taken for a part of the number"),
        ({"unit": " "}, "unit=' ' could be taken for a part of the number"),
        ({"unit": "-"}, "unit='-' could be taken for a part of the number"),
        ({"decimal": ";"}, 'decimal=\';\' is neither "." nor ","'),
        ({"thousands": "_"}, 'thousands=\'_\' is not "," or " " or "\'"'),
        ({"decimal": ",", "thousands": ","}, 'thousands=\',\' is not "." or " " or "\'"'),
        ({"pick": "first"}, 'pick=\'first\' is neither "only" nor "last"'),
        ({"percent": True, "unit": "%"}, 'percent=True contradicts unit="%"'),
    ],
)
def test_a_reading_that_contradicts_itself_is_refused(options, what):
    with pytest.raises(GraderError) as caught:
        number_close(5, **options)
    assert str(caught.value).startswith(f"number_close: {what}\n  write       ")


def test_parameters_tell_the_reading():
    options = {
        "unit": ["kg", "kilos"],
        "decimal": ",",
        "thousands": " ",
        "percent": True,
        "fractions": True,
        "pick": "last",
    }
    assert number_close(5, **options).parameters == {"expected": 5, **options}
    assert number_close(unit="EUR").parameters == {"unit": "EUR"}
    assert number_close(unit=iter(["g"])).parameters == {"unit": ["g"]}


@pytest.mark.parametrize(
    "text",
    ["1" * 5_000_000, "1 " * 500_000, "a1" * 500_000, "-" * 500_000, "1/" * 500_000, "*" * 5_000_000, "１" * 2_000_000,
     "12," * 1_000_000, "是" * 2_000_000],
)  # fmt: skip
def test_no_text_is_too_long(text):
    """Each of them is one number or many to a reader that looks again at every character."""
    grader = number_close(5, pick="last", unit="kg", percent=True, fractions=True, thousands=" ")
    assert grader(text).state == number_close(5, pick="last")(text).state == "failed"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3), st.booleans())
def test_a_number_is_found_however_it_is_dressed(number, alone):
    german = f"{number:,}".translate(str.maketrans(",.", ".,"))
    text = german if alone else f"Es sind **{german}** Euro."
    assert number_close(float(number), decimal=",", pick="only", rel_tol=1e-12)(text).passed


@given(st.fractions())
def test_a_fraction_is_itself(number):
    case = Case(id="one", expected=f"{number.numerator}/{number.denominator}")
    assert number_close(fractions=True)(f"{number.numerator * 3}/{number.denominator * 3}", case).passed


@given(st.integers(-(10**30), 10**30), st.integers(-400, 400))
def test_numbers_are_exact_up_to_a_size_that_no_answer_has(digits, exponent):
    text = f"{digits}e{exponent}"
    assert number_close()(text, Case(id="one", expected=text)).passed
    assert exact(10**20 + 1) != exact(10**20)
    assert exact(0.1) == Fraction(1, 10)


def test_numbers_beyond_that_size_are_of_that_size():
    from decimal import Decimal

    assert exact(Decimal("-1e999999999")) == -(Fraction(10) ** LARGEST_EXPONENT)
    assert exact(Decimal("1.5e-999999999")) == Fraction(15, 10) / 10**LARGEST_EXPONENT
    assert exact(Decimal("0e999999999")) == 0
