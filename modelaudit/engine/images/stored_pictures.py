"""Pictures that the data keep with their samples: decoded and put through the geometry."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from ...contexts import in_place, stored_picture
from ...data import UnusableSample, files_of
from ...language.errors import ContextError, nearest
from ...language.reasons import Missing
from ...language.sample import Preprocessing, Sample
from ...language.spec import Context
from ..store.keys import decoding_key, digest
from ..store.store import Store, StoreBatch
from .contents import SampleContents
from .prepared import PreparedSample

#: pictures that are being decoded at a time: of one name those of the chunks that are decoded ahead
_BEGUN = 1024
#: what stands for the content of a picture that is not there, or whose file cannot be read
_ABSENT, _LOST = "absent", "lost"


@dataclass(frozen=True)
class StoredPicture:
    """The stored pictures of some samples, in their order.

    ``pictures``: None where there is none to show, for a reason of `reasons`. ``contents`` have a part in the keys of
    what is measured.
    """

    pictures: tuple[PreparedSample | None, ...]
    reasons: tuple[Missing | None, ...]
    contents: tuple[str, ...]


class StoredPictures:
    """The pictures of all contexts that show some.

    Args:
        samples: the whole data set, whatever the run's limit is.
        begin: starts decoding a sample into a geometry.
        store, contents: where the outcome of decoding is kept; `contents` makes more of its kind.
        unusable: filled with the pictures that cannot be shown, as ``<id> (<name>)``, with reason and message.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        begin: Callable[[Sample, Preprocessing], Future[PreparedSample | UnusableSample]],
        store: Store,
        contents: SampleContents,
    ) -> None:
        self._samples = samples
        self._begin = begin
        self._store = store
        self._contents = contents
        self._of: dict[tuple[str, bool], SampleContents] = {}
        self._there: set[str] = set()
        self._begun: OrderedDict[Any, Future[PreparedSample | UnusableSample]] = OrderedDict()
        self._new: list[tuple[bytes, str]] = []
        self.unusable: dict[str, tuple[Missing, str]] = {}

    def show(self, samples: Sequence[Sample], context: Context, preprocessing: Preprocessing) -> StoredPicture:
        """Decode the pictures of some samples; one that cannot be used is noted in `unusable`.

        Raises:
            ContextError: no sample of the data set has such a picture.
        """
        self.prefetch(samples, context, preprocessing)
        found = [self._one(sample, context, preprocessing) for sample in samples]
        pictures, reasons, contents = zip(*found, strict=True)
        return StoredPicture(pictures, reasons, contents)

    def prefetch(self, samples: Sequence[Sample], context: Context, preprocessing: Preprocessing) -> None:
        """Start decoding the pictures of some samples.

        Raises:
            ContextError: no sample of the data set has such a picture.
        """
        self._require(context)
        for sample in samples:
            picture = _picture(sample, context)
            key = _key(sample, context, preprocessing)
            if picture is not None and key not in self._begun:
                self._begun[key] = self._begin(picture, preprocessing)
                while len(self._begun) > _BEGUN:
                    self._begun.popitem(last=False)[1].cancel()  # it is begun again where it is asked for

    def recall(
        self, samples: Sequence[Sample], context: Context, preprocessing: Preprocessing, *, decode: bool = False
    ) -> list[str | None]:
        """The contents of the pictures as far as they are known; what cannot be shown is noted in `unusable`.

        Args:
            decode: decode a picture of which only that tells the content.

        Raises:
            ContextError: no sample of the data set has such a picture.
        """
        self._require(context)
        pictures = [_picture(sample, context) for sample in samples]
        contents = self._contents_of(context)
        contents.of([picture for picture in pictures if picture is not None])
        found: list[str | None] = []
        for sample, picture in zip(samples, pictures, strict=True):
            known = _ABSENT if picture is None else contents.known(picture)
            if known is None and picture is not None and contents.lost(picture):
                known = _LOST
            found.append(self._one(sample, context, preprocessing)[2] if known is None and decode else known)
        self._recall_messages(samples, context, found)
        return found

    def write(self, batch: StoreBatch) -> None:
        """What was found out since the last time."""
        for name, message in self._new:
            batch.content(decoding_key(), name, message.encode())
        self._new.clear()

    def _one(
        self, sample: Sample, context: Context, preprocessing: Preprocessing
    ) -> tuple[PreparedSample | None, Missing | None, str]:
        picture = _picture(sample, context)
        if picture is None:
            return None, Missing.NO_STORED, _ABSENT
        begun = self._begun.pop(_key(sample, context, preprocessing), None) or self._begin(picture, preprocessing)
        found = begun.result()
        if isinstance(found, UnusableSample) or found.mask_error is not None:
            error = found if isinstance(found, UnusableSample) else found.mask_error
            assert error is not None
            return None, *self._note_unusable(sample, picture, context, error)
        self._contents_of(context).note(picture, found.decoded.content)
        return found, None, found.decoded.content

    def _note_unusable(
        self, sample: Sample, picture: Sample, context: Context, error: UnusableSample
    ) -> tuple[Missing, str]:
        """Note why a picture cannot be shown; the reason, and its content as far as it is known."""
        content = _LOST if error.content is None else error.content
        message = f"{error}{_hint(error.reason, context)}"
        self.unusable[_named(sample, context)] = (error.reason, message)
        self._new.append((_outcome(sample, picture, context, content), f"{error.reason.value}\n{message}"))
        if error.content is not None:
            self._contents_of(context).note(picture, error.content)
        return error.reason, content

    def _recall_messages(self, samples: Sequence[Sample], context: Context, contents: Sequence[str | None]) -> None:
        names = [
            None if content is None or picture is None else _outcome(sample, picture, context, content)
            for sample, content in zip(samples, contents, strict=True)
            for picture in [_picture(sample, context)]
        ]
        for sample, message in zip(samples, self._store.contents(decoding_key(), names), strict=True):
            if message is not None:
                reason, _, text = message.decode().partition("\n")
                self.unusable[_named(sample, context)] = (Missing(reason), text)

    def _contents_of(self, context: Context) -> SampleContents:
        key = (str(stored_picture(context)), in_place(context))
        if key not in self._of:
            self._of[key] = self._contents.another()
        return self._of[key]

    def _require(self, context: Context) -> None:
        name = str(stored_picture(context))
        if name not in self._there and not any(name in sample.stored for sample in self._samples):
            known = {other for sample in self._samples for other in sample.stored}
            listed = nearest(name, known) if known else "; they keep none beside their images"
            raise ContextError(f"'{context}': the data keep no picture {name!r} of any sample{listed}")
        self._there.add(name)


def _picture(sample: Sample, context: Context) -> Sample | None:
    """The stored picture as a sample of its own, with the original's mask where that holds for it."""
    name = str(stored_picture(context))
    if name not in sample.stored:
        return None
    mask = sample.mask if in_place(context) else None
    return replace(sample, id=_named(sample, context), image=sample.stored[name], mask=mask, stored={})


def _named(sample: Sample, context: Context) -> str:
    return f"{sample.id} ({stored_picture(context)})"


def _key(sample: Sample, context: Context, preprocessing: Preprocessing) -> Any:
    return (sample.id, stored_picture(context), in_place(context), preprocessing.geometry())


def _outcome(sample: Sample, picture: Sample, context: Context, content: str) -> bytes:
    """The key of a message, which names files: their paths are part of it."""
    name, masked = str(stored_picture(context)), str(in_place(context))
    return digest("stored", content, sample.id, name, masked, *(str(path) for path in files_of(picture)))


def _hint(reason: Missing, context: Context) -> str:
    if reason is not Missing.MASK_SIZE:
        return ""
    return f"; if the object lies elsewhere in {stored_picture(context)}, write stored(..., mask=none)"
