"""A value belongs to its image: it does not depend on what else was measured, in which order, or in which chunk."""

from __future__ import annotations

from pytest_plugin.runs import Line

AUDIT = """
import random
from modelaudit import correct

def data():
    found = {data}
    {then}
    return found

audit = Audit(**told(Colour(middle=False), data()))
drawn = audit.expect(confidence.under(gaussian_noise(4)) > 0.1)
swapped = audit.expect(confidence.under(swap_background("random")) > 0.1)
another = swap_background("other_class") | gaussian_noise(2)
explained = audit.expect(background_dependence("input_x_gradient").under(another) < 0.9)
"""


def run(line: Line, *args: str, data: str = "samples(24)", then: str = "pass") -> dict[str, dict[str, float | None]]:
    """The values of a run, by column and by image."""
    line.audit(AUDIT.format(data=data, then=then))
    line.run(*args)
    assert {case.verdict for case in line.record().cases} <= {"PASS", "FAIL", "INCONCLUSIVE"}
    (table,) = line.record().tables
    names = [sample.id for sample in table.samples]
    assert names == sorted(names)
    columns = {column.measure: dict(zip(names, column.values, strict=True)) for column in table.columns}
    assert len(columns) == 3
    assert all(len(set(values.values())) > len(names) // 2 for values in columns.values())  # they do differ by image
    return columns


def test_the_order_of_the_samples_does_not_matter(line: Line) -> None:
    sorted_by_id = run(line)
    assert run(line, then="random.Random(1).shuffle(found)") == sorted_by_id
    assert run(line, then="found.reverse(); found = iter(found)") == sorted_by_id


def test_a_quick_look_gives_the_values_of_the_whole_run(line: Line) -> None:
    whole, quick = run(line), run(line, "--audit-limit", "7")
    for column, values in quick.items():
        assert len(values) == 7
        assert {name: whole[column][name] for name in values} == values


def test_the_selection_of_cases_does_not_matter(line: Line) -> None:
    whole = run(line)
    line.run("-k", "explained")
    (column,) = line.record().tables[0].columns
    assert column.values == list(whole[column.measure].values())


def test_one_more_image_changes_what_few_images_borrow(line: Line) -> None:
    fewer, more = run(line), run(line, data="samples(25)")
    for column, values in fewer.items():
        changed = [name for name, value in values.items() if more[column][name] != value]
        if "swap_background" in column:
            assert len(changed) <= 5  # about one is expected to borrow from the new one
        else:
            assert not changed
