"""Problems and remarks found in a data set: broken samples, twins, labels without a class."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..language.audit import DEFAULT_OBJECT_KEPT
from ..language.errors import DataError
from ..language.findings import Finding, Item, Kind, LabelMatches, SampleFacts
from ..language.reasons import Missing
from ..language.sample import LEAST_CLUSTERS, DataSet, Sample
from .labels import Label, LabelMap, label_map
from .signature import differing_bits, group_alike

#: in larger sets the distances are not compared one by one
_COMPARED = 300
#: what the masks of images are "made from" that are declared to have nothing to mask
WITHOUT_OBJECT = "without_object"
_BY_REASON = {
    Missing.UNREADABLE_IMAGE.value: Kind.UNREADABLE_IMAGE,
    Missing.UNREADABLE_MASK.value: Kind.UNREADABLE_MASK,
    Missing.MASK_SIZE.value: Kind.MASK_SIZE,
    Missing.CONTRADICTION.value: Kind.CONTRADICTION,
}


def findings_of(
    samples: Sequence[SampleFacts],
    *,
    near: int,
    classes: LabelMatches | None,
    contradictions: Sequence[str] = (),
) -> tuple[Finding, ...]:
    """All findings, in the order of :class:`Kind`.

    Args:
        near: pictures are alike where at most so many bits of their hashes differ.
        contradictions: those that are about no sample.
    """
    found: dict[Kind, list[Item]] = defaultdict(list)
    any_mask = any(one.mask_kind not in ("none", WITHOUT_OBJECT) for one in samples)
    for sample in samples:
        for kind, detail in _findings_of_sample(sample, any_mask):
            found[kind].append(Item((sample.id,), detail))
    found[Kind.CONTRADICTION] += [Item((), text) for text in contradictions]
    if not any_mask and any(one.mask_kind == "none" for one in samples):
        found[Kind.NO_MASKS].append(Item(()))
    for kind, item in _duplicates(samples, near):
        found[kind].append(item)
    for item in _few_clusters(samples):
        found[Kind.FEW_CLUSTERS].append(item)
    for kind, item in _classes(classes, samples):
        found[kind].append(item)
    counts = {Kind.NO_MASKS: len(samples), Kind.LABEL_WITHOUT_CLASS: len(found[Kind.LABEL_WITHOUT_CLASS])}
    contradicting = {name for item in found[Kind.CONTRADICTION] for name in item.ids}
    counts[Kind.CONTRADICTION] = len(contradicting) + len(contradictions)
    counts[Kind.FEW_CLUSTERS] = len({one.cluster for one in samples} - {None})
    counts |= {} if classes is None else {Kind.CLASS_WITHOUT_LABEL: classes.without_label}
    return tuple(
        Finding(kind, counts.get(kind) or len({name for item in found[kind] for name in item.ids}), tuple(found[kind]))
        for kind in Kind
        if found[kind]
    )


def _findings_of_sample(sample: SampleFacts, any_mask: bool) -> Iterator[tuple[Kind, str]]:
    for text in sample.contradictions:
        yield Kind.CONTRADICTION, text
    if sample.reason is not None:
        if sample.reason != Missing.CONTRADICTION.value or not sample.contradictions:
            yield _BY_REASON[sample.reason], sample.message
    elif sample.mask_kind == WITHOUT_OBJECT:
        if sample.mask is not None:
            yield Kind.UNEXPECTED_OBJECT, f"of the label {sample.label!r}"
        return
    elif sample.mask is None and any_mask:
        yield Kind.NO_MASK, ""
    mask = sample.mask
    if mask is None:
        return
    if mask.empty:
        yield Kind.EMPTY_MASK, "all of it is ignored" if mask.share is None else ""
    elif mask.full:
        yield Kind.FULL_MASK, ""
    elif mask.tiny:
        yield Kind.TINY_OBJECT, f"{mask.share:.2%} of the image"
    if mask.many_pieces:
        yield Kind.MANY_PIECES, f"{mask.pieces} pieces"
    if sample.kept is not None and sample.kept < DEFAULT_OBJECT_KEPT:
        yield Kind.OBJECT_CROPPED, f"{sample.kept:.0%} of the object is left"
    if sample.mask_kind == "box":
        yield Kind.COARSE_MASK, ""
    if sample.mask_kind == "machine":
        yield Kind.MACHINE_MASK, ""


def _duplicates(samples: Sequence[SampleFacts], near: int) -> Iterator[tuple[Kind, Item]]:
    """Yields sets of equal images, then sets of images that are alike without being equal."""
    by_digest: dict[str, list[SampleFacts]] = defaultdict(list)
    for sample in samples:
        if sample.digest:
            by_digest[sample.digest].append(sample)
    for equal in by_digest.values():
        if len(equal) > 1:
            across = len({one.label for one in equal}) > 1
            yield (Kind.SAME_ACROSS_CLASSES if across else Kind.SAME), Item(_ids(equal), "equal pixels")
            yield from _across_clusters(equal, "equal pixels")
    # one image stands for its equals, which are reported already
    first = [equal[0] for equal in by_digest.values() if equal[0].look is not None]
    for positions in group_alike([one.look for one in first if one.look is not None], near):
        similar = [first[at] for at in positions]
        detail = f"{_closest(similar, near)} bits differ"
        if len({one.label for one in similar}) > 1:
            yield Kind.ALIKE_ACROSS_CLASSES, Item(_ids(similar), detail)
        elif similar[0].cluster is None or len({one.cluster for one in similar}) > 1:  # else the data say so already
            yield Kind.ALIKE, Item(_ids(similar), detail)
        yield from _across_clusters(similar, detail)


def _across_clusters(samples: Sequence[SampleFacts], detail: str) -> Iterator[tuple[Kind, Item]]:
    if len({one.cluster for one in samples} - {None}) > 1:
        yield Kind.ALIKE_ACROSS_CLUSTERS, Item(_ids(samples), detail)


def _few_clusters(samples: Sequence[SampleFacts]) -> Iterator[Item]:
    """One item where the images are of too few clusters; an image without a cluster is one by itself."""
    known = {one.cluster for one in samples if one.cluster is not None}
    if known and len(known) + sum(one.cluster is None for one in samples) < LEAST_CLUSTERS:
        yield Item((), f"{len(samples)} images")


def _closest(samples: Sequence[SampleFacts], near: int) -> str:
    """The smallest and the largest distance of an image to its nearest one."""
    looks = [one.look for one in samples if one.look is not None]
    if len(looks) > _COMPARED:
        return f"at most {near}"
    nearest = [
        min(differing_bits(one, other) for at, other in enumerate(looks) if at != here)
        for here, one in enumerate(looks)
    ]
    low, high = min(nearest), max(nearest)
    return f"{low}" if low == high else f"{low} to {high}"


def _classes(met: LabelMatches | None, samples: Sequence[SampleFacts]) -> Iterator[tuple[Kind, Item]]:
    if met is None:
        return
    by_label: Mapping[str, list[str]] = defaultdict(list)
    for sample in samples:
        by_label[sample.label].append(sample.id)
    for label, why in met.unmet.items():
        yield Kind.LABEL_WITHOUT_CLASS, Item(tuple(by_label[label]), why)
    if met.without_label:
        yield Kind.CLASS_WITHOUT_LABEL, Item((), f"of {met.outputs} classes of {met.source}")


def _ids(samples: Sequence[SampleFacts]) -> tuple[str, ...]:
    return tuple(one.id for one in samples)


_Meant = dict[Label, tuple[int, ...]]


def match_labels(
    data: DataSet,
    *,
    source: str,
    classes: Sequence[str] | None,
    outputs: int,
    given: Mapping[Label, Any] | None = None,
) -> LabelMatches:
    """Matches each label of the data with classes, by the rules of an audit.

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
    return LabelMatches(source, {str(label): met[label] for label in met}, names, unmet, outputs)


def _each(samples: Sequence[Sample], meant: Callable[[Sequence[Sample]], _Meant]) -> tuple[_Meant, dict[str, str]]:
    """The outputs of each label, or why it has none; all at once where nothing is wrong."""
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
