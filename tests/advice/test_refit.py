"""The refit of a last layer: the minimum of the stated objective, whatever the order of rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from modelaudit.advice.refit import Problem, Rows, cross_validated, draw_counts, loss_of, resampled

Values = NDArray[np.float64]


def rows_of(n: int, features: int, outputs: int, *, others: bool = False, seed: int = 0) -> tuple[Rows, Values]:
    """Correlated features with a column of ones, labels that depend on them, and weights to begin with."""
    draw = np.random.default_rng(seed)
    mixed = draw.normal(size=(n, features)) @ draw.normal(size=(features, features)) * np.geomspace(0.01, 10, features)
    wide = np.column_stack([mixed, np.ones(n)])
    truth = draw.normal(size=(outputs, features + 1)) / np.sqrt(np.mean(wide**2, axis=0))
    labels = (wide @ truth.T + draw.gumbel(size=(n, outputs))).argmax(axis=1)
    rest = draw.normal(size=n) if others else np.full(n, -np.inf)
    return Rows(wide, np.eye(outputs, dtype=bool)[labels], rest, np.arange(n) // 2), draw.normal(size=truth.shape)


@pytest.mark.parametrize("others", [False, True])
@pytest.mark.parametrize("penalty", [1e-6, 1e-2, 1.0])
def test_the_gradient_is_zero_at_the_solution(penalty: float, others: bool) -> None:
    rows, start = rows_of(120, 6, 3, others=others)
    problem = Problem.of(rows, start, penalty)
    _, gradient = problem.value_and_gradient(problem.solved())
    assert np.abs(gradient / rows.scale).max() < 1e-6
    _, before = problem.value_and_gradient(start)
    assert np.abs(before / rows.scale).max() > 1e-3


def test_the_gradient_is_that_of_the_value() -> None:
    rows, start = rows_of(40, 4, 3, others=True)
    problem, step = Problem.of(rows, start, 0.1), 1e-6
    at = start + 0.3
    _, gradient = problem.value_and_gradient(at)
    for place in np.ndindex(*at.shape):
        moved, back = at.copy(), at.copy()
        moved[place] += step
        back[place] -= step
        slope = (problem.value_and_gradient(moved)[0] - problem.value_and_gradient(back)[0]) / (2 * step)
        assert gradient[place] == pytest.approx(slope, abs=1e-5)


def test_it_is_what_torch_finds() -> None:
    """The objective written with torch alone, by its own L-BFGS."""
    rows, start = rows_of(150, 5, 4)
    solution = Problem.of(rows, start, 0.01).solved()
    features, labels = torch.from_numpy(rows.features), torch.from_numpy(rows.own.argmax(axis=1))
    began, scale = torch.from_numpy(start), torch.from_numpy(rows.scale)
    moved = torch.zeros_like(began, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [moved], max_iter=5000, max_eval=20000, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        logits = features @ (began + moved / scale).T
        loss = torch.nn.functional.cross_entropy(logits, labels) + 0.005 * moved.square().sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    found = (began + moved / scale).detach().numpy()
    assert np.allclose((solution - found) * rows.scale, 0, atol=1e-5)


def test_a_strong_penalty_leaves_the_model_as_it_is() -> None:
    rows, start = rows_of(60, 4, 3)
    moved = (Problem.of(rows, start, 1e6).solved() - start) * rows.scale
    assert np.abs(moved).max() < 1e-5


def test_the_order_of_rows_and_the_start_of_the_search_change_nothing() -> None:
    rows, start = rows_of(100, 5, 3)
    order = np.random.default_rng(1).permutation(100)
    first = Problem.of(rows, start, 1e-3).solved()
    shuffled = Problem.of(rows.chosen(order), start, 1e-3).solved()
    elsewhere = Problem.of(rows, start, 1e-3).solved(start + 1)
    assert np.allclose((first - shuffled) * rows.scale, 0, atol=1e-5)
    assert np.allclose((first - elsewhere) * rows.scale, 0, atol=1e-5)


def test_two_outputs_may_mean_one_label() -> None:
    rows, start = rows_of(80, 4, 3)
    either = rows.own | np.roll(rows.own, 1, axis=1)
    loss = loss_of(Rows(rows.features, either, rows.others, rows.groups), start)
    logits = rows.features @ start.T
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    assert np.allclose(loss, -np.log((shares * either).sum(axis=1)))


def test_labels_without_signal_get_a_strong_penalty_and_clear_ones_a_light_one() -> None:
    rows, start = rows_of(200, 5, 3)
    noise = np.eye(3, dtype=bool)[np.random.default_rng(2).integers(3, size=200)]
    silent = Rows(rows.features, noise, rows.others, rows.groups)
    nothing = np.zeros_like(start)
    assert cross_validated(rows, nothing, seed=0) < cross_validated(silent, nothing, seed=0)
    assert cross_validated(rows, nothing, seed=0) == cross_validated(rows, nothing, seed=0)


def test_groups_are_drawn_together() -> None:
    rows, start = rows_of(100, 4, 3)
    counts = draw_counts(rows.groups, np.random.default_rng(0))
    assert counts.sum() == 100
    assert all(len(set(counts[rows.groups == group])) == 1 for group in range(50))
    problem = Problem.of(rows, start, 1e-2)
    weight = problem.solved()
    several = np.stack([resampled(problem, np.random.default_rng(seed), weight) for seed in range(20)])
    assert 0 < ((several - weight) * rows.scale).std() < 2
