"""Which image files of a folder are masks: by their folders, their names, and how they look."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal, TypeVar

from ..language.errors import DataError
from ..language.reference import Reference
from .mask_looks import look_of, mask_of_pair
from .mask_names import Affix, is_image_folder, is_mask_folder, known_affixes

#: values of ``?masks=`` that name no folder
BESIDE, NONE, ALPHA = "beside", "none", "alpha"
_PROBED = 8
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Convention:
    """Where masks are and how they are named; `tree` is empty where they are beside their images."""

    tree: str = ""
    affix: Affix = field(default_factory=Affix)

    def __str__(self) -> str:
        where = f"in {self.tree!r}" if self.tree else "beside the images"
        return f"{where}, named {self.affix}" if self.affix != Affix() else f"{where}, named as the images"

    @property
    def option(self) -> str:
        """What a reference says to take this one."""
        if self.affix.suffix:
            return f"?mask_suffix={self.affix.suffix}"
        if self.affix.prefix:
            return f"?mask_prefix={self.affix.prefix}"
        return f"?masks={self.tree or BESIDE}"


@dataclass(frozen=True)
class WantedMasks:
    """What a reference says about its masks; nothing where it leaves all of it open.

    Args:
        masks: "beside", "none", "alpha" or a folder.
        affix: of ``?mask_suffix=`` and ``?mask_prefix=``.
    """

    masks: str | None = None
    affix: Affix | None = None

    def takes(self, convention: Convention, tree: str | None) -> bool:
        """Whether masks of a convention are those that are wanted; `tree` is what the reference's folder is called."""
        if self.masks == NONE or self.masks == ALPHA:
            return False
        if self.affix is not None and convention.affix != self.affix:
            return False
        if self.masks is None:
            return True
        return not convention.tree if self.masks == BESIDE else convention.tree == tree


class ImageNames:
    """Finds images by the folders and the name that a mask shares with them.

    Args:
        names: the paths of images below their folder.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._exact: dict[tuple[tuple[str, ...], str], list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for name in names:
            dirs, stem = split_name(name)
            for key in {dirs, _plain(dirs)}:
                self._exact[key, stem].append(name)
            self._by_stem[stem].append(name)

    def find(self, dirs: tuple[str, ...], stem: str) -> list[str]:
        """The images of this name in these folders, in their folder of images, or anywhere if there are no folders."""
        found = self._exact.get((dirs, stem)) or self._exact.get((_plain(dirs), stem), [])
        return found if found or dirs else self._by_stem.get(stem, [])


def split_name(name: str) -> tuple[tuple[str, ...], str]:
    """The folders of a path, and its last part without its ending."""
    dirs, _, file = name.rpartition("/")
    return tuple(dirs.split("/")) if dirs else (), file.rpartition(".")[0] or file


def bare_name(
    dirs: tuple[str, ...], stem: str, affixes: Sequence[Affix], images: ImageNames
) -> tuple[Affix, list[str]] | None:
    """The affix of a mask's name and the images that it may belong to; None where it belongs to none."""
    for affix in affixes:
        bare = affix.bare(stem)
        if bare is not None and (found := images.find(dirs, bare)):
            return affix, found
    return None


class MaskSorter:
    """Tells masks from photos among the image files of one folder.

    Args:
        files: by their paths below the folder.
        elsewhere: the masks are known to be in a folder of their own, so what may be one or not is a photo.
    """

    def __init__(
        self, reference: Reference, files: Mapping[str, Path], wanted: WantedMasks, *, elsewhere: bool
    ) -> None:
        self._reference, self._files, self._wanted = reference, files, wanted
        self._unclear_are_photos = elsewhere or wanted.masks == NONE

    def masks(self) -> dict[str, Convention]:
        """The files that are masks, each with the convention by which it is named.

        Raises:
            DataError: it is not clear whether files are masks or photos.
        """
        named = self._named()
        masks = {
            name: convention
            for convention, names in by_convention(named).items()
            for name in self._those_that_look_so(convention, names)
        }
        return masks | self._of_one_name(masks)

    def _named(self) -> dict[str, Convention]:
        """Those that their folders and names say are masks of images."""
        apart = {name: tree for name in self._files if (tree := self._mask_folder_of(name))}
        images = ImageNames(name for name in self._files if name not in apart)
        found: dict[str, Convention] = {}
        for name in self._files:
            dirs, stem = split_name(name)
            affixes = [*([] if self._wanted.affix in (None, Affix()) else [self._wanted.affix]), *known_affixes(stem)]
            tree = apart.get(name, "")
            rest = tuple(part for part in dirs if part != tree)
            own = bare_name(rest, stem, [Affix(), *affixes] if tree else affixes, images)
            if own is not None and (tree or self._beside(dirs, own[1])):
                found[name] = Convention(tree, own[0])
        known = set(found.values())
        for name, tree in apart.items():  # a mask whose image is missing is a mask all the same
            if name not in found:
                found[name] = next((one for one in known if one.tree == tree), Convention(tree))
        return found | self._without_image(found)

    def _without_image(self, found: Mapping[str, Convention]) -> dict[str, Convention]:
        """Files beside images with an affix that others have, whose images are missing."""
        known = {convention for convention in found.values() if not convention.tree}
        return {
            name: convention
            for name in self._files
            if name not in found
            for convention in known
            if convention.affix.bare(split_name(name)[1]) is not None
        }

    def _mask_folder_of(self, name: str) -> str:
        """The folder of masks that a path leads through; empty where there is none."""
        return next((part for part in split_name(name)[0] if part == self._wanted.masks or is_mask_folder(part)), "")

    def _beside(self, dirs: tuple[str, ...], images: Sequence[str]) -> bool:
        return any(split_name(name)[0] == dirs for name in images)

    def _those_that_look_so(self, convention: Convention, names: Sequence[str]) -> list[str]:
        probed = spread(names)
        looks = Counter(look_of(self._files[name])[0] for name in probed)
        if convention.affix == self._wanted.affix or (not looks["photo"] and (looks["mask"] or not looks["unclear"])):
            return list(names)
        if looks["photo"] and not looks["mask"] and not looks["unclear"]:
            return [name for name in names if look_of(self._files[name])[0] == "mask"]
        if looks["photo"]:
            return [name for name in names if look_of(self._files[name])[0] != "photo"]
        if self._unclear_are_photos or not self._fits(convention, names):
            return []
        if self._wanted.masks == BESIDE:
            return list(names)
        raise DataError(self._unclear(self._files[probed[0]], convention.option))

    def _fits(self, convention: Convention, names: Sequence[str]) -> bool:
        """Whether any of the files has an image in these data: else its folder may as well be that of a label."""
        images = ImageNames(name for name in self._files if convention.tree not in split_name(name)[0])
        return not convention.tree or any(images_of(name, convention, images) for name in names)

    def _of_one_name(self, masks: Mapping[str, Convention]) -> dict[str, Convention]:
        """The masks among files of one name with other endings, and those of the same ending without a partner."""
        groups: dict[tuple[tuple[str, ...], str], list[str]] = defaultdict(list)
        for name in self._files:
            if name not in masks:
                groups[split_name(name)].append(name)
        pairs: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        for names in groups.values():
            if len(names) == 2:
                one, other = sorted(names, key=lambda name: PurePosixPath(name).suffix.lower())
                endings = PurePosixPath(one).suffix.lower(), PurePosixPath(other).suffix.lower()
                pairs[endings].append((one, other))
        found: list[str] = []
        for same in pairs.values():
            found += self._masks_of_pairs(same)
        if not found:
            return {}
        endings_of_masks = {PurePosixPath(name).suffix.lower() for name in found}
        for names in groups.values():  # a mask whose image is missing is a mask all the same
            lonely = len(names) == 1 and PurePosixPath(names[0]).suffix.lower() in endings_of_masks
            if lonely and look_of(self._files[names[0]]) == ("mask", True):
                found.append(names[0])
        return dict.fromkeys(found, Convention())

    def _masks_of_pairs(self, pairs: Sequence[tuple[str, str]]) -> list[str]:
        """Of pairs with the same two endings the masks: where those looked at agree, one ending is that of all."""
        first = {at for pair in spread(pairs) if (at := self._mask_of(pair)) != "unreadable"}
        if first in ({0}, {1}):
            (at,) = first
            return [pair[int(at or 0)] for pair in pairs]
        return [pair[at] for pair in pairs if isinstance(at := self._mask_of(pair), int)]

    def _mask_of(self, pair: tuple[str, str]) -> int | Literal["unreadable"] | None:
        """The position of the mask in a pair; None of two photos."""
        paths = [self._files[name] for name in pair]
        found = mask_of_pair(*paths)
        if isinstance(found, Path):
            return paths.index(found)
        if found == "unreadable":
            return "unreadable"
        if found == "photos" or self._unclear_are_photos:
            return None
        if self._wanted.masks == BESIDE:
            lossless = [at for at in (0, 1) if paths[at].suffix.lower() not in (".jpg", ".jpeg", ".webp")]
            if len(lossless) == 1:
                return lossless[0]
            raise DataError(f"{paths[0]} and {paths[1]}: it is not clear which is the mask; rename it <name>_mask")
        raise DataError(self._unclear(paths[1], f"?masks={BESIDE}"))

    def _unclear(self, path: Path, option: str) -> str:
        return (
            f"{self._reference.text!r}: is {path} a mask or a photo? Its name says a mask, its pixels leave it open; "
            f"write {option} if such files are masks, ?masks={NONE} if they are photos"
        )


def images_of(name: str, convention: Convention, images: ImageNames) -> list[str]:
    """The images that a mask may belong to."""
    dirs, stem = split_name(name)
    own = bare_name(tuple(part for part in dirs if part != convention.tree), stem, [convention.affix], images)
    return [] if own is None else own[1]


def spread(items: Sequence[_Item]) -> list[_Item]:
    """At most eight of them, evenly spread."""
    count = min(_PROBED, len(items))
    return [items[at * len(items) // count] for at in range(count)]


def by_convention(masks: Mapping[str, Convention]) -> dict[Convention, list[str]]:
    """The masks of each convention."""
    found: dict[Convention, list[str]] = defaultdict(list)
    for name, convention in masks.items():
        found[convention].append(name)
    return dict(found)


def _plain(dirs: tuple[str, ...]) -> tuple[str, ...]:
    """Folders without those that only say that they hold images."""
    return tuple(part for part in dirs if not is_image_folder(part))
