"""One audit case in the run record: what is expected, what was decided, and the images that show it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from ..engine.results.checks import CheckResults
from ..engine.results.measured import HeatAt
from ..language.audit_arguments import MOST_REVIEWERS, Importance
from .nodes import Node, WordingRecord
from .part import Part
from .states import AbsentBy, CaseVerdict, Standing

VerdictName = CaseVerdict


#: what makes a verdict weaker than the tool's own terms would have it
Weakening = Literal[
    "checks_off", "checks_off_run", "checks_left_out", "these_clusters", "not_deterministic", "tolerated"
]


class CountsRecord(Part):
    """asked = measured + undefined + errored, in images.

    ``without_object``: further images, which are declared to have no object and do not count among those asked for.
    ``unpaired``: further images, which a baseline lacks, as it was declared that it may.
    """

    asked: int
    measured: int
    undefined: int
    errored: int
    by_reason: dict[str, int] = {}
    without_object: int = 0
    unpaired: int = 0


class PointRecord(Part):
    """A curve at one dose, with its one-sided bounds."""

    dose: float
    estimate: float | None
    lower: float | None
    upper: float | None


class DecisionRecord(Part):
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


class Panel(Part):
    """One picture of a gallery row.

    ``original`` and ``context`` show the image as the model saw it, ``attribution`` the heat map over it.
    ``right``: whether the prediction means the image's label; None if nothing was predicted, and in older records.
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


class GalleryRow(Part):
    """One image of a case: the worst for the expectation, a typical one, or the best.

    Drawn for review: one of the worst, a random one, or one whose answer is right on the original and wrong under the
    change ("newly_wrong").

    ``object_area`` is the object's share of the valid pixels as the model saw it; none without a mask.
    """

    rank: Literal["worst", "typical", "best", "random", "newly_wrong"]
    sample: str
    label: str
    value: float
    object_area: float | None = None
    panels: list[Panel]


class ImageValue(Part):
    sample: str
    value: float | None
    missing: str | None = None


class Absence(Part):
    """Why a declared case is not counted.

    ``by``: "selection" where the arguments that the user typed leave it out (or stop the run before it), "skip" and
    "xfail" as pytest means them, "error" where its file could not be collected, "removed" where a conftest, a plugin,
    or an option that nobody typed left it out, "interrupted" where the run ended before it.
    """

    by: AbsentBy
    why: str


class AbsentFile(Part):
    """An audit file below the folders of the run whose expectations are not known, and why; see :class:`Absence`.

    ``by`` is "failed" where they are known, and a test function of the file failed; "empty" where it states none, as
    does no other file of the run.
    """

    file: str
    by: AbsentBy
    why: str


#: before the end of a waiver its readers are warned for so long
WAIVER_WARNING = timedelta(days=30)
WaiverState = Literal["in_force", "ends_soon", "expired", "not_yet", "unsigned"]


class WaiverRecord(Part):
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


class CaseRecord(Part):
    """One audit case and how it ended.

    ``verdict``: None if the case was not run. ``standing``: whether the verdict counts for the run (states.py);
    where it does not, its ``importance``, its ``waiver`` or its ``absence`` says why. ``outcome`` is what pytest made
    of it (a known-bad model that is caught has verdict FAIL and outcome passed). ``known_bad``: the models that must be
    caught, by name. ``says``: the user's sentence, or one by language. ``weakened``: by what the verdict is weaker than
    it would be by default. ``model_names``: the models by the names that the expectation has for them, "" for the only
    one. ``formula``: the left side with its composites written out, over the groups that there are; None if it has
    none. ``wording``: how what it names reads. ``without_object``: the labels whose images are declared to have no
    object; these images leave the case where it ``needs_masks``. ``stated_models``: the models that it is stated of, as
    readers know them, also where none was loaded; empty in older records. ``reviewed_by``: how many people must have
    reviewed the pictures of ``review`` before it can PASS (review.py); ``complete_reviews``: how many have, None if
    nobody was asked for or nothing was decided.
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
    reviewed_by: Annotated[int, Field(ge=1, le=MOST_REVIEWERS)] | None = None
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
    review: list[GalleryRow] = []
    complete_reviews: int | None = None
    reproduce: str = ""
    duration_s: float | None = None
    checks: CheckResults | None = None

    @property
    def files(self) -> list[str]:
        """Every picture of its gallery and for review, each once."""
        rows = (*self.gallery, *self.review)
        return list(dict.fromkeys(file for row in rows for panel in row.panels for file in panel.files))

    @model_validator(mode="after")
    def _standing_fits_the_verdict(self) -> CaseRecord:
        if (self.verdict is None) != (self.standing == "not_run"):
            raise ValueError(f"{self.id}: the standing {self.standing!r} does not fit the verdict {self.verdict}")
        if self.standing in ("counted", "advisory", "waived") and self.absence is not None:
            raise ValueError(f"{self.id}: is {self.standing}, and says why it is missing: {self.absence.why}")
        if self.standing == "waived" and self.waiver is None:
            raise ValueError(f"{self.id}: is waived, and by no waiver")
        return self
