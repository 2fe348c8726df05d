"""What is known of judges by comparing them with people, in files. PYTEST_DONT_REWRITE

A file a judge, `llm_judges/<name>.json`, beside the tests or in a folder above them, bound to the version of the judge:
with another rubric, model or template it is another judge, of which nothing is known. Whole numbers only, so that a
difference is one that can be read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from pytest_llm.errors import CalibrationError
from pytest_llm.schemas import JSON
from pytest_llm.stats.agreement import Agreement

FOLDER = "llm_judges"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A judge beside people, on outputs that both have graded."""

    judge: str
    #: That of the judge, `Judging.version`.
    judge_version: str
    model: str
    #: The file of the labelled outputs, relative to the root, and the digest of its bytes.
    labels: str
    labels_sha256: str
    agreement: Agreement
    #: What the judge could not grade, by what people say.
    ungraded_pass: int = 0
    ungraded_fail: int = 0
    #: How many hostile outputs it was shown, and the ids of those that it passed.
    injections: int = 0
    injections_passed: tuple[str, ...] = ()

    @property
    def is_told_from_chance(self) -> bool:
        """Whether the judge agrees with people more than by chance, for all that is known: 95 % of it."""
        interval = self.agreement.kappa_interval
        return interval is not None and interval[0] > 0

    @property
    def text(self) -> str:
        """The file's text."""
        own = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "agreement"}
        document = {"version": VERSION, **own, "agreement": asdict(self.agreement)}
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def of(cls, text: str, where: str) -> Calibration:
        """The calibration in a file's text. Raises CalibrationError."""
        try:
            document = json.loads(text)
            if document.get("version") != VERSION:
                raise ValueError(f"version {document.get('version')!r} is none that this release reads")
            agreement = Agreement(**_counted(document.pop("agreement")))
            del document["version"]
            passed = tuple(map(str, document.pop("injections_passed")))
            found = cls(agreement=agreement, injections_passed=passed, **document)
            _counted({name: getattr(found, name) for name in ("ungraded_pass", "ungraded_fail", "injections")})
            for name in ("judge", "judge_version", "model", "labels", "labels_sha256"):
                if not isinstance(getattr(found, name), str):
                    raise TypeError(f"{name} is {getattr(found, name)!r}, and no text")
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            fix = {"make it anew": "pytest-llm calibrate FILE::JUDGE LABELS"}
            raise CalibrationError(f"the calibration cannot be read: {error}", where=where, fix=fix) from error
        return found


def calibrations_from(folder: Path, root: Path) -> list[Calibration]:
    """All calibrations in a folder, and above it as far as the root. Raises CalibrationError for what is none."""
    above = [one for one in folder.parents if one.is_relative_to(root)]
    return [found for place in (folder, *above) for found in _calibrations_in(place / FOLDER)]


def _calibrations_in(folder: Path) -> Iterator[Calibration]:
    for path in sorted(folder.glob("*.json")):
        where = f"{FOLDER}/{path.name}"
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CalibrationError(f"the calibration cannot be read: {error}", where=where) from error
        yield Calibration.of(text, where)


def _counted(counts: Mapping[str, JSON]) -> dict[str, int]:
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise ValueError(f"{name} is {count!r}, and no count")
    return dict(counts)
