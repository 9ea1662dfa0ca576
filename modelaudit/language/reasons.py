"""The reasons why a sample has no value, one list for the whole package."""

from __future__ import annotations

from enum import StrEnum


class Missing(StrEnum):
    """Why one (model, context, measure) has no value on one sample.

    *Undefined*: everything ran, the formula has no answer. *Errored*: something could not be read or run.
    Both are counted, and both enter the verdict at their worst end. *Not applicable* is neither: ``no_object``, by
    declaration; such images leave the expression.

    >>> Missing("no_mask").errored, Missing("empty_mask").errored
    (True, False)
    """

    ZERO_ATTRIBUTION = "zero_attribution"
    EMPTY_MASK = "empty_mask"
    FULL_MASK = "full_mask"
    CONTEXT_UNCHANGED = "context_unchanged"
    CONTEXT_IMPOSSIBLE = "context_impossible"
    NO_OBJECT = "no_object"
    ATTRIBUTION_INVALID = "attribution_invalid"
    OBJECT_CROPPED = "object_cropped"
    NO_STORED = "no_stored"
    NO_PARTNER = "no_partner"
    UNPAIRED = "unpaired"
    NO_MASK = "no_mask"
    UNREADABLE_IMAGE = "unreadable_image"
    UNREADABLE_MASK = "unreadable_mask"
    MASK_SIZE = "mask_size"
    CONTRADICTION = "contradiction"
    NON_FINITE_LOGITS = "non_finite_logits"
    NO_ANSWER = "no_answer"
    SEARCH_CUT_OFF = "search_cut_off"
    ENDED_WORKER = "ended_worker"

    @property
    def errored(self) -> bool:
        """True when nothing could be computed, False when the formula has no answer."""
        return self in _ERRORED

    @property
    def advice(self) -> str:
        """What to do about it, in half a sentence."""
        return _ADVICE[self]


_ERRORED = frozenset(
    {
        Missing.NO_MASK,
        Missing.UNREADABLE_IMAGE,
        Missing.UNREADABLE_MASK,
        Missing.MASK_SIZE,
        Missing.CONTRADICTION,
        Missing.NON_FINITE_LOGITS,
        Missing.NO_ANSWER,
        Missing.SEARCH_CUT_OFF,
        Missing.ENDED_WORKER,
    }
)

_ADVICE = {
    Missing.ZERO_ATTRIBUTION: "the map has no positive part: look at the image, or ask with another method or target",
    Missing.EMPTY_MASK: "the mask holds no object after the model's crop: mend the mask, or crop less",
    Missing.FULL_MASK: "the mask leaves no background: mend the mask, or leave the image out",
    Missing.CONTEXT_UNCHANGED: "the context changed no pixel: check the mask, or raise the severity",
    Missing.CONTEXT_IMPOSSIBLE: "the context has no meaning here (no background to change or to lend): check the mask",
    Missing.NO_OBJECT: "the image is declared to have no object: nothing is wrong with it",
    Missing.OBJECT_CROPPED: "the model's crop cuts off most of the object: crop less, or frame the object anew",
    Missing.ATTRIBUTION_INVALID: "the method gave no valid map: raise its steps, or use another method",
    Missing.NO_STORED: "the data keep no such picture of this sample: add it, or leave the sample out",
    Missing.NO_PARTNER: "the baseline holds no value of the same image, mask, label and background (the report names "
    "what differs): set it again on these data, or allow for it with unpaired=",
    Missing.UNPAIRED: "the baseline holds no value of it, which unpaired= allows: nothing is wrong with it",
    Missing.NO_MASK: "add a mask for the image, or use measures and contexts that need none",
    Missing.UNREADABLE_IMAGE: "replace the image file, or take it out of the data set",
    Missing.UNREADABLE_MASK: "replace the mask file",
    Missing.MASK_SIZE: "give the mask the size of its image",
    Missing.CONTRADICTION: "its annotation states two things that cannot both be right: mend it",
    Missing.NON_FINITE_LOGITS: "the model returns NaN or infinity: check its weights and its preprocessing",
    Missing.NO_ANSWER: "the stored answers hold none for this picture: let the box answer it",
    Missing.ENDED_WORKER: "the process that measured it ended, twice: look at the image, and at what that process "
    "wrote",
    Missing.SEARCH_CUT_OFF: "the time for the search was over: give more seconds=, fewer calls=, or fewer images",
}
