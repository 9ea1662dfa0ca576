"""The pictures of images that galleries may show: drawn while the images are at hand, encoded when they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from ...language.sample import Sample
from ..measurement.store_lookup import StoreLookup
from ..measurement.store_writer import PassWriter
from ..planning.plan import PassAsk
from ..store.store import StoreBatch
from .frames import Frame, Print, frame_bytes, print_bytes, printed, read_frame, read_print
from .picture_asks import PictureAsk

_ENCODERS = 2


class Album:
    """Frames and prints by (position, picture).

    Every picture is kept under the pass that it belongs to; of the original that is the pass on originals, whether or
    not it was asked for (``bare``: it was not, and the picture tells no prediction).
    """

    def __init__(self, lookup: StoreLookup, samples: Sequence[Sample], passes: Sequence[PassAsk]) -> None:
        self._lookup = lookup
        self._samples = samples
        self._asked = {(ask.model, ask.context) for ask in passes}
        self._frames: dict[tuple[int, PictureAsk], Frame] = {}
        self._new: set[tuple[int, PictureAsk]] = set()
        self._drafts: set[tuple[int, PictureAsk]] = set()

    def __contains__(self, key: tuple[int, PictureAsk]) -> bool:
        return key in self._frames

    def add(self, at: int, picture: PictureAsk, frame: Frame) -> None:
        """Keep a frame of the image at a position."""
        self._frames[at, picture] = frame
        self._new.add((at, picture))

    def keep_only(self, positions: Iterable[int]) -> None:
        """Let go of the frames of all other images."""
        kept = set(positions)
        for key in [key for key in self._frames if key[0] not in kept]:
            del self._frames[key]

    def keep_drafts(self, batch: StoreBatch) -> None:
        """Let the new frames outlive a run that is cut off, and the old ones go."""
        if not self._lookup.store.active:
            return
        for at, picture in self._new & self._frames.keys():
            keys, ask, sample = self._lookup.keys(self._pass(picture)), self._pass(picture), self._samples[at]
            content = frame_bytes(self._frames[at, picture])
            PassWriter(self._lookup, batch).keep_content(keys.drafts, ask, sample, self._text(picture), content)
        for at, picture in self._drafts - self._frames.keys():
            keys, ask, sample = self._lookup.keys(self._pass(picture)), self._pass(picture), self._samples[at]
            PassWriter(self._lookup, batch).forget_content(keys.drafts, ask, sample, self._text(picture))
        self._drafts = (self._drafts | self._new) & self._frames.keys()
        self._new.clear()

    def drop_drafts(self) -> None:
        """Forget what an unfinished run would have needed."""
        asks = [self._pass(PictureAsk("context", model, context)) for model, context in self._asked]
        self._lookup.store.drop([self._lookup.keys(ask).drafts for ask in asks])

    def prints(self, wanted: Iterable[tuple[int, PictureAsk]]) -> dict[tuple[int, PictureAsk], Print]:
        """The pictures that are stored, or can be made of frames; those made are stored."""
        found: dict[tuple[int, PictureAsk], Print] = {}
        open_ones = dict.fromkeys(wanted)
        by_picture: dict[PictureAsk, list[int]] = {}
        for at, picture in open_ones:
            by_picture.setdefault(picture, []).append(at)
        for picture, positions in by_picture.items():
            self._load(picture, positions, found)
        frames = {key: self._frames[key] for key in open_ones if key not in found and key in self._frames}
        with ThreadPoolExecutor(_ENCODERS, thread_name_prefix="encode") as workers:
            prints = list(workers.map(printed, frames.values()))
        batch = StoreBatch()
        for key, made in zip(frames, prints, strict=True):
            found[key] = made
            ask = self._pass(key[1])
            keys, sample = self._lookup.keys(ask), self._samples[key[0]]
            PassWriter(self._lookup, batch).keep_content(
                keys.pictures, ask, sample, self._text(key[1]), print_bytes(made)
            )
        self._lookup.store.commit(batch)
        return found

    def _load(self, picture: PictureAsk, positions: list[int], found: dict[tuple[int, PictureAsk], Print]) -> None:
        ask, text = self._pass(picture), self._text(picture)
        keys, samples = self._lookup.keys(ask), [self._samples[at] for at in positions]
        for at, content in zip(positions, self._lookup.contents(keys.pictures, ask, samples, text), strict=True):
            if content is not None:
                found[at, picture] = read_print(content)
        left = [at for at in positions if (at, picture) not in found and (at, picture) not in self._frames]
        drafts = self._lookup.contents(keys.drafts, ask, [self._samples[at] for at in left], text)
        for at, content in zip(left, drafts, strict=True):
            if content is not None:
                self._frames[at, picture] = read_frame(content)

    def _pass(self, picture: PictureAsk) -> PassAsk:
        return PassAsk(picture.model, picture.context, ())

    def _text(self, picture: PictureAsk) -> str:
        asked = (picture.model, picture.context) in self._asked
        return picture.text if asked else f"{picture.text} bare"
