"""A model by the values of an earlier run: what is compared with, image by image, without running it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...language.reasons import Missing
from .checks import Sanity
from .measured import MeasuredColumn, MeasuredModel
from .pairing import ImageContent

#: what notes on a baseline begin with
ON_BASELINE = "baseline: "
#: an image by its id and the digest of what it was decoded from
Donor = tuple[str, str]


@dataclass(frozen=True)
class BaselineTable:
    """The values of one data set in the order of its images, [n] each.

    Args:
        images: their contents.
        columns: by the canonical text of measure and context.
        donors: by context, the image that lent each background, None where there was none.
        pictures: by context, the digests of the pictures that the data keep and that were shown instead.
        indices, areas, predicted: as :class:`~modelaudit.engine.results.measured.MeasuredModel` has them.
        seed, object_kept, label_classes, without_object: the settings of the data that values depend on.
        pools: whether backgrounds came from outside of the data.
    """

    data: str
    images: tuple[ImageContent, ...]
    columns: Mapping[str, MeasuredColumn]
    donors: Mapping[str, tuple[Donor | None, ...]]
    pictures: Mapping[str, tuple[str | None, ...]]
    indices: tuple[int, ...]
    areas: tuple[float | None, ...]
    predicted: tuple[int | None, ...]
    seed: int | None
    object_kept: float | None
    label_classes: Mapping[str, list[str | int]] | None
    without_object: frozenset[str]
    pools: bool


@dataclass(frozen=True)
class BaselineModel:
    """A model of an earlier run.

    Args:
        text: the reference as the user wrote it.
        name: what the model is called in that run.
        run: the id of that run.
        model: its facts, without those of single images.
        tables: one a data set.
        sanity: what its attribution methods are worth.
        unpaired: the share of images that may be without a partner, None where none was declared.
    """

    text: str
    name: str
    run: str
    model: MeasuredModel
    tables: tuple[BaselineTable, ...]
    sanity: tuple[Sanity, ...]
    unpaired: float | None


def aligned(values: NDArray[np.float64], rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """[m] the values of these rows, NaN for a row of -1.

    >>> aligned(np.array([0.5, 1.0]), np.array([1, -1]))
    array([ 1., nan])
    """
    found = np.full(len(rows), np.nan)
    there = rows >= 0
    found[there] = values[rows[there]]
    return found


def missing_at(missing: Mapping[int, Missing], rows: NDArray[np.intp]) -> dict[int, Missing]:
    """The reasons at these rows, by their places."""
    return {at: missing[row] for at, row in enumerate(rows.tolist()) if row in missing}
