"""What a data source takes and returns, and where the bytes of an image are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..language import registry
from ..language.errors import DataError
from ..language.reasons import Missing
from ..language.reference import Reference
from ..language.sample import DataSet

Pixels = NDArray[np.uint8]
DataSource = Callable[[Reference, Path], DataSet]
RemoteKind = Literal["tree", "file", "files"]


@dataclass(frozen=True)
class DigestParts:
    """What a sample's digest is made of, each as 64 hexadecimal digits: its bytes, its mask's values, its label."""

    image: str = ""
    mask: str = ""
    label: str = ""


@dataclass(frozen=True, eq=False)
class Decoded:
    """A sample in memory, upright and before any geometry.

    Args:
        image: [H, W, 3] uint8, RGB.
        mask: [H, W] uint8 (1 object, 0 background, 255 ignore); None when the sample has none.
        digest: sha256 of the image (the bytes of its file where there is one), the mask's values and the label.
        content: sha256 of what it was decoded from (:func:`~modelaudit.data.decode.content_of`), as it was read;
            where that is not known before decoding, of `digest`.
        parts: what `digest` is made of, so that a difference can be told to be of image, mask or label.
    """

    image: Pixels
    mask: Pixels | None
    digest: str
    content: str = ""
    parts: DigestParts = DigestParts()


class UnusableSample(DataError):
    """One sample that cannot be used; the others can. `reason` is what it is counted under.

    `content` is that of :class:`Decoded`, None where it is not known.
    """

    def __init__(self, reason: Missing, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.content: str | None = None

    def __reduce__(self) -> tuple[type[UnusableSample], tuple[Missing, str]]:
        return type(self), (self.reason, str(self))


@dataclass(frozen=True)
class SourceDeclaration:
    """What a source declares: with ``columns`` it reads ``?group=column:NAME`` and ``?cluster=column:NAME`` itself,
    ``remote`` is what it needs copied from a URL before it reads (None: it takes the URL as written), and it reads
    ``files`` of this machine or none."""

    columns: bool = False
    remote: RemoteKind | None = None
    files: bool = False


def data_source(
    name: str,
    *,
    version: int = 1,
    columns: bool = False,
    remote: RemoteKind | None = None,
    files: bool | None = None,
) -> Callable[[DataSource], DataSource]:
    """Register ``(reference, root) -> DataSet`` under the scheme users write; paths are relative to `root`.

    The options ``group``, ``cluster`` and ``attribute.NAME`` are taken from the reference and applied to what the
    source returns, for all sources alike (:mod:`~modelaudit.data.groups`). Only ``column:NAME`` reaches a source, one
    that says it has `columns`.

    A source that says what it needs of a `remote` place never sees a URL: the "tree" below it, the "file" and those
    that its samples name (:func:`~modelaudit.data.remote.read` calls the source twice then), or the "files" that a
    body with braces means.

    A source that reads `files` of this machine (one with a `remote` does) reads those of its reference's root alone
    (:mod:`~modelaudit.data.root`): ``?root=`` and ``?follow_links=`` are taken from the reference, and a sample of
    another file is refused.
    """
    declared = SourceDeclaration(columns, remote, remote is not None if files is None else files)

    def decorate(function: DataSource) -> DataSource:
        registry.register(registry.Entry("data", name, None, function, declared, version))
        return function

    return decorate
