"""Models, data and per-image values in the run record."""

from __future__ import annotations

from typing import Literal

from ..language.scores import Scores
from .part import Part


class LayerRecord(Part):
    """The spatial layer that maps were read off.

    ``layout`` is their order in memory, ``prefix`` the tokens before the spatial ones, and ``side`` whether they
    are the module's output or its input.
    """

    name: str
    channels: int
    height: int
    width: int
    layout: Literal["NCHW", "NHWC", "tokens"] = "NCHW"
    prefix: int = 0
    side: Literal["output", "input"] = "output"


class CropRecord(Part):
    """The share of the objects that a model's crop cuts off: on average, and at worst on the sample `worst`.

    ``below``: images that keep less than `limit` of their object; where masks are needed they have no value.
    """

    mean_lost: float
    worst_lost: float
    worst: str
    limit: float
    below: int


class ScoresRecord(Part):
    """What a model's outputs are, and what of them is read.

    ``output``: the one of several that holds them. ``activation``: the function at the model's end; what stands before
    it is read. ``probabilities``: without that, their logarithm is taken ("together") or log(p / (1 - p)) ("each").
    ``threshold``: the probability from which on a multilabel model has found a label.
    """

    kind: Scores
    output: str | None = None
    activation: Literal["softmax", "log_softmax", "sigmoid"] | None = None
    probabilities: Literal["together", "each"] | None = None
    threshold: float | None = None


class ModelRecord(Part):
    """A model as it was run. ``key`` is what cases and columns refer to.

    ``precision`` is what its passes ran in, ``micro_batch`` how many images a pass had.
    """

    key: str
    names: list[str]
    reference: str
    architecture: str
    parameters: int
    outputs: int
    classes: list[str] | None
    preprocessing: dict[str, object]
    fingerprint: str
    probe_digest: str
    spatial_layer: LayerRecord | None = None
    precision: str = "float32"
    micro_batch: int | None = None
    crop: CropRecord | None = None
    scores: ScoresRecord | None = None
    notes: list[str] = []


class Unusable(Part):
    sample: str
    reason: str
    message: str


class DataRecord(Part):
    """A data set as it was read; ``images`` were asked for, of ``available``.

    ``without_object``: how many of them are declared to have no object, by label. ``seed`` of every draw,
    ``object_kept``, ``pools`` (references alone) and ``label_classes`` (what the audit says its labels mean): what is
    needed to measure again; none in older records.
    """

    key: str
    reference: str
    available: int
    images: int
    labels: dict[str, int]
    groups: dict[str, int] = {}
    clusters: dict[str, int] = {}
    mask_kinds: dict[str, int]
    fingerprint: str | None
    root: str | None = None
    notes: list[str] = []
    unusable: list[Unusable] = []
    without_object: dict[str, int] = {}
    seed: int | None = None
    object_kept: float | None = None
    pools: dict[str, str] = {}
    label_classes: dict[str, list[str | int]] | None = None


class SampleRecord(Part):
    """A sample. ``cluster``: of the data. ``copy_of``: the first image that is the same picture, itself included.

    ``image``, ``mask``: the sha256 of its file's bytes and of its mask's values as hexadecimal digits, so that another
    run can be compared image by image; none in older records. Of a sample that cannot be used ``image`` is
    "unusable:<reason>".
    """

    id: str
    label: str
    group: str | None = None
    object_area: float | None = None
    columns: dict[str, str] = {}
    cluster: str | None = None
    copy_of: str | None = None
    image: str | None = None
    mask: str | None = None


class ColumnRecord(Part):
    """Per-image values in the order of the table's samples; null where `missing` gives the reason by position.

    ``low``, ``high``: the measure's range, None if it has no bound. ``steps``: how much work each image got, by
    position, where that is not the same for all (the steps of
    ``integrated_gradients(steps="auto")``, the backgrounds that were tried by ``adversarial_background_rate``).
    ``long_form``: measure and context with every field and the versions of their definitions: two columns are of the
    same quantity where these are equal; none in older records.
    """

    measure: str
    model: str
    scale: Literal["proportion", "mean"]
    values: list[float | None]
    missing: dict[int, str] = {}
    low: float | None = 0.0
    high: float | None = 1.0
    steps: dict[int, int] = {}
    long_form: str | None = None


class ClassOrderRecord(Part):
    """What is odd about a model's answers on the original images, with the names of labels and classes.

    ``right`` of ``images`` answers are right, and ``chance`` is the share that would be if they were dealt out at
    random; ``below_chance``: far below that. ``never``: labels that are never the answer. ``moved``: labels that
    another order of the classes explains, each with the class answered for it; ``explained`` answers would be right in
    that order, and ``classes`` are its names, empty where it is not a list that can be written down.
    """

    images: int
    right: int
    chance: float
    below_chance: bool
    never: list[str] = []
    moved: list[tuple[str, str]] = []
    explained: int = 0
    classes: list[str] = []


class ViewRecord(Part):
    """The samples as one model sees them: the index of each one's class, and its object's share of the valid pixels.

    ``predicted``: the class predicted on each original image, -1 where that means none of the labels, null where there
    is none; empty where the model did not see the originals, and in older records. ``class_order``: what is odd about
    them, None if nothing is.
    """

    model: str
    indices: list[int]
    areas: list[float | None]
    predicted: list[int | None] = []
    class_order: ClassOrderRecord | None = None


class TableRecord(Part):
    """Per-image values of one data set, and what else bounds follow from.

    ``donors``: by "model|context", who lent each sample its background; ``donor_contents``: the sha256 of what each of
    these images was decoded from, by its id, none in older records. ``pictures``: by context, the digests of the
    pictures that the data keep and that it shows. ``labels``: those of the whole data, whatever was
    looked at. ``available``: of how many images those of an audit that may stop early were the first; else none.
    """

    data: str
    samples: list[SampleRecord]
    columns: list[ColumnRecord]
    donors: dict[str, list[str | None]] = {}
    donor_contents: dict[str, str] = {}
    pictures: dict[str, list[str | None]] = {}
    views: list[ViewRecord] = []
    labels: list[str] = []
    available: int | None = None
