"""Shows every context on some images of a data set, before any model is run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..contexts import exempt, family
from ..engine.images.batches import BatchBuilder, Chunk, ContextBatch
from ..engine.results.measured import PassCounts
from ..language import registry
from ..language.errors import AuditError, ExpressionError
from ..language.findings import Absence, ContextCell, ContextRow
from ..language.sample import DataSet, Preprocessing, Sample
from ..language.spec import Composed, Context, as_context, name_text
from .thumbnails import thumbnail

SIZE, SIDE, ROW_BYTES = 224, 176, 30_000
_STORED = "stored"


def texts_of(data: DataSet) -> tuple[str, ...]:
    """The canonical texts that every registered context declares as examples, and the pictures that the data keep.

    A context without examples stands by its name alone.
    """
    stored = sorted({name for sample in data.samples for name in sample.stored})
    texts: list[str] = []
    for name in registry.names("context"):
        own = registry.find("context", name).declares.examples
        if name == _STORED and not own:
            own = tuple(f"{name}({name_text(one)})" for one in stored)
        texts.extend(own or (name,))
    return tuple(texts)


def showcase(
    data: DataSet,
    texts: Iterable[str],
    *,
    images: int,
    size: int = SIZE,
    seed: int = 0,
    root: Path = Path(),
    progress: Callable[[], None] = lambda: None,
) -> tuple[tuple[ContextCell, ...], tuple[ContextRow, ...]]:
    """The images in the model's frame, and one row a context, as an audit with this seed and size would show them.

    A series (``each=[...]``) gives a row a dose. Every context has a row: where it cannot be shown, its message.

    Args:
        texts: contexts as users write them.
        images: how many images, spread over the labels.
        size: the frame: shorter side and centre crop.

    Raises:
        ExpressionError: a text that is not a context.
    """
    preprocessing = Preprocessing(resize=size, crop=size)
    contexts = [one for text in texts for one in _contexts(text)]
    with BatchBuilder(data.samples, seed=seed, device="cpu", passes=PassCounts(), root=root) as stage:
        stage.prepare_for([preprocessing])
        chunk = _chosen(stage, data, images, seed)
        rows = []
        for context in contexts:
            rows.append(_row(stage, chunk, context, preprocessing))
            chunk.shown.clear()
            progress()
        return tuple(_originals(stage, chunk, preprocessing)), tuple(rows)


def sentence_of(context: Context | str) -> str:
    """Describes a context by the first sentence of its definition; a composition by those of its parts."""
    if isinstance(context, Composed):
        return " Then: ".join(sentence_of(part) for part in context.parts)
    entry = registry.find("context", context) if isinstance(context, str) else registry.entry_of(context)
    text = _doc(entry.spec) or _doc(entry.function)
    first = " ".join(text.split("\n\n")[0].split()).replace("`", "")
    end = first.find(". ")
    return first if end < 0 else first[: end + 1]


def _doc(what: object) -> str:
    """The docstring that somebody wrote, not the one that dataclasses generate."""
    text = getattr(what, "__doc__", None) or ""
    return "" if text.startswith(f"{getattr(what, '__name__', '')}(") else text


def _contexts(text: str) -> Iterator[Context | str]:
    """The single contexts that a text says; the name itself where it says nothing without arguments."""
    try:
        context = as_context(text)
    except ExpressionError:
        if text not in registry.names("context"):
            raise
        yield text
        return
    yield from (context.at_dose(dose) for dose in context.doses) if context.doses else (context,)


def _chosen(stage: BatchBuilder, data: DataSet, images: int, seed: int) -> Chunk:
    """The first readable ones in an order of the seed: labels in turn, images with masks before others."""
    by_label: dict[str, list[Sample]] = {}
    for sample in sorted(data.samples, key=lambda one: (one.mask is None, _hash(seed, one.id))):
        by_label.setdefault(str(sample.label), []).append(sample)
    labels = sorted(by_label, key=lambda label: _hash(seed, label))
    turns = zip_longest(*(by_label[label] for label in labels))
    candidates = [sample for turn in turns for sample in turn if sample is not None]
    kept: list[Sample] = []
    for sample in candidates:
        if len(kept) == images:
            break
        kept.extend(stage.chunk([sample], 0).samples)
    return stage.chunk(kept, 0)


def _row(stage: BatchBuilder, chunk: Chunk, context: Context | str, preprocessing: Preprocessing) -> ContextRow:
    if isinstance(context, str):
        found = registry.find("context", context).declares
        message = f'it has no example; say it with its arguments: --context "{context}(...)"'
        if context == _STORED:
            message = "the data keep no other pictures of their samples"
        return ContextRow(context, found.family, sentence_of(context), message=message)
    blank = ContextRow(str(context), family(context), sentence_of(context))
    if not chunk.samples:
        return _with_message(blank, "no image can be read")
    try:
        shown = stage.show(chunk, context, preprocessing)
    except AuditError as error:
        return _with_message(blank, str(error))
    return ContextRow(blank.text, blank.family, blank.sentence, tuple(_cells(chunk, shown, exempt(context))))


def _with_message(row: ContextRow, message: str) -> ContextRow:
    return ContextRow(row.text, row.family, row.sentence, message=message)


def _cells(chunk: Chunk, shown: ContextBatch, may_stay: bool) -> Iterator[ContextCell]:
    room = ROW_BYTES // len(chunk.samples)
    for at, sample in enumerate(chunk.samples):
        nothing = bool(shown.validity.impossible[at]) or shown.validity.absent[at] is not None
        absence: Absence = "needs_mask" if shown.validity.without_mask[at] else "impossible" if nothing else ""
        donor = shown.donors[at] if shown.donors else None
        yield ContextCell(
            sample=sample.id,
            picture=b"" if absence else thumbnail(_array(shown.pixels[at]), side=SIDE, most_bytes=room),
            absence=absence,
            unchanged=not absence and not may_stay and not bool(shown.validity.changed[at]),
            donor="" if donor is None or absence else donor[0],
        )


def _originals(stage: BatchBuilder, chunk: Chunk, preprocessing: Preprocessing) -> Iterator[ContextCell]:
    if not chunk.samples:
        return
    scene = stage.scene(chunk, preprocessing)
    assert scene.mask is not None
    for at, sample in enumerate(chunk.samples):
        mask = scene.mask[at].numpy()
        picture = thumbnail(_array(scene.pixels[at]), mask, side=SIDE)
        yield ContextCell(sample.id, picture, "" if chunk.decoded[at].mask is not None else "needs_mask")


def _array(pixels: Tensor) -> NDArray[np.uint8]:
    array: NDArray[np.uint8] = (pixels.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    return np.ascontiguousarray(array)


def _hash(seed: int, text: str) -> bytes:
    return hashlib.sha256(f"{seed}\0show\0{text}".encode()).digest()
