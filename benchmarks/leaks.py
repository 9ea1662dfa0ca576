"""How often changed copies of training images are found, and frames of a fixed camera are called copies.

``python benchmarks/leaks.py pets|demo|camera|scale`` prints the tables of docs/validation/leaks.md. The pets are of
``MODELAUDIT_ASSETS``; a camera's frames show one background and a part anywhere on it, turned, with a sensor's noise.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modelaudit.data.leakage import SearchForCopies
from modelaudit.data.near_same import Miniature, miniature_of
from modelaudit.demo.line import InspectionLine

Pixels = NDArray[np.uint8]
Change = Callable[[Pixels, np.random.Generator], Pixels]


def recompressed(image: Pixels, quality: int) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def resized(image: Pixels, share: float) -> Pixels:
    size = (round(image.shape[1] * share), round(image.shape[0] * share))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def cropped(image: Pixels, most: float, draw: np.random.Generator) -> Pixels:
    """Up to `most` of each side cut off, each side by itself."""
    (height, width), (left, top, right, bottom) = image.shape[:2], draw.uniform(0, most, 4)
    return image[
        round(top * height) : height - round(bottom * height), round(left * width) : width - round(right * width)
    ]


def brighter(image: Pixels, gain: float) -> Pixels:
    return np.clip(image * np.float32(gain), 0, 255).astype(np.uint8)


def stamped(image: Pixels) -> Pixels:
    image, (height, width) = image.copy(), image.shape[:2]
    image[int(0.88 * height) : int(0.97 * height), int(0.65 * width) : int(0.97 * width)] = (255, 255, 0)
    return image


CHANGES: Mapping[str, Change] = {
    "JPEG, quality 95": lambda image, _: recompressed(image, 95),
    "JPEG, quality 50": lambda image, _: recompressed(image, 50),
    "half the size, JPEG 50": lambda image, _: recompressed(resized(image, 0.5), 50),
    "up to 10 % of each side cut off": lambda image, draw: cropped(image, 0.1, draw),
    "1.3 times as bright": lambda image, _: brighter(image, 1.3),
    "mirrored": lambda image, _: image[:, ::-1],
    "turned by 90 degrees": lambda image, _: np.rot90(image),
    "mirrored, cropped, brighter, JPEG 50": lambda image, draw: recompressed(
        brighter(np.ascontiguousarray(cropped(image[:, ::-1], 0.07, draw)), 1.15), 50
    ),
    "a stamp of 3 % of the image": lambda image, _: stamped(image),
}


def pets() -> list[Pixels]:
    folder = Path(os.environ["MODELAUDIT_ASSETS"]) / "pets" / "images"
    return [np.asarray(Image.open(file).convert("RGB")) for file in sorted(folder.glob("*/*.jpg"))]


def demo(count: int, stream: str) -> list[Pixels]:
    return list(InspectionLine(0.95, 0, stream).draw(range(count)).pixels)  # type: ignore[arg-type]


def camera(count: int, seed: int, *, part: float = 0.12, contrast: float = 25, noise: float = 2.0) -> list[Pixels]:
    """Frames [240, 240, 3]; every seed has the same background."""
    side, background = 240, np.random.default_rng(1000)
    scene = np.zeros((side, side), dtype=np.float32)
    for cells in (4, 12, 40):
        field = background.normal(0, 1, (cells, cells)).astype(np.float32)
        scene += np.asarray(Image.fromarray(field).resize((side, side), Image.Resampling.BICUBIC)) * contrast / 2
    scene = 128 + scene + background.normal(0, contrast / 4, (side, side))
    colours = np.stack([scene, scene * 0.9, scene * 0.8], axis=-1)
    draw, (row, column) = np.random.default_rng([seed, 7]), np.mgrid[:side, :side]
    frames = []
    for _ in range(count):
        frame = colours.copy()
        if part:
            radius, turn = part * side / 2 * draw.uniform(0.8, 1.2), draw.uniform(0, np.pi)
            top, left = draw.uniform(0.2, 0.8, 2) * side
            along = (row - top) * np.cos(turn) + (column - left) * np.sin(turn)
            across = (column - left) * np.cos(turn) - (row - top) * np.sin(turn)
            inside = (along / radius) ** 2 + (across / radius / 1.6) ** 2 < 1
            frame[inside] = np.array([60, 70, 90]) * draw.uniform(0.8, 1.2)
        frame += draw.normal(0, noise, frame.shape)
        frames.append(np.clip(frame + 0.5, 0, 255).astype(np.uint8))
    return frames


def small(images: Sequence[Pixels]) -> list[Miniature]:
    return [miniature_of(np.ascontiguousarray(image)) for image in images]


def unrelated(name: str, test: Sequence[Pixels], training: Sequence[Pixels]) -> None:
    """Of pictures that are not copies: how many are called copies (a problem), and how many alike (a remark)."""
    search = SearchForCopies(small(test), small(training))
    found = [one for at in range(len(test)) if (one := search.of(at)) is not None]
    copies = sum(how.changed_copy for _, how in found)
    print(f"| {name} | {len(test)} x {len(training)} | {copies} | {len(found) - copies} |", flush=True)


def leaking(name: str, training: Sequence[Pixels], count: int) -> None:
    """Of changed copies: how many are found as copies of their original, how many are called alike, how many missed."""
    kept = small(training)
    for change, function in CHANGES.items():
        test = [function(image, np.random.default_rng([5, at])) for at, image in enumerate(training[:count])]
        search = SearchForCopies(small(test), kept)
        right = [one for at in range(count) if (one := search.of(at)) is not None and one[0] == at]
        copies = sum(how.changed_copy for _, how in right)
        print(f"| {name} | {change} | {count} | {copies} | {len(right) - copies} | {count - len(right)} |", flush=True)


def scale(count: int) -> None:
    """Seconds for `count` test frames beside as many training frames of the demo."""
    test, training = small(demo(count, "audit")), small(demo(count, "training"))
    begun = time.perf_counter()
    search = SearchForCopies(test, training)
    listed = time.perf_counter()
    copies = sum((one := search.of(at)) is not None and one[1].changed_copy for at in range(count))
    ended = time.perf_counter()
    print(f"{count} x {count}: candidates {listed - begun:.0f} s, comparisons {ended - listed:.0f} s, {copies} copies")


def main(what: str) -> None:
    if what == "pets":
        every = pets()
        unrelated("pets", every[::2], every[1::2])
        leaking("pets", every, 25)
    elif what == "demo":
        unrelated("frames of the demo", demo(100, "audit"), demo(200, "training"))
        leaking("frames of the demo", demo(200, "training"), 25)
    elif what == "camera":
        kinds = {"part of 12 %": {}, "part of 30 %": {"part": 0.3}, "part of 5 %": {"part": 0.05}}
        kinds |= {"no part": {"part": 0.0}, "plain background": {"contrast": 2.0}}
        for name, options in kinds.items():
            unrelated(f"fixed camera, {name}", camera(60, 1, **options), camera(60, 2, **options))
        for name in ("part of 12 %", "part of 5 %", "plain background"):
            leaking(f"fixed camera, {name}", camera(60, 2, **kinds[name]), 20)
    else:
        scale(5_000)


if __name__ == "__main__":
    main(sys.argv[1])
