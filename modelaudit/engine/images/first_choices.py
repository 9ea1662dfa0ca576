"""Who is first in rank for whom: a function of ids, labels, groups, seed and rule, and costly in large data sets."""

from __future__ import annotations

from collections.abc import Sequence

from ...contexts.donor_rules import DonorRule
from ...language.sample import Sample
from ..store.keys import choice_key, digest
from ..store.store import Store, StoreBatch
from .donor_pools import DonorPool
from .donor_ranking import DonorRanking

_NOT_ASKED, _NOBODY = 2**32 - 1, 2**32 - 2


class FirstDonors:
    """The first in rank of every sample by one rule, kept in the store once all are known.

    Args:
        samples: those who borrow, the whole data set.
        name: of the context; with the seed, the ids and the rule it decides who is first.
    """

    def __init__(
        self, samples: Sequence[Sample], lenders: DonorPool, rule: DonorRule, *, seed: int, name: str, store: Store
    ) -> None:
        self._samples = samples
        self._lenders = lenders
        self._rule = rule
        self._store = store
        self._seed, self._name = seed, name
        self._position = {sample.id: at for at, sample in enumerate(samples)}
        self._place = {donor.id: at for at, donor in enumerate(lenders.samples)}
        self._found: list[int] = []
        self._stored = True

    def first(self, pool: DonorRanking, sample: Sample) -> Sample | None:
        """The donor to take first."""
        if not self._found:
            self._found = self._recalled()
        here = self._position[sample.id]
        if self._found[here] == _NOT_ASKED:
            donor = pool.first(sample, self._rule)
            self._found[here] = _NOBODY if donor is None else self._place[donor.id]
            self._stored = False
        return None if self._found[here] == _NOBODY else self._lenders.samples[self._found[here]]

    def write(self, batch: StoreBatch) -> None:
        """Keep the choices once all of them are made."""
        if not self._stored and _NOT_ASKED not in self._found:
            content = b"".join(at.to_bytes(4, "little") for at in self._found)
            batch.content(choice_key(), self._key(), content)
            self._stored = True

    def _recalled(self) -> list[int]:
        (content,) = self._store.contents(choice_key(), [self._key()]) if self._store.active else [None]
        parts = [] if content is None else [content[at : at + 4] for at in range(0, len(content), 4)]
        known = [int.from_bytes(part, "little") for part in parts]
        return known if len(known) == len(self._samples) else [_NOT_ASKED] * len(self._samples)

    def _key(self) -> bytes:
        own = digest(*(f"{sample.id}\0{sample.label}\0{sample.group}" for sample in self._samples))
        outside = digest(*self._lenders.names) if self._lenders.outside else b""
        return digest(self._name, self._rule.text, str(self._seed), own.hex(), outside.hex())
