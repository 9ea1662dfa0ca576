"""``photos:DIR``: pictures without labels, to lend their backgrounds."""

from __future__ import annotations

from pathlib import Path

from ..language.errors import DataError
from ..language.reference import Reference
from ..language.sample import DataSet, Sample
from .base import data_source
from .files import existing_folder, files_below, is_image, relative_id
from .labels import NO_LABEL


@data_source("photos", remote="tree")
def photos(reference: Reference, root: Path) -> DataSet:
    """All images below a folder, whatever its layout: no labels, no masks. Ids are their paths below it.

    They cannot be the data of an audit (:func:`~modelaudit.data.labels.class_indices` says so).

    Raises:
        DataError: no folder, or no image in it.
    """
    reference.only((), DataError)
    folder = existing_folder(reference.body, root, what=reference.text)
    every = list(files_below(folder))
    images = [path for path in every if is_image(path)]
    if not images:
        raise DataError(f"{reference.text!r}: no image in {folder}; looked for png, jpg, webp, bmp and tif")
    passed_over = len(every) - len(images)
    notes = (f"{passed_over} files that are no images by their ending were passed over",) if passed_over else ()
    return DataSet(tuple(Sample(relative_id(path, folder), path, NO_LABEL, mask_kind="none") for path in images), notes)
