"""Noise of ImageNet-C: Gaussian, shot, impulse, speckle."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import pdtr
from torch import Tensor

from ...language.wording import Phrase, Wording
from ..base import ContextInput, drawn
from ..degradation import Severe, degradation, level

#: standard deviations, in pixel values [0, 1]
GAUSSIAN_SIGMA = (0.08, 0.12, 0.18, 0.26, 0.38)
#: photons of a pixel of value 1
SHOT_RATE = (60, 25, 12, 5, 3)
#: share of the values that become 0 or 1
IMPULSE_SHARE = (0.03, 0.06, 0.09, 0.17, 0.27)
#: standard deviations, as a share of the pixel value
SPECKLE_SIGMA = (0.15, 0.2, 0.35, 0.45, 0.6)

_LEVELS = 256
_BINS = 1024


@dataclass(frozen=True)
class GaussianNoise(Severe):
    """Gaussian noise with the deviations .08 .12 .18 .26 .38."""


@dataclass(frozen=True)
class ShotNoise(Severe):
    """Poisson noise of 60 25 12 5 3 photons at full brightness."""


@dataclass(frozen=True)
class ImpulseNoise(Severe):
    """Salt and pepper: a share of .03 .06 .09 .17 .27 of the values becomes 0 or 1."""


@dataclass(frozen=True)
class SpeckleNoise(Severe):
    """Gaussian noise in proportion to the pixel value, with the deviations .15 .2 .35 .45 .6."""


@degradation(
    "gaussian_noise",
    GaussianNoise,
    examples=("gaussian_noise(3)",),
    wording=Wording(
        Phrase("noise on {region}", "noise is added to {region}", "severity {severity} of 5"),
        Phrase("{region}へのノイズ", "{region}にノイズを加え", "強度{severity}/5段階"),
    ),
)
def gaussian_noise(spec: GaussianNoise, scene: ContextInput) -> Tensor:
    """``x + sigma z``, z standard normal [3, H, W] a sample."""
    return scene.pixels + float(level(spec, GAUSSIAN_SIGMA)) * _normal(scene, "gaussian_noise")


@degradation(
    "shot_noise",
    ShotNoise,
    examples=("shot_noise(3)",),
    wording=Wording(
        Phrase("shot noise on {region}", "shot noise is added to {region}", "severity {severity} of 5"),
        Phrase("{region}へのショットノイズ", "{region}にショットノイズを加え", "強度{severity}/5段階"),
    ),
)
def shot_noise(spec: ShotNoise, scene: ContextInput) -> Tensor:
    """``Poisson(c x) / c``, x on the 256 levels of an 8-bit image as in the released code.

    Drawn by inversion, ``k = min{k : P(Poisson(c x) <= k) >= u}`` for u uniform [3, H, W] a sample: one u for all
    severities, and the same k on every device.
    """
    rate = int(level(spec, SHOT_RATE))
    levels = (scene.pixels.clamp(0, 1) * (_LEVELS - 1)).round().long()
    return poisson(rate, levels, _uniform(scene, "shot_noise")) / rate


@degradation(
    "impulse_noise",
    ImpulseNoise,
    examples=("impulse_noise(3)",),
    wording=Wording(
        Phrase("impulse noise on {region}", "impulse noise is added to {region}", "severity {severity} of 5"),
        Phrase("{region}へのインパルスノイズ", "{region}にインパルスノイズを加え", "強度{severity}/5段階"),
    ),
)
def impulse_noise(spec: ImpulseNoise, scene: ContextInput) -> Tensor:
    """Each value of each channel becomes, with the chance c, 0 or 1 with equal chances.

    The values hit at one severity are hit at every higher one, and become the same.
    """
    shape = scene.pixels.shape[1:]
    salt = drawn(scene, "impulse_noise", lambda source: torch.randint(2, shape, generator=source, dtype=torch.uint8), 1)
    hit = _uniform(scene, "impulse_noise") < float(level(spec, IMPULSE_SHARE))
    return torch.where(hit, salt.to(scene.pixels.dtype), scene.pixels)


@degradation(
    "speckle_noise",
    SpeckleNoise,
    examples=("speckle_noise(3)",),
    wording=Wording(
        Phrase("speckle noise on {region}", "speckle noise is added to {region}", "severity {severity} of 5"),
        Phrase("{region}へのスペックルノイズ", "{region}にスペックルノイズを加え", "強度{severity}/5段階"),
    ),
)
def speckle_noise(spec: SpeckleNoise, scene: ContextInput) -> Tensor:
    """``x + sigma x z``, z standard normal [3, H, W] a sample."""
    return scene.pixels * (1.0 + float(level(spec, SPECKLE_SIGMA)) * _normal(scene, "speckle_noise"))


def _normal(scene: ContextInput, name: str) -> Tensor:
    shape = scene.pixels.shape[1:]
    return drawn(scene, name, lambda generator: torch.randn(shape, generator=generator))


def _uniform(scene: ContextInput, name: str) -> Tensor:
    shape = scene.pixels.shape[1:]
    return drawn(scene, name, lambda generator: torch.rand(shape, generator=generator))


def poisson(rate: int, levels: Tensor, uniform: Tensor) -> Tensor:
    """The quantile at `uniform` of the Poisson distribution of mean ``rate levels / 255``: float, shaped like both."""
    cumulative, at_floor, at_ceiling = (table.to(levels.device) for table in _poisson_tables(rate))
    flat, draws = levels.flatten(), uniform.flatten()
    cell = flat * _BINS + (draws * _BINS).long()
    photons = at_floor.index_select(0, cell)
    # the table decides wherever both ends of u's bin have one quantile; the few others are searched for
    unsure = (photons != at_ceiling.index_select(0, cell)).nonzero().squeeze(1)
    row = flat[unsure]
    sought = torch.searchsorted(cumulative, row + draws[unsure].double()) - row * (len(cumulative) // _LEVELS)
    photons[unsure] = sought.clamp_min(0).to(photons.dtype)  # u = 0 would fall to the level below
    return photons.view_as(uniform).to(uniform.dtype)


@functools.lru_cache(maxsize=len(SHOT_RATE))
def _poisson_tables(rate: int) -> tuple[Tensor, Tensor, Tensor]:
    """Level + cumulative probability, flat and rising, and the quantiles at both ends of each bin of u."""
    means = rate * np.arange(_LEVELS) / (_LEVELS - 1)
    photons = np.arange(int(rate + 12 * rate**0.5 + 12))
    cumulative = pdtr(photons[None, :], means[:, None])
    cumulative[:, -1] = 1.0  # u < 1 always finds its place
    edges = np.arange(_BINS + 1) / _BINS
    quantile = np.stack([np.searchsorted(row, edges) for row in cumulative]).astype(np.int16)
    flat = (np.arange(_LEVELS)[:, None] + cumulative).ravel()
    floor, ceiling = quantile[:, :-1].ravel(), quantile[:, 1:].ravel()
    return torch.from_numpy(flat), torch.from_numpy(floor.copy()), torch.from_numpy(ceiling.copy())
