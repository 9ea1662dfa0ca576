"""Images as the watch sees them: their appearance, features of the model, and what it answers, in one pass each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from types import TracebackType

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ..data import UnusableSample
from ..data.appearance import Appearance, appearance
from ..engine.images.prepared import PreparedSample, View, prepare_sample
from ..language.boundary import contained, described
from ..language.errors import AttributionError, DataError, ModelError
from ..language.reasons import Missing
from ..language.sample import BACKGROUND, Preprocessing, Sample
from ..language.spatial import SpatialLayer
from ..models import LoadedModel, PixelModel, frozen_on, precision_context
from ..models.layers import early_layer

Values = NDArray[np.float64]
Pixels = NDArray[np.uint8]
#: the longer side of a thumbnail
THUMBNAIL = 96
_WORKERS = 2
#: a cell of a layer is surroundings where that share of it is
_CELL_SHARE = 0.99
#: images in one pass; of one size on each kind of device, so that no score depends on the others in its pass
_PASS_CPU, _PASS_GPU = 1, 32
#: a pass of fewer operations is not divided among threads: where the machine does other work they wait for each other
#: longer than the pass takes
_SMALL_PASS = 2e9


@dataclass(frozen=True, eq=False)
class FrameFeatures:
    """One image.

    Args:
        light: the columns of :data:`~modelaudit.data.appearance.LIGHT`.
        appearance: the columns of :data:`~modelaudit.data.appearance.SURROUNDINGS`, by whether the object is left out.
        surroundings: these, and the mean of every channel of the watched layers over the same part of the image.
        index: of the predicted output.
        confidence: its probability.
        thumbnail: [h, w, 3], at most 96 pixels a side.
    """

    light: Values
    appearance: Mapping[bool, Values]
    surroundings: Mapping[bool, Values]
    index: int
    confidence: float
    thumbnail: Pixels


@dataclass(frozen=True, eq=False)
class _Ready:
    """An image that was decoded, measured without the model, and put through the model's geometry."""

    view: View
    appearances: Mapping[bool, Appearance]
    thumbnail: Pixels


def watched_layers(loaded: LoadedModel) -> list[SpatialLayer]:
    """The layers whose mean activations are features of the surroundings: an early one, or none where the inside of the
    model cannot be seen.

    The last spatial layer is not among them: its cells see most of the image and are of classes, so that it changes
    with the parts as much as with what they lie on.
    """
    try:
        return [early_layer(loaded, loaded.input_size)]
    except AttributionError:
        return []


class FrameReader:
    """Reads images with a model; use it as a context manager to keep the model on the device in between.

    Args:
        layers: of :func:`watched_layers`.
        digests: filled with the digest of each image, as the record of a run counts it.
    """

    def __init__(self, loaded: LoadedModel, layers: Sequence[SpatialLayer], device: str) -> None:
        self._loaded, self._layers, self._device = loaded, tuple(layers), device
        self._batch = _PASS_GPU if device.startswith("cuda") else _PASS_CPU
        self._threads: int | None = None
        self._open = ExitStack()
        self._workers: ThreadPoolExecutor | None = None
        self._model: PixelModel | None = None
        self._kept: dict[str, Tensor] = {}
        self.digests: dict[str, str] = {}

    def __enter__(self) -> FrameReader:
        self._model = self._open.enter_context(frozen_on(self._loaded, self._device))
        self._threads = _fewest_threads(self._model, self._loaded.input_size, self._device)
        for layer in self._layers:
            self._open.enter_context(_kept_values(self._loaded.module, layer, self._kept))
        self._workers = self._open.enter_context(ThreadPoolExecutor(_WORKERS, "watch", _alone))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._model = self._workers = None
        self._open.close()

    def opened(self) -> AbstractContextManager[FrameReader]:
        """Itself, opened for the length of a ``with`` block where it is not open already."""
        return self if self._model is None else nullcontext(self)

    def read(self, samples: Sequence[Sample], masked: Sequence[bool]) -> list[FrameFeatures | UnusableSample]:
        """Each image's features, or why it has none.

        Args:
            masked: which surroundings are measured: False the whole image, True without the object.

        Raises:
            ModelError: the model cannot be run.
        """
        assert self._workers is not None, "open the reader first"
        found: list[FrameFeatures | UnusableSample | None] = [None] * len(samples)
        waiting: list[tuple[int, _Ready]] = []  # of one size, for the next pass; meanwhile the workers read on

        def run() -> None:
            features = self._passed([one for _, one in waiting], masked) if waiting else []
            for (at, _), one in zip(waiting, features, strict=True):
                found[at] = one or UnusableSample(
                    Missing.NON_FINITE_LOGITS, f"{samples[at].id}: the model returns NaN or infinity"
                )
            waiting.clear()

        for at, one in enumerate(self._workers.map(lambda sample: self._ready(sample, masked), samples)):
            if isinstance(one, UnusableSample):
                found[at] = one
                continue
            if len(waiting) == self._batch or (waiting and waiting[-1][1].view[0].shape != one.view[0].shape):
                run()
            waiting.append((at, one))
        run()
        return [one for one in found if one is not None]

    def _ready(self, sample: Sample, masked: Sequence[bool]) -> _Ready | UnusableSample:
        prepared = prepare_sample(sample, (self._loaded.preprocessing,))
        if isinstance(prepared, UnusableSample):
            self.digests[sample.id] = f"unusable:{prepared.reason}"
            return prepared
        self.digests[sample.id] = prepared.decoded.digest
        try:
            return _measured(sample, prepared, self._loaded.preprocessing, masked)
        except UnusableSample as error:
            return error
        except DataError as error:
            return UnusableSample(Missing.UNREADABLE_IMAGE, f"{sample.id}: {error}")

    def _passed(self, ready: Sequence[_Ready], masked: Sequence[bool]) -> list[FrameFeatures | None]:
        """One pass, filled up with its last image; None where the model's values are not finite."""
        assert self._model is not None
        pixels = torch.stack([one.view[0] for one in ready])
        filled = torch.cat([pixels, pixels[-1:].expand(self._batch - len(ready), -1, -1, -1)])
        self._kept.clear()
        try:
            with torch.inference_mode(), precision_context("float32"), _threads(self._threads):
                logits = self._model(filled.to(self._device)).double().cpu()
                means = [self._means(at, one, masked) for at, one in enumerate(ready)]
        except BaseException as error:
            problem = contained(error)
            raise ModelError(f"{self._loaded.ref}: cannot be run on these images: {described(problem)}") from problem
        return [self._features(one, logits[at], means[at]) for at, one in enumerate(ready)]

    def _means(self, at: int, ready: _Ready, masked: Sequence[bool]) -> dict[bool, Values]:
        """Of every channel of the layers, over the cells of the surroundings of image `at` of the pass."""
        found = {}
        for leave_out in masked:
            parts = [np.zeros(0)]
            for layer in self._layers:
                cells = _cells(layer, self._kept[layer.name])[at].float()
                parts.append(_mean(cells, ready.view[1] if leave_out else None).double().cpu().numpy())
            found[leave_out] = np.concatenate(parts)
        return found

    def _features(self, ready: _Ready, logits: Tensor, means: Mapping[bool, Values]) -> FrameFeatures | None:
        together = self._loaded.reading.threshold_logit is None
        probabilities = logits.softmax(0) if together else logits.sigmoid()
        finite = bool(logits.isfinite().all()) and all(np.isfinite(one).all() for one in means.values())
        if not finite:
            return None
        measured = {leave_out: one.surroundings for leave_out, one in ready.appearances.items()}
        return FrameFeatures(
            light=next(iter(ready.appearances.values())).light,
            appearance=measured,
            surroundings={leave_out: np.concatenate([measured[leave_out], means[leave_out]]) for leave_out in means},
            index=int(logits.argmax()),
            confidence=float(probabilities.max()),
            thumbnail=ready.thumbnail,
        )


@contextmanager
def _kept_values(module: nn.Module, layer: SpatialLayer, kept: dict[str, Tensor]) -> Iterator[None]:
    """Keeps the last values of a layer under its name."""
    part = module.get_submodule(layer.name)

    def before(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        kept[layer.name] = given[0].detach()

    def after(_: nn.Module, __: object, output: Tensor) -> None:
        kept[layer.name] = output.detach()

    handle = part.register_forward_pre_hook(before) if layer.side == "input" else part.register_forward_hook(after)
    try:
        yield
    finally:
        handle.remove()


def _measured(sample: Sample, prepared: PreparedSample, preprocessing: Preprocessing, masked: Sequence[bool]) -> _Ready:
    """What of an image needs no model.

    Raises:
        DataError: it cannot be made.
    """
    image, mask = prepared.decoded.image, prepared.decoded.mask
    view, of_mask = prepared.view(preprocessing)
    if mask is None and sample.without_object:
        mask, of_mask = np.full(image.shape[:2], BACKGROUND, dtype=np.uint8), None
    elif mask is None and True in masked:
        raise prepared.mask_error or UnusableSample(
            Missing.NO_MASK, f"{sample.id}: has no mask, and its surroundings are to be watched without the object"
        )
    found = {leave_out: appearance(image, mask if leave_out else None) for leave_out in masked}
    if not all(one.has_surroundings for one in found.values()):
        raise UnusableSample(Missing.FULL_MASK, f"{sample.id}: its mask leaves no surroundings to be measured")
    return _Ready((view, of_mask), found, thumbnail_of(image))


def thumbnail_of(image: Pixels) -> Pixels:
    """A copy of an image [H, W, 3] of at most 96 pixels a side."""
    height, width = image.shape[:2]
    longer = max(height, width)
    if longer <= THUMBNAIL:
        return image
    size = tuple(max(1, round(side * THUMBNAIL / longer)) for side in (width, height))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX, reducing_gap=1.0))


def _cells(layer: SpatialLayer, values: Tensor) -> Tensor:
    """[B, channels, h, w]; images of another size than the model was opened with have another grid."""
    if layer.layout == "NCHW":
        return values
    return values.permute(0, 3, 1, 2) if layer.layout == "NHWC" else layer.grid(values)


def _mean(cells: Tensor, mask: Tensor | None) -> Tensor:
    """[channels]: the mean over cells [channels, h, w] that are surroundings, in the mask [H, W] of the model's view.

    Where no cell is surroundings alone, every cell counts by how much of it is.
    """
    if mask is None:
        return cells.mean(dim=(1, 2))
    size = (cells.shape[1], cells.shape[2])
    share = nn.functional.adaptive_avg_pool2d((mask == BACKGROUND).float()[None], size)[0].to(cells.device)
    weights = (share > _CELL_SHARE).float()
    weights = weights if bool(weights.any()) else share
    total = weights.sum()
    if not bool(total > 0):  # the model's crop shows the object alone
        return cells.mean(dim=(1, 2))
    return torch.einsum("chw,hw->c", cells, weights) / total


def _fewest_threads(model: PixelModel, size: tuple[int, int], device: str) -> int | None:
    """1 where a pass on a CPU is small, None where it is large or its operations cannot be counted."""
    if device != "cpu":
        return None
    try:
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            model(torch.zeros(1, 3, *size))
    except BaseException as error:  # it will be told when the first image is passed
        contained(error)
        return None
    return 1 if 0 < counter.get_total_flops() < _SMALL_PASS else None


@contextmanager
def _threads(number: int | None) -> Iterator[None]:
    """Computes with so many threads; None leaves them as they are."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if number is None else number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _alone() -> None:
    """A worker computes in its own thread: a team of its own would take the cores from the model's."""
    torch.set_num_threads(1)
