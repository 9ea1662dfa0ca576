"""What is odd about the answers of a model, as it stands in the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..statistics.class_order import class_order, reordered
from .record import ClassOrderRecord

_MOST_CLASSES = 12


def class_order_of(
    labels: Sequence[str], indices: Sequence[int], predicted: Sequence[int | None], classes: Sequence[str] | None
) -> ClassOrderRecord | None:
    """What is odd about the answers to images of these labels; None if nothing is odd or no answer is known.

    Args:
        indices: the class that each label means to the model.
        predicted: as in :class:`~modelaudit.evidence.record.ViewRecord`.
        classes: the names of the model's classes.
    """
    found = class_order(indices, predicted) if predicted else None
    if found is None:
        return None
    names = _names(labels, indices, classes)
    order = reordered(classes, found.moved) if classes is not None and len(classes) <= _MOST_CLASSES else None
    return ClassOrderRecord(
        images=found.images,
        right=found.right,
        chance=found.chance,
        below_chance=found.below_chance,
        never=[names.get(index, str(index)) for index in found.never],
        moved=[(names.get(label, str(label)), names.get(to, str(to))) for label, to in found.moved.items()],
        explained=found.explained if found.moved else 0,
        classes=list(order or ()) if found.moved else [],
    )


def _names(labels: Sequence[str], indices: Sequence[int], classes: Sequence[str] | None) -> Mapping[int, str]:
    """What readers call each class: the labels that mean it, else its own name."""
    several: dict[int, dict[str, None]] = {}
    for label, index in zip(labels, indices, strict=True):
        several.setdefault(index, {})[label] = None
    return {**dict(enumerate(classes or ())), **{index: " / ".join(names) for index, names in several.items()}}
