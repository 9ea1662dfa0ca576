"""What is found out about data before any model is judged: plain facts, which the command line and its pages show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from .associations import Association

#: an object below this share of its image is called tiny
TINY = 0.01
#: a mask with more pieces than this is called broken up
MANY_PIECES = 3


@dataclass(frozen=True)
class MaskFacts:
    """One mask, in pixels of the upright image.

    Args:
        object, background, ignored: how many pixels have 1, 0, 255.
        pieces: connected parts of the object (8 neighbours).
        touches_border: the object reaches the border of the image.
    """

    object: int
    background: int
    ignored: int
    pieces: int
    touches_border: bool

    @property
    def share(self) -> float | None:
        """The object's share of the pixels that are not ignored; None where all of them are."""
        valid = self.object + self.background
        return self.object / valid if valid else None

    @property
    def empty(self) -> bool:
        """No object."""
        return self.object == 0

    @property
    def full(self) -> bool:
        """An object, and no background."""
        return self.object > 0 and self.background == 0

    @property
    def tiny(self) -> bool:
        """An object below 1 % of the valid pixels."""
        return not self.empty and self.share is not None and self.share < TINY

    @property
    def many_pieces(self) -> bool:
        """More than three connected parts."""
        return self.pieces > MANY_PIECES


@dataclass(frozen=True)
class SampleFacts:
    """One sample as an audit would read it.

    Args:
        files: what it is decoded from; empty where it has no file of its own.
        reason, message: why it cannot be used; None and empty where it can.
        contradictions: what the data state twice and differently about it.
        width, height: upright; None where the image cannot be read.
        format, mode: of the image file ("JPEG", "RGB"); "array" where there is none.
        turned: the EXIF orientation turns or mirrors the image.
        mask: None where there is none, or none that can be read.
        kept: the share of the object that the geometry leaves in the frame; None where that was not asked, or there is
            no object.
        kept_usually: the same of the usual geometry (resize 256, crop 224), where none was given.
        digest: sha256 of the upright pixels.
        look: its perceptual hash; None where the picture is of one colour, or cannot be read.
    """

    id: str
    label: str
    group: str | None
    cluster: str | None
    mask_kind: str
    files: tuple[str, ...]
    reason: str | None = None
    message: str = ""
    width: int | None = None
    height: int | None = None
    format: str = ""
    mode: str = ""
    turned: bool = False
    mask: MaskFacts | None = None
    kept: float | None = None
    kept_usually: float | None = None
    digest: str = ""
    look: bytes | None = None
    contradictions: tuple[str, ...] = ()


class Kind(StrEnum):
    """The kinds of findings, problems first, in the order of the report."""

    UNREADABLE_IMAGE = "unreadable_image"
    UNREADABLE_MASK = "unreadable_mask"
    MASK_SIZE = "mask_size"
    CONTRADICTION = "contradiction"
    NO_MASK = "no_mask"
    EMPTY_MASK = "empty_mask"
    UNEXPECTED_OBJECT = "unexpected_object"
    FULL_MASK = "full_mask"
    OBJECT_CROPPED = "object_cropped"
    LABEL_WITHOUT_CLASS = "label_without_class"
    SAME_ACROSS_CLASSES = "same_across_classes"
    ALIKE_ACROSS_CLASSES = "alike_across_classes"
    SAME = "same"
    LEAKED_SAME = "leaked_same"
    LEAKED_NEAR = "leaked_near"
    LEAKED_LOT = "leaked_lot"
    NOT_COVERED = "not_covered"
    NO_MASKS = "no_masks"
    CLASS_TIED = "class_tied"
    CLASS_IN_ONE_CLUSTER = "class_in_one_cluster"
    TINY_OBJECT = "tiny_object"
    MANY_PIECES = "many_pieces"
    ALIKE = "alike"
    ALIKE_ACROSS_CLUSTERS = "alike_across_clusters"
    RESEMBLES_TRAINING = "resembles_training"
    COVERAGE_UNCLEAR = "coverage_unclear"
    FEW_CLUSTERS = "few_clusters"
    COARSE_MASK = "coarse_mask"
    MACHINE_MASK = "machine_mask"
    CLASS_WITHOUT_LABEL = "class_without_label"

    @property
    def problem(self) -> bool:
        """Whether it makes values go missing or a verdict wrong; else it is a remark."""
        return self in PROBLEMS


PROBLEMS = frozenset(
    {
        Kind.UNREADABLE_IMAGE,
        Kind.UNREADABLE_MASK,
        Kind.MASK_SIZE,
        Kind.CONTRADICTION,
        Kind.NO_MASK,
        Kind.EMPTY_MASK,
        Kind.UNEXPECTED_OBJECT,
        Kind.FULL_MASK,
        Kind.OBJECT_CROPPED,
        Kind.LABEL_WITHOUT_CLASS,
        Kind.SAME_ACROSS_CLASSES,
        Kind.ALIKE_ACROSS_CLASSES,
        Kind.SAME,
        Kind.LEAKED_SAME,
        Kind.LEAKED_NEAR,
        Kind.LEAKED_LOT,
        Kind.NOT_COVERED,
    }
)


@dataclass(frozen=True)
class Item:
    """The samples that show a finding together (one, or a set of pictures that are alike), and the detail of it.

    Args:
        training: the samples of the training data that show it with them, by their ids there.
    """

    ids: tuple[str, ...]
    detail: str = ""
    training: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """Something that was found, with everything that shows it. `count` is of samples, or of the labels or classes that
    it is about."""

    kind: Kind
    count: int
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Quantiles:
    """Of a share over samples."""

    n: int
    least: float
    q05: float
    q25: float
    median: float
    q75: float
    q95: float
    most: float


@dataclass(frozen=True)
class Tally:
    """The images of one label, group or cluster."""

    images: int
    usable: int
    masks: int
    share: float | None
    """median share of the object"""


@dataclass(frozen=True)
class LabelMatches:
    """Labels and the classes that they match.

    Args:
        source: the model or file that the classes are of.
        met: by label, the indices of the classes that it means.
        names: by index, the names of these classes, where they are known.
        unmet: by label, why it matches none.
        outputs: how many classes there are.
    """

    source: str
    met: Mapping[str, tuple[int, ...]]
    names: Mapping[int, str]
    unmet: Mapping[str, str]
    outputs: int

    @property
    def without_label(self) -> int:
        """How many classes no label means."""
        return self.outputs - len({index for indices in self.met.values() for index in indices})


@dataclass(frozen=True)
class TrainingFacts:
    """The training data that a test set was compared with.

    Args:
        images, usable: how many there are, and how many of them could be read.
    """

    reference: str
    images: int
    usable: int


@dataclass(frozen=True)
class DataFacts:
    """A data set as an audit would read it.

    Args:
        geometry: the resize and crop that `kept` is about; empty where none was given.
        near: two pictures are alike where at most so many of the `bits` bits of their hashes differ.
        sizes, formats, modes, mask_kinds, mask_values: how many images have them, the most frequent first.
        shares: the object's share of an image, over masks with an object. `histogram`: how many masks have a share
            below 10 %, 20 %, ..., 100 %.
        training: None where no training data were named.
        associations: what the class was tested against; a tie is a remark, since the data may be as the line is, and
            whether a model uses it is for the audit to measure.
        agreement: the file whose operating domain the data were held to; empty where none was named.
    """

    reference: str
    notes: tuple[str, ...]
    samples: tuple[SampleFacts, ...]
    findings: tuple[Finding, ...]
    labels: Mapping[str, Tally]
    groups: Mapping[str, Tally]
    clusters: Mapping[str, Tally]
    sizes: Mapping[str, int]
    formats: Mapping[str, int]
    modes: Mapping[str, int]
    turned: int
    mask_kinds: Mapping[str, int]
    mask_values: Mapping[str, int]
    touching: int
    shares: Quantiles | None
    histogram: tuple[int, ...]
    near: int
    bits: int
    geometry: str = ""
    kept: Quantiles | None = None
    classes: LabelMatches | None = None
    training: TrainingFacts | None = None
    agreement: str = ""
    associations: tuple[Association, ...] = ()

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What makes values go missing or a verdict wrong."""
        return tuple(one for one in self.findings if one.kind.problem)

    def with_findings(self, found: Iterable[tuple[Kind, Item]]) -> DataFacts:
        """The same facts with more findings, of kinds that they do not have yet.

        The count of a finding is the number of its samples, or of its items where they name none.
        """
        items: dict[Kind, list[Item]] = {}
        for kind, item in found:
            items.setdefault(kind, []).append(item)
        more = [
            Finding(kind, len({name for item in own for name in item.ids}) or len(own), tuple(own))
            for kind, own in items.items()
        ]
        order = list(Kind)
        return replace(self, findings=tuple(sorted((*self.findings, *more), key=lambda one: order.index(one.kind))))


Outcome = Literal["made", "kept", "failed"]


@dataclass(frozen=True)
class MaskMade:
    """What became of one sample when masks were made.

    Args:
        outcome: "made"; "kept": there was one already; "failed": `message` says why.
        file: relative to the folder of the masks; empty where it failed.
        mask: facts of a mask that was made.
    """

    id: str
    label: str
    outcome: Outcome
    file: str = ""
    message: str = ""
    mask: MaskFacts | None = None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a person should look at: "empty", "full", "tiny", "many_pieces", "touches_border"."""
        if self.mask is None:
            return ()
        names = ("empty", "full", "tiny", "many_pieces", "touches_border")
        return tuple(name for name in names if getattr(self.mask, name))


Absence = Literal["", "needs_mask", "impossible"]


@dataclass(frozen=True)
class ContextCell:
    """One image under one context; `picture` is empty where `absence` says why there is none."""

    sample: str
    picture: bytes
    absence: Absence = ""
    unchanged: bool = False
    donor: str = ""


@dataclass(frozen=True)
class ContextRow:
    """One context on some images. `message` says why it cannot be shown at all; it has no cells then."""

    text: str
    family: str
    sentence: str
    cells: tuple[ContextCell, ...] = field(default_factory=tuple)
    message: str = ""
