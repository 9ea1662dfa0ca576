"""From a run to its report: what fails where, read off the values that the expectations needed anyhow."""

from __future__ import annotations

import numpy as np
import pytest
from pytest_plugin.runs import Line

AUDIT = """
audit = Audit(model="demo:{model}", data="demo:?coupling=0.95&images=96&seed=1", checks="off")
swapped = accuracy.under(swap_background("other_class"))
kept = audit.expect(accuracy > 0.9)
survives = audit.expect(swapped > 0.9)
"""


def test_the_shortcut_fails_under_another_background_class_by_class(line: Line) -> None:
    line.audit(AUDIT.format(model="shortcut"))
    line.run()
    run = line.record()
    assert run.by_class is not None
    (matrix,), (table,) = run.by_class.matrices, run.tables
    assert [context.key for context in matrix.contexts] == ["accuracy", "accuracy.under(swap_background(other_class))"]
    columns = {column.measure: np.array(column.values, dtype=float) for column in table.columns}
    labels = np.array([sample.label for sample in table.samples])
    assert {cell.label for cell in matrix.cells} == set(labels.tolist())
    for cell in matrix.cells:
        values = columns[matrix.contexts[cell.context].key][labels == cell.label]
        assert cell.mean == pytest.approx(np.nanmean(values))
        assert (cell.n, cell.missing) == (np.isfinite(values).sum(), np.isnan(values).sum())
        assert cell.lower is not None and cell.upper is not None
        assert cell.lower <= values[np.isfinite(values)].mean() <= cell.upper
    means = {context: [cell.mean for cell in matrix.cells if cell.context == context] for context in (0, 1)}
    assert min(means[0]) > max(means[1])
    report = (line.path / "audit-results/latest/report.html").read_text(encoding="utf-8")
    assert "What fails where: class by context" in report and "どこで失敗しているか" in report
    worst = min(matrix.cells, key=lambda cell: cell.mean or 0.0)
    assert f"<b>{100 * (worst.mean or 0.0):.1f}%" in report


def test_no_pass_is_added_and_a_single_context_has_no_matrix(line: Line) -> None:
    line.audit(AUDIT.format(model="sound"))
    line.run("-k", "survives")
    run = line.record()
    assert run.by_class is None
    assert run.passes.forward == 96
    assert 'class="by-class"' not in (line.path / "audit-results/latest/report.html").read_text(encoding="utf-8")


def test_a_quick_look_asks_for_no_images(line: Line) -> None:
    line.audit(AUDIT.format(model="sound"))
    line.run("--audit-limit=12")
    assert line.record().by_class is None


RATES = """
audit = Audit(model="demo:shortcut", data="demo:?coupling=0.95&images=48&seed=1", checks="off")
swap = swap_background("other_class")
missed = audit.expect(miss_rate(good="washer").under(swap) - miss_rate(good="washer") < 0.9)
called = audit.expect(predicted("washer").under(swap) - predicted("washer") < 0.9)
"""


def test_a_rate_over_some_labels_has_a_matrix_of_these_and_a_share_of_answers_has_none(line: Line) -> None:
    line.audit(RATES)
    line.run()
    found = line.record().by_class
    assert found is not None
    (matrix,) = found.matrices
    assert matrix.measure.measure == "miss_rate"
    assert {cell.label for cell in matrix.cells} == {"bracket", "gear", "nut"}


def test_the_confusion_table_counts_what_accuracy_counts(line: Line) -> None:
    line.audit(AUDIT.format(model="shortcut"))
    line.run()
    run = line.record()
    assert run.by_class is not None
    (found,), (table,) = run.by_class.confusions, run.tables
    (accuracy,) = [column.values for column in table.columns if column.measure == "accuracy"]
    for cell in found.cells:
        if cell.right:
            values = [one for one, sample in zip(accuracy, table.samples, strict=True) if sample.label == cell.label]
            assert cell.n == sum(one or 0 for one in values)
    report = (line.path / "audit-results/latest/report.html").read_text(encoding="utf-8")
    assert "What the images of each class are taken for" in report and "混同行列" in report
