"""A map that somebody else made: it lies beside stored answers, and no model makes it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ..language.errors import AttributionError
from ..language.spec import Method
from ..language.upsampling import upsampled
from ..language.wording import Phrase, Wording
from .base import AttributionInput, Cost, Maps, MethodDeclaration, attribution


@dataclass(frozen=True)
class GivenMap(Method):
    """The vendor's own map beside the answers of a closed box (``predictions:…?maps=FOLDER``, in ``FOLDER/given``).

    What it shows is known to the vendor alone; signs are kept, and it is brought to the picture's size bilinearly.

    >>> str(GivenMap())
    'given_map'
    """


@attribution(
    "given_map",
    GivenMap,
    MethodDeclaration(
        cost=lambda spec: Cost(0, 0),
        own_passes=False,
        gradients=False,
        wording=Wording(Phrase("the vendor's own map"), Phrase("装置自身のマップ")),
    ),
)
def given_maps(spec: GivenMap, question: AttributionInput) -> Maps:
    """Never of a model that is run.

    Raises:
        AttributionError: always.
    """
    raise AttributionError(
        "given_map reads maps that lie beside stored answers (predictions:answers.csv?maps=FOLDER), and this model is "
        "run; take a method that explains it, such as gradcam"
    )


def stored_maps(maps: Tensor, size: tuple[int, int], *, positive: bool) -> Maps:
    """Maps [n, h, w] that were made elsewhere, brought to `size` (H, W): bilinearly, and finer ones by their means.

    Args:
        maps: NaN where there is none.
        positive: of a method without negative values, whose cells are read as they are.
    """
    height, width = maps.shape[1:]
    if height > size[0] or width > size[1]:
        maps = adaptive_avg_pool2d(maps[:, None], list(size))[:, 0]  # type: ignore[arg-type]
    if (maps.shape[1], maps.shape[2]) == size:
        return Maps(maps)
    return Maps.on_grid(maps, size) if positive else Maps(upsampled(maps, size))
