"""Checks a data set before any model is run: what an audit would read of it."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags
from scipy.ndimage import label  # type: ignore[attr-defined]

from ..language.findings import DataFacts, LabelMatches, MaskFacts, Quantiles, SampleFacts, Tally
from ..language.reasons import Missing
from ..language.sample import BACKGROUND, IGNORE, OBJECT, DataSet, Preprocessing, Sample
from .base import Pixels, UnusableSample
from .check_crop import USUAL_GEOMETRY, crop_notes, geometry_text
from .check_findings import WITHOUT_OBJECT, findings_of
from .decode import decode, files_of
from .geometry import object_kept
from .images import FilePart, bytes_of, exif_of, header
from .refusal import refusal
from .signature import BITS, NEAR, perceptual_hash

_EIGHT = np.ones((3, 3), dtype=np.uint8)
_WORKERS, _AHEAD = 2, 16
#: what is called with a sample, its image [H, W, 3] and its mask [H, W]
Seen = Callable[[Sample, Pixels, Pixels | None], None]


def check(
    data: DataSet,
    reference: str,
    *,
    preprocessing: Preprocessing | None = None,
    near: int = NEAR,
    classes: LabelMatches | None = None,
    progress: Callable[[], None] = lambda: None,
    seen: Seen | None = None,
) -> DataFacts:
    """Decodes every sample once and reports what was found. Pixels are not kept: memory grows by the facts alone.

    Args:
        reference: how the data were named.
        preprocessing: the geometry whose crop of the objects is reported.
        near: images are alike where at most this many of the 255 bits of their hashes differ.
        classes: which labels match classes, where that is known.
        progress: called after every sample.
        seen: called with every image that can be read and its mask, None where there is none or it cannot be used;
            from several threads, and in any order.
    """
    samples = tuple(facts_of_samples(data.samples, preprocessing, progress, seen))
    usable = [one for one in samples if one.format]
    masks = [one for one in samples if one.mask is not None]
    refused = refusal(data)
    return DataFacts(
        reference=reference,
        notes=(
            *([f"an audit refuses these data: {refused}"] if refused else []),
            *data.notes,
            *crop_notes(samples, preprocessing),
        ),
        samples=samples,
        findings=findings_of(
            samples, near=near, classes=classes, contradictions=[one.text for one in data.contradictions]
        ),
        labels=tally_by_name(samples, [one.label for one in samples]),
        groups=tally_by_name(samples, [one.group for one in samples]),
        clusters=tally_by_name(samples, [one.cluster for one in samples]),
        sizes=count_values(f"{one.width} x {one.height}" for one in usable),
        formats=count_values(one.format for one in usable),
        modes=count_values(one.mode for one in usable),
        turned=sum(one.turned for one in usable),
        mask_kinds=count_values(one.mask_kind for one in samples),
        mask_values=mask_values(samples),
        touching=sum(one.mask is not None and one.mask.touches_border for one in masks),
        shares=quantiles(object_shares(samples)),
        histogram=histogram(object_shares(samples)),
        near=near,
        bits=BITS,
        geometry="" if preprocessing is None else geometry_text(preprocessing),
        kept=quantiles([one.kept for one in samples if one.kept is not None]),
        classes=classes,
    )


def facts_of_samples(
    samples: Sequence[Sample], preprocessing: Preprocessing | None, progress: Callable[[], None], seen: Seen | None
) -> Iterator[SampleFacts]:
    """Yields facts in the order of the samples; a few are decoded ahead, so that pixels never pile up."""
    work = partial(sample_facts, preprocessing=preprocessing, seen=seen)
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="look") as workers:
        for first in range(0, len(samples), _AHEAD):
            for facts in workers.map(work, samples[first : first + _AHEAD]):
                progress()
                yield facts


def mask_facts(mask: Pixels) -> MaskFacts:
    """Facts of a mask [H, W] of 1 object, 0 background, 255 ignore."""
    inside = mask == OBJECT
    edge = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
    return MaskFacts(
        object=int(inside.sum()),
        background=int((mask == BACKGROUND).sum()),
        ignored=int((mask == IGNORE).sum()),
        pieces=int(label(inside, structure=_EIGHT)[1]),
        touches_border=bool(edge.any()),
    )


def sample_facts(sample: Sample, preprocessing: Preprocessing | None = None, seen: Seen | None = None) -> SampleFacts:
    """Decodes a sample and collects its facts, without its pixels.

    Args:
        preprocessing: the geometry that `kept` is about.
        seen: called with the sample, its image and its mask.
    """
    facts = SampleFacts(
        id=sample.id,
        label=str(sample.label),
        group=sample.group,
        cluster=sample.cluster,
        mask_kind=WITHOUT_OBJECT if sample.without_object else "none" if sample.mask is None else sample.mask_kind,
        files=tuple(map(str, files_of(sample))),
        contradictions=tuple(one.text for one in sample.contradictions),
    )
    try:
        decoded = decode(sample)
        facts = replace(facts, **_picture(sample, decoded.image))
        if seen is not None:
            seen(sample, decoded.image, decoded.mask)
        if decoded.mask is not None:
            share = object_kept(decoded.mask, preprocessing or USUAL_GEOMETRY)
            kept = None if math.isnan(share) else share
            facts = replace(facts, mask=mask_facts(decoded.mask))
            facts = replace(facts, kept_usually=kept) if preprocessing is None else replace(facts, kept=kept)
    except UnusableSample as error:
        facts = replace(facts, **_image_facts(sample, seen), reason=error.reason.value, message=str(error))
    return facts


def without_mask(sample: Sample) -> Sample:
    """The sample without its mask."""
    return replace(sample, mask=None, mask_kind="none")


def _image_facts(sample: Sample, seen: Seen | None) -> dict[str, Any]:
    """The facts of the image of a sample whose mask cannot be used; empty where the image is at fault."""
    if sample.mask is None:
        return {}
    try:
        image = decode(without_mask(sample)).image
    except UnusableSample:
        return {}
    if seen is not None:
        seen(sample, image, None)
    return _picture(sample, image)


def _picture(sample: Sample, image: Any) -> dict[str, Any]:
    form, mode, turned = _header(sample)
    height, width = image.shape[:2]
    content = repr(image.shape).encode() + np.ascontiguousarray(image).tobytes()
    return {
        "width": width,
        "height": height,
        "format": form,
        "mode": mode,
        "turned": turned,
        "digest": hashlib.sha256(content).hexdigest(),
        "look": perceptual_hash(image),
    }


def _header(sample: Sample) -> tuple[str, str, bool]:
    """Format, colour mode, and whether its EXIF orientation turns the image."""
    source: Any = sample.image
    if isinstance(source, FilePart):
        source = bytes_of(source, Missing.UNREADABLE_IMAGE)
    if not isinstance(source, Path | bytes):
        return "array", "RGB", False
    with header(source, f"the image of {sample.id!r}", Missing.UNREADABLE_IMAGE) as image:
        orientation = exif_of(image).get(ExifTags.Base.Orientation, 1)
        return str(image.format), str(image.mode), orientation in range(2, 9)


def tally_by_name(samples: Sequence[SampleFacts], names: Iterable[str | None]) -> dict[str, Tally]:
    """Samples by name (of their label, group or cluster), in the order of the names; without those named None."""
    by_name: Mapping[str, list[SampleFacts]] = defaultdict(list)
    for sample, name in zip(samples, names, strict=True):
        if name is not None:
            by_name[name].append(sample)
    return {name: _tally(by_name[name]) for name in sorted(by_name)}


def object_shares(samples: Sequence[SampleFacts]) -> list[float]:
    """The object's share of the image, of every mask with an object."""
    return [
        one.mask.share for one in samples if one.mask is not None and not one.mask.empty and one.mask.share is not None
    ]


def count_values(values: Iterable[str]) -> dict[str, int]:
    """Counts values, the most frequent first."""
    return {
        value: count for value, count in sorted(Counter(values).items(), key=lambda pair: (-pair[1], pair[0])) if value
    }


def mask_values(samples: Sequence[SampleFacts]) -> dict[str, int]:
    """How many masks have a 0, a 1, a 255."""
    masks = [one.mask for one in samples if one.mask is not None]
    found = {
        "0": sum(mask.background > 0 for mask in masks),
        "1": sum(mask.object > 0 for mask in masks),
        "255": sum(mask.ignored > 0 for mask in masks),
    }
    return {value: count for value, count in found.items() if count}


def histogram(values: Sequence[float]) -> tuple[int, ...]:
    """The number of shares in each tenth of [0, 1]; 1 is in the last."""
    return tuple(int(count) for count in np.histogram(values, bins=10, range=(0, 1))[0])


def quantiles(values: Sequence[float]) -> Quantiles | None:
    """Smallest, 5, 25, 50, 75, 95 %, largest; None without values."""
    if not values:
        return None
    found = np.quantile(np.asarray(values, dtype=np.float64), [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1])
    return Quantiles(len(values), *(float(value) for value in found))


def _tally(samples: Sequence[SampleFacts]) -> Tally:
    found = object_shares(samples)
    return Tally(
        images=len(samples),
        usable=sum(one.reason is None for one in samples),
        masks=sum(one.mask is not None for one in samples),
        share=float(np.median(found)) if found else None,
    )
