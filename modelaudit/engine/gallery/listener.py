"""The listener that keeps the pictures of a report: the few images of every case are drawn while they are at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from torch import Tensor

from ...language.sample import Sample
from ..images.batches import Chunk
from ..inference.values import PassValues
from ..measurement.events import ChunkMeasured, Event, ImagesCounted, PassMeasured
from ..measurement.passes import PassRunner
from ..planning.plan import PassAsk, Place, PlanGroup, PlannedCase, original_context
from ..results.measured import KeptImage, KeptPicture, MeasuredModel
from ..store.store import StoreBatch
from .album import Album
from .candidates import GalleryChoice
from .drawing import store as write_picture
from .frames import NO_ANSWER, Frame, PictureAnswer, Print, frame_of, heat_of
from .picture_asks import PictureAsk, pictures_of
from .review import ReviewChoice
from .selection import Candidates

#: what a pass found on some rows of a chunk
Found = tuple[tuple[int, ...], PassValues]
Wanted = tuple[int, PictureAsk]
#: an image to keep, and what is shown of it
Row = tuple[GalleryChoice | ReviewChoice, Sequence[PictureAsk]]


class KeptImages(NamedTuple):
    """The images of every case by its id: those of the report, and those for review."""

    galleries: dict[str, list[KeptImage]]
    reviews: dict[str, list[KeptImage]]


class Gallery:
    """Chooses images as they are counted, and draws those that may be shown.

    Args:
        labels: of the whole data.
        batch: what is to be stored.
        size: images in a chunk.
        reviewed: images for review of each case that asks for it.
        recorded: models of an earlier run, of which nothing is drawn.
    """

    def __init__(
        self,
        runner: PassRunner,
        group: PlanGroup,
        labels: frozenset[str],
        batch: StoreBatch,
        *,
        size: int,
        reviewed: int,
        recorded: Sequence[MeasuredModel] = (),
    ) -> None:
        self._runner, self._batch, self._size = runner, batch, size
        self._candidates = Candidates(
            group, runner.models, runner.samples, runner.table.passes, labels, (reviewed, runner.builder.seed), recorded
        )
        self._album = Album(runner.lookup, runner.samples, runner.table.passes)
        self._found: dict[Place, list[Found]] = {}

    def on(self, event: Event) -> None:
        """Offer images that count, and draw those of a chunk that may be shown."""
        if isinstance(event, PassMeasured):
            self._found.setdefault(event.ask.place, []).append((event.rows, event.values))
        elif isinstance(event, ImagesCounted):
            self._candidates.offer(self._runner.table, self._runner.table.readable(event.positions))
        elif isinstance(event, ChunkMeasured):
            self._draw(event.chunk)
            self._found.clear()
            if self._runner.stores:
                self._album.keep_drafts(self._batch)

    def images(self, folder: Path) -> KeptImages:
        """The images of every case, their pictures written into the run's folder."""
        table = self._runner.table
        shown: list[tuple[PlannedCase, list[Row]]] = [
            (case, [(choice, pictures_of(case, table.passes)) for choice in choices])
            for case, choices in self._candidates.chosen(table)
        ]
        reviewed: list[tuple[PlannedCase, list[Row]]] = [
            (case, [(choice, choice.pictures) for choice in choices])
            for case, choices in self._candidates.reviewed(table)
        ]
        rows = [row for _, found in (*shown, *reviewed) for row in found]
        wanted = {(choice.position, picture): None for choice, pictures in rows for picture in pictures}
        prints = self._prints(list(wanted))
        files = {key: write_picture(folder, printed.content) for key, printed in prints.items()}
        galleries, reviews = (
            {case.asked.id: [self._image(case, *row, prints, files) for row in found] for case, found in kept}
            for kept in (shown, reviewed)
        )
        return KeptImages(galleries, reviews)

    def _prints(self, wanted: Sequence[Wanted]) -> dict[Wanted, Print]:
        """Pictures to show: those at hand, the stored ones, and the rest drawn anew."""
        prints = self._album.prints(wanted)
        missing = [key for key in wanted if key not in prints]
        positions = sorted({at for at, _ in missing})
        builder, samples = self._runner.builder, self._runner.samples
        for first in range(0, len(positions), self._size):
            part = positions[first : first + self._size]
            self._redraw(builder.finish(builder.begin([samples[at] for at in part], part)), missing)
        if missing:
            prints |= self._album.prints(missing)
        if not self._runner.table.failures:  # else a later run may get further, and need them
            self._album.drop_drafts()
        return prints

    def _draw(self, chunk: Chunk) -> None:
        """Frames of the images of this chunk that galleries may show."""
        kept = self._candidates.wanted(self._runner.table.passes)
        self._album.keep_only(kept)
        for row, at in enumerate(chunk.positions):
            for picture in kept.get(at, ()):
                if (at, picture) not in self._album:
                    frame = self._frame(picture, chunk, row, self._found)
                    if frame is not None:
                        self._album.add(at, picture, frame)

    def _frame(
        self, picture: PictureAsk, chunk: Chunk, row: int, passes: Mapping[Place, Sequence[Found]]
    ) -> Frame | None:
        """A picture from what was computed on this chunk; None where the pass was not run on that image."""
        place = (picture.model, str(picture.context))
        found = next((one for one in passes.get(place, ()) if row in one[0]), None)
        if picture.kind == "original":
            asked = any(ask.place == place for ask in self._runner.table.passes)
            if asked and found is None:
                return None
            preprocessing = self._runner.models[picture.model].loaded.preprocessing
            scene = self._runner.builder.scene(chunk, preprocessing)
            logits = None if found is None else found[1].logits[found[0].index(row)]
            mask = None if scene.mask is None else scene.mask[row]
            return frame_of(scene.pixels[row], mask, self._answer(picture, chunk.samples[row], logits))
        if found is None:
            return None
        at, values = found[0].index(row), found[1]
        answer = self._answer(picture, chunk.samples[row], values.logits[at])
        if picture.map is None:
            return frame_of(values.shown.pixels[at], values.shown.mask[at], answer)
        if picture.map not in values.maps:
            return None
        return heat_of(values.maps[picture.map].values[at], values.shown.mask[at], answer)

    def _answer(self, picture: PictureAsk, sample: Sample, logits: Tensor | None) -> PictureAnswer:
        if logits is None or not bool(logits.isfinite().all()):
            return NO_ANSWER
        return self._runner.models[picture.model].answer(logits, sample.label)

    def _redraw(self, chunk: Chunk, missing: Sequence[Wanted]) -> None:
        """Run again what pictures need of images whose values were stored and whose pictures were not."""
        wanted: dict[Place, set[PictureAsk]] = {}
        rows: dict[Place, set[int]] = {}
        here = {at: row for row, at in enumerate(chunk.positions)}
        for at, picture in missing:
            if at in here:
                place = (picture.model, str(picture.context))
                wanted.setdefault(place, set()).add(picture)
                rows.setdefault(place, set()).add(here[at])
        passes: dict[Place, list[Found]] = {}
        self._runner.begin_chunk()
        for ask in self._runner.table.passes:
            pictures, chosen = wanted.get(ask.place, set()), tuple(sorted(rows.get(ask.place, ())))
            maps = {picture.map for picture in pictures if picture.map is not None}
            columns = {column.map: column for column in ask.columns if column.map in maps}
            if maps or (pictures and not self._draw_plain(ask, pictures, chunk.part(chosen))):
                asked = replace(ask, columns=tuple(columns.values()))
                passes[ask.place] = [(chosen, self._runner.read(asked, chunk.part(chosen)))]
        for at, picture in missing:
            if at in here and (at, picture) not in self._album:
                frame = self._frame(picture, chunk, here[at], passes)
                if frame is not None:
                    self._album.add(at, picture, frame)

    def _draw_plain(self, ask: PassAsk, pictures: set[PictureAsk], part: Chunk) -> bool:
        """Draw pictures without maps from stored logits; whether that was possible."""
        preprocessing, builder = self._runner.models[ask.model].loaded.preprocessing, self._runner.builder
        stored = self._runner.lookup.logits(ask, part.samples)
        if any(logits is None for logits in stored):
            return False
        for picture in pictures:
            batch = (
                builder.scene(part, preprocessing)
                if picture.kind == "original"
                else builder.show(part, ask.context, preprocessing)
            )
            for row, at in enumerate(part.positions):
                answer = self._answer(picture, part.samples[row], stored[row])
                mask = None if batch.mask is None else batch.mask[row]
                self._album.add(at, picture, frame_of(batch.pixels[row], mask, answer))
        return True

    def _image(
        self,
        case: PlannedCase,
        choice: GalleryChoice | ReviewChoice,
        pictures: Sequence[PictureAsk],
        prints: Mapping[Wanted, Print],
        files: Mapping[Wanted, str],
    ) -> KeptImage:
        """A kept image; the area is what the case's first model sees of the object."""
        at, first = choice.position, next(iter(case.models.values()))
        sample = self._runner.samples[at]
        area = float(self._runner.table.areas(first, np.array([at]))[0])
        return KeptImage(
            rank=choice.rank,
            sample=sample.id,
            label=str(sample.label),
            value=choice.value,
            object_area=None if np.isnan(area) else area,
            pictures=[
                self._picture(at, picture, prints[at, picture], files)
                for picture in pictures
                if (at, picture) in prints and (at, _beneath(picture)) in files
            ],
        )

    def _picture(self, at: int, picture: PictureAsk, printed: Print, files: Mapping[Wanted, str]) -> KeptPicture:
        hidden = picture.kind == "original" or picture.context == original_context()
        index, model = printed.prediction, self._runner.models[picture.model]
        label = self._runner.samples[at].label
        return KeptPicture(
            kind=picture.kind,
            context=None if hidden else str(picture.context),
            method=None if picture.map is None else picture.map.text,
            model=picture.model,
            prediction=None if index is None else model.class_name(index),
            probability=printed.probability,
            right=None if index is None else model.is_right(label, index, printed.probability),
            file=files[at, _beneath(picture)],
            map=None if picture.map is None else files[at, picture],
            outline=printed.outline,
            contours=list(printed.contours),
            share_on_object=printed.share_on_object,
            heat_at=printed.heat_at,
        )


def _beneath(picture: PictureAsk) -> PictureAsk:
    """The image that a map is laid over; an image itself."""
    if picture.map is None:
        return picture
    kind: Literal["original", "context"] = "original" if picture.context == original_context() else "context"
    return PictureAsk(kind, picture.model, picture.context)
