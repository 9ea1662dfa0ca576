"""The left side of an expectation on single images, from the columns of its measures."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ...language.composite import Extreme
from ...language.expression import Arithmetic, Expectation, Expression, Measure, Number, at_dose, doses_of, of_one_image


def worst_per_image(expectation: Expectation, leaf: Callable[[Measure], NDArray[np.float64]]) -> NDArray[np.float64]:
    """:func:`per_image`; of a curve that must hold at every dose the dose at which the image is worst."""
    expression = of_one_image(expectation.expression)
    singles = [at_dose(expression, dose) for dose in doses_of(expression)] or [expression]
    worse = np.fmax if expectation.wants_low else np.fmin
    return reduce(worse, [per_image(single, leaf) for single in singles])


def per_image(expression: Expression, leaf: Callable[[Measure], NDArray[np.float64]]) -> NDArray[np.float64]:
    """The left side on every single image, NaN where a value is missing: what images are ranked by."""
    if isinstance(expression, Number):
        return np.float64(expression.value) + np.zeros(1)
    if isinstance(expression, Measure):
        return leaf(expression)
    if isinstance(expression, Extreme):
        parts = np.stack(np.broadcast_arrays(*(per_image(part, leaf) for part in expression.parts)))
        return _least(parts) if expression.kind == "minimum" else _largest(parts)
    assert isinstance(expression, Arithmetic)
    left, right = per_image(expression.left, leaf), per_image(expression.right, leaf)
    with np.errstate(divide="ignore", invalid="ignore"):
        result: NDArray[np.float64] = {
            "+": np.add,
            "-": np.subtract,
            "*": np.multiply,
            "/": np.divide,
        }[expression.op](left, right)
    return np.where(np.isfinite(result), result, np.nan)


def _least(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n] of [parts, n]; NaN where one is missing."""
    least: NDArray[np.float64] = parts.min(axis=0)
    return least


def _largest(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n] of [parts, n]: the largest in size; a part without a value does not count."""
    sizes = np.where(np.isnan(parts), -1.0, np.abs(parts))
    largest: NDArray[np.float64] = np.take_along_axis(parts, sizes.argmax(axis=0)[None], axis=0)[0]
    return largest
