"""Marks the images that have no object, by the declaration of an audit."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ..language.sample import DataSet
from ..language.without_object import require_labels


def declare_without_object(data: DataSet, labels: Collection[str]) -> DataSet:
    """The data with every sample of these labels marked as one that has nothing to mask.

    Raises:
        ExpressionError: no sample has one of the labels; names the nearest.
    """
    if not labels:
        return data
    require_labels(labels, {str(sample.label) for sample in data.samples})
    samples = tuple(
        replace(sample, without_object=True) if str(sample.label) in labels else sample for sample in data.samples
    )
    return replace(data, samples=samples)
