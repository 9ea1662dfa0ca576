"""The digests of a data set's samples as a run would find them, without a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from ...data import UnusableSample
from ...data.base import DigestParts
from ...language.sample import Sample
from .prepared import prepare_sample

_DECODERS = 4


def sample_digests(samples: Sequence[Sample]) -> Iterator[tuple[Sample, str, DigestParts]]:
    """Each sample with its digest and what that is made of; one that cannot be used has its reason for a digest.

    They are those that :attr:`~modelaudit.engine.results.measured.MeasuredData.root` is over.
    """
    with ThreadPoolExecutor(_DECODERS, thread_name_prefix="digest") as workers:
        for sample, (digest, parts) in zip(samples, workers.map(_digest, samples), strict=True):
            yield sample, digest, parts


def _digest(sample: Sample) -> tuple[str, DigestParts]:
    found = prepare_sample(sample, ())
    if isinstance(found, UnusableSample):
        return f"unusable:{found.reason}", DigestParts()
    return found.decoded.digest, found.decoded.parts
