"""What fails where: the matrices of the record, class by context, and which classes need more images."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..evidence.record import MatrixCell, MatrixRecord, RunRecord
from .confusion import confusion_view
from .grid import TONES, CellView, MatrixView, RowView, capitalised, data_name, digits_of, interval_text, model_name
from .naming import context_label, noun_of
from .sentences import unit_of
from .shopping import shopping_list
from .words import Words

#: so many names of contexts fit above their columns; more are numbered
_NAMED = 4
#: so many confusion tables are shown
_CONFUSIONS = 4


@dataclass(frozen=True)
class ByClassView:
    """The section: its matrices, its lines of (what to do, why), and what is to be known of both."""

    intro: str
    matrices: tuple[MatrixView, ...]
    wanted: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def by_class_view(record: RunRecord, words: Words) -> ByClassView | None:
    """The section in words; None if the record has no matrix."""
    found = record.by_class
    if found is None or not (found.matrices or found.confusions):
        return None
    notes = []
    left_out = found.matrices_left_out + max(0, len(found.confusions) - _CONFUSIONS)
    if left_out:
        notes.append(words.ngettext("more_tables_not_shown", left_out))
    wanted, wanted_left_out = shopping_list(record, words)
    if wanted_left_out:
        notes.append(words.ngettext("more_images_of_at_least", wanted_left_out))
    if found.unread:
        names = words._("comma").join(found.unread)
        notes.append(words._("not_shown_because_the_measure", names=names))
    intro = ""
    if found.matrices:
        confidence = words.limit(found.matrices[0].confidence, "percent")
        intro = words._("each_cell_is_the_mean", confidence=confidence)
    return ByClassView(
        intro,
        (
            *_confusions(record, words),
            *(_matrix(matrix, record, words) for matrix in found.matrices),
        ),
        wanted,
        tuple(notes),
    )


def _confusions(record: RunRecord, words: Words) -> list[MatrixView]:
    """The confusion tables; how they are read stands above the first of each kind."""
    found: list[MatrixView] = []
    for one in [] if record.by_class is None else record.by_class.confusions[:_CONFUSIONS]:
        view = confusion_view(one, record, words)
        said = any(other.intro == view.intro for other in found)
        found.append(replace(view, intro="") if said else view)
    return found


def _matrix(matrix: MatrixRecord, record: RunRecord, words: Words) -> MatrixView:
    names = tuple(context_label(context.contexts, words) for context in matrix.contexts)
    numbered = names if len(names) > _NAMED else ()
    heads = tuple(str(at + 1) for at in range(len(names))) if numbered else names
    by_label: dict[str, list[MatrixCell]] = {}
    for cell in matrix.cells:
        by_label.setdefault(cell.label, []).append(cell)
    return MatrixView(
        capitalised(noun_of(matrix.measure, words), words),
        model_name(matrix.model, record, words),
        data_name(matrix.data, record),
        heads,
        numbered,
        tuple(_row(label, cells, matrix, words) for label, cells in by_label.items()),
        tuple(_notes(matrix, words)),
        words._("class"),
    )


def _row(label: str, cells: list[MatrixCell], matrix: MatrixRecord, words: Words) -> RowView:
    images = max(cell.n + cell.missing for cell in cells)
    found = {cell.context: _cell(cell, matrix, words) for cell in cells}
    return RowView(
        label,
        words.ngettext("images_counted", images),
        tuple(found.get(at, CellView("–")) for at in range(len(matrix.contexts))),
    )


def _cell(cell: MatrixCell, matrix: MatrixRecord, words: Words) -> CellView:
    images = "" if not cell.missing else f"{words.count(cell.n)} / {words.count(cell.n + cell.missing)}"
    if cell.mean is None:
        return CellView("–", images=images)
    unit = unit_of(matrix.measure)
    return CellView(
        words.tick(cell.mean, unit, digits_of(unit, 1)),
        interval_text(cell.lower, cell.upper, unit, words),
        images,
        _tone(cell.mean, matrix),
        cell.few,
    )


def _tone(mean: float, matrix: MatrixRecord) -> int:
    """How bad a value is, in steps: within the measure's range, or where that is open within the values shown."""
    means = [cell.mean for cell in matrix.cells if cell.mean is not None]
    low = min(means) if matrix.low is None else matrix.low
    high = max(means) if matrix.high is None else matrix.high
    if high <= low:
        return 0
    share = min(1.0, max(0.0, (mean - low) / (high - low)))
    return round((share if matrix.measure.better == "low" else 1 - share) * (TONES - 1))


def _notes(matrix: MatrixRecord, words: Words) -> list[str]:
    notes = []
    if any(cell.few for cell in matrix.cells):
        notes.append(words._("few_images"))
    if any(cell.clusters is not None for cell in matrix.cells):
        notes.append(words._("images_counted_together"))
    if any(cell.missing for cell in matrix.cells):
        notes.append(words._("images_without_value"))
    if matrix.stopped:
        notes.append(words._("the_audit_could_stop_early"))
    if matrix.labels_left_out:
        notes.append(
            words.ngettext(
                "more_classes_not_shown",
                matrix.labels_left_out,
            )
        )
    if matrix.contexts_left_out:
        notes.append(
            words.ngettext(
                "better_contexts_not_shown",
                matrix.contexts_left_out,
            )
        )
    return notes
