"""No information in a part: a share of the object covered, from nothing to all of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..language.sample import BACKGROUND, OBJECT
from ..language.spec import Context, dose, one_of, within
from ..language.wording import Phrase, Wording
from .base import ContextDeclaration, ContextInput, ContextOutput, context, drawn, rendered
from .blank import BLANKS, Blank, blank
from .filling import grid
from .regions import mask_of


@dataclass(frozen=True)
class OccludeObject(Context):
    """A patch over a share of the object, round a point of it that is drawn; no background pixel changes.

    All shares of one sample share the point, so what is covered at 0.25 is covered at 0.5. The mask stays: the covered
    part of the object is still its place, attribution that falls on the patch falls on the object, and all doses are
    measured against one mask.

    Args:
        share: of the object's pixels, 0 to 1; 0 is the image as it is, 1 covers the ring too.
        fill: what covers: "mean" (of ImageNet), "black", "white", "red", "green", "blue", "gaussian_noise" or
            "white_noise".
        each: several shares, as a series.
    """

    share: float | None = dose()
    fill: Blank = "mean"
    each: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        one_of(self.fill, BLANKS, "occlude_object: fill")
        self._check_doses(lambda value: float(within(value, 0.0, 1.0, "occlude_object: share")) + 0.0)


@context(
    "occlude_object",
    OccludeObject,
    ContextDeclaration(
        family="no_information",
        exempt=lambda spec: spec.share == 0,
        examples=("occlude_object(0.25)", "occlude_object(0.75, fill=white_noise)"),
        wording=Wording(
            Phrase("the object partly covered", "a part of the object is covered", "share {share}"),
            Phrase("対象物の部分的な遮蔽", "対象物の一部を隠し", "割合 {share}"),
        ),
    ),
)
def occlude_object(spec: OccludeObject, scene: ContextInput) -> ContextOutput:
    """The patch is a square that grows round the point until round(share * object pixels) object pixels lie in it.

    Of its last line of pixels only the first ones from the top are taken, so the number is exact. Ring pixels are
    covered as the square passes them. Impossible where the image has no object.
    """
    mask = mask_of(scene, str(spec))
    assert spec.share is not None
    pixels = torch.where(
        _patch(mask, _centre(scene, mask), spec.share), blank(scene, spec.fill, "occlude_object", 1), scene.pixels
    )
    return rendered(scene, pixels, ~(mask == OBJECT).flatten(1).any(dim=1))


def _centre(scene: ContextInput, mask: Tensor) -> Tensor:
    """[B] the place, in reading order, of an object pixel; every one is equally likely."""
    share = drawn(scene, "occlude_object", lambda generator: torch.rand((), generator=generator, dtype=torch.float64))
    rank = (mask == OBJECT).flatten(1).cumsum(dim=1)
    return (rank <= (share * rank[:, -1]).floor()[:, None]).sum(dim=1).clamp_max(rank.shape[1] - 1)


def _patch(mask: Tensor, centre: Tensor, share: float) -> Tensor:
    """[B, 1, H, W] bool: what is covered."""
    height, width = mask.shape[1:]
    rows, columns = grid(mask)
    row, column = (centre // width)[:, None, None], (centre % width)[:, None, None]
    radius = torch.maximum((rows - row).abs(), (columns - column).abs()).flatten(1)
    target = (mask == OBJECT).flatten(1)
    wanted = (share * target.sum(dim=1).double() + 0.5).floor().long()[:, None]
    # object pixels by radius: the square ends at the first radius at which there are enough
    found = torch.zeros(len(mask), max(height, width), dtype=torch.long, device=mask.device)
    found = found.scatter_add(1, radius, target.long()).cumsum(dim=1)
    last = (found < wanted).sum(dim=1, keepdim=True)
    inner = torch.where(last > 0, found.gather(1, (last - 1).clamp_min(0)), 0)
    line = target & (radius == last)
    kept = (mask != BACKGROUND).flatten(1)
    covered = (kept & (radius < last)) | (line & (line.cumsum(dim=1) <= wanted - inner))
    return (kept if share == 1 else covered).view_as(mask).unsqueeze(1)
