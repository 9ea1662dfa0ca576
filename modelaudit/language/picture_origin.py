"""What a picture that a model is shown was made of, and the name that follows from it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple, dataclass

_DIGITS = 24


@dataclass(frozen=True)
class PictureOrigin:
    """Everything that decides what a picture shows, and nothing of how it was computed.

    The same origin is the same picture, whatever the device, the batch or the rounding of its pixels: an answer that
    was given elsewhere is found by it.

    Args:
        sample: the sample's id.
        image: sha256 of the image's file.
        mask: sha256 of the mask's values; "" where neither context nor variant reads the mask.
        context: the context in long form, with digests of the code of others that defines it.
        variant: what a check changes (masks that are moved, a hidden background); "" for the audit's own pictures.
        donor: id and content of the image that lends its background.
        stored: content of the picture of the data that is shown in the image's place.
        seed: of random draws; None for the original, which draws nothing.
        geometry: how the image is resized and cropped.
    """

    sample: str
    image: str
    mask: str
    context: str
    variant: str
    donor: tuple[str, str] | None
    stored: str | None
    seed: int | None
    geometry: str

    @property
    def name(self) -> str:
        """24 hexadecimal digits.

        >>> PictureOrigin("good/1.png", "5f…", "", "original@1()", "", None, None, None, "None").name
        '136a95307823677d9da56bf4'
        """
        text = json.dumps(astuple(self), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
