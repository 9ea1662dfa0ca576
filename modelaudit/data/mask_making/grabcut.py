"""GrabCut (Rother et al. 2004) by OpenCV: from boxes to masks."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from ...language.errors import DataError
from ...language.reasons import Missing
from ..base import Pixels, UnusableSample

_ROUNDS = 5
#: the longer side at which the cut is made: its cost grows faster than the image
_LARGEST = 1024


def grabcut(image: Pixels, boxes: Pixels | None) -> Pixels:
    """[H, W] uint8: what inside the boxes is not like what lies outside of them.

    Outside is background for sure; inside, two Gaussian mixtures and a cut tell object from background, in 5 rounds.
    Images with a side of more than 1024 pixels are cut at 1024, and the mask enlarged (nearest).

    Args:
        image: [H, W, 3] uint8, RGB.
        boxes: [H, W], 1 inside of any box.

    Raises:
        UnusableSample: no box, or one that covers the whole image: then nothing is known to be background.
        DataError: OpenCV is not installed.
    """
    if boxes is None or not boxes.any():
        raise UnusableSample(Missing.NO_MASK, "GrabCut needs a box round the object, and there is none")
    if boxes.all():
        raise UnusableSample(
            Missing.NO_MASK, "the box covers the whole image, so GrabCut does not know any background; draw it closer"
        )
    cv2 = opencv()
    size = _working_size(image)
    small = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))
    inside = np.asarray(Image.fromarray((boxes != 0).astype(np.uint8)).resize(size, Image.Resampling.NEAREST)) != 0
    state = np.where(inside, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    cv2.setRNGSeed(0)  # the mixtures start from clusters that are drawn
    try:
        cv2.grabCut(
            np.ascontiguousarray(small[:, :, ::-1]),
            state,
            None,
            np.zeros((1, 65)),
            np.zeros((1, 65)),
            _ROUNDS,
            cv2.GC_INIT_WITH_MASK,
        )
    except cv2.error as error:
        raise UnusableSample(Missing.NO_MASK, f"GrabCut gave up: {str(error).strip().splitlines()[-1]}") from error
    found = np.isin(state, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    height, width = image.shape[:2]
    return np.asarray(Image.fromarray(found).resize((width, height), Image.Resampling.NEAREST))


def opencv() -> Any:
    """OpenCV.

    Raises:
        DataError: it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise DataError("GrabCut is OpenCV's; install it with: pip install 'pytest-modelaudit[masks]'") from error
    return cv2


def _working_size(image: Pixels) -> tuple[int, int]:
    """(width, height)."""
    height, width = image.shape[:2]
    scale = min(1.0, _LARGEST / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))
