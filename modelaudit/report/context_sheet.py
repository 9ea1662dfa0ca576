"""The page of ``modelaudit contexts show``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..language.findings import ContextCell, ContextRow
from .sheet import Picture, Section, Sheet, Strip
from .words import N_, Words

FAMILIES: dict[str, tuple[str, str]] = {
    "change": (N_("Change"), N_("The object stands before another background.")),
    "perturbation": (N_("Perturbation"), N_("The same surroundings, degraded.")),
    "no_information": (N_("No information"), N_("The object or the background carries none.")),
    "control": (N_("Control"), N_("They test the audit itself, and may change nothing.")),
}


def context_sheet(
    reference: str,
    originals: Sequence[ContextCell],
    rows: Sequence[ContextRow],
    labels: Mapping[str, str],
    *,
    size: int,
    seed: int,
    words: Words,
) -> Sheet:
    """The page: the images as they are, then every context by family.

    Args:
        labels: of the samples that are shown, by id.
    """
    _ = words._
    shown = sum(not row.message for row in rows)
    others = len(rows) - shown
    headline = words.ngettext("{n} context on these images", "{n} contexts on these images", shown)
    missing = words.ngettext("{n} that cannot be shown", "{n} that cannot be shown", others) if others else ""
    return Sheet(
        kind=_("Contexts on your images, before any model is run"),
        title=reference,
        facts=(
            (_("Images"), words.count(len(originals))),
            (_("Frame"), f"{size} x {size}"),
            (_("Seed"), str(seed)),
        ),
        headline=_("{first}, {second}.", first=headline, second=missing) if missing else _("{text}.", text=headline),
        tone="remark" if others else "",
        sections=(_images(originals, labels, words), *_families(rows, words)),
    )


def _images(originals: Sequence[ContextCell], labels: Mapping[str, str], words: Words) -> Section:
    pictures = tuple(
        Picture(
            cell.picture,
            cell.sample,
            (
                words._("label {label}", label=labels[cell.sample]),
                *((words._("no mask"),) if cell.absence == "needs_mask" else ()),
            ),
        )
        for cell in originals
    )
    about = words._("As a model would see them. The line round an object is the outline of its mask.")
    strips = (Strip(pictures, text=about),) if pictures else ()
    return Section(words._("The images"), layout="rows", strips=strips)


def _families(rows: Sequence[ContextRow], words: Words) -> list[Section]:
    sections = []
    for family in (*FAMILIES, *sorted({row.family for row in rows} - set(FAMILIES))):
        own = [row for row in rows if row.family == family]
        if own:
            title, text = FAMILIES.get(family, (family, ""))
            sections.append(
                Section(
                    words._(title),
                    count=words.count(len(own)),
                    text=words._(text) if text else "",
                    layout="rows",
                    strips=tuple(_strip(row, words) for row in own),
                )
            )
    return sections


def _strip(row: ContextRow, words: Words) -> Strip:
    note = words._("Cannot be shown: {why}", why=row.message) if row.message else ""
    if row.cells and all(cell.absence == "needs_mask" for cell in row.cells):
        note = words._("It needs masks, and none of these images has one.")
    pictures = () if note else tuple(_picture(cell, words) for cell in row.cells)
    return Strip(pictures, code=row.text, text=row.sentence, note=note)


def _picture(cell: ContextCell, words: Words) -> Picture:
    absence = {
        "": "",
        "needs_mask": words._("needs a mask, and the image has none"),
        "impossible": words._("has no meaning on this image (no object, no background, or nobody to lend one)"),
    }[cell.absence]
    lines = (
        *((words._("background of {sample}", sample=cell.donor),) if cell.donor else ()),
        *((words._("unchanged"),) if cell.unchanged else ()),
    )
    return Picture(cell.picture, lines=lines, absence=absence)
