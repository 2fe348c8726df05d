"""From a text to the number in it, with no more readings than were asked for. PYTEST_DONT_REWRITE

What could be read in two ways is not read: `3-4`, `2024-05-03`, `5k`, `12.5 %` where per cents were not asked for.
Decimal digits of every script are digits, and full-width signs are what their ASCII counterparts are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from pytest_llm.graders.parameters import a_word, refused
from pytest_llm.graders.reading import NotConforming
from pytest_llm.graders.structure.tolerance import exact
from pytest_llm.schemas import quoted

Pick = Literal["only", "last"]

LONGEST_NUMBER = 400
#: A code of ISO 4217 stands for its symbols too. A symbol stands for itself alone: `$` is of twenty countries.
SYMBOLS = {
    "CNY": ("¥",),
    "EUR": ("€",),
    "GBP": ("£",),
    "INR": ("₹",),
    "JPY": ("¥",),
    "KRW": ("₩",),
    "USD": ("US$", "$"),
}
#: Between thousands as they are written; blanks may be narrow or unbreakable.
THOUSANDS = {",": ",", ".": r"\.", " ": "[ \u00a0\u2009\u202f]", "'": "['\u2019]"}

_BLANK = "[ \t\u00a0\u2009\u202f]"
_SIGN = "[+\u2212-]"
_CURRENCY = "[$\u00a3\u00a5\u20a9\u20ac\u20b9]"
_SLASH = "[/\u2044]"
_VULGAR = "[\u00bc-\u00be\u2150-\u215e\u2189]"
_FRACTION = (
    rf"(?:(?P<whole>[0-9]+){_BLANK}+)?(?P<over>[0-9]+){_SLASH}(?P<under>[0-9]+)"
    rf"|(?:(?P<beside>[0-9]+){_BLANK}*)?(?P<vulgar>{_VULGAR})"
)
_PERCENT = rf"{_BLANK}*(?:\\?%|per ?cent\b)"
#: What makes one thing of a number and what stands beside it: a date, a range, a version, a power, a name.
_JOINTS = r".,:/^\u2044'\u2019\u2013\u2212-"
# Chinese and Japanese are written without blanks, so their characters may touch a number. In front, those that make
# another number of it do not (3万5000 is 35,000, 第5 is the 5th); behind, hiragana do (5です), units do not (5万, 5元).
_KANA, _HAN = r"\u3041-\u309f\u30a1-\u30fa\u30fc", r"\u3400-\u4dbf\u4e00-\u9fff"
_HAN_NUMBER = "[第〇一二三四五六七八九十百千万萬億亿兆廿零点點負负]"
_BEGINS = rf"(?<![^\W{_KANA}{_HAN}])(?<!{_HAN_NUMBER})(?<!\w[./\u2044\u2013\u2212-])"
_ENDS = rf"(?![^\W\u3041-\u309f]|[{_JOINTS}][0-9])"
_NO_NUMBER = rf"{_SIGN}?[0-9][0-9{_JOINTS}]*+[^\W{_KANA}{_HAN}]*[{_KANA}{_HAN}]?"
#: What is not ASCII and stands for something that is: digits of any script, and full-width signs and letters.
_FOREIGN = re.compile(r"[^\D0-9]|[\uff01-\uff5e\uffe1\uffe5\uffe6\u066b\u066c]")
_ARABIC = {"\u066b": "decimal", "\u066c": "thousands"}
_WIDE_CURRENCY = {"\uffe1": "\u00a3", "\uffe5": "\u00a5", "\uffe6": "\u20a9"}
_EMPHASIS = re.compile(r"(?<!\w)[*_`~]+(?=\S)|(?<=\S)[*_`~]+(?!\w)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How numbers are written."""

    number: re.Pattern[str]
    #: Numbers, and what only looks like one, in a sentence.
    scan: re.Pattern[str]
    decimal: str
    thousands: str
    units: tuple[str, ...]
    percent: bool
    fractions: bool
    pick: Pick | None

    def whole(self, text: str) -> Fraction | None:
        """The number that a text is, and nothing else; None where it is none."""
        text = self.in_ascii(text.strip())
        # `5.` is how some languages and people write 5.0, or a sentence of one number.
        text = text[:-1] if text.endswith(".") and text[-2:-1].isdecimal() else text
        found = self.number.fullmatch(text) if len(text) <= LONGEST_NUMBER else None
        return None if found is None else self._value(found)

    def picked(self, text: str) -> Fraction:
        """The number that a text is, or, where one is to be picked, that it has. Raises NotConforming."""
        if (whole := self.whole(text)) is not None:
            return whole
        unit = f" with {' or '.join(map(quoted, self.units))}" if self.units else ""
        if self.pick is None:
            alone = f", alone or{unit}," if unit else ""
            raise NotConforming(f"expected a number{alone} and nothing else, got {quoted(text)}")
        count, last = 0, None
        for found in self.scan.finditer(_EMPHASIS.sub("", self.in_ascii(text))):  # a list of them would be large
            if not self.units or found["before"] in self.units or found["after"] in self.units:
                count, last = count + 1, found
        if last is None:
            raise NotConforming(f"no number{unit} is in {quoted(text)}")
        if self.pick == "only" and count > 1:
            raise NotConforming(f"expected a single number{unit}, got {count}: {quoted(text)}")
        value = None if len(last[0]) > LONGEST_NUMBER or last["other"] else self._value(last)
        if value is None:
            raise NotConforming(f"{quoted(last[0].strip())} is no number that was asked for; got {quoted(text)}")
        return value

    def in_ascii(self, text: str) -> str:
        """Return the text with the digits of every script, and full-width signs, as ASCII."""
        if text.isascii():
            return text
        marks = {"decimal": self.decimal, "thousands": self.thousands}
        return _FOREIGN.sub(lambda found: marks[_ARABIC[found[0]]] if found[0] in _ARABIC else _ascii(found[0]), text)

    def _value(self, found: re.Match[str]) -> Fraction | None:
        """What a match says; None where it says too much, or what was not asked for."""
        twice = (found["sign"] and found["inner"]) or (found["before"] and found["after"])
        per_cent = found["percent"] is not None
        if twice or (per_cent and not self.percent):
            return None
        if found["decimal"]:
            digits = re.sub(THOUSANDS[self.thousands], "", found["decimal"]).replace(self.decimal, ".")
            value = exact(Decimal(digits))
        else:
            fraction = _fraction(found) if self.fractions else None
            if fraction is None:
                return None
            value = fraction
        minus = (found["sign"] or found["inner"]) in ("-", "\u2212")
        return (-value if minus else value) / (100 if per_cent else 1)


def a_reading(
    grader: str,
    *,
    unit: str | Sequence[object] | None = None,
    decimal: str = ".",
    thousands: str | None = None,
    percent: bool = False,
    fractions: bool = False,
    pick: str | None = None,
) -> Reading:
    """The reading that a grader's parameters ask for."""
    if decimal not in (".", ","):
        raise refused(grader, "decimal", decimal, 'is neither "." nor ","', 'decimal=","')
    between = ("," if decimal == "." else ".") if thousands is None else thousands
    if between not in THOUSANDS or between == decimal:
        others = " or ".join(f'"{one}"' for one in THOUSANDS if one != decimal)
        raise refused(grader, "thousands", thousands, f"is not {others}", 'thousands=" "')
    if pick not in (None, "only", "last"):
        raise refused(grader, "pick", pick, 'is neither "only" nor "last"', 'pick="last"')
    units = () if unit is None else _units(grader, unit)
    if percent and "%" in units:
        raise refused(grader, "percent", percent, 'contradicts unit="%"', 'percent=True, where "5 %" is 0.05')
    before, after = _either(units), _either(units, ends=r"(?![\w/^\u00b7])")
    comma, group = re.escape(decimal), THOUSANDS[between]
    # 12,34,567: lakhs and crores, which nothing else looks like; with other marks nobody writes them.
    groups = rf"[1-9][0-9]{{0,2}}(?:{group}[0-9]{{3}})+"
    groups += "|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}" if between == "," else ""
    number = (
        rf"(?:{_FRACTION}|(?P<decimal>(?:(?:{groups})(?:{comma}[0-9]+)?"
        rf"|[0-9]+(?:{comma}[0-9]+)?|{comma}[0-9]+)(?:[eE][+-]?[0-9]{{1,9}})?))"
        rf"(?P<percent>{'(?!)' if '%' in units else _PERCENT})?(?:{_BLANK}*(?P<after>{after}))?"
    )

    def signed(before: str) -> str:
        apart = rf"(?:{_BLANK}+|(?<![0-9]))"
        return rf"(?P<sign>{_SIGN})?(?:(?P<before>{before}){apart})?(?P<inner>{_SIGN})?{number}"

    # In a sentence, any sign of a currency may stand before a number that needs no unit.
    scan = rf"{_BEGINS}(?:{signed(before if units else _CURRENCY)}{_ENDS}|(?P<other>{_NO_NUMBER}))"
    return Reading(
        number=re.compile(signed(before)),
        scan=re.compile(scan),
        decimal=decimal,
        thousands=between,
        units=units,
        percent=percent,
        fractions=fractions,
        pick=pick,  # type: ignore[arg-type]  # one of them, as was just found
    )


def _ascii(character: str) -> str:
    """Return the ASCII digit, sign or letter that a character stands for; itself where there is none."""
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    if "\uff01" <= character <= "\uff5e":
        return chr(ord(character) - 0xFEE0)
    return _WIDE_CURRENCY.get(character, character)


def _fraction(found: re.Match[str]) -> Fraction | None:
    """The value of `3/4`, `1 1/2`, `½` or `1½`; None where it has none, or where `1 3/2` leaves it open."""
    if found["vulgar"]:
        whole, (over, _, under) = found["beside"], unicodedata.normalize("NFKC", found["vulgar"]).partition("\u2044")
    else:
        whole, over, under = found["whole"], found["over"], found["under"]
    if not int(under) or (whole and int(over) >= int(under)):
        return None
    return int(whole or 0) + Fraction(int(over), int(under))


def _units(grader: str, unit: str | Sequence[object]) -> tuple[str, ...]:
    spellings = [unit] if isinstance(unit, str) else unit
    found = []
    for one in spellings:
        text = "".join(map(_ascii, a_word(grader, "unit", one).strip()))
        if not text or re.match(r"[0-9.,+\u2212-]", text):
            raise refused(grader, "unit", one, "could be taken for a part of the number", 'unit=["kg", "kilograms"]')
        found += [text, *SYMBOLS.get(text, ())]
    return tuple(dict.fromkeys(found))


def _either(units: tuple[str, ...], ends: str = "") -> str:
    """Any of the units, the longest first; where one ends in a letter, no further letter may follow."""
    longest_first = sorted(units, key=len, reverse=True)
    return "|".join(re.escape(one) + (ends if one[-1].isalnum() else "") for one in longest_first) or "(?!)"
