"""The manifest of a rendered folder: which picture was made of what.

A file of JSON lines: the header, one line a picture, and the last line that says how many there are and holds a digest
of all before it, so that a file that was cut off or edited is known. It names samples, and so perhaps their labels: it
stays with who owns these, and the box gets the pictures alone, whose names say nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ...language.errors import ModelError
from ...language.picture_origin import PictureOrigin

FORMAT: Final = "modelaudit-render/1"

PICTURES_FOLDER = "pictures"
PictureFormat = Literal["png", "npy"]


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ManifestHeader(_Line):
    """What all pictures of a folder have in common.

    Args:
        pictures: "png" of 8 bits, values rounded to k / 255; or "npy", float32 [3, H, W] in [0, 1].
        data: the reference of the data, as the audit writes it.
        audit: the audit file and the cases that were rendered, for people.
        preprocessing: the model's geometry (:class:`~modelaudit.language.sample.Preprocessing`).
        classes: the labels of the data.
        made_with: the version of this package.
    """

    format: Literal["modelaudit-render/1"] = FORMAT
    pictures: PictureFormat
    data: str
    audit: str
    preprocessing: dict[str, object]
    classes: tuple[str, ...]
    made_with: str


class RenderedPicture(_Line):
    """One picture.

    Args:
        picture: the name of its origin, and of its file.
        sha256: of the bytes of the file.
        context_name: the canonical text of the context, for people.
    """

    picture: str
    sha256: str
    sample: str
    image: str
    mask: str
    context: str
    context_name: str
    variant: str
    donor: tuple[str, str] | None
    stored: str | None
    seed: int | None
    geometry: str

    @classmethod
    def of(cls, origin: PictureOrigin, context_name: str, sha256: str) -> RenderedPicture:
        """The picture of an origin."""
        return cls(picture=origin.name, sha256=sha256, context_name=context_name, **vars(origin))

    @property
    def origin(self) -> PictureOrigin:
        """What it was made of; its name is `picture`, or somebody edited the line."""
        kept = self.model_dump(exclude={"picture", "sha256", "context_name"})
        return PictureOrigin(**kept)


class _End(_Line):
    pictures_in_all: int
    digest: str


@dataclass(frozen=True)
class RenderManifest:
    """A manifest as it was read; ``digest`` is the sha256 of the file."""

    path: Path
    header: ManifestHeader
    pictures: Mapping[str, RenderedPicture]
    digest: str


def picture_file(name: str, pictures: PictureFormat) -> str:
    """Where a picture lies, relative to the folder.

    >>> picture_file("abcdef", "png")
    'pictures/ab/abcdef.png'
    """
    return f"{PICTURES_FOLDER}/{name[:2]}/{name}.{pictures}"


def manifest_text(header: ManifestHeader, pictures: Iterable[RenderedPicture]) -> str:
    """The whole file; pictures in the order of their names, which tells nothing of the samples."""
    ordered = sorted(pictures, key=lambda one: one.picture)
    lines = [_text(header), *(_text(one) for one in ordered)]
    body = "".join(f"{line}\n" for line in lines)
    end = _End(pictures_in_all=len(ordered), digest=hashlib.sha256(body.encode()).hexdigest())
    return f"{body}{_text(end)}\n"


def read_manifest(path: Path) -> RenderManifest:
    """A manifest, checked against its own digests.

    Raises:
        ModelError: there is none, or it was cut off or edited, or is of another version; the message names the line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be read ({error.strerror or error}); modelaudit render AUDIT -o FOLDER writes it, beside "
            "the pictures that the box is to answer"
        ) from error
    lines = list(_lines(path, content))
    if not lines:
        raise ModelError(f"{path}: is empty; {_AGAIN}")
    header = _header(path, lines[0])
    end = _parsed(_End, path, len(lines), lines[-1]) if len(lines) > 1 and "pictures_in_all" in lines[-1] else None
    if end is None:
        raise ModelError(f"{path}: its last line is missing, so that it was cut off; {_AGAIN}")
    body = content[: content.rstrip(b"\n").rfind(b"\n") + 1]
    if end.digest != hashlib.sha256(body).hexdigest() or end.pictures_in_all != len(lines) - 2:
        raise ModelError(f"{path}: was changed after it was written (its digest is another one); {_AGAIN}")
    pictures: dict[str, RenderedPicture] = {}
    for number, line in enumerate(lines[1:-1], start=2):
        found = _parsed(RenderedPicture, path, number, line)
        if found.origin.name != found.picture or found.picture in pictures:
            raise ModelError(
                f"{path}, line {number}: {found.picture!r} is not the name of what it was made of; {_AGAIN}"
            )
        pictures[found.picture] = found
    return RenderManifest(path, header, pictures, hashlib.sha256(content).hexdigest())


_Kind = TypeVar("_Kind", bound=_Line)
_AGAIN = "write it again: modelaudit render AUDIT -o FOLDER (pictures that are there are kept)"


def _text(line: _Line) -> str:
    return json.dumps(line.model_dump(mode="json"), ensure_ascii=False, sort_keys=True)


def _lines(path: Path, content: bytes) -> Iterator[dict[str, object]]:
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            found = json.loads(line)
        except ValueError as error:
            raise ModelError(f"{path}, line {number}: is not JSON ({error}); {_AGAIN}") from error
        if not isinstance(found, dict):
            raise ModelError(f"{path}, line {number}: is {type(found).__name__}, not an object; {_AGAIN}")
        yield found


def _header(path: Path, line: dict[str, object]) -> ManifestHeader:
    if line.get("format") != FORMAT:
        raise ModelError(f"{path}: its format is {line.get('format')!r}, not {FORMAT!r}; {_AGAIN}")
    return _parsed(ManifestHeader, path, 1, line)


def _parsed(kind: type[_Kind], path: Path, number: int, line: dict[str, object]) -> _Kind:
    try:
        return kind.model_validate(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the line"
        raise ModelError(f"{path}, line {number}: {where}: {first['msg']}; {_AGAIN}") from error
