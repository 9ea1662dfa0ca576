"""Heat maps that lie beside stored answers: ``METHOD/PICTURE.npz`` or ``.png``.

METHOD is the registered name of a method, which the box ran with whatever settings it has, or ``given`` for a map of
the vendor's own. Each is of the box's answer. A map may have any resolution of the picture's aspect; all maps of a
method have the same.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from ...language import registry
from ...language.errors import ModelError, first_line, nearest
from ...language.spec import Method, spec_name
from .damage import EXAMPLES
from .manifest import RenderManifest

#: the folder of a vendor's own maps, and the method that reads them
GIVEN, GIVEN_METHOD = "given", "given_map"
_ARRAY = "map"
_SUFFIXES = (".npz", ".png")
#: methods whose maps have no negative values: a grey picture can hold them
POSITIVE = frozenset(
    {
        GIVEN_METHOD,
        "attention_rollout",
        "eigencam",
        "gradcam",
        "gradcam_plus_plus",
        "layercam",
        "rise",
        "saliency",
        "scorecam",
        "smoothgrad_squared",
        "vargrad",
    }
)


@dataclass(frozen=True)
class MapFacts:
    """What lies in a folder of maps: a digest of all of it, and notes for the record."""

    digest: str = ""
    notes: tuple[str, ...] = ()


class StoredMaps:
    """The maps in a folder, by method and picture; none without a folder."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._files: dict[str, dict[str, Path]] = {}
        self._shapes: dict[str, tuple[tuple[int, ...], Path]] = {}

    def opened(self, manifest: RenderManifest) -> MapFacts:
        """Look for maps, and check that they are of pictures of the manifest.

        Raises:
            ModelError: a folder that is named after no method, or a file that is of no picture.
        """
        if self.folder is None:
            return MapFacts()
        for folder in sorted(path for path in self.folder.iterdir() if path.is_dir()):
            method = GIVEN_METHOD if folder.name == GIVEN else folder.name
            if method not in registry.names("attribution"):
                known = [*registry.names("attribution"), GIVEN]
                raise ModelError(f"{folder}: {folder.name!r} is no method{nearest(folder.name, known)}")
            files = self._listed(folder, manifest)
            if files:
                first = next(iter(files.values()))
                self._files[method], self._shapes[method] = files, (tuple(_values(method, first).shape), first)
        digest = hashlib.sha256()
        for method, files in self._files.items():
            for name, file in files.items():
                digest.update(f"{method}/{name}{file.suffix}\n".encode() + hashlib.sha256(file.read_bytes()).digest())
        held = ", ".join(f"{method} ({len(files)} pictures)" for method, files in self._files.items())
        return MapFacts(digest.hexdigest(), (f"maps: beside the answers, as they were given: {held}",) if held else ())

    def _listed(self, folder: Path, manifest: RenderManifest) -> dict[str, Path]:
        files: dict[str, Path] = {}
        strange = []
        for file in sorted(path for path in folder.iterdir() if path.is_file()):
            if file.suffix.lower() not in _SUFFIXES or file.stem not in manifest.pictures or file.stem in files:
                strange.append(file.name)
            else:
                files[file.stem] = file
        if strange:
            raise ModelError(
                f"{folder}: {len(strange)} file(s) that are not the one map of a picture of {manifest.path} "
                f"({', '.join(strange[:EXAMPLES])}); name them PICTURE.npz or PICTURE.png, each picture once"
            )
        return files

    def lacks(self, method: Method, target: str | int, ref: str) -> str:
        """Why the maps of a method cannot be had; "" where they can."""
        name = spec_name(type(method))
        folder = GIVEN if name == GIVEN_METHOD else name
        if name not in self._files:
            where = "no maps=FOLDER" if self.folder is None else f"no folder {self.folder / folder}"
            return (
                f"not applicable: {name} needs a model that can be run, or its maps beside the answers of {ref}: there "
                f"is {where}; write them to maps/{folder}/PICTURE.npz, or take given_map of the box's own maps"
            )
        if str(method) != name:
            return (
                f"not applicable: {method} has settings, and maps beside answers are what the box made with its own; "
                f"write {name} without brackets"
            )
        if target != "prediction":
            return f"not applicable: target={target!r}, and maps beside answers explain the box's answer; leave it out"
        return ""

    def read(self, method: Method, names: Sequence[str], size: tuple[int, int]) -> tuple[Tensor, bool]:
        """[n, h, w] the maps of pictures for images of `size` (H, W), NaN where there is none.

        And whether they are of a method without negative values: such a value is invalid then, NaN too.

        Raises:
            ModelError: a file that holds no map, or one of another shape than the picture or than the others.
        """
        name = spec_name(type(method))
        files = self._files.get(name, {})
        read = {one: self._one(name, files[one], size) for one in dict.fromkeys(names) if one in files}
        positive = name in POSITIVE - {GIVEN_METHOD}
        nothing = torch.full(self._shapes[name][0], torch.nan)
        maps = torch.stack([read.get(one, nothing) for one in names])
        return maps.masked_fill(maps < 0, torch.nan) if positive else maps, positive

    def _one(self, method: str, file: Path, size: tuple[int, int]) -> Tensor:
        values = _values(method, file)
        shape, first = self._shapes[method]
        if tuple(values.shape) != shape:
            raise ModelError(
                f"{file}: its map is {_text(values.shape)}, and that of {first.name} is {_text(shape)}; write all maps "
                "of a method at one resolution"
            )
        height, width = values.shape
        if abs(height * size[1] - width * size[0]) >= max(size):
            raise ModelError(
                f"{file}: its map is {height} x {width}, of another aspect than the picture ({size[0]} x {size[1]}); "
                "write it for the picture as it was rendered"
            )
        return torch.from_numpy(values)


def _values(method: str, file: Path) -> Any:
    """[h, w] float32."""
    return _png(file, method) if file.suffix.lower() == ".png" else _npz(file)


def _text(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _npz(file: Path) -> Any:
    try:
        with np.load(file, allow_pickle=False) as held:
            values = held[_ARRAY]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{file}: holds no array {_ARRAY!r} ({first_line(error)}); write it with np.savez(file, map=values)"
        ) from error
    if values.ndim != 2 or not values.size or values.dtype.kind not in "fiu":
        raise ModelError(
            f"{file}: {_ARRAY!r} is {values.dtype} of shape {values.shape}; write real numbers [height, width]"
        )
    return values.astype(np.float32)


def _png(file: Path, method: str) -> Any:
    if method not in POSITIVE:
        raise ModelError(f"{file}: maps of {method} have a sign, which a PNG cannot hold; write an .npz")
    try:
        with Image.open(file) as image:
            image.load()
            if image.mode not in ("L", "I", "I;16", "I;16B"):
                raise ModelError(f"{file}: is a picture of mode {image.mode}; a map is grey, of 8 or 16 bits")
            return np.asarray(image).astype(np.float32)
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise ModelError(f"{file}: cannot be read as a PNG ({first_line(error)}); write it again") from error
