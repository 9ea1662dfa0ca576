"""The measures and contexts in a left side, and its unit."""

from __future__ import annotations

from typing import Literal

from .nodes import ArithmeticNode, CompositeNode, ContextNode, CurveNode, MeasureNode, Node, NumberNode

#: what a number counts: a share of the images, a difference of two shares, or neither
Unit = Literal["percent", "points", "number"]


def unit_of(node: Node) -> Unit:
    """Shares read in per cent, their differences in points, everything else as a number."""
    match node:
        case MeasureNode():
            return "percent" if node.percent or node.scale == "proportion" else "number"
        case ArithmeticNode(op="+" | "-"):
            units = {unit_of(side) for side in (node.left, node.right) if not isinstance(side, NumberNode)}
            return "points" if units and units <= {"percent", "points"} else "number"
        case CompositeNode(name="worst_group_accuracy"):
            return "percent"
        case CurveNode(functional="area"):
            return unit_of(node.of)
        case CurveNode():
            return "points" if unit_of(node.of) in ("percent", "points") else "number"
    return "number"


def leaves_of(node: Node) -> list[MeasureNode]:
    """The measures of a left side, left to right."""
    if isinstance(node, ArithmeticNode):
        return leaves_of(node.left) + leaves_of(node.right)
    if isinstance(node, CurveNode):
        return leaves_of(node.of)
    if isinstance(node, CompositeNode):
        return list(node.of)
    return [node] if isinstance(node, MeasureNode) else []


def contexts_of(node: Node) -> list[list[ContextNode]]:
    """The contexts of every measure in a left side, left to right."""
    return [contexts for leaf in leaves_of(node) for contexts in (leaf.contexts, *(one.contexts for one in leaf.doses))]
