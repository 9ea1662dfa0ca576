"""The page of ``modelaudit masks``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..language.findings import MaskMade
from .found_words import REMARKS
from .sheet import Picture, Section, Sheet, Strip
from .words import N_, Words

_TOLD = 200
_ADVICE: dict[str, str] = {
    "empty": N_("Nothing was found. Draw the object by hand, or leave the image out."),
    "full": N_("Everything was taken for the object."),
    "tiny": N_("Below 1% of the image: often a crumb of what should be there."),
    "many_pieces": N_("More than three pieces: often crumbs of the background."),
    "touches_border": N_("The object is cut by the frame, or background was taken for it."),
}


@dataclass(frozen=True)
class Choice:
    """The masks that the page shows: those with a remark, by the first that they have, then others."""

    by_remark: Mapping[str, tuple[MaskMade, ...]]
    others: tuple[MaskMade, ...]
    left_out: int

    @property
    def ids(self) -> frozenset[str]:
        """Every sample of which a picture is needed."""
        return frozenset(one.id for group in (*self.by_remark.values(), self.others) for one in group)


def choose(made: Sequence[MaskMade], most: int) -> Choice:
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
    return Choice(by_remark, shown, len(done) - sum(map(len, by_remark.values())) - len(shown))


def mask_sheet(
    reference: str, by: str, made: Sequence[MaskMade], choice: Choice, pictures: Mapping[str, bytes], words: Words
) -> Sheet:
    """The page, with the pictures of the samples that were chosen, by id."""
    _ = words._
    count = {outcome: sum(one.outcome == outcome for one in made) for outcome in ("made", "kept", "failed")}
    text = words.ngettext("{n} mask was made", "{n} masks were made", count["made"])
    if count["kept"]:
        kept = words.ngettext("{n} was there", "{n} were there", count["kept"])
        text = _("{first}, {second}", first=text, second=kept)
    if count["failed"]:
        failed = words.ngettext("{n} could not be made", "{n} could not be made", count["failed"])
        text = _("{first}, {second}", first=text, second=failed)
    notes = [_("Look at every one of them before an audit: a wrong mask makes a wrong verdict.")]
    if choice.left_out:
        notes.append(words.ngettext("{n} mask is not shown here.", "{n} masks are not shown here.", choice.left_out))
    return Sheet(
        kind=_("Masks made by a machine"),
        title=reference,
        facts=((_("Made by"), by), (_("Masks"), words.count(count["made"] + count["kept"]))),
        headline=_("{text}.", text=text),
        tone="problem" if count["failed"] else "remark" if any(choice.by_remark.values()) else "fine",
        sections=tuple(_sections(made, choice, pictures, words)),
        notes=tuple(notes),
        legend=_("The line round an object is the outline of its mask."),
    )


def _sections(made: Sequence[MaskMade], choice: Choice, pictures: Mapping[str, bytes], words: Words) -> list[Section]:
    _ = words._
    failed = [one for one in made if one.outcome == "failed"]
    sections = []
    if failed:
        sections.append(
            Section(
                _("Masks that could not be made"),
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
                    _(REMARKS[remark]),
                    tone="remark",
                    count=words.count(every),
                    text=_(_ADVICE[remark]),
                    strips=tuple(_strip(one, remark, pictures, words) for one in own),
                )
            )
    if choice.others:
        sections.append(
            Section(
                _("Others"),
                count=words.count(len(choice.others)),
                strips=tuple(_strip(one, "", pictures, words) for one in choice.others),
            )
        )
    return sections


def _strip(made: MaskMade, under: str, pictures: Mapping[str, bytes], words: Words) -> Strip:
    share = None if made.mask is None else made.mask.share
    lines = [words._("label {label}", label=made.label)]
    if share is not None:
        lines.append(words._("object {share}", share=words.quantity(share, "percent", 1)))
    lines.extend(words._(REMARKS[remark]) for remark in made.remarks if remark != under)
    content = pictures.get(made.id, b"")
    return Strip((Picture(content, made.id, tuple(lines), "" if content else words._("cannot be read")),))


def _more(more: int, words: Words) -> str:
    return words.ngettext("and {n} more", "and {n} more", more) if more > 0 else ""
