"""What an audit would read of a data set, before any model is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ...language.findings import DataFacts, LabelsMet, SampleFacts
from ...language.sample import DataSet, Preprocessing, Sample
from ..alike import BITS, NEAR
from .judging import findings_of
from .looking import bare, look
from .tallies import counted, histogram, mask_values, quantiles, shares, tallies

__all__ = ["BITS", "NEAR", "bare", "check"]

_WORKERS, _AHEAD = 2, 16


def check(
    data: DataSet,
    reference: str,
    *,
    preprocessing: Preprocessing | None = None,
    near: int = NEAR,
    classes: LabelsMet | None = None,
    progress: Callable[[], None] = lambda: None,
) -> DataFacts:
    """Decode every sample once, and say what was found. Pixels are not kept: memory grows by the facts alone.

    Args:
        reference: how the data were named.
        preprocessing: the geometry of which the loss of object is told.
        near: pictures are alike where at most so many of the 255 bits of their hashes differ.
        classes: which labels meet classes, where that is known.
        progress: called after every sample.
    """
    samples = tuple(_looked(data.samples, preprocessing, progress))
    usable = [one for one in samples if one.format]
    masks = [one for one in samples if one.mask is not None]
    return DataFacts(
        reference=reference,
        notes=data.notes,
        samples=samples,
        findings=findings_of(samples, near=near, classes=classes),
        labels=tallies(samples, [one.label for one in samples]),
        groups=tallies(samples, [one.group for one in samples]),
        clusters=tallies(samples, [one.cluster for one in samples]),
        sizes=counted(f"{one.width} x {one.height}" for one in usable),
        formats=counted(one.format for one in usable),
        modes=counted(one.mode for one in usable),
        turned=sum(one.turned for one in usable),
        mask_kinds=counted(one.mask_kind for one in samples),
        mask_values=mask_values(samples),
        touching=sum(one.mask is not None and one.mask.touches_border for one in masks),
        shares=quantiles(shares(samples)),
        histogram=histogram(shares(samples)),
        near=near,
        bits=BITS,
        geometry="" if preprocessing is None else geometry_text(preprocessing),
        kept=quantiles([one.kept for one in samples if one.kept is not None]),
        classes=classes,
    )


def geometry_text(preprocessing: Preprocessing) -> str:
    """``resize 256, crop 224``."""
    parts = [
        f"{name} {value if isinstance(value, int) else ' x '.join(map(str, value))}"
        for name, value in (("resize", preprocessing.resize), ("crop", preprocessing.crop))
        if value is not None
    ]
    return ", ".join(parts) or "neither resize nor crop"


def _looked(
    samples: Sequence[Sample], preprocessing: Preprocessing | None, progress: Callable[[], None]
) -> Iterator[SampleFacts]:
    """In the order of the samples, a few ahead: results wait for their turn, and pixels never pile up."""
    work = partial(look, preprocessing=preprocessing)
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="look") as workers:
        for first in range(0, len(samples), _AHEAD):
            for facts in workers.map(work, samples[first : first + _AHEAD]):
                progress()
                yield facts
