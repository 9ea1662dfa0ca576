"""The lock, its time and the agreement against the record of a run: each contradiction is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from acceptance.frozen_pack import KEYS, KNOWN, LOCK, received, record_of
from acceptance.openssl import Authority

from modelaudit.acceptance import verified_lock
from modelaudit.acceptance.canonical import sha256_of
from modelaudit.acceptance.keys import load_certificates
from modelaudit.acceptance.lock import Lock, now, read_lock
from modelaudit.acceptance.received import Expected, NotChecked, Received
from modelaudit.acceptance.timestamps import request
from modelaudit.evidence.record import Departure

ADDED = Departure(what="option", where="seed", agreed="0", found="7")
IMAGE = Departure(what="image", where="red/00.png", agreed="sha256 1", found="sha256 2")


def test_a_record_that_misquotes_the_lock_is_named(tmp_path: Path) -> None:
    given = received(tmp_path)
    record = record_of(given)
    assert record.lock is not None
    assert list(verified_lock.of_record(given, record, KNOWN)) == []
    later = record.lock.model_copy(update={"created": "2026-11-30T00:34:29+00:00"})
    (said,) = verified_lock.of_record(given, record_of(given, lock=later), KNOWN)
    assert said.startswith("run/run.json: lock.created: is 2026-11-30T00:34:29+00:00, and agreement/agreement.lock has")
    signed = record.lock.model_copy(update={"signed_by": ["customer", "auditor"]})
    (said,) = verified_lock.signatures(given, record_of(given, lock=signed), KNOWN)
    assert "lock.signed_by: names auditor, whose signature is not in agreement/agreement.lock.dsse" in said


@pytest.mark.parametrize(("minutes", "problems"), [(4, 0), (6, 1)])
def test_a_run_begins_after_its_lock_was_made_as_far_as_clocks_agree(
    tmp_path: Path, minutes: int, problems: int
) -> None:
    given = received(tmp_path)
    began = verified_lock.lock_of(given).lock.created - timedelta(minutes=minutes)
    said = list(verified_lock.of_record(given, record_of(given, started=began.isoformat()), KNOWN))
    assert len(said) == problems and all("before the lock was made" in one for one in said)


@pytest.mark.parametrize(("minutes", "problems"), [(4, 0), (6, 1), (-6, 0)])
def test_a_lock_is_made_before_its_time_stamp(tmp_path: Path, minutes: int, problems: int) -> None:
    given, authority = received(tmp_path / "pack"), Authority(tmp_path / "authority")
    created = now() + timedelta(minutes=minutes)
    lock = Lock(created=created, modelaudit="1", agreement=None, cases=[], options={}, inputs=[], data=[]).content()
    stamp = authority.stamp(request(sha256_of(lock)).content)
    (given.folder / LOCK).write_bytes(lock)
    (given.folder / f"{LOCK}.dsse").unlink()
    handed = Received(given.folder, {LOCK: lock, f"{LOCK}.tsr": stamp}, given.report, given.manifest)
    record = record_of(given, started=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    said = list(verified_lock.time(handed, record, Expected(anchors=load_certificates(authority.root))))
    assert len(said) == problems and all("created: is " in one and "after its time stamp" in one for one in said)


def test_signatures_count_with_the_keys_that_the_receiver_has(tmp_path: Path) -> None:
    given = received(tmp_path)
    record = record_of(given)
    assert list(verified_lock.signatures(given, record, KNOWN)) == []
    with pytest.raises(NotChecked, match="those in the lock prove nothing"):
        list(verified_lock.signatures(given, record, Expected()))
    (said,) = verified_lock.signatures(given, record, Expected(keys={"vendor": KEYS["vendor"]}))
    assert f"customer signed with the key {KEYS['customer'].keyid}" in said


def test_an_agreement_that_is_missing_or_that_the_record_does_not_have(tmp_path: Path) -> None:
    whole = received(tmp_path / "whole")
    assert list(verified_lock.agreement(whole, record_of(whole))) == []
    (said,) = verified_lock.agreement(whole, record_of(whole, agreement=None))
    assert said == "run/run.json: agreement: is missing, although agreement/agreement.yaml is there"
    without = received(tmp_path / "pack", "agreement/agreement.yaml")
    for agreed in (None, record_of(without).agreement):  # the lock says that there was one, too
        (said,) = verified_lock.agreement(without, record_of(without, agreement=agreed))
        assert said == "agreement/agreement.yaml: is missing, although the run had an agreement"
    run = received(tmp_path / "run", "agreement/agreement.yaml", is_pack=False)
    with pytest.raises(NotChecked, match=r"not in the folder of the audits \(--audits DIR\)"):
        list(verified_lock.agreement(run, record_of(run)))


def test_departures_are_neither_added_nor_left_out(tmp_path: Path) -> None:
    given = received(tmp_path)
    record = record_of(given)
    assert record.lock is not None
    assert list(verified_lock.departing(given, record)) == []
    added = record_of(given, lock=record.lock.model_copy(update={"departures": [ADDED]}))
    (said,) = verified_lock.departing(given, added)
    assert "lock.departures: option seed: 7 (agreed: 0): it does not depart from agreement/agreement.lock" in said
    other_seed = record_of(given, provenance=record.provenance.model_copy(update={"seed": 7}))
    (said,) = verified_lock.departing(given, other_seed)
    assert "option seed: 7 (agreed: 0): it departs from agreement/agreement.lock, and lock.departures does not" in said


def test_a_run_may_name_the_images_of_data_that_depart(tmp_path: Path) -> None:
    given = received(tmp_path)
    record = record_of(given)
    assert record.lock is not None
    data = [record.data[0].model_copy(update={"root": "0" * 64})]
    named = record.lock.model_copy(update={"departures": [IMAGE]})
    assert list(verified_lock.departing(given, record_of(given, data=data, lock=named))) == []
    assert len(list(verified_lock.departing(given, record_of(given, data=data)))) == 1
    assert len(list(verified_lock.departing(given, record_of(given, lock=named)))) == 1


def test_the_expected_lock_is_the_one_of_the_run(tmp_path: Path) -> None:
    given = received(tmp_path)
    held = read_lock(tmp_path / LOCK)
    assert list(verified_lock.of_record(given, record_of(given), Expected(lock=held.sha256))) == []
    (said,) = verified_lock.of_record(given, record_of(given), Expected(lock="0" * 64))
    assert f"lock.sha256: is {held.sha256}, and {'0' * 64} was expected" in said
    first, second = verified_lock.of_record(given, record_of(given, lock=None), Expected(lock=held.sha256))
    assert "lock.sha256: is missing, and" in first and "lock: is missing, although" in second
