"""The least of several groups and the larger of two ratios: bounds, verdicts, parts, plans."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from modelaudit.contexts import gaussian_noise
from modelaudit.language import Expectation, Measure, Missing, label, object_area
from modelaudit.language.expression import Expression
from modelaudit.language.strata import Both, Label, Stratum
from modelaudit.measures import (
    accuracy,
    mean_corruption_error,
    relative_foreground_sensitivity,
    worst_group_accuracy,
)
from modelaudit.statistics import (
    Clustering,
    Column,
    Decision,
    Membership,
    Reason,
    Verdict,
    clopper_pearson,
    decide,
    single_expectations,
)
from modelaudit.statistics.bounds import Plan
from modelaudit.statistics.columns import Columns
from modelaudit.statistics.compound import tree_bound, tree_of
from modelaudit.statistics.expansion import algebra_of
from modelaudit.statistics.feasibility import best_case
from modelaudit.statistics.objections import noise_floor

ON_OBJECT, BEHIND = gaussian_noise(3, region="object"), gaussian_noise(3)
RFS = relative_foreground_sensitivity(ON_OBJECT, BEHIND)
AUDITS = 150


@dataclass
class Answers:
    """Right answers, [n] of 0 and 1 by context and model, NaN missing, on images with labels."""

    right: Mapping[str, NDArray[np.float64]]
    labels: NDArray[np.str_]
    none: frozenset[str] = field(default_factory=frozenset)

    def column(self, measure: Measure) -> Column:
        key = str(measure.context) if measure.model is None else f"{measure.context} {measure.model}"
        values = self.right.get(key, self.right["None"])
        missing = dict.fromkeys(np.flatnonzero(np.isnan(values)).tolist(), Missing.CONTEXT_UNCHANGED)
        return Column(values, missing, "proportion", 0.0, 1.0)

    def members(self, stratum: Stratum, model: str | None) -> Membership:
        parts = stratum.parts if isinstance(stratum, Both) else (stratum,)
        inside = np.ones(len(self.labels), dtype=bool)
        for part in parts:  # an area keeps the images of class a
            inside &= self.labels == (part.label if isinstance(part, Label) else "a")
        return Membership(inside, np.zeros(len(self.labels), dtype=bool))

    def clusterings(self, measure: Measure) -> tuple[Clustering, ...]:
        return ()

    def strata_by(self, by: str) -> tuple[Stratum, ...]:
        return tuple(label(str(name)) for name in [*np.unique(self.labels), *sorted(self.none)])


def grouped(*right: tuple[int, int]) -> Answers:
    """Groups a, b, ... of which (ones, n) are right."""
    values = np.concatenate([np.arange(n) < ones for ones, n in right]).astype(float)
    return Answers({"None": values}, np.repeat(list("abcdefgh")[: len(right)], [n for _, n in right]))


def two(front: NDArray[np.float64], back: NDArray[np.float64]) -> Answers:
    right = {str(ON_OBJECT): front, str(BEHIND): back, "None": back}
    return Answers(right, np.full(len(front), "a"))


def ones(share: float, n: int) -> NDArray[np.float64]:
    return (np.arange(n) < round(share * n)).astype(float)


def decided(expectation: Expectation, table: Answers, about: str = "process") -> Decision:
    return decide(expectation, table, confidence=0.95, about=about)  # type: ignore[arg-type]


# --- the worst group -------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), min_size=1, max_size=6), st.floats(0.05, 0.95))
@settings(max_examples=60, deadline=None)
def test_the_worst_group_is_the_minimum_and_so_are_its_bounds(sizes: list[tuple[int, int]], limit: float) -> None:
    counts = [(min(right, n), n) for right, n in sizes]
    found = decided(worst_group_accuracy() > limit, grouped(*counts))
    assert found.estimate == min(right / n for right, n in counts)
    assert found.lower == pytest.approx(min(clopper_pearson(right, n, 0.95)[0] for right, n in counts))
    each = 1 - 0.05 / len(counts)
    assert found.upper == pytest.approx(min(clopper_pearson(right, n, each)[1] for right, n in counts))
    assert (found.rule, found.guaranteed) == ("clopper_pearson", True)
    # PASS when every group passes; never where one does not
    assert (found.verdict is Verdict.PASS) == all(part.verdict is Verdict.PASS for part in found.parts)


def test_a_group_must_fail_after_holm_to_fail_the_whole() -> None:
    alone = decided(accuracy.where(label("a")) > 0.8, grouped((34, 50)))
    assert alone.verdict is Verdict.FAIL
    found = decided(worst_group_accuracy() > 0.8, grouped((34, 50), *[(50, 50)] * 7))
    assert found.verdict is Verdict.INCONCLUSIVE and found.group == "label(a)"
    assert [part.verdict for part in found.parts][:2] == [Verdict.FAIL, Verdict.PASS]
    assert decided(worst_group_accuracy() > 0.8, grouped((20, 50), *[(50, 50)] * 7)).verdict is Verdict.FAIL


def test_of_a_fail_p_is_the_smallest_rate_after_bonferroni() -> None:
    found = decided(worst_group_accuracy() > 0.8, grouped((30, 50), (50, 50)))
    alone = decided(accuracy.where(label("a")) > 0.8, grouped((30, 50), (50, 50)))
    assert found.p is not None and alone.p is not None
    assert found.p == pytest.approx(2 * alone.p, rel=0.02)


def test_the_agreed_set_itself_decides_exactly() -> None:
    found = decided(worst_group_accuracy() > 0.69, grouped((35, 50), (50, 50)), "this_set")
    assert (found.verdict, found.estimate, found.lower, found.upper) == (Verdict.PASS, 0.7, 0.7, 0.7)
    assert "on average" not in found.note
    assert "on average" in decided(worst_group_accuracy() > 0.69, grouped((35, 50), (50, 50))).note


def test_groups_without_an_image_do_not_count_and_groups_without_a_value_decide_nothing() -> None:
    table = grouped((30, 40), (35, 40))
    empty = Answers(table.right, table.labels, none=frozenset({"z"}))
    assert decided(worst_group_accuracy() > 0.5, empty).estimate == 0.75
    small = decided(worst_group_accuracy().where(object_area < 0.5) > 0.5, empty)
    assert [part.group for part in small.parts] == ["label(a)"] and small.counts.asked == 40
    unknown = np.where(table.labels == "b", np.nan, table.right["None"])
    found = decided(worst_group_accuracy() > 0.5, Answers({"None": unknown}, table.labels))
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, Reason.MISSING_DATA)


def test_missing_values_enter_every_group_at_their_worst_end() -> None:
    table = grouped((40, 40), (40, 40))
    values = table.right["None"].copy()
    values[40:50] = np.nan
    found = decided(worst_group_accuracy() > 0.8, Answers({"None": values}, table.labels))
    assert found.verdict is Verdict.INCONCLUSIVE and found.reason is Reason.UNDEFINED_VALUES
    assert found.lower == pytest.approx(clopper_pearson(30, 40, 0.95)[0])


def test_where_the_verdict_is_enough_no_group_is_told() -> None:
    whole = decided(worst_group_accuracy() > 0.5, grouped((30, 40), (39, 40)))
    brief = decide(
        worst_group_accuracy() > 0.5, grouped((30, 40), (39, 40)), confidence=0.95, about="process", brief=True
    )
    assert not brief.parts and len(whole.parts) == 2
    assert (brief.verdict, brief.lower, brief.upper) == (whole.verdict, whole.lower, whole.upper)


def test_of_many_groups_the_lowest_are_listed() -> None:
    names = np.repeat([f"c{at:02d}" for at in range(30)], 20)
    right = np.concatenate([np.arange(20) < 20 - at % 15 for at in range(30)]).astype(float)
    found = decided(worst_group_accuracy() > 0.1, Answers({"None": right}, names))
    assert len(found.parts) == 20 and "of 30 groups the 20 lowest" in found.note
    assert min(part.estimate or 0 for part in found.parts) == found.estimate == 6 / 20


def test_a_worst_group_that_must_be_low_is_caught_by_one_group() -> None:
    table = grouped((20, 50), (50, 50))
    assert decided(worst_group_accuracy() < 0.8, table).verdict is Verdict.PASS
    assert (
        len(single_expectations(worst_group_accuracy() > 0.8, table)) == 2
        and len(single_expectations(worst_group_accuracy() < 0.8, table)) == 1
    )


def test_more_images_are_counted_over_all_groups() -> None:
    table = grouped((46, 50), (140, 150))
    found = decided(worst_group_accuracy() > 0.85, table)
    assert found.verdict is Verdict.INCONCLUSIVE and found.more_images is not None
    alone = decided(accuracy.where(label("a")) > 0.85, table).more_images
    assert alone is not None and found.more_images == math.ceil(alone / 50 * 200)
    factor = 1 + found.more_images / 200
    grown = grouped(*[(round(right * factor), round(n * factor)) for right, n in ((46, 50), (140, 150))])
    assert decided(worst_group_accuracy() > 0.85, grown).verdict is Verdict.PASS
    failing = decided(worst_group_accuracy() > 0.95, grouped((44, 50), (150, 150)))
    assert failing.verdict is Verdict.INCONCLUSIVE and failing.more_images is not None


def test_what_a_small_group_could_never_show_is_known_before() -> None:
    def size(stratum: Stratum) -> int:
        return {"label(a)": 10, "label(b)": 500}[str(stratum)]

    groups = (label("a"), label("b"))
    found = best_case(
        worst_group_accuracy() > 0.9, 510, confidence=0.95, about="process", size_of=size, divided=lambda by: groups
    )
    assert found is not None and (found.images, found.needed, found.stratum) == (10, 29, "label(a)")
    assert (
        best_case(
            worst_group_accuracy() > 0.7, 510, confidence=0.95, about="process", size_of=size, divided=lambda by: groups
        )
        is None
    )


# --- relative foreground sensitivity ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("front", "back", "truth"), [(0.5, 0.9, 2 / 3), (0.2, 0.4, 1 / 3), (0.9, 0.5, -2 / 3)])
def test_the_bounds_of_a_sensitivity_shrink_to_it(front: float, back: float, truth: float) -> None:
    """The envelope of both ratios' bounds would stay at .14 below for (.2, .4), whatever the number of images."""
    generator = np.random.default_rng(4)
    widths = []
    for n in (300, 30_000):
        table = two(*(generator.permutation(ones(share, n)) for share in (front, back)))
        found = decided(RFS > 0, table)
        assert found.lower is not None and found.upper is not None
        assert found.lower < truth < found.upper
        widths.append(found.upper - found.lower)
    assert widths[1] < 0.05 < 0.1 < widths[0]


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("about", ["process", "this_set"])
def test_without_a_denominator_it_prints_0_and_decides_nothing(share: float, about: str) -> None:
    for expectation in (RFS > 0.1, RFS < 0.1, RFS > -0.5):
        found = decided(expectation, two(ones(share, 200), ones(share, 200)), about)
        assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, Reason.UNDEFINED_VALUES)
        assert (found.estimate, found.lower, found.upper, found.more_images) == (0, -1, 1, None)
        assert "denominator" in found.note and "too near" not in found.note


def test_near_the_ceiling_it_is_left_open() -> None:
    found = decided(RFS > 0.2, two(ones(0.985, 200), ones(0.995, 200)))
    assert found.estimate == pytest.approx(0.5) and found.verdict is Verdict.INCONCLUSIVE


def test_composites_in_larger_expressions_have_the_bounds_of_their_parts_at_what_bonferroni_leaves() -> None:
    table = grouped((30, 50), (45, 50))
    found = decided(1 - worst_group_accuracy() < 0.9, table)
    alone = decided(worst_group_accuracy() > 0.1, table)
    assert found.lower is not None and found.upper is not None and alone.lower is not None and alone.upper is not None
    assert (found.lower, found.upper) == pytest.approx((1 - alone.upper, 1 - alone.lower))
    both = decided(worst_group_accuracy() * accuracy > 0.1, table)
    assert both.estimate == pytest.approx(0.6 * 0.75) and both.rule == "interval_arithmetic"
    worst = min(clopper_pearson(right, 50, 0.975)[0] for right in (30, 45))
    assert both.lower == pytest.approx(worst * clopper_pearson(75, 100, 0.975)[0])


def test_the_noise_floor_of_the_larger_or_least_is_the_greatest_of_its_parts() -> None:
    generator, n = np.random.default_rng(7), 200
    first, second = (two(generator.permutation(ones(0.3, n)), generator.permutation(ones(0.6, n))) for _ in range(2))
    floor = noise_floor(RFS > 0.1, first, second, n)
    front, back = accuracy.under(ON_OBJECT), accuracy.under(BEHIND)
    ratios = ((back - front) / (back + front), (back - front) / (2 - (back + front)))
    floors = [noise_floor(ratio > 0.1, first, second, n) for ratio in ratios]
    assert floor == max(one for one in floors if one is not None) > 0
    least = noise_floor(worst_group_accuracy(ON_OBJECT, BEHIND) > 0.1, first, second, n)
    assert least == max(noise_floor(one > 0.1, first, second, n) or 0 for one in (front, back))
    # without a denominator there is no floor, and no number that is none
    assert noise_floor(RFS > 0.1, two(ones(1, n), ones(1, n)), second, n) is None
    assert noise_floor(front / back > 0.1, two(ones(0, n), ones(0, n)), second, n) is None


def test_left_sides_that_depend_on_differences_are_not_judged_beforehand() -> None:
    """That a context changes nothing is the best for a fall, and tells nothing of a sensitivity."""
    for expectation in (RFS > 0.2, RFS * accuracy > 0.2):
        assert best_case(expectation, 24, confidence=0.95, about="process") is None


# --- coverage --------------------------------------------------------------------------------------------------------


def rates(left: Expression, tables: list[Answers], truth: float) -> tuple[float, float]:
    """How often the lower bound lies above the truth, and the upper bound below it."""
    wrong = np.zeros(2)
    for table in tables:
        columns = Columns(table)
        tree = tree_of(algebra_of(left, columns), columns)
        lower, upper = (tree_bound(tree, side, columns, Plan(0.95)).value for side in ("lower", "upper"))
        wrong += (lower > truth, upper < truth)
    return tuple((wrong / len(tables)).tolist())


@pytest.mark.parametrize("truths", [(0.9,) * 8, (0.8, *(0.95,) * 7)], ids=["equal", "one_is_worse"])
def test_a_worst_group_keeps_its_promise(truths: tuple[float, ...]) -> None:
    generator = np.random.default_rng(1)
    tables = [grouped(*[(int(generator.binomial(50, p)), 50) for p in truths]) for _ in range(AUDITS)]
    too_high, too_low = rates(worst_group_accuracy(), tables, min(truths))
    assert max(too_high, too_low) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / AUDITS)
    again = [[int(generator.binomial(50, p)) for p in truths] for _ in range(2000)]
    estimates = [min(right) / 50 for right in again]
    if truths[0] == truths[1]:
        assert np.mean(estimates) == pytest.approx(0.837, abs=0.01)  # the plug-in minimum is biased


@pytest.mark.parametrize(("front", "back"), [(0.4, 0.6), (0.7, 0.9)])
def test_a_sensitivity_keeps_its_promise(front: float, back: float) -> None:
    generator, n, audits = np.random.default_rng(2), 220, 60
    mean = (front + back) / 2
    tables = []
    for _ in range(audits):
        shared = generator.random(n)
        hard = [np.where(generator.random(n) < 0.5, shared, generator.random(n)) for _ in range(2)]
        tables.append(two((hard[0] < front).astype(float), (hard[1] < back).astype(float)))
    found = rates(RFS, tables, (back - front) / (2 * min(mean, 1 - mean)))
    assert max(found) <= 0.057 + 2 * math.sqrt(0.05 * 0.95 / audits)


# --- mean corruption error -------------------------------------------------------------------------------------------


@dataclass
class Corrupted(Answers):
    """Every context has its own answers: a hard image is wrong under most of them."""

    def column(self, measure: Measure) -> Column:
        severity = int(getattr(measure.context, "severity", 0))
        name = type(measure.context).__name__
        shift = len(name) % 5 / 20 + severity / 10 + (0.1 if measure.model == "old" else 0)
        return Column((self.right["None"] > shift).astype(float), {}, "proportion", 0.0, 1.0)


def test_seventy_five_accuracies_of_ten_thousand_images_are_one_linear_form_decided_at_once() -> None:
    n = 10_000
    table = Corrupted({"None": np.random.default_rng(0).random(n)}, np.full(n, "a"))
    start = time.process_time()  # its own: other processes may have the machine
    found = decided(mean_corruption_error() < 0.9, table)
    assert time.process_time() - start < 2
    assert found.verdict is Verdict.PASS and found.rule == "gaffke"
    assert found.lower is not None and found.upper is not None
    # the accuracies move together, so the bounds are as wide as those of one of them, and not 75 times
    one = decided(accuracy.under(gaussian_noise(3, region="whole")) < 2, table)
    assert one.lower is not None and one.upper is not None
    assert found.upper - found.lower < 2 * (one.upper - one.lower)


def test_the_corruption_error_against_a_model_has_conservative_bounds() -> None:
    n = 600
    table = Corrupted({"None": np.random.default_rng(0).random(n)}, np.full(n, "a"))
    against = mean_corruption_error(["snow", "fog"], [1, 3], baseline="old").of("new")
    found = decided(against < 1, table)
    assert found.verdict is Verdict.PASS and found.rule == "interval_arithmetic"
    assert found.lower is not None and found.estimate is not None and found.upper is not None
    assert found.lower < found.estimate < found.upper < 1
