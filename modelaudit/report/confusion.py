"""Confusion tables in words: what a model calls the images of each label."""

from __future__ import annotations

from ..evidence.record import ConfusionCell, ConfusionColumn, ConfusionRecord, ConfusionRow, RunRecord
from .grid import TONES, CellView, MatrixView, RowView, data_name, digits_of, interval_text, model_name
from .words import Words


def confusion_view(table: ConfusionRecord, record: RunRecord, words: Words) -> MatrixView:
    """The table of all labels, or the list of the most frequent confusions."""
    heads, rows = _pairs(table, words) if table.pairs else _grid(table, words)
    return MatrixView(
        words._("what_images_are_taken_for"),
        model_name(table.model, record, words),
        data_name(table.data, record),
        heads,
        (),
        rows,
        tuple(_notes(table, words)),
        words._("label_of_the_image"),
        _intro(table, words),
    )


def _intro(table: ConfusionRecord, words: Words) -> str:
    confidence = words.limit(table.confidence, "percent")
    if table.pairs:
        return words._("confusion_pairs_intro", confidence=confidence)
    return words._("confusion_intro", confidence=confidence)


def _grid(table: ConfusionRecord, words: Words) -> tuple[tuple[str, ...], tuple[RowView, ...]]:
    cells = {(cell.label, cell.column): cell for cell in table.cells}
    rows = tuple(
        RowView(
            row.label,
            words.ngettext("images_counted", row.n + row.missing),
            tuple(_cell(cells[row.label, number], words) for number in range(len(table.columns))),
        )
        for row in table.rows
        if row.label not in _unconfused(table)
    )
    return tuple(_head(column, words) for column in table.columns), rows


def _unconfused(table: ConfusionRecord) -> tuple[str, ...]:
    """Labels of which every image is taken for its own class: named below a table that shows others; else none."""
    confused = {cell.label for cell in table.cells if cell.n and not cell.right}
    confused |= {row.label for row in table.rows if row.missing or not row.n}
    return tuple(row.label for row in table.rows if row.label not in confused) if confused and not table.pairs else ()


def _pairs(table: ConfusionRecord, words: Words) -> tuple[tuple[str, ...], tuple[RowView, ...]]:
    """One row a pair, the most frequent first."""
    sizes = {row.label: row for row in table.rows}
    rows = tuple(
        RowView(
            cell.label,
            words.ngettext("images_counted", _asked(sizes[cell.label])),
            (CellView(_named(table.columns[cell.column], words)), _cell(cell, words)),
        )
        for cell in table.cells
    )
    return (words._("prediction"), words._("share_of_the_labels_images")), rows


def _asked(row: ConfusionRow) -> int:
    return row.n + row.missing


def _cell(cell: ConfusionCell, words: Words) -> CellView:
    """Its share, the range between its bounds, and the count; the worse, the darker."""
    if cell.share is None:
        return CellView("–")
    badness = 1 - cell.share if cell.right else cell.share
    return CellView(
        words.tick(cell.share, "percent", digits_of("percent", 1)),
        interval_text(cell.lower, cell.upper, "percent", words),
        words.ngettext("images_counted", cell.n),
        round(badness * (TONES - 1)),
    )


def _head(column: ConfusionColumn, words: Words) -> str:
    named = _named(column, words)
    return words._("taken_for", name=named) if column.kind == "class" else named


def _named(column: ConfusionColumn, words: Words) -> str:
    if column.kind == "class":
        return column.name or ""
    if column.kind == "none":
        return words._("none_of_the_labels")
    return words.ngettext("other_classes", column.classes)


def _notes(table: ConfusionRecord, words: Words) -> list[str]:
    notes = []
    if right := _unconfused(table):
        notes.append(words.ngettext("labels_never_confused", len(right), names=words._("comma").join(right)))
    if any(row.missing for row in table.rows):
        notes.append(words.ngettext("images_without_prediction", sum(row.missing for row in table.rows)))
    if any(cell.clusters is not None for cell in table.cells):
        notes.append(words._("images_counted_together"))
    if table.stopped:
        notes.append(words._("the_audit_could_stop_early"))
    if table.pairs_left_out:
        notes.append(words.ngettext("more_pairs_not_shown", table.pairs_left_out))
    return notes
