"""Decodes a sample: image, mask, and digests of what they were made from."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..language.boundary import AuditedCodeError, contained, described
from ..language.merkle import label_digest, sample_digest
from ..language.reasons import Missing
from ..language.sample import OBJECT, Sample
from .base import Decoded, DigestParts, Pixels, UnusableSample
from .images import FilePart, Place, bytes_of, opened, rgb_of, upright
from .mask_reading import MaskReading
from .masks import ReadMask, checked_mask, mask_of


def files_of(sample: Sample) -> Iterator[Place]:
    """The files, or parts of files, that a sample is decoded from."""
    for source in (sample.image, sample.mask):
        if isinstance(source, ReadMask):
            yield source.path
        elif isinstance(source, Path | FilePart):
            yield source


def content_of(sample: Sample, digests: Mapping[Place, str | None]) -> str | None:
    """sha256 of image, mask, label and declaration as 64 hexadecimal digits; None where only decoding shows it.

    Files enter by the digests of their bytes, arrays by shape and values, callables by the text ``content`` that they
    carry where what they return is a function of it (a frame of the demo, a mask of COCO).

    Args:
        digests: sha256 of the sample's files and parts, None where one cannot be read.
    """
    parts = [_part(source, digests) for source in (sample.image, sample.mask)]
    if None in parts:
        return None
    declared = ["without object"] if sample.without_object else []
    declared += [f"contradicts: {one.found}, {one.stated}" for one in sample.contradictions]
    declared += [] if sample.stated_size is None else [f"stated {sample.stated_size}"]
    text = "\n".join([*map(str, parts), repr(sample.label), *declared])
    return hashlib.sha256(text.encode()).hexdigest()


def array_digest(array: NDArray[Any]) -> bytes:
    """sha256 of an array's shape and values."""
    shape = repr(array.shape).encode()
    return hashlib.sha256(shape + np.ascontiguousarray(array).tobytes()).digest()


def _part(source: Any, digests: Mapping[Place, str | None]) -> str | None:
    """One of the two sources; None where it is not known."""
    if source is None:
        return "none"
    if isinstance(source, ReadMask):
        found = digests.get(source.path)
        return None if found is None else f"file {found} {source.rule}"
    if isinstance(source, Path | FilePart):
        found = digests.get(source)
        return None if found is None else f"file {found}"
    if isinstance(source, bytes):
        return f"file {hashlib.sha256(source).hexdigest()}"
    if isinstance(source, np.ndarray):
        return f"array {source.dtype} {array_digest(source).hex()}"
    content = getattr(source, "content", None)
    if callable(source) and isinstance(content, str):
        kind = f"{type(source).__module__}.{type(source).__qualname__}"
        return f"drawn {kind} {hashlib.sha256(content.encode()).hexdigest()}"
    return None


def decode(sample: Sample) -> Decoded:
    """Image and mask of a sample, upright, with the mask's values checked.

    An empty mask of an image that is declared to have no object is none; one that holds an object stays.

    The digest covers the bytes of the image file (the array where there is no file), the mask's values and the label:
    it is the same on every system.

    Raises:
        UnusableSample: its `reason` is UNREADABLE_IMAGE, UNREADABLE_MASK, MASK_SIZE or CONTRADICTION.
    """
    files: dict[Place, bytes] = {}
    try:
        return _decoded(sample, files)
    except UnusableSample as error:
        with contextlib.suppress(UnusableSample):  # what cannot be read has no content
            for path in files_of(sample):
                _read(path, Missing.UNREADABLE_IMAGE, files)
            error.content = content_of(sample, _digests(files))
        raise


def _decoded(sample: Sample, files: dict[Place, bytes]) -> Decoded:
    image, stored_size, content = _image(sample, files)
    if sample.mask is not None:
        _check_facts(sample, image, stored_size)
    mask = given = _mask(sample, files)
    if sample.without_object and mask is not None and not (mask == OBJECT).any():
        mask = None  # nothing to mask, as declared
    if mask is not None and mask.shape != image.shape[:2]:
        raise UnusableSample(Missing.MASK_SIZE, _size_message(sample, image, mask, stored_size))
    of_mask = hashlib.sha256(b"" if given is None else _bytes_of_array(given)).digest()
    parts = DigestParts(content.hex(), of_mask.hex(), label_digest(sample.label))
    found = sample_digest(parts.image, parts.mask, parts.label)
    otherwise = f"decoded {found}{' without object' if sample.without_object else ''}"
    known = content_of(sample, _digests(files)) or otherwise
    return Decoded(image, mask, found, known, parts)


def _check_facts(sample: Sample, image: Pixels, stored: tuple[int, int]) -> None:
    """Raises an UnusableSample where what the data state of a sample is contradicted, by itself or by the image."""
    if sample.contradictions:
        more = len(sample.contradictions) - 1
        text = sample.contradictions[0].text + (f"; and {more} more" if more else "")
        raise UnusableSample(Missing.CONTRADICTION, text)
    height, width = image.shape[:2]
    if sample.stated_size not in (None, (height, width), stored):
        high, wide = sample.stated_size or (0, 0)
        raise UnusableSample(
            Missing.CONTRADICTION,
            f"{sample.id!r} is stated as {wide} x {high}, but its image is {width} x {height} (width x height): the "
            "annotation is of a copy of another size; export it for the images that are here",
        )


def _read(path: Place, reason: Missing, files: dict[Place, bytes]) -> bytes:
    """A file's bytes, read once: what is decoded is what is hashed."""
    if path not in files:
        files[path] = bytes_of(path, reason)
    return files[path]


def _digests(files: Mapping[Place, bytes]) -> dict[Place, str | None]:
    return {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}


def _image(sample: Sample, files: dict[Place, bytes]) -> tuple[Pixels, tuple[int, int], bytes]:
    """The pixels, the (height, width) before they were turned upright, and what stands for them in the digest."""
    source: Any = sample.image
    if callable(source) and not isinstance(source, FilePart):
        source = _called(source, sample, Missing.UNREADABLE_IMAGE)
    if isinstance(source, Path | FilePart | bytes):
        name = f"the image of {sample.id!r}" if isinstance(source, bytes) else str(source)
        content = source if isinstance(source, bytes) else _read(source, Missing.UNREADABLE_IMAGE, files)
        with opened(content, name, Missing.UNREADABLE_IMAGE) as image:
            return rgb_of(upright(image), name), (image.height, image.width), hashlib.sha256(content).digest()
    if not isinstance(source, np.ndarray):
        raise UnusableSample(
            Missing.UNREADABLE_IMAGE,
            f"the image of {sample.id!r} is a {type(source).__name__}; give a path, bytes, an array or a callable",
        )
    if source.dtype != np.uint8 or source.ndim != 3 or source.shape[2] != 3 or 0 in source.shape:
        raise UnusableSample(
            Missing.UNREADABLE_IMAGE,
            f"the image of {sample.id!r} is {source.dtype} {source.shape}; give RGB as uint8 [height, width, 3]",
        )
    return source, (source.shape[0], source.shape[1]), hashlib.sha256(_bytes_of_array(source)).digest()


def _mask(sample: Sample, files: dict[Place, bytes]) -> Pixels | None:
    source: Any = sample.mask
    if source is None:
        return None
    if isinstance(source, Path | FilePart):
        return mask_of(_read(source, Missing.UNREADABLE_MASK, files), source, MaskReading())
    if isinstance(source, ReadMask):
        return source.of(_read(source.path, Missing.UNREADABLE_MASK, files))
    name = f"the mask of {sample.id!r}"
    if callable(source):
        # the author of such a function knows that 255 is ignore
        return checked_mask(np.asarray(_called(source, sample, Missing.UNREADABLE_MASK)), name, "ignore")
    return checked_mask(np.asarray(source), name, None)


def _called(source: Any, sample: Sample, reason: Missing) -> Any:
    try:
        return source()
    except UnusableSample:
        raise
    except BaseException as raised:
        error = contained(raised)
        if isinstance(error, AuditedCodeError):  # not an unreadable image: it would steer the run
            raise AuditedCodeError(f"{sample.id!r}: {error}") from raised
        raise UnusableSample(reason, f"{sample.id!r}: {described(error)}") from error


def _bytes_of_array(array: NDArray[np.uint8]) -> bytes:
    return repr(array.shape).encode() + np.ascontiguousarray(array).tobytes()


def _size_message(sample: Sample, image: Pixels, mask: Pixels, stored: tuple[int, int]) -> str:
    height, width = image.shape[:2]
    named = sample.mask if isinstance(sample.mask, Path | FilePart) else f"the mask of {sample.id!r}"
    message = f"{named} is {mask.shape[1]} x {mask.shape[0]}, the image {width} x {height} (width x height)"
    if mask.shape == stored:
        return message + (
            ": the image is turned by its EXIF orientation and the mask is not; "
            "turn the mask too, or save the image upright"
        )
    return message + "; a mask has the size of its image"
