"""No information: the object or the background carries none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.sample import BACKGROUND, OBJECT
from ..language.spec import Context, one_of, plain
from ..language.wording import Phrase, Wording
from .base import ContextDeclaration, ContextInput, ContextOutput, context, rendered
from .blank import BLANKS, Blank, blank
from .filling import RIM, fill_of, with_margin
from .regions import inside, mask_of, mean_of, without_object_or_background

FilledRegion = Literal["background", "object"]
ObjectFill = Literal["inpaint", "tile", "silhouette"] | Blank
WIDEST_MARGIN = 64
_OBJECT_FILLS: tuple[ObjectFill, ...] = ("inpaint", "tile", "silhouette", *BLANKS)


@dataclass(frozen=True)
class MeanFill(Context):
    """One region in the mean colour of ImageNet, (123, 116, 103) / 255.

    Args:
        region: "background" (object and ring stay) or "object" (object and ring are filled).
    """

    region: FilledRegion

    def __post_init__(self) -> None:
        one_of(self.region, get_args(FilledRegion), "mean_fill: region")


@dataclass(frozen=True)
class RemoveObject(Context):
    """Object and ring replaced, with a margin round them; the rest of the background as it is.

    The mask stays, and says where the object was: what a model still finds there is the answer that is looked for.

    Args:
        fill: from the image's own background "inpaint" (its colours and its texture, without an edge) or "tile" (its
            largest strip beside the bounding box); "silhouette", the object's own mean colour, which leaves outline
            and colour and takes the texture; or a blank: "black", "white", "mean" (of ImageNet), "red", "green",
            "blue", "gaussian_noise", "white_noise", which all leave the outline.
        margin: pixels round object and ring that go with them, 0 to 64. Photographs blur the rim of an object into its
            surroundings; with 0 no background pixel changes, and what is left of the rim may draw the outline.
    """

    fill: ObjectFill = "inpaint"
    margin: int = RIM

    def __post_init__(self) -> None:
        margin = plain(self.margin)
        if isinstance(margin, bool) or not isinstance(margin, int) or not 0 <= margin <= WIDEST_MARGIN:
            raise ExpressionError(f"remove_object: margin={margin!r}; give whole pixels from 0 to {WIDEST_MARGIN}")
        object.__setattr__(self, "margin", margin)
        one_of(self.fill, _OBJECT_FILLS, "remove_object: fill")


@dataclass(frozen=True)
class RemoveBackground(Context):
    """The background replaced by a blank; object and ring as they are.

    Args:
        fill: "black", "white", "mean" (of ImageNet), "red", "green", "blue", "gaussian_noise" (ImageNet's mean and
            standard deviation) or "white_noise" (uniform).
    """

    fill: Blank = "mean"

    def __post_init__(self) -> None:
        one_of(self.fill, BLANKS, "remove_background: fill")


@context(
    "mean_fill",
    MeanFill,
    ContextDeclaration(
        family="no_information",
        examples=("mean_fill(background)", "mean_fill(object)"),
        wording=Wording(
            Phrase("{region} in one mean colour", "{region} is filled with one mean colour"),
            Phrase("{region}を平均色で塗りつぶし", "{region}を平均色で塗りつぶし"),
        ),
    ),
)
def mean_fill(spec: MeanFill, scene: ContextInput) -> ContextOutput:
    """The region in one colour. Impossible where the image has no object or no background."""
    return _filled(scene, spec.region, blank(scene, "mean", "mean_fill"), str(spec))


@context(
    "remove_background",
    RemoveBackground,
    ContextDeclaration(
        family="no_information",
        examples=("remove_background(fill=black)", "remove_background(fill=gaussian_noise)"),
        wording=Wording(
            Phrase("the background removed", "the background is removed", "{fill}"),
            Phrase("背景の除去", "背景を除去し", "{fill}"),
        ),
    ),
)
def remove_background(spec: RemoveBackground, scene: ContextInput) -> ContextOutput:
    """The blank in the background. Impossible where the image has no object or no background."""
    return _filled(scene, "background", blank(scene, spec.fill, "remove_background"), str(spec))


@context(
    "remove_object",
    RemoveObject,
    ContextDeclaration(
        family="no_information",
        examples=("remove_object", "remove_object(fill=tile)", "remove_object(fill=silhouette)"),
        wording=Wording(
            Phrase("the object removed", "the object is removed", "{fill}"),
            Phrase("対象物の除去", "対象物を除去し", "{fill}"),
        ),
    ),
)
def remove_object(spec: RemoveObject, scene: ContextInput) -> ContextOutput:
    """The fill in object, ring and margin. Impossible without object or background, and with "tile" without a strip."""
    mask = with_margin(mask_of(scene, str(spec)), spec.margin)
    unfilled = torch.zeros(len(mask), dtype=torch.bool, device=mask.device)
    if spec.fill == "inpaint" or spec.fill == "tile":
        fill, unfilled = fill_of(scene.pixels, mask, spec.fill)
    elif spec.fill == "silhouette":
        fill = mean_of(scene.pixels, (mask == OBJECT).unsqueeze(1))
    else:
        fill = blank(scene, spec.fill, "remove_object")
    pixels = torch.where((mask != BACKGROUND).unsqueeze(1), fill, scene.pixels)
    return rendered(scene, pixels, unfilled | without_object_or_background(scene, str(spec)))


def _filled(scene: ContextInput, region: FilledRegion, fill: Tensor, what: str) -> ContextOutput:
    pixels = torch.where(inside(scene, region, what), fill, scene.pixels)
    return rendered(scene, pixels, without_object_or_background(scene, what))
