"""Measuring a group chunk by chunk: what is stored is read, what is missing is computed, and committed as it comes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ...contexts import donor_rule, stored_picture
from ...language import registry
from ...language.boundary import contained, failure_text
from ...language.checks import CheckSettings
from ...language.errors import AuditError, ContextError
from ...language.sample import Sample
from ...measures.base import tries_backgrounds
from ..checks.method_agreement import Accord
from ..checks.reruns import Rerun, variations
from ..checks.sensitivity.collect import Collector
from ..decision.interim_analysis import InterimAnalysis
from ..gallery.album import Album, Frame, Print, frame_of, overlay_of
from ..gallery.selection import Galleries, PictureAsk, pictures_of
from ..images.batches import BatchBuilder, Chunk, ContextBatch, PendingChunk
from ..inference.precision import settle
from ..inference.running_model import RunningModel
from ..inference.values import ChunkValues, read_pass
from ..inference.worst_background import with_worst
from ..planning.plan import ColumnAsk, PassAsk, PlanGroup, original_context
from ..store.store import Store, StoreBatch
from .store_lookup import Recall, flags_of
from .stored_logits import read_from_logits
from .value_table import Place, Rows, coded_share, never_changed, place_of, share_of

#: samples that are looked up in the store at once
_BLOCK = 1024
#: chunks that are decoded ahead
_AHEAD = 2


@dataclass(frozen=True)
class _Found:
    """What a pass found on some rows of a chunk."""

    rows: tuple[int, ...]
    values: ChunkValues


class Measuring:
    """The state of one group's measurement.

    Args:
        samples: those that were chosen.
        size: samples in a chunk.
        failures: filled with what could not be measured at all.
    """

    def __init__(
        self,
        group: PlanGroup,
        samples: Sequence[Sample],
        labels: frozenset[str],
        stage: BatchBuilder,
        models: Mapping[str, RunningModel],
        store: Store,
        failures: dict[str, str],
        *,
        size: int,
    ) -> None:
        self.samples = samples
        self.stage = stage
        self.models = models
        self.failures = failures
        self.passes = [ask for ask in group.passes if ask.model in models]
        self.rows = Rows(self.passes, len(samples))
        self.galleries = Galleries(group, models, samples, labels)
        self.recall = Recall(store, stage, models, tuple(self.passes), group.key)
        self.album = Album(self.recall, samples, self.passes)
        self._store = store
        self._size = size
        self._originals: dict[tuple[str, int], Tensor] = {}
        self._looked_up: dict[int, str | None] = {}
        self._layers_kept: set[str] = set()
        self._tried: set[str] = set()
        self._originals_of: Measuring | None = None
        self._group, self._labels = group, labels
        self.checks = CheckSettings.off()
        self.variations: list[Rerun] = []
        self.accord: Accord | None = None
        self.sensitivity: Collector | None = None
        self.looking: InterimAnalysis | None = None

    def beside(
        self, group: PlanGroup, stage: BatchBuilder, models: Mapping[str, RunningModel], *, originals: bool
    ) -> Measuring:
        """A measurement of other passes on the same samples, for a variant; with `originals` its originals are ours."""
        own = Measuring(group, self.samples, self._labels, stage, models, self._store, {}, size=self._size)
        own._originals_of = self if originals else None
        return own

    def run(self, advance: Callable[[int], None]) -> None:
        """Measure everything; `advance` is told how many samples are done."""
        self.stage.prepare_for(model.loaded.preprocessing for model in self.models.values())
        self._settle_precisions()
        self.variations = list(variations(self, self._group, self.checks)) if self.checks.any else []
        self.accord = Accord(self, self.checks) if self.checks.agreement else None
        self.sensitivity = Collector(self, self.checks) if self.checks.sensitivity else None
        ahead: deque[PendingChunk] = deque()
        for begun in self._work(advance):
            ahead.append(begun)
            if len(ahead) > _AHEAD:
                self._step(ahead.popleft(), advance)
        while ahead and not self._stopped:
            self._step(ahead.popleft(), advance)
        for begun in ahead:
            begun.give_up()
        if self._stopped:
            self._cut()
        batch = StoreBatch()
        for variation in self.variations:
            variation.finish(batch)
        if self.sensitivity is not None:
            self.sensitivity.finish(batch)
        for ask in list(self.passes):
            message = never_changed(ask, self.rows)
            if message is not None:
                self._fail(ask, str(ContextError(message)))
        self._keep_facts(batch)
        self._store.commit(batch)

    def _keep_facts(self, batch: StoreBatch) -> None:
        """What is known of donors and models by now."""
        self.stage.lending.write(batch)
        for variation in self._beside:
            variation.write(batch)
        self.stage.stored.write(batch)
        for key, model in self.models.items():
            if model.layer is not None and key not in self._layers_kept:
                self.recall.keep_layer(batch, model)
                self._layers_kept.add(key)

    def prints(self, wanted: Sequence[tuple[int, PictureAsk]]) -> dict[tuple[int, PictureAsk], Print]:
        """Pictures to show: those at hand, the stored ones, and the rest drawn anew."""
        found = self.album.prints(wanted)
        missing = [key for key in wanted if key not in found]
        positions = sorted({at for at, _ in missing})
        for first in range(0, len(positions), self._size):
            part = positions[first : first + self._size]
            chunk = self.stage.finish(self.stage.begin([self.samples[at] for at in part], part))
            self._redraw(chunk, missing)
        if missing:
            found |= self.album.prints(missing)
        if not self.failures:  # else a later run may get further, and need them
            self.album.drop_drafts()
        return found

    def _settle_precisions(self) -> None:
        """Where something faster than float32 may be tried: as an earlier run found, else on the first chunk."""
        for key, model in self.models.items():
            asks = [ask for ask in self.passes if ask.model == key]
            if len(model.candidates) < 2 or self.recall.settled(model, asks):
                continue
            first = range(min(self._size, len(self.samples)))
            chunk = self.stage.finish(self.stage.begin([self.samples[at] for at in first], first))
            shown: list[tuple[PassAsk, ContextBatch]] = []
            for ask in asks if chunk.samples else ():
                try:
                    shown.append((ask, self.stage.show(chunk, ask.context, model.loaded.preprocessing)))
                except AuditError:  # the pass itself raises it, and takes down what needs it
                    continue
            settle(model, shown, chunk)
            batch = StoreBatch()
            self.recall.keep_precision(batch, model, asks)
            self._store.commit(batch)

    def _work(self, advance: Callable[[int], None]) -> Iterator[PendingChunk]:
        """The chunks in which something is left to do, their decoding begun."""
        for first in range(0, len(self.samples), _BLOCK):
            if self._stopped:
                return
            positions = range(first, min(first + _BLOCK, len(self.samples)))
            missing = self._look_up(positions) if self._store.active else list(positions)
            again = {at for one in self._beside for at in one.look_up(positions)}
            left = sorted({*missing, *(at for at in again if not self.rows.unreadable[at])})
            done = sorted(set(positions) - set(left))  # each image is offered to the galleries once
            if self.looking is not None:
                done = self.looking.looked_up(positions.stop, left, done)
            if done:
                self.galleries.offer(self.rows, [at for at in done if not self.rows.unreadable[at]], self.failures)
                advance(len(done))
            for start in range(0, len(left), self._size):
                if self._stopped:
                    return
                part = left[start : start + self._size]
                chosen = [self.samples[at] for at in part]
                self._prefetch(chosen)
                yield self.stage.begin(chosen, part)

    def _look_up(self, positions: Sequence[int]) -> list[int]:
        """Read what is stored of some samples; those of which something is missing."""
        samples = [self.samples[at] for at in positions]
        known = self.recall.outcomes(samples)
        for at, sample in zip(positions, samples, strict=True):
            if sample.id in self.stage.unusable:
                self._miss(at, sample)
        readable = [at for at in positions if not self.rows.unreadable[at]]
        self._fill(readable)
        needed = {at for at, found in zip(positions, known, strict=True) if not found}
        places = np.asarray(readable, dtype=np.intp)
        for ask in self.passes:
            needed |= set(places[self.rows.needed(ask, places)].tolist())
        return sorted(needed)

    def fill(self, positions: Sequence[int], *, decode: bool = False) -> None:
        """Put what is stored of some samples into the rows; donors may be decoded to know them."""
        self._fill(positions, decode=decode)

    def _fill(self, positions: Sequence[int], *, decode: bool = False) -> None:
        """Put what is stored of some samples into the rows; donors may be decoded to know them."""
        chosen = [self.samples[at] for at in positions]
        self._looked_up.update(zip(positions, self.stage.contents.of(chosen), strict=True))
        for ask in list(self.passes):
            if ask in self.passes:
                try:
                    self.recall.fill(ask, self.rows, chosen, positions, decode=decode)
                except AuditError as error:
                    self._fail(ask, str(error))
        read_from_logits(self.passes, self.rows, self.recall, self.models, positions, self.samples)

    def _prefetch(self, samples: Sequence[Sample]) -> None:
        """Start decoding what contexts will need beside the samples themselves."""
        for ask in self.passes:
            preprocessing = self.models[ask.model].loaded.preprocessing
            try:
                if donor_rule(ask.context) is not None:
                    self.stage.lending.prefetch(samples, ask.context, preprocessing)
                if stored_picture(ask.context) is not None:
                    self.stage.stored.prefetch(samples, ask.context, preprocessing)
            except AuditError:  # the pass itself raises it, and takes down what needs it
                continue

    def _step(self, begun: PendingChunk, advance: Callable[[int], None]) -> None:
        """One chunk through every pass that has something left to do."""
        batch = StoreBatch()
        chunk = self.stage.finish(begun)
        self._note(begun, chunk, batch)
        seen: dict[Place, list[_Found]] = {}
        self._originals.clear()
        self._try_models(chunk)
        for ask in list(self.passes):
            if ask in self.passes:
                try:
                    self._pass(ask, chunk, seen, batch)
                except BaseException as error:  # recorded in full: the cases that need it are errors, others go on
                    self._fail(ask, failure_text(contained(error)))
        count: Sequence[int] = begun.positions if self.looking is None else self.looking.measured(begun.positions)
        if self._stopped:
            self._cut()
        for variation in self._beside:
            variation.step(chunk, batch)
        self.galleries.offer(self.rows, [at for at in count if not self.rows.unreadable[at]], self.failures)
        self._draw(chunk, seen)
        if self._store.active:
            self.album.keep_drafts(batch)
            self._keep_facts(batch)
            self._store.commit(batch)
        advance(len(count))

    def _try_models(self, chunk: Chunk) -> None:
        """Before a model's first pass: whether its logits are a function of the image."""
        positions = np.asarray(chunk.positions, dtype=np.intp)
        for key in dict.fromkeys(ask.model for ask in self.passes if self.rows.needed(ask, positions).any()):
            if key in self._tried:
                continue
            self._tried.add(key)
            model = self.models[key]
            try:
                model.check_repeatable(self.stage.scene(chunk, model.loaded.preprocessing).pixels)
            except BaseException as error:
                self._fail_all([ask for ask in self.passes if ask.model == key], failure_text(contained(error)))

    @property
    def _stopped(self) -> bool:
        """Whether everything is decided, so that the rest need not be measured."""
        return self.looking is not None and self.looking.stopped

    def _cut(self) -> None:
        """Forget what was measured beyond the last look."""
        assert self.looking is not None
        beyond = range(self.looking.end, len(self.samples))
        for at in beyond:
            self.rows.unreadable[at] = False
            self.rows.forget(at)
        for variation in self._beside:
            variation.cut(self.looking.end)

    def _note(self, begun: PendingChunk, chunk: Chunk, batch: StoreBatch) -> None:
        """What decoding found: samples that cannot be used, and files that changed since they were looked up."""
        readable = set(chunk.positions)
        for at, sample in zip(begun.positions, begun.samples, strict=True):
            if at not in readable:
                self._miss(at, sample)
        surprises: list[int] = []
        for at, sample, found in zip(chunk.positions, chunk.samples, chunk.prepared, strict=True):
            content = found.decoded.content
            self.stage.contents.note(sample, content)
            if self._store.active and self._looked_up.get(at) != content:
                self.rows.forget(at)
                for variation in self._beside:
                    variation.forget(at)
                surprises.append(at)
        if surprises:
            self._fill(surprises, decode=True)
        if self._store.active:
            for sample in begun.samples:
                self.recall.keep_outcome(batch, sample)

    def _miss(self, at: int, sample: Sample) -> None:
        self.rows.miss(at, self.stage.unusable[sample.id][0])
        for variation in self._beside:
            variation.miss(at)

    @property
    def _beside(self) -> list[Rerun | Accord | Collector]:
        """What goes along with the measurement."""
        return [*self.variations, *(one for one in (self.accord, self.sensitivity) if one is not None)]

    @property
    def size(self) -> int:
        """Samples in a chunk."""
        return self._size

    @property
    def keeps(self) -> bool:
        """Whether there is a store."""
        return self._store.active

    def begin_step(self) -> None:
        """Forget what was kept of the last chunk."""
        self._originals.clear()

    def _pass(self, ask: PassAsk, chunk: Chunk, seen: dict[Place, list[_Found]], batch: StoreBatch) -> None:
        """Compute what a pass lacks on a chunk: rows that lack the same columns together."""
        positions = np.asarray(chunk.positions, dtype=np.intp)
        groups: dict[tuple[ColumnAsk, ...], list[int]] = {}
        for row in np.flatnonzero(self.rows.needed(ask, positions)).tolist():
            groups.setdefault(self.rows.lacking(ask, chunk.positions[row]), []).append(row)
        for columns, rows in groups.items():
            found = self._read(replace(ask, columns=columns), chunk, tuple(rows))
            seen.setdefault(place_of(ask), []).append(found)
            self.take(ask, chunk.part(rows), found.values, batch)
            for variation in self._beside:
                variation.along(ask, chunk.part(rows), found.values, batch)

    def compute(self, ask: PassAsk, chunk: Chunk, batch: StoreBatch) -> None:
        """What a pass lacks on a chunk, for a variant."""
        self._pass(ask, chunk, {}, batch)

    def _read(self, ask: PassAsk, chunk: Chunk, rows: tuple[int, ...]) -> _Found:
        model, part = self.models[ask.model], chunk.part(rows)
        model.original = None
        if any(registry.entry_of(column.spec).declares.needs_original for column in ask.columns):
            model.original = self._original_logits(ask.model, part)
        shown = self.stage.show(part, ask.context, model.loaded.preprocessing)
        several = tuple(column for column in ask.columns if tries_backgrounds(column.spec))
        alone = replace(ask, columns=tuple(column for column in ask.columns if column not in several))
        found = read_pass(alone, model, part, shown, self.stage.variant)
        if several:
            found = with_worst(found, replace(ask, columns=several), model, part, self.stage)
        if ask.context == original_context():
            self._remember(ask.model, part, found.logits)
        return _Found(rows, found)

    def take(self, ask: PassAsk, part: Chunk, found: ChunkValues, batch: StoreBatch) -> None:
        """Put values into the rows and into what is stored."""
        self._give_up(ask, found.failed)
        place = self.rows.passes[place_of(ask)]
        shown = found.shown
        lent = [None if donor is None else donor[0] for donor in shown.donors]
        self.rows.contents.update(donor for donor in shown.donors if donor is not None)
        facts = zip(part.positions, flags_of(shown), found.areas.tolist(), shown.kept, shown.absent, lent, strict=True)
        for at, flags, area, share, absent, donor in facts:
            place.put(at, flags, area, share_of(coded_share(share)), absent, donor)
        keep = self._store.active
        names = self.recall.names_of(ask, part.samples, shown) if keep else []
        if keep:
            self.recall.keep_pass(batch, ask, names, shown, found.areas, found.logits)
        of_values = self.recall.value_names(ask, part.samples, names) if keep else []
        keys = self.recall.keys(ask).columns if keep else {}
        steps = getattr(found, "steps", None) or {}
        for key, (values, missing) in found.columns.items():
            column, worked, own = self.rows.columns[ask.model, key], steps.get(key), of_values
            if keep and key in found.donors:
                of_all = self.recall.names_of(ask, part.samples, shown, found.donors[key])
                own = self.recall.value_names(ask, part.samples, of_all)
            for row, at in enumerate(part.positions):
                value, reason = float(values[row]), missing.get(row)
                count = None if worked is None else int(worked[row])
                column.put(at, value, reason, count)
                name = own[row] if key in keys else None
                if name is not None:
                    batch.number(keys[key], name, np.nan if reason else value, reason, count)

    def _original_logits(self, model: str, part: Chunk) -> Tensor:
        """[n, C] the logits of the originals: of this chunk's pass, else stored, else computed now."""
        if self._originals_of is not None:
            return self._originals_of._original_logits(model, part)
        ask = next(one for one in self.passes if one.model == model and one.context == original_context())
        missing = [row for row, at in enumerate(part.positions) if (model, at) not in self._originals]
        if missing and self._store.active:
            stored = self.recall.logits(ask, [part.samples[row] for row in missing])
            for row, logits in zip(missing, stored, strict=True):
                if logits is not None:
                    self._originals[model, part.positions[row]] = logits.to(self.models[model].device)
        missing = [row for row in missing if (model, part.positions[row]) not in self._originals]
        if missing:
            self._read(replace(ask, columns=()), part, tuple(missing))
        return torch.stack([self._originals[model, at] for at in part.positions])

    def _remember(self, model: str, part: Chunk, logits: Tensor) -> None:
        self._originals.update({(model, at): row for at, row in zip(part.positions, logits, strict=True)})

    def _draw(self, chunk: Chunk, seen: Mapping[Place, Sequence[_Found]]) -> None:
        """Frames of the images of this chunk that galleries may show."""
        kept = self.galleries.kept
        self.album.keep_only(kept)
        for row, at in enumerate(chunk.positions):
            for picture in {one: None for case in kept.get(at, ()) for one in pictures_of(case, self.passes)}:
                if (at, picture) not in self.album:
                    frame = self._frame(picture, chunk, row, seen)
                    if frame is not None:
                        self.album.add(at, picture, frame)

    def _frame(
        self, picture: PictureAsk, chunk: Chunk, row: int, seen: Mapping[Place, Sequence[_Found]]
    ) -> Frame | None:
        """A picture from what was computed on this chunk; None where the pass was not run on that image."""
        place = (picture.model, str(picture.context))
        found = next((one for one in seen.get(place, ()) if row in one.rows), None)
        if picture.kind == "original":
            asked = any(place_of(ask) == place for ask in self.passes)
            if asked and found is None:
                return None
            scene = self.stage.scene(chunk, self.models[picture.model].loaded.preprocessing)
            return frame_of(scene.pixels[row], None if found is None else found.values.logits[found.rows.index(row)])
        if found is None:
            return None
        at, values = found.rows.index(row), found.values
        if picture.map is None:
            return frame_of(values.shown.pixels[at], values.logits[at])
        if picture.map not in values.maps:
            return None
        mask = values.shown.mask[at]
        return overlay_of(values.shown.pixels[at], values.maps[picture.map].values[at], mask, values.logits[at])

    def _redraw(self, chunk: Chunk, missing: Sequence[tuple[int, PictureAsk]]) -> None:
        """Run again what pictures need of images whose values were stored and whose pictures were not."""
        wanted: dict[Place, set[PictureAsk]] = {}
        rows: dict[Place, set[int]] = {}
        here = {at: row for row, at in enumerate(chunk.positions)}
        for at, picture in missing:
            if at in here:
                place = (picture.model, str(picture.context))
                wanted.setdefault(place, set()).add(picture)
                rows.setdefault(place, set()).add(here[at])
        seen: dict[Place, list[_Found]] = {}
        self._originals.clear()
        for ask in self.passes:
            pictures, chosen = wanted.get(place_of(ask), set()), tuple(sorted(rows.get(place_of(ask), ())))
            maps = {picture.map for picture in pictures if picture.map is not None}
            columns = {column.map: column for column in ask.columns if column.map in maps}
            if maps or (pictures and not self._draw_plain(ask, pictures, chunk, chosen)):
                seen[place_of(ask)] = [self._read(replace(ask, columns=tuple(columns.values())), chunk, chosen)]
        for at, picture in missing:
            if at in here and (at, picture) not in self.album:
                frame = self._frame(picture, chunk, here[at], seen)
                if frame is not None:
                    self.album.add(at, picture, frame)

    def _draw_plain(self, ask: PassAsk, pictures: set[PictureAsk], chunk: Chunk, rows: tuple[int, ...]) -> bool:
        """Draw pictures without maps from stored logits; whether that was possible."""
        part, preprocessing = chunk.part(rows), self.models[ask.model].loaded.preprocessing
        stored = self.recall.logits(ask, part.samples)
        if any(logits is None for logits in stored):
            return False
        for picture in pictures:
            original = picture.kind == "original"
            pixels = (
                self.stage.scene(part, preprocessing).pixels
                if original
                else self.stage.show(part, ask.context, preprocessing).pixels
            )
            for row, at in enumerate(part.positions):
                self.album.add(at, picture, frame_of(pixels[row], stored[row]))
        return True

    def _give_up(self, ask: PassAsk, failed: Mapping[str, str]) -> None:
        """Ask no more for columns that cannot be computed; the rest of the pass goes on."""
        if failed:
            self.failures.update({f"{ask.model}|{key}": message for key, message in failed.items()})
            at = next(at for at, one in enumerate(self.passes) if place_of(one) == place_of(ask))
            kept = tuple(column for column in self.passes[at].columns if column.key not in failed)
            self.passes[at] = replace(self.passes[at], columns=kept)

    def give_up(self, ask: PassAsk, message: str) -> None:
        """Give a pass of a variant up."""
        self._fail(ask, message)

    def _fail(self, ask: PassAsk, message: str) -> None:
        """Give a pass up; without its originals a model's flips and strata mean nothing, so all of it goes."""
        whole_model = ask.context == original_context()
        self._fail_all(
            [one for one in self.passes if one.model == ask.model and (whole_model or one.context == ask.context)],
            message,
        )

    def _fail_all(self, asks: Sequence[PassAsk], message: str) -> None:
        for one in asks:
            self.passes.remove(one)
            self.failures.update({f"{one.model}|{column.key}": message for column in one.columns})
