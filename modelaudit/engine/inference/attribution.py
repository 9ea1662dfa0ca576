"""One micro-batch through a model: logits, and every attribution asked of it, from as few passes as there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ...attribution import AttributionInput, Maps
from ...attribution.passes import Explanation, SharedPass, Watched
from ...language.boundary import contained, failure_text
from ...language.errors import AttributionError
from ...language.spatial import SpatialLayer
from ..planning.plan import MapAsk

Selectors = Callable[[Tensor, str | int], Tensor]
_AT_LAYER = frozenset({"layer_activation", "layer_gradient"})


@dataclass(frozen=True)
class Work:
    """An attribution that is asked for, with the layer that it reads, and the module where that is."""

    ask: MapAsk
    spatial: SpatialLayer | None = None
    layer: Watched | None = None

    @property
    def tensors(self) -> frozenset[str]:
        """The shared tensors that its method reads."""
        return frozenset(self.ask.entry.declares.reads(self.ask.method))


@dataclass(frozen=True)
class MicroBatch:
    """A micro-batch, padded to its size.

    Args:
        pixels: [rows, 3, H, W].
        ids: of the samples in it, one a row; with `seed` they decide every random draw.
        selectors: (logits [rows, C], target) to the explained quantity [rows, C].
    """

    pixels: Tensor
    ids: tuple[str, ...]
    seed: int
    selectors: Selectors


@dataclass
class PassTensors:
    """What one micro-batch gave: logits [rows, C], maps and explained quantities by ask, and what went wrong.

    ``forward`` and ``backward`` count the rows that went through the model, padding and methods' own passes included.
    """

    logits: Tensor
    maps: dict[MapAsk, Maps] = field(default_factory=dict)
    explained: dict[MapAsk, Tensor] = field(default_factory=dict)
    failed: dict[MapAsk, str] = field(default_factory=dict)
    forward: int = 0
    backward: int = 0


def explain(model: nn.Module, batch: MicroBatch, works: Sequence[Work]) -> PassTensors:
    """One forward pass for logits and all shared tensors, one backward pass a target, then the methods.

    A method that fails is in `failed`, and the others go on; a model that fails raises.
    """
    sharing = [work for work in works if work.tensors]
    at_input = any("input_gradient" in work.tensors for work in sharing)
    layers = tuple(dict.fromkeys(work.layer for work in sharing if work.layer is not None and work.tensors & _AT_LAYER))
    refused = ""
    run: SharedPass | None = None
    if sharing:
        try:
            run = SharedPass(model, batch.pixels, input_gradient=at_input, layers=layers)
        except AttributionError as error:  # of a layer, not of the model: the logits are still wanted
            refused = str(error)
    logits = run.logits if run is not None else _logits(model, batch.pixels)
    found = PassTensors(logits, forward=len(batch.pixels))
    explanations = {} if run is None else _explanations(run, batch, sharing, found)
    del run  # its graph is not needed any more, and methods' own passes need the memory
    for work in works:
        if work.ask not in found.failed:
            _explain_one(model, batch, work, explanations.get(work.ask.target), refused, found)
    return found


def _logits(model: nn.Module, pixels: Tensor) -> Tensor:
    with torch.inference_mode(False), torch.no_grad():
        logits: Tensor = model(pixels)
    return logits


def _explanations(
    run: SharedPass, batch: MicroBatch, sharing: Sequence[Work], found: PassTensors
) -> dict[str | int, Explanation]:
    """One backward pass for each target that needs one."""
    targets = tuple(dict.fromkeys(work.ask.target for work in sharing))
    explanations: dict[str | int, Explanation] = {}
    for target in targets:
        of_target = [work for work in sharing if work.ask.target == target]
        layers = dict.fromkeys(work.layer for work in of_target if "layer_gradient" in work.tensors)
        at_input = any("input_gradient" in work.tensors for work in of_target)
        try:
            explanations[target] = run.explain(
                batch.selectors(run.logits, target),
                input_gradient=at_input,
                layers=[layer for layer in layers if layer is not None],
                last=target == targets[-1],
            )
        except torch.cuda.OutOfMemoryError:
            raise
        except BaseException as error:
            message = failure_text(contained(error))
            found.failed.update({work.ask: message for work in of_target})
            continue
        if at_input or layers:
            found.backward += len(batch.pixels)
    return explanations


def _explain_one(
    model: nn.Module, batch: MicroBatch, work: Work, explanation: Explanation | None, refused: str, found: PassTensors
) -> None:
    ask = work.ask
    entry = ask.entry
    try:
        if work.tensors and explanation is None:
            raise AttributionError(refused)
        selector = batch.selectors(found.logits, ask.target)
        explained = (found.logits * selector).sum(1)
        question = AttributionInput(
            model,
            batch.pixels,
            selector,
            explained,
            None if work.layer is None else work.layer.module,
            None if work.layer is None else work.layer.spatial,
            ids=batch.ids,
            seed=batch.seed,
            rows=len(batch.pixels),
            tensors={} if explanation is None else explanation.tensors(entry.declares.reads(ask.method), work.layer),
        )
        with _counted(model, found):
            maps: Maps = entry.function(ask.method, question)
    except torch.cuda.OutOfMemoryError:  # answered with a smaller micro-batch
        raise
    except BaseException as error:  # one method's failure is not the others'
        found.failed[ask] = failure_text(contained(error))
        return
    found.maps[ask], found.explained[ask] = maps, explained


@contextmanager
def _counted(model: nn.Module, found: PassTensors) -> Iterator[None]:
    """Count the images of passes that a method runs itself."""

    def back(gradient: Tensor) -> None:
        found.backward += len(gradient)

    def forward(_: nn.Module, __: object, output: Tensor) -> None:
        found.forward += len(output)
        if output.requires_grad:
            output.register_hook(back)  # type: ignore[no-untyped-call]

    handle = model.register_forward_hook(forward)
    try:
        yield
    finally:
        handle.remove()


def padded(batch: Tensor, rows: int) -> Tensor:
    """`batch` filled up to `rows` with its last row, so that every pass has one size."""
    short = rows - len(batch)
    return torch.cat([batch, batch[-1:].expand(short, *batch.shape[1:])]) if short > 0 else batch


def joined(parts: Sequence[Maps], counts: Sequence[int]) -> Maps:
    """The maps of several micro-batches of one method, without their padding."""
    real = [part if len(part.cells) == count else part.first(count) for part, count in zip(parts, counts, strict=True)]
    if len(real) == 1:
        return real[0]
    completeness, steps = _joined([one.completeness for one in real]), _joined([one.steps for one in real])
    if real[0].coarse is not None:
        size = (real[0].shape[1], real[0].shape[2])
        return Maps.on_grid(torch.cat([one.cells for one in real]), size, completeness, steps)
    return Maps(torch.cat([one.values for one in real]), completeness, steps)


def _joined(parts: Sequence[Tensor | None]) -> Tensor | None:
    known = [part for part in parts if part is not None]
    return torch.cat(known) if len(known) == len(parts) else None
