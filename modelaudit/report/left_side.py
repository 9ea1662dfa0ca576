"""What a left side in the record is: its unit, its digits, its text, its contexts."""

from __future__ import annotations

from ..evidence.record import (
    ArithmeticNode,
    CaseRecord,
    CompositeNode,
    ContextNode,
    CurveNode,
    ExtremeNode,
    MeasureNode,
    Node,
    NumberNode,
)
from .vocabulary import is_share
from .words import Unit, digits_for

_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}


def unit_of(node: Node) -> Unit:
    """Shares read in per cent, their differences in points, everything else as a number."""
    match node:
        case MeasureNode():
            return "percent" if is_share(node) else "number"
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


def digits_of(case: CaseRecord) -> int:
    """Digits after the point for every value of this case."""
    decisions = [case.decision, *case.decision.parts] if case.decision else []
    values = [v for d in decisions for v in (d.estimate, d.lower, d.upper) if v is not None]
    return digits_for(values, case.threshold, unit_of(case.left))


def text_of(node: Node) -> str:
    """The canonical text of a left side, from its tree."""
    if isinstance(node, NumberNode):
        return repr(int(node.value)) if node.value.is_integer() and abs(node.value) < 1e15 else repr(node.value)
    if isinstance(node, MeasureNode | CurveNode | CompositeNode):
        return node.text
    if isinstance(node, ExtremeNode):
        return f"{node.of}({', '.join(map(text_of, node.parts))})"
    return f"{_operand(node.left, node.op, right=False)} {node.op} {_operand(node.right, node.op, right=True)}"


def tries_backgrounds(node: Node) -> bool:
    """Whether anything in a left side is about the worst of several backgrounds of an image."""
    if isinstance(node, ArithmeticNode):
        return tries_backgrounds(node.left) or tries_backgrounds(node.right)
    if isinstance(node, CurveNode):
        return tries_backgrounds(node.of)
    return isinstance(node, MeasureNode) and node.measure == "adversarial_background_rate"


def contexts_of(node: Node) -> list[list[ContextNode]]:
    """The contexts of every measure in a left side, left to right."""
    if isinstance(node, ArithmeticNode):
        return contexts_of(node.left) + contexts_of(node.right)
    if isinstance(node, CurveNode):
        return contexts_of(node.of)
    if isinstance(node, CompositeNode):
        return [contexts for measure in node.of for contexts in contexts_of(measure)]
    if isinstance(node, MeasureNode):
        return [node.contexts, *(one.contexts for one in node.doses)]
    return []


def _operand(node: Node, op: str, *, right: bool) -> str:
    text = text_of(node)
    if not isinstance(node, ArithmeticNode):
        return text
    here, there = _PRECEDENCE[op], _PRECEDENCE[node.op]
    return f"({text})" if there < here or (right and there == here) else text
