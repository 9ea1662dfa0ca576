"""The JSON that is sent: a template with placeholders, filled with images."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..black_box import Layout, laid_out

IMAGE, IMAGES, NUMBER, COUNT = "{image}", "{images}", "{number}", "{count}"
_PLACEHOLDER = re.compile(r"(?<!\$)\{\w*\}")


@dataclass(frozen=True, eq=False)
class SentImage:
    """One image as it is sent.

    Args:
        pixels: [3, H, W] or [H, W, 3] of uint8 or float32.
        digest: sha256 over format, shape and values. A PNG is digested by its pixels: libraries compress differently.
        kind: how it is written.
    """

    pixels: NDArray[Any]
    digest: str
    kind: Literal["png", "npy", "float32"]

    def written(self) -> Any:
        """What stands for ``{image}``: base64 text, or nested lists of numbers."""
        if self.kind == "float32":
            return self.pixels.tolist()
        return base64.b64encode(_png(self.pixels) if self.kind == "png" else _npy(self.pixels)).decode("ascii")


def sent_images(images: Tensor, kind: Literal["png", "npy", "float32"], layout: Layout, name: str) -> list[SentImage]:
    """Images [B, 3, H, W] as they are sent; for PNG pixel values in [0, 1] become round(255 x).

    Raises:
        ModelError: PNG of values that are not in [0, 1].
    """
    layout, dtype = ("NHWC", "uint8") if kind == "png" else (layout, "float32")
    with torch.no_grad():
        given = laid_out(images.cpu(), layout, dtype, name)
    found = []
    for image in given.numpy():
        pixels = np.ascontiguousarray(image)
        digest = hashlib.sha256(f"{kind} {layout} {pixels.shape}\0".encode())
        digest.update(pixels.tobytes())
        found.append(SentImage(pixels, digest.hexdigest(), kind))
    return found


def filled_body(
    request: Mapping[str, Any], item: Any, images: Sequence[SentImage], secret: Callable[[str], str]
) -> Any:
    """The JSON value that asks for some images; each placeholder that is a whole text becomes a value of its own kind.

    Args:
        secret: fills ``${NAME}`` in texts of the template.
    """

    def of(number: int) -> dict[str, Callable[[], Any]]:
        return {IMAGE: images[number].written, NUMBER: lambda: number}

    known: dict[str, Callable[[], Any]] = {
        COUNT: lambda: len(images),
        IMAGES: lambda: [_filled(item, of(number), secret) for number in range(len(images))],
        **(of(0) if len(images) == 1 else {}),
    }
    return _filled(request, known, secret)


def _filled(template: Any, known: Mapping[str, Callable[[], Any]], secret: Callable[[str], str]) -> Any:
    if isinstance(template, Mapping):
        return {key: _filled(value, known, secret) for key, value in template.items()}
    if isinstance(template, list):
        return [_filled(value, known, secret) for value in template]
    if not isinstance(template, str):
        return template
    if template in known:
        return known[template]()
    text = secret(template) if "${" in template else template
    return _PLACEHOLDER.sub(lambda found: str(known[found[0]]()) if found[0] in known else found[0], text)


def is_used(placeholder: str, template: Any) -> bool:
    """Whether a template has a placeholder."""
    return placeholder in set(_placeholders(template))


def unknown_placeholder(template: Any, known: Sequence[str]) -> str | None:
    """The first placeholder in a template that is not known."""
    return next((found for found in _placeholders(template) if found not in known), None)


def _placeholders(template: Any) -> Iterator[str]:
    if isinstance(template, str):
        yield from _PLACEHOLDER.findall(template)
    elif isinstance(template, Mapping):
        for value in template.values():
            yield from _placeholders(value)
    elif isinstance(template, list):
        for value in template:
            yield from _placeholders(value)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    written = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(written, "PNG")
    return written.getvalue()


def _npy(pixels: NDArray[Any]) -> bytes:
    written = io.BytesIO()
    np.save(written, pixels, allow_pickle=False)
    return written.getvalue()
