"""How far a judge and people agree on what passes, and what that says of a pass rate. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from pytest_llm.stats.proportions import wilson


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Outputs that people and a judge have graded, counted by both verdicts."""

    #: Of those that people pass, how many the judge passes and fails.
    pass_pass: int
    pass_fail: int
    #: Of those that people fail.
    fail_pass: int
    fail_fail: int

    @property
    def total(self) -> int:
        """All outputs that both have graded."""
        return self.pass_pass + self.pass_fail + self.fail_pass + self.fail_fail

    @property
    def good(self) -> int:
        """Those that people pass."""
        return self.pass_pass + self.pass_fail

    @property
    def bad(self) -> int:
        """Those that people fail."""
        return self.fail_pass + self.fail_fail

    @property
    def sensitivity(self) -> float | None:
        """The share of good outputs that the judge passes; None without any."""
        return self.pass_pass / self.good if self.good else None

    @property
    def specificity(self) -> float | None:
        """The share of bad outputs that the judge fails; None without any."""
        return self.fail_fail / self.bad if self.bad else None

    @property
    def kappa(self) -> float | None:
        """Agreement beyond chance: 1 is always, 0 is what two that do not look would reach. Cohen 1960.

        None where chance alone would make them agree always, because both say the same of everything.

        >>> Agreement(pass_pass=20, pass_fail=5, fail_pass=10, fail_fail=15).kappa
        0.4
        """
        agreed = self.pass_pass + self.fail_fail
        return None if self.total == 0 else self._beyond_chance(agreed / self.total)

    @property
    def kappa_interval(self) -> tuple[float, float] | None:
        """The 95 % interval of kappa: Wilson's of the share of agreement, the chance of it taken as observed.

        Used instead of the asymptotic one (Fleiss, Cohen, Everitt 1969), which is empty where both always agree, and
        holds the truth too seldom in small samples (benchmarks/calibration.md).
        """
        bounds = wilson(self.pass_pass + self.fail_fail, self.total)
        found = [None if bounds is None else self._beyond_chance(bound) for bound in bounds or (0.0, 0.0)]
        low, high = found
        return None if low is None or high is None else (max(-1.0, low), high)

    def _beyond_chance(self, agreed: float) -> float | None:
        said = (self.pass_pass + self.fail_pass) * self.good + (self.pass_fail + self.fail_fail) * self.bad
        square = self.total * self.total
        # In whole numbers, so that 1 is 1.
        return None if said == square else (agreed * square - said) / (square - said)


def corrected_rate(
    passed: int, total: int, agreement: Agreement, confidence: float = 0.95
) -> tuple[float, float, float] | None:
    """The pass rate that people would find where the judge passes so many, with an interval: (rate, low, high).

    None without outputs, or where the judge is no better than chance, so that its verdicts say nothing. The rate is
    that of Rogan and Gladen 1978, (p + specificity - 1) / (sensitivity + specificity - 1), kept within 0..1. The
    interval knows that sensitivity and specificity are estimates: Lang and Reiczigel 2014, equations 13 to 16.
    """
    sensitivity, specificity = agreement.sensitivity, agreement.specificity
    if not total or sensitivity is None or specificity is None or sensitivity + specificity <= 1:
        return None
    rate = (passed / total + specificity - 1) / (sensitivity + specificity - 1)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    n, good, bad = total + z * z, agreement.good + 2, agreement.bad + 2
    p, se, sp = (passed + z * z / 2) / n, (agreement.pass_pass + 1) / good, (agreement.fail_fail + 1) / bad
    gain = se + sp - 1
    if gain <= 0:  # it is better than chance by less than one label would change
        return None
    true = (p + sp - 1) / gain
    of_se, of_sp = se * (1 - se) / good, sp * (1 - sp) / bad
    shift = 2 * z * z * (true * of_se - (1 - true) * of_sp)
    half = z * sqrt(p * (1 - p) / n + true * true * of_se + (1 - true) ** 2 * of_sp) / gain
    rate, low, high = map(_share, (rate, true + shift - half, true + shift + half))
    return rate, min(low, rate), max(high, rate)


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))
