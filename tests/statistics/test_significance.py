"""The smallest error rate at which a FAIL would still be one."""

import numpy as np
import pytest
from scipy.stats import binom
from statistics_tables import Values, column, mapped, named, proportion

from modelaudit.statistics import Verdict, decide
from modelaudit.statistics.decide import LEAST_ERROR, smallest_error

a, b = named("a"), named("b")


def decided(expectation, columns, confidence=0.95, about="process"):
    return decide(expectation, Values(columns), confidence=confidence, about=about)


@pytest.mark.parametrize(("ones", "n"), [(80, 100), (78, 100), (14, 20), (700, 1000)])
def test_of_a_proportion_it_is_the_exact_binomial_tail(ones, n):
    p = decided(a > 0.9, {"a": proportion(ones, n)}).p
    assert p == pytest.approx(max(LEAST_ERROR, binom.cdf(ones, n, 0.9)), rel=0.01)


@pytest.mark.parametrize(
    ("expectation", "columns"),
    [
        (a - b < 0.05, {"a": proportion(95, 100), "b": proportion(80, 100)}),
        (a < 0.3, {"a": column(np.linspace(0.2, 0.7, 20))}),
        (a < 0.42, {"a": column(np.linspace(0.2, 0.7, 300))}),
        (a / b > 0.95, {"a": proportion(70, 100), "b": proportion(90, 100)}),
    ],
    ids=["tango", "few", "many", "ratio"],
)
def test_it_is_where_the_verdict_turns(expectation, columns):
    found = decided(expectation, columns)
    assert found.verdict is Verdict.FAIL and LEAST_ERROR < found.p < 0.05
    assert decided(expectation, columns, 1 - found.p).verdict is Verdict.FAIL
    assert decided(expectation, columns, 1 - found.p * 0.98).verdict is Verdict.INCONCLUSIVE


def test_only_a_fail_has_one_and_only_where_there_is_chance():
    assert decided(a > 0.5, {"a": proportion(90, 100)}).p is None
    assert decided(a > 0.9, {"a": proportion(88, 100)}).p is None
    assert decided(a > 0.9, {"a": proportion(50, 100)}, about="this_set").p is None


def test_of_several_methods_it_is_corrected_for_their_number():
    columns = {"one": column(np.linspace(0.3, 0.8, 60)), "two": column(np.linspace(0.2, 0.7, 60))}
    found = decided(mapped("one", "two") < 0.4, columns)
    assert found.verdict is Verdict.FAIL
    assert found.p == pytest.approx(2 * min(part.p for part in found.parts if part.p is not None))
    assert decided(mapped("one", "two") < 0.4, columns, 1 - found.p).verdict is Verdict.FAIL
    assert decided(mapped("one", "two") < 0.4, columns, 1 - found.p * 0.97).verdict is not Verdict.FAIL


def test_a_fail_beyond_all_doubt_is_not_asked_further():
    asked = []
    assert smallest_error(lambda error: asked.append(error) or True, 0.05) == LEAST_ERROR
    assert asked == [LEAST_ERROR]
