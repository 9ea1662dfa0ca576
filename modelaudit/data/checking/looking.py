"""One sample, looked at as an audit would read it."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags

from ...language.findings import SampleFacts
from ...language.reasons import Missing
from ...language.sample import Preprocessing, Sample
from ..alike import look_of
from ..base import UnusableSample
from ..content import files_of
from ..decode import decode
from ..geometry import object_kept
from ..images import bytes_of, exif_of, header
from ..mask_facts import mask_facts
from ..parts import FilePart


def look(sample: Sample, preprocessing: Preprocessing | None) -> SampleFacts:
    """Decode a sample and keep what is to be known of it, no pixels.

    Args:
        preprocessing: the geometry that `kept` is about.
    """
    facts = SampleFacts(
        id=sample.id,
        label=str(sample.label),
        group=sample.group,
        cluster=sample.cluster,
        mask_kind="none" if sample.mask is None else sample.mask_kind,
        files=tuple(map(str, files_of(sample))),
    )
    try:
        decoded = decode(sample)
        facts = replace(facts, **_picture(sample, decoded.image))
        if decoded.mask is not None:
            kept = math.nan if preprocessing is None else object_kept(decoded.mask, preprocessing)
            facts = replace(facts, mask=mask_facts(decoded.mask), kept=None if math.isnan(kept) else kept)
    except UnusableSample as error:
        facts = replace(facts, **_without_mask(sample), reason=error.reason.value, message=str(error))
    return facts


def bare(sample: Sample) -> Sample:
    """The sample without its mask."""
    return replace(sample, mask=None, mask_kind="none")


def _without_mask(sample: Sample) -> dict[str, Any]:
    """What is known of a sample of which image or mask is at fault: nothing where it is the image."""
    if sample.mask is None:
        return {}
    try:
        return _picture(sample, decode(bare(sample)).image)
    except UnusableSample:
        return {}


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
        "look": look_of(image),
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
