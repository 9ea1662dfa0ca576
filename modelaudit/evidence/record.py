"""The run record: the versioned JSON that holds everything a run measured. Every report is a pure function of it.

Pictures are in the same folder (``images/<sha256>.<ext>``), and it names them. A field may be added within one
``schema_version``; one that is renamed, removed or changes its meaning raises it.
"""

from __future__ import annotations

import hashlib
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..engine.results.checks import CheckResults, Sanity
from ..engine.results.checks import Sensitivity as Sensitivity
from ..engine.results.measured import HeatAt
from ..engine.results.settings import make_run_folder
from ..language.audit_arguments import Importance
from ..language.errors import ResultsError
from ..language.json_file import json_of
from ..language.plain_text import quoted_lines
from ..language.regular_files import read_file
from ..language.scores import Scores
from .about import About as About
from .agreed import AgreedCosts as AgreedCosts
from .agreed import AgreementRecord as AgreementRecord
from .agreed import DomainAttribute as DomainAttribute
from .agreed import DomainCoverage as DomainCoverage
from .agreed import DomainStanding as DomainStanding
from .agreed import DomainValue as DomainValue
from .agreed import UnmetTerm as UnmetTerm
from .states import AbsentBy, CaseVerdict, RunState, Standing

SCHEMA_VERSION = 2
RECORD_NAME = "run.json"

VerdictName = CaseVerdict


#: what makes a verdict weaker than the tool's own terms would have it
Weakening = Literal[
    "checks_off", "checks_off_run", "checks_left_out", "these_clusters", "not_deterministic", "tolerated"
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PhraseRecord(_Part):
    """How a name reads in one language: see :class:`modelaudit.language.wording.Phrase`, its arguments filled in."""

    label: str
    clause: str = ""
    detail: str = ""


#: by language
Phrases = dict[str, PhraseRecord]


class WordingRecord(_Part):
    """The words that declarations have for what a case names: contexts and measures by their texts, methods by name (by
    their text where the words depend on the arguments).

    What is not here, as in older records, reads as its text.
    """

    contexts: dict[str, Phrases] = {}
    methods: dict[str, Phrases] = {}
    measures: dict[str, Phrases] = {}


class ContextNode(_Part):
    """One context of a composition: its name, its family and every argument, the defaults too."""

    name: str
    family: str
    arguments: dict[str, str | float | int | bool | None]
    text: str


class DoseNode(_Part):
    """One dose of a series and the contexts that it makes."""

    dose: float
    contexts: list[ContextNode]


class NumberNode(_Part):
    kind: Literal["number"] = "number"
    value: float


class MeasureNode(_Part):
    """A measure with its refinements; ``contexts`` is empty on original images.

    ``doses``: the measure is a curve; its contexts at each dose, of which one has no single strength in ``contexts``.
    ``specs``: the measure by each method alone, as columns are named by it. ``under``: the context's text.
    ``percent``: its mean is shown in per cent although it is not a proportion.
    """

    kind: Literal["measure"] = "measure"
    measure: str
    methods: list[str]
    target: str | None = None
    scale: Literal["proportion", "mean"]
    better: Literal["low", "high"]
    percent: bool = False
    contexts: list[ContextNode]
    doses: list[DoseNode] = []
    model: str | None
    stratum: str | None
    text: str
    specs: list[str] = []
    under: str | None = None


class ArithmeticNode(_Part):
    kind: Literal["arithmetic"] = "arithmetic"
    op: Literal["+", "-", "*", "/"]
    left: Node
    right: Node


class CurveNode(_Part):
    """The slope of a curve over doses, or its mean height (``area``)."""

    kind: Literal["curve"] = "curve"
    functional: Literal["slope", "area"]
    of: Node
    text: str


class CompositeNode(_Part):
    """A number of several measures by its name, with its arguments; ``of`` is what it measures.

    ``curve``: it is under a series, so that it must hold at every dose.
    """

    kind: Literal["composite"] = "composite"
    name: str
    arguments: dict[str, str | float | int | bool | None]
    of: list[MeasureNode]
    curve: bool = False
    text: str


class ExtremeNode(_Part):
    """What a composite stands for where four operators cannot say it: the least of parts, or the larger in size."""

    kind: Literal["extreme"] = "extreme"
    of: Literal["minimum", "larger"]
    parts: list[Node]
    names: list[str] = []
    low: float | None = None
    high: float | None = None


Node = Annotated[
    NumberNode | MeasureNode | ArithmeticNode | CurveNode | CompositeNode | ExtremeNode, Field(discriminator="kind")
]
for _named in (ArithmeticNode, CurveNode, ExtremeNode):
    _named.model_rebuild()  # now that the name is defined: pydantic would look for it where the first one is made


class CountsRecord(_Part):
    """asked = measured + undefined + errored, in images.

    ``without_object``: further images, which are declared to have no object and do not count among those asked for.
    """

    asked: int
    measured: int
    undefined: int
    errored: int
    by_reason: dict[str, int] = {}
    without_object: int = 0


class PointRecord(_Part):
    """A curve at one dose, with its one-sided bounds."""

    dose: float
    estimate: float | None
    lower: float | None
    upper: float | None


class DecisionRecord(_Part):
    """See :class:`modelaudit.statistics.verdict.Decision`; lower and upper are one-sided bounds at `confidence`."""

    verdict: VerdictName
    reason: str | None
    estimate: float | None
    lower: float | None
    upper: float | None
    confidence: float
    rule: str
    guaranteed: bool
    counts: CountsRecord
    more_images: int | None = None
    method: str | None = None
    dose: float | None = None
    curve: list[PointRecord] = []
    parts: list[DecisionRecord] = []
    note: str = ""
    group: str | None = None
    p: float | None = None


#: closed lines of whole numbers, and nothing else that an SVG path may hold
SvgPath = Annotated[str, Field(pattern=r"^[Mlz0-9 -]*$")]


class Panel(_Part):
    """One picture of a gallery row.

    ``original`` and ``context`` show the image as the model saw it, ``attribution`` the heat map over it.
    ``right``: whether the prediction means the image's label; none where nothing was predicted, and in older records.
    ``file`` is relative to the record and has square pixels; its side is at most 224.
    ``map``: the heat map alone, a PNG that lets through what is under it, to be laid over ``file`` in the same frame;
    none in older records, whose ``file`` of an attribution has map and image in one.
    ``outline``: of the object in an image. ``contours``: round the smallest regions that hold 25, 50 and 75 % of the
    map (slightly smoothed). Both are SVG paths in a square of 1000 x 1000, the picture in its middle.
    ``share_on_object``: the part of the map's positive values that is on the object; none without a mask or a positive
    value. ``heat_at``: the ninth of the picture that holds the most of them.
    """

    kind: Literal["original", "context", "attribution"]
    context: str | None = None
    method: str | None = None
    model: str
    prediction: str | None
    probability: float | None
    right: bool | None = None
    file: str
    map: str | None = None
    outline: SvgPath | None = None
    contours: list[SvgPath] = []
    share_on_object: Annotated[float, Field(ge=0, le=1)] | None = None
    heat_at: HeatAt | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """Every picture that it is made of."""
        return (self.file,) if self.map is None else (self.file, self.map)


class GalleryRow(_Part):
    """One image of a case: the worst for the expectation, a typical one, or the best.

    ``object_area`` is the object's share of the valid pixels as the model saw it; none without a mask.
    """

    rank: Literal["worst", "typical", "best"]
    sample: str
    label: str
    value: float
    object_area: float | None = None
    panels: list[Panel]


class ImageValue(_Part):
    sample: str
    value: float | None
    missing: str | None = None


class Absence(_Part):
    """Why a declared case is not counted.

    ``by``: "selection" where the arguments that the user typed leave it out (or stop the run before it), "skip" and
    "xfail" as pytest means them, "error" where its file could not be collected, "removed" where a conftest, a plugin,
    or an option that nobody typed left it out, "interrupted" where the run ended before it.
    """

    by: AbsentBy
    why: str


class AbsentFile(_Part):
    """An audit file below the folders of the run whose expectations are not known, and why; see :class:`Absence`."""

    file: str
    by: AbsentBy
    why: str


#: before the end of a waiver its readers are warned for so long
WAIVER_WARNING = timedelta(days=30)
WaiverState = Literal["in_force", "ends_soon", "expired", "not_yet", "unsigned"]


class WaiverRecord(_Part):
    """The exception for an expectation: whose it is, why, and from when to when (with time zones).

    It is kept also where it does not cover the verdict, because it is not in force, for example. ``errors``: it covers
    an ERROR too. Under a lock ``signed_by`` is the party that the lock names, which signed it, or else ``lacks`` says
    what is missing: its signature, or a party with a key in the lock ("signer").
    """

    owner: str
    reason: str
    issued: AwareDatetime
    expires: AwareDatetime
    errors: bool = False
    signed_by: str | None = None
    lacks: Literal["signature", "signer"] | None = None

    def covers(self, verdict: CaseVerdict | None, at: datetime) -> bool:
        """Whether it counts, is in force `at` that moment, and is for that verdict."""
        in_force = self.state(at) in ("in_force", "ends_soon")
        return in_force and (verdict != "ERROR" or self.errors)

    def state(self, at: datetime) -> WaiverState:
        """Whether it counts `at` that moment, or why not."""
        if self.expires <= at:
            return "expired"
        if self.lacks is not None:
            return "unsigned"
        if at < self.issued:
            return "not_yet"
        return "ends_soon" if self.expires - at <= WAIVER_WARNING else "in_force"


class CaseRecord(_Part):
    """One audit case and how it ended.

    ``verdict``: none where the case was not run. ``standing``: whether the verdict counts for the run (states.py);
    where it does not, its ``importance``, its ``waiver`` or its ``absence`` says why. ``outcome`` is what pytest made
    of it (a known-bad model that is caught has verdict FAIL and outcome passed). ``known_bad``: the models that must be
    caught, by name. ``says``: the user's sentence, or one by language. ``weakened``: by what the verdict is weaker than
    it would be by default. ``model_names``: the models by the names that the expectation has for them, "" for the only
    one. ``formula``: the left side with its composites written out, over the groups that there are; none where it has
    none. ``wording``: how what it names reads. ``without_object``: the labels whose images are declared to have no
    object; these images leave the case where it ``needs_masks``. ``stated_models``: the models that it is stated of, as
    readers know them, also where none was loaded; empty in older records.
    """

    id: str
    name: str
    file: str
    line: int | None
    clause: str | None
    says: str | dict[str, str] | None
    expectation: str
    long_form: str
    fingerprint: str
    left: Node
    op: Literal["<", "<=", ">", ">="]
    threshold: float
    confidence: float
    about: Literal["process", "this_set"]
    bounds: Literal["approximate", "guaranteed"] = "approximate"
    claim: Literal["these_clusters"] | None = None
    without_object: list[str] = []
    needs_masks: bool = False
    must_fail: bool
    importance: Importance = "major"
    waiver: WaiverRecord | None = None
    known_bad: list[str] = []
    wording: WordingRecord = WordingRecord()
    verdict: VerdictName | None
    standing: Standing
    absence: Absence | None = None
    weakened: list[Weakening] = []
    reason: str | None = None
    outcome: Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed", "warned", "quick_look", "not_run"]
    message: str = ""
    decision: DecisionRecord | None = None
    models: list[str] = []
    model_names: dict[str, str] = {}
    stated_models: list[str] = []
    formula: Node | None = None
    data: str | None = None
    worst: list[ImageValue] = []
    gallery: list[GalleryRow] = []
    reproduce: str = ""
    duration_s: float | None = None
    checks: CheckResults | None = None

    @model_validator(mode="after")
    def _standing_fits_the_verdict(self) -> CaseRecord:
        if (self.verdict is None) != (self.standing == "not_run"):
            raise ValueError(f"{self.id}: the standing {self.standing!r} does not fit the verdict {self.verdict}")
        if self.standing in ("counted", "advisory", "waived") and self.absence is not None:
            raise ValueError(f"{self.id}: is {self.standing}, and says why it is missing: {self.absence.why}")
        if self.standing == "waived" and self.waiver is None:
            raise ValueError(f"{self.id}: is waived, and by no waiver")
        return self


class LayerRecord(_Part):
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


class CropRecord(_Part):
    """The share of the objects that a model's crop cuts off: on average, and at worst on the sample `worst`.

    ``below``: images that keep less than `limit` of their object; where masks are needed they have no value.
    """

    mean_lost: float
    worst_lost: float
    worst: str
    limit: float
    below: int


class ScoresRecord(_Part):
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


class ModelRecord(_Part):
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


class Unusable(_Part):
    sample: str
    reason: str
    message: str


class DataRecord(_Part):
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


class SampleRecord(_Part):
    """A sample. ``cluster``: of the data. ``copy_of``: the first image that is the same picture, itself included."""

    id: str
    label: str
    group: str | None = None
    object_area: float | None = None
    columns: dict[str, str] = {}
    cluster: str | None = None
    copy_of: str | None = None


class ColumnRecord(_Part):
    """Per-image values in the order of the table's samples; null where `missing` gives the reason by position.

    ``low``, ``high``: the measure's range, none where it has no bound. ``steps``: how much work each image got, by
    position, where that is not the same for all (the steps of
    ``integrated_gradients(steps="auto")``, the backgrounds that were tried by ``adversarial_background_rate``).
    """

    measure: str
    model: str
    scale: Literal["proportion", "mean"]
    values: list[float | None]
    missing: dict[int, str] = {}
    low: float | None = 0.0
    high: float | None = 1.0
    steps: dict[int, int] = {}


class ClassOrderRecord(_Part):
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


class ViewRecord(_Part):
    """The samples as one model sees them: the index of each one's class, and its object's share of the valid pixels.

    ``predicted``: the class predicted on each original image, -1 where that means none of the labels, null where there
    is none; empty where the model did not see the originals, and in older records. ``class_order``: what is odd about
    them, none where nothing is.
    """

    model: str
    indices: list[int]
    areas: list[float | None]
    predicted: list[int | None] = []
    class_order: ClassOrderRecord | None = None


class TableRecord(_Part):
    """Per-image values of one data set, and what else bounds follow from.

    ``donors``: by "model|context", who lent each sample its background. ``labels``: those of the whole data, whatever
    was looked at. ``available``: of how many images those of an audit that may stop early were the first; else none.
    """

    data: str
    samples: list[SampleRecord]
    columns: list[ColumnRecord]
    donors: dict[str, list[str | None]] = {}
    views: list[ViewRecord] = []
    labels: list[str] = []
    available: int | None = None


class MatrixContext(_Part):
    """One column of a matrix: the key of its values, and its contexts; none on original images."""

    key: str
    contexts: list[ContextNode]


class MatrixCell(_Part):
    """The images of a label under the context of that number: how many have a value, how many none, and their mean.

    ``lower`` and ``upper`` are one-sided bounds of the mean, each at the matrix's confidence; none where no rule gives
    them. ``few``: a bound is further from the mean than a tenth of the measure's range, or there is none and fewer
    than 29 images. ``clusters``: how many clusters or donors there are, where several images share one, and ``scarce``
    is what is fewest: clusters of the data, donors of backgrounds, or different pictures; none in older records.
    """

    label: str
    context: int
    n: int
    missing: int = 0
    mean: float | None
    lower: float | None = None
    upper: float | None = None
    few: bool = False
    clusters: int | None = None
    scarce: Literal["cluster", "donor", "copies"] | None = None


class MatrixRecord(_Part):
    """A measure of a model by label and context: the worst labels, and the worst contexts besides the original.

    ``measure`` is written without context. ``low`` and ``high``: its range. ``stopped``: the audit stopped early, which
    the bounds do not allow for. The rest is counted in ``labels_left_out`` and ``contexts_left_out``.
    """

    data: str
    model: str
    measure: MeasureNode
    low: float | None
    high: float | None
    confidence: float
    contexts: list[MatrixContext]
    cells: list[MatrixCell]
    stopped: bool = False
    labels_left_out: int = 0
    contexts_left_out: int = 0


class WantedImages(_Part):
    """A label that needs more images, and the cell that shows it.

    ``rule``: "threshold", where the bounds of the cell contain the threshold of an expectation on this measure and
    context (then ``op`` and ``threshold``), or "width", where a bound is too far from the mean. ``more``: images.
    ``decides``: the undecided expectations with this threshold, which lack images, by name.
    """

    data: str
    model: str
    measure: MeasureNode
    contexts: list[ContextNode]
    cell: MatrixCell
    rule: Literal["threshold", "width"]
    op: Literal["<", "<=", ">", ">="] | None = None
    threshold: float | None = None
    more: int
    decides: list[str] = []


class ConfusionColumn(_Part):
    """What the images of a column are called: a class by its name, one of `classes` others, or none of the labels."""

    kind: Literal["class", "others", "none"]
    name: str | None = None
    classes: int = 1


class ConfusionRow(_Part):
    """A label: how many of its images have a prediction, and how many have none."""

    label: str
    n: int
    missing: int = 0


class ConfusionCell(_Part):
    """How many images of a label are called what the column of that number says, and their share of the row.

    ``lower`` and ``upper`` are one-sided bounds of the share, each at the table's confidence; none where no rule gives
    them. ``right``: the column is the label's own class. ``clusters``: as in a matrix.
    """

    label: str
    column: int
    n: int
    share: float | None
    lower: float | None = None
    upper: float | None = None
    right: bool
    clusters: int | None = None


class ConfusionRecord(_Part):
    """What a model calls the original images of each label.

    ``pairs``: there are many labels, and ``cells`` are the most frequent confusions alone; ``pairs_left_out`` are not
    shown. ``stopped``: as in a matrix.
    """

    data: str
    model: str
    confidence: float
    pairs: bool = False
    rows: list[ConfusionRow]
    columns: list[ConfusionColumn]
    cells: list[ConfusionCell]
    pairs_left_out: int = 0
    stopped: bool = False


class ByClass(_Part):
    """What fails where, class by context, and the labels of which more images are wanted, the worst first.

    ``unread``: columns of a measure that was not known where the record was written. ``confusions``: what each model
    calls the images; empty in older records.
    """

    matrices: list[MatrixRecord]
    wanted: list[WantedImages]
    confusions: list[ConfusionRecord] = []
    matrices_left_out: int = 0
    wanted_left_out: int = 0
    unread: list[str] = []


class PassesRecord(_Part):
    """What the run cost, in images decoded and images through the models (padding of micro-batches included).

    ``seconds``: of the clock, while images were measured; none in older records. ``values``: in the tables, of which
    ``stored`` came from the store of an earlier run, and the others were computed; none in older records.
    """

    decoded: int
    forward: int
    backward: int
    seconds: float | None = None
    values: int | None = None
    stored: int | None = None


#: what an input file is for; "waivers": the exceptions, and the signatures under them
InputRole = Literal["audit", "about", "agreement", "waivers", "conftest", "plugin", "ini"]


class InputFile(_Part):
    """An input file of the run: ``path`` is relative to the rootdir, or the name alone outside of it.

    ``cases``: how many cases an audit file declares.
    """

    path: str
    role: InputRole
    sha256: str | None
    cases: int | None = None


class PluginRecord(_Part):
    """A pytest plugin of an installed distribution."""

    name: str
    version: str


class Provenance(_Part):
    """Where the numbers come from.

    ``files``: the audit files as they were collected, every conftest.py and plugin that is a file, the configuration.
    ``options``: settings of the configuration (``addopts``, ``audit_*`` …) and of the environment that bear on audits.
    """

    versions: dict[str, str]
    platform: str
    device: str
    device_name: str
    precision: str
    threads: int
    micro_batch: int
    seed: int
    git_commit: str | None
    git_dirty: bool | None
    files: list[InputFile] = []
    plugins: list[PluginRecord] = []
    options: dict[str, str] = {}


class Departure(_Part):
    """One way in which a run is not what a lock says: ``where``, what was ``agreed``, and what was ``found``."""

    what: str
    where: str
    agreed: str | None
    found: str | None


class LockRecord(_Part):
    """The lock that a run was held to, by the sha256 of its file, who signed it, and how the run departs from it."""

    sha256: str
    created: str
    signed_by: list[str] = []
    departures: list[Departure] = []


class MergedRun(_Part):
    """A run that was merged into this one: a shard. ``cases``: how many of them it ran."""

    id: str
    command: str
    started: str
    finished: str
    exit_status: int
    cases: int


class RunRecord(_Part):
    """Everything a run measured.

    ``overall``, ``whole``, ``partial`` and ``exit_status`` follow from the cases and files: see states.py.
    ``whole``: every declared expectation was counted. ``partial``: something is missing that the user did not leave out
    by typed arguments. ``missing``: what is missing from the whole, in a sentence. ``absent_files``: audit files below
    the folders of the run that were not collected. ``quick_look``: only that many images were asked for; such a run
    decides nothing.
    ``allow_partial``: ``--audit-partial`` was typed. ``exit_status``: that of the audits; pytest's is another where
    ordinary tests fail, or the run was interrupted.
    ``sanity``: what the attribution methods are worth on these models. ``checks``: "off" where the audit of the audit
    was switched off for the whole run. ``by_class``: none where no model saw the original images and no measure has
    several contexts, in a quick look, and in older records. ``merged``: the runs that were merged into it, where it
    is the whole of several shards. ``about``: what ``about.yaml`` says; none without one, and in older records.
    ``agreement``: as ``about``, of ``agreement.yaml``.
    ``lock``: what was agreed, as ``--audit-lock`` gave it. ``nonce``: what the other party gave, so that a run of
    before is not taken for this one.
    ``digest``: of a copy for showing the sha256 of its ``run.json``; ``redacted``: a copy without ids, files and
    settings (redaction.py). No run writes a copy, and one that is read is refused.
    """

    schema_version: Literal[2] = 2
    id: str
    started: str
    finished: str
    command: str
    overall: RunState
    whole: bool
    partial: bool
    missing: str | None = None
    absent_files: list[AbsentFile] = []
    allow_partial: bool = False
    exit_status: int
    quick_look: int | None = None
    inconclusive: Literal["fail", "warn"] = "fail"
    provenance: Provenance
    cases: list[CaseRecord]
    models: list[ModelRecord] = []
    data: list[DataRecord] = []
    tables: list[TableRecord] = []
    passes: PassesRecord
    notes: list[str] = []
    sanity: list[Sanity] = []
    checks: str = ""
    by_class: ByClass | None = None
    merged: list[MergedRun] = []
    about: About | None = None
    agreement: AgreementRecord | None = None
    lock: LockRecord | None = None
    nonce: str | None = None
    digest: str | None = None
    redacted: bool = False

    @property
    def as_agreed(self) -> bool:
        """Whether nothing departs from the lock, or there is none."""
        return self.lock is None or not self.lock.departures


def read_record(path: Path) -> RunRecord:
    """The record of a run, from its ``run.json`` or the folder that holds it.

    Raises:
        ResultsError: missing, no JSON, of another schema version, or not a run record.
    """
    file = path / RECORD_NAME if path.is_dir() else path
    try:
        content = read_file(file)
    except OSError as error:
        raise ResultsError(
            f"{file}: cannot be read ({error.strerror}); give a results folder or its run.json"
        ) from error
    document = json_of(content, str(file), _no_record)
    if not isinstance(document, dict):
        raise ResultsError(f"{file}: not a run record: a {type(document).__name__} instead of an object")
    found = document.get("schema_version")
    if found != SCHEMA_VERSION:
        raise ResultsError(
            f"{file}: has schema version {found!r}, this modelaudit reads {SCHEMA_VERSION}; "
            "use the version that wrote it"
        )
    try:
        return RunRecord.model_validate_json(content)
    except ValidationError as error:
        said, *rest = quoted_lines(str(error))
        raise ResultsError(f"{file}: not a run record: {said}", *rest) from error


def _no_record(problem: str) -> ResultsError:
    return ResultsError(f"{problem}; this is not a run record")


def record_digest(record: RunRecord) -> str:
    """The sha256 of its ``run.json`` in hexadecimal digits: what ``sha256sum run.json`` prints.

    Fields that a record which was read does not have, as an older one, are left out again.
    """
    if record.digest is not None:
        return record.digest
    read = "schema_version" in record.model_fields_set
    text = record.model_dump_json(indent=1, exclude_unset=read) + "\n"
    return hashlib.sha256(text.encode()).hexdigest()


def write_record(record: RunRecord, folder: Path) -> Path:
    """Write ``run.json`` atomically."""
    make_run_folder(folder)
    target = folder / RECORD_NAME
    draft = folder / f".{RECORD_NAME}.{os.getpid()}"
    draft.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
    draft.replace(target)
    return target
