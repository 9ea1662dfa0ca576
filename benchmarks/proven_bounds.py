"""Proven bounds of the mean of few bounded values: betting against Phan et al. (2021), and Gaffke's beside them.

    nice python benchmarks/proven_bounds.py

Prints the mean width of the central 90 % interval, over 20 samples (of 5 and 10 images) or 8. Phan, Thomas and
Learned-Miller (arXiv 2106.03163) take the ``1 - alpha`` quantile, over uniform spacings, of the largest value that
Gaffke's variable has for any sample z with ``T(z) <= T(x)``; T is the mean, or the weighted sum of order statistics in
Anderson's bound. With a linear T that value lies on the concave envelope over samples of zeros and ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from modelaudit.statistics.intervals import betting_lower, gaffke_lower

Values = NDArray[np.float64]
CONFIDENCE, ALPHA, DRAWS = 0.95, 0.05, 2000
LAWS: dict[str, Callable[[np.random.Generator, int], Values]] = {
    "uniform": lambda g, n: g.random(n),
    "Beta(2, 5)": lambda g, n: g.beta(2, 5, n),
    "Beta(12, 28)": lambda g, n: g.beta(12, 28, n),
    "0 and 1, a fifth": lambda g, n: (g.random(n) < 0.2).astype(float),
    "narrow": lambda g, n: 0.3 + 0.02 * g.random(n),
    "3 % spikes": lambda g, n: np.where(g.random(n) < 0.03, 1.0, 0.05),
}


def phan_upper(x: Values, weights: Values, generator: np.random.Generator) -> float:
    """The upper bound of the mean of values in [0, 1], with ``T(x) = sum weights_i x_(i)``."""
    spacings = generator.dirichlet(np.ones(x.size + 1), DRAWS)
    ones = np.cumsum(np.concatenate([spacings[:, -1:], spacings[:, -2::-1]], axis=1), axis=1)  # [draws, 0 to n ones]
    heights, height = np.append(0.0, np.cumsum(weights[::-1])), float(weights @ np.sort(x))
    below = np.flatnonzero(heights <= height + 1e-12)
    best = np.zeros(DRAWS)
    for above in np.flatnonzero(heights >= height - 1e-12):
        distance = heights[above] - heights[below]
        share = np.where(distance > 0, (height - heights[below]) / np.where(distance > 0, distance, 1.0), 1.0)
        best = np.maximum(best, np.max(ones[:, below] * (1 - share) + ones[:, [above]] * share, axis=1))
    return float(np.quantile(best, CONFIDENCE, method="higher"))


def anderson(n: int) -> Values:
    """The weights of Anderson's upper bound, with the one-sided band of Dvoretzky, Kiefer and Wolfowitz."""
    band = math.sqrt(math.log(1 / ALPHA) / (2 * n))
    return np.diff(np.maximum(0.0, np.arange(n + 1) / n - band))


def widths(x: Values, generator: np.random.Generator) -> Values:
    """Of Gaffke's, the betting, and both of Phan's intervals."""
    lower: list[Callable[[Values], float]] = [
        lambda y: gaffke_lower(y, CONFIDENCE),
        lambda y: betting_lower(y, CONFIDENCE),
        lambda y: 1 - phan_upper(1 - y, np.full(y.size, 1 / y.size), generator),
        lambda y: 1 - phan_upper(1 - y, anderson(y.size), generator),
    ]
    return np.array([1 - bound(x) - bound(1 - x) for bound in lower])


def main() -> None:
    print(
        "| law | n | gaffke (not proven) | betting | Phan, T the mean | Phan, T Anderson's |\n|---|---|---|---|---|---|"
    )
    for name, law in LAWS.items():
        for n in (5, 10, 20, 50, 100):
            generator = np.random.default_rng(n)
            found = np.mean([widths(law(generator, n), generator) for _ in range(20 if n <= 10 else 8)], axis=0)
            print(f"| {name} | {n} | " + " | ".join(f"{one:.3f}" for one in found) + " |", flush=True)


if __name__ == "__main__":
    main()
