"""What the audit of the audit found: plain data, which goes between processes and into the run record as it is."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

#: the sanity check that decides; the others are information
DECIDES = "mprt"
VerdictName = Literal["PASS", "FAIL", "INCONCLUSIVE"]


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class MaskVariant(_Plain):
    """The decision with other masks: `lower` and `upper` are one-sided bounds, `verdict` is what they come to."""

    variant: Literal["eroded", "dilated", "shifted_x", "shifted_y"]
    estimate: float | None
    lower: float | None
    upper: float | None
    verdict: VerdictName


class MaskCheck(_Plain):
    """Whether the verdict depends on the masks, on `images` of the `asked`; `radius` is in pixels of the model's view.

    ``moved``: the images are fewer than those asked for, and the decision was moved by the mean change on them.
    """

    images: int
    asked: int
    radius: int
    moved: bool
    variants: list[MaskVariant]
    agree: bool


class NoiseCheck(_Plain):
    """``floor`` = 1.96 sqrt(sum (x1 - x2)^2) / n over the left side with two seeds; `distance` to the threshold.

    ``passed``: whether the distance reaches the floor, where that decides (``about="this_set"``); None where the
    interval holds the noise of the draws already, and the floor is only shown.
    """

    images: int
    floor: float
    distance: float
    passed: bool | None


class BlindCheck(_Plain):
    """The left side for a model that cannot see any background (it is filled before the model).

    ``decides``: whether the threshold is beyond what such a model gets. ``works``: of a fall on pasted backgrounds,
    whether that model has none, as it must; None of heat maps, where the value is the best that a method can reach.
    """

    images: int
    value: float
    decides: bool
    works: bool | None = None


class SeamCheck(_Plain):
    """What pasting the own background back does to one measure, next to what the context does; not subtracted.

    Means over the same `images`: `original`, under ``paste_back``, under the context. ``hard_edge``: the context pastes
    without a feather, so there is no seam to measure.
    """

    measure: str
    model: str
    context: str
    images: int
    original: float | None
    seam: float | None
    under_context: float | None
    hard_edge: bool = False


class Sensitivity(_Plain):
    """What a limit on heat maps would catch, by copies of a model to which evidence from the background was added.

    ``share``: of how many images the background decides the answer of the weakest copy from which on none passes the
    limit; 0 where the model itself does not pass it, None where every copy does; `strength` is what its background adds
    to a logit. ``most``: that share for the strongest copy. ``ratios``: the positive evidence that a logit is worth, by
    method. ``flips``: the model's own answers that change under `swap`, on `flips_images`; None: not measured.
    ``alone``: the left side for maps of the background's evidence alone, and whether it meets the limit; None where
    maps are compared with each other. ``rough``: networks that were really trained with a shortcut differ from such
    copies by more than .15, or were never compared for this method; ``trained``: the range of theirs. ``why_not``: why
    nothing is said.
    """

    model: str
    images: int
    ratios: dict[str, float] = {}
    strength: float | None = None
    share: float | None = None
    most: float | None = None
    flips: float | None = None
    flips_images: int = 0
    swap: str = ""
    alone: float | None = None
    alone_passes: bool | None = None
    rough: bool = False
    trained: tuple[float, float] | None = None
    why_not: str = ""


class Agreement(_Plain):
    """How far two methods agree: means over images of rank correlation and IoU of the top 10 % of pixels.

    ``values``: rank correlation over images of the measure by the one and by the other. ``same_verdict``: of the case.
    """

    first: str
    second: str
    images: int
    pixels: float | None
    top: float | None
    values: float | None
    same_verdict: bool | None


class TwoByTwo(_Plain):
    """Heat map against intervention, over images: who says that the background decides.

    The map says so where `measure` by `method` exceeds `limit` on the original; the swap says so where the prediction
    changes under `context`. ``unknown``: images where one of them has no value. ``map_on``: of which image the map is.
    """

    measure: str
    method: str
    model: str
    context: str
    limit: float
    both: int
    map_only: int
    swap_only: int
    neither: int
    unknown: int
    map_on: Literal["original", "context"] = "original"


class Holm(_Plain):
    """A FAIL among all expectations that the files declare: information, which changes no verdict.

    ``p``: the smallest error rate at which it would still be a FAIL. ``adjusted``: Holm's, over `declared`.
    """

    p: float
    adjusted: float
    declared: int
    rejected: bool


class Stopped(_Plain):
    """An audit with ``stop="early"``: how many images it looked at, of how many, in how many looks."""

    looked: int
    available: int
    looks: int


class Sanity(_Plain):
    """One sanity check of an attribution method on a model; `value` against `limit` (``better`` says which side).

    ``passed`` is None where the check could not be made; `note` says why.
    """

    model: str
    method: str
    check: Literal["mprt", "smprt", "emprt", "deletion", "insertion"]
    value: float | None
    limit: float | None
    better: Literal["low", "high"]
    passed: bool | None
    images: int
    note: str = ""


class CheckResults(_Plain):
    """What was checked of one case; None or empty where a check was off or has no meaning for it.

    ``unguarded``: the verdict before the checks, where one of them took it away; ``objections``: what the checks say
    against it, as it stands in the decision's note. ``smallest_effect``: of a claim on behaviour, the value of the left
    side that these images would FAIL with a probability of 80 %; None where that cannot be said.
    """

    unguarded: VerdictName | None = None
    objections: list[str] = []
    masks: MaskCheck | None = None
    noise: NoiseCheck | None = None
    blind: BlindCheck | None = None
    seams: list[SeamCheck] = []
    sensitivity: Sensitivity | None = None
    smallest_effect: float | None = None
    agreement: list[Agreement] = []
    two_by_two: list[TwoByTwo] = []
    holm: Holm | None = None
    stopped: Stopped | None = None
    insane: list[str] = []
    notes: list[str] = []
