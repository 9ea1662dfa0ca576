r"""What images have in common, by options of every source: ``?group=`` (how results are read), ``?cluster=`` (what
makes images depend on each other) and ``?attribute.NAME=`` (a text under a name of the user's choice).

Each takes ``path:REGEX``, ``folder:N`` or ``exif:TAG``; groups and clusters take ``column:NAME`` too. Options are taken
as they stand and end at ``&``: a pattern with an ampersand is written with ``\x26``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image

from ..language.errors import DataError, nearest
from ..language.reasons import Missing
from ..language.reference import Reference
from ..language.sample import Sample
from .base import UnusableSample
from .images import FilePart, exif_of, header
from .path_patterns import check_pattern, first_groups

#: the options of which sources with columns read ``column:NAME`` themselves
COLUMN_OPTIONS = ("group", "cluster")
_ATTRIBUTE = "attribute."
_FORMS = "column:NAME, path:REGEX, folder:N or exif:TAG"
_TAG = re.compile(r"(?P<tag>\w+)(?:\[:(?P<length>[1-9]\d*)\])?", re.ASCII)


@dataclass(frozen=True)
class PathGroup:
    """The first capture group of a pattern that takes part, or the whole match, searched in the samples' ids.

    Args:
        named: the option, for messages.
    """

    pattern: str
    named: str

    def over(self, samples: Sequence[Sample]) -> Callable[[Sample], str | None]:
        """What is found in each of these samples, which are all searched now.

        Raises:
            DataError: the pattern takes too long.
        """
        ids = [sample.id for sample in samples]
        found = dict(zip(ids, first_groups(self.pattern, ids, self.named), strict=True))
        return lambda sample: found[sample.id]


@dataclass(frozen=True)
class FolderGroup:
    """A folder of the sample's id: 1 is the outermost, -1 the one that holds the file."""

    number: int

    def __call__(self, sample: Sample) -> str | None:
        folders = sample.id.split("/")[:-1]
        place = self.number - 1 if self.number > 0 else len(folders) + self.number
        return folders[place] if 0 <= place < len(folders) else None


@dataclass(frozen=True)
class ExifGroup:
    """A field of the image's EXIF, cut to its first `length` characters; only the header of the file is read."""

    tag: ExifTags.Base
    length: int | None = None

    def __call__(self, sample: Sample) -> str | None:
        source = sample.image
        if not isinstance(source, Path | FilePart | bytes):
            return None
        name = sample.id if isinstance(source, bytes) else str(source)
        with header(source, name, Missing.UNREADABLE_IMAGE) as image:
            return _field(exif_of(image), self.tag)[: self.length]


@dataclass(frozen=True)
class ColumnGroup:
    """A column of the data's own; the source reads it."""

    name: str


Finder = PathGroup | FolderGroup | ExifGroup
Grouping = Finder | ColumnGroup


def grouping_options(reference: Reference) -> dict[str, Grouping]:
    """Parses ``?group=``, ``?cluster=`` and ``?attribute.NAME=`` of a reference, by option.

    Raises:
        DataError: another form, an invalid pattern, a folder 0, an unknown EXIF field, an attribute without a name.
    """
    return {
        option: _grouping(reference, option, value)
        for option, value in reference.options.items()
        if option in COLUMN_OPTIONS or option.startswith(_ATTRIBUTE)
    }


def column_option(reference: Reference, option: str) -> str | None:
    """The column that ``?option=column:NAME`` names; None where the option takes another form, or is not there."""
    by = grouping_options(reference).get(option)
    return by.name if isinstance(by, ColumnGroup) else None


def apply_grouping(
    samples: Iterable[Sample], option: str, by: Finder, named: str
) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    """The samples with what `by` finds, and a note on those for which it finds nothing.

    Raises:
        DataError: nothing is found for any sample, or the data have a column of the attribute's name already.
    """
    what = option if option in COLUMN_OPTIONS else f"attribute {option.removeprefix(_ATTRIBUTE)!r}"
    samples = tuple(samples)
    find = by.over(samples) if isinstance(by, PathGroup) else by
    changed, without, unread = [], [], []
    for sample in samples:
        text = None
        try:
            text = find(sample) or None
        except UnusableSample as error:
            unread.append((sample.id, str(error)))
        else:
            if text is None:
                without.append(sample.id)
        changed.append(_with(sample, option, text, named))
    if changed and len(without) + len(unread) == len(changed):
        reason = unread[0][1] if unread else f"e.g. {without[0]!r}"
        raise DataError(f"{named} finds no value of ?{option}= for any of the {len(changed)} samples; {reason}")
    total, notes = len(changed), []
    if without:
        notes.append(f"{len(without)} of {total} samples have no {what}, e.g. {without[0]!r}")
    if unread:
        notes.append(
            f"{len(unread)} of {total} samples have no {what}: their files cannot be read, e.g. {unread[0][0]!r}"
        )
    return tuple(changed), tuple(notes)


def _with(sample: Sample, option: str, text: str | None, named: str) -> Sample:
    if option == "group":
        return replace(sample, group=text)
    if option == "cluster":
        return replace(sample, cluster=text)
    name = unicodedata.normalize("NFC", option.removeprefix(_ATTRIBUTE))
    if name in sample.attributes:
        raise DataError(f"{named}: the data have a column {name!r} already; choose another name than {option}")
    return sample if text is None else replace(sample, attributes={**sample.attributes, name: text})


def _grouping(reference: Reference, option: str, text: str) -> Grouping:
    kind, colon, value = text.partition(":")
    named = f"{reference.text!r}: {option}={text}"
    if option == _ATTRIBUTE:
        raise DataError(f"{named}; give the attribute a name, as ?attribute.line=folder:1")
    if kind not in _MAKERS or not colon or not value:
        raise DataError(f"{named}; write {_FORMS}{nearest(kind, _MAKERS)}")
    if kind == "column" and option.startswith(_ATTRIBUTE):
        raise DataError(f"{named}; a column needs no such option: expressions name it as it is, column({value!r})")
    return _MAKERS[kind](value, named)


def _path(value: str, named: str) -> PathGroup:
    check_pattern(value, named)
    return PathGroup(value, named)


def _folder(value: str, named: str) -> FolderGroup:
    try:
        number = int(value)
    except ValueError:
        number = 0
    if number == 0:
        raise DataError(f"{named}; the outermost folder of an id is folder:1, the one that holds the file folder:-1")
    return FolderGroup(number)


def _exif(value: str, named: str) -> ExifGroup:
    found = _TAG.fullmatch(value)
    tag = found["tag"] if found else value
    if found is None or tag not in ExifTags.Base.__members__:
        raise DataError(
            f"{named}; write the name of an EXIF field, as exif:Model, exif:BodySerialNumber or "
            f"exif:DateTimeOriginal[:10]{nearest(tag, ExifTags.Base.__members__)}"
        )
    return ExifGroup(ExifTags.Base[tag], int(found["length"]) if found["length"] else None)


def _field(exif: Image.Exif, tag: ExifTags.Base) -> str:
    """The text of a field, of the image's own directory or of the camera's; '' where it has none."""
    value = exif.get(tag)
    if value is None:
        value = exif.get_ifd(ExifTags.IFD.Exif).get(tag)
    if value is None:
        return ""
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
    return text.split("\0", 1)[0].strip()


_MAKERS: dict[str, Callable[[str, str], Grouping]] = {
    "column": lambda value, named: ColumnGroup(value),
    "path": _path,
    "folder": _folder,
    "exif": _exif,
}


def columns_of(cells: Mapping[str, Any], used: Collection[str | None]) -> dict[str, str]:
    """The cells that hold a text, a number or true and false, as text in NFC, but for those of `used` columns.

    Empty cells, lists, objects and bytes are left out too: no stratum can name them.
    """
    return {
        unicodedata.normalize("NFC", name): text
        for name, value in cells.items()
        if name and name not in used and isinstance(value, str | int | float)
        for text in [_text(value)]
        if text
    }


def _text(value: str | float) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return unicodedata.normalize("NFC", str(value)).strip()
