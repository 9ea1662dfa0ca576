"""The digests of a record's samples from what it says of their images, masks and labels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from ..language.merkle import label_digest, sample_digest, unusable_mask_digest
from .measured_record import SampleRecord

#: in place of the digest of an image or a mask that cannot be used, with the reason behind it
UNUSABLE = "unusable:"
_NO_MASK = hashlib.sha256(b"").hexdigest()


def digests_of_samples(samples: Iterable[SampleRecord]) -> list[dict[str, str]]:
    """The digests of samples by their ids, as a run computes them when it decodes them.

    A record has labels as text, and a digest distinguishes the number 1 from the text "1". So there are two answers
    where a label is a number: one of labels that are texts, and one of labels that are numbers. None where a sample
    has no digests, as in older records.
    """
    known = list(samples)
    if any(one.image is None or one.mask is None for one in known):
        return []
    readings = [{one.label: label_digest(one.label) for one in known}]
    numbers = {label: label_digest(int(label)) for label in readings[0] if _is_number(label)}
    if numbers:
        readings.append({**readings[0], **numbers})
    return [{one.id: _digest(one, labels[one.label]) for one in known} for labels in readings]


def _digest(sample: SampleRecord, label: str) -> str:
    assert sample.image is not None and sample.mask is not None
    if sample.image.startswith(UNUSABLE):
        return sample.image
    if sample.mask.startswith(UNUSABLE):
        return unusable_mask_digest(sample_digest(sample.image, _NO_MASK, label), sample.mask.removeprefix(UNUSABLE))
    return sample_digest(sample.image, sample.mask, label)


def _is_number(label: str) -> bool:
    return label.removeprefix("-").isdecimal() and label.isascii() and str(int(label)) == label
