"""The pages of ``modelaudit contexts show`` and ``modelaudit masks``, and the parts that all such pages are made of."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from ..language.findings import ContextCell, ContextRow, MaskMade
from .render import filled, spoken, templates
from .words import Words, words_of

Tone = Literal["problem", "remark", "fine", ""]


@dataclass(frozen=True)
class Picture:
    """One picture and what stands below it.

    Args:
        content: JPEG; empty where there is nothing to show, and `absence` says why.
        title: the first line of the caption.
        lines: the other ones.
    """

    content: bytes
    title: str = ""
    lines: tuple[str, ...] = ()
    absence: str = ""

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return f"data:image/jpeg;base64,{base64.b64encode(self.content).decode('ascii')}"


@dataclass(frozen=True)
class Strip:
    """Pictures that belong together, and what is said of them: `code` (set as it is written) and `text` before them,
    `note` after them."""

    pictures: tuple[Picture, ...]
    code: str = ""
    text: str = ""
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of texts; columns from the second on are numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Section:
    """One part of the page.

    Args:
        layout: "cards" shows strips side by side, "rows" one below the other, text next to the pictures.
        wide: tables take the width of the page.
        left_out: what is not shown.
    """

    heading: str
    tone: Tone = ""
    count: str = ""
    text: str = ""
    layout: Literal["cards", "rows"] = "cards"
    strips: tuple[Strip, ...] = ()
    tables: tuple[Table, ...] = ()
    wide: bool = False
    lines: tuple[tuple[str, str], ...] = ()
    left_out: str = ""


@dataclass(frozen=True)
class Sheet:
    """The page.

    Args:
        kind: what sort of page it is.
        facts: what stands under the title: name and value.
        headline: the page in one sentence, in the colour of its `tone`.
    """

    kind: str
    title: str
    facts: tuple[tuple[str, str], ...]
    headline: str
    tone: Tone
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()
    legend: str = ""

    @property
    def columns(self) -> int:
        """The most pictures that a row has."""
        rows = (strip for section in self.sections if section.layout == "rows" for strip in section.strips)
        return max((len(strip.pictures) for strip in rows), default=1) or 1


def render_sheet(sheet: Sheet, *, language: str = "en") -> str:
    """The page as one HTML file that needs no other file.

    Raises:
        ResultsError: an unknown language.
    """
    words_of(language)
    environment = templates(None, escape=True)
    styles = Markup(filled(environment, "sheet.css", sheet=sheet))
    return filled(environment, "sheet.html.j2", sheet=sheet, styles=styles, language=language, **spoken(language))


FAMILIES = ("change", "perturbation", "no_information", "control")


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
    headline = words.ngettext("contexts_on_these_images", shown)
    missing = words.ngettext("contexts_not_shown", others) if others else ""
    return Sheet(
        kind=_("contexts_on_your_images_before"),
        title=reference,
        facts=(
            (_("images"), words.count(len(originals))),
            (_("frame"), f"{size} x {size}"),
            (_("seed"), str(seed)),
        ),
        headline=_("two_as_sentence", first=headline, second=missing) if missing else _("as_sentence", text=headline),
        tone="remark" if others else "",
        sections=(_images(originals, labels, words), *_families(rows, words)),
    )


def _images(originals: Sequence[ContextCell], labels: Mapping[str, str], words: Words) -> Section:
    pictures = tuple(
        Picture(
            cell.picture,
            cell.sample,
            (
                words._("label_of_sample", label=labels[cell.sample]),
                *((words._("no_mask"),) if cell.absence == "needs_mask" else ()),
            ),
        )
        for cell in originals
    )
    about = words._("as_a_model_would_see")
    strips = (Strip(pictures, text=about),) if pictures else ()
    return Section(words._("the_images"), layout="rows", strips=strips)


def _families(rows: Sequence[ContextRow], words: Words) -> list[Section]:
    sections = []
    for family in (*FAMILIES, *sorted({row.family for row in rows} - set(FAMILIES))):
        own = [row for row in rows if row.family == family]
        if own:
            sections.append(
                Section(
                    words.named("family", family),
                    count=words.count(len(own)),
                    text=words.named("about_family", family) if family in FAMILIES else "",
                    layout="rows",
                    strips=tuple(_strip(row, words) for row in own),
                )
            )
    return sections


def _strip(row: ContextRow, words: Words) -> Strip:
    note = words._("cannot_be_shown_because", why=row.message) if row.message else ""
    if row.cells and all(cell.absence == "needs_mask" for cell in row.cells):
        note = words._("it_needs_masks_and_none")
    pictures = () if note else tuple(_picture(cell, words) for cell in row.cells)
    return Strip(pictures, code=row.text, text=row.sentence, note=note)


def _picture(cell: ContextCell, words: Words) -> Picture:
    absence = {
        "": "",
        "needs_mask": words._("needs_a_mask_and_the"),
        "impossible": words._("has_no_meaning_on_this"),
    }[cell.absence]
    lines = (
        *((words._("background_of_sample", sample=cell.donor),) if cell.donor else ()),
        *((words._("unchanged"),) if cell.unchanged else ()),
    )
    return Picture(cell.picture, lines=lines, absence=absence)


_TOLD = 200
#: what can be wrong with a mask, the worst first
REMARKS = ("empty", "full", "tiny", "many_pieces", "touches_border")


@dataclass(frozen=True)
class ShownMasks:
    """The masks that the page shows: those with a remark, by the first that they have, then others."""

    by_remark: Mapping[str, tuple[MaskMade, ...]]
    others: tuple[MaskMade, ...]
    left_out: int

    @property
    def ids(self) -> frozenset[str]:
        """Every sample whose picture is needed."""
        return frozenset(one.id for group in (*self.by_remark.values(), self.others) for one in group)


def choose_masks(made: Sequence[MaskMade], most: int) -> ShownMasks:
    """At most `most` masks; those with remarks first."""
    done = [one for one in made if one.outcome != "failed"]
    by_remark: dict[str, tuple[MaskMade, ...]] = {}
    room = most
    for remark in REMARKS:
        own = [one for one in done if one.remarks and one.remarks[0] == remark]
        by_remark[remark] = tuple(own[:room])
        room -= len(by_remark[remark])
    others = [one for one in done if not one.remarks]
    shown = tuple(others[:: max(1, -(-len(others) // room))][:room]) if room else ()
    return ShownMasks(by_remark, shown, len(done) - sum(map(len, by_remark.values())) - len(shown))


def mask_sheet(
    reference: str, by: str, made: Sequence[MaskMade], choice: ShownMasks, pictures: Mapping[str, bytes], words: Words
) -> Sheet:
    """The page, with the pictures of the samples that were chosen, by id."""
    _ = words._
    count = {outcome: sum(one.outcome == outcome for one in made) for outcome in ("made", "kept", "failed")}
    text = words.ngettext("masks_were_made", count["made"])
    if count["kept"]:
        kept = words.ngettext("masks_were_there", count["kept"])
        text = _("two_in_a_row", first=text, second=kept)
    if count["failed"]:
        failed = words.ngettext("masks_failed", count["failed"])
        text = _("two_in_a_row", first=text, second=failed)
    notes = [_("look_at_every_one_of")]
    if choice.left_out:
        notes.append(words.ngettext("masks_not_shown", choice.left_out))
    return Sheet(
        kind=_("masks_made_by_a_machine"),
        title=reference,
        facts=((_("made_by"), by), (_("masks"), words.count(count["made"] + count["kept"]))),
        headline=_("as_sentence", text=text),
        tone="problem" if count["failed"] else "remark" if any(choice.by_remark.values()) else "fine",
        sections=tuple(_sections(made, choice, pictures, words)),
        notes=tuple(notes),
        legend=_("the_line_round_an_object"),
    )


def _sections(
    made: Sequence[MaskMade], choice: ShownMasks, pictures: Mapping[str, bytes], words: Words
) -> list[Section]:
    _ = words._
    failed = [one for one in made if one.outcome == "failed"]
    sections = []
    if failed:
        sections.append(
            Section(
                _("masks_that_could_not_be"),
                tone="problem",
                count=words.count(len(failed)),
                lines=tuple((one.id, one.message) for one in failed[:_TOLD]),
                left_out=_more(len(failed) - _TOLD, words),
            )
        )
    for remark, own in choice.by_remark.items():
        if own:
            every = sum(remark in one.remarks for one in made)
            sections.append(
                Section(
                    words.named("remark", remark),
                    tone="remark",
                    count=words.count(every),
                    text=words.named("remark_advice", remark),
                    strips=tuple(_mask_strip(one, remark, pictures, words) for one in own),
                )
            )
    if choice.others:
        sections.append(
            Section(
                _("others"),
                count=words.count(len(choice.others)),
                strips=tuple(_mask_strip(one, "", pictures, words) for one in choice.others),
            )
        )
    return sections


def _mask_strip(made: MaskMade, under: str, pictures: Mapping[str, bytes], words: Words) -> Strip:
    share = None if made.mask is None else made.mask.share
    lines = [words._("label_of_sample", label=made.label)]
    if share is not None:
        lines.append(words._("object_share", share=words.quantity(share, "percent", 1)))
    lines.extend(words.named("remark", remark) for remark in made.remarks if remark != under)
    content = pictures.get(made.id, b"")
    return Strip((Picture(content, made.id, tuple(lines), "" if content else words._("cannot_be_read")),))


def _more(more: int, words: Words) -> str:
    return words.ngettext("and_more", more) if more > 0 else ""
