"""Donor selection for one context and geometry: by looking at donors, or as an earlier run found."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final, Literal

import numpy as np

from ...contexts import ContextInput, largest_donor, lending, lending_context, skips_same_picture
from ...contexts.donor_rules import DonorRule, Lending
from ...language.errors import ContextError
from ...language.sample import Preprocessing, Sample
from ...language.spec import Context
from ..store.keys import content_key, lending_key
from ..store.mixing import Words
from ..store.store import Store, StoreBatch
from .contents import SampleContents
from .donor_cache import DonorCache
from .donor_pools import DonorPool
from .donor_ranking import DonorRanking, FirstDonors
from .prepared import PreparedSample
from .same_picture import SamePictures, nearly_equal

#: the donor is not known yet
UNKNOWN: Final = "unknown"
#: id and content of an image whose background is taken
Donor = tuple[str, str]
MakeScene = Callable[[Sequence[Sample], Sequence[PreparedSample], Preprocessing], ContextInput]
_NAMED = 3


class DonorSelector:
    """The donors of one context in one geometry.

    Args:
        ranking, first: the ranking by weights alone; donors without a usable background are passed over.
        images, make_scene: donors to pixels.
        same: which pairs of images are nearly one picture; such a donor is passed over too.
        store, contents: where it is kept which contents have a background to lend.
    """

    def __init__(
        self,
        context: Context,
        preprocessing: Preprocessing,
        rule: DonorRule,
        pool: DonorPool,
        ranking: DonorRanking,
        first: FirstDonors,
        images: DonorCache,
        make_scene: MakeScene,
        same: SamePictures,
        store: Store,
        contents: SampleContents,
    ) -> None:
        self.rule = rule
        self.largest_donor = largest_donor(context)
        #: the donors that lend to nobody, by reason, and pairs of an image and a donor that is nearly the same picture
        self.passed_over: dict[Lending, set[str]] = {Lending.NOTHING: set(), Lending.TOO_LARGE: set()}
        self.same_pictures: set[tuple[str, str]] = set()
        self._context = context
        self._preprocessing = preprocessing
        self._pool = pool
        self._ranking = ranking
        self._first = first
        self._images = images
        self._make_scene = make_scene
        self._same = same if skips_same_picture(context) else None
        self._store = store
        self._contents = contents
        self._key = lending_key(lending_context(context), preprocessing)
        self._stored: dict[bytes, float] | None = None
        self._judged: dict[str, Lending] = {}
        self._known: dict[str, tuple[str, Lending]] = {}
        self._new: list[tuple[bytes, Lending]] = []

    def donors(self, samples: Sequence[Sample], own: Sequence[PreparedSample]) -> list[Sample | None]:
        """The donor of each sample: the one at the rule's rank among those who can lend.

        Args:
            own: the samples themselves, decoded.

        Raises:
            ContextError: nobody of a pool from outside can.
        """
        found = [donors[self.rule.rank :] for donors in self.able(samples, own, self.rule.rank + 1)]
        self._require([len(donors) > 0 for donors in found])
        return [donors[0] if donors else None for donors in found]

    def able(self, samples: Sequence[Sample], own: Sequence[PreparedSample], count: int | None) -> list[list[Sample]]:
        """For each sample the first `count` (None: all) donors that can be decoded and have a usable background.

        Where all are wanted, those that are nearly the same picture stay: comparing every pair would take too long.
        """
        ranked = [self._ranked(sample) for sample in samples]
        found: list[list[Sample]] = [[] for _ in samples]
        asking = list(range(len(samples)))
        while asking:
            next_ones = {row: next(ranked[row], None) for row in asking}
            self._judge(donor for donor in next_ones.values() if donor is not None)
            asking = [row for row, donor in next_ones.items() if donor is not None]
            for row in asking:
                donor = next_ones[row]
                assert donor is not None
                if self._lends(donor) and (count is None or not self._is_same(samples[row], own[row], donor)):
                    found[row].append(donor)
            asking = [row for row in asking if len(found[row]) != count]
        return found

    def prefetch(self, samples: Sequence[Sample]) -> None:
        """Start decoding those who are likely to lend."""
        for sample in samples:
            donor = self._first.first(self._ranking, sample) if not self.rule.rank else None
            if donor is not None and self._pool.may(donor) and self._judged.get(donor.id, Lending.ABLE) is Lending.ABLE:
                self._images.start(donor, self._preprocessing)

    def recall_donors(self, samples: Sequence[Sample], *, decode: bool) -> list[Donor | Literal["unknown"] | None]:
        """For each sample id and content of its donor, as far as that is known.

        Args:
            decode: decode a donor of which only that tells the content.

        Raises:
            ContextError: as :meth:`donors`.
        """
        if not self.rule.rank:
            firsts = [self._first.first(self._ranking, sample) for sample in samples]
            self._contents.of([donor for donor in firsts if donor is not None and self._pool.may(donor)])
        rank = self.rule.rank
        found = self.recall(samples, rank + 1, decode=decode)
        self._require([isinstance(donors, str) or len(donors) > rank for donors in found])
        return [donors if isinstance(donors, str) else next(iter(donors[rank:]), None) for donors in found]

    def recall(
        self, samples: Sequence[Sample], count: int | None, *, decode: bool
    ) -> list[list[Donor] | Literal["unknown"]]:
        """:meth:`able` as far as it is known without looking: id and content of each."""
        return [self._recalled(sample, count, decode) for sample in samples]

    def recall_all(self, samples: Sequence[Sample], *, decode: bool) -> list[Donor | Literal["unknown"]]:
        """All who can lend to each sample as one donor (:func:`all_of`), as far as that is known without looking."""
        donors = self._pool.samples
        nothing = "", Lending.NOTHING
        known = [self._ability(donor, decode) if self._pool.may(donor) else nothing for donor in donors]
        able = np.array([one is not None and one[1] is Lending.ABLE for one in known])
        unknown = np.array([one is None for one in known])
        words = np.zeros((len(donors), 2), dtype=np.uint64)
        for at in np.flatnonzero(able):
            words[at] = _words(donors[at].id, known[at][0])  # type: ignore[index]
        for at in np.flatnonzero(~able & ~unknown):
            if self._pool.may(donors[at]):
                self._pass_over(donors[at], known[at][1])  # type: ignore[index]
        found: list[Donor | Literal["unknown"]] = []
        for sample in samples:
            eligible = self._ranking.eligible(sample, self.rule)
            found.append(UNKNOWN if unknown[eligible].any() else _together(words[eligible[able[eligible]]]))
        return found

    def contents(self, donors: Iterable[Sample]) -> list[Donor]:
        """Id and content of donors that were looked at."""
        return [(donor.id, self._contents.known(donor) or "") for donor in donors]

    def write(self, batch: StoreBatch) -> None:
        """What was found out since the last time."""
        for name, able in self._new:
            batch.number(self._key, name, float(able))
        self._new.clear()

    def _lends(self, donor: Sample) -> bool:
        able = self._judged[donor.id]
        if able is not Lending.ABLE:
            self._pass_over(donor, able)
        return able is Lending.ABLE

    def _is_same(self, sample: Sample, own: PreparedSample, donor: Sample) -> bool:
        """Whether a donor is passed over as nearly the same picture; it is compared once, and noted."""
        if self._same is None:
            return False
        pair = self._contents.known(sample), self._contents.known(donor)
        same = None if pair[0] is None or pair[1] is None else self._same.known(pair[0], pair[1])
        if same is None:
            other = self._images.get(donor, self._preprocessing)
            same = nearly_equal(own.view(self._preprocessing)[0], other.view(self._preprocessing)[0])
            self._same.learn(*pair, same)
        if same:
            self.same_pictures.add((sample.id, donor.id))
        return same

    def _pass_over(self, donor: Sample, reason: Lending) -> None:
        self.passed_over[reason].add(donor.id)

    def _ranked(self, sample: Sample) -> Iterator[Sample]:
        """Donors in the order of their rank; of most samples only the first is wanted, and that one is at hand."""
        ranked = self._ranking.ranked(sample, self.rule)
        if not self.rule.rank:
            first = self._first.first(self._ranking, sample)
            if first is None:
                return iter(())
            ranked = chain((first,), (donor for donor in ranked if donor is not first))
        return (donor for donor in ranked if self._pool.may(donor))

    def _judge(self, donors: Iterable[Sample]) -> None:
        """Find out which of the donors have a background to lend."""
        new = {donor.id: donor for donor in donors if donor.id not in self._judged}
        seen: list[tuple[Sample, PreparedSample]] = []
        for donor in new.values():
            self._images.start(donor, self._preprocessing)
        for donor in new.values():
            prepared = self._images.find(donor, self._preprocessing)
            if prepared is None:
                self._learn(donor, self._images.unusable[donor.id].content, Lending.NOTHING)
            else:
                seen.append((donor, prepared))
        if seen:
            scene = self._make_scene([one for one, _ in seen], [one for _, one in seen], self._preprocessing)
            for (donor, prepared), able in zip(seen, lending(self._context, scene), strict=True):
                self._learn(donor, prepared.decoded.content, able)

    def _learn(self, donor: Sample, content: str | None, able: Lending) -> None:
        self._judged[donor.id] = able
        if content is None or not self._store.active:
            return
        name, known = content_key(content), self._all_stored()
        if name not in known:
            known[name] = float(able)
            self._new.append((name, able))

    def _recalled(self, sample: Sample, count: int | None, decode: bool) -> list[Donor] | Literal["unknown"]:
        found: list[Donor] = []
        for donor in self._ranked(sample):
            able = self._ability(donor, decode)
            if able is None:
                return UNKNOWN
            if able[1] is not Lending.ABLE:
                self._pass_over(donor, able[1])
                continue
            same = False if count is None else self._known_same(sample, able[0])
            if same is None:
                return UNKNOWN
            if same:
                self.same_pictures.add((sample.id, donor.id))
                continue
            found.append((donor.id, able[0]))
            if len(found) == count:
                break
        return found

    def _known_same(self, sample: Sample, donor: str) -> bool | None:
        """Whether a donor's content is passed over as nearly the same picture, as far as that is known."""
        if self._same is None:
            return False
        (content,) = self._contents.of([sample])
        return None if content is None else self._same.known(content, donor)

    def _ability(self, donor: Sample, decode: bool) -> tuple[str, Lending] | None:
        """The content of a donor, and whether it can lend; None where one of them is not known."""
        content = self._contents.known(donor)
        known = self._known.get(donor.id)
        if known is not None and known[0] is content:
            return known
        if content is None:
            (content,) = self._contents.of([donor])
            if self._contents.lost(donor):
                return "", Lending.NOTHING
            if content is None and decode:
                self._images.find(donor, self._preprocessing)
                content = self._contents.known(donor)
        able = None if content is None else self._all_stored().get(content_key(content))
        if content is None or able is None:
            return None
        self._known[donor.id] = (content, Lending(int(able)))
        return self._known[donor.id]

    def _all_stored(self) -> dict[bytes, float]:
        if self._stored is None:
            self._stored = self._store.all_cells(self._key)
        return self._stored

    def _require(self, has_donor: Sequence[bool]) -> None:
        """A pool of which too few images can lend to anybody is an error; where one has no donor all were tried."""
        samples, rank = self._pool.samples, self.rule.rank
        too_large = self.passed_over[Lending.TOO_LARGE]
        passed_over = self.passed_over[Lending.NOTHING] | too_large
        able = len(samples) - len(passed_over)
        if not self._pool.outside or all(has_donor) or able > rank:
            return
        listed = ", ".join(repr(name) for name in sorted(passed_over)[:_NAMED])
        tried = f" (tried {len(samples)}: {listed}{', ...' if len(samples) > _NAMED else ''})" if not able else ""
        counted = f"only {able} of the {len(samples)} images can lend" if able else "no image can lend"
        wanted = f", and rank={rank} asks for one more" if able else ""
        large = (
            f"; in {len(too_large)} of them object and ring cover more than {self.largest_donor:.0%} of the frame, and "
            "max_donor_object=1 admits these"
            if too_large
            else ""
        )
        raise ContextError(f"'{self._context}': of {self.rule.text} {counted} a background{wanted}{tried}{large}")


def all_of(donors: Iterable[Donor]) -> Donor:
    """Several donors as one: their number, and a digest of the set of them, whatever their order."""
    words = np.array([_words(name, content) for name, content in donors], dtype=np.uint64)
    return _together(words.reshape(-1, 2))


def _together(words: Words) -> Donor:
    """Sums of independent uniform words: two sets that differ have the same ones by chance of 2^-128."""
    first, second = words.sum(axis=0, dtype=np.uint64).tolist()
    return f"{len(words)} backgrounds", f"{first:016x}{second:016x}"


@lru_cache(maxsize=1 << 16)
def _words(name: str, content: str) -> tuple[int, int]:
    digest = hashlib.sha256(f"{len(name)}:{name}{content}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:16], "little")
