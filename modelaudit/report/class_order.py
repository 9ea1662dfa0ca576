"""Tells that the classes of a model may be named in another order."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

from ..evidence.record import ClassOrderRecord, RunRecord
from .words import Words

#: how many labels are named in one sentence
_LISTED = 6


def odd_orders(record: RunRecord) -> Iterator[tuple[str, ClassOrderRecord]]:
    """The models whose answers are odd, by the name that readers know, and what is odd."""
    names = {model.key: ", ".join(model.names) or model.reference for model in record.models}
    for table in record.tables:
        for view in table.views:
            if view.class_order is not None:
                yield names.get(view.model, view.model), view.class_order


def class_order_banner(model: str, odd: ClassOrderRecord, words: Words) -> tuple[str, str]:
    """The title and the text for the first page."""
    counts = {"model": model, "right": words.count(odd.right), "images": words.count(odd.images)}
    if odd.moved:
        pairs = words._("comma").join(
            words._("class_order_pair", label=label, answer=answer) for label, answer in odd.moved[:_LISTED]
        )
        said = [words._("class_order_permuted", **counts, explained=words.count(odd.explained), pairs=pairs)]
        if odd.classes:
            said.append(words._("class_order_classes", classes=", ".join(odd.classes)))
        if _alphabetical(odd):
            said.append(words._("class_order_alphabetical"))
        return words._("class_order_title"), reduce(lambda a, b: words._("two_sentences", first=a, second=b), said)
    if odd.below_chance:
        chance = words.quantity(odd.chance, "percent", 0)
        return words._("class_order_below_chance_title"), words._("class_order_below_chance", **counts, chance=chance)
    labels = words._("comma").join(odd.never[:_LISTED])
    return words._("class_order_never_title"), words._("class_order_never", model=model, labels=labels)


def _alphabetical(odd: ClassOrderRecord) -> bool:
    return bool(odd.classes) and odd.classes == sorted(odd.classes)
