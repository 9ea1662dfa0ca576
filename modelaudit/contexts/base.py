"""The input and output of a context, its declaration and registration, and the regions of an image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor

from ..language import registry
from ..language.draws import generator
from ..language.errors import ContextError
from ..language.sample import BACKGROUND, OBJECT
from ..language.spec import Context
from ..language.wording import Worded
from .donor_rules import DonorRule

Family = Literal["change", "perturbation", "no_information", "control"]
_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class ContextInput:
    """A batch after the model's geometry and before its normalisation.

    Args:
        pixels: [B, 3, H, W] float32 in [0, 1].
        mask: [B, H, W] uint8 (1 object, 0 background, 255 ignore); None when the data have none.
        ids: the samples' ids; with `seed` they decide every random draw.
        seed: the run's seed.
        donors: the images that lend their backgrounds, one a sample, where the context asks for them.
        stored: pictures of the same samples that the data keep, as `pixels`, by name, where the context asks for one.
    """

    pixels: Tensor
    mask: Tensor | None
    ids: tuple[str, ...]
    seed: int
    donors: ContextInput | None = None
    stored: Mapping[str, Tensor] = field(default_factory=dict)

    def generator(self, index: int, name: str, slot: int = 0) -> torch.Generator:
        """The CPU generator of one sample, seeded by (seed, id, context name, slot) and by nothing else."""
        return generator(self.seed, self.ids[index], name, slot)

    def kept(self) -> Tensor:
        """[B, 1, H, W] bool: the object and its ignore ring, which move together in compositing."""
        assert self.mask is not None
        return (self.mask != 0).unsqueeze(1)


@dataclass(frozen=True)
class ContextOutput:
    """A batch under a context.

    Args:
        pixels: [B, 3, H, W] float32 in [0, 1].
        mask: as in :class:`ContextInput`; another one only where the context moves the object.
        impossible: [B] bool, True where the context has no meaning for a sample (a mask that fills the image,
            say); its pixels are ignored and its values are undefined.
    """

    pixels: Tensor
    mask: Tensor | None
    impossible: Tensor


@dataclass(frozen=True)
class ContextDeclaration:
    """The needs of a context, as data.

    ``donors``: the donors of backgrounds, as a rule or as its text; None without donors. ``stored``: the name of
    the picture of the data that it shows, if any. ``in_place``: whether it is known afterwards where the object is.
    ``exempt``: the context may change no pixel at all (original, identity, controls). Any other one that changes
    none in a whole run is an error, and in a single image an undefined value. ``lends``: [B] bool, which images of a
    scene can be donors. ``largest_donor``: the share of the frame that object and ring of a donor may cover at most.
    ``skips_same_picture``: a donor that is nearly the same picture as the image is passed over.
    ``examples``: canonical texts of it at strengths that people should see (contact sheets, and
    the tests that hold for every context). ``wording``: its words in reports; without them the canonical text stands
    there.
    """

    family: Family
    needs_mask: Callable[[Any], bool] = lambda spec: True
    donors: Callable[[Any], DonorRule | str | None] = lambda spec: None
    stored: Callable[[Any], str | None] = lambda spec: None
    in_place: Callable[[Any], bool] = lambda spec: True
    exempt: Callable[[Any], bool] = lambda spec: False
    lends: Callable[[Any, ContextInput], Tensor] = lambda spec, scene: torch.ones(
        len(scene.ids), dtype=torch.bool, device=scene.pixels.device
    )
    largest_donor: Callable[[Any], float] = lambda spec: 1.0
    skips_same_picture: Callable[[Any], bool] = lambda spec: False
    examples: tuple[str, ...] = ()
    wording: Worded = None


def context(
    name: str, spec: type[Context], declares: ContextDeclaration, *, version: int = 1
) -> Callable[[_Function], _Function]:
    """Register a pure function ``(spec, scene) -> ContextOutput`` under the name users write."""

    def decorate(function: _Function) -> _Function:
        registry.register(registry.Entry("context", name, spec, function, declares, version))
        return function

    return decorate


def drawn(scene: ContextInput, name: str, draw: Callable[[torch.Generator], Tensor], slot: int = 0) -> Tensor:
    """[B, ...] one draw a sample, made on the CPU, so that it is the same on every device.

    Args:
        name: of the context; variants and severities of one name share their draws.
        slot: numbers the draws of one context.
    """
    draws = [draw(scene.generator(index, name, slot)) for index in range(len(scene.ids))]
    return torch.stack(draws).to(scene.pixels.device)


def alone(function: Callable[..., Tensor], *batches: Tensor) -> Tensor:
    """``function(*batches)``, on the CPU image by image.

    Convolutions, transforms and sums of a library may take another algorithm, and so give other bits, for another
    batch size; on the CPU an image must not depend on the other images in the batch. On a GPU, where that is 1/255 at
    most, the batch stays whole.

    Args:
        function: batches of [B, ...] to one of [B, ...].
    """
    if batches[0].device.type != "cpu" or len(batches[0]) == 1:
        return function(*batches)
    return torch.cat([function(*(batch[row : row + 1] for batch in batches)) for row in range(len(batches[0]))])


def rendered(scene: ContextInput, pixels: Tensor, impossible: Tensor | None = None) -> ContextOutput:
    """`pixels` with the scene's own mask, possible everywhere unless said otherwise."""
    if impossible is None:
        impossible = torch.zeros(len(pixels), dtype=torch.bool, device=pixels.device)
    return ContextOutput(pixels, scene.mask, impossible)


def with_pixels(scene: ContextInput, done: ContextOutput) -> ContextInput:
    """The scene that the next context of a composition sees."""
    return replace(scene, pixels=done.pixels, mask=done.mask)


Region = Literal["background", "object", "whole"]
REGIONS: tuple[Region, ...] = ("background", "object", "whole")


def mask_of(scene: ContextInput, what: str) -> Tensor:
    """[B, H, W], or a ContextError that names the context."""
    if scene.mask is None:
        raise ContextError(f"{what} acts on a part of the image and needs object masks, and these data have none")
    return scene.mask


def inside(scene: ContextInput, region: Region, what: str) -> Tensor:
    """[B, 1, H, W] bool. The ignore ring goes with the object: background is mask == 0, object mask != 0."""
    if region == "whole":
        return torch.ones_like(scene.pixels[:, :1], dtype=torch.bool)
    mask = mask_of(scene, what)
    return ((mask == BACKGROUND) if region == "background" else (mask != BACKGROUND)).unsqueeze(1)


def without_object_or_background(scene: ContextInput, what: str) -> Tensor:
    """[B] bool: no object pixel, or nothing but object and ring: so the background cannot be exchanged."""
    mask = mask_of(scene, what).flatten(1)
    return ~(mask == OBJECT).any(dim=1) | ~(mask == BACKGROUND).any(dim=1)


def mean_of(pixels: Tensor, region: Tensor) -> Tensor:
    """[B, 3, 1, 1]: the mean of the pixels of each region [B, 1, H, W]; 0 of an empty one."""
    count = region.flatten(1).sum(dim=1)
    total = alone(lambda images, parts: (images.double() * parts).flatten(2).sum(dim=2), pixels, region)
    return (total / count.clamp_min(1)[:, None]).to(pixels.dtype)[:, :, None, None]
