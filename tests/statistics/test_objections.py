"""Guards: the noise floor and the moved decision by hand, and which verdicts a check can take away."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from statistics_tables import Values, column, mapped, named

from modelaudit.language.expression import Expectation
from modelaudit.statistics import Clustering, Decision, Reason, Verdict, decide
from modelaudit.statistics.objections import Objection, apply_objections, noise_floor, shift_decision

A, B = named("a"), named("b")
FIRST, SECOND = [0.1, 0.4, 0.3, 0.8], [0.3, 0.3, 0.3, 0.4]


def table(clusters: Any = None, **columns: Any) -> Values:
    return Values({name: column(values) for name, values in columns.items()}, clusters=clusters or {})


def floor(expectation: Expectation, images: int = 4, clusters: Any = None, **both: Any) -> float | None:
    """Each keyword: the values of a column with the first and with the second seed."""
    first = table(clusters, **{name: pair[0] for name, pair in both.items()})
    second = table(clusters, **{name: pair[1] for name, pair in both.items()})
    return noise_floor(expectation, first, second, images)


def by_hand(differences: list[float]) -> float:
    return 1.96 * math.sqrt(sum(one**2 for one in differences)) / len(differences)


# --- noise floor -----------------------------------------------------------------------------------------------------


def test_the_floor_of_a_mean_is_the_formula() -> None:
    assert floor(A < 0.5, a=(FIRST, SECOND)) == pytest.approx(by_hand([0.2, -0.1, 0.0, -0.4]))


def test_the_threshold_and_a_constant_do_not_enter() -> None:
    assert floor(1 - A > 0.2, a=(FIRST, SECOND)) == pytest.approx(by_hand([0.2, -0.1, 0.0, -0.4]))


def test_two_equal_draws_have_a_floor_of_0() -> None:
    assert floor(A < 0.5, a=(FIRST, FIRST)) == 0


def test_a_difference_is_taken_image_by_image_before_it_is_squared() -> None:
    """Where both columns move alike, nothing is left."""
    shifted = [one + 0.1 for one in FIRST]
    assert floor(A - B < 0.5, a=(FIRST, shifted), b=(FIRST, shifted)) == pytest.approx(0, abs=1e-12)
    assert floor(A - B < 0.5, a=(FIRST, shifted), b=(FIRST, FIRST)) == pytest.approx(by_hand([0.1] * 4))


def test_it_is_scaled_to_all_images_of_the_audit() -> None:
    few = floor(A < 0.5, a=(FIRST, SECOND))
    assert few is not None
    assert floor(A < 0.5, images=16, a=(FIRST, SECOND)) == pytest.approx(few / 2)
    assert floor(A < 0.5, images=1, a=(FIRST, SECOND)) == pytest.approx(few)  # never to fewer than it was seen on


def test_images_that_share_a_donor_are_summed_before_they_are_squared() -> None:
    """0.2 - 0.1 of the first donor, 0 - 0.4 of the second; images on their own stay alone."""
    shared = {"*": (Clustering("donor", np.array([0, 0, 1, 1])),)}
    alone = {"*": (Clustering("donor", np.array([-1, 0, -1, 0])),)}
    largest = by_hand([0.2, -0.1, 0.0, -0.4])
    same = [0.3, 0.5, 0.5, 0.9]  # + 0.2, + 0.1, + 0.2, + 0.1
    together = 1.96 * math.sqrt(0.3**2 + 0.3**2) / 4
    assert floor(A < 0.5, clusters=shared, a=(FIRST, same)) == pytest.approx(together)
    partly = 1.96 * math.sqrt(0.2**2 + 0.2**2 + (0.1 + 0.1) ** 2) / 4
    assert floor(A < 0.5, clusters=alone, a=(FIRST, same)) == pytest.approx(partly)
    # where differences of one donor cancel, the floor is not below that of images on their own
    assert floor(A < 0.5, clusters=shared, a=(FIRST, [0.3, 0.2, 0.3, 0.8])) == pytest.approx(
        by_hand([0.2, -0.2, 0.0, 0.0])
    )
    assert floor(A < 0.5, clusters=shared, a=(FIRST, SECOND)) == pytest.approx(largest)


def test_the_floor_of_a_ratio_is_that_of_its_linearised_values() -> None:
    below, again = [0.5, 1.0, 0.5, 1.0], [0.5, 0.8, 0.6, 1.0]

    def values(above: list[float], under: list[float]) -> Any:
        return np.array(above) - np.mean(above) / np.mean(under) * np.array(under)

    differences = (values(SECOND, again) - values(FIRST, below)) / np.mean(below)
    found = floor(A / B < 0.9, a=(FIRST, SECOND), b=(below, again))
    assert found == pytest.approx(1.96 * math.sqrt(float((differences**2).sum())) / 4)


def test_the_floor_of_what_is_neither_is_the_sum_of_its_parts() -> None:
    """|A| moves by no more than A; with B added, by no more than both."""
    differences, others = by_hand([0.2, -0.1, 0.0, -0.4]), by_hand([0.1, 0.0, 0.0, 0.0])
    again = [0.2, 0.4, 0.3, 0.8]
    found = floor(A * B < 0.9, a=(FIRST, SECOND), b=(FIRST, again))
    assert found == pytest.approx(differences + others)


def test_images_without_both_values_are_left_out() -> None:
    nan = float("nan")
    found = floor(A < 0.5, images=2, a=([0.1, 0.4, nan, 0.8], [0.3, 0.3, 0.9, nan]))
    assert found == pytest.approx(by_hand([0.2, -0.1]))
    assert floor(A < 0.5, a=([nan] * 4, FIRST)) is None


def test_a_denominator_of_0_has_no_floor() -> None:
    assert floor(A / B < 0.9, a=(FIRST, SECOND), b=([0.0] * 4, [0.0] * 4)) is None


# --- moved -----------------------------------------------------------------------------------------------------------

LOW, HIGH = [0.2, 0.3] * 50, [0.4, 0.5] * 50


def decided(expectation: Expectation, **columns: Any) -> Decision:
    return decide(expectation, table(**columns), confidence=0.95, about="process")


def test_a_moved_decision_is_shifted_by_what_the_variant_changed() -> None:
    expectation = A < 0.5
    whole = decided(expectation, a=LOW)
    found = shift_decision(whole, decided(expectation, a=LOW[:20]), decided(expectation, a=HIGH[:20]), expectation)
    assert whole.estimate is not None and whole.lower is not None and whole.upper is not None
    assert found.estimate == pytest.approx(whole.estimate + 0.2)
    assert found.lower == pytest.approx(whole.lower + 0.2) and found.upper == pytest.approx(whole.upper + 0.2)


@pytest.mark.parametrize(
    ("threshold", "verdict"), [(0.6, Verdict.PASS), (0.35, Verdict.FAIL), (0.451, Verdict.INCONCLUSIVE)]
)
def test_the_shifted_bounds_decide(threshold: float, verdict: Verdict) -> None:
    expectation = threshold > A
    given, other = decided(expectation, a=LOW[:20]), decided(expectation, a=HIGH[:20])
    assert shift_decision(decided(expectation, a=LOW), given, other, expectation).verdict is verdict


def test_a_lower_limit_is_judged_from_the_other_side() -> None:
    expectation = A > 0.35
    whole = decided(expectation, a=HIGH)
    assert whole.verdict is Verdict.PASS
    found = shift_decision(whole, decided(expectation, a=HIGH[:20]), decided(expectation, a=LOW[:20]), expectation)
    assert found.verdict is Verdict.FAIL


def test_a_variant_without_an_estimate_decides_nothing() -> None:
    expectation = A < 0.5
    nothing = decided(expectation, a=[float("nan")] * 20)
    found = shift_decision(decided(expectation, a=LOW), decided(expectation, a=LOW[:20]), nothing, expectation)
    assert found.verdict is Verdict.INCONCLUSIVE and found.estimate is None


def test_each_method_is_moved_by_its_own_change_and_the_worst_of_them_counts() -> None:
    expectation = mapped("x", "y") < 0.35
    whole, given = decided(expectation, x=LOW, y=LOW), decided(expectation, x=LOW[:20], y=LOW[:20])
    assert whole.verdict is Verdict.PASS
    found = shift_decision(whole, given, decided(expectation, x=LOW[:20], y=HIGH[:20]), expectation)
    assert [part.verdict for part in found.parts] == [Verdict.PASS, Verdict.FAIL]
    assert found.verdict is Verdict.FAIL and found.estimate == pytest.approx(0.45)


# --- without ---------------------------------------------------------------------------------------------------------

SEAM = Objection(Reason.INSTRUMENT_INSENSITIVE, "the seam alone does it")
MASKS = Objection(Reason.MASK_UNCERTAIN, "the verdict is another one")


@pytest.mark.parametrize("threshold", [0.1, 0.9])
def test_an_objection_takes_pass_and_fail_away_and_keeps_the_numbers(threshold: float) -> None:
    before = decided(threshold > A, a=LOW)
    after = apply_objections(before, [MASKS, SEAM])
    assert before.verdict in (Verdict.PASS, Verdict.FAIL)
    assert (after.verdict, after.reason) == (Verdict.INCONCLUSIVE, Reason.MASK_UNCERTAIN)
    assert (after.estimate, after.lower, after.upper) == (before.estimate, before.lower, before.upper)
    assert after.note.startswith("the verdict is another one; the seam alone does it")


def test_without_an_objection_a_verdict_stands() -> None:
    before = decided(A < 0.9, a=LOW)
    assert before.verdict is Verdict.PASS and apply_objections(before, []) == before


def test_what_is_inconclusive_already_keeps_its_own_reason() -> None:
    before = decided(A < 0.25, a=LOW)
    assert before.verdict is Verdict.INCONCLUSIVE and apply_objections(before, [SEAM]) == before
