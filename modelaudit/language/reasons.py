"""Why a sample has no value: the closed list that every room shares."""

from __future__ import annotations

from enum import StrEnum


class Missing(StrEnum):
    """Why one (model, context, measure) has no value on one sample.

    *Undefined*: everything ran, the formula has no answer. *Errored*: something could not be read or run.
    Both are counted, and both enter the verdict at their worst end.
    """

    ZERO_ATTRIBUTION = "zero_attribution"
    EMPTY_MASK = "empty_mask"
    FULL_MASK = "full_mask"
    CONTEXT_UNCHANGED = "context_unchanged"
    CONTEXT_IMPOSSIBLE = "context_impossible"
    ATTRIBUTION_INVALID = "attribution_invalid"
    NO_MASK = "no_mask"
    UNREADABLE_IMAGE = "unreadable_image"
    UNREADABLE_MASK = "unreadable_mask"
    MASK_SIZE = "mask_size"
    NON_FINITE_LOGITS = "non_finite_logits"

    @property
    def errored(self) -> bool:
        """True when nothing could be computed, False when the formula has no answer."""
        return self in _ERRORED


_ERRORED = frozenset(
    {Missing.NO_MASK, Missing.UNREADABLE_IMAGE, Missing.UNREADABLE_MASK, Missing.MASK_SIZE, Missing.NON_FINITE_LOGITS}
)
