"""Images of checks on few of them: they wait until they fill a micro-batch, since alone they would be padded to one."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ...language.sample import Sample
from ..images.batches import Chunk
from ..images.prepared import PreparedSample


class WaitingImages:
    """Images in the order in which they came.

    Args:
        size: images in a micro-batch.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._images: list[tuple[Sample, int, PreparedSample]] = []

    def add(self, chunk: Chunk, positions: Collection[int]) -> Iterator[Chunk]:
        """Add those of a chunk at some positions; the micro-batches that are full by now."""
        images = zip(chunk.samples, chunk.positions, chunk.prepared, strict=True)
        self._images.extend(image for image in images if image[1] in positions)
        while len(self._images) >= self._size:
            yield self._take(self._size)

    def stop(self, end: int) -> None:
        """Leave out all images from `end` on."""
        self._images = [image for image in self._images if image[1] < end]

    def rest(self) -> Iterator[Chunk]:
        """The images that still wait."""
        if self._images:
            yield self._take(len(self._images))

    def _take(self, count: int) -> Chunk:
        samples, positions, prepared = zip(*self._images[:count], strict=True)
        del self._images[:count]
        return Chunk(samples, positions, prepared)
