"""The record of a comparison of two runs: what is better, worse or equivalent, and on which images.

Pictures are in the same folder (``images/``), and it names them. ``modelaudit diff`` writes it, and the page is a pure
function of it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from ..evidence.case_record import Panel, VerdictName
from ..evidence.leaves import Unit
from ..evidence.nodes import Node, WordingRecord
from ..evidence.part import Part
from ..evidence.states import RunState

COMPARISON_NAME, COMPARISON_PAGE = "diff.json", "diff.html"
#: what a comparison of one requirement ends in; "not_comparable": the two sides do not state or measure the same
Outcome = Literal["better", "worse", "equivalent", "cannot_tell", "not_comparable"]
#: of a requirement that stands on one side alone: "removed" or "added"
Change = Literal["removed", "added"]
#: what one must know to read the comparison of a requirement
RequirementNote = Literal[
    "known_bad",  # of a model that must be caught: shown, and not compared
    "not_measured_old",  # that run has no decision: an ERROR, or it was not run
    "not_measured_new",
    "not_in_record",  # a record does not hold what the values follow from
    "no_common",  # unpaired: no image is in both
    "few_common",  # unpaired: fewer than ten images, or less than half of the smaller side, are in both
    "whole_set",  # about="this_set" on the same images: exact
    "set_changed",  # about="this_set", and the sets differ: the common images are taken as a sample
    "stopped_early",  # bounds that hold at every look
    "within_margin",  # equivalent, although there is a difference
    "same_model",  # equivalent: the same models on the same images, with the same values
    "no_worse",  # cannot be told, but not worse by more than the margin
    "no_bounds",  # too few clusters, or values missing of a measure without a range
]
#: what one must know to read the whole comparison
ComparisonNote = Literal[
    "paired_by_id",  # an older record says of no image what it holds: paired by id and label
    "same_models",  # both runs are of the same models
    "quick_look_old",
    "quick_look_new",
    "partial_old",
    "partial_new",
]


class ComparedRun(Part):
    """One of the two runs. ``name``: as it was given (a folder, a pack, a baseline). ``sha256``: of its run.json."""

    name: str
    id: str
    sha256: str
    started: str
    finished: str
    overall: RunState
    git_commit: str | None = None
    models: list[str] = []
    images: int


class SideValue(Part):
    """A requirement's left side in one of the runs, as its own record has it, with one-sided bounds."""

    verdict: VerdictName | None
    reason: str | None = None
    estimate: float | None
    lower: float | None
    upper: float | None
    images: int


class RunDifference(Part):
    """Something that is not the same in the two runs. ``where``: of what, e.g. a requirement, a data set, a package.

    ``code``: a plain name within its kind ("fingerprint", "weights", "torch", "seed", "threshold", "context" …).
    ``old``, ``new``: None where a side has none of it.
    """

    kind: Literal["model", "data", "version", "option", "definition", "machine"]
    code: str
    where: str
    old: str | None
    new: str | None


class PartComparison(Part):
    """One class or group within a comparison of answers.

    ``old``, ``new``: shares of right answers on the common images of the part. ``change`` is their difference with
    one-sided bounds; none where there are too few images. ``outcome`` after Holm over all parts of the list.
    """

    name: str
    images: int
    old: float | None
    new: float | None
    lower: float | None = None
    upper: float | None = None
    newly_wrong: int = 0
    recovered: int = 0
    outcome: Outcome = "cannot_tell"


class ChangedAnswer(Part):
    """An image that one model answers rightly and the other does not.

    ``id_old`` is another one where the image was renamed. ``panels_old``, ``panels_new``: original, changed image
    (under a context) and the map, as each model saw it; empty where the pictures could not be made.
    """

    id: str
    id_old: str
    label: str
    group: str | None = None
    predicted_old: str | None = None
    predicted_new: str | None = None
    panels_old: list[Panel] = []
    panels_new: list[Panel] = []


class AnswerComparison(Part):
    """The answers of a pair of models on the common images, under one context; ``context`` None: on the originals.

    ``newly_wrong`` and ``recovered``: every one of them, those of the class with most of them first, pictures with the
    first few. ``images``: on which both have an answer.
    """

    data: str
    model_old: str
    model_new: str
    context: str | None
    images: int
    newly_wrong: list[ChangedAnswer]
    recovered: list[ChangedAnswer]
    by_class: list[PartComparison] = []
    by_group: list[PartComparison] = []


class RequirementComparison(Part):
    """One requirement, as both runs state it.

    ``change``: new minus old, in the unit of the left side, with one-sided bounds at ``confidence``; ``lower_diff`` and
    ``upper_diff``: the bounds that better and worse were decided by, after Holm over all requirements;
    ``lower_equivalence``, ``upper_equivalence``: those of equivalence. ``higher_is_better`` follows from the
    expectation. ``paired``: on ``images`` common ones; else the two sides are independent, with ``images`` of the new
    one. ``rule``, ``guaranteed``: see :class:`~modelaudit.statistics.verdict.Decision`. ``more_images``: about how many
    further ones would settle an outcome that is "cannot_tell". ``differences``: what the two sides state differently;
    where it is "not_comparable", why. ``without_value``: images that have no value on one of the sides, and count at
    their worst end. ``parts``: how many methods and doses it names, each of which is compared; ``method`` and ``dose``
    are of the one that is shown, which has come out worst.
    """

    name: str
    id: str
    clause: str | None = None
    says: str | dict[str, str] | None = None
    expectation: str
    unit: Unit
    higher_is_better: bool
    left: Node | None = None
    op: Literal["<", "<=", ">", ">="] | None = None
    threshold: float | None = None
    standing: str = "counted"
    outcome: Outcome | None
    change_of: Change | None = None
    old: SideValue | None
    new: SideValue | None
    margin: float
    confidence: float
    change: float | None = None
    lower: float | None = None
    upper: float | None = None
    lower_diff: float | None = None
    upper_diff: float | None = None
    lower_equivalence: float | None = None
    upper_equivalence: float | None = None
    paired: bool = True
    images: int = 0
    without_value: int = 0
    clusters: int | None = None
    rule: str = ""
    guaranteed: bool = False
    more_images: int | None = None
    differences: list[RunDifference] = []
    parts: int = 1
    method: str | None = None
    dose: float | None = None
    notes: list[RequirementNote] = []

    @property
    def counts(self) -> bool:
        """Whether it bears on the outcome of the whole: it counts in its run, and is not of a known-bad model."""
        return self.standing in ("counted", "waived") and self.change_of != "added" and "known_bad" not in self.notes

    @property
    def outcome_in_all(self) -> Outcome:
        """Its outcome for the whole: one that was removed, or not compared, is not comparable."""
        return self.outcome or "not_comparable"


class RenamedImage(Part):
    old: str
    new: str


class ChangedImage(Part):
    """An image of the same id that does not hold the same. ``label_old``, ``label_new``: where the label changed."""

    id: str
    what: list[Literal["image", "mask", "label"]]
    label_old: str | None = None
    label_new: str | None = None


class ImagesCompared(Part):
    """The images of one data set on the two sides, paired by what they hold."""

    data_old: str
    data_new: str
    common: int
    new: list[str] = []
    missing: list[str] = []
    changed: list[ChangedImage] = []
    renamed: list[RenamedImage] = []
    doubled_old: list[str] = []
    doubled_new: list[str] = []

    @property
    def without_partner(self) -> list[str]:
        """The images of the old side that the new one lacks, or holds changed."""
        return [*self.missing, *(one.id for one in self.changed)]

    @property
    def of_old(self) -> int:
        """How many images the old side has."""
        return self.common + len(self.without_partner)


class NoPictures(Part):
    """Why images of a comparison have no pictures, or none of one side.

    ``why``: "baseline" (the side holds none, and its model is not at hand), "needs_code" (the model is Python code, and
    nobody allowed to run it), "not_opened" (model or data could not be opened), "other_model", "other_data" (they are
    not those of the run any more), "other_answer" (the model's answer to the image is not that of the record),
    "not_drawn" (nobody asked for it, or a measurement failed). ``detail``: a message, in English.
    """

    side: Literal["old", "new"]
    model: str
    why: Literal["baseline", "needs_code", "not_opened", "other_model", "other_data", "other_answer", "not_drawn"]
    images: int
    detail: str = ""


class ComparisonRecord(Part):
    """Everything a comparison of two runs found out.

    ``outcome``: the first of "worse", "not_comparable" and "cannot_tell" that a counted requirement has; else "better"
    where one is, else "equivalent". One that was removed is not comparable, and one that was added plays no part.
    ``margin`` is in the unit of each left side.
    """

    schema_version: Literal[1] = 1
    created: AwareDatetime
    version: str
    margin: Annotated[float, Field(gt=0)]
    confidence: float
    old: ComparedRun
    new: ComparedRun
    outcome: Outcome
    requirements: list[RequirementComparison]
    answers: list[AnswerComparison] = []
    images: list[ImagesCompared] = []
    differences: list[RunDifference] = []
    notes: list[ComparisonNote] = []
    wording: WordingRecord = WordingRecord()
    no_pictures: list[NoPictures] = []
