"""What no such number of images could ever show is known before the first of them is measured."""

from dataclasses import dataclass

import numpy as np
import pytest
from statistics_tables import Values, column, named

from modelaudit.contexts import lighting
from modelaudit.language import registry
from modelaudit.language.expression import Measure
from modelaudit.language.parser import parse
from modelaudit.language.spec import MeasureSpec
from modelaudit.language.strata import Both, Label, correct, label
from modelaudit.measures import accuracy, flip_rate
from modelaudit.measures.base import MeasureDeclaration
from modelaudit.statistics import Clustering, Verdict, decide
from modelaudit.statistics.feasibility import best_case

DROP = "accuracy - accuracy.under(swap_background(other_class)) < 0.05"


def case(text, images, **given):
    expectation = parse(text) if isinstance(text, str) else text
    return best_case(expectation, images, **{"confidence": 0.95, "about": "process", **given})


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        (DROP, 59),
        ("accuracy > 0.95", 59),
        ("accuracy > 0.99", 299),
        ("1 - accuracy <= 0.01", 299),
        ("flip_rate.under(lighting(3)) < 0.1", 29),
        ("accuracy.under(lighting(3)) / accuracy > 0.97", None),
        ("background_dependence(gradcam) < 0.4", None),
    ],
)
def test_one_image_fewer_than_needed_is_told_and_the_needed_number_is_not(text, needed):
    found = case(text, 2)
    needed = found.needed if needed is None else needed
    assert found.needed == needed and found.images == 2
    assert case(text, needed - 1).needed == needed
    assert case(text, needed) is None


def test_what_is_called_infeasible_does_not_pass_with_the_best_values():
    n = case("accuracy > 0.95", 2).needed
    best = {"a": column(np.ones(n), "proportion")}
    fewer = {"a": column(np.ones(n - 1), "proportion")}
    verdicts = [decide(named("a") > 0.95, Values(x), confidence=0.95, about="process").verdict for x in (best, fewer)]
    assert verdicts == [Verdict.PASS, Verdict.INCONCLUSIVE]


def test_the_best_of_a_difference_between_contexts_is_that_nothing_changes():
    assert case(DROP, 40).still
    assert str(case(DROP, 40)) == (
        "cannot pass with 40 images even where the context changes nothing; needs at least 59"
    )
    # between models nothing is supposed: the candidate may be right wherever the current one is wrong
    assert case("accuracy.of(candidate) - accuracy.of(current) > -0.02", 40) is None


def test_the_best_value_on_the_threshold_is_shown_by_no_number_of_images():
    found = case("accuracy >= 1", 500)
    assert found.needed is None and "no number of images" in str(found)


@pytest.mark.parametrize(("text", "told"), [("accuracy > 90", "; did you mean 0.90?"), ("accuracy > 120", "")])
def test_a_threshold_outside_the_range_of_the_measure_is_named(text, told):
    assert str(case(text, 500)) == f"cannot pass: accuracy lies between 0 and 1{told}"


def clusters(count, size):
    return (Clustering("cluster", np.repeat(np.arange(count), size)),)


def test_fewer_than_ten_clusters_cannot_pass_whatever_they_show():
    told = str(case("accuracy > 0.5", 180, shared=clusters(9, 20)))
    assert told.startswith("cannot pass with images of 9 clusters; needs at least 10")
    assert "more images of the same clusters do not help" in told and "Audit(claim='these_clusters')" in told
    assert case("accuracy > 0.5", 180) is None


def test_of_more_clusters_it_is_asked_what_they_could_show():
    found = case("accuracy > 0.95", 120, shared=clusters(12, 10))
    assert (found.clusters, found.needed) == (12, 590)
    assert str(found) == "cannot pass with 120 images; needs at least 590, of 59 clusters as large as these 12"
    assert case("accuracy > 0.95", 590, shared=clusters(59, 10)) is None
    assert case("accuracy > 0.95", 580, shared=clusters(58, 10)).needed == 590


def test_a_guaranteed_bound_needs_more_images():
    assert case(DROP, 59) is None
    assert case(DROP, 59, bounds="guaranteed").needed == 72


def test_one_method_or_dose_that_cannot_pass_is_enough():
    assert case("background_dependence(gradcam, eigencam) < 0.4", 3) is not None
    assert case("accuracy.under(lighting(each=[1, 2, 3])) > 0.95", 58).needed == 59


def test_a_label_counts_its_own_images_and_other_strata_at_most_all():
    sizes = {label("rare"): 12, Both((label("rare"), correct)): 12}
    size_of = lambda stratum: sizes.get(stratum, 400)  # noqa: E731
    found = case(accuracy.where(label("rare")) > 0.9, 400, size_of=size_of)
    assert (found.images, found.needed, found.stratum) == (12, 29, "label(rare)")
    assert "with 12 images of label(rare)" in str(found)
    assert case(accuracy.where(Label("common")) > 0.9, 400, size_of=size_of) is None
    assert case(flip_rate.under(lighting(3)).where(correct) < 0.05, 400, size_of=size_of) is None


def test_the_whole_set_needs_no_number():
    assert case(DROP, 3, about="this_set") is None


@dataclass(frozen=True)
class Unbounded(MeasureSpec):
    """A measure without a range."""


registry.register(
    registry.Entry(
        "statistics_test", "unbounded", Unbounded, lambda: None, MeasureDeclaration("mean", "low", None, None)
    )
)


def test_a_measure_without_a_range_is_not_decided_below_200_images():
    found = case(Measure(Unbounded()) < 3.0, 199)
    assert (found.images, found.needed) == (199, 200)
    assert case(Measure(Unbounded()) > 3.0, 200) is None


def test_a_higher_confidence_needs_more():
    assert case("accuracy > 0.95", 2, confidence=0.99).needed == 90
