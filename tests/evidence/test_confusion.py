"""Confusion tables: counts and bounds against values by hand, and what is shown of many classes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from modelaudit.evidence.confusion import MOST_LABELS, MOST_OTHERS, MOST_PAIRS, confusions
from modelaudit.evidence.record import ConfusionRecord, SampleRecord, TableRecord, ViewRecord

NAMES = ("free", "scratch", "dent")


def confusion(
    labels: Sequence[str],
    predicted: Sequence[int | None],
    classes: Sequence[str] | None = NAMES,
    indices: Sequence[int] | None = None,
    clusters: Sequence[str | None] | None = None,
) -> ConfusionRecord:
    shared = clusters or [None] * len(labels)
    own = [NAMES.index(one) for one in labels] if indices is None else list(indices)
    table = TableRecord(
        data="d0",
        samples=[
            SampleRecord(id=str(at), label=one, cluster=cluster)
            for at, (one, cluster) in enumerate(zip(labels, shared, strict=True))
        ],
        columns=[],
        views=[ViewRecord(model="m0", indices=own, areas=[None] * len(labels), predicted=list(predicted))],
    )
    (found,) = confusions([table], {"m0": classes}, 0.95)
    return found


def counts(found: ConfusionRecord) -> dict[tuple[str, str | None], int]:
    return {(cell.label, found.columns[cell.column].name): cell.n for cell in found.cells}


def test_cells_are_counts_and_shares_of_their_row_with_clopper_pearson_bounds() -> None:
    found = confusion(["free"] * 3 + ["scratch"] * 5, [0, 0, 1, 1, 1, 0, 0, 1])
    assert counts(found) == {
        ("free", "free"): 2,
        ("free", "scratch"): 1,
        ("scratch", "free"): 2,
        ("scratch", "scratch"): 3,
    }
    (missed,) = [cell for cell in found.cells if cell.label == "scratch" and not cell.right]
    assert missed.share == 2 / 5
    assert (missed.lower, missed.upper) == pytest.approx((beta.ppf(0.05, 2, 4), beta.ppf(0.95, 3, 3)))


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from([0, 1, 2, -1, None])), min_size=1, max_size=25))
def test_every_image_with_a_prediction_is_in_one_cell_of_its_row(images: list[tuple[str, int | None]]) -> None:
    if all(predicted is None for _, predicted in images):
        return
    found = confusion([label for label, _ in images], [predicted for _, predicted in images])
    for row in found.rows:
        cells = [cell for cell in found.cells if cell.label == row.label]
        assert sum(cell.n for cell in cells) == row.n
        assert row.n + row.missing == sum(label == row.label for label, _ in images)
        assert sum(cell.right for cell in cells) == 1
        if row.n:
            assert sum(cell.share or 0 for cell in cells) == pytest.approx(1)
        for cell in cells:
            assert cell.lower is not None and cell.upper is not None
            assert cell.share is None or cell.lower <= cell.share <= cell.upper


def test_images_without_a_prediction_widen_the_bounds_of_every_cell_of_their_row() -> None:
    found = confusion(["free"] * 4, [0, 0, 0, None])
    (right,) = [cell for cell in found.cells if cell.right]
    assert (right.n, right.share, found.rows[0].missing) == (3, 1.0, 1)
    assert (right.lower, right.upper) == pytest.approx((beta.ppf(0.05, 3, 2), 1.0))


def test_outputs_that_mean_none_of_the_labels_are_a_column_of_their_own() -> None:
    found = confusion(["free", "free"], [0, -1])
    assert [(one.kind, one.name) for one in found.columns] == [("class", "free"), ("none", None)]


def test_classes_that_no_label_means_stand_by_themselves_while_they_are_few() -> None:
    names = [f"class {number}" for number in range(30)]
    few = confusion(["free"] * 5, [0, 7, 7, 9, 9], classes=names)
    assert [one.name for one in few.columns] == ["free", "class 7", "class 9"]
    many = confusion(["free"] * 12, [0, *range(10, 20), 10], classes=names)
    assert [one.kind for one in many.columns] == ["class"] * (1 + MOST_OTHERS) + ["others"]
    assert many.columns[1].name == "class 10" and many.columns[-1].classes == 10 - MOST_OTHERS
    assert sum(cell.n for cell in many.cells) == 12


def test_labels_of_one_class_share_its_column_and_keep_their_rows() -> None:
    found = confusion(["fine", "perfect", "nut"], [0, 1, 0], indices=[0, 0, 1])
    assert [one.name for one in found.columns] == ["fine / perfect", "nut"]
    assert [row.label for row in found.rows] == ["fine", "nut", "perfect"]
    assert [cell.n for cell in found.cells if cell.right] == [1, 0, 0]


def test_of_many_labels_the_most_frequent_confusions_are_listed() -> None:
    labels = [f"l{number:02d}" for number in range(MOST_LABELS + 5) for _ in range(4)]
    own = [number for number in range(MOST_LABELS + 5) for _ in range(4)]
    predicted = [(one + 1) % len(set(own)) if at % 4 == 0 else one for at, one in enumerate(own)]
    predicted[1:3] = [1, 1]  # three of l00 are taken for l01
    found = confusion(labels, predicted, classes=None, indices=own)
    assert found.pairs and len(found.cells) == MOST_PAIRS
    first = found.cells[0]
    assert (first.label, found.columns[first.column].name, first.n, first.share) == ("l00", "l01", 3, 0.75)
    assert found.pairs_left_out == MOST_LABELS + 5 - MOST_PAIRS
    assert not any(cell.right for cell in found.cells)


def test_images_of_one_scene_count_together() -> None:
    alone = confusion(["free"] * 24, [0] * 20 + [1] * 4)
    scenes = confusion(["free"] * 24, [0] * 20 + [1] * 4, clusters=[str(at // 2) for at in range(24)])
    assert [cell.n for cell in alone.cells] == [cell.n for cell in scenes.cells]
    assert scenes.cells[0].clusters == 12 and alone.cells[0].clusters is None
    assert (scenes.cells[0].lower or 0) < (alone.cells[0].lower or 0)


def test_models_that_did_not_see_the_originals_have_none() -> None:
    table = TableRecord(
        data="d0",
        samples=[SampleRecord(id="0", label="free")],
        columns=[],
        views=[ViewRecord(model="m0", indices=[0], areas=[None])],
    )
    assert confusions([table], {"m0": NAMES}, 0.95) == []
