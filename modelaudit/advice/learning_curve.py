"""Learning curves: the error of layers that were fitted to fewer images, and what more images are likely to bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls  # type: ignore[attr-defined]

from ..evidence.probe import Refusal

Values = NDArray[np.float64]
#: exponents that are tried: error falls by b n^-c
_EXPONENTS = np.geomspace(0.1, 2.0, 40)
_DRAWS = 400
#: with less than that nothing is fitted
LEAST_TRAINING, LEAST_TEST, LEAST_SIZES = 40, 30, 5
#: a fall counts that is larger than so many standard errors
_FALL = 2.0


@dataclass(frozen=True)
class PowerLaw:
    """error(n) = a + b n^-c, with a, b >= 0."""

    a: float
    b: float
    c: float

    def at(self, images: float) -> float:
        """The error with so many images, at most 1."""
        return float(min(1.0, self.a + self.b * images**-self.c))


@dataclass(frozen=True)
class Forecast:
    """The error to be expected with ``images``, with a two-sided interval for one fit that is really made."""

    images: int
    error: float
    lower: float
    upper: float


@dataclass(frozen=True)
class FittedCurve:
    """What was fitted; `law` is None where the fit was refused."""

    law: PowerLaw | None
    forecasts: tuple[Forecast, ...]
    refused: Refusal | None


def fit_power_law(sizes: Values, errors: Values) -> PowerLaw:
    """The least squares fit; residuals weigh as their number of images, since their variance falls with it.

    Args:
        sizes, errors: [m] each.

    >>> sizes = np.array([50.0, 100, 200, 400, 800])
    >>> law = fit_power_law(sizes, 0.05 + 2 * sizes**-0.5)
    >>> round(law.at(1600), 3)
    0.1
    """
    return _laws(sizes, errors[None, :])[0]


def sizes_of(images: int, count: int = 10) -> list[int]:
    """Up to `count` numbers of images in a geometric row, from a twentieth (at least 20) to all of them."""
    smallest = max(20, images // 20)
    if images < smallest:
        return []
    return sorted({round(size) for size in np.geomspace(smallest, images, count)})


def curve_of(
    sizes: Sequence[int],
    wrong: NDArray[np.bool_],
    clusters: NDArray[np.int64],
    *,
    confidence: float,
    seed: int,
    times: Sequence[int] = (2, 4),
) -> FittedCurve:
    """The learning curve of errors that were measured on the same test images.

    The forecast's interval holds what varies: the test images (whole clusters are resampled), which images a layer was
    fitted to (their variance, s^2 / n, is read off the draws), and the fit. It is for the error of one further fit.

    Args:
        sizes: [m] numbers of training images, rising; at the last all of them were used.
        wrong: [m, draws, n]: whether each fit names the wrong class of each test image.
        clusters: [n] which test images depend on each other.

    Returns:
        A curve that is refused where there are fewer than 40 training or 30 test images ("too_few_images"), the error
        does not fall by more than two of its standard errors from the smallest size to the largest ("no_fall"), or at
        the largest of `times` the interval is wider than all that was gained so far ("too_wide").
    """
    if len(sizes) < LEAST_SIZES or sizes[-1] < LEAST_TRAINING or wrong.shape[2] < LEAST_TEST:
        return FittedCurve(None, (), "too_few_images")
    counts = np.array(sizes, dtype=np.float64)
    errors = wrong.mean(axis=(1, 2))
    law = fit_power_law(counts, errors)
    generator = np.random.default_rng([seed, len(sizes)])
    spread = _spread(counts, wrong.mean(axis=2))
    replicates = _replicates(counts, wrong, clusters, spread, generator)
    fall = errors[0] - errors[-1]
    if fall <= _FALL * float((replicates[:, 0] - replicates[:, -1]).std()):
        return FittedCurve(None, (), "no_fall")
    laws = _laws(counts, replicates)
    tails = (1 - confidence) / 2, (1 + confidence) / 2
    forecasts = []
    for factor in times:
        images = factor * sizes[-1]
        drawn = np.array([one.at(images) for one in laws]) + spread / images**0.5 * generator.normal(size=len(laws))
        lower, upper = np.quantile(np.clip(drawn, 0, 1), tails)
        error = law.at(images)
        forecasts.append(Forecast(images, error, min(float(lower), error), max(float(upper), error)))
    if forecasts[-1].upper - forecasts[-1].lower > fall:
        return FittedCurve(None, (), "too_wide")
    return FittedCurve(law, tuple(forecasts), None)


def _laws(sizes: Values, errors: Values) -> list[PowerLaw]:
    """The fits of several rows of errors [r, m]."""
    roots = np.sqrt(sizes / sizes.max())
    scale = float(sizes.min())
    designs = [np.stack([roots, roots * (sizes / scale) ** -exponent], axis=1) for exponent in _EXPONENTS]
    laws = []
    for row in errors:
        fits = [nnls(design, roots * row) for design in designs]
        best = int(np.argmin([residual for _, residual in fits]))
        (a, b), c = fits[best][0], float(_EXPONENTS[best])
        laws.append(PowerLaw(float(a), float(b) * scale**c, c))
    return laws


def _spread(sizes: Values, errors: Values) -> float:
    """s of the standard deviation s / sqrt(n) of the error over training samples of n images.

    Draws from one pool of N images vary by (1 - n / N) of that; at n = N they are one and the same.
    """
    inside = sizes < sizes[-1]
    if errors.shape[1] < 2 or not inside.any():
        return 0.0
    own = errors[inside].var(axis=1, ddof=1) * sizes[inside] / (1 - sizes[inside] / sizes[-1])
    return float(np.sqrt(own.mean()))


def _replicates(
    sizes: Values, wrong: NDArray[np.bool_], clusters: NDArray[np.int64], spread: float, generator: np.random.Generator
) -> Values:
    """[400, m] the mean errors as they could have been: on other test images, with other training images."""
    _, codes = np.unique(clusters, return_inverse=True)
    total = int(codes.max()) + 1
    mean_wrong = wrong.mean(axis=1)
    within = spread * np.sqrt((1 / sizes - 1 / sizes[-1]).clip(0) / wrong.shape[1])
    rows = np.empty((_DRAWS, len(sizes)))
    for at in range(_DRAWS):
        weights = np.bincount(generator.integers(total, size=total), minlength=total)[codes]
        own = mean_wrong @ weights / max(weights.sum(), 1)
        pool = spread / np.sqrt(sizes[-1]) * generator.normal()
        rows[at] = own + within * generator.normal(size=len(sizes)) + pool
    return np.clip(rows, 0, 1)
