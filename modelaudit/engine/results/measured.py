"""What a group's measurement leaves behind: plain data, which goes between processes as JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, PrivateAttr

from ...language.reasons import Missing
from ...language.sample_columns import SampleColumns
from ...language.scores import Scores
from ...language.text_column import TextColumn, column_of_texts
from ...statistics import Clustering
from ...statistics.clusters import clusterings_of
from .checks import Sanity, Sensitivity
from .counterexamples import Counterexample, ReplayFacts, SearchFacts

#: shares are known in so many steps, whether they were measured just now or in an earlier run
_SHARES = 0xFFFE


def as_values(values: Iterable[float | None]) -> NDArray[np.float64]:
    """Values of JSON as an array."""
    array = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    array.flags.writeable = False
    return array


def listed(values: NDArray[np.float64]) -> list[float | None]:
    """Values as JSON has them: None if there is none."""
    return [None if np.isnan(value) else value for value in values.tolist()]


#: [n] float64 and read-only, NaN where there is no value; in JSON a list with null there
Values = Annotated[NDArray[np.float64], BeforeValidator(as_values), PlainSerializer(listed)]


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


class ImageFacts(NamedTuple):
    """The facts of an image under a context, in a model's geometry.

    ``area``: the object's share of the valid pixels, NaN without a mask. ``kept``: the share of the object that the
    model's crop left, in steps of 1/65534, NaN where there is none. ``changed``: whether the context changed any pixel.
    ``without_mask``: it needs a mask and there is none. ``cropped``: less of the object is left than the audit allows.
    ``absent``: why the data keep no picture to show, where they should.
    """

    height: int
    width: int
    area: float
    kept: float
    changed: bool
    impossible: bool
    without_mask: bool
    cropped: bool
    absent: Missing | None


def rounded_share(share: float) -> float:
    """A share in [0, 1] as the store keeps it; NaN stays NaN."""
    return share if np.isnan(share) else round(share * _SHARES) / _SHARES


#: the ninth of a picture that holds the most of its heat; "spread" where none holds much more than the others
HeatAt = Literal[
    "top_left",
    "top_centre",
    "top_right",
    "middle_left",
    "middle_centre",
    "middle_right",
    "bottom_left",
    "bottom_centre",
    "bottom_right",
    "spread",
]


class KeptPicture(_Plain):
    """One kept picture; files are relative to the run's folder. `right`: whether the prediction is the label's.

    Of an attribution ``file`` is the image that its ``map`` is laid over. ``outline`` of the object in an image,
    ``contours`` round the smallest regions that hold 25, 50 and 75 % of a map: paths in a square of 1000 x 1000.
    ``share_on_object``: of the map's positive part on valid pixels. ``heat_at``: where the most of it is.
    """

    kind: Literal["original", "context", "attribution"]
    context: str | None
    method: str | None
    model: str
    prediction: str | None
    probability: float | None
    right: bool | None = None
    file: str
    map: str | None = None
    outline: str | None = None
    contours: list[str] = []
    share_on_object: float | None = None
    heat_at: HeatAt | None = None


class KeptImage(_Plain):
    """One kept image of a case, for the report or for review.

    `object_area` is the object's share of the valid pixels, None without a mask.
    """

    rank: Literal["worst", "typical", "best", "random", "newly_wrong"]
    sample: str
    label: str
    value: float
    object_area: float | None
    pictures: list[KeptPicture]


class MeasuredSample(_Plain):
    """A sample that was asked for.

    ``columns``: the attributes that a stratum of the group, or the agreement, names. ``copy_of``: the first, by id, of
    the images that are the same picture (itself, where it is that one); None if no other image is. ``image``, ``mask``:
    the digests of both (:class:`~modelaudit.data.base.DigestParts`), "unusable:<reason>" where it cannot be used.
    """

    id: str
    label: str
    group: str | None
    columns: dict[str, str] = {}
    cluster: str | None = None
    copy_of: str | None = None
    image: str | None = None
    mask: str | None = None


class MeasuredSamples(SampleColumns[MeasuredSample]):
    """The samples that were asked for, as columns."""

    make = MeasuredSample
    texts = ("id", "label", "group", "cluster", "copy_of", "image", "mask")


def as_measured_samples(samples: Any) -> Any:
    """Samples, or the fields of each, as columns."""
    if isinstance(samples, MeasuredSamples) or not isinstance(samples, Sequence) or isinstance(samples, str | bytes):
        return samples
    return MeasuredSamples.of(
        [one if isinstance(one, MeasuredSample) else MeasuredSample.model_validate(one) for one in samples]
    )


#: [n] samples as columns; in JSON a list of them
Samples = Annotated[MeasuredSamples, BeforeValidator(as_measured_samples), PlainSerializer(list)]


class LayerFacts(_Plain):
    """The spatial layer that maps were read off, as :class:`~modelaudit.language.spatial.SpatialLayer`."""

    name: str
    channels: int
    height: int
    width: int
    layout: Literal["NCHW", "NHWC", "tokens"] = "NCHW"
    prefix: int = 0
    side: Literal["output", "input"] = "output"


class CropFacts(_Plain):
    """The share of the objects that a model's crop cuts off: on average, and at worst on the sample `worst`.

    ``below``: images that keep less than `limit` of their object.
    """

    mean_lost: float
    worst_lost: float
    worst: str
    limit: float
    below: int


class ScoreFacts(_Plain):
    """What a model's outputs are, and what of them is read: see :class:`~modelaudit.models.score_reading.ScoreReading`.

    ``threshold``: of a multilabel model.
    """

    kind: Scores
    output: str | None = None
    activation: Literal["softmax", "log_softmax", "sigmoid"] | None = None
    probabilities: Literal["together", "each"] | None = None
    threshold: float | None = None


class MeasuredModel(_Plain):
    """A model as it was run, and per-sample facts that depend on it: the label's index, the object's area share, and
    the class predicted on the original image (-1: outputs that mean no label); None if it did not see the originals.

    ``deterministic``: False for a black box that says that the same image may get other scores.
    """

    key: str
    reference: str
    architecture: str
    parameters: int
    outputs: int
    classes: list[str] | None
    preprocessing: dict[str, object]
    fingerprint: str
    probe_digest: str
    layer: LayerFacts | None = None
    precision: str = "float32"
    micro_batch: int = 1
    notes: list[str] = []
    scores: ScoreFacts | None = None
    deterministic: bool = True
    indices: list[int] = []
    areas: list[float | None] = []
    predicted: list[int | None] = []
    crop: CropFacts | None = None

    def index_array(self) -> NDArray[np.int64]:
        """[n]: the index of each label."""
        return np.array(self.indices, dtype=np.int64)

    def area_array(self) -> NDArray[np.float64]:
        """[n]: the object's share of the valid pixels, NaN where there is no mask."""
        return np.array(self.areas, dtype=np.float64)


class MeasuredColumn(_Plain):
    """A measure under a context by one model: a value for each image, and the reason where one is missing, by position.

    ``low``, ``high``: the measure's range, None if it has no bound. ``steps``: how much work each image got, by
    position, where the method chooses that itself. ``long_form``: measure and context with every field, and the
    versions of their definitions (:func:`~modelaudit.engine.store.keys.long_column_text`).
    """

    model: str
    key: str
    scale: Literal["proportion", "mean"]
    values: Values
    missing: dict[int, Missing]
    low: float | None = 0.0
    high: float | None = 1.0
    steps: dict[int, int] = {}
    long_form: str | None = None

    def __eq__(self, other: object) -> bool:
        """Equal in every field; values that are missing on both sides are equal."""
        if not isinstance(other, MeasuredColumn):
            return NotImplemented
        mine, others = ({**dict(column), "values": None} for column in (self, other))
        return mine == others and np.array_equal(self.values, other.values, equal_nan=True)


class PassDonors(_Plain):
    """The donor of each image's background in one (model, context), None if it has none."""

    model: str
    context: str
    donors: list[str | None]


class RerunData(_Plain):
    """An audit with something else about it (an ``Intervention``), on some of its images.

    Columns have one value a position; those that the variant cannot change are missing, and are the audit's own.
    """

    variant: str
    positions: list[int]
    columns: list[MeasuredColumn]
    failures: dict[str, str] = {}


class MeasuredData(_Plain):
    """A data set as it was read; `labels` and `groups` are those of all its samples, whatever the run's limit is.

    ``columns``: the names of all. ``values``: what stands in those that strata name, of each at most one more than
    divide the images (:data:`~modelaudit.engine.results.divided.MOST`). ``without_object``: the labels whose images
    are declared to have no object. ``root``: of the Merkle tree over the samples that were looked at. ``seed`` of every
    draw, ``object_kept``, ``pools`` (references alone) and ``label_classes``: as the audit has them.
    """

    key: str
    reference: str
    available: int
    labels: list[str]
    mask_kinds: dict[str, int]
    fingerprint: str | None
    notes: list[str]
    root: str | None = None
    unusable: dict[str, tuple[Missing, str]] = {}
    groups: list[str] = []
    columns: list[str] = []
    values: dict[str, list[str]] = {}
    without_object: list[str] = []
    seed: int | None = None
    object_kept: float | None = None
    pools: dict[str, str] = {}
    label_classes: dict[str, list[str | int]] | None = None


class PassCounts(_Plain):
    """Images decoded, and images through the models: padding included, the models' own probes not.

    ``values``: in the columns, of which ``stored`` came from the store, or were read off logits that did.
    ``tried``: images through the models to try whether they are functions of their image; not in `forward`.
    ``seconds``: of the clock, while images were measured; opening data and models and drawing pictures are not in it.
    """

    decoded: int = 0
    forward: int = 0
    backward: int = 0
    tried: int = 0
    seconds: float = 0.0
    values: int = 0
    stored: int = 0


class Measured(_Plain):
    """Everything that one group's measurement found out.

    ``failures`` holds what could not be measured at all, by "data", "model:<key>" or "<model key>|<column key>".
    ``variants``: what checks measured again. ``sizes``: (height, width) of what each model sees. ``shown``: of passes
    whose context takes donors, ``donor_contents``: of them, by id. ``pictures``: by context, the digests of the
    pictures that the data keep and that it shows. ``sensitivity``: by case. ``agreement``: of maps, by
    "<model key>|<context>|<method>|<method>": mean rank correlation, mean IoU of the top pixels, images. ``looks``: of
    an audit that may stop early; its samples are those looked at, in their order. ``galleries``, ``reviews``: the kept
    images by case, the latter of those that people review.
    ``checked``: whether the audit was itself audited, ``radius``: how far masks were moved. ``counterexamples``,
    ``searches``: what searches for the smallest change found, ``replays``: what came of the stored cases.
    """

    group: str
    data: MeasuredData | None
    samples: Samples
    models: list[MeasuredModel]
    columns: list[MeasuredColumn]
    galleries: dict[str, list[KeptImage]]
    failures: dict[str, str]
    passes: PassCounts
    reviews: dict[str, list[KeptImage]] = {}
    shown: list[PassDonors] = []
    donor_contents: dict[str, str] = {}
    pictures: dict[str, list[str | None]] = {}
    variants: list[RerunData] = []
    sizes: dict[str, tuple[int, int]] = {}
    sanity: list[Sanity] = []
    sensitivity: dict[str, Sensitivity] = {}
    agreement: dict[str, tuple[float | None, float | None, int]] = {}
    looks: int | None = None
    radius: float = 0.01
    checked: bool = False
    counterexamples: list[Counterexample] = []
    searches: list[SearchFacts] = []
    replays: list[ReplayFacts] = []
    _orders: NDArray[np.uint64] | None = PrivateAttr(default=None)
    _clusterings: dict[tuple[str, str], tuple[Clustering, ...]] | None = PrivateAttr(default=None)

    def orders(self) -> NDArray[np.uint64]:
        """[n]: what orders images of equal value (``orders_of``); made once."""
        if self._orders is None:
            self._orders = orders_of(self.texts("id"))
        return self._orders

    def texts(self, field: str) -> TextColumn:
        """[n]: a field of text of each sample."""
        return column_of_texts(self.samples, field)

    def clusterings(self, model: str, context: str) -> tuple[Clustering, ...]:
        """Clusters of the data, donors of a model's images under a context, and copies of one picture; made once."""
        made = self._clusterings = {} if self._clusterings is None else self._clusterings
        if (model, context) not in made:
            donors = next((one.donors for one in self.shown if (one.model, one.context) == (model, context)), ())
            made[model, context] = clusterings_of(self.samples, donors)
        return made[model, context]


def tie_break(sample: str) -> str:
    """What orders images of equal value: nothing that has to do with their place in the data."""
    return hashlib.sha256(sample.encode()).hexdigest()


def orders_of(samples: Iterable[str | None]) -> NDArray[np.uint64]:
    """The beginning of :func:`tie_break` as numbers of the same order."""
    starts = [int.from_bytes(hashlib.sha256((sample or "").encode()).digest()[:8], "big") for sample in samples]
    return np.array(starts, dtype=np.uint64)
