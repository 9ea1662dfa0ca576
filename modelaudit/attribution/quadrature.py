"""Quadrature on [0, 1]: Gauss-Legendre, and a nested rule for integrands that vary most near 0.

The gradient on the way from a baseline b to an image x changes with the contrast of b + a (x - b): most of all near
the baseline, where the contrast grows by large factors. On SqueezeNet and photos half of its variation lies in the
first eighth of the way from black, and nine tenths in that from the mean colour. So the nested rule walks
in u = sqrt(a): the integral of g(a) da is that of 2 u g(u^2) du, by Simpson's rule on 8, 16, 32, ... panels. No
node is lost from one level to the next, and weights only halve, so that two sums of gradients are all that is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: panels of the levels; the last one is where refinement ends
PANELS = (8, 16, 32, 64, 128, 256)


@dataclass(frozen=True)
class Node:
    """A point of the nested rule that a level adds.

    Args:
        at: a in [0, 1).
        weight: 2 u, its factor in the level's sums; 0 at a = 0, where only the value of f is wanted.
        old: whether it counts as a node of the level before; only in the first level, which has none before it.
    """

    at: float
    weight: float
    old: bool


def gauss_legendre(steps: int) -> tuple[list[float], list[float]]:
    """Nodes in (0, 1), rising, and weights: exact for polynomials up to degree 2 steps - 1."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return ((1 + nodes) / 2).tolist(), (weights / 2).tolist()


def new_nodes(level: int) -> list[Node]:
    """What level 0, 1, ... adds, a < 1; the node at a = 1, of all levels, is left out."""
    panels = PANELS[level]
    if level == 0:
        return [_node(index, panels, old=index % 2 == 0) for index in range(panels)]
    return [_node(index, panels, old=False) for index in range(1, panels, 2)]


def simpson(level: int) -> tuple[float, float, float]:
    """The factors of the sum over new nodes, of that over all older ones, and of g(1), in the level's integral.

    Exact for g of degree 1: ``2 u g(u^2)`` is a cubic then.
    """
    panels = PANELS[level]
    return 4 / (3 * panels), 2 / (3 * panels), 2 / (3 * panels)


def _node(index: int, panels: int, *, old: bool) -> Node:
    root = index / panels
    return Node(root**2, 2 * root, old)
