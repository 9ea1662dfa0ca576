"""One picture before and after it is encoded, with what is drawn over it and said of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...language.sample import IGNORE, OBJECT
from ..results.measured import HeatAt
from .contours import contours_of, outline_of
from .drawing import heat_array, heat_bytes, image_array, image_bytes, object_array

#: the output that is a model's answer, and its probability; None of each where there is none
PictureAnswer = tuple[int | None, float | None]
NO_ANSWER: PictureAnswer = (None, None)
_ROWS = ("top", "middle", "bottom")
_COLUMNS = ("left", "centre", "right")
#: a map no ninth of which holds more than this is spread: each holds 0.11 of a uniform one
_SPREAD = 0.2


@dataclass(frozen=True)
class Frame:
    """A picture that is not encoded yet: an image [h, w, 3], or a heat map [h, w].

    ``object``: [h, w], where the object is in an image. ``share_on_object``: of a map's positive part on valid pixels.
    """

    pixels: NDArray[np.uint8] | NDArray[np.float32]
    prediction: int | None
    probability: float | None
    object: NDArray[np.bool_] | None = None
    share_on_object: float | None = None


@dataclass(frozen=True)
class Print:
    """A picture as a file, what the model answered, and the lines over it; see :class:`KeptPicture`."""

    content: bytes
    prediction: int | None
    probability: float | None
    outline: str | None = None
    contours: tuple[str, ...] = ()
    share_on_object: float | None = None
    heat_at: HeatAt | None = None


def frame_of(pixels: Tensor, mask: Tensor | None, answer: PictureAnswer) -> Frame:
    """An image [3, H, W] with its object and the model's answer to it."""
    return Frame(image_array(pixels), *answer, None if mask is None else object_array(mask))


def heat_of(values: Tensor, mask: Tensor, answer: PictureAnswer) -> Frame:
    """A map [H, W], and how much of it is on the object (None without an object or heat)."""
    positive = values.detach().float().cpu().nan_to_num(0.0, 0.0, 0.0).clamp_min(0).double()
    mask = mask.cpu()
    on_object = float(positive[mask == OBJECT].sum())
    valid = float(positive[mask != IGNORE].sum())
    known = valid > 0 and bool((mask == OBJECT).any())
    return Frame(heat_array(values), *answer, share_on_object=on_object / valid if known else None)


def printed(frame: Frame) -> Print:
    """A frame as it is stored and shown."""
    if frame.pixels.ndim == 3:
        outline = None if frame.object is None else outline_of(frame.object)
        return Print(image_bytes(frame.pixels.astype(np.uint8, copy=False)), *_answer(frame), outline)
    heat = frame.pixels.astype(np.float32, copy=False)
    return Print(
        heat_bytes(heat),
        *_answer(frame),
        contours=contours_of(heat),
        share_on_object=frame.share_on_object,
        heat_at=_place(heat),
    )


def _answer(frame: Frame) -> PictureAnswer:
    return frame.prediction, frame.probability


def _place(heat: NDArray[np.float32]) -> HeatAt | None:
    """The ninth of the picture that holds the most of the heat; None without heat."""
    sums = np.array(
        [
            [part.sum(dtype=np.float64) for part in np.array_split(rows, 3, axis=1)]
            for rows in np.array_split(heat, 3, axis=0)
        ]
    )
    if not sums.sum() > 0:
        return None
    row, column = np.unravel_index(int(sums.argmax()), sums.shape)
    if sums[row, column] <= _SPREAD * sums.sum():
        return "spread"
    place: HeatAt = f"{_ROWS[row]}_{_COLUMNS[column]}"  # type: ignore[assignment]
    return place


class _Head(NamedTuple):
    """What stands before the pixels of a stored frame."""

    prediction: int | None
    probability: float | None
    shape: list[int]
    dtype: str
    has_object: bool
    share_on_object: float | None


def frame_bytes(frame: Frame) -> bytes:
    """A frame as the store keeps it."""
    shape, dtype = list(frame.pixels.shape), str(frame.pixels.dtype)
    head = _Head(*_answer(frame), shape, dtype, frame.object is not None, frame.share_on_object)
    known = b"" if frame.object is None else np.packbits(frame.object).tobytes()
    return json.dumps(head).encode() + b"\n" + known + np.ascontiguousarray(frame.pixels).tobytes()


def read_frame(content: bytes) -> Frame:
    """What :func:`frame_bytes` wrote."""
    first, _, body = content.partition(b"\n")
    head = _Head(*json.loads(first))
    height, width = head.shape[:2]
    known = None
    if head.has_object:
        size = -(-height * width // 8)
        bits = np.unpackbits(np.frombuffer(body[:size], dtype=np.uint8), count=height * width)
        known, body = bits.reshape(height, width).astype(bool), body[size:]
    pixels = np.frombuffer(body, dtype=head.dtype).reshape(head.shape)
    return Frame(pixels, head.prediction, head.probability, known, head.share_on_object)


def print_bytes(one: Print) -> bytes:
    """A print as the store keeps it."""
    head = {name: value for name, value in vars(one).items() if name != "content"}
    return json.dumps(head).encode() + b"\n" + one.content


def read_print(content: bytes) -> Print:
    """What :func:`print_bytes` wrote."""
    first, _, body = content.partition(b"\n")
    found = Print(body, **json.loads(first))
    return replace(found, contours=tuple(found.contours))
