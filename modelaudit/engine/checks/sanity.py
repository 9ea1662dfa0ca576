"""Each attribution method is tried on the model that it explains: with random weights, and by deleting pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter
from scipy.special import stdtrit
from torch import Tensor

from ...data import LabelMap
from ...language import draws
from ...language.boundary import contained, failure_text
from ...language.sample import Sample
from ...language.spec import Method, long_text
from ...measures.deletion import area_under, deletion_curve
from ...measures.randomisation import correlations, randomised
from ...models import LoadedModel
from ..images.batches import Chunk
from ..images.donor_ranking import limited
from ..inference.running_model import Explained, RunningModel
from ..measurement.passes import PassRunner
from ..planning.plan import MapAsk
from ..results.checks import Sanity
from ..store.keys import digest, made_with, origin
from ..store.store import Key, StoreBatch

Values = NDArray[np.float64]
#: mean rank correlation with the maps of random weights: beyond it half of the variance of the ranks is there before
#: anything is learnt (0.7^2)
LIMIT = 0.7
#: copies with random weights; the images are dealt out among them
COPIES = 4
#: steps on random weights of a method that chooses them by itself elsewhere
_STEPS_OF_COPIES = 32
#: one-sided, of the bounds
CONFIDENCE = 0.95
#: of the deletion curve; RISE's own are of 224 pixels, 224 passes an image
STEPS = 10
_FOUND = TypeAdapter(list[Sanity])


def method_sanity(runner: PassRunner, end: int, images: int) -> list[Sanity]:
    """The checks of every (model, method, target) that the passes of a measurement read.

    On the first `images` of the fixed order, as they are. Whatever goes wrong is a note: the audit itself goes on. What
    the store knows is not computed again.

    Args:
        end: so many of the samples count.
        images: none of them where this is 0.
    """
    if not images:
        return []
    samples = limited(runner.samples[:end], images, runner.builder.seed)
    chosen = [sample for sample in samples if sample.id not in runner.builder.unusable]
    trials = _Trials(runner, chosen)
    return [found for key, model in runner.models.items() for found in trials.of(key, model)]


class _Trials:
    def __init__(self, runner: PassRunner, samples: Sequence[Sample]) -> None:
        self._runner, self._samples = runner, samples
        self._chunk: Chunk | None = None

    def of(self, key: str, model: RunningModel) -> Iterator[Sanity]:
        """The checks of the methods that are asked of one model."""
        asks = list(dict.fromkeys(map_ for one in self._runner.table.passes if one.model == key for map_ in one.maps))
        known = {ask: self._stored(model, ask) for ask in asks}
        new = [ask for ask in asks if known[ask] is None]
        if new:
            known.update(self._made(key, model, new))
        for ask in asks:
            for one in known[ask] or ():
                yield one.model_copy(update={"model": key, "method": ask.text})

    def _made(self, key: str, model: RunningModel, asks: Sequence[MapAsk]) -> dict[MapAsk, list[Sanity]]:
        why_not = _cannot(model.loaded, len(self._samples))
        if why_not:
            return {ask: [_nothing(key, ask, why_not)] for ask in asks}
        try:
            made = _tried(key, model, self._images(model), asks)
        except BaseException as error:  # of a copy, or of the model on it: the audit goes on, the next run tries again
            why = failure_text(contained(error))
            return {ask: [_nothing(key, ask, why)] for ask in asks}
        self._keep(model, made)
        return made

    def _images(self, model: RunningModel) -> _Images:
        if self._chunk is None:
            self._chunk = self._runner.builder.finish(
                self._runner.builder.begin(self._samples, range(len(self._samples)))
            )
        chunk = self._chunk
        pixels = self._runner.builder.scene(chunk, model.loaded.preprocessing).pixels
        labels = torch.tensor([model.indices[one.label] for one in chunk.samples], device=model.device)
        return _Images(pixels, labels, tuple(one.id for one in chunk.samples))

    def _stored(self, model: RunningModel, ask: MapAsk) -> list[Sanity] | None:
        name = self._name(model)
        if name is None:
            return None
        (content,) = self._runner.lookup.store.contents(self._key(model, ask), [name])
        return None if content is None else _FOUND.validate_json(content)

    def _keep(self, model: RunningModel, made: Mapping[MapAsk, list[Sanity]]) -> None:
        name, batch = self._name(model), StoreBatch()
        if name is None:
            return
        for ask, found in made.items():
            batch.content(self._key(model, ask), name, _FOUND.dump_json(found))
        self._runner.lookup.store.commit(batch)

    def _name(self, model: RunningModel) -> bytes | None:
        """Of the images and of what their labels mean; None where that is not known without decoding them."""
        contents = self._runner.builder.contents.of(self._samples)
        if not self._runner.stores or any(one is None for one in contents):
            return None
        parts = zip(self._samples, contents, strict=True)
        return digest(
            *(text for one, content in parts for text in (one.id, content or "", model.labels.code(one.label)))
        )

    def _key(self, model: RunningModel, ask: MapAsk) -> Key:
        loaded, seed = model.loaded, str(self._runner.builder.seed)
        device = model.device.split(":")[0]
        who = (loaded.fingerprint, loaded.probe_digest, device, model.precision, made_with(), seed)
        what = (long_text(ask.method), origin(ask.method), repr(ask.target))
        return Key(digest("sanity", *who, *what), "sanity", loaded.ref, measure=ask.text)


@dataclass(frozen=True)
class _Images:
    """Originals [n, 3, H, W] on the model's device, the index of each label [n], and the ids."""

    pixels: Tensor
    labels: Tensor
    ids: tuple[str, ...]

    def rows(self, at: list[int]) -> _Images:
        return _Images(self.pixels[at], self.labels[at], tuple(self.ids[one] for one in at))


def _cannot(loaded: LoadedModel, images: int) -> str:
    """Why nothing can be tried; "" where it can."""
    if not any(one.numel() for one in loaded.module.parameters()):
        return "the model has no parameters here that could be drawn anew"
    return "" if images >= 2 else f"{images} image(s): at least 2 are needed"


def _tried(key: str, model: RunningModel, images: _Images, asks: Sequence[MapAsk]) -> dict[MapAsk, list[Sanity]]:
    output = model.run(images.pixels, images.labels, asks, images.ids)
    predicted = model.predicted_outputs(output.logits, images.labels).to(images.labels.device)
    random = _with_random_weights(model, images, predicted, list(output.maps))
    by_chance = _deletion(model, images, predicted, _chance(images, model.seed))
    found: dict[MapAsk, list[Sanity]] = {ask: [_nothing(key, ask, why)] for ask, why in output.failed.items()}
    for ask, maps in output.maps.items():
        other = random[ask]
        weights = _nothing(key, ask, other) if isinstance(other, str) else _mprt(key, ask, maps, other)
        deleted = _deletion(model, images, predicted, maps.values)
        found[ask] = [weights, _of_deletion(key, ask, by_chance - deleted, maps)]
    return found


def _with_random_weights(
    model: RunningModel, images: _Images, predicted: Tensor, asks: Sequence[MapAsk]
) -> dict[MapAsk, Tensor | str]:
    """Maps [n, H, W] of copies with random weights, the i-th image's of copy i mod `COPIES`; or what went wrong."""
    found: dict[MapAsk, Tensor | str] = {}
    count = min(COPIES, len(images.ids))
    for number in range(count):
        at = list(range(number, len(images.ids), count))
        copied = replace(model.loaded, module=randomised(model.loaded.module, model.seed * COPIES + number))
        for ask, maps in _of_copy(copied, model, images.rows(at), predicted[at], asks):
            so_far = found.get(ask)
            if isinstance(maps, str) or isinstance(so_far, str):
                found[ask] = maps if isinstance(maps, str) else str(so_far)
                continue
            whole = maps.new_zeros(len(images.ids), *maps.shape[1:]) if so_far is None else so_far
            whole[at] = maps
            found[ask] = whole
    return found


def _of_copy(
    copied: LoadedModel, model: RunningModel, images: _Images, predicted: Tensor, asks: Sequence[MapAsk]
) -> Iterator[tuple[MapAsk, Tensor | str]]:
    """Each ask's maps [m, H, W]. "prediction" is explained as the class that the model itself predicts."""
    for pinned in (True, False):
        own = {
            one: MapAsk(_of_fixed_work(one.method), "label" if pinned else one.target)
            for one in asks
            if _predicts(one) is pinned
        }
        if not own:
            continue
        labels, classes = (LabelMap({}), predicted) if pinned else (model.labels, images.labels)
        rows = min(model.batch, len(images.ids))
        other = RunningModel(copied, model.device, labels, rows, model.passes, model.seed, model.layer, model.precision)
        output = other.run(images.pixels, classes, list(own.values()), images.ids)
        for ask, asked in own.items():
            yield ask, output.failed[asked] if asked in output.failed else output.maps[asked].values


def _of_fixed_work(method: Method) -> Method:
    """A method that takes as many steps as an image needs would take as many as it may on random weights."""
    changed: Any = method
    return replace(changed, steps=_STEPS_OF_COPIES) if getattr(method, "steps", None) == "auto" else method


def _predicts(ask: MapAsk) -> bool:
    return ask.target == "prediction"


def _mprt(key: str, ask: MapAsk, maps: Explained, other: Tensor) -> Sanity:
    """Spearman's correlation of the maps with those of random weights, as the measures read them: positive parts.

    The images of one copy share its weights, so the bound (a t interval) is over the means of copies.
    """
    values = correlations(maps.values.clamp_min(0), other.clamp_min(0))
    values[_invalid(maps)] = np.nan
    count = min(COPIES, len(values))
    means = [_mean(values[number::count]) for number in range(count)]
    value, (lower, _) = _mean(values), _bounds(np.array(means, dtype=np.float64))
    if value is None:
        return _nothing(key, ask, "the model's own maps say nothing on these images")
    passed = None if lower is None else lower <= LIMIT
    note = "" if passed is not None else "too few images for a bound"
    return Sanity(
        model=key, method=ask.text, check="mprt", value=value, limit=LIMIT, better="low", passed=passed,
        images=int((~np.isnan(values)).sum()), note=note,
    )  # fmt: skip


def _of_deletion(key: str, ask: MapAsk, gains: Values, maps: Explained) -> Sanity:
    """Information: the area under the deletion curve of a random order minus that of the map's order, mean over images.

    `passed` is None where a two-sided t interval holds 0.
    """
    gains = gains.copy()
    gains[_invalid(maps)] = np.nan
    value, (lower, upper) = _mean(gains), _bounds(gains)
    passed = None
    if lower is not None and upper is not None:
        passed = True if lower > 0 else False if upper < 0 else None
    return Sanity(
        model=key, method=ask.text, check="deletion", value=value, limit=0.0, better="high", passed=passed,
        images=int((~np.isnan(gains)).sum()),
        note="" if passed is not None else "no clear difference from a random order",
    )  # fmt: skip


def _deletion(model: RunningModel, images: _Images, classes: Tensor, order: Tensor) -> Values:
    """[n] the area under the deletion curve of `classes`, in `STEPS` equal steps to black."""
    step = math.ceil(order[0].numel() / STEPS)

    def score(pixels: Tensor) -> Tensor:
        logits = model.run(pixels, images.labels, [], images.ids).logits
        if model.threshold is None:
            return logits
        own = logits.gather(1, classes[:, None].to(logits.device))
        return torch.cat([own, torch.zeros_like(own)], 1)  # whose softmax is the label's sigmoid

    asked = classes if model.threshold is None else torch.zeros_like(classes)
    curve = deletion_curve(order, images.pixels, score, asked, step)
    return np.asarray(area_under(curve).cpu().numpy(), dtype=np.float64)


def _chance(images: _Images, seed: int) -> Tensor:
    """[n, H, W] a random order of the pixels of each image, drawn from the seed and its id."""
    size = images.pixels.shape[2:]
    drawn = [torch.rand(size, generator=draws.generator(seed, one, "deletion", 0)) for one in images.ids]
    return torch.stack(drawn).to(images.pixels.device)


def _bounds(values: Values) -> tuple[float | None, float | None]:
    """Two one-sided t bounds of a mean at `CONFIDENCE`; None for fewer than two values."""
    known = values[~np.isnan(values)]
    if len(known) < 2:
        return None, None
    half = float(stdtrit(len(known) - 1, CONFIDENCE) * known.std(ddof=1) / math.sqrt(len(known)))
    return float(known.mean()) - half, float(known.mean()) + half


def _mean(values: Values) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _invalid(maps: Explained) -> NDArray[np.bool_]:
    """[n] images whose map is invalid; measures have no value there either."""
    flags = torch.stack(list(maps.invalid.values())).any(0) if maps.invalid else torch.zeros(len(maps.values))
    return np.asarray(flags.cpu().numpy(), dtype=np.bool_)


def _nothing(key: str, ask: MapAsk, note: str) -> Sanity:
    """The check that decides could not be made."""
    return Sanity(
        model=key,
        method=ask.text,
        check="mprt",
        value=None,
        limit=LIMIT,
        better="low",
        passed=None,
        images=0,
        note=note,
    )
