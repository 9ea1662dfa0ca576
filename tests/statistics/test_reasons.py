"""The reason is the one that holds the verdict up, and images are asked for only where they help."""

from __future__ import annotations

import numpy as np
import pytest
from statistics_tables import Values, column, mapped, named, proportion

from modelaudit.language import label
from modelaudit.language.composite import Extreme
from modelaudit.language.reasons import Missing
from modelaudit.statistics import Clustering, Membership, Reason, Verdict, decide

NAN = float("nan")
a, b, m = named("a"), named("b"), named("m")


def decided(expectation, columns, *, clusters=None, about="process", **options):
    shared = {} if clusters is None else {"*": tuple(Clustering(name, codes) for name, codes in clusters.items())}
    return decide(expectation, Values(columns, clusters=shared), confidence=0.95, about=about, **options)


def with_missing(known, missing, reason=Missing.ZERO_ATTRIBUTION, level=0.3):
    values = np.append(np.random.default_rng(0).beta(30 * level, 30 * (1 - level), known), np.full(missing, NAN))
    return {"m": column(values, reason=reason)}


@pytest.mark.parametrize("known", [31, 20, 10])
def test_where_most_values_are_missing_images_would_not_help(known):
    found = decided(m < 0.31, with_missing(known, 100 - known))
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, Reason.UNDEFINED_VALUES)
    assert found.more_images is None
    assert f"{100 - known} of 100 images have no value" in found.note


def test_where_most_of_them_are_invalid_attributions_it_says_that():
    found = decided(m < 0.31, with_missing(31, 69, Missing.ATTRIBUTION_INVALID))
    assert found.reason is Reason.ATTRIBUTION_INVALID


def test_a_few_missing_values_that_more_images_outweigh_are_too_few_images():
    found = decided(m < 0.34, with_missing(38, 1))
    assert found.reason is Reason.TOO_FEW_IMAGES and found.more_images > 0


def test_missing_values_without_which_it_would_be_decided_hold_it_up():
    found = decided(m < 0.37, with_missing(100, 9))
    assert found.reason is Reason.UNDEFINED_VALUES


def test_of_a_measure_without_a_range_any_missing_value_holds_it_up():
    values = np.append(np.random.default_rng(0).normal(0, 1, 300), NAN)
    found = decided(m < 5, {"m": column(values, low=None, high=None)})
    assert (found.reason, found.more_images) == (Reason.UNDEFINED_VALUES, None)


@pytest.mark.parametrize(
    ("name", "says", "never"),
    [
        ("cluster", "limit the claim to these clusters with Audit(claim='these_clusters')", "backgrounds"),
        ("donor", "limit the claim to these backgrounds with Audit(claim='these_clusters')", "of the same clusters"),
        ("copies", "9 different pictures among 180 images: copies count as one image", "these_clusters"),
    ],
)
def test_too_few_clusters_come_with_advice_that_fits(name, says, never):
    found = decided(a > 0.5, {"a": proportion(180, 180)}, clusters={name: np.arange(180) % 9})
    assert (found.verdict, found.reason, found.more_images) == (Verdict.INCONCLUSIVE, Reason.TOO_FEW_CLUSTERS, None)
    assert found.lower is None
    assert says in found.note and never not in found.note


def test_too_few_clusters_hold_it_up_whatever_is_missing():
    found = decided(m < 0.31, with_missing(31, 69), clusters={"cluster": np.arange(100) % 5})
    assert found.reason is Reason.TOO_FEW_CLUSTERS


def test_copies_are_named_before_other_clusters_for_no_claim_would_help():
    codes = {"cluster": np.arange(180) % 5, "copies": np.arange(180) % 9}
    assert "different pictures" in decided(a > 0.5, {"a": proportion(180, 180)}, clusters=codes).note


def test_a_claim_about_these_clusters_takes_their_images_for_independent_and_says_so():
    columns, codes = {"a": proportion(120, 140)}, {"cluster": np.arange(140) % 7}
    found = decided(a > 0.7, columns, clusters=codes, claim="these_clusters")
    alone = decided(a > 0.7, columns)
    assert found.verdict is Verdict.PASS
    assert (found.lower, found.upper, found.rule) == (alone.lower, alone.upper, "clopper_pearson")
    assert found.note.startswith("holds for these clusters alone")


def test_a_claim_about_these_donors_names_the_backgrounds():
    found = decided(
        a > 0.7, {"a": proportion(120, 140)}, clusters={"donor": np.arange(140) % 7}, claim="these_clusters"
    )
    assert found.note.startswith("holds for these backgrounds alone")


def test_copies_of_a_picture_count_as_one_image_whatever_the_claim():
    columns, copies = {"a": proportion(120, 140)}, {"copies": np.arange(140) // 7}
    free, limited = (decided(a > 0.7, columns, clusters=copies, claim=claim) for claim in (None, "these_clusters"))
    assert (free.lower, free.upper) == (limited.lower, limited.upper)
    assert free.lower < decided(a > 0.7, columns).lower
    few = decided(a > 0.7, columns, clusters={"copies": np.arange(140) % 7}, claim="these_clusters")
    assert few.reason is Reason.TOO_FEW_CLUSTERS


def test_a_few_copies_among_many_pictures_change_little():
    codes = np.append(np.arange(97), np.arange(3))
    found = decided(a > 0.8, {"a": proportion(90, 100)}, clusters={"copies": codes})
    assert found.lower == pytest.approx(decided(a > 0.8, {"a": proportion(90, 100)}).lower, abs=0.005)


# --- images are asked for where they help -----------------------------------------------------------------------------


def settled(expectation, columns, **options):
    """What is asked for, where the verdict is open for want of images."""
    found = decided(expectation, columns, **options)
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, Reason.TOO_FEW_IMAGES)
    return found.more_images


def test_differences_ratios_and_means_say_how_many_more():
    columns = {"a": proportion(38, 40), "b": proportion(35, 40), "m": with_missing(40, 0)["m"]}
    for expectation in (a > 0.9, a - b < 0.1, b / a > 0.85, m < 0.32, a - b < 0.06):
        assert settled(expectation, columns) > 0


def test_a_ratio_whose_denominator_may_be_0_asks_for_images_until_it_is_not():
    columns = {"a": proportion(2, 12), "b": proportion(1, 12), "c": column(np.append([1.0], np.full(11, 0.01)))}
    more = settled(a / (b - 0.01) > 0.5, columns)
    assert more > 10


def test_several_methods_ask_until_all_of_them_pass_or_one_fails():
    generator = np.random.default_rng(4)
    near, far = (column(generator.beta(30 * level, 30 * (1 - level), 30)) for level in (0.37, 0.3))
    both = settled(mapped("x", "y") < 0.39, {"x": near, "y": far})
    assert both == settled(mapped("x") < 0.39, {"x": near})
    beyond = column(generator.beta(12.9, 17.1, 30))
    fails = settled(mapped("x", "y") < 0.4, {"x": beyond, "y": column(generator.beta(11.9, 18.1, 30))})
    assert fails >= settled(mapped("x") < 0.4, {"x": beyond})


def test_a_worst_group_asks_for_images_of_all_groups():
    left = Extreme("minimum", (a.where(label("x")), a.where(label("y"))), ("x", "y"))
    half = np.arange(80) < 40
    strata = {"label(x)": Membership(half, half & False), "label(y)": Membership(~half, half & False)}
    table = Values({"a": column(np.arange(80) % 40 < 36, "proportion")}, strata)
    found = decide(left > 0.8, table, confidence=0.95, about="process")
    assert found.reason is Reason.TOO_FEW_IMAGES and found.more_images > 0


def test_no_number_where_the_estimate_lies_on_the_threshold():
    found = decided(a > 0.8, {"a": proportion(80, 100)})
    assert found.reason is Reason.TOO_FEW_IMAGES and found.more_images is None
    assert "too near the threshold for any number of images" in found.note


def test_of_this_set_there_is_no_interval_and_nothing_is_asked_for():
    found = decided(m < 0.31, with_missing(31, 69), about="this_set")
    assert (found.reason, found.more_images) == (Reason.UNDEFINED_VALUES, None)
    exact = decided(a > 0.8, {"a": proportion(81, 100)}, about="this_set", clusters={"cluster": np.arange(100) % 3})
    assert exact.verdict is Verdict.PASS and exact.lower == exact.upper == exact.estimate
