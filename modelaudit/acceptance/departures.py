"""How a run departs from the lock of what was agreed: every way is named, with what was agreed and what was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from ..evidence.record import CaseRecord, DataRecord, Departure, RunRecord
from ..language.merkle import merkle_root
from .lock import Lock, LockedCase, LockedData, LockedSample, SignedLock, decisive_options, locked_case, locked_inputs

#: of samples that differ so many are named
_NAMED = 20
_AROUND = 40


def departures(
    held: SignedLock,
    record: RunRecord,
    agreement: str | None,
    found: Mapping[str, Sequence[LockedSample]] | None = None,
) -> list[Departure]:
    """Everything in which a run is not what was agreed, in the order of the lock.

    Args:
        agreement: the digest of the terms that the run read; None if it read no agreement.
        found: the samples of each data set as they are now, by its key, where they are at hand: they tell which image,
            mask or label is another one.
    """
    lock = held.lock
    return [
        *_signatures(held),
        *_differing("the agreement", "its terms", lock.agreement, agreement),
        *_differing("modelaudit", "its version", lock.modelaudit, version_of(record)),
        *_cases(lock, record.cases),
        *_whole(record),
        *_options(lock, record),
        *_inputs(lock, record),
        *_data(lock, record, found or {}),
        *_models(lock, record),
    ]


def version_of(record: RunRecord) -> str:
    """The version of this package that made a record."""
    return record.provenance.versions.get("pytest-modelaudit", "unknown")


def _signatures(held: SignedLock) -> Iterator[Departure]:
    for name in held.unsigned:
        yield Departure(what="signature", where=held.path.name, agreed=f"signed by {name}", found=None)


def _cases(lock: Lock, cases: Sequence[CaseRecord]) -> Iterator[Departure]:
    declared = {case.id: locked_case(case) for case in cases}
    for case in lock.cases:
        now = declared.pop(case.id, None)
        if now is None:
            yield Departure(what="expectation", where=case.id, agreed=case.expectation, found=None)
        elif now != case:
            yield from _case(case, now)
    for name, added in declared.items():
        yield Departure(what="expectation", where=name, agreed=None, found=added.expectation)


def _case(then: LockedCase, now: LockedCase) -> Iterator[Departure]:
    """One of its fields that readers know; else the place in the long form where it begins to differ."""
    for field in ("expectation", "importance", "clause"):
        if getattr(then, field) != getattr(now, field):
            yield Departure(
                what=field, where=then.id, agreed=_text(getattr(then, field)), found=_text(getattr(now, field))
            )
            return
    agreed, found = _where_they_part(then.long_form, now.long_form)
    yield Departure(what="long form", where=then.id, agreed=agreed, found=found)


def _where_they_part(one: str, other: str) -> tuple[str, str]:
    at = next((at for at, (a, b) in enumerate(zip_longest(one, other)) if a != b), 0)
    start = max(at - _AROUND, 0)
    return one[start : at + _AROUND], other[start : at + _AROUND]


def _whole(record: RunRecord) -> Iterator[Departure]:
    if not record.whole or record.quick_look is not None:
        found = record.missing or f"a quick look at {record.quick_look} images"
        yield Departure(what="the whole", where="the run", agreed="every expectation, on every image", found=found)


def _options(lock: Lock, record: RunRecord) -> Iterator[Departure]:
    now = decisive_options(
        record.provenance.options,
        seed=record.provenance.seed,
        checks=record.checks,
        inconclusive=record.inconclusive,
    )
    for name in sorted({*lock.options, *now}):
        yield from _differing("option", name, lock.options.get(name), now.get(name))


def _inputs(lock: Lock, record: RunRecord) -> Iterator[Departure]:
    now = {(one.path, one.role): one.sha256 for one in locked_inputs(record.provenance.files)}
    then = {(one.path, one.role): one.sha256 for one in lock.inputs}
    for path, role in sorted({*then, *now}):
        there = (path, role) in then, (path, role) in now
        if there != (True, True) or then[path, role] != now[path, role]:
            agreed, found = (_sha(files.get((path, role))) for files in (then, now))
            yield Departure(what=f"{role} file", where=path, agreed=agreed, found=found)


def _data(lock: Lock, record: RunRecord, found: Mapping[str, Sequence[LockedSample]]) -> Iterator[Departure]:
    now = {one.key: one for one in record.data}
    keys = {one.root: one.key for one in record.data}  # a record names no folder of the machine, where a lock may
    for then in lock.data:
        data = now.pop(then.key if then.key in now else keys.get(then.root, then.key), None)
        if data is None:
            yield Departure(what="data", where=then.reference, agreed=f"{then.images} images", found=None)
        elif not _same_data(then, data, record):
            named = list(_samples(then, found.get(then.key, ())))
            yield from named or [Departure(what="data", where=then.reference, agreed=then.root, found=data.root)]
    for data in now.values():
        yield Departure(what="data", where=data.reference, agreed=None, found=f"{data.images} images")


def _same_data(then: LockedData, data: DataRecord, record: RunRecord) -> bool:
    """Of an audit that may stop early those samples that it looked at are compared."""
    if data.root == then.root:
        return data.available == then.images
    table = next((table for table in record.tables if table.data == data.key), None)
    if table is None or table.available is None or then.samples is None or data.available != then.images:
        return False
    digests = {sample.id: sample.digest for sample in then.samples}
    looked_at = [sample.id for sample in table.samples]
    return all(name in digests for name in looked_at) and data.root == merkle_root(
        {name: digests[name] for name in looked_at}
    )


def _samples(then: LockedData, now: Sequence[LockedSample]) -> Iterator[Departure]:
    if then.samples is None or not now:
        return
    before, after = {one.id: one for one in then.samples}, {one.id: one for one in now}
    changed = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    for name in changed[:_NAMED]:
        yield from _sample(name, before.get(name), after.get(name))
    if len(changed) > _NAMED:
        yield Departure(what="data", where=then.reference, agreed=None, found=f"{len(changed) - _NAMED} more samples")


def _sample(name: str, then: LockedSample | None, now: LockedSample | None) -> Iterator[Departure]:
    if then is None or now is None:
        agreed, found = ("there" if one is not None else None for one in (then, now))
        yield Departure(what="sample", where=name, agreed=agreed, found=found)
        return
    parts = [part for part in ("image", "mask", "label") if getattr(then, part) != getattr(now, part)]
    for part in parts or ["digest"]:
        agreed, found = (_sha(getattr(one, part)) or one.digest for one in (then, now))
        yield Departure(what=part if parts else "sample", where=name, agreed=agreed, found=found)


def _models(lock: Lock, record: RunRecord) -> Iterator[Departure]:
    if lock.models is None:
        return
    now = {model.key: model.fingerprint for model in record.models}
    for name in sorted({*lock.models, *now}):
        agreed, found = (_sha(models.get(name)) for models in (lock.models, now))
        yield from _differing("model", name, agreed, found)


def _differing(what: str, where: str, agreed: str | None, found: str | None) -> Iterator[Departure]:
    if agreed != found:
        yield Departure(what=what, where=where, agreed=agreed, found=found)


def _sha(digest: str | None) -> str | None:
    return f"sha256 {digest}" if digest else None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
