"""The measures and contexts in a left side."""

from __future__ import annotations

from .nodes import ArithmeticNode, CompositeNode, ContextNode, CurveNode, MeasureNode, Node


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
