"""The galleries: captions the pictures of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..evidence.leaves import contexts_of
from ..evidence.record import CaseRecord, GalleryRow, Panel, RunRecord
from .image_values import about_right_answers, area_text, image_caption
from .naming import context_label, method_text
from .pictures import EmbeddedLines, EmbeddedPicture, Pictures
from .sentences import tries_backgrounds
from .words import Words

#: by whether the answer was right on the original, and under the change
_ENDINGS = {
    (True, False): "newly_wrong",
    (False, False): "still_wrong",
    (False, True): "recovered",
    (True, True): "still_right",
}
#: from which share on the object on a map's heat is said to be mostly there
_MOSTLY = 0.5


@dataclass(frozen=True)
class PanelView:
    """One picture of a row with what stands round it; ``right`` is None if nothing says it.

    ``map``, ``contours`` and ``outline`` are laid over the picture (`panel.html.j2`); an image alone may have an
    outline too, which is shown on demand. ``heat`` says where a map's heat is, and ``donor`` who lent the background.
    """

    heading: str
    prediction: str
    alternative: str
    picture: EmbeddedPicture | None
    right: bool | None
    kind: Literal["original", "context", "attribution"] = "original"
    map: EmbeddedPicture | None = None
    contours: EmbeddedLines | None = None
    outline: EmbeddedLines | None = None
    heat: str = ""
    donor: str = ""


@dataclass(frozen=True)
class GalleryRowView:
    """One row of a gallery; ``area`` is empty where there is no mask.

    ``group``: the heading that it stands under, ``place`` the order of that heading.
    """

    heading: str
    row: GalleryRow
    area: str
    value: str
    panels: tuple[PanelView, ...]
    group: str = ""
    place: int = 0


@dataclass(frozen=True)
class GalleryGroup:
    """Rows under one heading."""

    title: str
    rows: tuple[GalleryRowView, ...]


def grouped(rows: Sequence[GalleryRowView]) -> tuple[GalleryGroup, ...]:
    """Rows by their headings, the worst first."""
    titles = dict.fromkeys(row.group for row in sorted(rows, key=lambda row: row.place))
    return tuple(GalleryGroup(title, tuple(row for row in rows if row.group == title)) for title in titles)


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
        panels.append(_panel(record, case, panel, row, " · ".join(parts), words, pictures))
    area, value = area_text(row.object_area, words), image_caption(case, row.value, words)
    heading, ending = words.named("rank", row.rank), _ending(record, case, row)
    group = words.named("gallery_group", ending) if ending else heading
    place = 0 if ending is None else list(_ENDINGS.values()).index(ending)
    return GalleryRowView(heading, row, area, value, tuple(panels), group, place)


def _ending(record: RunRecord, case: CaseRecord, row: GalleryRow) -> str | None:
    """What a change did to the answer, where a requirement is about right answers and shows one change; else None."""
    images = [panel for panel in row.panels if panel.kind != "attribution"]
    one_change = [panel.kind for panel in images] == ["original", "context"] and len({p.model for p in images}) == 1
    if not about_right_answers(case.left) or not one_change:
        return None
    before, after = (_is_right(record, panel, row.label) for panel in images)
    if before is None or after is None:
        return None
    return _ENDINGS[before, after]


def _panel(
    record: RunRecord,
    case: CaseRecord,
    panel: Panel,
    row: GalleryRow,
    heading: str,
    words: Words,
    pictures: Pictures,
) -> PanelView:
    prediction = panel.prediction or ""
    if prediction and panel.probability is not None:
        share = words.quantity(panel.probability, "percent", 0)
        prediction = words._("prediction_and_probability", prediction=prediction, probability=share)
    right = _is_right(record, panel, row.label)
    layers = pictures.layers(panel, row)
    donor = pictures.donors.get((case.data or "", f"{panel.model}|{panel.context}", row.sample))
    return PanelView(
        heading,
        prediction,
        _alternative(panel, row, heading, prediction, right, words),
        layers.image,
        right,
        panel.kind,
        layers.map,
        layers.contours,
        layers.outline,
        "" if panel.share_on_object is None else words._("heat_on_object", share=_share(panel.share_on_object, words)),
        words._("background_lent_by", donor=donor) if donor and panel.kind == "context" else "",
    )


def _alternative(panel: Panel, row: GalleryRow, heading: str, prediction: str, right: bool | None, words: Words) -> str:
    """What a picture shows, what the model made of it and whether that is right, and where a map's heat is."""
    text = words._("heading_and_sample", heading=heading, sample=row.sample)
    if prediction:
        text = words._("picture_predicted_as", picture=text, prediction=prediction)
    if right is not None:
        answer = words._("answer_is_right") if right else words._("answer_is_wrong", label=row.label)
        text = words._("comma").join((text, answer))
    return words._("semicolon").join((text, *_heat_said(panel, words)))


def _heat_said(panel: Panel, words: Words) -> list[str]:
    """*mostly on the background (72%), most of it at the top left*; empty without a map."""
    said = []
    if (share := panel.share_on_object) is not None:
        if share >= _MOSTLY:
            said.append(words._("heat_mostly_on_object", share=_share(share, words)))
        else:
            said.append(words._("heat_mostly_on_background", share=_share(1 - share, words)))
    if panel.heat_at is not None:
        said.append(words.named("heat_at", panel.heat_at))
    return said


def _share(share: float, words: Words) -> str:
    return words.quantity(share, "percent", 0)


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
    """None if nothing was predicted. An older record does not say it: then the names decide, if the label is a class
    of the model."""
    if panel.right is not None:
        return panel.right
    classes = next((model.classes for model in record.models if model.key == panel.model), None)
    return panel.prediction == label if panel.prediction and classes and label in classes else None


def _model_name(record: RunRecord, key: str) -> str:
    return next((model.names[0] for model in record.models if model.key == key and model.names), key)
