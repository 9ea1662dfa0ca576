"""The galleries: chooses, embeds and captions the pictures of a run."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..evidence.record import ArithmeticNode, CaseRecord, CompositeNode, GalleryRow, MeasureNode, Node, Panel, RunRecord
from ..language.regular_files import read_file
from .naming import context_label, method_text
from .sentences import contexts_of, digits_of, tries_backgrounds, unit_of
from .words import Words

#: the pictures that browsers show and that can run nothing, by how their files begin
_KINDS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))
#: bytes of markup around one embedded picture
_AROUND = 200

RowKey = tuple[int, int]


@dataclass(frozen=True)
class EmbeddedPicture:
    """One picture of the record, to be embedded once however many panels show it."""

    id: str
    uri: str


@dataclass(frozen=True)
class Pictures:
    """What the galleries show.

    ``shown`` are the (case, row) positions that fit; ``by_file`` the readable pictures; ``missing`` the files that the
    record names and that are not there, or are no pictures.
    """

    shown: frozenset[RowKey]
    by_file: dict[str, EmbeddedPicture]
    missing: frozenset[str]
    left_out: int

    def embedded(self, record: RunRecord) -> tuple[EmbeddedPicture, ...]:
        """Every picture that a shown row needs, once."""
        found: dict[str, EmbeddedPicture] = {}
        for key, row in _rows(record):
            if key in self.shown:
                for panel in row.panels:
                    if picture := self.by_file.get(panel.file):
                        found.setdefault(picture.id, picture)
        return tuple(found.values())


@dataclass(frozen=True)
class PanelView:
    """One picture of a row with what stands round it; ``right`` is none where nothing says it."""

    heading: str
    prediction: str
    alternative: str
    picture: EmbeddedPicture | None
    right: bool | None


@dataclass(frozen=True)
class GalleryRowView:
    """One row of a gallery; ``area`` is empty where there is no mask."""

    heading: str
    row: GalleryRow
    area: str
    value: str
    panels: tuple[PanelView, ...]


def read_pictures(record: RunRecord, folder: Path) -> tuple[dict[str, EmbeddedPicture], frozenset[str]]:
    """Every picture that the record names, by file, and the names of those that cannot be shown."""
    found: dict[str, EmbeddedPicture] = {}
    missing: set[str] = set()
    for _, row in _rows(record):
        for panel in row.panels:
            if panel.file not in found and panel.file not in missing:
                picture = _read(panel.file, folder)
                if picture is None:
                    missing.add(panel.file)
                else:
                    found[panel.file] = picture
    return found, frozenset(missing)


def choose(record: RunRecord, by_file: dict[str, EmbeddedPicture], missing: frozenset[str], room: int) -> Pictures:
    """The rows whose pictures fit into `room` bytes, each picture counted once.

    Left out first: typical and best rows of cases that ended as they should, then those of the others, then worst
    rows of the former, and the worst rows of what failed last.
    """
    ordered = sorted(_rows(record), key=lambda item: _importance(record.cases[item[0][0]], item[1]))
    shown: set[RowKey] = set()
    embedded: set[str] = set()
    for key, row in ordered:
        new = {by_file[panel.file] for panel in row.panels if panel.file in by_file}
        room -= sum(len(picture.uri) + _AROUND for picture in new if picture.id not in embedded)
        if room < 0:
            break
        shown.add(key)
        embedded.update(picture.id for picture in new)
    return Pictures(frozenset(shown), by_file, missing, len(ordered) - len(shown))


def _importance(case: CaseRecord, row: GalleryRow) -> tuple[int, int]:
    rest = row.rank != "worst"
    return 2 * rest + (case.outcome == "passed"), "worst typical best".index(row.rank)


def _rows(record: RunRecord) -> Iterator[tuple[RowKey, GalleryRow]]:
    for index, case in enumerate(record.cases):
        for position, row in enumerate(case.gallery):
            yield (index, position), row


def _read(file: str, folder: Path) -> EmbeddedPicture | None:
    """The picture, or None: a record may come from anywhere, and names nothing outside its own folder."""
    try:
        path = (folder / file).resolve()
        if not path.is_relative_to(folder.resolve()):
            return None
        content = read_file(path)
    except (OSError, ValueError):
        return None
    kind = next((kind for start, kind in _KINDS if content.startswith(start)), None)
    if kind is None and content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        kind = "image/webp"
    if kind is None:
        return None
    digest = hashlib.sha256(content).hexdigest()
    return EmbeddedPicture(f"p{digest[:16]}", f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}")


def gallery_row(
    record: RunRecord, case: CaseRecord, row: GalleryRow, words: Words, pictures: Pictures
) -> GalleryRowView:
    """One row of a gallery: its pictures with their headings and predictions."""
    several_models = len({panel.model for panel in row.panels}) > 1
    several_contexts = len({panel.context for panel in row.panels if panel.kind == "attribution"}) > 1
    panels = []
    for panel in row.panels:
        parts = [_panel_heading(panel, case, words)]
        if several_contexts and panel.kind == "attribution":
            parts.append(_context_heading(panel, case, words))
        if several_models:
            parts.append(_model_name(record, panel.model))
        panels.append(_panel(record, panel, row, " · ".join(parts), words, pictures))
    area, value = area_text(row.object_area, words), image_caption(case, row.value, words)
    return GalleryRowView(words.named("rank", row.rank), row, area, value, tuple(panels))


def _panel(
    record: RunRecord, panel: Panel, row: GalleryRow, heading: str, words: Words, pictures: Pictures
) -> PanelView:
    alternative = words._("heading_and_sample", heading=heading, sample=row.sample)
    prediction = panel.prediction or ""
    if prediction and panel.probability is not None:
        share = words.quantity(panel.probability, "percent", 0)
        prediction = words._("prediction_and_probability", prediction=prediction, probability=share)
    if prediction:
        alternative = words._("picture_predicted_as", picture=alternative, prediction=prediction)
    right = _is_right(record, panel, row.label)
    return PanelView(heading, prediction, alternative, pictures.by_file.get(panel.file), right)


def _panel_heading(panel: Panel, case: CaseRecord, words: Words) -> str:
    if panel.kind == "original":
        return words._("original")
    if panel.kind == "context":
        return _context_heading(panel, case, words)
    return (
        words._("heat_map_by_method", method=method_text(panel.method, words)) if panel.method else words._("heat_map")
    )


def _context_heading(panel: Panel, case: CaseRecord, words: Words) -> str:
    named = {" | ".join(node.text for node in nodes): nodes for nodes in contexts_of(case.left)}
    if not panel.context:
        return words._("original")
    if panel.context not in named:
        return panel.context
    label = context_label(named[panel.context], words)
    if tries_backgrounds(case.left):  # the pictures are those of the pass, and another one may have flipped the answer
        label = words._("with_details", what=label, details=words._("the_first_that_was_tried"))
    return label[:1].upper() + label[1:]


def _is_right(record: RunRecord, panel: Panel, label: str) -> bool | None:
    """None where nothing was predicted. An older record does not say it: then the names decide, if the label is a class
    of the model."""
    if panel.right is not None:
        return panel.right
    classes = next((model.classes for model in record.models if model.key == panel.model), None)
    return panel.prediction == label if panel.prediction and classes and label in classes else None


def _model_name(record: RunRecord, key: str) -> str:
    return next((model.names[0] for model in record.models if model.key == key and model.names), key)


#: what 1 and 0 say of one image, by measure
_SINGLE: dict[str, tuple[str, str]] = {
    "accuracy": ("right", "wrong"),
    "flip_rate": ("answer_changed", "answer_kept"),
}
_LOST = "right_then_wrong"
_GAINED = "wrong_then_right"
_SAME = "no_difference"
_AREA_DIGITS_BELOW = 0.0995


def image_value(case: CaseRecord, value: float, words: Words) -> str:
    """*wrong*, *answer kept*, *right before, wrong under the change*; the number where no word says it."""
    word = _word(case.left, value)
    return words.quantity(value, unit_of(case.left), digits_of(case)) if word is None else words.named("image", word)


def image_caption(case: CaseRecord, value: float, words: Words) -> str:
    """As `image_value`, a number announced as one: *value 0.648 (largest over the methods)*."""
    if _word(case.left, value) is not None:
        return image_value(case, value, words)
    text, methods = words._("value_shown", value=image_value(case, value, words)), over_methods(case, words)
    return words._("value_of_method", value=text, method=methods) if methods else text


def over_methods(case: CaseRecord, words: Words) -> str:
    """Which of several methods the value of one image is that of; empty where there are not several.

    It is the one that speaks most against the expectation, taken for each measure of the left side by itself.
    """
    largest = case.op in ("<", "<=")
    if _open_curve(case.left):
        return words._("at_its_worst_dose")
    if not _several_methods(case.left):
        return ""
    if isinstance(case.left, MeasureNode):
        return words._("largest_over_the_methods") if largest else words._("smallest_over_the_methods")
    if largest:
        return words._("from_the_largest_of_each")
    return words._("from_the_smallest_of_each")


def area_text(area: float | None, words: Words) -> str:
    """*object 83% of the image*; empty where the area is not known."""
    if area is None:
        return ""
    digits = 1 if area < _AREA_DIGITS_BELOW else 0
    return words._("object_share_of_image", area=words.quantity(area, "percent", digits))


def _open_curve(node: Node) -> bool:
    """Whether a curve is compared as it is, and so must hold at every dose."""
    if isinstance(node, ArithmeticNode):
        return _open_curve(node.left) or _open_curve(node.right)
    return node.curve if isinstance(node, CompositeNode) else isinstance(node, MeasureNode) and bool(node.doses)


def _several_methods(node: Node) -> bool:
    if isinstance(node, ArithmeticNode):
        return _several_methods(node.left) or _several_methods(node.right)
    return isinstance(node, MeasureNode) and len(node.methods) > 1


def _word(node: Node, value: float) -> str | None:
    """The key of the word of a value; None for anything but a proportion of one image."""
    if isinstance(node, CompositeNode):  # of a worst group: right under every context, or wrong under one
        return _word(node.of[0], value) if node.name == "worst_group_accuracy" else None
    if isinstance(node, MeasureNode):
        if node.measure not in _SINGLE or value not in (0.0, 1.0):
            return None
        return _SINGLE[node.measure][value == 0.0]
    sign = _direction(node)
    if not sign or value not in (-1.0, 0.0, 1.0):
        return None
    return {1.0: _LOST, 0.0: _SAME, -1.0: _GAINED}[sign * value]


def _direction(node: Node) -> int:
    """1 for ``accuracy - accuracy.under(c)``, -1 for ``accuracy.under(c) - accuracy``, 0 for anything else."""
    if not isinstance(node, ArithmeticNode) or node.op != "-":
        return 0
    left, right = node.left, node.right
    if not isinstance(left, MeasureNode) or not isinstance(right, MeasureNode):
        return 0
    if not left.measure == right.measure == "accuracy":
        return 0
    if (left.model, left.stratum) != (right.model, right.stratum):
        return 0
    before, after = _on_originals(left), _on_originals(right)
    return 0 if before == after else 1 if before else -1


def _on_originals(node: MeasureNode) -> bool:
    return all(context.name == "original" for context in node.contexts)
