"""From per-image values to a verdict."""

import numpy as np
import pytest
from statistics_tables import Values, column, mapped, named, proportion

from modelaudit.language.errors import DataError, ExpressionError
from modelaudit.language.reasons import Missing
from modelaudit.language.strata import correct, label
from modelaudit.statistics import Column, Membership, Reason, Verdict, betting, clopper_pearson, decide, gaffke, tango

a, b, m, u = named("a"), named("b"), named("m"), named("u")
NAN = np.nan


def decided(expectation, columns, strata=None, *, confidence=0.95, about="process"):
    return decide(expectation, Values(columns, strata or {}), confidence=confidence, about=about)


def beta(n, one=2.0, other=8.0, seed=0):
    return np.random.default_rng(seed).beta(one, other, n)


class TestRules:
    def test_a_proportion_is_decided_by_clopper_pearson(self):
        result = decided(a > 0.70, {"a": proportion(17, 19)})
        assert (result.verdict, result.rule, result.guaranteed) == (Verdict.PASS, "clopper_pearson", True)
        assert (result.lower, result.upper) == pytest.approx(clopper_pearson(17, 19, 0.95))
        assert result.estimate == pytest.approx(17 / 19)

    def test_a_scaled_and_shifted_proportion_is_still_one(self):
        low, high = clopper_pearson(17, 19, 0.95)
        result = decided((1 - a) / 2 < 0.15, {"a": proportion(17, 19)})
        assert result.rule == "clopper_pearson" and result.verdict is Verdict.PASS
        assert (result.lower, result.upper) == pytest.approx(((1 - high) / 2, (1 - low) / 2))

    @pytest.mark.parametrize("n", [10, 40, 300])
    @pytest.mark.parametrize(
        ("bounds", "rule", "of"), [("guaranteed", "betting", betting), ("approximate", "gaffke", gaffke)]
    )
    def test_a_bounded_mean_is_decided_by_one_rule_whatever_its_size(self, n, bounds, rule, of):
        table = Values({"m": column(beta(n))})
        result = decide(m < 0.7, table, confidence=0.95, about="process", bounds=bounds)
        assert (result.verdict, result.rule, result.guaranteed) == (Verdict.PASS, rule, rule == "betting")
        assert (result.lower, result.upper) == pytest.approx(of(beta(n), 0.95))

    def test_a_measure_of_another_range_is_bounded_in_its_own_units(self):
        low, high = gaffke(beta(60), 0.95)
        result = decided(m < 0, {"m": column(beta(60) * 4 - 3, low=-3.0, high=1.0)})
        assert (result.lower, result.upper) == pytest.approx((4 * low - 3, 4 * high - 3))

    def test_a_drop_is_decided_by_tango_from_the_discordant_images(self):
        first, second = np.arange(100) < 90, (np.arange(100) < 80) | (np.arange(100) == 95)
        columns = {"a": column(first, "proportion"), "b": column(second, "proportion")}
        result = decided(2 * (a - b) < 0.4, columns)
        assert result.rule == "tango" and result.verdict is Verdict.PASS
        assert (result.lower, result.upper) == pytest.approx([2 * x for x in tango(10, 1, 100, 0.95)])

    def test_a_paired_difference_of_measures_uses_their_pairing(self):
        shared = beta(100, 2, 2)
        columns = {"a": column(shared), "b": column(np.clip(shared + 0.05, 0, 1))}
        paired = decided(b - a < 0.3, columns)
        assert paired.rule == "gaffke" and paired.verdict is Verdict.PASS
        assert paired.upper - paired.lower < 0.25

    def test_equal_measures_cancel(self):
        result = decided(a - a < 0.05, {"a": proportion(3, 10)})
        assert (result.verdict, result.lower, result.upper) == (Verdict.PASS, 0.0, 0.0) and "cancel" in result.note

    def test_an_unbounded_measure_waits_for_200_images(self):
        values = np.random.default_rng(0).normal(0, 1, 250)
        few = decided(u < 1, {"u": column(values[:150], low=None, high=None)})
        assert (few.verdict, few.reason, few.lower) == (Verdict.INCONCLUSIVE, Reason.TOO_FEW_IMAGES, None)
        many = decided(u < 1, {"u": column(values, low=None, high=None)})
        assert (many.verdict, many.rule, many.guaranteed) == (Verdict.PASS, "bca", False)

    def test_leaves_over_different_strata_are_bounded_apart(self):
        half = np.arange(200) < 100
        strata = {"label(x)": Membership(half, ~half & False), "label(y)": Membership(~half, half & False)}
        columns = {"a": column((np.arange(200) % 100) < 90, "proportion")}
        result = decided(a.where(label("x")) - a.where(label("y")) < 0.2, columns, strata)
        assert result.rule == "interval_arithmetic" and result.guaranteed and result.counts.asked == 200
        low, high = clopper_pearson(90, 100, 0.975)
        assert (result.lower, result.upper) == pytest.approx((low - high, high - low))

    def test_one_stratum_judged_by_two_models_is_not_paired(self):
        half = np.arange(50) < 40
        strata = {f"correct of {name}": Membership(half, ~half & False) for name in ("old", "new")}
        result = decided(
            a.of("new").where(correct) - a.of("old").where(correct) > -0.5, {"a": proportion(36, 50)}, strata
        )
        assert result.rule == "interval_arithmetic"

    def test_a_product_is_decided_conservatively(self):
        result = decided(a * b > 0.6, {"a": proportion(95, 100), "b": proportion(90, 100)})
        lows = [clopper_pearson(k, 100, 0.975)[0] for k in (95, 90)]
        assert result.rule == "interval_arithmetic" and result.lower == pytest.approx(lows[0] * lows[1])


class TestRatios:
    def test_a_ratio_stands_in_its_own_units_around_its_estimate(self):
        n = 300
        columns = {"a": column(np.arange(n) < 270, "proportion"), "b": column(np.arange(n) < 240, "proportion")}
        result = decided(b / a > 0.8, columns)
        assert result.verdict is Verdict.PASS and result.estimate == pytest.approx(240 / 270)
        assert 0.8 < result.lower < result.estimate < result.upper < 1

    def test_it_is_decided_as_numerator_minus_threshold_times_denominator(self):
        columns = {"a": column(beta(150, 5, 5)), "b": column(beta(150, 5, 5, seed=1))}
        for t in np.linspace(0.7, 1.4, 15):
            ratio, difference = decided(a / b < t, columns), decided(a - float(t) * b < 0, columns)
            assert ratio.verdict is difference.verdict

    def test_a_ratio_of_one_proportion_inverts_clopper_pearson(self):
        low, high = clopper_pearson(80, 100, 0.95)
        result = decided(1 / a < 2, {"a": proportion(80, 100)})
        assert (result.lower, result.upper) == pytest.approx((1 / high, 1 / low))

    def test_a_negative_denominator_turns_around(self):
        columns = {"a": column(beta(150, 5, 5)), "b": column(beta(150, 5, 5, seed=1))}
        plain, turned = decided(a / b < 2, columns), decided(a / (0 - b) > -2, columns)
        assert turned.verdict is plain.verdict is Verdict.PASS
        assert (turned.lower, turned.upper) == pytest.approx((-plain.upper, -plain.lower))

    def test_a_denominator_that_may_be_zero_decides_nothing(self):
        result = decided(a / b < 5, {"a": proportion(1, 30), "b": proportion(0, 30)})
        assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, Reason.UNDEFINED_VALUES)
        assert result.estimate is None and "denominator" in result.note

    def test_a_divisor_in_a_compound_must_differ_from_zero(self):
        columns = {"a": proportion(15, 30), "b": proportion(0, 30), "m": proportion(9, 30)}
        assert decided(a / b - m / a > 0, columns).verdict is Verdict.INCONCLUSIVE


class TestMissing:
    def test_pass_holds_only_with_every_missing_value_at_its_worst_end(self):
        values = np.append(np.full(50, 0.1), np.full(8, NAN))
        result = decided(m < 0.25, {"m": column(values)})
        assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, Reason.UNDEFINED_VALUES)
        assert result.estimate == pytest.approx(0.1)
        assert result.upper == pytest.approx(gaffke(np.append(np.full(50, 0.1), np.ones(8)), 0.95)[1])
        assert result.lower == pytest.approx(gaffke(np.append(np.full(50, 0.1), np.zeros(8)), 0.95)[0])

    def test_a_proportion_with_missing_values_stays_one(self):
        values = np.append((np.arange(90) < 88).astype(float), np.full(10, NAN))
        result = decided(a > 0.5, {"a": column(values, "proportion")})
        assert result.rule == "clopper_pearson" and result.verdict is Verdict.PASS
        assert result.lower == pytest.approx(clopper_pearson(88, 100, 0.95)[0])
        assert result.upper == pytest.approx(clopper_pearson(98, 100, 0.95)[1])

    def test_the_worst_end_follows_the_sign_of_the_coefficient(self):
        first = np.append(np.ones(99), NAN)
        result = decided(0 - a < -0.9, {"a": column(first, "proportion")})
        assert result.upper == pytest.approx(-clopper_pearson(99, 100, 0.95)[0])

    def test_mostly_invalid_attributions_are_named(self):
        values = np.append(np.full(50, 0.1), np.full(8, NAN))
        result = decided(m < 0.25, {"m": column(values, reason=Missing.ATTRIBUTION_INVALID)})
        assert result.reason is Reason.ATTRIBUTION_INVALID

    def test_what_would_be_open_anyway_has_too_few_images(self):
        result = decided(a > 0.9, {"a": column([*[1.0] * 10, NAN], "proportion")})
        assert result.reason is Reason.TOO_FEW_IMAGES

    @pytest.mark.parametrize("n", [30, 300])
    @pytest.mark.parametrize(("low", "limit"), [(None, 9), (0.0, 9), (0.0, 0.1)])
    @pytest.mark.parametrize("about", ["process", "this_set"])
    def test_an_unbounded_measure_with_a_missing_value_decides_nothing(self, n, low, limit, about):
        values = np.append(np.abs(np.random.default_rng(0).normal(0, 1, n)), NAN)
        result = decided(u < limit, {"u": column(values, low=low, high=None)}, about=about)
        assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, Reason.UNDEFINED_VALUES)

    @pytest.mark.parametrize("expectation", [a > 0, a <= 1, a - a < 1, m / a > 0])
    def test_no_value_at_all_is_missing_data_and_never_a_pass(self, expectation):
        columns = {"a": column([NAN] * 5, "proportion"), "m": proportion(5, 5)}
        for about in ("process", "this_set"):
            result = decided(expectation, columns, about=about)
            assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, Reason.MISSING_DATA)

    def test_an_empty_stratum_is_missing_data(self):
        nobody = np.zeros(10, bool)
        result = decided(a.where(correct) >= 0, {"a": proportion(5, 10)}, {"correct": Membership(nobody, nobody)})
        assert (result.reason, result.counts.asked) == (Reason.MISSING_DATA, 0)

    def test_an_image_of_unknown_stratum_counts_at_its_worst_end(self):
        inside, unknown = np.arange(30) < 20, np.arange(30) == 25
        strata = {"correct": Membership(inside, unknown)}
        result = decided(a.where(correct) > 0.5, {"a": column(np.ones(30), "proportion")}, strata)
        assert result.lower == pytest.approx(clopper_pearson(20, 21, 0.95)[0]) and result.upper == 1
        assert (result.counts.asked, result.counts.measured, result.counts.errored) == (21, 20, 1)
        assert result.counts.by_reason == {"unknown_stratum": 1}

    def test_an_image_counts_once_at_its_worst_leaf(self):
        first = Column(np.array([1, NAN, NAN, 1.0]), dict.fromkeys((1, 2), Missing.ZERO_ATTRIBUTION), "mean", 0, 1)
        second = Column(np.array([1, NAN, 1, 1.0]), {1: Missing.UNREADABLE_IMAGE}, "mean", 0, 1)
        counts = decided(a - b < 0.5, {"a": first, "b": second}).counts
        assert (counts.asked, counts.measured, counts.undefined, counts.errored) == (4, 2, 1, 1)
        assert counts.by_reason == {"unreadable_image": 1, "zero_attribution": 1}


class TestThisSet:
    def test_the_value_decides_without_an_interval(self):
        result = decided(a >= 0.9, {"a": proportion(18, 20)}, about="this_set")
        assert (result.verdict, result.lower, result.upper, result.rule) == (Verdict.PASS, 0.9, 0.9, "exact")
        assert decided(a > 0.9, {"a": proportion(18, 20)}, about="this_set").verdict is Verdict.FAIL

    def test_a_difference_on_the_threshold_is_not_decided_by_rounding(self):
        columns = {"a": proportion(19, 20), "b": proportion(18, 20)}
        assert decided(a - b < 0.05, columns, about="this_set").verdict is Verdict.FAIL
        assert decided(a - b <= 0.05, columns, about="this_set").verdict is Verdict.PASS

    def test_missing_values_leave_what_they_could_change(self):
        values = np.append(np.ones(18), [0.0, NAN])
        columns = {"a": column(values, "proportion")}
        open_case = decided(a > 0.92, columns, about="this_set")
        assert (open_case.lower, open_case.upper, open_case.reason) == (0.9, 0.95, Reason.UNDEFINED_VALUES)
        assert decided(a > 0.85, columns, about="this_set").verdict is Verdict.PASS
        assert decided(a > 0.96, columns, about="this_set").verdict is Verdict.FAIL


class TestMethods:
    def test_every_method_must_pass(self):
        result = decided(mapped("g", "h") < 0.4, {"g": column(beta(100)), "h": column(beta(100, 3, 7))})
        assert result.verdict is Verdict.PASS and [part.verdict for part in result.parts] == [Verdict.PASS] * 2
        assert [part.method for part in result.parts] == ["one_method(g)", "one_method(h)"]
        assert result.estimate == pytest.approx(beta(100, 3, 7).mean())

    def test_one_open_method_leaves_the_case_open_with_its_number_of_images(self):
        result = decided(mapped("g", "h") < 0.31, {"g": column(beta(100)), "h": column(beta(100, 3, 7))})
        assert result.verdict is Verdict.INCONCLUSIVE and result.more_images == result.parts[1].more_images > 0

    def test_a_single_failure_must_survive_holm(self):
        failing = proportion(14, 20)
        alone = decided(mapped("g") > 0.87, {"g": failing})
        assert alone.verdict is Verdict.FAIL and alone.method == "one_method(g)" and not alone.parts
        others = {name: proportion(20, 20) for name in "hijk"}
        among = decided(mapped("g", "h", "i", "j", "k") > 0.87, {"g": failing, **others})
        assert among.parts[0].verdict is Verdict.FAIL
        assert among.verdict is Verdict.INCONCLUSIVE and "Holm" in among.note and among.more_images > 0

    def test_measures_with_the_same_methods_move_together(self):
        columns = {"g": column(beta(80)), "h": column(beta(80, 3, 7))}
        same = decided(mapped("g", "h") - 0.5 * mapped("g", "h") < 0.4, columns)
        assert len(same.parts) == 2
        product = decided(mapped("g", "h") - mapped("h", "g") < 0.4, columns)
        assert len(product.parts) == 4

    def test_parts_count_an_image_once(self):
        values = beta(60)
        columns = {"g": column(np.append(values, NAN)), "h": column(np.append(values, 0.1))}
        result = decided(mapped("g", "h") < 0.5, columns)
        assert (result.counts.asked, result.counts.undefined) == (61, 1)


class TestRefusals:
    def test_a_nan_without_reason_is_no_value(self):
        bad = Column(np.array([0.1, NAN]), {}, "mean", 0.0, 1.0)
        with pytest.raises(DataError, match="sample 1 is nan"):
            decided(m < 1, {"m": bad})

    def test_a_value_outside_its_declared_range_is_refused(self):
        with pytest.raises(DataError, match=r"1\.5 outside its declared range"):
            decided(m < 1, {"m": column([0.2, 1.5])})

    def test_a_proportion_has_zeros_and_ones_only(self):
        with pytest.raises(DataError, match="declare it with scale='mean'"):
            decided(a < 1, {"a": column([0.0, 0.5], "proportion")})

    @pytest.mark.parametrize("confidence", [0.5, 1.0, float("nan")])
    def test_a_confidence_that_means_nothing_is_refused(self, confidence):
        with pytest.raises(ExpressionError, match=r"between 0\.5 and 1"):
            decided(a > 0.5, {"a": proportion(5, 10)}, confidence=confidence)

    def test_a_wrong_about_names_the_right_one(self):
        with pytest.raises(ExpressionError, match="did you mean 'this_set'"):
            decided(a > 0.5, {"a": proportion(5, 10)}, about="this-set")
