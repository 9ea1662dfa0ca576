"""One opened model while a group is measured: forward passes, attributions, measures, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

import torch
from torch import Tensor

from ...attribution import Maps, check
from ...attribution.given import stored_maps
from ...attribution.passes import Watched
from ...data import LabelMap
from ...language import registry
from ...language.boundary import contained, described, failure_text
from ...language.errors import AttributionError, AuditError, ModelError
from ...language.picture_origin import PictureOrigin
from ...language.reasons import Missing
from ...language.spatial import SpatialLayer
from ...models import (
    LoadedModel,
    PreparedModel,
    check_repeatable,
    module_named,
    precision_context,
    precisions,
    prepare_model,
    resolve_layer,
    spatial_layer,
)
from ...models.acceleration import Precision
from ...models.named_pictures import NamedPictures
from ...models.predictions.stored_model import StoredPredictions
from ...models.repeatability import IMAGES
from ..planning.plan import MapAsk
from ..results.measured import PassCounts
from .attribution import MicroBatch, PassTensors, Work, explain, joined, padded

_Part = TypeVar("_Part")


@dataclass(frozen=True)
class Explained:
    """The maps of some images, and where they are invalid."""

    maps: Maps
    invalid: Mapping[Missing, Tensor]

    @property
    def values(self) -> Tensor:
        """[n, H, W]."""
        return self.maps.values


@dataclass(frozen=True)
class ModelOutput:
    """What a model answered on some images: logits [n, C], maps, and methods that failed with what went wrong."""

    logits: Tensor
    maps: Mapping[MapAsk, Explained]
    failed: Mapping[MapAsk, str]


@dataclass
class RunningModel:
    """A borrowed model on its device.

    Args:
        labels: which outputs mean which label of the data.
        batch: the micro-batch size; every pass has exactly this many images, the last padded with its last image.
            Where memory does not suffice it is halved for the rest of the run.
        seed: of the random draws of methods that need some.
        layer: the last spatial layer, once something asked for it.
        precision: what passes run in; reduced ones are settled on the user's own images
            (:func:`~modelaudit.engine.inference.precision.settle`).
    """

    loaded: LoadedModel
    device: str
    labels: LabelMap
    batch: int
    passes: PassCounts
    seed: int = 0
    layer: SpatialLayer | None = None
    precision: Precision = "float32"
    notes: list[str] = field(default_factory=list)
    _prepared: PreparedModel | None = field(default=None, repr=False)
    _kept: set[str] = field(default_factory=set, repr=False)
    _layers: dict[tuple[str | None, tuple[int, int]], SpatialLayer | str] = field(default_factory=dict, repr=False)

    @property
    def indices(self) -> Mapping[str | int, int]:
        """The class of every label of the data."""
        return self.labels.indices

    @cached_property
    def merged(self) -> Tensor | None:
        """[C] the class of every output on the model's device; None where each is one of its own."""
        return None if self.labels.merged is None else torch.tensor(self.labels.merged, device=self.device)

    @cached_property
    def named(self) -> Mapping[str | int, int]:
        """The class that each name means that a measure can use."""
        return self.labels.named(self.loaded.classes, self.loaded.outputs)

    @property
    def threshold(self) -> float | None:
        """The logit from which on an output of a multilabel model has found its label; None for other models."""
        return self.loaded.reading.threshold_logit

    def predicted_outputs(self, logits: Tensor, labels: Tensor) -> Tensor:
        """[n] the output that "prediction" explains: the strongest, of a multilabel model the label's own."""
        return self._strongest(logits, labels) if self.threshold is not None else logits.argmax(dim=1)

    def answer(self, logits: Tensor, label: str | int) -> tuple[int, float | None]:
        """The output that is the answer to one image, logits [C], and its probability where that is known; of a
        multilabel model the label's own."""
        labels = torch.tensor([self.indices[label]], device=logits.device)
        index = int(self.predicted_outputs(logits[None], labels))
        if self.loaded.answers is not None and self.loaded.answers.lacks("probabilities"):
            return index, None
        chances = logits.softmax(0) if self.threshold is None else logits.sigmoid()
        return index, float(chances[index])

    @property
    def stored(self) -> StoredPredictions | None:
        """Where answers are looked up, of a model that is never run; None of others."""
        module = self.loaded.module
        return module if isinstance(module, StoredPredictions) else None

    @property
    def fewest_meanings(self) -> int | None:
        """How many meanings the labels of every stored answer have at least; None where each label is one."""
        return None if self.stored is None or self.merged is None else self.stored.fewest_meanings(self.merged)

    def lacks_maps(self, ask: MapAsk) -> str:
        """Why a map cannot be had beside stored answers; "" where it can, and of a model that is run."""
        return "" if self.stored is None else self.stored.maps.lacks(ask.method, ask.target, self.loaded.ref)

    def is_right(self, label: str | int, output: int, probability: float | None) -> bool:
        """Whether an answer of :meth:`answer` is right; of a multilabel model: whether the label was found."""
        found = self.threshold is None or (probability or 0.0) >= self.loaded.reading.threshold
        return found and self.labels.means(label, output)

    @property
    def candidates(self) -> tuple[Precision, ...]:
        """The precisions that may be tried on this device, fastest first; the last one needs no check."""
        return ("float32",) if self.loaded.answers is not None else precisions(self.device, self.loaded.module)

    def prepared(self, size: tuple[int, int]) -> PreparedModel:
        """The model as it is run on images of `size`: made when it first runs, since a stored run needs none."""
        if self._prepared is None:
            self._prepared = prepare_model(self.loaded.pixel_model, size, keep=self._kept)
        if self._prepared.precision != self.precision:
            self._prepared = self._prepared.at(self.precision)
        return self._prepared

    def run(
        self,
        pixels: Tensor,
        labels: Tensor,
        asks: Sequence[MapAsk],
        ids: Sequence[str],
        origins: Sequence[PictureOrigin] = (),
    ) -> ModelOutput:
        """Logits and attributions of images [n, 3, H, W], in padded passes of `batch` images.

        Args:
            origins: what each image was made of, where it is a picture of the audit: a model that answers by name
                needs them.

        Raises:
            ModelError: the forward pass failed.
        """
        size = (pixels.shape[2], pixels.shape[3])
        works, failed = self._works(asks, size) if self.stored is None else ([], {})
        found: list[PassTensors] = []
        counts: list[int] = []
        first = 0
        while first < len(pixels):
            rows = slice(first, first + self.batch)
            part = self._micro_batch(pixels[rows], labels[rows], works, tuple(ids[rows]), tuple(origins[rows]))
            if part is None:  # out of memory: the same images again, fewer at a time
                continue
            found.append(part)
            counts.append(len(pixels[rows]))
            first += len(pixels[rows])
            failed.update(part.failed)
            works = [work for work in works if work.ask not in part.failed]
        logits = torch.cat([part.logits[:count] for part, count in zip(found, counts, strict=True)]).float()
        for part in found if self.stored is None else ():
            self.passes.forward += part.forward
            self.passes.backward += part.backward
        maps = {work.ask: self._checked(work.ask, found, counts, pixels) for work in works}
        if self.stored is not None:
            maps, failed = self._stored_maps(self.stored, asks, origins, pixels, logits)
        return ModelOutput(logits, maps, failed)

    def _stored_maps(
        self,
        stored: StoredPredictions,
        asks: Sequence[MapAsk],
        origins: Sequence[PictureOrigin],
        pixels: Tensor,
        logits: Tensor,
    ) -> tuple[dict[MapAsk, Explained], dict[MapAsk, str]]:
        """The maps that lie beside the answers, and what is wrong with others."""
        maps: dict[MapAsk, Explained] = {}
        failed: dict[MapAsk, str] = {}
        names, size = [one.name for one in origins], (pixels.shape[2], pixels.shape[3])
        for ask in asks:
            why = self.lacks_maps(ask)
            if why:  # a check asks for maps of another target, say
                failed[ask] = why
                continue
            try:
                cells, positive = stored.maps.read(ask.method, names, size)
                found = stored_maps(cells.to(pixels.device), size, positive=positive)
                maps[ask] = Explained(found, check(found, pixels, logits.amax(1)))
            except AuditError as error:
                failed[ask] = str(error)
        return maps, failed

    def check_repeatable(self, images: Tensor) -> None:
        """Pass a few of these images [n, 3, H, W] twice, among other images.

        Raises:
            ModelError: their logits differ, or the forward pass failed.
        """
        batch = min(IMAGES, self.batch)
        while True:
            try:
                self.passes.tried += check_repeatable(self.loaded, images, batch)
            except torch.cuda.OutOfMemoryError:
                if batch == 1:
                    raise
            else:
                return
            batch //= 2

    def run_in(self, precision: Precision, *notes: str) -> None:
        """Run passes in a precision from now on; `notes` say how it was found."""
        self.precision = precision
        self.notes.extend(notes)

    def class_name(self, index: int) -> str:
        """The name of a class, its index where the names are unknown."""
        return self.loaded.classes[index] if self.loaded.classes else str(index)

    def _micro_batch(
        self,
        pixels: Tensor,
        labels: Tensor,
        works: Sequence[Work],
        ids: tuple[str, ...],
        origins: tuple[PictureOrigin, ...],
    ) -> PassTensors | None:
        """None where memory did not suffice; the next micro-batches are smaller then."""
        rows = self.batch
        ids, origins = _padded(ids, rows), _padded(origins, rows)
        known = padded(labels, rows)
        batch = MicroBatch(padded(pixels, rows), ids, self.seed, lambda logits, to: self._selector(to, logits, known))
        size = (pixels.shape[2], pixels.shape[3])
        try:
            with precision_context(self.precision), self._showing(origins):
                found = explain(self.prepared(size).model, batch, self._watching(works, size))
        except torch.cuda.OutOfMemoryError as error:
            if rows == 1:
                raise ModelError(
                    f"{self.loaded.ref}: not even one image of {pixels.shape[3]} x {pixels.shape[2]} fits into the "
                    f"memory of {self.device} ({error}); use another device or a cheaper method"
                ) from error
        except ModelError:
            raise
        except BaseException as raised:
            failure = contained(raised)
            raise ModelError(
                f"{self.loaded.ref}: the forward pass on {tuple(batch.pixels.shape)} failed with "
                f"{described(failure)}; check the model and its preprocessing"
            ) from failure
        else:
            self._require_logits(found.logits)
            return found
        # outside of the handler, whose traceback keeps the tensors of the failed pass alive
        self.batch = rows // 2
        self.notes.append(f"micro-batch: {rows} images did not fit into memory, {self.batch} from then on")
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return None

    def _showing(self, origins: tuple[PictureOrigin, ...]) -> AbstractContextManager[None]:
        module = self.loaded.module
        return module.showing(origins) if isinstance(module, NamedPictures) else nullcontext()

    def _require_logits(self, logits: Tensor) -> None:
        if logits.ndim != 2 or logits.shape[1] != self.loaded.outputs:
            raise ModelError(f"{self.loaded.ref}: logits have shape {tuple(logits.shape)}, not [images, classes]")

    def _checked(self, ask: MapAsk, found: Sequence[PassTensors], counts: Sequence[int], pixels: Tensor) -> Explained:
        maps = joined([part.maps[ask] for part in found], counts)
        explained = torch.cat([part.explained[ask][:count] for part, count in zip(found, counts, strict=True)])
        return Explained(maps, check(maps, pixels, explained))

    def _works(self, asks: Sequence[MapAsk], size: tuple[int, int]) -> tuple[list[Work], dict[MapAsk, str]]:
        """The attributions with their layers, and those that this architecture or this target refuses."""
        works: list[Work] = []
        failed: dict[MapAsk, str] = {}
        for ask in asks:
            try:
                self._check_gradients(ask)
                self._check_target(ask.target)
                works.append(Work(ask, self._layer(ask, size)))
            except BaseException as error:
                failed[ask] = failure_text(contained(error))
        return works, failed

    def _layer(self, ask: MapAsk, size: tuple[int, int]) -> SpatialLayer | None:
        """The layer that a method reads; a layer that cannot be had is looked for once."""
        if not ask.entry.declares.needs_layer(ask.method):
            return None
        key = (getattr(ask.method, "layer", None), size)
        if key not in self._layers:
            try:
                self._layers[key] = self._found_layer(*key)
            except AttributionError as error:
                self._layers[key] = str(error)
        found = self._layers[key]
        if isinstance(found, str):
            raise AttributionError(found)
        return found

    def _found_layer(self, name: str | None, size: tuple[int, int]) -> SpatialLayer:
        """PassTensors and proven on the user's own model, before anything is folded."""
        if name is not None:
            found = resolve_layer(self.loaded.pixel_model, name, size)
        elif self.layer is not None:
            found = self.layer
        else:
            found = self.layer = spatial_layer(self.loaded.pixel_model, size)
        if self._prepared is not None and found.name in self._prepared.changed:
            self._prepared = None  # made again, with this layer's own values
        self._kept.add(found.name)
        return found

    def _watching(self, works: Sequence[Work], size: tuple[int, int]) -> list[Work]:
        """The works with the modules of the prepared model that they read."""
        model = self.prepared(size).model
        return [
            work
            if work.spatial is None
            else replace(work, layer=Watched(module_named(model, work.spatial.name), work.spatial))
            for work in works
        ]

    def _check_gradients(self, ask: MapAsk) -> None:
        if ask.entry.declares.needs_gradients(ask.method) and not self.loaded.differentiable:
            names = [name for name in registry.names("attribution") if _only_scores(name)]
            raise AttributionError(
                f"{self.loaded.ref}: no gradient leads from its logits back to the image, and {ask.method} needs one; "
                f"take a method that sees only scores: {', '.join(names)}"
            )

    def _check_target(self, target: str | int) -> None:
        if target == "margin" and self.threshold is not None:
            raise ModelError(
                f"{self.loaded.ref}: labels are answered one by one (scores='multilabel'), so there is no runner-up; "
                "use target='prediction' or target='label', which explain the label's own logit"
            )
        if target == "margin" and self.loaded.outputs < 2:
            raise ModelError(f"{self.loaded.ref}: has one output, so no runner-up; use target='prediction'")
        if target not in ("prediction", "label", "margin"):
            self.loaded.index_of(target)

    def _selector(self, target: str | int, logits: Tensor, labels: Tensor) -> Tensor:
        """[n, C]: what of the logits is explained."""
        known = logits.nan_to_num(nan=-torch.inf)
        selector = torch.zeros_like(logits)
        if target == "label" or (target == "prediction" and self.threshold is not None):
            return selector.scatter(1, self._strongest(known, labels)[:, None], 1.0)
        if target in ("prediction", "margin"):
            top = known.argmax(dim=1, keepdim=True)
            selector = selector.scatter(1, top, 1.0)
            return selector if target == "prediction" else selector.scatter(1, self._runner_up(known, top), -1.0)
        selector[:, self.loaded.index_of(target)] = 1.0
        return selector

    def _strongest(self, logits: Tensor, labels: Tensor) -> Tensor:
        """[n] the output of each label; of several that mean it the one with the largest logit."""
        if self.merged is None:
            return labels
        own = self.merged.to(logits.device)[None, :] == labels[:, None]
        # two fills: a logit of -inf among the label's own stays above those of other labels
        return logits.clamp_min(torch.finfo(logits.dtype).min).masked_fill(~own, -torch.inf).argmax(dim=1)

    def _runner_up(self, logits: Tensor, top: Tensor) -> Tensor:
        """[n, 1] the strongest output that means something else than the strongest of all."""
        same = torch.zeros_like(logits, dtype=torch.bool).scatter(1, top, True)
        if self.merged is not None:
            same |= self.merged[None, :] == self.merged[top]
        return logits.clamp_min(torch.finfo(logits.dtype).min).masked_fill(same, -torch.inf).argmax(dim=1, keepdim=True)


def _padded(parts: tuple[_Part, ...], rows: int) -> tuple[_Part, ...]:
    """The last part repeated, as the last image of a micro-batch is; none stay none."""
    return (*parts, *parts[-1:] * (rows - len(parts)))


def _only_scores(name: str) -> bool:
    declares = registry.find("attribution", name).declares
    return declares.gradients is False and declares.spatial_layer is False and bool(declares.own_passes)
