"""Donors as a context is given them: decoded, in the model's geometry, and with a background to lend."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Literal

from ..contexts import Scene, can_lend, donor_rule
from ..data import UnusableSample
from ..language import registry
from ..language.errors import ContextError
from ..language.sample import Preprocessing, Sample
from ..language.spec import Composed, Context
from .contents import Contents
from .donors import DonorPool
from .prepared import Prepared
from .store.keys import choice_key, content_key, digest, lending_key
from .store.store import Batch, Key, Store

_KEPT = 256
#: nothing is known yet of who lends
UNKNOWN: Final = "unknown"
Begin = Callable[[Sample, Preprocessing], "Future[Prepared | UnusableSample]"]
MakeScene = Callable[[Sequence[Sample], Sequence[Prepared], Preprocessing], Scene]


@dataclass(frozen=True)
class Lent:
    """The donors of some samples.

    ``scene``: one donor a sample, in its order; a sample without one stands in for it. ``donors``: id and content of
    each, None where there is no donor.
    """

    scene: Scene
    donors: tuple[tuple[str, str] | None, ...]


class Lending:
    """Chooses donors among all samples of a data set, and remembers the last ones it prepared.

    Args:
        samples: the whole data set, whatever the run's limit is; those without a mask cannot lend.
        begin: starts decoding a sample into a geometry.
        make_scene: prepared samples to a scene in that geometry.
        store, contents: where it is kept which contents have a background to lend.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        seed: int,
        begin: Begin,
        make_scene: MakeScene,
        store: Store,
        contents: Contents,
    ) -> None:
        self._samples = samples
        self._seed = seed
        self._begin = begin
        self._make_scene = make_scene
        self._store = store
        self._contents = contents
        self._pools: dict[str, DonorPool] = {}
        self._begun: OrderedDict[Any, Future[Prepared | UnusableSample]] = OrderedDict()
        self._ready: OrderedDict[Any, Prepared] = OrderedDict()
        self._rules: dict[Context, str] = {}
        self._unusable: set[str] = set()
        self._lends: dict[Any, bool] = {}
        self._able: dict[Key, dict[bytes, float]] = {}
        self._new: list[tuple[Key, bytes, bool]] = []
        self._choices = _Choices(samples, seed, store)

    def donors(
        self,
        samples: Sequence[Sample],
        own: Sequence[Prepared],
        context: Context,
        preprocessing: Preprocessing,
    ) -> Lent:
        """One donor a sample: the first in rank that can be decoded and has a background to lend.

        Raises:
            ContextError: no sample of the data set could ever have a donor.
        """
        rule = self.rule(context)
        ranked = [self._ranked(sample, rule, context) for sample in samples]
        chosen: list[tuple[Sample, Prepared] | None] = [None] * len(samples)
        open_rows = list(range(len(samples)))
        while open_rows:
            found = {row: self._next(ranked[row], context, preprocessing) for row in open_rows}
            self._judge({one[0].id: one for one in found.values() if one is not None}, context, preprocessing)
            open_rows = []
            for row, one in found.items():
                if one is not None and self._lends[self._asked(one[0], context, preprocessing)]:
                    chosen[row] = one
                elif one is not None:
                    open_rows.append(row)
        pairs = [one or (sample, mine) for one, sample, mine in zip(chosen, samples, own, strict=True)]
        scene = self._make_scene([sample for sample, _ in pairs], [found for _, found in pairs], preprocessing)
        return Lent(scene, tuple(None if one is None else (one[0].id, one[1].decoded.content) for one in chosen))

    def prefetch(self, samples: Sequence[Sample], context: Context, preprocessing: Preprocessing) -> None:
        """Start decoding those who are likely to lend.

        Raises:
            ContextError: no sample of the data set could ever have a donor.
        """
        rule = self.rule(context)
        for sample in samples:
            donor = self._first(sample, rule, context)
            if donor is not None and donor.mask is not None and donor.id not in self._unusable:
                key = (donor.id, preprocessing.geometry())
                if key not in self._ready and key not in self._begun:
                    self._begun[key] = self._begin(donor, preprocessing)
                    _trim(self._begun)

    def recall(
        self, samples: Sequence[Sample], context: Context, preprocessing: Preprocessing, *, decode: bool = False
    ) -> list[tuple[str, str] | Literal["unknown"] | None]:
        """For each sample the id and the content of its donor, as far as that is known.

        Args:
            decode: decode a donor of which only that tells the content.

        Raises:
            ContextError: no sample of the data set could ever have a donor.
        """
        rule = self.rule(context)
        pool, name = self._pool(context), _lending_name(context)
        first = [self._choices.first(pool, name, sample, rule) for sample in samples]
        self._contents.of([donor for donor in first if donor is not None and donor.mask is not None])
        able = self._known(context, preprocessing)
        found: list[tuple[str, str] | Literal["unknown"] | None] = []
        for sample, donor in zip(samples, first, strict=True):
            if decode and donor is not None and donor.mask is not None and not self._contents.known(donor):
                self._prepared(donor, context, preprocessing)
            content = None if donor is None or donor.mask is None else self._contents.known(donor)
            if donor is not None and content is not None and able.get(content_key(content)):
                found.append((donor.id, content))
            else:  # the first in rank is not the one, or nothing is known of it
                found.append(self._recalled(sample, rule, context, able))
        return found

    def rule(self, context: Context) -> str:
        """Who may lend.

        Raises:
            ContextError: data that can lend nothing at all; of a single sample that is an undefined value.
        """
        if context not in self._rules:
            rule = donor_rule(context)
            assert rule is not None
            able = [sample for sample in self._samples if sample.mask is not None]
            _refuse_hopeless(context, rule.text, able)
            self._rules[context] = rule.text
        return self._rules[context]

    def write(self, batch: Batch) -> None:
        """What was found out since the last time."""
        for key, content, able in self._new:
            batch.number(key, content, float(able))
        self._new.clear()
        self._choices.write(batch)

    def _next(
        self, ranked: Iterator[Sample], context: Context, preprocessing: Preprocessing
    ) -> tuple[Sample, Prepared] | None:
        """The next in rank that can be decoded and is not known to have nothing to lend."""
        for donor in ranked:
            if donor.mask is None or donor.id in self._unusable:
                continue
            if self._lends.get(self._asked(donor, context, preprocessing), True):
                found = self._prepared(donor, context, preprocessing)
                if found is not None:
                    return donor, found
        return None

    def _judge(
        self, donors: Mapping[str, tuple[Sample, Prepared]], context: Context, preprocessing: Preprocessing
    ) -> None:
        """Find out which of the donors have a background to lend."""
        new = [one for one in donors.values() if self._asked(one[0], context, preprocessing) not in self._lends]
        if not new:
            return
        scene = self._make_scene([donor for donor, _ in new], [found for _, found in new], preprocessing)
        for (donor, found), able in zip(new, can_lend(context, scene).tolist(), strict=True):
            self._lends[self._asked(donor, context, preprocessing)] = able
            self._learn(context, preprocessing, found.decoded.content, able)

    def _asked(self, donor: Sample, context: Context, preprocessing: Preprocessing) -> Any:
        return (donor.id, preprocessing.geometry(), context)

    def _recalled(
        self, sample: Sample, rule: str, context: Context, able: dict[bytes, float]
    ) -> tuple[str, str] | Literal["unknown"] | None:
        for donor in self._ranked(sample, rule, context):
            if donor.mask is None:
                continue
            (content,) = self._contents.of([donor])
            if self._contents.lost(donor):
                continue
            lends = None if content is None else able.get(content_key(content))
            if content is None or lends is None:
                return UNKNOWN
            if lends:
                return donor.id, content
        return None

    def _ranked(self, sample: Sample, rule: str, context: Context) -> Iterator[Sample]:
        """The first in rank at once, the others only where they are needed."""
        first = self._first(sample, rule, context)
        if first is None:
            return iter(())
        rest = (donor for donor in self._pool(context).ranked(sample, rule) if donor is not first)
        return chain((first,), rest)

    def _first(self, sample: Sample, rule: str, context: Context) -> Sample | None:
        return self._choices.first(self._pool(context), _lending_name(context), sample, rule)

    def _prepared(self, donor: Sample, context: Context, preprocessing: Preprocessing) -> Prepared | None:
        key = (donor.id, preprocessing.geometry())
        if key in self._ready:
            self._ready.move_to_end(key)
            return self._ready[key]
        begun = self._begun.pop(key, None) or self._begin(donor, preprocessing)
        found = begun.result()
        if isinstance(found, UnusableSample):  # counted and named where the sample itself is measured
            self._unusable.add(donor.id)
            if found.content is not None:
                self._learn(context, preprocessing, found.content, False)
            return None
        self._contents.note(donor, found.decoded.content)
        self._ready[key] = found.light()
        _trim(self._ready)
        return self._ready[key]

    def _known(self, context: Context, preprocessing: Preprocessing) -> dict[bytes, float]:
        key = lending_key(context, preprocessing)
        if key not in self._able:
            self._able[key] = self._store.all_cells(key)
        return self._able[key]

    def _learn(self, context: Context, preprocessing: Preprocessing, content: str, able: bool) -> None:
        if not self._store.active:
            return
        known, name = self._known(context, preprocessing), content_key(content)
        if name not in known:
            known[name] = float(able)
            self._new.append((lending_key(context, preprocessing), name, able))

    def _pool(self, context: Context) -> DonorPool:
        name = _lending_name(context)
        if name not in self._pools:
            self._pools[name] = DonorPool(self._samples, seed=self._seed, name=name)
        return self._pools[name]


class _Choices:
    """Who is first in rank for whom: a function of ids, labels, seed and rule, and costly in large data sets."""

    def __init__(self, samples: Sequence[Sample], seed: int, store: Store) -> None:
        self._samples = samples
        self._seed = seed
        self._store = store
        self._position = {sample.id: at for at, sample in enumerate(samples)}
        self._found: dict[tuple[str, str], list[int]] = {}
        self._changed: set[tuple[str, str]] = set()
        self._pool_digest = b""

    def first(self, pool: DonorPool, name: str, sample: Sample, rule: str) -> Sample | None:
        """The donor to take first."""
        found = self._known(name, rule)
        here = self._position[sample.id]
        if found[here] == _NOT_ASKED:
            donor = pool.first(sample, rule)
            found[here] = _NOBODY if donor is None else self._position[donor.id]
            self._changed.add((name, rule))
        return None if found[here] == _NOBODY else self._samples[found[here]]

    def write(self, batch: Batch) -> None:
        """Keep the choices once all of them are made."""
        for name, rule in list(self._changed):
            found = self._found[name, rule]
            if _NOT_ASKED not in found:
                batch.content(choice_key(), self._name(name, rule), b"".join(at.to_bytes(4, "little") for at in found))
                self._changed.remove((name, rule))

    def _known(self, name: str, rule: str) -> list[int]:
        if (name, rule) not in self._found:
            (content,) = self._store.contents(choice_key(), [self._name(name, rule)]) if self._store.active else [None]
            parts = [] if content is None else [content[at : at + 4] for at in range(0, len(content), 4)]
            known = [int.from_bytes(part, "little") for part in parts]
            self._found[name, rule] = known if len(known) == len(self._samples) else [_NOT_ASKED] * len(self._samples)
        return self._found[name, rule]

    def _name(self, name: str, rule: str) -> bytes:
        if not self._pool_digest:
            self._pool_digest = digest(*(f"{sample.id}\0{sample.label}" for sample in self._samples))
        return digest(name, rule, str(self._seed), self._pool_digest.hex())


_NOT_ASKED, _NOBODY = 2**32 - 1, 2**32 - 2


def _refuse_hopeless(context: Context, rule: str, able: Sequence[Sample]) -> None:
    labels = {str(sample.label) for sample in able}
    if not able:
        raise ContextError(f"'{context}' takes backgrounds from other images, and no image has a mask; add masks")
    if len(able) < 2:
        raise ContextError(f"'{context}' takes backgrounds from other images, and only {able[0].id!r} has a mask")
    if rule == "other_class" and len(labels) < 2:
        raise ContextError(f"'{context}' takes backgrounds from other classes, and the data have only {labels}")


def _lending_name(context: Context) -> str:
    parts = context.parts if isinstance(context, Composed) else (context,)
    return next(registry.entry_of(part).name for part in parts if donor_rule(part) is not None)


def _trim(kept: OrderedDict[Any, Any]) -> None:
    while len(kept) > _KEPT:
        kept.popitem(last=False)
