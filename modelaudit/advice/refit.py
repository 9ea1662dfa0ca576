"""Refits a last layer: multinomial logistic regression, regularised towards the weights that the model has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Values = NDArray[np.float64]
Codes = NDArray[np.int64]
#: penalties that cross-validation tries, from the strongest, at which hardly anything moves
PENALTIES = tuple(10.0**power for power in range(1, -9, -1))
FOLDS = 5
_GRADIENT = 1e-8
_LOOSE = 1e-5
_STEPS = 2000


@dataclass(frozen=True, eq=False)
class Rows:
    """What a layer is fitted to.

    Args:
        features: [n, D], with a last column of ones where the layer has a bias.
        own: [n, K] bool: which of the K outputs that are fitted mean the label of the row.
        others: [n] the log of the summed exp of the logits that are not fitted; -inf where all are.
        groups: [n] rows of one group (images of one cluster, an image and its changed copies) are drawn, or held out,
            together.
    """

    features: Values
    own: NDArray[np.bool_]
    others: Values
    groups: Codes

    def chosen(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Rows:
        """Some of them."""
        return Rows(self.features[rows], self.own[rows], self.others[rows], self.groups[rows])

    @cached_property
    def scale(self) -> Values:
        """[D] the root mean square of each feature; 1 for one that is 0 on all rows, whose weights stay."""
        root: Values = np.sqrt(np.mean(self.features**2, axis=0))
        root[root == 0] = 1.0
        return root

    @cached_property
    def axes(self) -> tuple[Values, Values]:
        """The principal axes [D, D] (columns) of the scaled features around 0, and the mean square [D] along each."""
        scaled = self.features / self.scale
        squares, axes = np.linalg.eigh(scaled.T @ scaled / len(scaled))
        return axes, squares.clip(0)


@dataclass(frozen=True, eq=False)
class Problem:
    """minimise over W [K, D]: sum_i u_i loss_i + penalty / 2 * sum_kd (r_d (W - W0)_kd)^2.

    loss_i = log sum_k exp z_ik - log sum_{k means label i} exp z_ik, z = features @ W.T, where the first sum also runs
    over the outputs that are not fitted. r_d is the root mean square of feature d over the rows, so that the penalty is
    on what the weights change in the logits. With one output a label the problem is strictly convex: it has one
    solution, wherever the optimiser starts.

    Args:
        start: W0 [K, D].
        weights: u [n], of sum 1.
    """

    rows: Rows
    start: Values
    penalty: float
    weights: Values

    @classmethod
    def of(cls, rows: Rows, start: Values, penalty: float) -> Problem:
        """Of rows that count alike."""
        return cls(rows, start, penalty, np.full(len(rows.features), 1 / len(rows.features)))

    def value_and_gradient(self, weight: Values) -> tuple[float, Values]:
        """The objective at W [K, D], and its gradient [K, D]."""
        squared = self.rows.scale**2
        moved = weight - self.start
        loss, slope = _loss(self.rows, weight)
        value = float(self.weights @ loss) + self.penalty / 2 * float((moved**2 * squared).sum())
        return value, (slope * self.weights[:, None]).T @ self.rows.features + self.penalty * moved * squared

    def solved(self, begin: Values | None = None, *, exact: bool = True) -> Values:
        """The weights [K, D] at the minimum, by L-BFGS along the principal axes of the features, each in units in which
        the objective is about as steep as along the others: features of a network are highly correlated.

        Args:
            begin: where the optimiser begins; None: at W0.
            exact: to 1e-8 of the gradient in each of these units, else 1e-5.
        """
        shape = self.start.shape
        axes, squares = self.rows.axes
        steep = np.sqrt(squares / shape[0] + self.penalty)
        to_weights = (axes / steep).T / self.rows.scale  # [D units, D features]

        def in_units(vector: Values) -> tuple[float, Values]:
            value, gradient = self.value_and_gradient(self.start + vector.reshape(shape) @ to_weights)
            return value, (gradient @ to_weights.T).ravel()

        first = np.zeros(self.start.size)
        if begin is not None:
            first = (((begin - self.start) * self.rows.scale) @ axes * steep).ravel()
        options: Any = {"gtol": _GRADIENT if exact else _LOOSE, "ftol": 0.0 if exact else 1e-12, "maxiter": _STEPS}
        found = minimize(in_units, first, jac=True, method="L-BFGS-B", options=options)  # type: ignore[no-untyped-call]
        solution: Values = self.start + found.x.reshape(shape) @ to_weights
        return solution


def loss_of(rows: Rows, weight: Values) -> Values:
    """[n] the negative log likelihood of each row's label."""
    return _loss(rows, weight)[0]


def cross_validated(rows: Rows, start: Values, *, seed: int, penalties: Sequence[float] = PENALTIES) -> float:
    """The penalty with the smallest mean loss on rows that were held out, in five folds of whole groups.

    From the strongest on; the search ends where two in turn were no better than the best before.
    """
    folds = _folds(rows.groups, seed)
    parts = [(rows.chosen(~held), rows.chosen(held)) for held in folds]
    begins: list[Values | None] = [None] * len(folds)
    best, least, worse = penalties[0], np.inf, 0
    for penalty in penalties:
        total = 0.0
        for at, (kept, held) in enumerate(parts):
            weight = begins[at] = Problem.of(kept, start, penalty).solved(begins[at], exact=False)
            total += float(loss_of(held, weight).sum())
        if total < least:
            best, least, worse = penalty, total, 0
        else:
            worse += 1
        if worse == 2:
            break
    return best


def resampled(problem: Problem, generator: np.random.Generator, begin: Values) -> Values:
    """The weights fitted to a bootstrap sample: as many groups as there are, drawn with replacement."""
    counts = draw_counts(problem.rows.groups, generator)
    return replace(problem, weights=counts / counts.sum()).solved(begin, exact=False)


def draw_counts(groups: Codes, generator: np.random.Generator) -> Values:
    """[n] how often each row is drawn, where whole groups are drawn with replacement."""
    _, codes = np.unique(groups, return_inverse=True)
    total = int(codes.max()) + 1
    drawn = np.bincount(generator.integers(total, size=total), minlength=total)
    counts: Values = drawn[codes].astype(np.float64)
    return counts


def _loss(rows: Rows, weight: Values) -> tuple[Values, Values]:
    """[n] the loss of each row, and [n, K] its derivative by the logits."""
    logits = rows.features @ weight.T
    most = np.maximum(logits.max(axis=1), rows.others)
    every = np.exp(logits - most[:, None])
    total = every.sum(axis=1) + np.exp(rows.others - most)
    own = np.where(rows.own, logits, -np.inf)
    most_own = own.max(axis=1)
    mine = np.exp(own - most_own[:, None])
    total_own = mine.sum(axis=1)
    loss = np.log(total) + most - np.log(total_own) - most_own
    return loss, every / total[:, None] - mine / total_own[:, None]


def _folds(groups: Codes, seed: int) -> list[NDArray[np.bool_]]:
    """[n] bool of each fold: the rows that it holds out."""
    names, codes = np.unique(groups, return_inverse=True)
    count = min(FOLDS, len(names))
    fold = np.random.default_rng([seed, count]).permutation(len(names)) % count
    return [fold[codes] == at for at in range(count)]
