"""What samples are made of, as far as it is known without decoding them."""

from __future__ import annotations

from collections.abc import Sequence

from ...data import content_of, files_of
from ...language.sample import Sample
from ..store.file_digests import FileDigests


class SampleContents:
    """The contents of a data set's samples, each looked up once.

    Args:
        digests: of files; None where nothing is stored, and nothing needs to be known.
    """

    def __init__(self, digests: FileDigests | None) -> None:
        self._digests = digests
        self._known: dict[str, str | None] = {}
        self._lost: set[str] = set()

    def another(self) -> SampleContents:
        """The same of other samples, whose ids may meet those of these."""
        return SampleContents(self._digests)

    def of(self, samples: Sequence[Sample]) -> list[str | None]:
        """The content of each sample; None where only decoding tells."""
        new = [sample for sample in samples if sample.id not in self._known]
        if new and self._digests is None:
            return [self._known.get(sample.id) for sample in samples]
        if new and self._digests is not None:
            files = self._digests.of(path for sample in new for path in files_of(sample))
            self._known.update({sample.id: content_of(sample, files) for sample in new})
            self._lost |= {sample.id for sample in new if any(files[path] is None for path in files_of(sample))}
        return [self._known[sample.id] for sample in samples]

    def known(self, sample: Sample) -> str | None:
        """The content of one sample that was looked up before."""
        return self._known.get(sample.id)

    def lost(self, sample: Sample) -> bool:
        """Whether a file of a sample that was looked up cannot be read."""
        return sample.id in self._lost

    def note(self, sample: Sample, content: str) -> None:
        """What decoding found."""
        self._known[sample.id] = content
        self._lost.discard(sample.id)
