"""Samples that lie in a container: some bytes of a file, which are a file of their own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .base import Pixels


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
        from ..language.reasons import Missing
        from .images import bytes_of, opened, rgb_of, upright

        with opened(bytes_of(self, Missing.UNREADABLE_IMAGE), str(self), Missing.UNREADABLE_IMAGE) as image:
            return rgb_of(upright(image), str(self))

    def read_bytes(self) -> bytes:
        """The bytes.

        Raises:
            OSError: the container cannot be read, or ends before the part does.
        """
        with self.path.open("rb") as file:
            file.seek(self.start)
            content = file.read(self.size)
        if len(content) < self.size:
            raise OSError(f"the file ends after {len(content)} of the {self.size} bytes of {self.name}")
        return content

    @property
    def key(self) -> bytes:
        """What tells it apart from other parts and from whole files, for tables of digests."""
        return os.fsencode(self.path) + f"\0{self.start}+{self.size}".encode()


#: where the bytes of a picture are
Place = Path | FilePart
