"""What departs from a lock: the cases that no session of pytest in these tests comes to."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from acceptance.frozen_pack import LOCK, received, record_of

from modelaudit.acceptance.departures import departures
from modelaudit.acceptance.lock import LockedSample, SignedLock, read_lock
from modelaudit.evidence.record import Departure, RunRecord
from modelaudit.language.merkle import merkle_root


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> tuple[SignedLock, RunRecord]:
    given = received(tmp_path_factory.mktemp("pack"))
    return read_lock(given.folder / LOCK), record_of(given)


def found(lock: SignedLock, record: RunRecord, now: Sequence[LockedSample] = ()) -> list[Departure]:
    """The departures of a run that read the agreed terms; `now`: its samples as they are found."""
    return departures(lock, record, lock.lock.agreement, {lock.lock.data[0].key: now})


def test_a_lock_that_somebody_has_not_signed_departs(held: tuple[SignedLock, RunRecord]) -> None:
    lock, record = held
    assert found(lock, record) == []
    (one,) = found(SignedLock(lock.path, lock.lock, lock.sha256, ("vendor",)), record)
    assert (one.what, one.agreed, one.found) == ("signature", "signed by customer", None)


def test_of_an_audit_that_stopped_early_the_images_it_looked_at_are_compared(
    held: tuple[SignedLock, RunRecord],
) -> None:
    lock, record = held
    locked = lock.lock.data[0].samples
    assert locked is not None
    looked = record.tables[0].samples[:10]
    digests = {one.id: one.digest for one in locked if one.id in {sample.id for sample in looked}}

    def stopped(root: str, **data: int) -> RunRecord:
        table = record.tables[0].model_copy(update={"samples": looked, "available": 24})
        facts = record.data[0].model_copy(update={"root": root, "images": 10, "available": 24, **data})
        return record.model_copy(update={"tables": [table], "data": [facts]})

    assert found(lock, stopped(merkle_root(digests))) == []
    assert [one.what for one in found(lock, stopped(merkle_root(digests | {looked[0].id: "0" * 64})))] == ["data"]
    assert [one.what for one in found(lock, stopped(merkle_root(digests), available=25))] == ["data"]
    strange = record.tables[0].samples[0].model_copy(update={"id": "added.png"})
    with_strange = stopped(merkle_root(digests))
    table = with_strange.tables[0].model_copy(update={"samples": [*looked, strange]})
    assert [one.what for one in found(lock, with_strange.model_copy(update={"tables": [table]}))] == ["data"]


def test_of_many_samples_that_differ_some_are_named_and_the_rest_counted(held: tuple[SignedLock, RunRecord]) -> None:
    lock, record = held
    locked = lock.lock.data[0].samples
    assert locked is not None and len(locked) == 24
    other = record.model_copy(update={"data": [record.data[0].model_copy(update={"root": "0" * 64})]})
    changed = [one.model_copy(update={"mask": "1" * 64, "digest": "2" * 64}) for one in locked]
    *named, last = found(lock, other, now=changed)
    assert [one.what for one in named] == ["mask"] * 20 and last.found == "4 more samples"
    (one,) = found(lock, other, now=[*locked[1:], locked[0].model_copy(update={"digest": "2" * 64})])
    assert (one.what, one.where, one.found) == ("sample", locked[0].id, f"sha256 {'2' * 64}")


def test_models_and_terms(held: tuple[SignedLock, RunRecord]) -> None:
    lock, record = held
    (terms,) = departures(lock, record, None)
    assert (terms.what, terms.agreed, terms.found) == ("the agreement", lock.lock.agreement, None)
    named = lock.lock.model_copy(update={"models": {record.models[0].key: "0" * 64, "model:other": "1" * 64}})
    first, second = found(SignedLock(lock.path, named, lock.sha256, lock.signed_by), record)
    assert {first.where, second.where} == {record.models[0].key, "model:other"}
    assert {first.what, second.what} == {"model"}
