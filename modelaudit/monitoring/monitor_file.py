"""``monitor.json``: what a watch was fitted to, and everything that it needs to score new images."""

from __future__ import annotations

import base64
import binascii
import hashlib
import itertools
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime, Field, model_validator

from ..evidence.json_record import read_json_record
from ..evidence.measured_record import LayerRecord, ScoresRecord
from ..evidence.part import Part
from ..evidence.states import CaseVerdict, RunState
from ..language.errors import MonitorError

FORMAT: Literal["modelaudit-monitor/1"] = "modelaudit-monitor/1"
MONITOR_NAME = "monitor.json"

#: what is watched: the surroundings of the object, the light, and of the model its confidence and predicted classes
StatisticName = Literal["surroundings", "light", "confidence", "classes"]
STATISTICS: tuple[StatisticName, ...] = ("surroundings", "light", "confidence", "classes")
#: what a claim needs to be measured on new images
Need = Literal["labels", "masks"]
#: the group of images that have none
UNGROUPED = ""


class MonitoredModel(Part):
    """The model as the run used it. ``outputs``: the number of its logits."""

    reference: str
    fingerprint: str
    classes: list[str] | None
    outputs: int
    preprocessing: dict[str, Any]
    scores: ScoresRecord | None = None


class MonitoredRun(Part):
    """The run whose audited images or claims the watch rests on. ``digest``: sha256 of its ``run.json``."""

    id: str
    digest: str
    overall: RunState


class ReferenceImages(Part):
    """The images that the monitor was fitted to.

    ``what``: the images of the audit, or normal images of the line itself. ``units``: what is taken for exchangeable,
    of which ``fitted`` fixed the score functions and ``calibrated`` gave the first scores; each in units. ``groups``:
    calibrated units by group. ``lots``: how many lots they came in, none where each image is a unit of its own.
    ``masked``: every image has a mask, so that the surroundings can be watched without the object. ``unusable``: images
    that could not be decoded.
    """

    what: Literal["audited", "normal"]
    data: str
    root: str
    images: int
    units: int
    fitted: int
    calibrated: int
    groups: dict[str, int]
    lots: int | None = None
    masked: bool
    unusable: int = 0


class PromiseRecord(Part):
    """What is promised of the whole monitor.

    ``false_alarms``: the probability that it ever alarms falsely is at most ``value``. ``run_length``: the mean number
    of units until the first false alarm is at least ``value``.
    """

    kind: Literal["false_alarms", "run_length"]
    value: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _in_range(self) -> PromiseRecord:
        if self.kind == "false_alarms" and not self.value < 1:
            raise ValueError(f"a probability of false alarms must be below 1, got {self.value:g}")
        return self


class UnitRule(Part):
    """What is taken for exchangeable: each image, or a lot of images that depend on each other.

    ``each``; ``frames``: lots of ``size`` images; ``minutes``: of ``size`` minutes; ``folder``: the images of a folder;
    ``stated``: the lots are given with the images. ``score``: the mean of a lot's scores, or the score of one of its
    images, drawn at random.
    """

    kind: Literal["each", "frames", "minutes", "folder", "stated"]
    size: Annotated[float, Field(gt=0)] | None = None
    score: Literal["mean", "drawn"] = "drawn"

    @model_validator(mode="after")
    def _has_a_size(self) -> UnitRule:
        if (self.size is None) == (self.kind in ("frames", "minutes")):
            raise ValueError(f"lots by {self.kind} {'need a size' if self.size is None else 'have no size'}")
        return self


class ArrayRecord(Part):
    """An array of float32: its shape, and its values as little-endian bytes in base64."""

    shape: list[Annotated[int, Field(ge=0)]]
    float32: str

    @classmethod
    def of(cls, values: NDArray[Any]) -> ArrayRecord:
        """The record of an array; its values are rounded to float32."""
        content = np.ascontiguousarray(values, dtype="<f4").tobytes()
        return cls(shape=list(values.shape), float32=base64.b64encode(content).decode("ascii"))

    def array(self) -> NDArray[np.float64]:
        """The values, as float64."""
        values = np.frombuffer(base64.b64decode(self.float32), dtype="<f4")
        return np.asarray(values.reshape(self.shape), dtype=np.float64)

    @model_validator(mode="after")
    def _is_whole(self) -> ArrayRecord:
        try:
            content = base64.b64decode(self.float32, validate=True)
        except binascii.Error as error:
            raise ValueError(f"values that are not base64: {error}") from error
        if len(content) != 4 * int(np.prod(self.shape, dtype=np.int64)):
            raise ValueError(f"{len(content)} bytes of values do not fit the shape {self.shape}")
        if not np.isfinite(np.frombuffer(content, dtype="<f4")).all():
            raise ValueError("values that are not finite")
        return self


class DistanceRecord(Part):
    """A squared Mahalanobis distance from the fitted images (:mod:`~modelaudit.monitoring.distance`).

    With z = (x - ``mean``) / ``scale`` of x [D] and y = z @ ``components`` [k] it is the sum of y^2 / ``variances``
    and of (|z|^2 - |y|^2) / ``residual``. ``components``: [D, k], orthonormal.
    """

    mean: ArrayRecord
    scale: ArrayRecord
    components: ArrayRecord
    variances: ArrayRecord
    residual: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _fits_together(self) -> DistanceRecord:
        shapes = [self.mean.shape, self.scale.shape, self.components.shape, self.variances.shape]
        if len(shapes[2]) != 2 or shapes[0] != shapes[2][:1] or shapes[1] != shapes[0] or shapes[3] != shapes[2][1:]:
            raise ValueError(f"a distance whose parts do not fit together: shapes {shapes}")
        if min(self.scale.array().min(initial=1), self.variances.array().min(initial=1)) <= 0:
            raise ValueError("a distance with a scale or a variance that is not positive")
        return self


class StatisticRecord(Part):
    """One statistic: its score function, the edges of its bins, and how many calibrated units lie in each, by group.

    ``distance``: none for the confidence (score: 1 - the largest probability) and the classes (score: the position of
    the predicted class in ``class_shares``). ``masked``: the object is left out of the surroundings; a monitor of
    images with masks has this statistic twice. ``edges``: ascending; bin i holds the scores x with
    edges[i - 1] <= x < edges[i]. ``counts``: len(edges) + 1 numbers a group.
    """

    name: StatisticName
    masked: bool = False
    distance: DistanceRecord | None = None
    edges: list[float]
    counts: dict[str, list[Annotated[int, Field(ge=0)]]]

    @model_validator(mode="after")
    def _counts_fit_the_bins(self) -> StatisticRecord:
        if any(one >= other for one, other in itertools.pairwise(self.edges)):
            raise ValueError(f"{self.name}: the edges of the bins do not ascend")
        for group, counts in self.counts.items():
            if len(counts) != len(self.edges) + 1:
                raise ValueError(f"{self.name}: {len(counts)} counts of {group!r} for {len(self.edges) + 1} bins")
        if (self.distance is not None) != (self.name in ("surroundings", "light")):
            raise ValueError(f"{self.name}: {'needs a' if self.distance is None else 'has no'} distance")
        return self


class WatchedColumn(Part):
    """A named column of the appearance, by which an alarm explains itself: its mean over the reference images, and the
    standard deviation. ``masked``: of the pixels outside of the object."""

    statistic: Literal["surroundings", "light"]
    name: str
    masked: bool = False
    mean: float
    spread: float


class ClassShare(Part):
    """How often the model predicts a class on the reference images."""

    name: str
    share: float


class OrderRecord(Part):
    """What the order of the reference images says: scores of neighbours are alike (monitoring/autocorrelation.py).

    ``lot``: how many images a lot should have; none where the images are too few to tell.
    """

    statistic: StatisticName
    p_value: float
    correlation: float
    lot: int | None


class AuditedClaim(Part):
    """A declared case of the run: its node id, text and verdict (none: not run), and what measuring it again needs.

    ``says``: the user's sentence, or one by language. ``found``: what was found and what is required, by language.
    ``kinds``: the changes under which it was audited (background, light, camera, degraded, hidden); none where it is
    about images as photographed. ``must_fail``: of a known-bad model.
    """

    node_id: str
    text: str
    says: str | dict[str, str] | None = None
    found: dict[str, str] = {}
    kinds: list[str] = []
    must_fail: bool = False
    clause: str | None = None
    verdict: CaseVerdict | None
    estimate: float | None = None
    threshold: float
    needs: list[Need] = []


class ReferencePicture(Part):
    """A small picture of a reference image. ``jpeg``: in base64."""

    sample: str
    group: str = UNGROUPED
    jpeg: str


class MonitorFile(Part):
    """What a watch was fitted to.

    ``layers``: of the model, whose mean activations are features of the surroundings. ``class_shares``: in descending
    order, which is the order that the statistic ``classes`` counts positions in; a class that was never predicted has
    share 0. ``confidence``: the mean largest probability on the reference images. ``group_by``: the rule that gave the
    reference images their groups, none where the data do. ``order``: statistics by which images that follow each other
    are alike, although each is taken for a unit of its own. ``digest``: sha256 of the file without this field; it names
    the monitor in its state and its alarms.
    """

    format: Literal["modelaudit-monitor/1"] = FORMAT
    modelaudit: str
    created: AwareDatetime
    model: MonitoredModel
    run: MonitoredRun
    reference: ReferenceImages
    promise: PromiseRecord
    unit: UnitRule
    group_by: str | None = None
    seed: int
    layers: list[LayerRecord] = []
    statistics: list[StatisticRecord]
    columns: list[WatchedColumn]
    class_shares: list[ClassShare]
    confidence: float
    order: list[OrderRecord] = []
    claims: list[AuditedClaim]
    pictures: list[ReferencePicture] = []
    digest: str = ""

    def statistic(self, name: StatisticName, *, masked: bool = False) -> StatisticRecord:
        """The statistic of that name; `masked` chooses between the two of the surroundings.

        Raises:
            MonitorError: the monitor was fitted to images without masks.
        """
        wanted = masked and name == "surroundings"
        for one in self.statistics:
            if (one.name, one.masked) == (name, wanted):
                return one
        raise MonitorError(
            f"this monitor was fitted to images without masks ({self.reference.data}), so the surroundings cannot be "
            "watched without the object; watch whole images, or fit it to images that have masks"
        )

    def sealed(self) -> MonitorFile:
        """The same with its digest."""
        return self.model_copy(update={"digest": _digest(self)})

    @model_validator(mode="after")
    def _has_each_statistic(self) -> MonitorFile:
        names = [(one.name, one.masked) for one in self.statistics]
        wanted = {(name, False) for name in STATISTICS}
        if self.reference.masked:
            wanted.add(("surroundings", True))
        if len(names) != len(wanted) or set(names) != wanted:
            raise ValueError("must have each statistic once, and with masks the surroundings twice")
        if any(set(one.counts) != set(self.reference.groups) for one in self.statistics):
            raise ValueError("every statistic must have the counts of every group")
        return self


def write_monitor(monitor: MonitorFile, file: Path) -> MonitorFile:
    """Write a monitor with its digest, the whole of it or nothing; returns what was written.

    Raises:
        MonitorError: the file cannot be written.
    """
    sealed = monitor.sealed()
    draft = file.with_name(f".{file.name}.draft")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(sealed.model_dump_json(indent=1) + "\n", encoding="utf-8")
        draft.replace(file)
    except OSError as error:
        raise MonitorError(f"{file}: cannot be written ({error.strerror}); choose another file with -o") from error
    return sealed


def read_monitor(file: Path) -> MonitorFile:
    """The monitor of a file.

    Raises:
        MonitorError: it cannot be read, is not a monitor, is of another format, or was changed since it was written.
    """

    def check(document: Any) -> None:
        found = document.get("format") if isinstance(document, dict) else None
        if found != FORMAT:
            raise MonitorError(
                f"{file}: not a monitor of the format {FORMAT}"
                + (f", but {found!r}" if isinstance(found, str) else "")
                + "; make one with modelaudit watch fit RUN"
            )

    way_out = f"make one with modelaudit watch fit RUN -o {MONITOR_NAME}"
    monitor = read_json_record(file, MonitorFile, MonitorError, called="a monitor", way_out=way_out, check=check)
    if monitor.digest != _digest(monitor):
        raise MonitorError(
            f"{file}: was changed since it was written: its content does not fit its digest {monitor.digest[:12]!r}; "
            "restore it, or fit it again with modelaudit watch fit"
        )
    return monitor


def _digest(monitor: MonitorFile) -> str:
    return hashlib.sha256(monitor.model_dump_json(exclude={"digest"}).encode()).hexdigest()


def json_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of ``monitor.json``."""
    schema = MonitorFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "modelaudit monitor"}
