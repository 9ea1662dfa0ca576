"""Which labels meet classes, label by label, where an audit stops at the first that does not."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...language.errors import DataError
from ...language.findings import LabelsMet
from ...language.sample import DataSet, Sample
from ..label_map import LabelMap, label_map
from ..labels import Label

_Meant = dict[Label, tuple[int, ...]]


def labels_met(
    data: DataSet,
    *,
    source: str,
    classes: Sequence[str] | None,
    outputs: int,
    given: Mapping[Label, Any] | None = None,
) -> LabelsMet:
    """The classes that each label of the data meets, by the rules of an audit.

    Args:
        source: what the classes are of, for the reader.
        classes: names by index, None where they are not known.
        given: an audit's own label map.
    """

    def meant(samples: Sequence[Sample]) -> _Meant:
        chosen = replace(data, samples=tuple(samples))
        return _outputs_of(label_map(chosen, classes=classes, outputs=outputs, given=given))

    met, unmet = _each(list({sample.label: sample for sample in data.samples}.values()), meant)
    known = sorted({index for indices in met.values() for index in indices})
    names = {} if classes is None else {index: classes[index] for index in known if index < len(classes)}
    return LabelsMet(source, {str(label): met[label] for label in met}, names, unmet, outputs)


def _each(samples: Sequence[Sample], meant: Callable[[Sequence[Sample]], _Meant]) -> tuple[_Meant, dict[str, str]]:
    """What each label means, or why it means nothing; all at once where nothing is wrong."""
    try:
        return meant(samples), {}
    except DataError:
        met: _Meant = {}
        unmet: dict[str, str] = {}
        fine: list[Sample] = []
        for sample in samples:
            try:
                met[sample.label] = meant([sample])[sample.label]
                fine.append(sample)
            except DataError as error:
                unmet[str(sample.label)] = str(error)
        for sample in samples:
            if sample.label not in met:
                # a leading index may be doubted alone, and vouched for by the others
                with contextlib.suppress(DataError):
                    met[sample.label] = meant([*fine, sample])[sample.label]
                    del unmet[str(sample.label)]
        return met, unmet


def _outputs_of(found: LabelMap) -> _Meant:
    if found.merged is None:
        return {label: (index,) for label, index in found.indices.items()}
    return {
        label: tuple(at for at, one in enumerate(found.merged) if one == index)
        for label, index in found.indices.items()
    }
