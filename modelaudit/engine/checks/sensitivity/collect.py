"""Collects what copies of a model are made of, along with a measurement and on some of its images.

Of every measure of where a heat map is: its values with evidence added to the background, on the map of the
class that this background speaks for. Of every model: its answers on the originals and on swapped backgrounds, and how
much evidence a logit is worth. What a pass of the audit has just made is read off it; the rest is run on these images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import torch

from ....contexts import donor_rule, family, stored_picture
from ....contexts import swap_background as SwapBackground
from ....language.boundary import contained, failure_text
from ....language.checks import CheckSettings
from ....language.sample import Sample
from ....language.spec import Context, long_text
from ...images.batches import Chunk, ContextBatch
from ...images.donor_ranking import DonorRanking, first_positions
from ...inference.running_model import ModelOutput, RunningModel
from ...inference.values import labels_of
from ...measurement.events import (
    ChunkMeasured,
    Ended,
    EndedEarly,
    Event,
    PassMeasured,
    SampleChanged,
    SampleUnusable,
    StoreRead,
)
from ...measurement.passes import PassRunner
from ...measurement.store_writer import PassWriter
from ...planning.plan import ColumnAsk, MapAsk, PassAsk, original_context
from ...planning.reruns import passes_with_maps, reads_where
from ...store.store import Key, StoreBatch
from ..waiting import WaitingImages
from .answers import NO_CLASS, Answer, EvidenceCurve, answered, gaps
from .evidence import curves, positive_mass

#: on so many images it is measured how much evidence a logit is worth, where the audit has no maps of the originals
RATIO_IMAGES = 32
_ANSWER, _SWAPPED, _RATIO, _CURVE = "sensitivity answer", "sensitivity swap", "sensitivity ratio", "sensitivity curve"


#: evidence for another class is what such a copy answers by
_ONE_BY_ONE = "labels that are answered one by one (multilabel) are not told apart by their backgrounds"


class SensitivityCollector:
    """Goes along with a measurement, on the first images of its order.

    ``positions``: of these images. ``answers``: by model and position; ``swapped``: the class answered on a swapped
    background; ``ratios``: positive evidence a logit, by (model, map); ``curves``: by (model, column key); ``failed``:
    why something has none, by model, "<model>|swap" or "<model>|<column key>".

    Args:
        batch: what is to be stored.
        size: images in a micro-batch.
    """

    def __init__(self, base: PassRunner, checks: CheckSettings, batch: StoreBatch, *, size: int) -> None:
        self._base, seed, passes = base, base.builder.seed, base.table.passes
        self._writer = PassWriter(base.lookup, batch)
        self.positions: Mapping[int, None] = dict.fromkeys(first_with_object(base.samples, checks.sensitivity, seed))
        self._of_ratio = set(first_with_object(base.samples, min(RATIO_IMAGES, checks.sensitivity), seed))
        self._asks = passes_with_maps(passes)
        self.models = tuple(dict.fromkeys(ask.model for ask in self._asks))
        self.swaps = {model: swap_of(model, passes) for model in self.models}
        self.answers: dict[str, dict[int, Answer]] = {model: {} for model in self.models}
        self.swapped: dict[str, dict[int, int]] = {model: {} for model in self.models}
        self.ratios: dict[tuple[str, MapAsk], dict[int, float]] = {}
        self.curves: dict[tuple[str, str], dict[int, EvidenceCurve]] = {}
        for ask in self._asks:
            self.ratios.update({(ask.model, one): {} for one in ask.maps})
            self.curves.update({(ask.model, column.key): {} for column in ask.columns})
        self.failed: dict[str, str] = {}
        for model in self.models:
            if base.models[model].threshold is not None:
                columns = [column.key for ask in self._asks if ask.model == model for column in ask.columns]
                names = (model, f"{model}|swap", *(f"{model}|{key}" for key in columns))
                self.failed.update(dict.fromkeys(names, _ONE_BY_ONE))
        self._waiting = WaitingImages(size)
        self._label = {sample.id: sample.label for sample in base.builder.samples}
        self._pool = DonorRanking(base.builder.samples, seed=seed, name="swap_background") if self._asks else None

    def on(self, event: Event) -> None:
        """Keep what passes of the audit give, and run the rest."""
        if isinstance(event, StoreRead):
            event.needed |= self._read_store(event.positions)
        elif isinstance(event, SampleUnusable | SampleChanged):
            self._forget(event.position)
        elif isinstance(event, PassMeasured):
            self._keep_measured(event)
        elif isinstance(event, ChunkMeasured):
            lacking = [at for at in event.chunk.positions if at in self.positions and self._lacks(at)]
            for chunk in self._waiting.add(event.chunk, lacking):
                self._run(chunk)
        elif isinstance(event, EndedEarly):
            for at in [at for at in self.positions if at >= event.end]:
                self._forget(at)
            self.positions = {at: None for at in self.positions if at < event.end}
            self._waiting.stop(event.end)
        elif isinstance(event, Ended):
            for chunk in self._waiting.rest():
                self._run(chunk)

    def _read_store(self, positions: Sequence[int]) -> set[int]:
        """Read what is stored of these images; those of which something is missing."""
        chosen = [at for at in self._base.table.readable(positions) if at in self.positions]
        if chosen and self._base.stores:
            for model in self.models:
                self._recall_model(model, chosen)
            for ask in self._asks:
                self._recall_curves(ask, chosen)
        return {at for at in chosen if self._lacks(at)}

    def _forget(self, at: int) -> None:
        for kept in (*self.answers.values(), *self.swapped.values(), *self.ratios.values(), *self.curves.values()):
            kept.pop(at, None)  # type: ignore[attr-defined]

    def _keep_measured(self, event: PassMeasured) -> None:
        """Keep what a pass of the audit has just found: of maps those of the class that the background speaks for."""
        ask, part = event.ask, event.part
        rows = [row for row, at in enumerate(part.positions) if at in self.positions]
        if not rows or ask.model not in self.models:
            return
        shown, output = event.values.rows(torch.tensor(rows, device=event.values.logits.device))
        chosen = part.part(rows)
        if ask.context == original_context():
            self._keep_answers(ask.model, chosen, output)
            self._keep_ratios(ask.model, chosen, output, shown)
        elif ask.context == self.swaps[ask.model]:
            self._keep_swapped(ask.model, chosen, output, shown)
        for column in ask.columns:
            if reads_where(column) and column.map in output.maps:
                self._keep_curves(ask, column, chosen, output, shown)

    # --- what is missing, and the passes for it ----------------------------------------------------------------------

    def _lacks(self, at: int) -> bool:
        of_models = any(
            self._lacks_answer(model, at) or self._lacks_swap(model, at) or self._lacking_ratios(model, at)
            for model in self.models
        )
        return of_models or any(self._lacking(ask, at) for ask in self._asks)

    def _lacks_answer(self, model: str, at: int) -> bool:
        return model not in self.failed and at not in self.answers[model]

    def _lacks_swap(self, model: str, at: int) -> bool:
        return f"{model}|swap" not in self.failed and at not in self.swapped[model]

    def _lacking_ratios(self, model: str, at: int) -> tuple[MapAsk, ...]:
        """The maps of an original that are still to be made: of the first images alone."""
        if at not in self._of_ratio or model in self.failed:
            return ()
        return tuple(one for (of, one), kept in self.ratios.items() if of == model and at not in kept)

    def _lacking(self, ask: PassAsk, at: int) -> tuple[ColumnAsk, ...]:
        return tuple(
            column
            for column in ask.columns
            if f"{ask.model}|{column.key}" not in self.failed and at not in self.curves[ask.model, column.key]
        )

    def _run(self, chunk: Chunk) -> None:
        for model in self.models:
            self._try([model], lambda model=model: self._run_originals(model, chunk))  # type: ignore[misc]
            self._try([f"{model}|swap"], lambda model=model: self._run_swap(model, chunk))  # type: ignore[misc]
        for ask in self._asks:
            names = [f"{ask.model}|{column.key}" for column in ask.columns]
            self._try(names, lambda ask=ask: self._run_curves(ask, chunk))  # type: ignore[misc]

    def _try(self, names: Sequence[str], run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as error:  # recorded: the check is not made, the audit itself goes on
            self.failed.update(dict.fromkeys(names, failure_text(contained(error))))

    def _run_originals(self, model: str, chunk: Chunk) -> None:
        wanted = [(self._lacks_answer(model, at), self._lacking_ratios(model, at)) for at in chunk.positions]
        rows = [row for row, (answer, maps) in enumerate(wanted) if answer or maps]
        if rows:
            maps = tuple(dict.fromkeys(one for _, ratios in wanted for one in ratios))
            part, output, shown = self._looked(model, chunk, rows, original_context(), maps)
            self._keep_answers(model, part, output)
            self._keep_ratios(model, part, output, shown)

    def _run_swap(self, model: str, chunk: Chunk) -> None:
        rows = [row for row, at in enumerate(chunk.positions) if self._lacks_swap(model, at)]
        if rows:
            part, output, shown = self._looked(model, chunk, rows, self.swaps[model], ())
            self._keep_swapped(model, part, output, shown)

    def _run_curves(self, ask: PassAsk, chunk: Chunk) -> None:
        """On the maps of the class that the background speaks for, where the answer is another one."""
        rows = [row for row, at in enumerate(chunk.positions) if self._lacking(ask, at)]
        if not rows:
            return
        part, model = chunk.part(rows), self._base.models[ask.model]
        shown = self._base.builder.show(part, ask.context, model.loaded.preprocessing)
        spoken = self._spoken(ask, part.samples, shown.donors)
        columns = tuple(dict.fromkeys(column for at in part.positions for column in self._lacking(ask, at)))
        asked = {column.map: MapAsk(column.map.method, "label") for column in columns if column.map is not None}
        classes = torch.tensor([max(one, 0) for one in spoken], device=shown.pixels.device)
        ids = [sample.id for sample in part.samples]
        output = model.run(shown.pixels, classes, list(dict.fromkeys(asked.values())), ids, shown.origins)
        maps = {one: output.maps[other] for one, other in asked.items() if other in output.maps}
        for column in columns:
            assert column.map is not None
            if column.map not in maps:
                self.failed[f"{ask.model}|{column.key}"] = output.failed[asked[column.map]]
                continue
            found = ModelOutput(output.logits, {column.map: maps[column.map]}, {})
            self._keep_curves(ask, column, part, found, shown, of_spoken=True)

    def _looked(
        self, model: str, chunk: Chunk, rows: Sequence[int], context: Context, maps: Sequence[MapAsk]
    ) -> tuple[Chunk, ModelOutput, ContextBatch]:
        part, running = chunk.part(rows), self._base.models[model]
        shown = self._base.builder.show(part, context, running.loaded.preprocessing)
        labels = labels_of(running, part.samples, shown.pixels.device)
        ids = [sample.id for sample in part.samples]
        return part, running.run(shown.pixels, labels, maps, ids, shown.origins), shown

    # --- keeping -----------------------------------------------------------------------------------------------------

    def _keep_answers(self, name: str, part: Chunk, output: ModelOutput) -> None:
        model = self._base.models[name]
        labels, donors = self._classes(model, part.samples), self._other_classes(model, part.samples)
        found = zip(
            answered(model, output.logits),
            labels,
            gaps(model, output.logits, labels),
            donors,
            gaps(model, output.logits, donors),
            strict=True,
        )
        for sample, at, values in zip(part.samples, part.positions, found, strict=True):
            self.answers[name][at] = Answer(*values)
            self._keep(_of(name), None, sample, _ANSWER, self.answers[name][at].content())

    def _keep_swapped(self, name: str, part: Chunk, output: ModelOutput, shown: ContextBatch) -> None:
        found = answered(self._base.models[name], output.logits)
        impossible = (shown.validity.impossible | shown.validity.without_mask).tolist()
        for sample, at, answer, never in zip(part.samples, part.positions, found, impossible, strict=True):
            own = NO_CLASS if never else answer
            self.swapped[name][at] = own
            self._keep(_of(name, self.swaps[name]), None, sample, _SWAPPED, np.float64(own).tobytes())

    def _keep_ratios(self, name: str, part: Chunk, output: ModelOutput, shown: ContextBatch) -> None:
        """The positive evidence of a map over the logit that it explains; NaN where that is not above 0."""
        largest = output.logits.amax(dim=1).double()
        for one, seen in output.maps.items():
            if (name, one) not in self.ratios:
                continue
            found = torch.where(largest > 0, positive_mass(seen.maps, shown.mask) / largest, torch.nan)
            for sample, at, value in zip(part.samples, part.positions, found.tolist(), strict=True):
                self.ratios[name, one][at] = value
                what = f"{_RATIO} {one.target} {long_text(one.method)}"
                self._keep(_of(name), None, sample, what, np.float64(value).tobytes())

    def _keep_curves(
        self,
        ask: PassAsk,
        column: ColumnAsk,
        part: Chunk,
        output: ModelOutput,
        shown: ContextBatch,
        *,
        of_spoken: bool = False,
    ) -> None:
        """Of the images whose map here is that of the class their background speaks for; ``of_spoken``: of all.

        Where a copy's map stays the model's own there is nothing to add to.
        """
        assert column.map is not None
        name, model = f"{ask.model}|{column.key}", self._base.models[ask.model]
        if name in self.failed:
            return
        spoken = self._spoken(ask, part.samples, shown.donors)
        missing = self._missing(model, column.map.target, part.samples, output, spoken)
        labels = labels_of(model, part.samples, shown.pixels.device)
        try:
            values = curves(column, model, output, labels, shown).cpu().numpy()
        except BaseException as error:  # recorded: the check is not made, the audit itself goes on
            self.failed[name] = failure_text(contained(error))
            return
        mass = positive_mass(output.maps[column.map].maps, shown.mask).tolist()
        for row, (sample, at) in enumerate(zip(part.samples, part.positions, strict=True)):
            if missing[row] == np.inf:
                curve = EvidenceCurve.unchanged(spoken[row])
            elif missing[row] <= 0 or of_spoken:
                curve = EvidenceCurve(spoken[row], missing[row], mass[row], values[row])
            else:
                continue
            self.curves[ask.model, column.key][at] = curve
            self._keep(ask, column.key, sample, _CURVE, curve.content())

    def _missing(
        self, model: RunningModel, target: str | int, samples: Sequence[Sample], output: ModelOutput, spoken: list[int]
    ) -> list[float]:
        """[n] the logits that the background must add before the map explains the class that it speaks for."""
        if target == "prediction":
            return gaps(model, output.logits, spoken)
        if target == "margin":
            return [np.inf] * len(spoken)
        fixed = self._classes(model, samples) if target == "label" else [model.loaded.index_of(target)] * len(spoken)
        return [-np.inf if one == other else np.inf for one, other in zip(spoken, fixed, strict=True)]

    # --- which class a background speaks for -------------------------------------------------------------------------

    def _spoken(self, ask: PassAsk, samples: Sequence[Sample], donors: Sequence[object]) -> list[int]:
        """Its label's on originals and wherever the background is the image's own; after a swap the donor's."""
        model, rule = self._base.models[ask.model], donor_rule(ask.context)
        if stored_picture(ask.context) is not None or family(ask.context) == "no_information":
            return [NO_CLASS] * len(samples)
        if rule is None:
            return self._classes(model, samples)
        ids = [donor[0] if isinstance(donor, tuple) and not rule.outside else None for donor in donors]
        labels = [None if one is None else self._label.get(one) for one in ids]
        return [NO_CLASS if label is None else model.indices.get(label, NO_CLASS) for label in labels]

    def _classes(self, model: RunningModel, samples: Sequence[Sample]) -> list[int]:
        return [model.indices[sample.label] for sample in samples]

    def _other_classes(self, model: RunningModel, samples: Sequence[Sample]) -> list[int]:
        """The classes of the images that would lend their backgrounds in a swap with another class."""
        assert self._pool is not None
        donors = [self._pool.first(sample, "other_class") for sample in samples]
        return [NO_CLASS if one is None else model.indices.get(one.label, NO_CLASS) for one in donors]

    # --- the store ---------------------------------------------------------------------------------------------------

    def _key(self, ask: PassAsk, column: str | None) -> Key:
        keys = self._base.lookup.keys(ask)
        return keys.logits if column is None else keys.columns[column]

    def _keep(self, ask: PassAsk, column: str | None, sample: Sample, what: str, content: bytes) -> None:
        if self._base.stores:
            self._writer.keep_content(self._key(ask, column), ask, sample, what, content)

    def _stored(
        self, ask: PassAsk, column: str | None, positions: Sequence[int], what: str
    ) -> Iterable[tuple[int, bytes]]:
        samples = [self._base.samples[at] for at in positions]
        contents = self._base.lookup.contents(self._key(ask, column), ask, samples, what)
        return ((at, content) for at, content in zip(positions, contents, strict=True) if content is not None)

    def _recall_model(self, name: str, positions: Sequence[int]) -> None:
        donors = self._other_classes(self._base.models[name], [self._base.samples[at] for at in positions])
        now = dict(zip(positions, donors, strict=True))
        for at, content in self._stored(_of(name), None, positions, _ANSWER):
            answer = Answer.of(content)
            if answer.donor == now[at]:  # else the data have other images by now
                self.answers[name][at] = answer
        for one, kept in ((one, kept) for (of, one), kept in self.ratios.items() if of == name):
            what = f"{_RATIO} {one.target} {long_text(one.method)}"
            kept.update(
                (at, float(np.frombuffer(one)[0])) for at, one in self._stored(_of(name), None, positions, what)
            )
        self._try([f"{name}|swap"], lambda: self._recall_swapped(name, positions))

    def _recall_swapped(self, name: str, positions: Sequence[int]) -> None:
        found = self._stored(_of(name, self.swaps[name]), None, positions, _SWAPPED)
        self.swapped[name].update((at, int(np.frombuffer(content)[0])) for at, content in found)

    def _recall_curves(self, ask: PassAsk, positions: Sequence[int]) -> None:
        samples = [self._base.samples[at] for at in positions]
        spoken = dict(zip(positions, self._spoken(ask, samples, self._base.lookup.donors(ask, samples)), strict=True))
        for column in ask.columns:
            kept = self.curves[ask.model, column.key]
            found = ((at, EvidenceCurve.of(one)) for at, one in self._stored(ask, column.key, positions, _CURVE))
            kept.update((at, curve) for at, curve in found if curve.spoken == spoken[at])


def _of(model: str, context: Context | None = None) -> PassAsk:
    """A pass of a model, with no column of its own."""
    return PassAsk(model, original_context() if context is None else context, ())


def first_with_object(samples: Sequence[Sample], count: int, seed: int) -> list[int]:
    """Where the first `count` samples stand that are not declared to have no object."""
    positions = [at for at, sample in enumerate(samples) if not sample.without_object]
    return [positions[at] for at in first_positions([samples[at] for at in positions], count, seed)]


def swap_of(model: str, passes: Sequence[PassAsk]) -> Context:
    """The swap with another class that shows a model's own dependence: one that the audit makes, if it does.

    Else one with a hard edge: a feather mixes a part of the background into the object.
    """
    plain: Context = SwapBackground("other_class", feather=0.0)
    made = [ask.context for ask in passes if ask.model == model and isinstance(ask.context, SwapBackground)]
    return next((one for one in made if one.donors == "other_class"), plain)
