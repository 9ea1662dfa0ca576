"""Confidence sequences: bounds that hold at every look."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statistics_tables import Values, column, mapped, named, proportion

from modelaudit.language.strata import Label
from modelaudit.statistics import Clustering, Membership, Reason, Verdict, decide
from modelaudit.statistics.sequences import (
    SHARES,
    capitals,
    capitals_without_replacement,
    first_of_each,
    sequence_lower,
    sequence_lower_expected,
    sequence_lower_without_replacement,
)

a, b = named("a"), named("b")
unit = st.floats(0, 1, width=32)
samples = st.lists(unit, min_size=1, max_size=40)


def decided(expectation, columns, sequential=1000, about="process", confidence=0.95, brief=False, **tables):
    table = Values(columns, **tables)
    return decide(expectation, table, confidence=confidence, about=about, sequential=sequential, brief=brief)


# --- the capital -----------------------------------------------------------------------------------------------------


@given(samples, st.floats(0.05, 0.95))
def test_the_capital_is_the_mean_over_shares_of_products(values, m):
    by_hand = np.mean([np.prod([1 + g / m * (x - m) for x in values]) for g in SHARES])
    assert capitals(values, m)[-1] == pytest.approx(by_hand, rel=1e-9)


@given(samples, st.floats(0.05, 0.95), st.integers(0, 60))
def test_without_replacement_the_bets_are_against_the_mean_that_is_left(values, m, more):
    population, capital = len(values) + more, np.ones(SHARES.size)
    for number, x in enumerate(values):
        left = (population * m - sum(values[:number])) / (population - number)
        if left <= 1e-6:
            return  # a mean of m is impossible from here on, up to rounding
        capital *= 1 + SHARES / left * (x - left)
    assert capitals_without_replacement(values, m, population)[-1] == pytest.approx(capital.mean(), rel=1e-6, abs=1e-12)


def test_of_a_huge_set_the_two_are_the_same():
    x = np.random.default_rng(0).random(200)
    assert np.allclose(capitals_without_replacement(x, 0.4, 10**9), capitals(x, 0.4), rtol=1e-4)


@pytest.mark.parametrize("m", [0.2, 0.5, 0.9])
def test_a_fair_game_pays_nothing_on_average(m):
    """Summed over all sequences of six images, and over all orders of a set of six."""
    outcomes = np.array(np.meshgrid(*[[0.0, 1.0]] * 6)).reshape(6, -1).T
    ones = outcomes.sum(1)
    assert np.dot(m**ones * (1 - m) ** (6 - ones), capitals(outcomes, m)[:, -1]) == pytest.approx(1)
    for count in range(1, 6):
        orders = outcomes[ones == count]
        found = capitals_without_replacement(orders, count / 6, 6)[:, :4].mean(axis=0)
        assert found == pytest.approx(np.ones(4))


# --- bounds ----------------------------------------------------------------------------------------------------------


@given(samples, st.floats(0.6, 0.99))
def test_a_bound_never_moves_back(values, confidence):
    bounds = [sequence_lower(values[:n], confidence) for n in range(1, len(values) + 1)]
    assert (np.diff(bounds) >= -1e-8).all()
    population = len(values) + 5
    bounds = [sequence_lower_without_replacement(values[:n], confidence, population) for n in range(1, len(values) + 1)]
    assert (np.diff(bounds) >= -1e-8).all()


@given(samples, st.floats(0.6, 0.99))
def test_the_bound_is_where_the_capital_reaches_what_is_needed(values, confidence):
    low = sequence_lower(values, confidence)
    assert 0 <= low <= 1
    if low > 1e-6:
        needed = 1 / (1 - confidence)
        assert capitals(values, low * (1 - 1e-6)).max() >= needed * (1 - 1e-9)
        assert capitals(values, low + 1e-6).max() <= needed * (1 + 1e-9)


@given(samples)
def test_an_exhausted_set_has_its_mean(values):
    assert sequence_lower_without_replacement(values, 0.95, len(values)) == pytest.approx(np.mean(values))


@given(st.lists(st.tuples(unit, st.booleans()), min_size=1, max_size=30))
def test_of_an_exhausted_set_a_stratum_has_its_mean_too(drawn):
    x, inside = np.array([value for value, _ in drawn]), np.array([member for _, member in drawn])
    found = sequence_lower_without_replacement(x, 0.95, len(x), inside)
    assert found == pytest.approx(x[inside].mean() if inside.any() else 0.0)


@given(samples, st.integers(1, 50))
def test_what_is_certain_needs_no_bet(values, more):
    """If all that is left were 0, the mean would be the sum over the set."""
    population = len(values) + more
    low = sequence_lower_without_replacement(values, 0.95, population)
    assert low >= sum(values) / population - 1e-12


def test_a_set_seen_in_part_is_known_better_than_the_process():
    x = (np.random.default_rng(3).random(300) < 0.9).astype(float)
    process, here = sequence_lower(x, 0.95), sequence_lower_without_replacement(x, 0.95, 400)
    assert process < here < x.mean()


def test_more_values_than_images_are_refused():
    with pytest.raises(ValueError, match="3 values of a set of 2"):
        sequence_lower_without_replacement([0.1, 0.2, 0.3], 0.95, 2)


def test_no_value_is_no_bound():
    assert sequence_lower([], 0.95) == 0
    assert sequence_lower([0.0] * 50, 0.95) == 0


def test_the_expected_bound_is_about_the_one_that_comes():
    generator = np.random.default_rng(5)
    x = (generator.random(2000) < 0.9).astype(float)
    found = [sequence_lower((generator.random(2000) < x.mean()).astype(float), 0.95) for _ in range(20)]
    assert sequence_lower_expected(x, 0.95, 2000) == pytest.approx(np.mean(found), abs=0.01)


# --- what images share -----------------------------------------------------------------------------------------------


def test_who_lent_before_is_passed_over_and_uses_up_nobody():
    first, second = np.array([0, 0, 1, -1, -1, 2]), np.array([5, 6, 5, 6, 7, -1])
    everywhere = np.ones(6, bool)
    assert first_of_each([first], everywhere).tolist() == [True, False, True, True, True, True]
    # the second image is passed over for its first donor, so its second one is still free for the fourth
    assert first_of_each([first, second], everywhere).tolist() == [True, False, False, True, True, True]
    outside = np.array([False, True, True, True, True, True])
    assert first_of_each([first], outside).tolist() == [False, True, True, True, True, True]


def test_a_donor_counts_once_and_the_decision_says_so():
    values = np.ones(60)
    shared = Clustering("donor", np.repeat(np.arange(20), 3))
    once = decided(a > 0.5, {"a": column(np.ones(20), "proportion")})
    found = decided(a > 0.5, {"a": column(values, "proportion")}, clusters={"a": (shared,)})
    assert found.lower == pytest.approx(once.lower)
    assert "40 of 60 images are passed over" in found.note
    free = decided(a > 0.5, {"a": column(values, "proportion")})
    assert free.lower > found.lower
    of_set = decided(a > 0.5, {"a": column(values, "proportion")}, about="this_set", clusters={"a": (shared,)})
    assert of_set.lower > found.lower, "of a set at hand the values are what they are, whoever lent"


# --- decisions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("about", "sequential", "rule"),
    [("process", 500, "betting_sequence"), ("process", 100, "betting_sequence"), ("this_set", 500, "wor_sequence"),
     ("this_set", 100, "exact")],
)  # fmt: skip
def test_the_rule_says_what_the_images_stand_for(about, sequential, rule):
    shuffled = np.random.default_rng(0).permutation(np.arange(100) < 95)
    found = decided(a > 0.7, {"a": column(shuffled, "proportion")}, sequential, about)
    assert (found.verdict, found.rule, found.guaranteed) == (Verdict.PASS, rule, True)
    assert (found.lower == found.upper) == (rule == "exact")


def shuffled(ones, n, seed=0):
    return column(np.random.default_rng(seed).permutation(np.arange(n) < ones), "proportion")


@pytest.mark.parametrize("about", ["process", "this_set"])
def test_every_form_of_left_side_is_bounded_by_the_sequence(about):
    columns = {"a": shuffled(190, 200), "b": shuffled(100, 200, 1)}
    for left, truth in ((a, 0.95), (1 - a, 0.05), (a - b, 0.45), (0.5 * a + 0.5 * b, 0.725), (b / a, 0.526)):
        found = decided(left > truth - 0.3, columns, about=about)
        assert found.rule in ("betting_sequence", "wor_sequence")
        assert found.lower < truth < found.upper
        assert found.verdict is Verdict.PASS
        assert decided(left < truth - 0.3, columns, about=about).verdict is Verdict.FAIL
    assert decided(a * b > 0.2, columns, about=about).verdict is Verdict.PASS


def test_lower_and_upper_are_mirrored():
    columns = {"a": shuffled(150, 200)}
    found, turned = decided(a > 0.5, columns), decided(1 - a > 0.5, columns)
    assert found.lower == pytest.approx(1 - turned.upper)
    assert found.upper == pytest.approx(1 - turned.lower)


@pytest.mark.parametrize("about", ["process", "this_set"])
def test_a_stratum_is_a_sequence_of_its_own(about):
    generator = np.random.default_rng(1)
    inside = generator.random(400) < 0.5
    values = np.where(inside, generator.random(400) < 0.9, generator.random(400) < 0.1)
    strata = {str(Label("cat")): Membership(inside, np.zeros(400, bool))}
    found = decided(a.where(Label("cat")) > 0.7, {"a": column(values, "proportion")}, about=about, strata=strata)
    assert found.verdict is Verdict.PASS
    if about == "process":
        alone = decided(a > 0.7, {"a": column(values[inside], "proportion")})
        assert found.lower == alone.lower


def test_missing_values_stand_at_their_worst_end():
    values = np.ones(80)
    values[::4] = np.nan
    found = decided(a > 0.5, {"a": column(values, "proportion")})
    zeros = decided(a > 0.5, {"a": column(np.nan_to_num(values), "proportion")})
    assert found.lower == zeros.lower
    assert found.upper == pytest.approx(1)
    assert decided(a > 0.9, {"a": column(values, "proportion")}).reason is Reason.UNDEFINED_VALUES


def test_several_methods_must_each_hold_by_the_sequence():
    both = {"m1": shuffled(95, 100), "m2": shuffled(10, 100)}
    found = decided(mapped("m1", "m2") > 0.5, both)
    assert found.verdict is Verdict.FAIL
    assert [part.verdict for part in found.parts] == [Verdict.PASS, Verdict.FAIL]
    assert {part.rule for part in found.parts} == {"betting_sequence"}


def test_images_with_groups_are_decided_by_the_rule_for_one_look():
    groups = (Clustering("cluster", np.repeat(np.arange(25), 4)),)
    values = {"a": proportion(95, 100)}
    found = decided(a > 0.5, values, clusters={"*": groups})
    plain = decide(a > 0.5, Values(values, clusters={"*": groups}), confidence=0.95, about="process")
    assert found == plain
    assert decided(a > 0.5, values, about="this_set", clusters={"*": groups}).rule == "wor_sequence"


def test_a_measure_without_a_range_is_decided_when_all_images_are_there():
    drawn = np.random.default_rng(2).normal(5, 1, 300)
    unbounded = {"a": column(drawn, low=None, high=None)}
    before = decided(a > 3, unbounded, sequential=301)
    assert before.verdict is Verdict.INCONCLUSIVE
    assert "before all images are there" in before.note
    assert decided(a > 3, unbounded, sequential=300).rule == "bca"


def test_an_open_sequence_says_how_many_more_images_it_needs():
    found = decided(a > 0.85, {"a": shuffled(180, 200)}, sequential=200)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert 100 < found.more_images < 2000
    brief = decide(
        a > 0.85, Values({"a": shuffled(180, 200)}), confidence=0.95, about="process", sequential=200, brief=True
    )
    assert (brief.verdict, brief.more_images) == (Verdict.INCONCLUSIVE, None)
    assert (brief.lower, brief.upper) == (found.lower, found.upper)


def test_a_fail_says_how_strong_it_is():
    found = decided(a > 0.9, {"a": shuffled(120, 200)})
    largest = capitals(1 - np.random.default_rng(0).permutation(np.arange(200) < 120), 1 - 0.9).max()
    assert found.p == pytest.approx(max(1 / largest, 1e-9), rel=0.02)


@settings(max_examples=12)
@given(st.integers(20, 120), st.integers(0, 10**6))
def test_a_settled_verdict_stays_settled(n, seed):
    generator = np.random.default_rng(seed)
    x, y = generator.random(n) < 0.8, generator.random(n) < 0.4
    wanted = [a > 0.5, a - b > 0.1, b / a < 0.8, a * b < 0.7]
    for expectation in wanted:
        verdicts = [
            decided(
                expectation, {"a": column(x[:k], "proportion"), "b": column(y[:k], "proportion")}, brief=True
            ).verdict
            for k in range(15, n, 15)
        ]
        first = next((at for at, one in enumerate(verdicts) if one is not Verdict.INCONCLUSIVE), len(verdicts))
        assert len(set(verdicts[first:])) <= 1


def test_no_discordance_at_all_needs_about_as_many_images_as_it_says():
    """`accuracy - accuracy.under(...) < 0.05` on a model that never changes its mind."""
    needed = next(
        n
        for n in range(50, 100)
        if decided(a - b < 0.05, {"a": proportion(n, n), "b": proportion(n, n)}, brief=True).verdict is Verdict.PASS
    )
    assert 59 <= needed <= 90
