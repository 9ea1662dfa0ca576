"""Whether one picture is a changed copy of another: saved again, resized, cropped, brightened, mirrored or turned.

Two frames of a fixed camera agree nearly everywhere and are not copies: they differ where the part is. Two photos of an
empty belt differ by noise alone, and are not copies either. So a pair is compared where it says something:

1. **Aligned.** The training picture is laid on the test picture by a shift and a scale along each axis (Gauss-Newton on
   grey miniatures, after Lucas and Kanade 1981, with Tukey's weights against what differs locally), and its tone curve
   is fitted by a cubic in both directions, of which the better counts: clipped light is a function of light that is
   not, and not the other way round.
2. **Local differences.** The share of blocks in which the two differ by more than codecs and interpolation do.
3. **What they share beyond the scene.** The median of other pictures of the same kind is taken off both; what is left
   of a frame is its part, its pose, its light and its noise. The correlation of the two rests is near 1 for a copy and
   near 0 for two frames of one camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter  # type: ignore[attr-defined]

from ..language.sample import OBJECT
from .base import Pixels

#: grey levels, float32
Levels = NDArray[Any]

#: side of the grey miniature; width and height are scaled to it each by itself
SIDE = 96
_BLOCK = 8
_ITERATIONS, _COARSE_ITERATIONS = 10, 12
#: blocks of a miniature that differ by more than `_APART` grey levels and `_OF_STRUCTURE` of their own contrast
_APART, _OF_STRUCTURE = 10.0, 0.6
#: shift and scale may lead so far from where they began
_STRAY = 0.12
#: coarse pictures of a pair that can be aligned correlate so much
_FITTING = 0.6
#: an alignment errs by less than this share of a side
_ALIGNED = 0.012
#: a copy shows so much of the other picture, and reaches out of it by no more than this
_OVERLAP, _OVERHANG = 0.7, 0.04
#: what is left of a copy without the scene correlates so much with what is left of the other one
_SHARED = 0.88
#: blocks of a copy that may be apart, and by how much at most; of a picture that resembles another one
_APART_MOST, _PEAK, _RESEMBLING = 0.02, 0.25, 0.2
#: the surroundings moved with the part where their texture correlates so much; where that is not seen, pictures must
#: share still more to be called alike
_GROUND, _SHARED_CLOSELY, _PEAK_CLOSELY = 0.3, 0.98, 0.12
#: a block is of the object where so much of it is
_OF_OBJECT = 0.25
#: the sharper one of a pair is blurred by one of these, in pixels of the miniature
_BLURS = (1.0, 1.7)
#: at least so many blocks are compared where most is left
_MOST_LEFT = 6


@dataclass(frozen=True, eq=False)
class Miniature:
    """A small grey picture [SIDE, SIDE] of an image.

    Args:
        inside: where its object is; None where that is not known.
        shorter: the shorter side of the image in pixels.
    """

    grey: NDArray[np.uint8]
    inside: NDArray[np.bool_] | None = None
    shorter: int = SIDE


@dataclass(frozen=True)
class Placement:
    """Where a test picture lies in a training picture, in shares of its sides: ``training = start + scale * test``.

    Args:
        orientation: 0 to 7: quarter turns of the test picture (0 to 3), mirrored before by 4 and more.
    """

    orientation: int = 0
    top: float = 0.0
    left: float = 0.0
    tall: float = 1.0
    wide: float = 1.0

    @property
    def overhang(self) -> float:
        """By how much of a side neither picture lies inside of the other; 0 where one is cut out of the other."""
        axes = ((self.top, self.tall), (self.left, self.wide))
        return max(max(-at, at + size - 1) if size <= 1 else max(at, 1 - at - size) for at, size in axes)

    @property
    def moved(self) -> bool:
        """Whether one picture is cut out of the other, turned or mirrored."""
        return self.cut or self.orientation != 0

    @property
    def cut(self) -> bool:
        """Whether one picture is cut out of the other, by more than an alignment errs."""
        parts = (self.top, self.left, self.tall - 1, self.wide - 1)
        return max(map(abs, parts)) > _ALIGNED


@dataclass(frozen=True)
class Likeness:
    """How like two pictures are once they are aligned.

    Args:
        apart: the share of blocks with a local difference, of all that both show.
        apart_inside: the same of blocks of the object of either; None where no mask is known.
        shared: the correlation of what is left of both without the scene, where most is left.
        peak: the largest local difference, in units of the most that is left in a block.
        ground: the correlation of texture where least is left: it tells whether the surroundings moved with the part.
        overlap: the share of the test picture that the training picture shows.
        enlarged: how often the smaller of the images was enlarged for its miniature, and errors of its pixels with it.
    """

    placement: Placement
    apart: float
    apart_inside: float | None
    shared: float
    peak: float
    ground: float
    overlap: float
    enlarged: float = 1.0

    @property
    def changed_copy(self) -> bool:
        """Whether one picture is the other, changed as a whole."""
        if not self._one_picture or (self.placement.moved and self.ground < _GROUND):
            return False
        if self.apart_inside is not None:  # what was stamped beside the object hides no copy
            return self.apart_inside <= _APART_MOST and self.apart <= _RESEMBLING
        return self.apart <= _APART_MOST and self.peak <= _PEAK * self.enlarged

    @property
    def resembles(self) -> bool:
        """Whether one picture is the other but for a local difference, or another frame of a scene with few frames."""
        if self.changed_copy or not self._one_picture:
            return False
        if self.placement.moved and self.ground < _GROUND:  # one of many parts of one shape on a plain ground, perhaps
            return self.shared >= _SHARED_CLOSELY and self.peak <= _PEAK_CLOSELY
        return self.apart <= _RESEMBLING

    @property
    def _one_picture(self) -> bool:
        placed = self.overlap >= _OVERLAP and self.placement.overhang <= _OVERHANG
        return placed and self.shared >= _SHARED


def miniature_of(image: Pixels, mask: Pixels | None = None) -> Miniature:
    """The miniature of an upright image [H, W, 3] of uint8 and its mask [H, W]."""
    shorter = min(image.shape[:2])
    # a box filter that enlarges repeats pixels, and not the same ones in a mirrored image
    by = Image.Resampling.BOX if shorter >= SIDE else Image.Resampling.BILINEAR
    grey = Image.fromarray(image).convert("L").resize((SIDE, SIDE), by)
    if mask is None or not (mask == OBJECT).any():
        return Miniature(np.asarray(grey), None, shorter)
    share = Image.fromarray((mask == OBJECT).astype(np.float32)).resize((SIDE, SIDE), Image.Resampling.BOX)
    return Miniature(np.asarray(grey), np.asarray(share) > _OF_OBJECT, shorter)


def facing(picture: NDArray[Any], orientation: int) -> Levels:
    """A square picture [..., S, S], mirrored and turned as `Placement.orientation` says."""
    mirrored = picture[..., ::-1] if orientation >= 4 else picture
    return np.rot90(mirrored, orientation % 4, axes=(-2, -1)).astype(np.float32)


def sampling(start: float, scale: float, side: int = SIDE) -> Levels:
    """[side, side]: the linear interpolation that reads a row of a picture at ``start + scale * position``; rows that
    lie outside of it are 0."""
    at = start * side + scale * (np.arange(side) + 0.5) - 0.5
    low = np.floor(at).astype(np.intp)
    share = (at - low).astype(np.float32)
    matrix = np.zeros((side, side), dtype=np.float32)
    inside = (at > -0.5 - 1e-6) & (at < side - 0.5 + 1e-6)
    rows = np.flatnonzero(inside)
    np.add.at(matrix, (rows, np.clip(low[rows], 0, side - 1)), 1 - share[rows])
    np.add.at(matrix, (rows, np.clip(low[rows] + 1, 0, side - 1)), share[rows])
    return matrix


def laid(picture: Levels, placement: Placement) -> Levels:
    """A training picture [..., S, S] in the frame of the test picture; 0 outside of it."""
    side = picture.shape[-1]
    down = sampling(placement.top, placement.tall, side)
    across = sampling(placement.left, placement.wide, side)
    found: Levels = down @ picture @ across.T
    return found


def shown(placement: Placement, side: int = SIDE) -> NDArray[np.bool_]:
    """[S, S]: where the training picture shows something in the frame of the test picture."""
    down, across = sampling(placement.top, placement.tall, side), sampling(placement.left, placement.wide, side)
    return np.outer(down.any(axis=1), across.any(axis=1))


def align(test: Levels, training: Levels, placement: Placement) -> Placement | None:
    """The placement that fits best, from one that is nearly right: first on pictures of a third of the size, which tell
    pictures that do not fit at all (None).

    Args:
        test: [SIDE, SIDE], oriented already.
    """
    small = SIDE // 3
    coarse = [picture.reshape(small, 3, small, 3).mean(axis=(1, 3)) for picture in (test, training)]
    one, other = coarse
    placement = _descended(one, other, placement, _COARSE_ITERATIONS)
    valid = shown(placement, small)
    if valid.mean() < _OVERLAP or _trimmed_correlation(one[valid], laid(other, placement)[valid]) < _FITTING:
        return None
    return _descended(test, training, placement, _ITERATIONS)


def _descended(test: Levels, training: Levels, begun: Placement, steps: int) -> Placement:
    side = test.shape[0]
    slopes = np.gradient(training)
    position = ((np.arange(side) + 0.5) / side).astype(np.float32)
    at = np.array([begun.top, begun.left, begun.tall, begun.wide])
    first = at.copy()
    for _ in range(steps):
        placement = Placement(begun.orientation, *at.tolist())
        down, across = sampling(at[0], at[2], side), sampling(at[1], at[3], side)
        seen = down @ training @ across.T
        falls, runs = (down @ slope @ across.T * side for slope in slopes)
        valid = shown(placement, side).ravel()
        columns = np.stack(
            [falls, runs, falls * position[:, None], runs * position[None, :], seen, np.ones_like(seen)], axis=-1
        ).reshape(-1, 6)[valid]
        wanted = test.ravel()[valid]
        gain, offset = _line(columns[:, 4], wanted)
        rest = wanted - gain * columns[:, 4] - offset
        scale = 4.685 * max(1.4826 * float(np.median(np.abs(rest))), 2.0)
        weight = np.clip(1 - (rest / scale) ** 2, 0, None) ** 2
        columns[:, :4] *= gain
        weighted = columns * weight[:, None]
        normal = (weighted.T @ columns).astype(np.float64)
        normal[np.diag_indices(6)] *= 1 + 1e-4
        normal[np.diag_indices(6)] += 1e-6
        step = np.linalg.solve(normal, (weighted.T @ rest).astype(np.float64))[:4]
        at = np.clip(at + np.clip(step, -0.05, 0.05), first - _STRAY, first + _STRAY)
        if np.abs(step).max() < 2e-4:
            break
    return Placement(begun.orientation, *at.tolist())


def _line(of: Levels, wanted: Levels) -> tuple[float, float]:
    """Gain and offset of the line that predicts `wanted` best."""
    centred = of - of.mean()
    power = float(centred @ centred)
    gain = float(centred @ wanted) / power if power > 0 else 0.0
    return gain, float(wanted.mean() - gain * of.mean())


def toned(of: Levels, wanted: Levels) -> Levels:
    """The cubic of grey levels [n] that predicts `wanted` best, but for levels that are far from it (trimmed least
    squares, one step): what was stamped on a picture must not bend its tone curve.
    """
    unit = of / np.float32(128) - 1
    powers = np.stack([np.ones_like(unit), unit, unit**2, unit**3], axis=1)
    fitted = powers @ _least_squares(powers, wanted)
    away = np.abs(wanted - fitted)
    near = away <= max(3 * 1.4826 * float(np.median(away)), 3.0)
    return np.asarray(powers @ _least_squares(powers[near], wanted[near]))


def _least_squares(powers: Levels, wanted: Levels) -> Levels:
    normal = powers.T @ powers
    normal[np.diag_indices(4)] += np.array([1e-6, 1e-6, 1e-5, 1e-5], dtype=np.float32) * (len(powers) + 1)
    return np.asarray(np.linalg.solve(normal, powers.T @ wanted))


def likeness(
    test: Miniature, training: Miniature, placement: Placement, others: Levels, beside: Levels
) -> Likeness | None:
    """How like a test picture is to a training picture; None where they cannot be laid on each other.

    Args:
        placement: where it lies, roughly.
        others: pictures of the training data of the same kind as `training`, [n, SIDE, SIDE].
        beside: pictures of the test data of the same kind as `test`, [m, SIDE, SIDE].
    """
    turn = placement.orientation
    one, other = facing(test.grey, turn), training.grey.astype(np.float32)
    aligned = align(one, other, placement)
    if aligned is None:
        return None
    valid, known = shown(aligned), _object(test, training, aligned)
    pair = _as_sharp(one, laid(other, aligned), valid)
    counted = pair.share > 0.5
    apart = (pair.rest > np.hypot(_APART, _OF_STRUCTURE * pair.contrast)) & counted
    scenes = [np.median(scene, axis=0) for scene in (laid(others, aligned), facing(beside, turn)) if len(scene) > 2]
    left = [_left(pair, valid, counted, scene) for scene in scenes] or [_left(pair, valid, counted, None)]
    inside = None
    if known is not None:
        of_object = (blocks(known.astype(np.float32)) > _OF_OBJECT) & counted
        inside = float(apart[of_object].mean()) if of_object.any() else None
    return Likeness(
        placement=aligned,
        apart=float(apart.sum() / max(counted.sum(), 1)),
        apart_inside=inside,
        shared=max(one.shared for one in left),
        peak=min(one.peak for one in left),
        ground=max(one.ground for one in left),
        overlap=float(valid.mean()),
        enlarged=max(1.0, SIDE / min(test.shorter, training.shorter)),
    )


def _object(test: Miniature, training: Miniature, placement: Placement) -> NDArray[np.bool_] | None:
    masks = []
    if test.inside is not None:
        masks.append(facing(test.inside, placement.orientation) > 0.5)
    if training.inside is not None:
        masks.append(laid(training.inside.astype(np.float32), placement) > 0.5)
    return np.logical_or.reduce(masks) if masks else None


def blocks(picture: Levels) -> Levels:
    """The means [n, n] over blocks."""
    n = picture.shape[0] // _BLOCK
    found: Levels = picture.reshape(n, _BLOCK, n, _BLOCK).mean(axis=(1, 3))
    return found


@dataclass(frozen=True, eq=False)
class _Pair:
    """Two aligned pictures of one sharpness; by block the root mean square difference, the contrast and the share that
    both show."""

    test: Levels
    seen: Levels
    blur: float
    rest: Levels
    contrast: Levels
    share: Levels


def _as_sharp(test: Levels, seen: Levels, valid: NDArray[np.bool_]) -> _Pair:
    """Both pictures as sharp as the duller one: one of them may have been smaller once."""
    tried = [_compared(test, seen, 0.0, valid)]
    for blur in _BLURS:
        tried.append(_compared(test, gaussian_filter(seen, blur), blur, valid))
        tried.append(_compared(gaussian_filter(test, blur), seen, blur, valid))
    return min(tried, key=lambda pair: float((pair.rest**2 * pair.share).sum()))


def _compared(test: Levels, seen: Levels, blur: float, valid: NDArray[np.bool_]) -> _Pair:
    share = blocks(valid.astype(np.float32))
    forth, back = np.zeros_like(test), np.zeros_like(test)
    forth[valid] = test[valid] - toned(seen[valid], test[valid])
    back[valid] = seen[valid] - toned(test[valid], seen[valid])
    ratio = float(test[valid].std() / max(seen[valid].std(), 1e-6))
    rest = forth if (forth**2).mean() <= (back**2).mean() * ratio**2 else back * ratio
    safe = np.maximum(share, 1e-6)
    contrast = np.sqrt(np.maximum(blocks(test**2) - blocks(test) ** 2, 0))
    return _Pair(test, seen, blur, np.sqrt(blocks(rest**2) / safe), contrast, share)


@dataclass(frozen=True)
class _Left:
    """See :class:`Likeness`."""

    shared: float
    peak: float
    ground: float


def _left(pair: _Pair, valid: NDArray[np.bool_], counted: NDArray[np.bool_], scene: Levels | None) -> _Left:
    """What is left of both pictures without the scene, in the tenth of the blocks where most is; the ground is the
    half where least is, of which the scene is not taken off.

    Args:
        scene: what pictures of the kind have in common; None where that is not known.
    """
    rests = []
    common = None if scene is None else gaussian_filter(scene, pair.blur) if pair.blur else scene
    for picture in (pair.test, pair.seen):
        rest = np.zeros_like(picture)
        own = picture[valid]
        rest[valid] = own - (own.mean() if common is None else toned(common[valid], own))
        rests.append(rest)
    energy = np.where(counted, blocks((rests[0] ** 2 + rests[1] ** 2) / 2), 0)
    most = max(_MOST_LEFT, int(counted.sum()) // 10)
    at_least = np.sort(energy, axis=None)[-most]
    whole = np.ones((_BLOCK, _BLOCK), dtype=bool)
    quiet = (energy <= np.median(energy[counted])) & (energy < at_least) & counted
    where, ground = (np.kron(chosen, whole) & valid for chosen in (energy >= at_least, quiet))
    textures = [(picture - np.kron(blocks(picture), whole))[ground] for picture in (pair.test, pair.seen)]
    return _Left(
        shared=_correlation(rests[0][where], rests[1][where]),
        peak=float((pair.rest * counted).max()) / max(float(np.sqrt(energy.max())), 1e-6),
        ground=_correlation(*textures) if ground.any() else 0.0,
    )


def _trimmed_correlation(one: Levels, other: Levels) -> float:
    """The correlation without the tenth of the levels that are farthest from a line."""
    gain, offset = _line(other, one)
    away = np.abs(one - gain * other - offset)
    near = away <= np.quantile(away, 0.9)
    return _correlation(one[near], other[near])


def _correlation(one: Levels, other: Levels) -> float:
    first, second = one - one.mean(), other - other.mean()
    power = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / power if power > 0 else 0.0
