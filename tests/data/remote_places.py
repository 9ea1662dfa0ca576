"""Places for remote data: file systems in memory, and data sets to put there."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, ClassVar

import fsspec
from data.pictures import image_array, line, mask_array, save
from fsspec.implementations.memory import MemoryFileSystem

from modelaudit.data import decode
from modelaudit.language.sample import DataSet


class Shelf(MemoryFileSystem):
    """A file system in memory that counts what is fetched."""

    protocol = "shelf"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    fetched: ClassVar[list[str]] = []

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("shelf://", "memory://", 1)))

    def get_file(self, rpath: str, lpath: str, **options: Any) -> None:
        self.fetched.append(rpath)
        super().get_file(rpath, lpath, **options)


class Slow(Shelf):
    """Sends a byte now and then, and breaks off for one file."""

    protocol = "slow"
    asked: ClassVar[list[str]] = []

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.replace("slow://", "shelf://", 1))

    def get_file(self, rpath: str, lpath: str, callback: Any = None, **options: Any) -> None:
        self.asked.append(rpath)
        if "broken" in rpath:
            raise ConnectionError("broken off")
        for _ in range(1000):
            time.sleep(0.02)
            callback.relative_update(1)


for one in (Shelf, Slow):
    fsspec.register_implementation(str(one.protocol), one, clobber=True)


def put(shelf: Shelf, folder: Path, at: str) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            shelf.pipe(f"{at}/{path.relative_to(folder).as_posix()}", path.read_bytes())


def seen(data: DataSet) -> list[tuple[Any, ...]]:
    """All that a run sees of samples."""
    return [
        (one.id, one.label, one.group, one.mask_kind, sorted(one.stored), decode(one).digest) for one in data.samples
    ]


def coco(root: Path) -> None:
    for name in ("1.png", "night/2.png"):
        save(root / "images" / name, image_array(mask_array()))
    images = [
        {"id": at, "file_name": name, "height": 24, "width": 32} for at, name in enumerate(("1.png", "night/2.png"))
    ]
    annotations = [
        {"id": at, "image_id": at, "category_id": 7, "segmentation": [[4, 3, 16, 3, 16, 11, 4, 11]], "area": 96}
        for at in range(2)
    ]
    document = {"images": images, "annotations": annotations, "categories": [{"id": 7, "name": "bolt"}]}
    (root / "annotations.json").write_text(json.dumps(document))


def manifest(root: Path) -> None:
    line(root)
    rows = [f"images/{label}/{at}.png,{label},masks/{label}/{at}.png" for label in ("bolt", "nut") for at in (0, 1)]
    (root / "parts.csv").write_text("\n".join(["image,label,mask", *rows]) + "\n")
