"""How people name masks: folders, suffixes and prefixes."""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORDS = (
    "masks?|gt|ground[_ -]?truth|seg|segm|segmentations?|labels?|label[_ -]?ids?|instance[_ -]?ids?|annotations?|annos?"
    "|annot|mattes?|trimaps?|silhouettes?"
)
_SUFFIX = re.compile(rf"(?P<stem>.+?)(?P<affix>[_\-. ]+(?:{_WORDS}))", re.IGNORECASE)
_PREFIX = re.compile(rf"(?P<affix>(?:{_WORDS})[_\-. ]+)(?P<stem>.+)", re.IGNORECASE)
#: folders of masks, in lower case, with ``_`` for blanks and hyphens
_MASK_FOLDERS = frozenset(
    (
        *("mask", "masks", "masks_png", "binary_masks", "image_masks", "img_masks", "mask_images", "object_masks"),
        *("gt", "gts", "ground_truth", "ground_truths", "groundtruth", "fg_mask", "fg_masks", "foreground"),
        *("label", "labels", "labels_png", "labelmask", "labelmasks", "annotation", "annotations", "annot", "annots"),
        *("seg", "segs", "segmentation", "segmentations", "segmentation_masks", "segmentationclass"),
        *("segmentationobject", "matte", "mattes", "alpha", "trimap", "trimaps", "silhouette", "silhouettes"),
    )
)
_IMAGE_FOLDERS = frozenset(
    (
        *("images", "image", "img", "imgs", "photos", "photo", "pictures", "pics", "jpegimages", "rgb", "data"),
        *("input", "inputs", "original", "originals", "orig", "raw", "source"),
    )
)
_SPLITS = frozenset(("train", "training", "val", "valid", "validation", "test", "testing", "dev", "holdout"))


@dataclass(frozen=True)
class Affix:
    """What a mask's name has before or behind that of its image."""

    prefix: str = ""
    suffix: str = ""

    def __str__(self) -> str:
        return f"{self.prefix}<name>{self.suffix}"

    def bare(self, stem: str) -> str | None:
        """The name of the image; None where the affix is not there, or nothing but it."""
        long_enough = len(stem) > len(self.prefix) + len(self.suffix)
        if not long_enough or not stem.startswith(self.prefix) or not stem.endswith(self.suffix):
            return None
        return stem[len(self.prefix) : len(stem) - len(self.suffix)]


def known_affixes(stem: str) -> list[Affix]:
    """The suffix and the prefix of a name that masks usually have."""
    suffix, prefix = _SUFFIX.fullmatch(stem), _PREFIX.fullmatch(stem)
    found = [] if suffix is None else [Affix(suffix=suffix["affix"])]
    return found if prefix is None else [*found, Affix(prefix=prefix["affix"])]


def is_mask_folder(name: str) -> bool:
    """Whether a folder is named as one of masks."""
    return _plain(name) in _MASK_FOLDERS


def is_image_folder(name: str) -> bool:
    """Whether a folder is named as one of images."""
    return _plain(name) in _IMAGE_FOLDERS


def is_split(name: str) -> bool:
    """Whether a folder is named as a part of a data set (train, val, test)."""
    return _plain(name) in _SPLITS


def _plain(name: str) -> str:
    return name.casefold().replace(" ", "_").replace("-", "_")
