"""Models that answer pictures by their names: what was answered elsewhere is looked up, nothing is run."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..language.errors import ModelError
from ..language.picture_origin import PictureOrigin
from .black_box import ScoresOnly


@dataclass
class _Shown:
    """The pictures of the pass that runs; shared by the copies of a module."""

    pictures: tuple[PictureOrigin, ...] = ()


class NamedPictures(ScoresOnly):
    """A module that is told which pictures it is shown.

    Args:
        outputs: how many scores an image has; None where nobody said.
    """

    def __init__(self, outputs: int | None = None) -> None:
        super().__init__(None, outputs)
        self._shown = _Shown()

    @contextmanager
    def showing(self, pictures: Sequence[PictureOrigin]) -> Iterator[None]:
        """For the length of a ``with`` block: the pictures of the pass, one a row."""
        before, self._shown.pictures = self._shown.pictures, tuple(pictures)
        try:
            yield
        finally:
            self._shown.pictures = before

    def scores(self, images: Tensor) -> Any:
        """The scores of the pictures that are shown.

        Raises:
            ModelError: the images are no pictures of the audit (a method's own changes of them, say).
        """
        if len(self._shown.pictures) != len(images):
            raise ModelError(
                f"{self._name()}: was shown {len(images)} image(s) that have no names: only pictures that an audit "
                "writes beforehand can be answered; take methods and measures that need no further passes"
            )
        return self.scores_of(self._shown.pictures, images)

    @abstractmethod
    def scores_of(self, pictures: Sequence[PictureOrigin], images: Tensor) -> Any:
        """The scores [B, C] of some pictures, whose pixels are `images` [B, 3, H, W]."""
