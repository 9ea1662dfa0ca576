"""A sample made ready by a worker thread: decoded, and put through the geometries of the models that will see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from torch import Tensor

from ...data import Decoded, UnusableSample, apply_geometry, decode, object_kept
from ...data.signature import Signature, signature_of
from ...language.errors import DataError
from ...language.merkle import unusable_mask_digest
from ...language.reasons import Missing
from ...language.sample import Preprocessing, Sample

View = tuple[Tensor, Tensor | None]


@dataclass(frozen=True, eq=False)
class PreparedSample:
    """A decoded sample.

    ``views`` by geometry: pixels [3, H, W] and mask [H, W], or why there is none. ``kept`` by geometry: the share of
    the object that its crop leaves, NaN without a mask. ``signature``: what is kept to find copies, where it was asked
    for. ``mask_error``: why its mask cannot be used; the image can, wherever no mask is needed.
    """

    decoded: Decoded
    views: Mapping[Any, View | DataError]
    kept: Mapping[Any, float] = field(default_factory=dict)
    signature: Signature | None = None
    mask_error: UnusableSample | None = None

    def view(self, preprocessing: Preprocessing) -> View:
        """The sample in a model's geometry.

        Raises:
            DataError: a size that cannot be made.
        """
        found = self.views.get(preprocessing.geometry())
        if found is None:
            return apply_geometry(self.decoded, preprocessing)
        if isinstance(found, DataError):
            raise found
        return found

    def object_kept(self, preprocessing: Preprocessing) -> float:
        """The share of the object that a model's crop leaves."""
        found = self.kept.get(preprocessing.geometry())
        return object_kept(self.decoded.mask, preprocessing) if found is None else found

    def light(self) -> PreparedSample:
        """The same without the decoded pixels, for those of which only the views are wanted."""
        decoded = replace(self.decoded, image=_NO_PIXELS, mask=None)
        return PreparedSample(decoded, self.views, self.kept, mask_error=self.mask_error)


_OF_MASKS = (Missing.UNREADABLE_MASK, Missing.MASK_SIZE, Missing.CONTRADICTION)
_NO_PIXELS = np.empty((0, 0, 3), dtype=np.uint8)


def prepare_sample(
    sample: Sample, preprocessings: Sequence[Preprocessing], *, signed: bool = False
) -> PreparedSample | UnusableSample:
    """Decode a sample and apply every geometry; a sample that cannot be used comes back as its reason.

    Where only its mask cannot be used, it comes back without one.

    Args:
        signed: keep the signature of the image.
    """
    mask_error: UnusableSample | None = None
    try:
        decoded = decode(sample)
    except UnusableSample as error:
        if error.reason not in _OF_MASKS:
            return error
        bare = _without_mask(sample, error)
        if bare is None:
            return error
        decoded, mask_error = bare, error
    views: dict[Any, View | DataError] = {}
    kept: dict[Any, float] = {}
    for preprocessing in preprocessings:
        try:
            views[preprocessing.geometry()] = apply_geometry(decoded, preprocessing)
            kept[preprocessing.geometry()] = object_kept(decoded.mask, preprocessing)
        except DataError as error:  # raised where a pass asks for this view
            views[preprocessing.geometry()] = error
    return PreparedSample(decoded, views, kept, signature_of(decoded.image) if signed else None, mask_error)


def _without_mask(sample: Sample, error: UnusableSample) -> Decoded | None:
    """The image alone, with the content of the whole sample; None where the image cannot be used either."""
    try:
        decoded = decode(replace(sample, mask=None, mask_kind="none"))
    except UnusableSample:
        return None
    digest = unusable_mask_digest(decoded.digest, error.reason)
    return replace(decoded, digest=digest, content=error.content or f"decoded {digest}")
