"""Values while they come in: what is put, missed, forgotten and given up."""

from __future__ import annotations

import numpy as np
import pytest
from engine.small_audits import audit, groups_of

from modelaudit.contexts import swap_background
from modelaudit.engine.measurement.value_table import ValueTable
from modelaudit.engine.results.measured import ImageFacts, MeasuredColumn, rounded_share
from modelaudit.language.reasons import Missing
from modelaudit.measures import accuracy, confidence

SWAP = swap_background("other_class")
FACTS = ImageFacts(16, 16, 0.25, 1.0, True, False, False, False, None)


@pytest.fixture
def table() -> ValueTable:
    one = audit()
    (group,) = groups_of(right=one.expect(accuracy > 0.5), sure=one.expect(confidence.under(SWAP) > 0.5))
    return ValueTable(group.passes, 5)


def column(table: ValueTable, name: str) -> MeasuredColumn:
    (found,) = [values.data(range(5)) for (_, key), values in table.columns.items() if key.startswith(name)]
    return found


def test_a_row_is_needed_until_it_was_shown_and_every_column_has_a_value(table: ValueTable) -> None:
    original, positions = table.passes[0], np.arange(5)
    assert table.needed(original, positions).all()
    table.images[original.place].put(2, FACTS)
    assert table.needed(original, positions).all()  # shown, and without a value
    table.columns[original.model, "accuracy"].put(2, 1.0, None)
    assert table.needed(original, positions).tolist() == [True, True, False, True, True]
    assert table.lacking(original, 2) == () and table.lacking(original, 1) == original.columns


def test_a_missing_value_is_nan_with_its_reason_and_steps_travel_by_position(table: ValueTable) -> None:
    values = next(iter(table.columns.values()))
    values.put(1, 0.5, None, steps=32)
    values.put(3, 0.7, Missing.EMPTY_MASK)
    found = values.data([3, 1])
    assert np.isnan(found.values[0]) and found.values[1] == 0.5
    assert found.missing == {0: Missing.EMPTY_MASK} and found.steps == {1: 32}


def test_an_unreadable_sample_is_missing_everywhere_until_it_is_forgotten(table: ValueTable) -> None:
    table.miss(4, Missing.UNREADABLE_IMAGE)
    assert column(table, "accuracy").missing == {4: Missing.UNREADABLE_IMAGE}
    assert table.readable(range(5)) == [0, 1, 2, 3] and not table.needed(table.passes[0], np.array([4])).any()
    table.forget_unreadable([4])
    assert column(table, "accuracy").missing == {} and table.needed(table.passes[0], np.array([4])).all()


def test_without_its_originals_nothing_of_a_model_is_asked_any_more(table: ValueTable) -> None:
    table.give_up_pass(table.passes[0], "broken")
    assert table.passes == [] and set(table.failures.values()) == {"broken"}


def test_another_context_is_given_up_alone(table: ValueTable) -> None:
    original, swapped = table.passes
    table.give_up_pass(swapped, "no donors")
    assert table.passes == [original]
    assert list(table.failures) == [f"{swapped.model}|{swapped.columns[0].key}"]


@pytest.mark.parametrize("changes", [True, False])
def test_a_context_that_never_changed_a_pixel_is_given_up(table: ValueTable, changes: bool) -> None:
    swapped = table.passes[1]
    for at in range(5):
        table.images[swapped.place].put(at, FACTS._replace(changed=changes))
    table.give_up_unchanged()
    assert (swapped in table.passes) is changes
    assert (
        changes or "changed no pixel of any of 5 images" in table.failures[f"{swapped.model}|{swapped.columns[0].key}"]
    )


def test_shares_are_known_in_steps_that_the_store_keeps() -> None:
    assert rounded_share(1.0) == 1.0 and rounded_share(0.0) == 0.0 and np.isnan(rounded_share(np.nan))
    assert rounded_share(rounded_share(1 / 3)) == rounded_share(1 / 3) == pytest.approx(1 / 3, abs=1 / 65534)


def test_columns_are_equal_where_all_fields_are_missing_values_included() -> None:
    fields = {"model": "m", "key": "k", "scale": "mean", "missing": {1: Missing.EMPTY_MASK}}
    first, second = (MeasuredColumn(values=[0.5, None], **fields) for _ in range(2))
    assert first == second and first != MeasuredColumn(values=[0.6, None], **fields)
    assert MeasuredColumn.model_validate_json(first.model_dump_json()) == first
    assert '"values":[0.5,null]' in first.model_dump_json()
