"""BAM: whether maps distinguish models and inputs whose true dependence is known by construction.

Yang & Kim, Benchmarking Attribution Methods with Relative Feature Importance, 2019, and their released code. All three
read pairs of maps of images with a pasted object; images where a prediction is wrong are left out by the caller, as
theirs are. Pasting is :mod:`modelaudit.contexts`' work, a second model is another case's.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: what lies above this share of a map's pixels is clipped
PERCENTILE = 0.99
#: by how much, relatively, the attribution of a patch without a function may change
THRESHOLD = 0.1


def concept_attribution(maps: Tensor, region: Tensor) -> Tensor:
    """[B] float64 in [0, 1]: the mean of :func:`scaled` maps [B, H, W] over `region` [B, H, W] bool.

    NaN where the region is empty or the map has no scale.

    >>> region = torch.tensor([[[True, True], [False, False]]])
    >>> concept_attribution(torch.tensor([[[1.0, 1.0], [0.0, 0.0]]]), region).tolist()
    [1.0]
    """
    inside = region.flatten(1).double()
    return (scaled(maps).flatten(1) * inside).sum(dim=1) / inside.sum(dim=1)


def scaled(maps: Tensor) -> Tensor:
    """[B, H, W] float64: ``(P - min P) / (q - min P)`` within [0, 1]; P = max(A, 0), q its 99th percentile.

    NaN where q is not above min P (theirs divides by 0 too: fewer than one pixel in a hundred is positive) and where a
    value is not finite.
    """
    positive = maps.double().clamp_min(0).flatten(1)
    lowest, top = positive.amin(dim=1, keepdim=True), _percentile(positive)
    span = torch.where(top > lowest, top - lowest, torch.nan)
    finite = torch.isfinite(maps).flatten(1).all(dim=1, keepdim=True)
    return ((positive - lowest) / span).clamp(0, 1).masked_fill(~finite, torch.nan).view_as(maps)


def model_contrast_score(using: Tensor, ignoring: Tensor, region: Tensor) -> Tensor:
    """[B] in [-1, 1]: the attribution of `region` by the model that uses it minus that by one that ignores it.

    Both explain the same images. Its mean is BAM's score, high is right.

    >>> region = torch.tensor([[[True, True], [False, False]]])
    >>> uses, ignores = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]]), torch.tensor([[[0.0, 0.0], [1.0, 1.0]]])
    >>> model_contrast_score(uses, ignores, region).tolist()
    [1.0]
    """
    return concept_attribution(using, region) - concept_attribution(ignoring, region)


def input_dependence(with_object: Tensor, without: Tensor, region: Tensor) -> Tensor:
    """[B] 0 or 1: whether the region has less attribution with the object than without, by a model that ignores it.

    `region` is the object's in both. The mean is BAM's input dependence rate, high is right. NaN where there is none.
    """
    first, second = concept_attribution(with_object, region), concept_attribution(without, region)
    return _defined((first < second).double(), first, second)


def input_independence(plain: Tensor, patched: Tensor, region: Tensor, threshold: float = THRESHOLD) -> Tensor:
    """[B] 0 or 1: whether a patch that changes no output changes the region's attribution by less than the threshold.

    ``|g(patched) - g(plain)| < threshold * g(plain)``, as in their code. The mean is BAM's
    input independence rate, high is right. NaN where there is none.
    """
    first, second = concept_attribution(plain, region), concept_attribution(patched, region)
    return _defined(((second - first).abs() < threshold * first).double(), first, second)


def _defined(value: Tensor, first: Tensor, second: Tensor) -> Tensor:
    return value.masked_fill(first.isnan() | second.isnan(), torch.nan)


def _percentile(values: Tensor) -> Tensor:
    """[B, 1] numpy's, linear between two; torch's quantile refuses more than 16 million numbers."""
    ordered = values.sort(dim=1).values
    place = PERCENTILE * (values.shape[1] - 1)
    below = int(place)
    above = min(below + 1, values.shape[1] - 1)
    return torch.lerp(ordered[:, below, None], ordered[:, above, None], place - below)
