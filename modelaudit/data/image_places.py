"""Where the images of an annotation file lie: tools write the same names into different layouts of folders."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ..language.errors import DataError
from .files import is_image
from .mask_names import is_mask_folder
from .root import current_root, data_home

#: a place holds the images where it has this share of their names: of an honest data set a few may be missing
_NEARLY_ALL = 0.95
#: a place with less than this share of the names is none
_HARDLY_ANY = 0.05
_MOST_FOLDERS = 200
#: as many names, spread over all, are looked for
_LOOKED_FOR = 256
#: as many of the last parts of a name at most: every number of them costs a look at all names
_PARTS = 20
_IMAGES = ("images", "data", "JPEGImages", "Images", "image", "img", "imgs", "photos", "pictures", "frames")
_SCHEME = re.compile(r"\A(?:[a-z][a-z0-9+.-]*://|[a-z]:(?=/))", re.IGNORECASE)
_LOCAL_FILES = "/?d="
#: what Label Studio writes before the names of uploaded files
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")


@dataclass(frozen=True)
class ImagePlace:
    """The folder that holds the images.

    Args:
        note: says so, where it is not the first place, or not the only one.
        last_parts: the images are found there by so many of the last parts of their names; None: by whole names.
        uploaded: without the eight digits that Label Studio writes before the names of uploaded files.
    """

    folder: Path
    note: str | None
    last_parts: int | None = None
    uploaded: bool = False

    def name(self, stated: str) -> str:
        """The name below the folder, with ``/``."""
        if self.last_parts is None:
            return stated
        name = "/".join(_parts(stated)[-self.last_parts :])
        return _UPLOADED.sub("", name) if self.uploaded else name

    def path(self, stated: str) -> Path:
        """Where the image is."""
        return Path(os.path.normpath(self.folder / self.name(stated).strip().replace("\\", "/")))

    def holds(self, stated: str) -> bool:
        """Whether a file of that name is there; a link that leads out of the data is refused when it is read."""
        path = self.path(stated)
        try:
            root = current_root(self.folder)
            return os.path.isfile(path) and (root.admits(path) or root.is_written_below(path))  # noqa: PTH113
        except ValueError:  # a name that no file can have
            return False


def image_folder(
    names: Iterable[str], candidates: Iterable[Path], *, what: object, option: str, below: Path | None = None
) -> ImagePlace:
    """The first of the places that holds nearly all of the images; where none does, the one that holds the most.

    Whole names count first, then their last parts, as many as possible (``../../upload/1/a.jpg`` may be ``1/a.jpg``, or
    ``a.jpg``), as long as they tell the images apart, and at last the last part without what Label Studio writes before
    it (``0a1b2c3d-a.jpg``). Nothing is looked for outside of the places.

    Args:
        names: of the images, as the annotations state them.
        candidates: in the order of preference; those that do not exist are passed over.
        what: the file or folder with the annotations, for messages.
        option: by which the audit names the folder itself, as ``?images=DIR``.
        below: where no place holds any image, every folder below this one is a place, but for those of masks.

    Raises:
        DataError: no place holds the images; with the places and how many each holds.
    """
    stated = sorted(set(names))
    tried = list(dict.fromkeys(Path(os.path.normpath(place)) for place in candidates))
    there = [place for place in tried if place.is_dir()]
    looked, places = _spread(stated), [place for place in there if current_root(place).admits(place)]
    enough = _NEARLY_ALL * len(looked)
    held = _held(stated, looked, places, enough)
    if below is not None and not any(count for count, _ in held):
        places += [place for place in _folders_below(below) if place not in places]
        held = _held(stated, looked, places, enough)
    best = next((one for one in held if one[0] >= enough), None)
    count, found = best or max(held, key=lambda one: one[0], default=(0, ImagePlace(Path(), None)))
    if count == 0 or count < _HARDLY_ANY * len(looked):
        tried = list(dict.fromkeys((*tried, *places)))
        links = [place for place in there if place not in places and current_root(place).is_written_below(place)]
        raise DataError(_layout_unknown(what, option, stated, looked, tried, held, links))
    held_there = next(filter(found.holds, looked))
    others = [one.folder for number, one in held if number >= enough and not _same(one, found, held_there)]
    return replace(found, note=_note(found, f"{count} of {len(looked)}", places, others, option))


def _held(
    stated: Sequence[str], looked: Sequence[str], places: Sequence[Path], enough: float
) -> list[tuple[int, ImagePlace]]:
    """How many each place holds: by whole names, and by ever fewer parts of them until a place holds enough."""
    held: list[tuple[int, ImagePlace]] = []
    for last_parts, uploaded in ((None, False), *_fewer_parts(stated)):
        for place in places[: 1 if last_parts is None and all(map(_is_absolute, looked)) else None]:
            found = ImagePlace(place, None, last_parts, uploaded)
            held.append((sum(map(found.holds, looked)), found))
        if any(count >= enough for count, _ in held):
            break
    return held


def _folders_below(base: Path) -> list[Path]:
    """The folders below, sorted, at most two hundred, those higher up first; without hidden ones, masks and links."""
    found: list[Path] = []
    level = [base]
    while level and len(found) < _MOST_FOLDERS:
        inner: list[Path] = []
        for folder in level:
            with suppress(OSError), os.scandir(folder) as entries:  # what cannot be listed holds no place
                named = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
                inner += [folder / name for name in named if not name.startswith(".") and not is_mask_folder(name)]
        found += inner
        level = inner
    return found[:_MOST_FOLDERS]


def usual_places(folder: Path, stem: str = "") -> list[Path]:
    """Where tools put the images of annotations in `folder`, in the order in which they are looked for.

    Args:
        stem: the name of the annotation file, of which a part may be that of the subset (``instances_val2017``).
    """
    places = []
    for base in dict.fromkeys((folder, data_home(folder))):
        places += places_below(base, stem)
        places += [base / "images", base, *(base / name for name in _IMAGES[1:])]
    return places


def places_below(base: Path, stem: str) -> list[Path]:
    """Folders of the subset that the name of an annotation file may hold (``instances_val2017``: ``val2017``)."""
    kinds = (("images", ""), ("", ""), ("data", ""), ("", "images"))
    return [base / before / subset / behind for subset in _subsets(stem) for before, behind in kinds]


def _subsets(stem: str) -> list[str]:
    """Parts of a name between ``_``, ``-`` and ``.`` that may name a subset, the longest first."""
    words = re.split(r"([_.-])", stem)
    spans = [(start, end) for start in range(0, len(words), 2) for end in range(start + 1, len(words) + 1, 2)]
    found = {"".join(words[start:end]) for start, end in spans if start == 0 or end == len(words)}
    return sorted((one for one in found if one.strip(".")), key=lambda one: (-len(one), one))


def _spread(names: Sequence[str]) -> list[str]:
    step = max(len(names) / _LOOKED_FOR, 1)
    return [names[int(place * step)] for place in range(min(len(names), _LOOKED_FOR))]


def _parts(name: str) -> list[str]:
    """The parts of a name without what leads elsewhere: drives, servers' addresses, ``..``."""
    text = _SCHEME.sub("", name.strip().replace("\\", "/").replace(_LOCAL_FILES, "/"), count=1)
    return [part for part in text.split("/") if part not in ("", ".", "..")]


def _fewer_parts(names: Sequence[str]) -> Iterator[tuple[int, bool]]:
    """How many of the last parts may be looked for, the most first, and at last without what Label Studio writes before
    names; never so little that two images have one name."""
    parts = [_parts(name) for name in names]
    for count in range(min(max(map(len, parts), default=0), _PARTS), 0, -1):
        if len({tuple(one[-count:]) for one in parts}) < len(names):
            return
        yield count, False
    last = [one[-1] if one else "" for one in parts]
    if last and all(map(_UPLOADED.match, last)) and len({_UPLOADED.sub("", one) for one in last}) == len(names):
        yield 1, True


def _is_absolute(name: str) -> bool:
    return name.strip().replace("\\", "/").startswith("/")


def _leads_out(name: str) -> bool:
    text = _SCHEME.sub("/", name.strip().replace("\\", "/"))
    return text.startswith("/") or os.path.normpath(text).split("/")[0] == ".."


def _same(one: ImagePlace, other: ImagePlace, name: str) -> bool:
    """Whether two places hold the same file: ``../images/a.jpg`` from one folder is ``a.jpg`` in another."""
    return one.path(name).resolve() == other.path(name).resolve()


def _note(found: ImagePlace, count: str, places: Sequence[Path], others: Sequence[Path], option: str) -> str | None:
    """Folders are named from that of all places on: a record is the same on every machine."""
    above = Path(os.path.commonpath(places)).parent
    named = [place.relative_to(above).as_posix() for place in dict.fromkeys((found.folder, *others))]
    notes = []
    if found.folder != places[0] or found.last_parts is not None:
        by = "" if found.last_parts is None else ", by the last part of their names"
        by = by if found.last_parts in (None, 1) else f", by the last {found.last_parts} parts of their names"
        notes.append(f"the images were taken from {named[0]}, which holds {count} looked for{by}")
    if others:
        notes.append(f"images of these names are in {', '.join(named[1:])} too")
    return f"{'; '.join(notes)}; {option} names another folder" if notes else None


def _layout_unknown(
    what: object,
    option: str,
    stated: Sequence[str],
    looked: Sequence[str],
    tried: Sequence[Path],
    held: Sequence[tuple[int, ImagePlace]],
    links: Sequence[Path],
) -> str:
    counts: dict[Path, int] = {}
    for count, found in held:
        counts[found.folder] = max(count, counts.get(found.folder, 0))
    base = Path(os.path.commonpath(tried)) if tried else Path()
    named = {place: place.relative_to(base).as_posix() if place != base else "itself" for place in tried}
    there = ", ".join(f"{named[place]} ({count})" for place, count in counts.items()) or "none"
    lost = ", ".join(name for place, name in named.items() if place not in counts and place not in links)
    led = ", ".join(named[place] for place in links)
    many = f"{len(stated)} images" if len(looked) == len(stated) else f"{len(looked)} images looked for"
    example = f", e.g. {stated[0]!r}" if stated else ""
    return (
        f"{what}: its images are in none of the usual places, so the layout of its folders is not one that is known. "
        f"Of the {many}{example}, these folders below {base} hold: {there}"
        + (f"; not there: {lost}" if lost else "")
        + _alike(looked, [place for place in tried if place in counts], named)
        + (f"; outside of the data: {led} (?follow_links=yes follows links)" if led else "")
        + ("; names that lead outside are not followed (?root=DIR admits DIR)" if any(map(_leads_out, looked)) else "")
        + f". Write where the images are: {option}"
    )


def _alike(looked: Sequence[str], places: Sequence[Path], named: Mapping[Path, str]) -> str:
    """Says which place holds most of the names in another case or with another ending (``a.JPG`` for ``a.jpg``)."""
    stems = {parts[-1].rsplit(".", 1)[0].lower() for parts in map(_parts, looked) if parts}
    alike: list[tuple[int, Path, str]] = []
    for place in places:
        with suppress(OSError):  # what cannot be listed holds no place
            found = sorted(name for name in os.listdir(place) if is_image(Path(name)))  # noqa: PTH208  (names alone)
            found = [name for name in found if name.rsplit(".", 1)[0].lower() in stems]
            alike += [(len(found), place, found[0])] if found else []
    if not alike:
        return ""
    count, place, example = max(alike, key=lambda one: one[0])
    return (
        f"; {named[place]} holds {count} in another case or with another ending, e.g. {example!r}: write the same names"
    )
