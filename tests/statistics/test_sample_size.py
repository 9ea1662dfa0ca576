"""The number of images that a plan asks for: with it the verdict is PASS as often as was asked."""

import numpy as np
import pytest
from statistics_tables import Values, column, mapped, named, proportion

from modelaudit.language import ExpressionError, parse
from modelaudit.language.strata import label
from modelaudit.statistics import Clustering, Membership, Verdict, decide
from modelaudit.statistics.assumed_distribution import Distribution
from modelaudit.statistics.assumptions import Assumptions, from_assumptions
from modelaudit.statistics.power import power
from modelaudit.statistics.sample_size import PowerTarget, from_pilot

a, b, m = named("a"), named("b"), named("m")
GENERATOR = np.random.default_rng(7)


def planned(expectation, columns, margin=0.05, power=0.8, **tables):
    return from_pilot(expectation, Values(columns, **tables), PowerTarget(margin, power))


def one(expectation, columns, **given):
    (size,) = planned(expectation, columns, **given)
    return size


def passed(expectation, draw, n, audits):
    generator = np.random.default_rng(3)
    tables = (Values(draw(generator, n)) for _ in range(audits))
    found = [decide(expectation, table, confidence=0.95, about="process", brief=True) for table in tables]
    return np.mean([decision.verdict is Verdict.PASS for decision in found])


def test_a_proportion_needs_what_its_exact_power_says():
    size = one(a > 0.9, {"a": proportion(38, 40)})
    assert (size.rule, size.supposed) == ("clopper_pearson", pytest.approx(0.95))
    truth = Distribution("proportion", np.array([-0.9, 0.1]), np.array([0.05, 0.95]), -0.9, 0.1)
    falls_short = [n for n in range(1, 600) if power(truth, n, 0.95) < 0.8]
    assert size.images == falls_short[-1] + 1
    draw = lambda g, n: {"a": column((g.random(n) < 0.95).astype(float), "proportion")}  # noqa: E731
    assert passed(a > 0.9, draw, size.images, 1500) == pytest.approx(size.reached, abs=0.03)
    assert passed(a > 0.9, draw, round(0.8 * size.images), 1500) < 0.78


def test_a_few_images_more_do_not_pass_less_often():
    size = one(a > 0.9, {"a": proportion(38, 40)})
    fewer = [one(a > 0.9, {"a": proportion(38, 40)}, power=share).images for share in (0.6, 0.7)]
    assert fewer[0] < fewer[1] < size.images


def test_a_drop_needs_what_its_discordance_says():
    first, second = np.arange(100) < 93, np.arange(100) < 91
    columns = {"a": column(first, "proportion"), "b": column(second, "proportion")}
    size = one(a - b < 0.06, columns, margin=0.04)
    assert size.rule == "gaffke", "the pilot's share of discordant images would be fewer than ten"

    def draw(generator, n):
        u = generator.random(n)
        return {"a": column(u < 0.93, "proportion"), "b": column(u < 0.91, "proportion")}

    assert passed(a - b < 0.06, draw, size.images, 500) == pytest.approx(size.reached, abs=0.06)
    noisy = {"a": column(np.arange(100) % 10 != 0, "proportion"), "b": column(np.arange(100) % 10 != 1, "proportion")}
    more = one(a - b < 0.06, noisy, margin=0.04)
    assert more.images > size.images and more.rule == "tango"


def test_no_discordance_is_supposed_to_be_none_beyond_the_difference():
    alike = {"a": proportion(90, 100), "b": proportion(90, 100)}
    assert one(a - b < 0.05, alike, margin=0.05).images == 59


@pytest.mark.parametrize("margin", [0.12, 0.02])
def test_a_mean_needs_what_simulation_says(margin):
    values = np.random.default_rng(0).beta(2, 6, 80)
    size = one(m < 0.4, {"m": column(values)}, margin=margin)
    shifted = values + (0.4 - margin) - values.mean()
    assert size.rule == "gaffke" and shifted.min() > 0 and shifted.max() < 1
    draw = lambda g, n: {"m": column(g.choice(shifted, n))}  # noqa: E731
    assert 0.78 <= passed(m < 0.4, draw, size.images, 500) <= 0.9


def test_a_ratio_needs_what_simulation_says():
    u = (np.arange(200) + 0.5) / 200
    columns = {"a": column(u < 0.85, "proportion"), "b": column(u < 0.9, "proportion")}
    size = one(a / b > 0.8, columns, margin=0.1)
    truth = np.array([0.81, 0.9])  # 0.9 of the denominator's mean

    def draw(generator, n):
        u = generator.random(n)
        return {"a": column(u < truth[0], "proportion"), "b": column(u < truth[1], "proportion")}

    assert passed(a / b > 0.8, draw, size.images, 300) >= 0.75


def test_missing_values_keep_their_share_and_their_worst_end():
    clean = one(a > 0.8, {"a": proportion(95, 100)}, margin=0.15)
    gaps = np.append(np.ones(93), np.full(7, np.nan))
    missing = one(a > 0.8, {"a": column(gaps, "proportion")}, margin=0.15)
    assert missing.images > clean.images
    open_for_ever = one(a > 0.9, {"a": column(np.append(np.ones(85), np.full(15, np.nan)), "proportion")})
    assert open_for_ever.images is None and "missing values alone" in open_for_ever.note


def test_a_margin_beyond_the_range_has_no_number():
    size = one(a > 0.98, {"a": proportion(99, 100)}, margin=0.05)
    assert size.images is None and "out of the range" in size.note


def test_several_methods_must_all_pass():
    values = np.random.default_rng(1).beta(2, 6, 60)
    columns = {"one": column(values), "two": column(values[::-1])}
    single = one(m < 0.4, {"m": column(values)})
    both = planned(mapped("one", "two") < 0.4, columns)
    assert len(both) == 2 and all(size.reached >= 0.9 for size in both)
    assert both[0].images > single.images


def test_images_of_a_stratum_stand_for_more_in_all():
    inside = np.arange(100) < 20
    strata = {"label(x)": Membership(inside, inside & False)}
    size = one(a.where(label("x")) > 0.9, {"a": proportion(100, 100)}, strata=strata)
    assert (size.stratum, size.share) == ("label(x)", 0.2)
    assert size.in_all == 5 * size.images


def test_images_that_belong_together_count_less():
    codes = np.repeat(np.arange(20), 10)
    level = np.random.default_rng(2).normal(0, 0.1, 20)[codes]
    values = np.clip(0.3 + level + np.random.default_rng(3).normal(0, 0.03, 200), 0, 1)
    alone = one(m < 0.4, {"m": column(values)})
    groups = Clustering("group", codes)
    size = one(m < 0.4, {"m": column(values)}, clusters={"*": (groups,)})
    assert size.clusters == pytest.approx(size.images / 10, abs=1)
    assert size.images > 2 * alone.images
    single = Clustering("group", np.full(200, -1))
    assert one(m < 0.4, {"m": column(values)}, clusters={"*": (single,)}) == alone


def test_a_pilot_of_one_cluster_has_no_sample_size():
    clusters = {"*": (Clustering("group", np.zeros(50, dtype=np.int64)),)}
    size = one(m < 0.4, {"m": column(np.linspace(0.2, 0.4, 50))}, clusters=clusters)
    assert size.images is None and "too few clusters" in size.note


def test_what_no_rule_decides_is_planned_by_its_width():
    half = np.arange(200) < 100
    strata = {"label(x)": Membership(half, half & False), "label(y)": Membership(~half, half & False)}
    columns = {"a": column((np.arange(200) % 100) < np.where(half, 90, 84), "proportion")}
    expectation = a.where(label("x")) - a.where(label("y")) < 0.1
    wide, narrow = (one(expectation, columns, margin=margin, strata=strata).images for margin in (0.04, 0.08))
    assert wide == pytest.approx(4 * narrow, rel=0.02)


@pytest.mark.parametrize("given", [{"margin": 0.0}, {"margin": -1}, {"margin": 0.1, "power": 1.0}])
def test_what_cannot_be_meant_is_refused(given):
    with pytest.raises(ExpressionError):
        PowerTarget(**given)


DROP = "accuracy - accuracy.under(swap_background(other_class)) < 0.05"


def guessed(text, margin, **guess):
    return from_assumptions(parse(text), PowerTarget(margin), Assumptions(**guess))


def test_a_proportion_needs_no_assumption():
    (size,) = guessed("accuracy > 0.9", 0.05)
    assert size.images == one(a > 0.9, {"a": proportion(38, 40)}).images


def test_more_discordance_needs_more_images():
    images = [guessed(DROP, 0.03, discordance=share)[0].images for share in (0.02, 0.1, 0.3)]
    assert images[0] < images[1] < images[2]
    assert guessed(DROP, 0.05, discordance=0.0)[0].images == 59


def test_a_mean_is_planned_by_its_deviation():
    text = "background_dependence(gradcam) < 0.4"
    narrow, wide = (guessed(text, 0.05, deviation=sd)[0] for sd in (0.1, 0.3))
    assert narrow.images < wide.images
    assert narrow.supposed == pytest.approx(0.35)


def test_a_ratio_of_proportions_is_planned_by_its_base():
    (size,) = guessed("accuracy.under(swap_background(other_class)) / accuracy > 0.8", 0.1, base=0.9, discordance=0.12)
    assert 100 < size.images < 700
    (nothing,) = guessed("accuracy.under(lighting(3)) / accuracy > 0.99", 0.2, base=0.9)
    assert nothing.images is None


def test_a_design_effect_needs_more_images():
    (alone,), (lots,) = guessed("accuracy > 0.8", 0.1), guessed("accuracy > 0.8", 0.1, cluster=10, correlation=0.3)
    # design effect 3.7
    assert lots.clusters >= 10 and 3.7 * alone.images <= lots.images < 3.7 * alone.images + 10


def test_what_varies_apart_needs_a_pilot():
    text = "accuracy.where(label(a)) - accuracy.where(label(b)) < 0.1"
    (size,) = guessed(text, 0.05)
    assert size.images is None and "pilot" in size.note


@pytest.mark.parametrize("given", [{"discordance": 2}, {"deviation": 0}, {"base": 0}, {"cluster": 0}])
def test_assumptions_outside_their_range_are_refused(given):
    with pytest.raises(ExpressionError):
        Assumptions(**given)


@pytest.mark.parametrize(
    ("expectation", "rule"),
    [(m < 0.4, "betting"), (a - b < 0.1, "discordant_clopper_pearson"), (a > 0.8, "clopper_pearson")],
)
def test_guaranteed_rules_are_planned_for_as_they_decide(expectation, rule):
    columns = {
        "m": column(np.random.default_rng(0).beta(2, 6, 80)),
        "a": proportion(72, 80),
        "b": proportion(70, 80),
    }
    wanted = PowerTarget(0.08, 0.8, 0.95, "guaranteed")
    (size,) = from_pilot(expectation, Values(columns), wanted)
    (approximate,) = from_pilot(expectation, Values(columns), PowerTarget(0.08))
    assert size.rule == rule
    assert size.images > approximate.images or rule == "clopper_pearson"


def test_a_claim_about_these_clusters_needs_as_many_images_as_independent_ones():
    shared = {"*": (Clustering("cluster", np.arange(80) // 4),)}
    columns = {"a": column(np.arange(80) // 4 % 10 > 0, "proportion")}
    sizes = [
        from_pilot(a > 0.7, Values(columns, clusters=clusters), PowerTarget(0.1), claim=claim)[0].images
        for clusters, claim in ((shared, None), (shared, "these_clusters"), ({}, None))
    ]
    assert sizes[0] > sizes[1] == sizes[2]
