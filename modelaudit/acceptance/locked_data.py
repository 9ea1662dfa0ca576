"""The samples of a data set as a lock holds them: what a run would find, without a run."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from ..data import declare_without_object, open_data
from ..engine.images.sample_digests import sample_digests
from ..language.merkle import merkle_root
from ..language.progress import Progress
from .lock import LockedData, LockedSample


def locked_data(
    key: str, reference: Any, without_object: Iterable[str], *, root: Path, progress: Progress
) -> LockedData:
    """A data set with the digests of its samples.

    Args:
        key: what runs call it; `reference` is what is opened, by a path relative to `root` or as samples.

    Raises:
        DataError: it cannot be opened.
    """
    samples = samples_of(reference, without_object, root, progress, key)
    return LockedData(
        key=key,
        reference=reference if isinstance(reference, str) else key.removeprefix("data:"),
        images=len(samples),
        root=merkle_root({one.id: one.digest for one in samples}),
        samples=samples,
    )


def samples_of(
    reference: Any,
    without_object: Iterable[str],
    root: Path,
    progress: Progress,
    name: str,
    among: Collection[str] | None = None,
) -> list[LockedSample]:
    """The samples of a data set with their digests, in the order of their ids.

    Args:
        name: of the data set, for progress.
        among: the ids of those that are read; None for all.

    Raises:
        DataError: it cannot be opened.
    """
    data = declare_without_object(open_data(reference, root=root, quiet=True), tuple(without_object))
    chosen = [sample for sample in data.samples if among is None or sample.id in among]
    found = []
    with progress.task(f"digests of {name.removeprefix('data:')}", len(chosen)) as advance:
        for sample, digest, parts in sample_digests(chosen):
            known = LockedSample(id=sample.id, image=parts.image, mask=parts.mask, label=parts.label, digest=digest)
            found.append(known)
            advance(1)
    return sorted(found, key=lambda one: one.id)
