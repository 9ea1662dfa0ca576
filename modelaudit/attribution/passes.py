"""Passes of the model: the one that many methods share, and those of fixed size for methods that run their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..language.errors import AttributionError
from ..language.spatial import SpatialLayer
from .base import AttributionInput, Shared

_WAY_OUT = 'name one with gradcam(layer="..."), or take another method, e.g. integrated_gradients'


@dataclass(frozen=True)
class Watched:
    """A layer whose values and gradients a pass keeps."""

    module: nn.Module
    spatial: SpatialLayer | None = None

    @property
    def name(self) -> str:
        """The user's name of the layer, its type where nobody named it."""
        return self.spatial.name if self.spatial is not None else type(self.module).__name__

    @property
    def key(self) -> tuple[int, str]:
        """Equal for two that mean the same values."""
        return id(self.module), "output" if self.spatial is None else self.spatial.side


class SharedPass:
    """One forward pass, from whose logits any number of quantities can be explained, one backward pass each.

    Nothing is kept that nobody asks for: without `input_gradient` the graph begins at the first watched layer, so the
    backward pass of Grad-CAM is that of the head alone.

    Args:
        model: frozen; maps pixel values to logits.
        pixels: [B, 3, H, W].
        input_gradient: whether gradients at the pixels will be asked for.
        layers: the layers whose values will be.

    Raises:
        AttributionError: a layer does not run, runs twice, or gives no tensor.
    """

    def __init__(
        self, model: nn.Module, pixels: Tensor, *, input_gradient: bool, layers: Sequence[Watched] = ()
    ) -> None:
        distinct = {watched.key: watched for watched in layers}
        self._seen: dict[tuple[int, str], list[Tensor]] = {key: [] for key in distinct}
        self._model = name_of(model)
        with gradients_wanted(), ExitStack() as stack:
            self._pixels = pixels.detach().clone().requires_grad_() if input_gradient else pixels.detach()
            for watched in distinct.values():
                handle = self._hooked(watched)
                stack.callback(handle.remove)
            self._logits: Tensor = model(self._pixels)
        for key, watched in distinct.items():
            count = len(self._seen[key])
            if count != 1:
                raise AttributionError(f"layer {watched.name!r} ran {count} times in a pass, not once; {_WAY_OUT}")

    @property
    def logits(self) -> Tensor:
        """[B, C], without a graph."""
        return self._logits.detach()

    def explain(
        self,
        selector: Tensor,
        *,
        input_gradient: bool = False,
        layers: Sequence[Watched] = (),
        last: bool = True,
    ) -> Explanation:
        """One backward pass for one explained quantity: the gradients at the pixels and at the `layers`.

        Keep the graph with ``last=False`` while other quantities follow.

        Raises:
            AttributionError: no gradient leads from the logits back to what is asked for.
        """
        asked: dict[tuple[int, str] | None, tuple[str, Tensor]] = {}
        if input_gradient:
            asked[None] = ("the image", self._pixels)
        for layer in layers:
            asked[layer.key] = (f"the layer {layer.name!r}", self._values(layer))
        if not asked:
            return Explanation({}, self.activations)
        names, inputs = zip(*asked.values(), strict=True)
        with gradients_wanted():
            value = (self._logits * selector.detach().clone()).sum()
            if not value.requires_grad:
                raise AttributionError(no_gradient(self._model, names[0]))
            found = torch.autograd.grad(value, inputs, retain_graph=not last, allow_unused=True)
        gradients: dict[tuple[int, str] | None, Tensor] = {}
        for key, name, gradient in zip(asked, names, found, strict=True):
            if gradient is None:
                raise AttributionError(no_gradient(self._model, name))
            gradients[key] = gradient
        return Explanation(gradients, self.activations)

    def activations(self, layer: Watched) -> Tensor:
        """[B, K, h, w], the values of a watched layer, without a graph."""
        return _grid(layer, self._values(layer).detach())

    def _values(self, layer: Watched) -> Tensor:
        return self._seen[layer.key][0]

    def _hooked(self, watched: Watched) -> Any:
        """The model goes on with a copy, so that an activation in place does not write into what is kept."""
        kept = self._seen[watched.key]

        def keep(values: object) -> Tensor:
            if not isinstance(values, Tensor):
                raise AttributionError(f"layer {watched.name!r} gives {type(values).__name__}, no tensor; {_WAY_OUT}")
            # frozen and without the pixels nothing leads here: the graph begins at this layer
            value = values if values.requires_grad else values.detach().requires_grad_()
            kept.append(value)
            return value.clone()

        def before(_: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
            return (keep(given[0] if given else None), *given[1:])

        def after(_: nn.Module, __: Any, output: Any) -> Tensor:
            return keep(output)

        if watched.spatial is not None and watched.spatial.side == "input":
            return watched.module.register_forward_pre_hook(before)
        return watched.module.register_forward_hook(after)


@dataclass(frozen=True)
class Explanation:
    """What one backward pass found; ask for it by the names of :data:`Shared`."""

    _gradients: Mapping[tuple[int, str] | None, Tensor]
    _activations: Callable[[Watched], Tensor]

    def tensors(self, wanted: Sequence[Shared], layer: Watched | None) -> dict[str, Tensor]:
        """``input_gradient`` [B, 3, H, W]; ``layer_activation`` and ``layer_gradient`` [B, K, h, w] of `layer`."""
        found: dict[str, Tensor] = {}
        if "input_gradient" in wanted:
            found["input_gradient"] = self._gradients[None]
        if layer is not None and "layer_activation" in wanted:
            found["layer_activation"] = self._activations(layer)
        if layer is not None and "layer_gradient" in wanted:
            found["layer_gradient"] = _grid(layer, self._gradients[layer.key])
        return found


def shared(question: AttributionInput, *wanted: Shared) -> dict[str, Tensor]:
    """The tensors that a method declared: those that the engine handed over, else from one pass of its own."""
    if set(wanted) <= question.tensors.keys():
        return {name: question.tensors[name] for name in wanted}
    at_input = "input_gradient" in wanted
    layer = None
    if question.layer is not None and set(wanted) & {"layer_activation", "layer_gradient"}:
        layer = Watched(question.layer, question.spatial)
    own = SharedPass(question.model, question.pixels, input_gradient=at_input, layers=() if layer is None else (layer,))
    differentiated = (layer,) if layer is not None and "layer_gradient" in wanted else ()
    found = own.explain(question.selector, input_gradient=at_input, layers=differentiated)
    return found.tensors(wanted, layer)


def scores(question: AttributionInput, images: Tensor, selector: Tensor) -> Tensor:
    """[N], the explained quantity of images [N, 3, H, W] under selectors [N, C], in passes of ``question.rows``.

    No gradient is kept. The last pass is padded, so that every pass has one size and no value depends on how many
    images are asked for.
    """
    found = []
    with torch.inference_mode(False), torch.no_grad():
        for part, chosen, count in _parts(question, images, selector):
            found.append((question.model(part) * chosen).sum(1)[:count])
    return torch.cat(found)


def gradients(question: AttributionInput, images: Tensor, selector: Tensor) -> tuple[Tensor, Tensor]:
    """[N] the explained quantity and [N, 3, H, W] its gradient at the images, in passes of ``question.rows``.

    Raises:
        AttributionError: no gradient leads back to the images.
    """
    values, slopes = [], []
    for part, chosen, count in _parts(question, images, selector):
        with gradients_wanted():
            leaf = part.detach().clone().requires_grad_()
            value = (question.model(leaf) * chosen.detach().clone()).sum(1)
            if not value.requires_grad:
                raise AttributionError(no_gradient(name_of(question.model), "the image"))
            (slope,) = torch.autograd.grad(value.sum(), leaf, allow_unused=True)
        if slope is None:
            raise AttributionError(no_gradient(name_of(question.model), "the image"))
        values.append(value.detach()[:count])
        slopes.append(slope[:count])
    return torch.cat(values), torch.cat(slopes)


def explained_by(model: nn.Module, seen: str = "the image") -> Callable[[Tensor, Tensor], Tensor]:
    """(pixels, selector) -> [B], the explained quantity sum_c selector * logits, as captum differentiates it.

    Raises:
        AttributionError: (when called) gradients are wanted, and none leads from the logits back to what is `seen`.
    """

    def explained(pixels: Tensor, selector: Tensor) -> Tensor:
        logits: Tensor = model(pixels)
        value = (logits * selector).sum(1)
        if torch.is_grad_enabled() and not value.requires_grad:
            raise AttributionError(no_gradient(name_of(model), seen))
        return value

    return explained


def name_of(model: nn.Module) -> str:
    """What people call a model: the type of the user's own module, not of what the engine puts round it."""
    return type(getattr(model, "module", model)).__name__


def no_gradient(model: str, seen: str) -> str:
    """What to say where autograd finds no way from the logits back to what is `seen`."""
    return (
        f"{model}: no gradient leads from its logits back to {seen}; the forward pass must use it, and must not switch "
        "gradients off (torch.no_grad, detach)"
    )


@contextmanager
def gradients_wanted() -> Iterator[None]:
    """Gradients are recorded inside, whatever the caller has switched off."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def _parts(question: AttributionInput, images: Tensor, selector: Tensor) -> Iterator[tuple[Tensor, Tensor, int]]:
    rows = question.rows or len(question.pixels)
    for first in range(0, len(images), rows):
        part, chosen = images[first : first + rows], selector[first : first + rows]
        count = len(part)
        if count < rows:
            part = torch.cat([part, part[-1:].expand(rows - count, *part.shape[1:])])
            chosen = torch.cat([chosen, chosen[-1:].expand(rows - count, -1)])
        yield part, chosen, count


def _grid(layer: Watched, values: Tensor) -> Tensor:
    """On the grid, and in single precision at least: under autocast a layer's values are of half of it."""
    values = values.float() if values.dtype in (torch.bfloat16, torch.float16) else values
    return values if layer.spatial is None else layer.spatial.grid(values)


#: (number of the point, images of the batch) to the points [n, 3, H, W]
Point = Callable[[int, Sequence[int]], Tensor]
#: number of the point, images of the batch, values of the explained quantity [n], gradients [n, 3, H, W]
PathGradients = tuple[int, list[int], Tensor, Tensor]


def gradients_at(
    question: AttributionInput, count: int, point: Point, among: Sequence[int] | None = None
) -> Iterator[PathGradients]:
    """Values and gradients at ``point(0)`` to ``point(count - 1)`` of the images `among` (None: all of the batch).

    One point of all these images follows the other, in passes of ``question.rows``. So every image meets its points in
    their order whatever the batch is, passes are full, and no more than one of them is kept. The yielded tensors are
    the caller's to write into.

    Args:
        among: rising numbers.

    Raises:
        AttributionError: no gradient leads back to the image.
    """
    images = list(range(len(question.pixels)) if among is None else among)
    rows = question.rows or len(question.pixels)
    for first in range(0, count * len(images), rows):
        pieces = _pieces(first, min(first + rows, count * len(images)), images)
        stack = torch.cat([point(index, part) for index, part in pieces])
        owners = [image for _, part in pieces for image in part]
        values, slopes = gradients(question, stack, question.selector[owners])
        done = 0
        for index, part in pieces:
            here = slice(done, done + len(part))
            done = here.stop
            yield index, part, values[here], slopes[here]


def rows_of(images: Sequence[int]) -> slice | list[int]:
    """The index of these images in the batch; a slice where they follow each other, so that nothing is copied."""
    first, count = images[0], len(images)
    return slice(first, first + count) if images[-1] - first == count - 1 else list(images)


def _pieces(first: int, last: int, images: list[int]) -> list[tuple[int, list[int]]]:
    """The rows `first` to `last` as (point, consecutive images)."""
    found = []
    while first < last:
        index, start = divmod(first, len(images))
        stop = min(len(images), start + last - first)
        found.append((index, images[start:stop]))
        first += stop - start
    return found
