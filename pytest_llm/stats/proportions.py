"""One proportion: intervals of a pass rate, and the chance that k samples pass. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from math import comb, exp, lgamma, log, log1p, sqrt
from statistics import NormalDist


def wilson(passed: int, total: int, confidence: float = 0.95) -> tuple[float, float] | None:
    """The score interval of a pass rate, two-sided; None without samples.

    For independent samples: those of one case, or one of each case. Wilson 1927; Newcombe 1998, method 3.

    >>> [round(bound, 3) for bound in wilson(3, 3)]
    [0.439, 1.0]
    """
    _check_counts(passed, total)
    if total == 0:
        return None
    z, rate = _two_sided(confidence), passed / total
    scale = 1 + z * z / total
    centre = (rate + z * z / (2 * total)) / scale
    half = z * sqrt(rate * (1 - rate) / total + z * z / (4 * total * total)) / scale
    return (0.0 if passed == 0 else centre - half), (1.0 if passed == total else centre + half)


def clopper_pearson(passed: int, total: int, confidence: float = 0.95) -> tuple[float, float] | None:
    """The interval of a pass rate that never covers less than it says, two-sided; None without samples.

    Clopper and Pearson 1934: quantiles of beta distributions.
    """
    _check_counts(passed, total)
    if total == 0:
        return None
    tail = (1 - _checked(confidence)) / 2
    low = 0.0 if passed == 0 else _beta_quantile(tail, passed, total - passed + 1)
    high = 1.0 if passed == total else _beta_quantile(1 - tail, passed + 1, total - passed)
    return low, high


def pass_at_k(n: int, c: int, k: int) -> float | None:
    """The chance that at least one of k samples passes, where c of n passed; None for n < k.

    Chen et al. 2021, arXiv 2107.03374. Of a suite: the mean over its cases.
    """
    _check_counts(c, n)
    _check_k(k)
    return None if n < k else 1 - comb(n - c, k) / comb(n, k)


def pass_hat_k(n: int, c: int, k: int) -> float | None:
    """The chance that all of k samples pass, where c of n passed; None for n < k.

    Yao et al. 2024, arXiv 2406.12045. Of a suite: the mean over its cases.
    """
    _check_counts(c, n)
    _check_k(k)
    return None if n < k else comb(c, k) / comb(n, k)


def _check_counts(passed: int, total: int) -> None:
    if not 0 <= passed <= total:
        raise ValueError(f"{passed} of {total} is no count of samples that passed")


def _check_k(k: int) -> None:
    if k < 1:
        raise ValueError(f"k counts samples from 1, and is {k}")


def _checked(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, and is {confidence}")
    return confidence


def _two_sided(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + _checked(confidence)) / 2)


def _beta_quantile(probability: float, a: int, b: int) -> float:
    """By bisection; 60 halvings leave nothing that a float could tell."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _beta_cdf(middle, a, b) < probability else (low, middle)
    return (low + high) / 2


def _beta_cdf(x: float, a: int, b: int) -> float:
    """The regularised incomplete beta function, by its continued fraction (NIST DLMF 8.17.22)."""
    if x > (a + 1) / (a + b + 2):  # where it converges slowly
        return 1 - _beta_cdf(1 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    # Lentz's way: numerator and denominator of the convergents, as ratios of successive ones.
    value, up, down, step = 1.0, 1.0, 0.0, 0
    while True:
        m = step // 2
        if step == 0:
            term = 1.0
        elif step % 2 == 0:
            term = m * (b - m) * x / ((a + step - 1) * (a + step))
        else:
            term = -(a + m) * (a + b + m) * x / ((a + step - 1) * (a + step))
        down = 1 / (1 + term * down)
        up = 1 + term / up
        value *= up * down
        if step and abs(up * down - 1) < 1e-15:
            return front * (value - 1)
        step += 1
