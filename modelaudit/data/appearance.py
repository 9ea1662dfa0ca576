"""What the light and the surroundings of an image look like: two short vectors of named numbers, without a model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import maximum_filter  # type: ignore[attr-defined]

from ..language.sample import BACKGROUND, LUMINANCE
from .base import Pixels

Vector = NDArray[np.float64]

#: the longer side of the copy that is measured; smaller images keep their size
SIDE = 128
#: pixels that are nearer to the object than this share of the copy's longer side are left out: soft outlines, oil, the
#: bleeding of JPEG's colours and narrow shadows belong to the object
MARGIN = 0.03
#: surroundings of less than this share of the image are not measured
LEAST_SHARE = 0.02
_LAGS, _STEPS = (1, 2, 4, 8, 16), {"across": (0, 1), "down": (1, 0), "falling": (1, 1), "rising": (1, -1)}
_BINS, _LEVELS = 8, 256
_CHANNELS = ("brightness", "red_green", "yellow_blue")
_TILES, _TILE = 3, 64
#: cells down and across the frame of `surroundings_by_place`, and the sides of the frame in pixels
PLACES = 12
_FRAME = 96
#: one grey level of 255; keeps logarithms finite
_LEVEL = 1 / 255

#: the columns of `Appearance.light`
LIGHT = (
    "brightness",
    "contrast",
    "dark",
    "bright",
    "underexposed",
    "overexposed",
    "warmth",
    "green_cast",
    "colourfulness",
    "light_from_right",
    "light_from_below",
    "sharpness",
    "noise",
)
#: the columns of `Appearance.surroundings`
SURROUNDINGS = (
    "red",
    "green",
    "blue",
    *(f"{channel}_{number}" for channel in _CHANNELS for number in range(1, _BINS + 1)),
    *(f"texture_{lag}_{direction}" for lag in _LAGS for direction in _STEPS),
)


@dataclass(frozen=True)
class Appearance:
    """The appearance of one image.

    Args:
        light: float64, one number for each name in `LIGHT`, of the whole image.
        surroundings: float64, one number for each name in `SURROUNDINGS`, of the pixels outside the object; all NaN
            where the object leaves less than 2 % of the image.
    """

    light: Vector
    surroundings: Vector

    @property
    def has_surroundings(self) -> bool:
        """Whether the object leaves enough of the image to measure its surroundings."""
        return bool(np.isfinite(self.surroundings).all())


def appearance(image: Pixels, mask: Pixels | None = None) -> Appearance:
    """Measures the light of an image and its surroundings.

    Measured on a copy of at most 128 px a side (area means), with values in [0, 1]:

    - *light*: mean and standard deviation of the luminance, its 5 % and 95 % quantiles, shares of pixels below 5 and
      above 250 of 255; log2 of red over blue and of green over the mean of both; mean distance of the channels from the
      luminance; slopes of the luminance across and down the image. Sharpness and noise are read off nine tiles of 64 px
      at the full resolution: log2 of the mean difference of neighbours over that of pixels 4 apart, and Immerkær's
      estimate of the noise's standard deviation (1996), each the median over the tiles.
    - *surroundings*: means of the channels, histograms of luminance, red-green and yellow-blue (8 triangular bins
      each), and the mean absolute difference of the luminance of pixels 1, 2, 4, 8 and 16 apart, in four directions, as
      log2.

    Every number of the surroundings is a mean over pixels, or pairs of pixels, outside the object. For surroundings
    that look alike everywhere such a mean expects the same value whatever pixels the object leaves, so its outline does
    not enter; a variance over them would depend on its size.

    Args:
        image: [H, W, 3] uint8, RGB, upright.
        mask: [H, W] uint8 of 0 surroundings, 1 object, 255 ignore; None takes the whole image for surroundings.

    >>> import numpy as np
    >>> measured = appearance(np.full((64, 48, 3), 51, dtype=np.uint8))
    >>> dict(zip(LIGHT, measured.light.round(3).tolist()))["brightness"]
    0.2
    """
    copy = _copy(image)
    levels = _luminance(copy)
    light = (*_exposure(copy, levels), *_fine_structure(image))
    surroundings = _surroundings(copy, levels, outside_object(mask, copy.shape[:2]))
    return Appearance(np.array(light, dtype=np.float64), surroundings)


def surroundings_by_place(image: Pixels, mask: Pixels | None) -> NDArray[np.float32]:
    """The surroundings at every place of the frame: [columns, PLACES, PLACES], NaN where the object covers a place.

    Means of the channels, their histograms and differences of pixels as in :func:`appearance` (no logarithm), over
    the cells of a grid that lies the same over every image. A place is known where no pixel of it (or of a pair of
    pixels) belongs to the object or its margin: what an object leaves of a place does not enter.

    Args:
        image: [H, W, 3] uint8, RGB, upright.
        mask: as of :func:`appearance`.
    """
    picture = np.asarray(Image.fromarray(image).resize((_FRAME, _FRAME), Image.Resampling.BOX, reducing_gap=1.0))
    outside = outside_object(mask, (_FRAME, _FRAME))
    levels = _luminance(picture)
    red, green, blue = np.moveaxis(picture, 2, 0).astype(np.int16)
    opponents = (np.rint(levels * 255).astype(np.int16), (red - green + 255) // 2, (red + green - 2 * blue + 510) // 4)
    maps = [*(np.moveaxis(picture, 2, 0).astype(np.float32) / 255)]
    maps += [part for channel in opponents for part in np.moveaxis(_TRIANGLES32[channel], 2, 0)]
    cells = np.where(_cells((~outside).astype(np.float32)) > 0, np.float32(np.nan), _cells(np.stack(maps)))
    return np.concatenate([cells, _pair_cells(levels, outside)])


def place_differences(places: NDArray[np.float32]) -> Vector:
    """How the surroundings of every image differ from what the other images show at the same places: [n, columns].

    The mean over an image's places of what it shows less the mean over all images that show this place. In a scene that
    is the same in every image all differences are 0, whatever the objects hide of it, and where the surroundings depend
    neither on the object nor on its outline their expectation is 0 for every outline.

    Args:
        places: [n, columns, PLACES, PLACES] as of :func:`surroundings_by_place`. A column that is known at no place
            of an image has the difference 0.
    """
    known = np.isfinite(places)
    shown = np.maximum(known.sum(axis=0), 1)
    usual = np.where(known, places, 0).sum(axis=0, dtype=np.float64) / shown
    differences = np.where(known, places - usual, 0).sum(axis=(2, 3), dtype=np.float64)
    return np.asarray(differences / np.maximum(known.sum(axis=(2, 3)), 1))


def outside_object(mask: Pixels | None, size: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which pixels of a copy of `size` (height, width) are surroundings: further from everything that is not, in the
    mask [H, W], than the margin."""
    height, width = size
    if mask is None:
        return np.ones((height, width), dtype=bool)
    other = Image.fromarray(np.multiply(mask != BACKGROUND, 255, dtype=np.uint8))
    small = np.asarray(other.resize((width, height), Image.Resampling.BOX, reducing_gap=1.0))
    margin = math.ceil(MARGIN * max(size))
    return np.asarray(maximum_filter(small, size=2 * margin + 1, mode="nearest") == 0)


def _copy(image: Pixels) -> Pixels:
    """The image, its longer side at most `SIDE`."""
    height, width = image.shape[:2]
    longer = max(height, width)
    if longer <= SIDE:
        return image
    size = tuple(max(1, round(side * SIDE / longer)) for side in (width, height))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX, reducing_gap=1.0))


def _luminance(image: Pixels) -> NDArray[np.float32]:
    """[H, W] in [0, 1]."""
    weights = np.array(LUMINANCE, dtype=np.float32) / np.float32(255)
    levels: NDArray[np.float32] = image.astype(np.float32) @ weights
    return levels


def _exposure(copy: Pixels, levels: NDArray[np.float32]) -> Iterator[float]:
    yield float(levels.mean(dtype=np.float64))
    yield float(levels.std(dtype=np.float64))
    yield from (float(value) for value in np.quantile(levels, [0.05, 0.95]))
    yield float((levels < 5 / 255).mean())
    yield float((levels > 250 / 255).mean())
    red, green, blue = (float(value) / 255 + _LEVEL for value in copy.reshape(-1, 3).mean(axis=0))
    yield math.log2(red / blue)
    yield math.log2(2 * green / (red + blue))
    yield float(np.abs(copy.astype(np.float32) / 255 - levels[:, :, None]).mean(dtype=np.float64))
    yield _slope(levels.mean(axis=0, dtype=np.float64))
    yield _slope(levels.mean(axis=1, dtype=np.float64))


def _slope(profile: Vector) -> float:
    """Least-squares rise of a profile from its one end to the other."""
    position = np.linspace(-0.5, 0.5, len(profile))
    spread = float(position @ position)
    return float(position @ profile) / spread if spread > 0 and len(profile) > 1 else 0.0


def _fine_structure(image: Pixels) -> tuple[float, float]:
    """Sharpness and noise: medians over tiles at the full resolution."""
    tiles = np.stack([_luminance(tile) for tile in _tiles(image)])
    sharpness = _differences(tiles, 1) - _differences(tiles, 4)
    return float(np.median(sharpness)), float(np.median(_noise_of(tiles)))


def _tiles(image: Pixels) -> Iterator[Pixels]:
    """Up to nine tiles of one size, spread evenly over the image."""
    sides = [min(_TILE, side) for side in image.shape[:2]]
    starts = [
        sorted({round(start) for start in np.linspace(0, side - tile, _TILES).tolist()})
        for side, tile in zip(image.shape[:2], sides, strict=True)
    ]
    for top, left in product(*starts):
        yield image[top : top + sides[0], left : left + sides[1]]


def _differences(tiles: NDArray[np.float32], lag: int) -> Vector:
    """log2 of the mean absolute difference over both directions, of every tile [n, h, w]."""
    total: Vector = np.zeros(len(tiles))
    for axis in (1, 2):
        size = tiles.shape[axis]
        if size > lag:
            apart = np.abs(np.take(tiles, range(lag, size), axis) - np.take(tiles, range(size - lag), axis))
            total += apart.mean(axis=(1, 2), dtype=np.float64) / 2
    return np.asarray(np.log2(_LEVEL + total))


def _noise_of(tiles: NDArray[np.float32]) -> Vector:
    """Immerkær 1996, of every tile [n, h, w]: the mean absolute response to a kernel that is blind to planes, for
    Gaussian noise its deviation; 0 of tiles that are smaller than the kernel."""
    if min(tiles.shape[1:]) < 3:
        return np.zeros(len(tiles))
    rows = tiles[:, :-2] - 2 * tiles[:, 1:-1] + tiles[:, 2:]
    response = rows[:, :, :-2] - 2 * rows[:, :, 1:-1] + rows[:, :, 2:]
    return np.asarray(np.abs(response).mean(axis=(1, 2), dtype=np.float64)) * math.sqrt(math.pi / 2) / 6


def _surroundings(copy: Pixels, levels: NDArray[np.float32], outside: NDArray[np.bool_]) -> Vector:
    if outside.mean() < LEAST_SHARE:
        return np.full(len(SURROUNDINGS), np.nan)
    pixels = copy[outside]
    red, green, blue = pixels.T.astype(np.int16)
    channels = (
        np.rint(levels[outside] * 255).astype(np.int16),
        (red - green + 255) // 2,
        (red + green - 2 * blue + 510) // 4,
    )
    histograms = [_histogram(channel) for channel in channels]
    return np.concatenate([pixels.mean(axis=0) / 255, *histograms, list(_textures(levels, outside))])


def _triangles() -> Vector:
    """[levels, bins]: how far each of 256 levels belongs to each of 8 bins."""
    position = np.arange(_LEVELS)[:, None] * (_BINS - 1) / (_LEVELS - 1)
    return np.asarray(np.clip(1 - np.abs(position - np.arange(_BINS)), 0, 1))


_TRIANGLES = _triangles()
_TRIANGLES32 = _TRIANGLES.astype(np.float32)


def _histogram(values: NDArray[np.int16]) -> Vector:
    counts = np.bincount(values, minlength=_LEVELS)
    return np.asarray(counts @ _TRIANGLES / len(values))


def _textures(levels: NDArray[np.float32], outside: NDArray[np.bool_]) -> Iterator[float]:
    """By lag and direction. A lag at which no pair lies outside the object has the value of the lag before."""
    weights = outside.astype(np.float32)
    before = dict.fromkeys(_STEPS, 0.0)
    for lag in _LAGS:
        for name, (down, right) in _STEPS.items():
            found = _texture(levels, weights, lag * down, lag * right)
            before[name] = before[name] if found is None else found
            yield math.log2(_LEVEL + before[name])


def _texture(levels: NDArray[np.float32], weights: NDArray[np.float32], down: int, right: int) -> float | None:
    """Mean absolute difference of the pairs of pixels `down` and `right` apart that both lie outside; None without.

    Args:
        weights: [H, W], 1 outside the object and 0 elsewhere.
    """
    height, width = levels.shape
    if down >= height or abs(right) >= width:
        return None
    here = (slice(0, height - down), slice(max(0, -right), width - max(0, right)))
    there = (slice(down, height), slice(max(0, right), width - max(0, -right)))
    both = weights[here] * weights[there]
    pairs = float(both.sum())
    if not pairs:
        return None
    return float(np.einsum("ij,ij->", np.abs(levels[here] - levels[there]), both)) / pairs


def _cells(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """[..., PLACES, PLACES] means of maps [..., side, side] over the cells of the grid."""
    means: NDArray[np.float32] = _AVERAGE @ maps @ _AVERAGE.T
    return means


def _partners() -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """By lag up to 8 and direction: the pixels that have a partner within the frame, and their partners."""
    for lag in _LAGS[:-1]:
        for down, right in ((lag * one, lag * other) for one, other in _STEPS.values()):
            rows, columns = slice(0, _FRAME - down), slice(max(0, -right), _FRAME - max(0, right))
            yield (rows, columns), (slice(down, _FRAME), slice(max(0, right), _FRAME - max(0, -right)))


def _pair_cells(levels: NDArray[np.float32], outside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """[pairs, PLACES, PLACES]: mean absolute differences of the pairs of every cell; NaN where one is hidden, or a cell
    has no pair within the frame."""
    apart, hidden, within = np.zeros((3, len(_PARTNERS), _FRAME, _FRAME), dtype=np.float32)
    for number, (here, there) in enumerate(_PARTNERS):
        apart[number][here] = np.abs(levels[here] - levels[there])
        hidden[number][here] = ~(outside[here] & outside[there])
        within[number][here] = 1
    share = _cells(within)
    known = (_cells(hidden) == 0) & (share > 0)
    return np.where(known, _cells(apart) / np.maximum(share, 1e-9), np.float32(np.nan))


_PARTNERS = tuple(_partners())
_AVERAGE = np.repeat(np.eye(PLACES, dtype=np.float32), _FRAME // PLACES, axis=1) * np.float32(PLACES / _FRAME)
