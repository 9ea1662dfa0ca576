"""The answers of a comparison: which images became wrong or right, by class and group, and their pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..evidence.record import GalleryRow, Panel
from ..releases.comparison_record import AnswerComparison, ChangedAnswer, ComparisonRecord, PartComparison
from .cases import Badge
from .comparison_requirements import IntervalView, change_text, outcome_badge, part_interval
from .gallery import PanelView
from .naming import method_text, short_reference
from .pictures import EmbeddedLines, EmbeddedPicture, Layers, layers_of
from .words import Words

#: rows of a table of classes or groups, unfolded and at most, and ids of changed images; all of them are in diff.json
MOST_UNFOLDED, MOST_PARTS, MOST_LISTED = 10, 60, 300
_ORDER = ("worse", "cannot_tell", "not_comparable", "better", "equivalent")


@dataclass(frozen=True)
class PartView:
    """A class or group: its shares of right answers, their change, and how many images changed sides."""

    name: str
    images: str
    old: str
    new: str
    change: str
    interval: IntervalView | None
    newly_wrong: str
    recovered: str
    badge: Badge
    worse: bool


@dataclass(frozen=True)
class PartsView:
    """Classes or groups, the worst first: those that say something, the others, and how many more there are."""

    first: tuple[PartView, ...] = ()
    folded: tuple[PartView, ...] = ()
    left_out: int = 0

    @property
    def rows(self) -> tuple[PartView, ...]:
        """All that are shown."""
        return (*self.first, *self.folded)


@dataclass(frozen=True)
class StripView:
    """An image that changed sides: what the models saw, and each one's map and answer.

    ``cells``: the pictures that both saw, then each side's map with its answer (or the answer alone); where they saw
    different pictures, as with another preprocessing, those of a side go before its map.
    """

    sample: str
    renamed: str
    label: str
    group: str
    cells: tuple[PanelView, ...]

    @property
    def parts(self) -> Iterator[EmbeddedPicture | EmbeddedLines]:
        """What has to be embedded for it."""
        for cell in self.cells:
            for part in (cell.picture, cell.map, cell.contours, cell.outline):
                if part is not None:
                    yield part


@dataclass(frozen=True)
class ChangedView:
    """The images of one way to change: how many, their ids, and strips of the first few."""

    title: str
    strips: tuple[StripView, ...]
    listed: tuple[str, ...]
    left_out: int


@dataclass(frozen=True)
class AnswerView:
    """The answers of a pair of models under one context."""

    title: str
    context: str
    summary: str
    classes: PartsView
    groups: PartsView
    changed: tuple[ChangedView, ...]
    balance: int


def answer_views(
    record: ComparisonRecord, by_file: Mapping[str, EmbeddedPicture], words: Words
) -> tuple[AnswerView, ...]:
    """Every pair of models and context, first where most answers got lost."""
    models = {(one.model_old, one.model_new) for one in record.answers}
    data = {one.data for one in record.answers}
    views = [_view(one, record, by_file, words, (len(models) > 1, len(data) > 1)) for one in record.answers]
    return tuple(sorted(views, key=lambda view: -view.balance))


def context_text(context: str | None, words: Words) -> str:
    """A context by the record's words for it: *background of another class*; of none *original images*."""
    if context is None:
        return words._("original_images")
    labels = []
    for text in [context] if words.phrase("contexts", context) else context.split(" | "):
        phrase = words.phrase("contexts", text)
        if phrase is None:
            labels.append(text)
        else:
            labels.append(
                words._("with_details", what=phrase.label, details=phrase.detail) if phrase.detail else phrase.label
            )
    return " + ".join(labels)


def _capital(text: str, context: str | None) -> str:
    """Words with a capital letter; a context without words as it is written."""
    return text if context is not None and text == context.replace(" | ", " + ") else text[:1].upper() + text[1:]


def model_text(key: str, words: Words) -> str:
    """A model by its key, without the folders where it lay."""
    return short_reference(key.removeprefix("model:"), words)


def _view(
    one: AnswerComparison,
    record: ComparisonRecord,
    by_file: Mapping[str, EmbeddedPicture],
    words: Words,
    named: tuple[bool, bool],
) -> AnswerView:
    context = context_text(one.context, words)
    parts = [_capital(context, one.context)]
    if named[0]:
        pair = [model_text(key, words) for key in (one.model_old, one.model_new)]
        parts.append(pair[0] if pair[0] == pair[1] else words._("diff_old_and_new", old=pair[0], new=pair[1]))
    if named[1]:
        parts.append(one.data.removeprefix("data:"))
    wrong, right = len(one.newly_wrong), len(one.recovered)
    summary = words._(
        "diff_answers",
        images=words.ngettext("diff_common_images", one.images),
        wrong=words.count(wrong),
        recovered=words.count(right),
    )
    changed = [
        ChangedView(
            words.ngettext(key, len(images)),
            tuple(strip for each in images if (strip := _strip(each, lost, by_file, words)) is not None),
            tuple(_listed(each, words) for each in images[:MOST_LISTED]),
            max(0, len(images) - MOST_LISTED),
        )
        for key, images, lost in (
            ("diff_changed.newly_wrong", one.newly_wrong, True),
            ("diff_changed.recovered", one.recovered, False),
        )
        if images
    ]
    return AnswerView(
        " · ".join(parts),
        context,
        summary,
        _parts(one.by_class, record, words),
        _parts(one.by_group, record, words),
        tuple(changed),
        wrong - right,
    )


def _parts(parts: Sequence[PartComparison], record: ComparisonRecord, words: Words) -> PartsView:
    """The classes or groups, the worst first; none where there is only one."""
    if len(parts) < 2:
        return PartsView()
    ordered = sorted(parts, key=lambda one: (_ORDER.index(one.outcome), _change(one) or 0.0))
    telling = [one for one in ordered if one.outcome in ("worse", "better") or one.newly_wrong or one.recovered]
    first = telling[:MOST_UNFOLDED] if len(ordered) > MOST_UNFOLDED else ordered
    folded = [one for one in ordered if one not in first][: MOST_PARTS - len(first)]
    shown, rest = (tuple(_part(one, record, words) for one in some) for some in (first, folded))
    return PartsView(shown, rest, len(parts) - len(first) - len(folded))


def _part(part: PartComparison, record: ComparisonRecord, words: Words) -> PartView:
    old, new = ("–" if one is None else words.quantity(one, "percent", 1) for one in (part.old, part.new))
    return PartView(
        part.name,
        words.count(part.images),
        old,
        new,
        change_text(_change(part), part.lower, part.upper, "points", words),
        part_interval(part, record, words),
        words.count(part.newly_wrong),
        words.count(part.recovered),
        outcome_badge(part.outcome, words),
        part.outcome == "worse",
    )


def _change(part: PartComparison) -> float | None:
    return None if part.old is None or part.new is None else part.new - part.old


def _listed(image: ChangedAnswer, words: Words) -> str:
    """An image as a line of the list: *nut/0007 (nut): nut → bolt*."""
    said = f"{image.id} ({image.label})" if image.id_old == image.id else f"{image.id} ← {image.id_old} ({image.label})"
    answers = [one or "?" for one in (image.predicted_old, image.predicted_new)]
    return said if answers == ["?", "?"] else words._("diff_listed_answer", image=said, old=answers[0], new=answers[1])


def _strip(image: ChangedAnswer, lost: bool, by_file: Mapping[str, EmbeddedPicture], words: Words) -> StripView | None:
    """The pictures of an image; None where there is none. ``lost``: the old answer was right, the new one is not."""
    sides = (("old", image.panels_old, image.predicted_old), ("new", image.panels_new, image.predicted_new))
    apart = bool(image.panels_old and image.panels_new) and _files(image.panels_old) != _files(image.panels_new)
    inputs: list[list[PanelView]] = []
    answers = []
    for (side, panels, known), right in zip(sides, (lost, not lost), strict=True):
        inputs.append(list(_inputs(panels, side if apart else "", image, by_file, words)))
        answers.append(_answer(side, panels, known or "", right, image, by_file, words))
    if not any(inputs):
        return None
    cells = [*inputs[0], answers[0], *inputs[1], answers[1]] if apart else [*(inputs[1] or inputs[0]), *answers]
    renamed = "" if image.id == image.id_old else words._("diff_was_named", name=image.id_old)
    return StripView(image.id, renamed, image.label, image.group or "", tuple(cells))


def _inputs(
    panels: Sequence[Panel], side: str, image: ChangedAnswer, by_file: Mapping[str, EmbeddedPicture], words: Words
) -> Iterator[PanelView]:
    """The original and the changed image, as far as they can be shown."""
    row = GalleryRow(rank="worst", sample=image.id, label=image.label, value=0.0, panels=list(panels))
    for panel in panels:
        if panel.kind != "attribution" and (layers := layers_of(panel, row, by_file)).image is not None:
            yield _input(panel, layers, _input_heading(panel, side, words), image, words)


def _files(panels: Sequence[Panel]) -> set[str]:
    return {panel.file for panel in panels if panel.kind != "attribution"}


def _input_heading(panel: Panel, side: str, words: Words) -> str:
    text = words._("original")
    if panel.kind != "original":
        text = _capital(context_text(panel.context, words), panel.context)
    return words._("diff_seen_by", picture=text, side=words.named("diff_side", side)) if side else text


def _input(panel: Panel, layers: Layers, heading: str, image: ChangedAnswer, words: Words) -> PanelView:
    said = words._("heading_and_sample", heading=heading, sample=image.id)
    return PanelView(heading, "", said, layers.image, None, panel.kind, outline=layers.outline)


def _answer(
    side: str,
    panels: Sequence[Panel],
    prediction: str,
    right: bool,
    image: ChangedAnswer,
    by_file: Mapping[str, EmbeddedPicture],
    words: Words,
) -> PanelView:
    """A side's map with its answer; where there is no map, the answer alone."""
    row = GalleryRow(rank="worst", sample=image.id, label=image.label, value=0.0, panels=list(panels))
    heat_map = next((panel for panel in panels if panel.kind == "attribution"), None)
    said = heat_map or next((panel for panel in reversed(panels) if panel.prediction is not None), None)
    layers = Layers(None) if heat_map is None else layers_of(heat_map, row, by_file)
    if said is not None and said.prediction is not None:
        prediction = said.prediction
        if said.probability is not None:
            share = words.quantity(said.probability, "percent", 0)
            prediction = words._("prediction_and_probability", prediction=prediction, probability=share)
    heading = words.named("diff_side", side)
    if heat_map is not None and heat_map.method:
        heading = words._("value_of_method", value=heading, method=method_text(heat_map.method, words))
    alternative = words._("heading_and_sample", heading=heading, sample=image.id)
    if prediction:
        alternative = words._("picture_predicted_as", picture=alternative, prediction=prediction)
    heat = ""
    if heat_map is not None and heat_map.share_on_object is not None:
        heat = words._("heat_on_object", share=words.quantity(heat_map.share_on_object, "percent", 0))
    return PanelView(
        heading,
        prediction or (words._("diff_right") if right else words._("diff_wrong")),
        words._("semicolon").join(filter(None, (alternative, heat))),
        layers.image,
        right,
        "attribution",
        layers.map,
        layers.contours,
        layers.outline,
        heat,
    )
