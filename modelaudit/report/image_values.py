"""What the report says of the value of one image: a proportion as a word, anything else as a number."""

from __future__ import annotations

from ..evidence.record import ArithmeticNode, CaseRecord, CompositeNode, MeasureNode, Node, NumberNode
from .sentences import digits_of, unit_of
from .words import Words

#: what 1 and 0 say of one image, by measure
_SINGLE: dict[str, tuple[str, str]] = {
    "accuracy": ("right", "wrong"),
    "flip_rate": ("answer_changed", "answer_kept"),
}
_LOST = "right_then_wrong"
_GAINED = "wrong_then_right"
_SAME = "no_difference"
_AREA_DIGITS_BELOW = 0.0995


def image_value(case: CaseRecord, value: float, words: Words) -> str:
    """*wrong*, *answer kept*, *right before, wrong under the change*; the number where no word says it."""
    word = _word(case.left, value)
    return words.quantity(value, unit_of(case.left), digits_of(case)) if word is None else words.named("image", word)


def image_caption(case: CaseRecord, value: float, words: Words) -> str:
    """As `image_value`, a number announced as one: *value 0.648 (largest over the methods)*."""
    if _word(case.left, value) is not None:
        return image_value(case, value, words)
    text, methods = words._("value_shown", value=image_value(case, value, words)), over_methods(case, words)
    return words._("value_of_method", value=text, method=methods) if methods else text


def over_methods(case: CaseRecord, words: Words) -> str:
    """Which of several methods the value of one image is that of; empty where there are not several.

    It is the one that speaks most against the expectation, taken for each measure of the left side by itself.
    """
    largest = case.op in ("<", "<=")
    if _open_curve(case.left):
        return words._("at_its_worst_dose")
    if not _several_methods(case.left):
        return ""
    if isinstance(case.left, MeasureNode):
        return words._("largest_over_the_methods") if largest else words._("smallest_over_the_methods")
    if largest:
        return words._("from_the_largest_of_each")
    return words._("from_the_smallest_of_each")


def area_text(area: float | None, words: Words) -> str:
    """*object 83% of the image*; empty where the area is not known."""
    if area is None:
        return ""
    digits = 1 if area < _AREA_DIGITS_BELOW else 0
    return words._("object_share_of_image", area=words.quantity(area, "percent", digits))


def has_word(case: CaseRecord, value: float) -> bool:
    """Whether the value of one image reads as a word."""
    return _word(case.left, value) is not None


def about_right_answers(node: Node) -> bool:
    """Whether a left side is made of accuracies alone."""
    if isinstance(node, ArithmeticNode):
        sides = [side for side in (node.left, node.right) if not isinstance(side, NumberNode)]
        return bool(sides) and all(about_right_answers(side) for side in sides)
    return isinstance(node, MeasureNode) and node.measure == "accuracy"


def _open_curve(node: Node) -> bool:
    """Whether a curve is compared as it is, and so must hold at every dose."""
    if isinstance(node, ArithmeticNode):
        return _open_curve(node.left) or _open_curve(node.right)
    return node.curve if isinstance(node, CompositeNode) else isinstance(node, MeasureNode) and bool(node.doses)


def _several_methods(node: Node) -> bool:
    if isinstance(node, ArithmeticNode):
        return _several_methods(node.left) or _several_methods(node.right)
    return isinstance(node, MeasureNode) and len(node.methods) > 1


def _word(node: Node, value: float) -> str | None:
    """The key of the word of a value; None for anything but a proportion of one image."""
    if isinstance(node, CompositeNode):  # of a worst group: right under every context, or wrong under one
        return _word(node.of[0], value) if node.name == "worst_group_accuracy" else None
    if isinstance(node, MeasureNode):
        if node.measure not in _SINGLE or value not in (0.0, 1.0):
            return None
        return _SINGLE[node.measure][value == 0.0]
    sign = _direction(node)
    if not sign or value not in (-1.0, 0.0, 1.0):
        return None
    return {1.0: _LOST, 0.0: _SAME, -1.0: _GAINED}[sign * value]


def _direction(node: Node) -> int:
    """1 for ``accuracy - accuracy.under(c)``, -1 for ``accuracy.under(c) - accuracy``, 0 for anything else."""
    if not isinstance(node, ArithmeticNode) or node.op != "-":
        return 0
    left, right = node.left, node.right
    if not isinstance(left, MeasureNode) or not isinstance(right, MeasureNode):
        return 0
    if not left.measure == right.measure == "accuracy":
        return 0
    if (left.model, left.stratum) != (right.model, right.stratum):
        return 0
    before, after = _on_originals(left), _on_originals(right)
    return 0 if before == after else 1 if before else -1


def _on_originals(node: MeasureNode) -> bool:
    return all(context.name == "original" for context in node.contexts)
