"""The three boxes of page one: what was tested, what was not and could have been missed, and what is next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ..advice.kinds import KINDS, searched_kinds
from ..advice.next_steps import STAGES, stage_of, steps_of
from ..evidence.leaves import leaves_of
from ..evidence.record import ContextNode, DataRecord, RunRecord
from ..evidence.states import counted_as
from .checks import checks_view
from .coverage import CoverageRow, ledger_of, not_asked_for, total_ledger, weakest_limit, weakest_text
from .money import money_sentence
from .naming import context_label, short_name
from .next_steps import step_lines
from .notes import missing_text
from .tested import accuracy_as_photographed, model_title, tested_models
from .words import Words

#: so many lines of a box stand on page one, and of the last: with six requirements it still is one sheet of paper
MOST_LINES, MOST_STEPS = 6, 3
_NAMED = 3
#: kinds of masks that came with the data; others are boxes, guesses of a program, or none
_SUPPLIED = ("mask", "polygon", "rle")


@dataclass(frozen=True)
class Box:
    """One box: its heading, its lines, and how many more there are."""

    title: str
    lines: tuple[str, ...]
    more: str = ""


@dataclass(frozen=True)
class StageView:
    """One stage of an audited model's way into use; ``asked``: the run asks for it, ``now``: before the others."""

    name: str
    asked: bool
    now: bool


@dataclass(frozen=True)
class BoxesView:
    """The boxes, the stages, and behind the second box every requirement's values and what it would catch.

    ``photos_help``: more photographs are of use before the model is. ``money``: what mistakes are expected to cost.
    """

    tested: Box
    not_tested: Box
    next: Box
    stages: tuple[StageView, ...]
    coverage: tuple[CoverageRow, ...]
    total: CoverageRow
    photos_help: bool
    money: str = ""


def boxes_view(record: RunRecord, words: Words) -> BoxesView:
    """The three boxes of page one, worked out from the record."""
    words = words.of(record.cases)
    steps = steps_of(record)
    asked = {step.rule.stage for step in steps[:MOST_STEPS]} | {stage_of(steps)}
    return BoxesView(
        _box(words._("box_tested"), tuple(_tested(record, words)), words),
        _box(words._("box_not_tested"), tuple(_not_tested(record, words)), words),
        _box(words._("box_next"), tuple(step_lines(steps, record, words)), words, MOST_STEPS),
        tuple(StageView(words.named("stage", stage), stage in asked, stage == stage_of(steps)) for stage in STAGES),
        tuple(
            CoverageRow(case.name, ledger_of(case, record), _caught(record, at, words))
            for at, case in enumerate(record.cases)
        ),
        CoverageRow(words._("ledger_total"), total_ledger(record), ()),
        any(step.rule.stage in ("photograph", "retrain") for step in steps),
        money_sentence(record, words),
    )


def _box(title: str, lines: tuple[str, ...], words: Words, most: int = MOST_LINES) -> Box:
    more = len(lines) - most
    return Box(title, lines[:most], words.ngettext("and_more", more) if more > 0 else "")


def _caught(record: RunRecord, at: int, words: Words) -> tuple[str, ...]:
    view = checks_view(record.cases[at], words)
    return () if view is None else view.caught


def _tested(record: RunRecord, words: Words) -> Iterator[str]:
    """How many images of which classes, how many of them the models get right, whose masks, what was done to them, and
    the known-bad models."""
    for data in record.data:
        yield _images(data, words)
        yield from _as_photographed(record, data, words)
        if masks := _masks(data, words):
            yield masks
    if not record.data:
        yield words._("no_data_were_read")
    yield from _contexts(record, words)
    if controls := [case for case in record.cases if case.must_fail and case.standing == "counted"]:
        caught = sum(case.verdict == "FAIL" for case in controls)
        yield words._("tested_known_bad", caught=words.count(caught), all=words.count(len(controls)))


def _images(data: DataRecord, words: Words) -> str:
    counts = [n for label, n in data.labels.items() if n]
    images = words.ngettext("images_counted", data.images)
    if data.images < data.available:
        images = words._("images_of_available", images=words.count(data.images), available=words.count(data.available))
    if not counts:
        return words._("as_sentence", text=images)
    classes = words.ngettext("tested_classes", len(counts))
    few, many = words.count(min(counts)), words.count(max(counts))
    if len(counts) == 1:
        each = ""
    elif few == many:
        each = words._("tested_each", n=few)
    else:
        each = words._("tested_each_range", least=few, most=many)
    return words._("tested_images", images=images, classes=classes, each=each)


def _as_photographed(record: RunRecord, data: DataRecord, words: Words) -> Iterator[str]:
    """The accuracy of the models under test on the images as they are, where a requirement needed it."""
    models = tested_models(record)
    found = [
        words._("tested_of_model", model=model_title(one, words), value=value) if len(models) > 1 else value
        for one in models
        if (value := accuracy_as_photographed(record, one, words, data.key))
    ]
    if found:
        yield words._("tested_accuracy", values=words._("comma").join(found))


def _masks(data: DataRecord, words: Words) -> str:
    found: Counter[str] = Counter()
    for kind, n in data.mask_kinds.items():
        found["supplied" if kind in _SUPPLIED else kind] += n
    parts = [
        words._("tested_mask", kind=words.named("mask_origin", kind), n=words.count(n))
        for kind, n in sorted(found.items())
        if n
    ]
    return words._("tested_masks", masks=words._("comma").join(parts)) if parts else ""


def _contexts(record: RunRecord, words: Words) -> Iterator[str]:
    """The changes that requirements ask for: computed ones, and pictures that the data bring."""
    leaves = [leaf for case in record.cases if not case.must_fail for leaf in leaves_of(case.left)]
    asked = [leaf.contexts or leaf.doses[0].contexts if leaf.doses else leaf.contexts for leaf in leaves]
    found = [[node for node in contexts if node.family != "control"] for contexts in asked]
    computed = [contexts for contexts in found if contexts and not _stored(contexts)]
    stored = [contexts for contexts in found if contexts and _stored(contexts)]
    if computed:
        yield words._("tested_computed", contexts=_listed(computed, words))
    if stored:
        yield words._("tested_stored", contexts=_listed(stored, words))
    searched = {kind for case in record.cases if not case.must_fail for kind in searched_kinds(case)}
    if searched:
        kinds = words._("comma").join(words.named("kind", kind) for kind in KINDS if kind in searched)
        yield words._("tested_searched", kinds=kinds)
    if not computed and not stored and not searched:
        yield words._("tested_as_they_are")


def _stored(contexts: list[ContextNode]) -> bool:
    return any(node.name == "stored" for node in contexts)


def _listed(found: list[list[ContextNode]], words: Words) -> str:
    """Their names, each once; those that do not fit are counted."""
    names = list(dict.fromkeys(context_label(contexts, words) for contexts in found))
    more = len(names) - _NAMED
    said = words._("comma").join(names[:_NAMED])
    return said if more < 1 else words._("two_in_a_row", first=said, second=words.ngettext("and_more", more))


def _not_tested(record: RunRecord, words: Words) -> Iterator[str]:
    """What is declared and not covered, what was not checked, what could be missed, and what was never asked for."""
    if record.quick_look is not None:
        yield words.ngettext("quick_look_explained", record.quick_look)
    elif missing := missing_text(record, words):
        said = missing.rstrip(".。")  # a reason may be a sentence already
        yield words._("as_sentence", text=said[:1].upper() + said[1:] if words.language == "en" else said)
    yield from _classes_without_images(record, words)
    yield from _unchecked(record, words)
    if weakest := weakest_limit(record):
        yield weakest_text(weakest[0], words)
    ledger = total_ledger(record)
    if ledger.asked:
        yield words.ngettext("ledger_complete", ledger.asked) if ledger.complete else ledger.text(words)
    if kinds := not_asked_for(record):
        names = words._("comma").join(words.named("kind", kind) for kind in kinds)
        yield words._("not_asked_for", kinds=names)
    if not any(case.must_fail for case in record.cases):
        yield words._("no_known_bad_short")


def _unchecked(record: RunRecord, words: Words) -> Iterator[str]:
    if record.checks == "off":
        yield words._("checks_off_short")
        return
    off = [case for case in record.cases if {"checks_off", "checks_left_out"} & {*case.weakened} and counted_as(case)]
    if off:
        yield words.ngettext("checks_off_for", len(off))


def _classes_without_images(record: RunRecord, words: Words) -> Iterator[str]:
    """Classes of the models that no image shows: only where few are missing, since data often show a part of them."""
    labels = {label for data in record.data for label, n in data.labels.items() if n}
    for model in record.models:
        if not labels <= {*(model.classes or ())}:
            continue
        absent = [name for name in model.classes or () if name not in labels]
        if absent and len(absent) < len(model.classes or ()) / 2:
            more = len(absent) - _NAMED
            names = words._("comma").join(map(short_name, absent[:_NAMED]))
            if more > 0:
                names = words._("two_in_a_row", first=names, second=words.ngettext("and_more", more))
            yield words._("classes_without_images", names=names)
            return
