"""Finds, for every test picture, the training pictures that it may be a changed copy of.

Pictures are compared by descriptors: the grey levels of a grid of 12 x 12, without brightness and contrast, whitened by
their covariance over both data sets, so that what all frames of a camera share counts for little and where the part is
counts for much. Each test picture is tried as it is, mirrored and turned, and each of a pair cut out of the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .near_same import SIDE, Levels, Placement, facing, laid

_GRID = 12
_ROWS = 512
#: whitening adds this share of the mean variance to every direction
_SHRINKAGE = 0.1
#: pairs whose whitened descriptors correlate less are not looked at
_LEAST = 0.35
#: as they are, so many are looked at of each picture; of every other trial the best one
_NEAREST = 3
#: where a cut-out of 85 % may begin
_CUT, _BEGINS = 0.86, (0.0, 0.07, 0.14)
_AS_IT_IS, _MIRRORED = 0, 4
#: the side of pictures in which the frames of a scene are compared, and the most of them
SCENE_SIDE, _SCENE = 24, 500
_STANDING_OUT = 3.0
#: descriptors (not whitened) of pictures of one kind correlate so much, and they are spread over at least so many
_ALIKE, _SPREAD = 0.8, 60


@dataclass(frozen=True, order=True)
class Candidate:
    """A pair to look at: the numbers of the pictures, how alike they are, and where the one lies in the other."""

    likeness: float
    test: int
    training: int
    placement: Placement


def candidates(test: NDArray[np.uint8], training: NDArray[np.uint8], most: int) -> list[list[Candidate]]:
    """For each test picture at most `most` candidates, the likeliest first, and last the picture whose scene is most
    like its own, by descriptors that are not whitened.

    Args:
        test, training: miniatures, [n, SIDE, SIDE] and [m, SIDE, SIDE].
    """
    found: list[dict[int, Candidate]] = [{} for _ in range(len(test))]
    scenes: list[Candidate | None] = [None] * len(test)
    for one, whitened in _tried(test, training):
        if not whitened:
            best = scenes[one.test]
            scenes[one.test] = one if best is None or best.likeness < one.likeness else best
        elif one.training not in found[one.test] or found[one.test][one.training].likeness < one.likeness:
            found[one.test][one.training] = one
    chosen = [sorted(own.values(), key=lambda one: (-one.likeness, one.training))[:most] for own in found]
    return [[*own, *([] if scene is None else [scene])] for own, scene in zip(chosen, scenes, strict=True)]


def _tried(test: NDArray[np.uint8], training: NDArray[np.uint8]) -> Iterator[tuple[Candidate, bool]]:
    """Candidates, and whether their descriptors were whitened."""
    whole, other = grids(test), grids(training)
    for part in (None, *(Placement(0, top, left, _CUT, _CUT) for top in _BEGINS for left in _BEGINS)):
        for inward in (True, False) if part is not None else (True,):
            # inward: the test picture is cut out of the training picture
            one, two = whole, other
            if part is not None:
                one, two = (whole, grids(training, part)) if inward else (grids(test, part), other)
            whitening = Whitening.of(two if inward else one)
            against = whitening(two)
            for turn in range(8) if part is None else (_AS_IT_IS, _MIRRORED):
                turned = normalised(facing(one.reshape(-1, _GRID, _GRID), turn))
                placement = _placement(turn, part, inward)
                for row, column, value in _best(whitening(turned), against, _NEAREST if part is None else 1):
                    yield Candidate(value, row, column, placement), True
                for row, column, value in _best(turned, two, 1):
                    yield Candidate(value, row, column, placement), False


def _placement(turn: int, part: Placement | None, inward: bool) -> Placement:
    if part is None:
        return Placement(turn)
    if inward:
        return Placement(turn, part.top, part.left, part.tall, part.wide)
    # the training picture is the part of the test picture, which was turned after it was cut out
    top, left = part.top, part.left
    right, bottom = 1 - part.left - part.wide, 1 - part.top - part.tall
    if turn == _MIRRORED:
        left = right
    assert turn in (_AS_IT_IS, _MIRRORED) and bottom >= -1e-9
    return Placement(turn, -top / part.tall, -left / part.wide, 1 / part.tall, 1 / part.wide)


def grids(pictures: NDArray[np.uint8], part: Placement | None = None) -> Levels:
    """Descriptors [n, 144] of miniatures, or of a part of them, without brightness and contrast."""
    cells = SIDE // _GRID
    found = np.empty((len(pictures), _GRID * _GRID), dtype=np.float32)
    for at in range(0, len(pictures), _ROWS):
        some = pictures[at : at + _ROWS].astype(np.float32)
        some = some if part is None else laid(some, part)
        found[at : at + _ROWS] = some.reshape(-1, _GRID, cells, _GRID, cells).mean(axis=(2, 4)).reshape(len(some), -1)
    return normalised(found)


def normalised(rows: NDArray[np.generic]) -> Levels:
    """Rows [n, ...] as vectors without mean, of length 1; one without contrast is 0."""
    flat = np.asarray(rows, dtype=np.float32).reshape(len(rows), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    found: Levels = np.divide(flat, length, out=np.zeros_like(flat), where=length > 1e-3)
    return found


@dataclass(frozen=True, eq=False)
class Whitening:
    """Takes the mean off and makes the directions of descriptors equally long."""

    mean: Levels
    matrix: Levels

    @classmethod
    def of(cls, rows: Levels) -> Whitening:
        """By the mean and the shrunk covariance of descriptors [n, d]."""
        mean = rows.mean(axis=0)
        rest = rows - mean
        covariance = (rest.T @ rest / max(len(rows), 1)).astype(np.float64)
        values, vectors = np.linalg.eigh(covariance)
        shrunk = np.maximum(values, 0) + _SHRINKAGE * max(float(values.mean()), 1e-9)
        return cls(mean, ((vectors / np.sqrt(shrunk)) @ vectors.T).astype(np.float32))

    def __call__(self, rows: Levels) -> Levels:
        white = (rows - self.mean) @ self.matrix
        length = np.linalg.norm(white, axis=1, keepdims=True)
        found: Levels = np.divide(white, length, out=np.zeros_like(white), where=length > 0)
        return found


def _best(rows: Levels, others: Levels, nearest: int) -> Iterator[tuple[int, int, float]]:
    """For every row its nearest ones among the others: row, other, cosine."""
    for first in range(0, len(rows), _ROWS):
        likeness = rows[first : first + _ROWS] @ others.T
        for _ in range(min(nearest, likeness.shape[1])):
            column = likeness.argmax(axis=1)
            value = likeness[np.arange(len(column)), column]
            for row in np.flatnonzero(value >= _LEAST):
                yield first + int(row), int(column[row]), float(value[row])
            likeness[np.arange(len(column)), column] = -np.inf


def neighbours(grid: Levels, all_of: Levels, leave_out: int, most: int) -> NDArray[np.intp]:
    """Pictures of the same kind as one: `most` of those with alike descriptors, spread evenly over all of these.

    Only of the nearest there may be further copies; of pictures that are spread over at least sixty they are few.
    """
    likeness = all_of @ grid
    likeness[leave_out] = -np.inf
    alike = max(int((likeness >= _ALIKE).sum()), min(_SPREAD, len(likeness) - 1))
    nearest = np.argsort(-likeness, kind="stable")[:alike]
    return nearest[np.unique(np.linspace(0, alike - 1, most).round().astype(np.intp))] if alike > 0 else nearest


def best_in_scene(test: Levels, placement: Placement, training: Levels, scene: NDArray[np.intp]) -> int | None:
    """Of the training pictures of one scene the one that is most like a test picture in a known placement, without what
    they all have in common; None where there are fewer than two.

    Levels are taken in units of their own spread over the scene, at most `_STANDING_OUT` of them: what was stamped on a
    picture, or one bright spot, is not all that counts.

    Args:
        test: the miniature [SIDE, SIDE], facing as the placement says.
        training: miniatures reduced to [n, SCENE_SIDE, SCENE_SIDE].
        scene: numbers of these pictures.
    """
    if len(scene) < 2:
        return None
    placed, own = normalised(laid(training[scene], placement)), normalised(reduced(test[None]))[0]
    middle = np.median(placed, axis=0)
    spread = np.maximum(placed.std(axis=0), placed.std() / 10 + 1e-6)
    clipped = np.clip((placed - middle) / spread, -_STANDING_OUT, _STANDING_OUT)
    wanted = np.clip((own - middle) / spread, -_STANDING_OUT, _STANDING_OUT)
    length = np.maximum(np.linalg.norm(clipped, axis=1), 1e-6)
    return int(scene[int((clipped @ wanted / length).argmax())])


def reduced(pictures: NDArray[Any]) -> Levels:
    """Miniatures [n, SIDE, SIDE] at [n, SCENE_SIDE, SCENE_SIDE]."""
    cells = SIDE // SCENE_SIDE
    found: Levels = pictures.reshape(-1, SCENE_SIDE, cells, SCENE_SIDE, cells).astype(np.float32).mean(axis=(2, 4))
    return found


def scene_of(grid: Levels, all_of: Levels) -> NDArray[np.intp]:
    """The pictures of the same scene: those with alike descriptors, the likeliest first, at most `_SCENE`."""
    likeness = all_of @ grid
    alike = min(int((likeness >= _ALIKE).sum()), _SCENE)
    return np.argsort(-likeness, kind="stable")[:alike]
