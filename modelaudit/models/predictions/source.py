"""``predictions:FILE``: a model by what it answered to pictures that were rendered beforehand."""

from __future__ import annotations

import math
from pathlib import Path

from ...language.errors import ModelError
from ...language.reference import Reference
from ...language.sample import BuiltModel
from ...language.stored_answers import STORED, answers_file, manifest_file
from ..loaded import model_source
from .stored_model import StoredPredictions

_OPTIONS = ("manifest", "maps", "unanswered")


@model_source(STORED)
def predicted_model(reference: Reference, root: Path) -> BuiltModel:
    """``predictions:FILE?manifest=FILE&maps=FOLDER&unanswered=SHARE``: answers of a box to rendered pictures.

    ``manifest`` is the one that ``modelaudit render`` wrote; else ``manifest.jsonl`` beside the answers, or in the
    folder above. ``maps`` holds heat maps, ``METHOD/PICTURE.npz`` or ``.png``. ``unanswered`` is the share of the
    pictures that may be without an answer; each of them counts at its worst.

    Raises:
        ModelError: an unknown option, no such file, or a manifest that cannot be read.
    """
    reference.only(_OPTIONS, ModelError)
    if not reference.body:
        raise ModelError(f"{reference.text!r}: name the file of answers, e.g. predictions:answers.csv")
    path, manifest = answers_file(reference, root), manifest_file(reference, root)
    maps = reference.options.get("maps")
    folder = None if maps is None else root / maps
    if folder is not None and not folder.is_dir():
        raise ModelError(f"{reference.text!r}: maps={maps} is no folder ({folder}) of METHOD/PICTURE.npz or .png")
    return BuiltModel(StoredPredictions(path, manifest, folder, _share(reference)))


def _share(reference: Reference) -> float | None:
    text = reference.options.get("unanswered")
    if text is None:
        return None
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 < share < 1:
        raise ModelError(
            f"{reference.text!r}: unanswered={text} must be a share between 0 and 1, the most pictures that may be "
            "without an answer; write e.g. unanswered=0.02"
        )
    return share
