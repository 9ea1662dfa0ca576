"""Images that are declared to have no object: ``Audit(without_object=["good"])``.

Not applicable is not missing: such an image leaves every expression in which a term needs masks, with all of its
terms, and is counted apart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from . import registry
from .errors import ExpressionError, nearest
from .expression import Expectation, Expression, Measure
from .spec import Composed, Context, name_text
from .strata import Both, Either, Label, ObjectArea, Stratum, strata_of


def needs_masks(expression: Expression) -> bool:
    """Whether a term of the expression reads a mask: its measure, its context, or a stratum on the object's area.

    >>> from modelaudit.measures import accuracy
    >>> needs_masks(accuracy), needs_masks(accuracy - accuracy.under("swap_background(random)"))
    (False, True)
    """
    return any(map(_needs_mask, expression.measures()))


def left_out(expression: Expression, without_object: Collection[str]) -> frozenset[str]:
    """The labels whose images leave an expression, of those that are declared to have no object."""
    return frozenset(without_object) if without_object and needs_masks(expression) else frozenset()


def checked_labels(labels: Any) -> tuple[str, ...]:
    """The argument ``without_object`` of an audit, as texts, each label once, in their order.

    Raises:
        ExpressionError: not a list of labels.
    """
    if isinstance(labels, str | int) or not isinstance(labels, Iterable):
        raise ExpressionError(f"without_object must be a list of labels, got {labels!r}; write e.g. ['good']")
    found = tuple(labels)
    for label in found:
        if isinstance(label, bool) or not isinstance(label, str | int) or label == "":
            raise ExpressionError(f"without_object: {label!r} is not a label; give labels as the data name them")
    return tuple(sorted(set(map(str, found))))


def require_labels(without_object: Iterable[str], known: Collection[str]) -> None:
    """Raise an ExpressionError, with the nearest label, where the data do not have one that is declared."""
    for label in without_object:
        if label not in known:
            raise ExpressionError(f"without_object: no image has the label {label!r}{nearest(label, known)}")


def require_images(expectation: Expectation, without_object: Collection[str]) -> None:
    """Raise an ExpressionError where a term is about images without an object alone, and a term needs masks."""
    labels = left_out(expectation.expression, without_object)
    for measure in expectation.expression.measures() if labels else ():
        if measure.stratum is not None and _only_of(measure.stratum, labels):
            reader = next(one for one in expectation.expression.measures() if _needs_mask(one))
            raise ExpressionError(
                f"'{measure}' is left without images: '{reader}' needs masks, and images of "
                f"{', '.join(map(repr, sorted(labels)))} are declared to have no object; state it without masks "
                "(e.g. accuracy), or take the label out of without_object"
            )


def declaration_text(without_object: Iterable[str]) -> str:
    """The declaration as long forms have it."""
    return f"without_object=[{', '.join(map(name_text, without_object))}]"


def _needs_mask(measure: Measure) -> bool:
    declares = registry.entry_of(measure.spec).declares
    by_stratum = any(isinstance(part, ObjectArea) for part in strata_of(measure.stratum))
    return bool(getattr(declares, "needs_mask", False)) or by_stratum or _context_needs_mask(measure.context)


def _context_needs_mask(context: Context | None) -> bool:
    parts = context.parts if isinstance(context, Composed) else (context,)
    return any(part is not None and registry.entry_of(part).declares.needs_mask(part) for part in parts)


def _only_of(stratum: Stratum, labels: Collection[str]) -> bool:
    """Whether all images of a stratum surely have one of these labels."""
    if isinstance(stratum, Both):
        return any(_only_of(part, labels) for part in stratum.parts)
    if isinstance(stratum, Either):
        return all(_only_of(part, labels) for part in stratum.parts)
    return isinstance(stratum, Label) and str(stratum.label) in labels
