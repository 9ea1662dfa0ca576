"""What fails where: the cells against values by hand, which labels and contexts stay, and who needs more images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from report.sample_record import OTHER_CLASS, case, measure, record
from scipy.stats import beta, binom

from modelaudit.contexts import gaussian_noise, swap_background
from modelaudit.evidence.build import node_of
from modelaudit.evidence.matrix import MOST_CONTEXTS, MOST_LABELS, MOST_MATRICES, by_class
from modelaudit.evidence.matrix_cells import LEAST_IMAGES
from modelaudit.evidence.record import (
    ByClass,
    CaseRecord,
    ColumnRecord,
    ContextNode,
    MatrixCell,
    RunRecord,
    SampleRecord,
    TableRecord,
)
from modelaudit.evidence.wanted_images import MOST_CLASSES, images_needed
from modelaudit.measures import accuracy, worst_group_accuracy
from modelaudit.statistics import gaffke

SWAP = "accuracy.under(swap_background(other_class))"
CONFIDENCE = "confidence.under(swap_background(other_class))"
Values = Sequence[float | None]


def table(labels: Sequence[str], columns: Mapping[str, Values], **changes: object) -> TableRecord:
    """A table of data d0 and model m0; `clusters` by sample."""
    clusters = changes.get("clusters") or [None] * len(labels)
    return TableRecord(
        data="d0",
        samples=[
            SampleRecord(id=f"{at}.png", label=label, cluster=cluster)
            for at, (label, cluster) in enumerate(zip(labels, clusters, strict=True))  # type: ignore[call-overload]
        ],
        columns=[
            ColumnRecord(
                measure=key,
                model=str(changes.get("model", "m0")),
                scale="proportion" if key.startswith("accuracy") else "mean",
                values=list(values),
                missing={at: "context_unchanged" for at, value in enumerate(values) if value is None},
            )
            for key, values in columns.items()
        ],
    )


def found(one: TableRecord, *cases: CaseRecord) -> ByClass:
    result = by_class([one], cases, frozenset())
    assert result is not None
    return result


def cell(result: ByClass, label: str, context: int) -> MatrixCell:
    (only,) = [one for one in result.matrices[0].cells if (one.label, one.context) == (label, context)]
    return only


def expected(expectation: str, **changes: object) -> CaseRecord:
    """An expectation on accuracy under another background."""
    limit = float(expectation.split()[-1])
    left = changes.pop("left", measure("accuracy", OTHER_CLASS))
    return case("case", left, expectation.split()[-2], limit, "PASS", expectation=expectation, **changes)  # type: ignore[arg-type]


# 6 cats, 4 dogs; on another background 3 of 6 cats and all dogs are right, one dog has no value
PETS = table(
    ["cat"] * 6 + ["dog"] * 4,
    {SWAP: [1, 1, 1, 0, 0, 0, 1, 1, 1, None], "accuracy": [1, 1, 1, 1, 1, 0, 1, 1, 1, 1]},
)


def test_cells_by_hand_the_original_first() -> None:
    matrix = found(PETS).matrices[0]
    assert [context.key for context in matrix.contexts] == ["accuracy", SWAP]
    assert [context.contexts == [] for context in matrix.contexts] == [True, False]
    assert {(one.label, one.context): (one.n, one.missing, one.mean) for one in matrix.cells} == {
        ("cat", 0): (6, 0, pytest.approx(5 / 6)),
        ("cat", 1): (6, 0, 0.5),
        ("dog", 0): (4, 0, 1.0),
        ("dog", 1): (3, 1, 1.0),
    }


def test_bounds_are_clopper_and_pearsons_and_missing_values_stand_at_both_ends() -> None:
    result = found(PETS)
    cat, dog = cell(result, "cat", 1), cell(result, "dog", 1)
    assert cat.lower == pytest.approx(beta.ppf(0.05, 3, 4))
    assert cat.upper == pytest.approx(beta.ppf(0.95, 4, 3))
    # the fourth dog may be wrong, or right
    assert dog.lower == pytest.approx(beta.ppf(0.05, 3, 2))
    assert dog.upper == 1.0


def test_means_have_gaffkes_bound() -> None:
    values = np.random.default_rng(0).uniform(0.2, 0.9, 40)
    result = found(
        table(["cat"] * 20 + ["dog"] * 20, {"confidence": values.tolist(), CONFIDENCE: (1 - values).tolist()})
    )
    assert cell(result, "dog", 0).mean == pytest.approx(values[20:].mean())
    assert (cell(result, "dog", 0).lower, cell(result, "dog", 0).upper) == pytest.approx(gaffke(values[20:], 0.95))


def test_a_measure_without_range_has_no_bounds_and_asks_for_no_images() -> None:
    result = found(table(["cat", "dog"] * 9, {"margin": [3.0] * 18, f"margin.{SWAP[9:]}": [1.0, -2.0] * 9}))
    one = cell(result, "dog", 1)
    assert (one.mean, one.lower, one.upper, one.few) == (-2.0, None, None, True)
    assert result.wanted == []


def test_images_of_a_cluster_count_together_and_few_clusters_bound_nothing() -> None:
    right: list[float | None] = [1.0, 0.0, 1.0, 1.0] * 20
    columns = {"accuracy": right, SWAP: right}
    alone = cell(found(table(["cat", "dog"] * 40, columns)), "cat", 0)
    scenes = [f"scene {at // 4}" for at in range(80)]
    together = cell(found(table(["cat", "dog"] * 40, columns, clusters=scenes)), "cat", 0)
    assert alone.clusters is None and together.clusters == 20
    assert alone.lower is not None and together.lower is not None and together.lower < alone.lower
    two = cell(found(table(["cat", "dog"] * 40, columns, clusters=["day", "day", "night", "night"] * 20)), "cat", 0)
    assert (two.clusters, two.lower, two.upper) == (2, None, None)


def test_images_of_a_donor_count_together_under_its_context_alone() -> None:
    right: list[float | None] = [1.0, 0.0, 1.0, 1.0] * 20
    one = table(["cat", "dog"] * 40, {"accuracy": right, SWAP: right})
    lent = one.model_copy(
        update={"donors": {"m0|swap_background(other_class)": [f"{at // 4}.png" for at in range(80)]}}
    )
    original, swapped = (cell(found(lent), "cat", context) for context in (0, 1))
    assert (original.clusters, swapped.clusters) == (None, 20)
    assert original.lower is not None and swapped.lower is not None and swapped.lower < original.lower


def test_few_images_are_those_that_leave_a_bound_more_than_ten_points_away() -> None:
    for count, few in ((LEAST_IMAGES - 1, True), (LEAST_IMAGES, False)):
        right: list[float | None] = [1.0] * (2 * count)
        result = found(table(["cat", "dog"] * count, {"accuracy": right, SWAP: right}))
        assert cell(result, "cat", 0).few is few


def test_one_label_or_one_context_makes_no_matrix() -> None:
    assert by_class([table(["cat", "cat"], {"accuracy": [1, 0], SWAP: [1, 0]})], [], frozenset()) is None
    assert by_class([table(["cat", "dog"], {"accuracy": [1, 0]})], [], frozenset()) is None
    assert by_class([], [], frozenset()) is None


def test_maps_are_told_only_where_accuracy_was_not_measured_under_contexts() -> None:
    maps = {"background_share(gradcam)": [0.1, 0.2], f"background_share(gradcam).{SWAP[9:]}": [0.3, 0.4]}
    plain = {"accuracy": [1.0, 1.0]}
    assert [one.measure.measure for one in found(table(["cat", "dog"], maps | plain)).matrices] == ["background_share"]
    both = found(table(["cat", "dog"], maps | plain | {SWAP: [1.0, 0.0]}))
    assert [one.measure.measure for one in both.matrices] == ["accuracy"]


def test_a_context_that_this_process_does_not_know_is_told_by_its_text() -> None:
    ours = "accuracy.under(ours(3))"
    one = table(["cat"] * 40 + ["dog"] * 40, {"accuracy": [1] * 80, ours: [1] * 40 + [1] * 30 + [0] * 10})
    own = ContextNode(name="ours", family="", arguments={}, text="ours(3)")
    result = found(one, expected(f"{ours} > 0.8", left=measure("accuracy", own)))
    assert [context.key for context in result.matrices[0].contexts] == ["accuracy", ours]
    assert [node.text for node in result.matrices[0].contexts[1].contexts] == ["ours(3)"]
    assert [(want.rule, want.cell.label) for want in result.wanted] == [("threshold", "dog")]


def test_a_measure_that_this_process_does_not_know_is_named() -> None:
    strange: dict[str, Values] = {f"ours(2){under}": [1, 0] for under in ("", ".under(fog(2))")}
    result = found(table(["cat", "dog"], {"accuracy": [1, 1], SWAP: [1, 0]} | strange))
    assert [one.measure.measure for one in result.matrices] == ["accuracy"]
    assert result.unread == ["ours(2)", "ours(2).under(fog(2))"]


def test_a_model_that_must_fail_has_no_matrix_unless_more_is_expected_of_it() -> None:
    control = expected(f"{SWAP} > 0.8", must_fail=True)
    assert by_class([PETS], [control], frozenset()) is None
    assert found(PETS, control, expected("accuracy > 0.8", left=measure())).matrices != []


def test_where_more_images_would_say_nothing_none_are_asked_for() -> None:
    assert found(PETS).wanted != []
    assert found(PETS, expected(f"{SWAP} > 0.8", about="this_set")).wanted == []
    stopped = by_class([PETS], [expected(f"{SWAP} > 0.8")], frozenset({"d0"}))
    assert stopped is not None and stopped.matrices[0].stopped and stopped.wanted == []


def test_the_worst_labels_and_contexts_stay_and_the_rest_is_counted() -> None:
    labels = [f"{at:03}" for at in range(MOST_LABELS + 10) for _ in range(30)]
    number = np.array([int(label) for label in labels])
    keys = [
        f"accuracy.under({gaussian_noise(1)} | {gaussian_noise(1 + at % 5)} | rotation({at + 1}))" for at in range(14)
    ]
    shares = [0.9] * 2 + [0.5] * 12
    columns = {"accuracy": np.ones(len(labels))}
    columns |= {
        key: ((np.arange(len(labels)) % 30 < 30 * share) & (number != 7)).astype(float)
        for key, share in zip(keys, shares, strict=True)
    }
    matrix = found(table(labels, {key: values.tolist() for key, values in columns.items()})).matrices[0]
    assert matrix.cells[0].label == "007"
    assert len({one.label for one in matrix.cells}) == MOST_LABELS and matrix.labels_left_out == 10
    assert len(matrix.contexts) == MOST_CONTEXTS and matrix.contexts_left_out == 3
    assert [context.key for context in matrix.contexts] == ["accuracy", *keys[2:13]]


def test_a_class_of_one_wrong_image_does_not_come_before_one_that_surely_fails() -> None:
    labels = ["one"] + ["many"] * 60 + ["fine"] * 60
    swapped = [0.0] + [1.0] * 20 + [0.0] * 40 + [1.0] * 60
    matrix = found(table(labels, {"accuracy": [1.0] * 121, SWAP: swapped})).matrices[0]
    assert matrix.cells[0].label == "many"


def test_models_beyond_the_most_are_counted() -> None:
    columns: dict[str, Values] = {"accuracy": [1, 0], SWAP: [1, 0]}
    tables = [table(["cat", "dog"], columns, model=f"m{at}") for at in range(MOST_MATRICES + 2)]
    result = by_class(tables, [], frozenset({"d0"}))
    assert result is not None
    assert (len(result.matrices), result.matrices_left_out) == (MOST_MATRICES, 2)
    assert all(one.stopped for one in result.matrices)


def images_by_definition(share: float, near: float) -> int:
    """The n at which neither a binomial law one `near` below nor one `near` above makes the count likely (5 %)."""
    n = 1
    while True:
        low, high = share - near, share + near
        below = low <= 0 or binom.sf(share * n - 1, n, low) <= 0.05
        above = high >= 1 or binom.cdf(share * n, n, high) <= 0.05
        if below and above and (share * n).is_integer():
            return n
        n += 1


@pytest.mark.parametrize(("share", "near"), [(1.0, 0.1), (0.0, 0.1), (1.0, 0.05)])
def test_the_number_of_images_is_that_of_the_definition(share: float, near: float) -> None:
    assert images_needed(share, near, 0.95) == images_by_definition(share, near)


def test_the_number_for_a_share_between_is_near_that_of_the_definition() -> None:
    assert images_needed(0.5, 0.1, 0.95) == pytest.approx(images_by_definition(0.5, 0.1), abs=4)


def test_a_threshold_within_the_bounds_asks_for_images_and_one_outside_does_not() -> None:
    right: list[float | None] = [1.0] * 40 + [1.0] * 30 + [0.0] * 10
    one = table(["cat"] * 40 + ["dog"] * 40, {"accuracy": [1.0] * 80, SWAP: right})
    # dogs: 30 of 40, bounds .613 to .857
    (line,) = [want for want in found(one, expected(f"{SWAP} > 0.8")).wanted if want.rule == "threshold"]
    assert (line.cell.label, line.op, line.threshold) == ("dog", ">", 0.8)
    assert line.more == images_needed(0.75, 0.05, 0.95) - 40
    assert line.contexts[0].name == "swap_background"
    assert [want.rule for want in found(one, expected(f"{SWAP} > 0.9")).wanted] == ["width"]


@pytest.mark.parametrize(
    "changes",
    [
        {"must_fail": True},
        {"about": "this_set"},
        {"models": ["m1"]},
        {"data": "d1"},
        {"left": node_of(accuracy - 1), "expectation": f"{SWAP} - 1 > 0.8"},
        {"expectation": f"{SWAP}.where(correct) > 0.8"},
        {"expectation": f"{SWAP}.where(label('cat')) > 0.8"},
    ],
    ids=str,
)
def test_what_sets_no_threshold_for_a_cell(changes: dict[str, object]) -> None:
    right: list[float | None] = [1.0] * 40 + [1.0] * 30 + [0.0] * 10
    one = table(["cat"] * 40 + ["dog"] * 40, {"accuracy": [1.0] * 80, SWAP: right})
    other = expected(f"{SWAP} > 0.8").model_copy(update=changes)
    also = [expected("accuracy > 0.5", left=measure())]  # its model is no control, and its data no agreed set
    assert {want.rule for want in found(one, other, *also).wanted} == {"width"}


def test_a_worst_group_sets_its_threshold_for_every_class_and_context() -> None:
    worst = worst_group_accuracy(swap_background("other_class")) > 0.8
    right: list[float | None] = [1.0] * 40 + [1.0] * 30 + [0.0] * 10
    one = table(["cat"] * 40 + ["dog"] * 40, {"accuracy": [1.0] * 80, SWAP: right})
    (line,) = found(one, expected(str(worst), left=node_of(worst.expression))).wanted
    assert (line.rule, line.cell.label, line.threshold) == ("threshold", "dog", 0.8)


def test_a_class_has_one_line_and_thirty_lines_are_the_most() -> None:
    labels = [f"{at:02}" for at in range(34) for _ in range(5)]
    columns: dict[str, Values] = {"accuracy": [1.0] * 170, SWAP: [1.0, 0.0] * 85}
    result = found(table(labels, columns))
    assert len({want.cell.label for want in result.wanted}) == len(result.wanted) == MOST_CLASSES == 30
    assert result.wanted_left_out == 4
    assert [want.more for want in result.wanted] == sorted((want.more for want in result.wanted), reverse=True)


def undecided(expectation: str, reason: str, **changes: object) -> CaseRecord:
    return expected(expectation, **changes).model_copy(update={"verdict": "INCONCLUSIVE", "reason": reason})


# 20 cats, 11 of them right on another background; 20 dogs, all right there, and 18 of them on the originals
SMALL = table(
    ["cat"] * 20 + ["dog"] * 20,
    {"accuracy": [1.0] * 38 + [0.0] * 2, SWAP: [1.0] * 11 + [0.0] * 9 + [1.0] * 20},
)


def test_what_would_change_a_verdict_comes_first() -> None:
    open_for_dogs = undecided("accuracy > 0.9", "too_few_images", left=measure())
    lines = found(SMALL, open_for_dogs, expected(f"{SWAP} > 0.6")).wanted
    assert [(want.cell.label, want.decides) for want in lines] == [("dog", ["case"]), ("cat", ["case"])]
    assert {want.threshold for want in lines} == {0.9}
    # where nothing is undecided the line of a class is of the cell that asks for most
    settled = found(SMALL, expected("accuracy > 0.9", left=measure()), expected(f"{SWAP} > 0.6")).wanted
    assert all(want.decides == [] for want in settled) and settled[0].threshold == 0.6


@pytest.mark.parametrize("reason", ["mask_uncertain", "attribution_invalid", "undefined_values", "below_noise_floor"])
def test_photographs_are_not_asked_for_where_they_cure_nothing(reason: str) -> None:
    uncertain = undecided(f"{SWAP} > 0.6", reason)
    assert all(want.contexts == [] for want in found(SMALL, uncertain).wanted)
    cured = undecided(f"{SWAP} > 0.6", "too_few_images")
    assert any(want.contexts != [] for want in found(SMALL, uncertain, cured).wanted)


def test_what_images_share_is_named() -> None:
    shared = table(["cat"] * 12 + ["dog"] * 12, {"accuracy": [1.0] * 24, SWAP: [1.0, 0.0] * 12})
    scenes = [one.model_copy(update={"cluster": f"s{at // 4}"}) for at, one in enumerate(shared.samples)]
    lent = [f"cat/{at % 2}" for at in range(24)]
    of_scenes = found(shared.model_copy(update={"samples": scenes}))
    of_donors = found(shared.model_copy(update={"donors": {"m0|swap_background(other_class)": lent}}))
    assert {want.cell.scarce for want in of_scenes.wanted} == {"cluster"}
    assert {(want.cell.scarce, want.cell.clusters) for want in of_donors.wanted} == {("donor", 2)}
    assert {want.cell.scarce for want in found(shared).wanted} == {None}


def test_the_line_of_a_class_is_of_the_cell_that_asks_for_most() -> None:
    # two images more would tell 1 from .9; half right on another background asks for far more to know it to ten points
    half: list[float | None] = [1.0] * 13 + [0.0] * 14
    one = table(["cat"] * 27 + ["dog"] * 27, {"accuracy": [1.0] * 54, SWAP: half * 2})
    result = found(one, expected("accuracy > 0.9", left=measure()))
    assert [(want.rule, want.cell.context) for want in result.wanted] == [("width", 1)] * 2
    assert result.wanted[0].more == images_needed(13 / 27, 0.1, 0.95) - 27


def test_it_goes_through_the_record_and_older_ones_have_none() -> None:
    run = record(by_class=found(PETS, expected(f"{SWAP} > 0.8")))
    assert RunRecord.model_validate_json(run.model_dump_json()) == run
    older = record().model_dump()
    del older["by_class"]
    assert RunRecord.model_validate(older).by_class is None
