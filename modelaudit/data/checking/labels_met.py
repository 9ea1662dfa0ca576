"""Which labels meet classes, label by label, where an audit stops at the first that does not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ...language.errors import DataError
from ...language.findings import LabelsMet
from ...language.sample import DataSet
from ..labels import Label, class_indices


def labels_met(data: DataSet, *, source: str, classes: Sequence[str] | None, outputs: int) -> LabelsMet:
    """The classes that each label of the data meets, by the rules of an audit.

    Args:
        source: what the classes are of, for the reader.
        classes: names by index, None where they are not known.
    """
    labels = list(dict.fromkeys(sample.label for sample in data.samples))
    fits = data.label_map is not None and data.outputs in (None, outputs)
    met: dict[Label, tuple[int, ...]] = {
        label: tuple(data.label_map[label]) for label in labels if fits and data.label_map and label in data.label_map
    }
    found, unmet = _found(
        [label for label in labels if label not in met], partial(class_indices, classes=classes, outputs=outputs)
    )
    met |= {label: (index,) for label, index in found.items()}
    known = sorted({index for indices in met.values() for index in indices})
    names = {index: classes[index] for index in known if classes is not None and index < len(classes)}
    ordered = {str(label): met[label] for label in labels if label in met}
    return LabelsMet(source, ordered, names, {str(label): why for label, why in unmet.items()}, outputs)


def _found(labels: Sequence[Label], indices: partial[dict[Label, int]]) -> tuple[dict[Label, int], dict[Label, str]]:
    """The index of each label, or why there is none; all at once where nothing is wrong."""
    try:
        return indices(labels, mapping=None), {}
    except DataError:
        found: dict[Label, int] = {}
        doubtful: list[Label] = []
        unmet: dict[Label, str] = {}
        for label in labels:
            try:
                found |= indices([label], mapping=None)
            except DataError:
                doubtful.append(label)
        fine = list(found)
        for label in doubtful:
            try:  # a leading index may be doubted alone, and vouched for by the others
                found[label] = indices([label, *fine], mapping=None)[label]
            except DataError as error:
                unmet[label] = str(error)
        return found, unmet
