"""What a crop cuts off the objects of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from ..language.audit import DEFAULT_OBJECT_KEPT
from ..language.findings import SampleFacts
from ..language.sample import Preprocessing

#: that of most models of photos
USUAL_GEOMETRY = Preprocessing(resize=256, crop=224)


def geometry_text(preprocessing: Preprocessing) -> str:
    """``resize 256, crop 224``."""
    parts = [
        f"{name} {value if isinstance(value, int) else ' x '.join(map(str, value))}"
        for name, value in (("resize", preprocessing.resize), ("crop", preprocessing.crop))
        if value is not None
    ]
    return ", ".join(parts) or "neither resize nor crop"


def crop_notes(samples: Sequence[SampleFacts], preprocessing: Preprocessing | None) -> tuple[str, ...]:
    """How many objects the crop cuts, and what to do about it; of the usual crop where none is known, if it cuts any.

    Args:
        preprocessing: the geometry that `kept` of the samples is about; None: `kept_usually` is to be told.
    """
    geometry = preprocessing or USUAL_GEOMETRY
    if geometry.crop is None:
        return ()
    found = [one.kept_usually if preprocessing is None else one.kept for one in samples]
    kept = [share for share in found if share is not None]
    cut = [share for share in kept if share < 1]
    if not kept or (preprocessing is None and not cut):
        return ()
    text = geometry_text(geometry)
    if not cut:
        return (f"the crop ({text}) leaves all {len(kept)} objects whole",)
    few = sum(share < DEFAULT_OBJECT_KEPT for share in cut)
    what = (
        f"cuts into {len(cut)} of {len(kept)} objects ({median(cut):.0%} of them is left in the median; less than "
        f"{DEFAULT_OBJECT_KEPT:.0%}, so that an audit counts them as undefined, of {few})"
    )
    side = geometry.crop if not isinstance(geometry.crop, int) else (geometry.crop, geometry.crop)
    cure = f"Preprocessing(resize={side}) cuts nothing, Audit(object_kept=...) sets the limit"
    if preprocessing is None:
        return (f"a model that crops as usual ({text}) {what}; --model or --preprocessing shows your own; {cure}",)
    return (f"the crop ({text}) {what}; {cure}",)
