"""The record of a probe: what other backgrounds would bring, as an estimate made of the last layer alone."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime

from ..language.errors import ResultsError
from .json_record import read_json_record
from .part import Part

ProbeMeasure = Literal["accuracy", "miss_rate", "false_alarm_rate"]
#: what an estimate rests on; the sentences stand in the report's catalogue, under ``probe_assumption_<name>``
Assumption = Literal[
    "last_layer_alone",
    "same_process",
    "computed_backgrounds",
    "interval_of_the_refit",
    "curve_of_the_last_layer",
    "curve_same_kind",
    "pooled_before_relu",
    "few_clusters",
]
#: why a learning curve tells nothing
Refusal = Literal["too_few_images", "no_fall", "too_wide"]


class ProbeEffect(Part):
    """One measure before and after the last layer was fitted again.

    ``context``: canonical text. ``change``: after - before, with its two-sided interval ``lower`` to ``upper`` at the
    record's confidence. ``without_copies``: after the layer was fitted to the training images as they are alone, which
    is what fitting by itself brings. ``images``: that have a value. ``label``: of images of that label alone; none: of
    all.
    """

    measure: ProbeMeasure
    label: str | None = None
    context: str
    images: int
    before: float
    after: float
    without_copies: float | None = None
    change: float
    lower: float
    upper: float


class CurvePoint(Part):
    """The error of layers that were fitted to so many training images: the mean over ``draws`` of them."""

    images: int
    draws: int
    error: float


class CurveForecast(Part):
    """The error to be expected with ``times`` as many training images, and its two-sided interval."""

    times: int
    images: int
    error: float
    lower: float
    upper: float


class LearningCurve(Part):
    """error = a + b * images^-c, fitted to the points; none of these where it was ``refused``.

    ``label``: of test images of that label alone; none: of all.
    """

    context: str
    label: str | None = None
    points: list[CurvePoint]
    a: float | None = None
    b: float | None = None
    c: float | None = None
    forecasts: list[CurveForecast] = []
    refused: Refusal | None = None


class LeftOut(Part):
    """Training images that were not used: ``same_picture`` as a test image, of the ``same_cluster`` as one, or
    ``unusable``. ``unchanged``: used as they are alone, since their background could not be exchanged."""

    same_picture: int = 0
    same_cluster: int = 0
    unusable: int = 0
    unchanged: int = 0


class ProbeRecord(Part):
    """What fitting the last layer again to images with other backgrounds changed.

    ``model``: its fingerprint; ``train_root`` and ``data_root``: the Merkle roots of the data, as a run's record has
    them. ``run``: sha256 of the ``run.json`` that named the test images. ``layer``: its name in the model. ``trained``:
    the context of the training images' copies. ``penalty``: of the weights' change, chosen on the training images.
    ``resamples``: of the bootstrap. ``good``: the labels that are not defects, where miss and false alarm rates were
    measured.
    """

    schema_version: Literal[1] = 1
    modelaudit: str
    created: AwareDatetime
    model: str
    model_reference: str
    layer: str
    train: str
    train_root: str
    train_images: int
    train_copies: int
    trained: str
    left_out: LeftOut
    data: str
    data_root: str
    images: int
    run: str | None = None
    classes: list[str]
    good: list[str] = []
    seed: int
    confidence: float
    resamples: int
    penalty: float
    effects: list[ProbeEffect]
    curves: list[LearningCurve] = []
    assumptions: list[Assumption]


_AGAIN = "run modelaudit probe again, or move the file out of the folder"


def write_probe(record: ProbeRecord, file: Path) -> None:
    """Write a probe as JSON, the whole of it or nothing.

    Raises:
        ResultsError: the file cannot be written.
    """
    draft = file.with_name(f".{file.name}.draft")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
        draft.replace(file)
    except OSError as error:
        raise ResultsError(f"{file}: cannot be written ({error.strerror}); choose another file with -o") from error


def read_probe(file: Path) -> ProbeRecord:
    """The record of a probe.

    Raises:
        ResultsError: it cannot be read as one.
    """
    return read_json_record(
        file, ProbeRecord, ResultsError, called="the record of a probe", way_out=_AGAIN, invalid=_AGAIN
    )


def probe_files(folder: Path) -> list[Path]:
    """The files of probes in a folder, in the order of their names."""
    return sorted(folder.glob("*.json"))
