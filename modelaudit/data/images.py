"""Image files, and parts of container files, to upright RGB."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from ..language.reasons import Missing
from ..language.regular_files import open_file, read_file
from .base import Pixels, UnusableSample


@dataclass(frozen=True)
class FilePart:
    """`size` bytes of a file from `start`: a member of a tar archive. It stands wherever a path of an image may.

    Args:
        path: the container.
        name: what the part is called in it, for messages.
    """

    path: Path
    start: int
    size: int
    name: str

    def __str__(self) -> str:
        return f"{self.path}: {self.name}"

    def __call__(self) -> Pixels:
        """[H, W, 3] uint8, as :func:`~modelaudit.data.decode.decode` reads it.

        Raises:
            UnusableSample: it cannot be read.
        """
        with opened(bytes_of(self, Missing.UNREADABLE_IMAGE), str(self), Missing.UNREADABLE_IMAGE) as image:
            return rgb_of(upright(image), str(self))

    def read_bytes(self) -> bytes:
        """The bytes.

        Raises:
            OSError: the container cannot be read, or ends before the part does.
        """
        with open_file(self.path) as file:
            file.seek(self.start)
            content = file.read(self.size)
        if len(content) < self.size:
            raise OSError(f"the file ends after {len(content)} of the {self.size} bytes of {self.name}")
        return content

    @property
    def key(self) -> bytes:
        """The key of the part in tables of digests; no other part and no whole file has it."""
        return os.fsencode(self.path) + f"\0{self.start}+{self.size}".encode()


#: where the bytes of a picture are
Place = Path | FilePart


FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
_TIFF = (b"II*\0", b"MM\0*")
_EIGHT_BITS = (
    "save it with 8 bits, or give Sample(image=read), a function that returns the uint8 array [height, width, 3] "
    "as the model was trained on"
)
_SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N", "I")


def bytes_of(path: Place, reason: Missing) -> bytes:
    """The content of a file.

    Raises:
        UnusableSample: it does not exist, is empty, or is not a regular file (a named pipe, a device).
    """
    try:
        content = read_file(path) if isinstance(path, Path) else path.read_bytes()
    except OSError as error:
        raise UnusableSample(reason, f"{path}: {error.strerror or error}") from error
    if not content:
        raise UnusableSample(reason, f"{path} is empty (0 bytes)")
    return content


@contextmanager
def opened(content: bytes, name: str, reason: Missing) -> Iterator[Image.Image]:
    """An image file in memory, completely loaded.

    Raises:
        UnusableSample: broken, cut off, of another format, of several pages, or larger than Pillow's limit against
            decompression bombs (``PIL.Image.MAX_IMAGE_PIXELS``). A broken file may raise anything inside Pillow.
    """
    with _telling(name, reason), _identified(content, name, reason) as image:
        _check_size(image, name, reason)
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format != "MPO":
            raise UnusableSample(reason, f"{name} holds {frames} images; save the one that is meant")
        image.load()
        yield image


def _identified(content: bytes, name: str, reason: Missing) -> Image.Image:
    try:
        return Image.open(BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError as error:
        if content[:4] not in _TIFF:
            raise
        raise UnusableSample(
            reason, f"{name} is a TIFF of a kind that Pillow does not read (floats in colour, say); {_EIGHT_BITS}"
        ) from error


@contextmanager
def header(source: Place | bytes, name: str, reason: Missing) -> Iterator[Image.Image]:
    """An image file of which no more is read than its header: size, mode, EXIF.

    Raises:
        UnusableSample: as `opened`; what is broken behind the header shows when the pixels are read.
    """
    with _telling(name, reason):
        content = source.read_bytes() if isinstance(source, FilePart) else source
        with (
            BytesIO(content) if isinstance(content, bytes) else open_file(content) as file,
            Image.open(file, formats=FORMATS) as image,
        ):
            yield image


@contextmanager
def _telling(name: str, reason: Missing) -> Iterator[None]:
    """Turns any error inside Pillow into an error of this sample."""
    try:
        yield
    except UnusableSample:
        raise
    except UnidentifiedImageError as error:
        raise UnusableSample(reason, f"{name} is not a {', '.join(FORMATS)} file") from error
    except Exception as error:
        raise UnusableSample(reason, f"{name} cannot be read: {type(error).__name__}: {error}") from error


def exif_of(image: Image.Image) -> Image.Exif:
    """The EXIF in the header of an image that has not been loaded."""
    # PngImageFile.getexif decodes the whole picture where the header has none
    return Image.Image.getexif(image)


def upright_size(source: Place) -> tuple[int, int]:
    """(height, width) of an image file once it is turned as its EXIF orientation says; only the header is read.

    Raises:
        UnusableSample: as `header`, or larger than Pillow's limit.
    """
    with header(source, str(source), Missing.UNREADABLE_IMAGE) as image:
        _check_size(image, str(source), Missing.UNREADABLE_IMAGE)
        turned = exif_of(image).get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
        return (image.width, image.height) if turned else (image.height, image.width)


def upright(image: Image.Image) -> Image.Image:
    """The image turned as its EXIF orientation says."""
    return ImageOps.exif_transpose(image)


def rgb_of(image: Image.Image, name: str) -> Pixels:
    """[H, W, 3] uint8. Transparency is laid over white, 16-bit grey is scaled to 8 bits.

    Raises:
        UnusableSample: values that have no place in 8 bits (floats, more than 16 bits).
    """
    if image.mode in _SIXTEEN_BITS:
        grey = np.asarray(image).astype(np.int64)
        if grey.min() < 0 or grey.max() > 65535:
            raise UnusableSample(
                Missing.UNREADABLE_IMAGE, f"{name} has values from {grey.min()} to {grey.max()}; save it with 8 bits"
            )
        return np.repeat(((grey + 128) // 257).astype(np.uint8)[:, :, None], 3, axis=2)
    if image.mode == "F":
        raise UnusableSample(
            Missing.UNREADABLE_IMAGE, f"{name} has floating-point values, of 0 to 1 or in other units; {_EIGHT_BITS}"
        )
    if image.has_transparency_data:
        solid = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", solid.size, "white"), solid)
    return np.array(image.convert("RGB"))


def _check_size(image: Image.Image, name: str, reason: Missing) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise UnusableSample(
            reason, f"{name} has {image.width} x {image.height} pixels, more than Pillow's limit of {limit}"
        )
