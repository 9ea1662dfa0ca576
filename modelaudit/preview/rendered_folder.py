"""A folder of rendered pictures: written whole or not at all, taken up again where it was left, never mixed."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from .. import __version__
from ..language.errors import DataError
from ..language.stored_answers import MANIFEST_NAME
from ..language.whole_file import write_whole
from ..models.predictions.manifest import (
    PICTURES_FOLDER,
    ManifestHeader,
    PictureFormat,
    RenderedPicture,
    manifest_text,
    picture_file,
    read_manifest,
)
from .rendering import MadePictures, RenderSet

#: what a folder has while its pictures are written: the header of the manifest that will be
DRAFT_NAME = "manifest.draft.json"
README_NAME = "README.txt"
#: one time for all files, so that their order tells nothing: 1980, where zip files begin
_MOMENT = 315_619_200
_ENCODERS = 2
_NAMED = 5
#: free space that is left to others
_SPARE = 16 * 2**20
_HEADER_OF_NPY = 128
_END_OF_PNG = b"IEND\xaeB`\x82"


@dataclass(frozen=True)
class RenderedFacts:
    """What a folder holds now: pictures in all, those that were written, bytes, and files that nothing asks for."""

    pictures: int
    written: int
    size: int
    stale: tuple[str, ...]


@dataclass
class RenderedFolder:
    """The folder of one set.

    Args:
        folder: is made where it is missing.
    """

    folder: Path
    header: ManifestHeader
    _known: dict[str, str] = field(default_factory=dict)
    _made: dict[str, RenderedPicture] = field(default_factory=dict)
    _written: int = 0
    _size: int = 0

    def begin(self, at_most: int, size: tuple[int, int]) -> None:
        """Make sure that the folder is this set's, and that its pictures fit on the disk.

        Args:
            at_most: how many pictures there will be.
            size: (height, width) of them.

        Raises:
            DataError: the folder holds something else, or there is too little space.
        """
        self._refuse_another()
        there = sum(1 for _ in self._files())
        needed = max(at_most - there, 0) * largest_bytes(size, self.header.pictures)
        free = shutil.disk_usage(
            next(one for one in (self.folder, *self.folder.absolute().parents) if one.exists())
        ).free
        if needed + _SPARE > free:
            raise DataError(
                f"{self.folder}: {at_most - there} pictures take up to {needed / 1e6:,.0f} MB, and "
                f"{free / 1e6:,.0f} MB are free there; give a folder on another disk, or name fewer audits"
            )

    def write(self, made: Iterable[MadePictures], readme: Callable[[int], str]) -> RenderedFacts:
        """Write all pictures, then the manifest; what is there and right is kept.

        Args:
            readme: the text for whoever runs the box, from the number of pictures.

        Raises:
            DataError: a file cannot be written.
        """
        manifest = self.folder / MANIFEST_NAME
        if manifest.exists():
            self._known = {name: one.sha256 for name, one in read_manifest(manifest).pictures.items()}
        self._write(self.folder / DRAFT_NAME, self.header.model_dump_json(indent=1) + "\n")
        with ThreadPoolExecutor(_ENCODERS, thread_name_prefix="encode") as encoders:
            for batch in made:
                new = {
                    origin.name: (origin, pixels)
                    for origin, pixels in zip(batch.origins, batch.pixels, strict=True)
                    if origin.name not in self._made
                }
                name = str(batch.context)
                digests = encoders.map(self._keep, new, (pixels for _, pixels in new.values()))
                for (picture, (origin, _)), digest in zip(new.items(), digests, strict=True):
                    self._made[picture] = RenderedPicture.of(origin, name, digest)
        self._write(self.folder / PICTURES_FOLDER / README_NAME, readme(len(self._made)))
        self._write(manifest, manifest_text(self.header, self._made.values()))
        (self.folder / DRAFT_NAME).unlink(missing_ok=True)
        for file in self._files(drafts=True):
            file.unlink(missing_ok=True)
        stale = tuple(sorted(self._stale()))
        return RenderedFacts(len(self._made), self._written, self._size, stale)

    def prune(self) -> None:
        """Remove the pictures that nothing asks for."""
        for name in self._stale():
            (self.folder / name).unlink(missing_ok=True)

    def _keep(self, name: str, pixels: Tensor) -> str:
        """The sha256 of a picture's file, written where it is missing or damaged."""
        file = self.folder / picture_file(name, self.header.pictures)
        there = file.read_bytes() if file.is_file() else None
        digest = None if there is None else hashlib.sha256(there).hexdigest()
        if there is not None and digest is not None and self._is_right(name, there, digest, pixels):
            self._size += len(there)
            return digest
        content = encoded(pixels, self.header.pictures)
        self._write(file, content)
        self._written += 1
        self._size += len(content)
        return hashlib.sha256(content).hexdigest()

    def _is_right(self, name: str, content: bytes, digest: str, pixels: Tensor) -> bool:
        """Whether a file is kept: the one of the manifest, which a box may have answered, or without one these pixels.

        Pixels that another machine rounds otherwise are the same picture still.
        """
        return digest == self._known[name] if name in self._known else self._shows(content, pixels)

    def _shows(self, content: bytes, pixels: Tensor) -> bool:
        """Whether a file shows these pixels, whatever library compressed them."""
        try:
            if self.header.pictures == "npy":
                return content == encoded(pixels, "npy")
            with Image.open(io.BytesIO(content)) as image:
                return (
                    content.endswith(_END_OF_PNG)
                    and image.mode == "RGB"
                    and np.array_equal(np.asarray(image), rounded(pixels))
                )
        except (OSError, ValueError, SyntaxError):  # what Pillow raises of a file that was cut off
            return False

    def _write(self, file: Path, content: str | bytes) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{file.parent}: cannot be made ({error.strerror}); give another folder") from error
        write_whole(file, content, DataError)
        os.utime(file, (_MOMENT, _MOMENT))

    def _refuse_another(self) -> None:
        """Raise a DataError where the folder holds something else than an earlier rendering of this set."""
        if not self.folder.exists():
            return
        if not self.folder.is_dir():
            raise DataError(f"{self.folder}: is a file; give a folder")
        header = self._header_there()
        if header is None:
            if any(self.folder.iterdir()):
                raise DataError(
                    f"{self.folder}: is not empty, and modelaudit render did not write it; give a new folder"
                )
            return
        for what, then, now in _compared(header, self.header):
            if then != now:
                raise DataError(
                    f"{self.folder}: holds the pictures of another {what}: {then}, and now it is {now}; pictures are "
                    "not mixed: give another folder, or remove this one"
                )

    def _header_there(self) -> ManifestHeader | None:
        draft, manifest = self.folder / DRAFT_NAME, self.folder / MANIFEST_NAME
        if manifest.exists():
            return read_manifest(manifest).header
        if not draft.exists():
            return None
        try:
            return ManifestHeader.model_validate_json(draft.read_bytes())
        except (OSError, ValueError) as error:
            raise DataError(f"{draft}: cannot be read ({error}); remove {self.folder}, and render again") from error

    def _files(self, *, drafts: bool = False) -> Iterator[Path]:
        """The files below ``pictures/``: pictures, or what was being written when somebody killed it."""
        for file in sorted((self.folder / PICTURES_FOLDER).rglob("*")):
            if file.is_file() and file.name.startswith(".") is drafts and file.name != README_NAME:
                yield file

    def _stale(self) -> Iterator[str]:
        wanted = {picture_file(name, self.header.pictures) for name in self._made}
        for file in self._files():
            name = file.relative_to(self.folder).as_posix()
            if name not in wanted:
                yield name


def header_of(whole: RenderSet, audit: str, pictures: PictureFormat) -> ManifestHeader:
    """What all pictures of a set have in common.

    Args:
        audit: the audit file, and in brackets the cases.
    """
    return ManifestHeader(
        pictures=pictures,
        data=whole.data_text,
        audit=audit,
        preprocessing={
            name: list(value) if isinstance(value, tuple) else value
            for name, value in vars(whole.preprocessing).items()
        },
        classes=whole.labels,
        made_with=__version__,
    )


def encoded(pixels: Tensor, pictures: PictureFormat) -> bytes:
    """A picture [3, H, W] in [0, 1] as the bytes of its file, without loss but for the rounding of PNG."""
    content = io.BytesIO()
    if pictures == "npy":
        np.save(content, np.ascontiguousarray(pixels.numpy(), dtype="<f4"), allow_pickle=False)
    else:
        Image.fromarray(rounded(pixels)).save(content, "PNG")
    return content.getvalue()


def rounded(pixels: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """[H, W, 3] uint8: round(255 x), as ``black_box(dtype="uint8")`` rounds."""
    values = (pixels * 255).round().clamp(0, 255).permute(1, 2, 0).numpy()
    return np.ascontiguousarray(values.astype(np.uint8))


def largest_bytes(size: tuple[int, int], pictures: PictureFormat) -> int:
    """The most that the file of a picture of (height, width) takes: of npy exactly so much."""
    height, width = size
    if pictures == "npy":
        return 12 * height * width + _HEADER_OF_NPY
    row = 3 * width + 1  # with its filter; deflate adds at most 5 bytes to each 16 KB that it cannot compress
    return height * row + 5 * (height * row // 16_000 + 1) + 12 * (height * row // 65_000 + 1) + 200


def _compared(there: ManifestHeader, now: ManifestHeader) -> Iterator[tuple[str, object, object]]:
    yield "audit", there.audit.partition(" (")[0], now.audit.partition(" (")[0]
    yield "data set", there.data, now.data
    yield "format", there.pictures, now.pictures
    geometry = ("resize", "crop", "interpolation", "antialias")
    yield "geometry", _texts(there.preprocessing, geometry), _texts(now.preprocessing, geometry)


def _texts(values: Mapping[str, object], names: Iterable[str]) -> str:
    return ", ".join(f"{name}={values.get(name)}" for name in names)


def listed(names: Iterable[str]) -> str:
    """The first few of some names."""
    found = list(names)
    return ", ".join(found[:_NAMED]) + (", ..." if len(found) > _NAMED else "")
