"""Images whose alpha channel is the mask of their object."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..language.reasons import Missing
from .base import Pixels, UnusableSample
from .images import bytes_of, header, opened, upright
from .masks import ReadMask, unusable_mask


@dataclass(frozen=True)
class OpaqueImage:
    """An image file as its colours are stored, whatever its alpha channel says."""

    path: Path

    def __call__(self) -> Pixels:
        """[H, W, 3] uint8, upright.

        Raises:
            UnusableSample: it cannot be read.
        """
        with opened(bytes_of(self.path, Missing.UNREADABLE_IMAGE), str(self.path), Missing.UNREADABLE_IMAGE) as image:
            turned = upright(image)
            return np.array((turned.convert("RGBA") if image.has_transparency_data else turned).convert("RGB"))

    @property
    def content(self) -> str | None:
        """The digest of the bytes; None where there are none."""
        try:
            return hashlib.sha256(bytes_of(self.path, Missing.UNREADABLE_IMAGE)).hexdigest()
        except UnusableSample:
            return None


@dataclass(frozen=True)
class AlphaMask(ReadMask):
    """The alpha channel of an image file: values from the threshold on are the object."""

    path: Path
    threshold: int

    @property
    def rule(self) -> str:
        return f"alpha {self.threshold}"

    def of(self, content: bytes) -> Pixels:
        with opened(content, str(self.path), Missing.UNREADABLE_MASK) as image:
            if not image.has_transparency_data:
                raise unusable_mask(f"{self.path} has no alpha channel, which is to be the mask (masks=alpha)")
            alpha = np.asarray(upright(image).convert("RGBA"))[..., 3]
            return np.asarray(alpha >= self.threshold, dtype=np.uint8)


def has_alpha(path: Path) -> bool:
    """Whether an image file says that it has an alpha channel; only its header is read."""
    try:
        with header(path, str(path), Missing.UNREADABLE_IMAGE) as image:
            return bool(image.has_transparency_data)
    except UnusableSample:
        return False
