"""The galleries of a group's cases: which images are offered, and how they are drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from ..language.errors import AuditError
from ..language.expression import Arithmetic, Expression, Measure, Number
from ..language.spec import Context
from .facts import Facts, membership
from .gallery import Gallery
from .measured import Picture, Row
from .models import RunningModel
from .pictures import image_bytes, overlay_bytes
from .plan import Group, MapAsk, PlannedCase, column_key, original_context, single_method
from .reading import ChunkValues
from .scenes import Chunk, Stage

_CONTEXTS_SHOWN = 3
_METHODS_SHOWN = 2
Read = Mapping[tuple[str, str], ChunkValues]


class Galleries:
    """One gallery a case, offered every chunk."""

    def __init__(self, group: Group, models: Mapping[str, RunningModel], known_labels: frozenset[str]) -> None:
        self._models = models
        self._known_labels = known_labels
        self._galleries = [Gallery(case) for case in group.cases]

    def offer(self, chunk: Chunk, read: Read, stage: Stage) -> None:
        """Offer the images of a chunk to every case whose passes all ran."""
        for gallery in self._galleries:
            case = gallery.case
            if not all(at in read and columns <= read[at].columns.keys() for at, columns in _needs_of(case)):
                continue
            try:
                found = per_image(case.asked.expectation.expression, partial(self._leaf, case, chunk, read))
            except AuditError:  # a stratum of no known class, say: the decision says so, of this case alone
                continue
            values = np.broadcast_to(found, (len(chunk.samples),))
            areas = _areas_of(case, read)
            for row in np.flatnonzero(~np.isnan(values)).tolist():
                sample = chunk.samples[row]
                draw = partial(self._draw, case, row, chunk, read, stage)
                area = None if np.isnan(areas[row]) else float(areas[row])
                gallery.offer(sample.id, str(sample.label), float(values[row]), draw, area=area)

    def rows(self, store: Callable[[bytes], str]) -> dict[str, list[Row]]:
        """The kept rows by case id."""
        return {gallery.case.asked.id: gallery.rows(store) for gallery in self._galleries}

    def _leaf(self, case: PlannedCase, chunk: Chunk, read: Read, leaf: Measure) -> NDArray[np.float64]:
        """Values of a leaf on a chunk, NaN where missing or outside its stratum; of several methods the worst."""
        model = case.models[leaf.model]
        found = read[model, str(leaf.context or original_context())]
        combined: NDArray[np.float64] | None = None
        for spec, _ in single_method(leaf.spec):
            values, missing = found.columns[column_key(spec, leaf.context)]
            values = values.copy()
            values[list(missing)] = np.nan
            worse = np.fmax if case.asked.expectation.wants_low else np.fmin
            combined = values if combined is None else worse(combined, values)
        assert combined is not None
        if leaf.stratum is not None:
            inside, _ = membership(leaf.stratum, self._facts(model, chunk, read, found))
            combined[~inside] = np.nan
        return combined

    def _facts(self, model: str, chunk: Chunk, read: Read, found: ChunkValues) -> Facts:
        running = self._models[model]
        original = read.get((model, str(original_context())))
        correct = None
        if original is not None and "accuracy" in original.columns:
            values, missing = original.columns["accuracy"]
            correct = values.copy()
            correct[list(missing)] = np.nan
        return Facts(
            [str(sample.label) for sample in chunk.samples],
            np.array([running.indices[sample.label] for sample in chunk.samples], dtype=np.int64),
            correct,
            found.areas if original is None else original.areas,
            running.loaded.classes,
            self._known_labels,
        )

    def _draw(self, case: PlannedCase, row: int, chunk: Chunk, read: Read, stage: Stage) -> list[tuple[Picture, bytes]]:
        """Original, then each context with its heat maps."""
        drawn: list[tuple[Picture, bytes]] = []
        for model in dict.fromkeys(case.models.values()):
            original = read.get((model, str(original_context())))
            scene = stage.scene(chunk, self._models[model].loaded.preprocessing)
            picture = self._picture("original", model, None, None, original, row)
            drawn.append((picture, image_bytes(scene.pixels[row])))
            contexts = [context for owner, context in _passes_of(case) if owner == model]
            if original is not None:
                drawn.extend(self._overlays(case, model, original_context(), original, row))
            for context in [one for one in contexts if one != original_context()][:_CONTEXTS_SHOWN]:
                found = read[model, str(context)]
                picture = self._picture("context", model, context, None, found, row)
                drawn.append((picture, image_bytes(found.shown.pixels[row])))
                drawn.extend(self._overlays(case, model, context, found, row))
        return drawn

    def _overlays(
        self, case: PlannedCase, model: str, context: Context, found: ChunkValues, row: int
    ) -> list[tuple[Picture, bytes]]:
        """The case's own methods; where it names none, those that the pass computed for others."""
        asked = {method for leaf in case.asked.expectation.expression.measures() for method in leaf.spec.methods}
        maps = [ask for ask in found.maps if ask.method in asked] or list(found.maps)
        return [
            (
                self._picture("attribution", model, context, ask, found, row),
                overlay_bytes(found.shown.pixels[row], found.maps[ask].values[row], found.shown.mask[row]),
            )
            for ask in maps[:_METHODS_SHOWN]
        ]

    def _picture(
        self,
        kind: str,
        model: str,
        context: Context | None,
        ask: MapAsk | None,
        found: ChunkValues | None,
        row: int,
    ) -> Picture:
        prediction, probability = None, None
        if found is not None and bool(torch.isfinite(found.logits[row]).all()):
            probabilities = found.logits[row].softmax(0)
            best = int(probabilities.argmax())
            prediction, probability = self._models[model].class_name(best), float(probabilities[best])
        shown = None if context is None or context == original_context() else str(context)
        method = None if ask is None else ask.text
        return Picture.model_validate(
            {
                "kind": kind,
                "context": shown,
                "method": method,
                "model": model,
                "prediction": prediction,
                "probability": probability,
                "file": "",
            }
        )


def per_image(expression: Expression, leaf: Callable[[Measure], NDArray[np.float64]]) -> NDArray[np.float64]:
    """The left side on every single image, NaN where a value is missing: what images are ranked by."""
    if isinstance(expression, Number):
        return np.float64(expression.value) + np.zeros(1)
    if isinstance(expression, Measure):
        return leaf(expression)
    assert isinstance(expression, Arithmetic)
    left, right = per_image(expression.left, leaf), per_image(expression.right, leaf)
    with np.errstate(divide="ignore", invalid="ignore"):
        result: NDArray[np.float64] = {
            "+": np.add,
            "-": np.subtract,
            "*": np.multiply,
            "/": np.divide,
        }[expression.op](left, right)
    return np.where(np.isfinite(result), result, np.nan)


def _needs_of(case: PlannedCase) -> Iterator[tuple[tuple[str, str], set[str]]]:
    """For every leaf of a case the pass and the columns that it reads."""
    for leaf in case.asked.expectation.expression.measures():
        at = (case.models[leaf.model], str(leaf.context or original_context()))
        yield at, {column_key(spec, leaf.context) for spec, _ in single_method(leaf.spec)}


def _areas_of(case: PlannedCase, read: Read) -> NDArray[np.float64]:
    """The object's share as the case's first model sees it: on original images where it ran on them."""
    first, context = _passes_of(case)[0]
    original = read.get((first, str(original_context())))
    return (original or read[first, str(context)]).areas


def _passes_of(case: PlannedCase) -> tuple[tuple[str, Context], ...]:
    """The (model, context) pairs that a case reads, each once, in the order of its text."""
    leaves = case.asked.expectation.expression.measures()
    return tuple(dict.fromkeys((case.models[leaf.model], leaf.context or original_context()) for leaf in leaves))
