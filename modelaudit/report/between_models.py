"""Recognises a left side that is the same quantity of two models, whatever that is made of."""

from __future__ import annotations

from typing import NamedTuple

from ..evidence.leaves import leaves_of
from ..evidence.record import ArithmeticNode, CompositeNode, CurveNode, ExtremeNode, MeasureNode, Node
from ..language.spec import name_text


class BetweenModels(NamedTuple):
    """``quantity.of(first) - quantity.of(second)``; the quantity names no model."""

    quantity: Node
    first: str
    second: str


def between_models(node: Node) -> BetweenModels | None:
    """The quantity and the two models; None where a left side is anything else."""
    if not isinstance(node, ArithmeticNode) or node.op != "-":
        return None
    (first, *more), (second, *others) = (_models(side) or [None] for side in (node.left, node.right))
    if more or others or first is None or second is None or first == second:
        return None
    quantity = _without_model(node.left, first)
    return BetweenModels(quantity, first, second) if quantity == _without_model(node.right, second) else None


def _models(node: Node) -> list[str | None]:
    return list(dict.fromkeys(leaf.model for leaf in leaves_of(node)))


def _without_model(node: Node, model: str) -> Node:
    def text(of: str) -> str:
        return of.replace(f".of({name_text(model)})", "")

    match node:
        case ArithmeticNode():
            sides = {"left": _without_model(node.left, model), "right": _without_model(node.right, model)}
            return node.model_copy(update=sides)
        case MeasureNode():
            return node.model_copy(update={"model": None, "text": text(node.text)})
        case CurveNode():
            return node.model_copy(update={"of": _without_model(node.of, model), "text": text(node.text)})
        case CompositeNode():
            parts = [_without_model(part, model) for part in node.of]
            return node.model_copy(update={"of": parts, "text": text(node.text)})
        case ExtremeNode():
            return node.model_copy(update={"parts": [_without_model(part, model) for part in node.parts]})
    return node
