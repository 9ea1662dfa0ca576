"""What an attribution method is given and what it gives back, and which maps count."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

from ..language import draws, registry
from ..language.errors import AttributionError
from ..language.reasons import Missing
from ..language.spatial import SpatialLayer
from ..language.spec import Method
from ..language.upsampling import upsampled
from ..language.wording import Worded, Wording

_Function = TypeVar("_Function", bound=Callable[..., Any])
#: what one forward and one backward pass give to every method that asks for it
Shared = Literal["input_gradient", "layer_activation", "layer_gradient"]


@dataclass(frozen=True)
class AttributionInput:
    """One batch, and what is to be explained on it.

    Args:
        model: frozen and in eval mode; maps pixel values [B, 3, H, W] in [0, 1] to logits [B, C] (normalisation is
            part of it, so attributions and baselines are in pixel values).
        pixels: [B, 3, H, W].
        selector: [B, C]; the explained quantity is ``sum_c selector * logits``, so one row with a single 1 explains
            a class and a 1 with a -1 the margin between two.
        explained: [B], that quantity on `pixels`, from the pass that gave the logits.
        layer: the spatial layer, where the method needs one.
        spatial: which of its values are meant, and how they lie; None for an output [B, K, h, w].
        ids: the samples' ids; with `seed` they decide every random draw. Empty: the rows' numbers.
        seed: the run's seed.
        rows: images in one pass of a method that runs its own, the last pass padded; None for the batch's own size.
        tensors: what the engine's pass has already computed, by the names of :data:`Shared`; what a method misses
            there it computes itself (:func:`~modelaudit.attribution.passes.shared`).
    """

    model: nn.Module
    pixels: Tensor
    selector: Tensor
    explained: Tensor
    layer: nn.Module | None = None
    spatial: SpatialLayer | None = None
    ids: tuple[str, ...] = ()
    seed: int = 0
    rows: int | None = None
    tensors: Mapping[str, Tensor] = field(default_factory=dict)

    def generator(self, index: int, name: str, slot: int = 0) -> torch.Generator:
        """The CPU generator of one sample, seeded by (seed, id, method's name, slot) and by nothing else."""
        return draws.generator(self.seed, self.ids[index] if self.ids else str(index), name, slot)


class Maps:
    """Attributions of one batch.

    Args:
        values: [B, H, W], signed, channels already reduced by the method's own rule.
        completeness: [B], |sum A - (f(x) - f(b))| / max(|f(x) - f(b)|, 0.01 sum |A|) over the unreduced map, for
            methods that promise completeness; else None.
        steps: [B] long, for methods that choose how much work an image gets; else None. It goes into the record.

    A method whose map is a coarse one brought to the image's size gives :meth:`on_grid` instead. Then `coarse` is
    [B, h, w], and `values` is upsampled when somebody looks at it; shares are read off the cells through
    :func:`~modelaudit.language.upsampling.adjoint_of_upsampling`. Otherwise `coarse` is None.
    """

    def __init__(self, values: Tensor, completeness: Tensor | None = None, steps: Tensor | None = None) -> None:
        self.completeness = completeness
        self.steps = steps
        self.coarse: Tensor | None = None
        self._values: Tensor | None = values
        self._size: tuple[int, int] = (0, 0)

    @classmethod
    def on_grid(
        cls,
        coarse: Tensor,
        size: tuple[int, int],
        completeness: Tensor | None = None,
        steps: Tensor | None = None,
    ) -> Maps:
        """Maps that are `coarse` [B, h, w], values >= 0, brought to `size` (H, W) bilinearly, align_corners=False.

        Not finer than the image, and not negative: a positive part would not pass through the upsampling.
        """
        maps = cls(coarse, completeness, steps)
        maps.coarse, maps._size, maps._values = coarse, size, None
        return maps

    @property
    def values(self) -> Tensor:
        """[B, H, W]; computed at the first look and kept."""
        if self._values is None:
            assert self.coarse is not None
            self._values = upsampled(self.coarse, self._size)
        return self._values

    @property
    def cells(self) -> Tensor:
        """What is there without any work: the coarse maps, else the values. Zero and finite where the values are."""
        return self.values if self.coarse is None else self.coarse

    @property
    def shape(self) -> tuple[int, ...]:
        """Of `values`, without computing them."""
        return tuple(self.values.shape) if self.coarse is None else (len(self.coarse), *self._size)

    def rows(self, at: Tensor) -> Maps:
        """The maps of some images, [m] long."""
        completeness = None if self.completeness is None else self.completeness[at]
        steps = None if self.steps is None else self.steps[at]
        if self.coarse is not None:
            return Maps.on_grid(self.coarse[at], self._size, completeness, steps)
        return Maps(self.values[at], completeness, steps)

    def first(self, count: int) -> Maps:
        """The maps of the first images: what remains of a padded batch."""
        completeness = None if self.completeness is None else self.completeness[:count]
        steps = None if self.steps is None else self.steps[:count]
        if self.coarse is not None:
            return Maps.on_grid(self.coarse[:count], self._size, completeness, steps)
        return Maps(self.values[:count], completeness, steps)


@dataclass(frozen=True)
class Cost:
    """Passes of the model for one image, in addition to the one that gives the logits."""

    forward: int
    backward: int


@dataclass(frozen=True)
class MethodDeclaration:
    """The needs and the cost of a method, as data.

    Args:
        cost: a method's dataclass to its passes an image when it is asked alone; the shared passes of several methods
            are run once. Where the work varies from image to image: at most.
        tensors: which of :data:`Shared` it reads, or a function of the dataclass to these. The engine computes them
            once for all methods of a pass.
        spatial_layer: it needs one; or a function of the dataclass, as `gradients` and `draws` may be.
        own_passes: it runs the model itself, in passes of ``question.rows`` images.
        gradients: it needs a model that gradients go through; False for methods that only see scores.
        completeness: its shares must sum to f(x) - f(baseline), and `Maps.completeness` says by how much they do not.
        draws: it draws at random whatever its arguments are. (A baseline or a fill named "noise" draws too.)
        libraries: distributions whose versions belong in the store's key of this method's values alone.
        wording: its name in reports; without it the canonical text stands there.
    """

    cost: Callable[[Any], Cost]
    tensors: tuple[Shared, ...] | Callable[[Any], tuple[Shared, ...]] = ()
    spatial_layer: bool | Callable[[Any], bool] = False
    own_passes: bool = True
    gradients: bool | Callable[[Any], bool] = True
    completeness: bool = False
    draws: bool | Callable[[Any], bool] = False
    libraries: tuple[str, ...] = ()
    wording: Worded = None

    def named(self, name: str) -> MethodDeclaration:
        """The same declaration for a method of this proper name: "Grad-CAM"."""
        return replace(self, wording=Wording.name(name))

    def reads(self, spec: Method) -> tuple[Shared, ...]:
        """The shared tensors that `spec` reads."""
        return self.tensors(spec) if callable(self.tensors) else self.tensors

    def needs_layer(self, spec: Method) -> bool:
        """Whether `spec` reads a spatial layer."""
        return self.spatial_layer(spec) if callable(self.spatial_layer) else self.spatial_layer

    def needs_gradients(self, spec: Method) -> bool:
        """Whether `spec` needs a model that gradients go through."""
        return self.gradients(spec) if callable(self.gradients) else self.gradients


def draws_at_random(spec: Method) -> bool:
    """Whether the maps of a method depend on the seed."""
    values = (getattr(spec, name, None) for name in ("baseline", "baselines", "fill"))
    named = any("noise" in value for value in values if isinstance(value, str | tuple))
    draws = registry.entry_of(spec).declares.draws
    return named or bool(draws(spec) if callable(draws) else draws)


def attribution(
    name: str, spec: type[Method], declares: MethodDeclaration, *, version: int = 1
) -> Callable[[_Function], _Function]:
    """Register a pure function ``(spec, question) -> Maps`` under the name users write."""

    def decorate(function: _Function) -> _Function:
        registry.register(registry.Entry("attribution", name, spec, function, declares, version))
        return function

    return decorate


#: the largest completeness error of a map that counts; see :class:`~modelaudit.attribution.base.Maps`
COMPLETENESS_LIMIT = 0.05


def check(maps: Maps, pixels: Tensor, explained: Tensor) -> dict[Missing, Tensor]:
    """Detect invalid maps [B, H, W] of images [B, 3, H, W]: [B] bool by reason; no image has two reasons.

    ``attribution_invalid``: a value of the map, the explained quantity or the completeness error is not finite, or
    the completeness error exceeds 0.05. ``zero_attribution``: all of the map is zero, otherwise nothing is wrong.

    Raises:
        AttributionError: the map has another shape than the image: an error in a method, not a value.
    """
    wanted = (len(pixels), *pixels.shape[2:])
    if maps.shape != wanted:
        raise AttributionError(f"a method gave maps of shape {maps.shape} for images {wanted}")
    if tuple(explained.shape) != wanted[:1]:
        raise AttributionError(f"{tuple(explained.shape)} explained values for {wanted[0]} images")
    flat = maps.cells.flatten(1)
    invalid = ~(flat.isfinite().all(1) & explained.to(flat.device).isfinite())
    if maps.coarse is not None:
        invalid |= (flat < 0).any(1)  # cells are read as positive parts
    if maps.completeness is not None:
        if tuple(maps.completeness.shape) != wanted[:1]:
            raise AttributionError(f"{tuple(maps.completeness.shape)} completeness errors for {wanted[0]} images")
        invalid |= ~(maps.completeness.to(flat.device) <= COMPLETENESS_LIMIT)  # NaN is not within the limit
    zero = (flat == 0).all(1) & ~invalid
    return {Missing.ATTRIBUTION_INVALID: invalid, Missing.ZERO_ATTRIBUTION: zero}
