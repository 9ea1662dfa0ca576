"""Donors as a context is given them: decoded, in the model's geometry, and with a background to lend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ...contexts import ContextInput, donor_rule, lending_context
from ...contexts.donor_rules import DonorRule, Lending
from ...language import registry
from ...language.sample import Preprocessing, Sample
from ...language.spec import Composed, Context
from ..store.store import Store, StoreBatch
from .contents import SampleContents
from .donor_cache import Begin, DonorCache
from .donor_pools import DonorPools
from .donor_ranking import DonorRanking, FirstDonors
from .donor_selector import UNKNOWN, Donor, DonorSelector, MakeScene, all_of
from .prepared import PreparedSample
from .same_picture import SamePictures

_NAMED = 3


@dataclass(frozen=True)
class DonorBatch:
    """The donors of some samples.

    ``scene``: one donor a sample, in its order; a sample without one stands in for it. ``donors``: id and content of
    each, None where there is no donor.
    """

    scene: ContextInput
    donors: tuple[Donor | None, ...]


class Donors:
    """The donors of a data set's samples, under every context that asks for some.

    Args:
        samples: the whole data set, whatever the run's limit is.
        begin: starts decoding a sample into a geometry.
        make_scene: prepared samples to a scene in that geometry.
        store, contents: where it is kept which contents have a background to lend.
        pools, root: data from outside that may lend, and what relative paths to it are relative to.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        seed: int,
        begin: Begin,
        make_scene: MakeScene,
        store: Store,
        contents: SampleContents,
        pools: Mapping[str, Any],
        root: Path,
    ) -> None:
        self._samples = samples
        self._seed = seed
        self._make_scene = make_scene
        self._store = store
        self._contents = contents
        self._images = DonorCache(begin, contents)
        self._pools = DonorPools(samples, pools, root)
        self._rankings: dict[tuple[str, str], DonorRanking] = {}
        self._first: dict[tuple[str, str], FirstDonors] = {}
        self._selectors: dict[Any, DonorSelector] = {}
        self._same: dict[Any, SamePictures] = {}

    def donors(
        self,
        samples: Sequence[Sample],
        own: Sequence[PreparedSample],
        context: Context,
        preprocessing: Preprocessing,
    ) -> DonorBatch:
        """One donor a sample: at the context's rank among those that can be decoded and have a background to lend.

        Raises:
            ContextError: no sample of the data set could ever have a donor.
        """
        selector = self._selector(context, preprocessing)
        chosen = selector.donors(samples, own)
        pairs = [
            (sample, mine) if donor is None else (donor, self._images.get(donor, preprocessing))
            for donor, sample, mine in zip(chosen, samples, own, strict=True)
        ]
        scene = self._make_scene([sample for sample, _ in pairs], [found for _, found in pairs], preprocessing)
        known = [None if donor is None else selector.contents([donor])[0] for donor in chosen]
        return DonorBatch(scene, tuple(known))

    def backgrounds(
        self,
        samples: Sequence[Sample],
        own: Sequence[PreparedSample],
        context: Context,
        preprocessing: Preprocessing,
        count: int | None,
    ) -> list[list[Sample]]:
        """For each sample up to `count` (None: all) donors, from the context's rank on.

        Args:
            own: the samples themselves, decoded.

        Raises:
            ContextError: as :meth:`donors`.
        """
        selector = self._selector(context, preprocessing)
        rank = selector.rule.rank
        return [donors[rank:] for donors in selector.able(samples, own, None if count is None else rank + count)]

    def scene(self, donors: Sequence[Sample], preprocessing: Preprocessing) -> ContextInput:
        """Donors that were found to be able to lend; their decoding goes on in several threads."""
        for donor in donors:
            self._images.start(donor, preprocessing)
        return self._make_scene(donors, [self._images.get(donor, preprocessing) for donor in donors], preprocessing)

    def prefetch(self, samples: Sequence[Sample], context: Context, preprocessing: Preprocessing) -> None:
        """Start decoding those who are likely to lend.

        Raises:
            ContextError: no sample of the data set could ever have a donor.
        """
        self._selector(context, preprocessing).prefetch(samples)

    def recall(
        self, samples: Sequence[Sample], context: Context, preprocessing: Preprocessing, *, decode: bool = False
    ) -> list[Donor | Literal["unknown"] | None]:
        """For each sample the id and the content of its donor, as far as that is known.

        Args:
            decode: decode a donor of which only that tells the content.

        Raises:
            ContextError: no sample of the data set could ever have a donor.
        """
        return self._selector(context, preprocessing).recall_donors(samples, decode=decode)

    def recall_backgrounds(
        self,
        samples: Sequence[Sample],
        context: Context,
        preprocessing: Preprocessing,
        count: int | None,
        *,
        decode: bool = False,
    ) -> list[Donor | Literal["unknown"]]:
        """For each sample its backgrounds as one donor (:func:`~.selector.all_of`), as far as they are known.

        Raises:
            ContextError: as :meth:`recall`.
        """
        selector = self._selector(context, preprocessing)
        rank = selector.rule.rank
        if count is None and not rank:
            return selector.recall_all(samples, decode=decode)
        found = selector.recall(samples, None if count is None else rank + count, decode=decode)
        return [UNKNOWN if isinstance(donors, str) else all_of(donors[rank:]) for donors in found]

    def known(self, donors: Sequence[Sample], context: Context, preprocessing: Preprocessing) -> Donor:
        """Backgrounds that were looked at, as one donor (:func:`~.selector.all_of`)."""
        return all_of(self.contents(donors, context, preprocessing))

    def contents(self, donors: Sequence[Sample], context: Context, preprocessing: Preprocessing) -> list[Donor]:
        """Id and content of each of some backgrounds that were looked at."""
        return self._selector(context, preprocessing).contents(donors)

    def write(self, batch: StoreBatch) -> None:
        """What was found out since the last time."""
        for selector in self._selectors.values():
            selector.write(batch)
        for same in self._same.values():
            same.write(batch)
        for choices in self._first.values():
            choices.write(batch)

    @property
    def notes(self) -> list[str]:
        """What belongs into the record: the pools that were opened, and the donors that were passed over and why."""
        passed: dict[str, list[str]] = {}
        for (text, largest), selectors in sorted(self._by_rule().items()):
            passed.setdefault(text, []).extend(_passed(selectors, largest))
        pools = [
            "; ".join([note, *dict.fromkeys(passed.pop(text, ()))]) for text, note in sorted(self._pools.notes.items())
        ]
        own = [f"backgrounds of {text}: {'; '.join(parts)}" for text, parts in passed.items() if parts]
        return [*pools, *own]

    def _by_rule(self) -> dict[tuple[str, float], list[DonorSelector]]:
        found: dict[tuple[str, float], list[DonorSelector]] = {}
        for selector in self._selectors.values():
            found.setdefault((selector.rule.text, selector.largest_donor), []).append(selector)
        return found

    def _selector(self, context: Context, preprocessing: Preprocessing) -> DonorSelector:
        key = (context, preprocessing.geometry())
        if key not in self._selectors:
            rule = donor_rule(context)
            assert rule is not None
            pool = self._pools.of(rule, context)
            ranking, first = self._ranking(rule, context)
            self._selectors[key] = DonorSelector(
                context,
                preprocessing,
                rule,
                pool,
                ranking,
                first,
                self._images,
                self._make_scene,
                self._same.setdefault(key[1], SamePictures(preprocessing, self._store)),
                self._store,
                self._contents,
            )
        return self._selectors[key]

    def _ranking(self, rule: DonorRule, context: Context) -> tuple[DonorRanking, FirstDonors]:
        """The ranking of donors for a context; rules over the data's own images share their weights."""
        pool, name = self._pools.of(rule, context), _name_of(context)
        of_pool = (name, rule.text if rule.outside else "")
        if of_pool not in self._rankings:
            self._rankings[of_pool] = DonorRanking(self._samples, seed=self._seed, name=name, pool=pool)
        if (name, rule.text) not in self._first:
            self._first[name, rule.text] = FirstDonors(
                self._samples, pool, rule, seed=self._seed, name=name, store=self._store
            )
        return self._rankings[of_pool], self._first[name, rule.text]


def _passed(selectors: Sequence[DonorSelector], largest: float) -> Iterator[str]:
    """How many donors were passed over, and why."""
    nothing, large = (
        set().union(*(one.passed_over[reason] for one in selectors)) for reason in (Lending.NOTHING, Lending.TOO_LARGE)
    )
    if nothing:
        yield (
            f"{len(nothing)} of them cannot be read or have no background to lend, and were passed over: "
            f"{_listed(nothing)}"
        )
    if large:
        yield (
            f"in {len(large)} of them object and ring cover more than {largest:.0%} of the frame, and they were passed "
            f"over (max_donor_object=1 admits them): {_listed(large)}"
        )
    same = set().union(*(one.same_pictures for one in selectors))
    if same:
        sample, donor = min(same)
        times = "once" if len(same) == 1 else f"{len(same)} times"
        yield (
            f"a donor that is nearly the same picture as the image was passed over {times}, e.g. {donor!r} for "
            f"{sample!r}"
        )


def _listed(names: set[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(sorted(names)[:_NAMED]) + more


def _name_of(context: Context) -> str:
    """The name of the part that asks for donors, of the first where there are several."""
    asking = lending_context(context)
    return registry.entry_of(asking.parts[0] if isinstance(asking, Composed) else asking).name
