"""Checks of what was agreed against a run: the lock, its signatures and its time, the agreement, departures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

from ..evidence.record import RECORD_NAME, Departure, RunRecord
from . import timestamps
from .agreement import AgreementTerms, agreement_digest, read_agreement
from .canonical import sha256_of
from .compliance import agreement_record
from .departures import departures, version_of
from .differences import differences
from .lock import ENVELOPE_SUFFIX, TIMESTAMP_SUFFIX, SignedLock, read_lock
from .pack import LOCK_FILE, RUN
from .received import Expected, NotChecked, Received

_RECORD = f"{RUN}{RECORD_NAME}"
_SIGNED, _STAMP = LOCK_FILE + ENVELOPE_SUFFIX, LOCK_FILE + TIMESTAMP_SUFFIX
#: how far clocks may be apart
_TOLERANCE = timedelta(minutes=5)
_NO_LOCK = "the run was not held to a lock"
_IMAGES = frozenset({"data", "sample", "image", "mask", "label"})


def of_record(received: Received, record: RunRecord, expected: Expected) -> Iterator[str]:
    """The run was held to the lock that was handed over, which is the expected one and older than the run."""
    content, held = received.files.get(LOCK_FILE), record.lock
    if expected.lock is not None and (held is None or held.sha256 != expected.lock):
        found = "missing" if held is None else held.sha256
        yield f"{_RECORD}: lock.sha256: is {found}, and {expected.lock} was expected"
    if held is None:
        if content is not None:
            yield f"{_RECORD}: lock: is missing, although {LOCK_FILE} is there: the run was not held to it"
        elif expected.lock is None:
            raise NotChecked(_NO_LOCK)
        return
    if content is None:
        if not received.is_pack and expected.lock is None:
            raise NotChecked("the lock is not in the folder of the audits (--audits DIR)")
        if received.is_pack:
            yield f"{LOCK_FILE}: is missing, although the run was held to a lock ({_RECORD}: lock.sha256)"
        return
    if sha256_of(content) != held.sha256:
        yield f"{LOCK_FILE}: has sha256 {sha256_of(content)}, and {_RECORD}: lock.sha256 is {held.sha256}"
    lock = lock_of(received).lock
    if datetime.fromisoformat(held.created) != lock.created:
        yield f"{_RECORD}: lock.created: is {held.created}, and {LOCK_FILE} has {lock.created.isoformat()}"
    if datetime.fromisoformat(record.started) < lock.created - _TOLERANCE:
        yield f"{_RECORD}: started: is {record.started}, before the lock was made ({lock.created.isoformat()})"


def signatures(received: Received, record: RunRecord, expected: Expected) -> Iterator[str]:
    """Every party signed that the lock names, with a key that was given."""
    held = lock_of(received)
    for name in held.unsigned:
        yield f"{_SIGNED}: signs: {name} must sign the lock and has not"
    said = [] if record.lock is None else record.lock.signed_by
    for name in said:
        if name not in held.signed_by:
            yield f"{_RECORD}: lock.signed_by: names {name}, whose signature is not in {_SIGNED}"
    if not held.signed_by and not held.unsigned:
        raise NotChecked("the lock names nobody who signs it")
    if held.unsigned:
        return
    if expected.keys is None:
        names = ", ".join(held.signed_by)
        raise NotChecked(f"signed by {names}; give keys to check it by (--keys): those in the lock prove nothing")
    given = {key.keyid for key in expected.keys.values()}
    for name in held.signed_by:
        if held.lock.parties[name].keyid not in given:
            yield (
                f"{_SIGNED}: {name} signed with the key {held.lock.parties[name].keyid}, which is not among the keys "
                "that were given (--keys)"
            )


def time(received: Received, record: RunRecord, expected: Expected) -> Iterator[str]:
    """A trusted time of the lock, before the run began."""
    stamp = received.files.get(_STAMP)
    if stamp is None:
        if not expected.anchors:
            raise NotChecked("the lock has no time stamp")
        yield f"{_STAMP}: is missing, and a certificate was given to check it by"
        return
    if not expected.anchors:
        raise NotChecked("no certificate of the time-stamp authority was given (--trust-anchor)")
    over = received.files.get(_SIGNED, received.files.get(LOCK_FILE, b""))
    moment = timestamps.verify(stamp, sha256_of(over), expected.anchors, _STAMP)
    created = lock_of(received).lock.created
    ahead = timestamps.clock_departs(created, moment, _TOLERANCE)
    if ahead is not None and ahead > timedelta(0):
        yield f"{LOCK_FILE}: created: is {created.isoformat()}, after its time stamp of {moment.isoformat()}"
    if datetime.fromisoformat(record.started) < moment - _TOLERANCE:
        yield f"{_RECORD}: started: is {record.started}, before the time stamp of the lock, {moment.isoformat()}"


def agreement(received: Received, record: RunRecord) -> Iterator[str]:
    """The terms are those of the lock, and the record describes them correctly."""
    name, terms = received.agreement_file("agreement"), _terms(received)
    held = lock_of(received).lock if LOCK_FILE in received.files else None
    if name is None or terms is None:
        if record.agreement is None and (held is None or held.agreement is None):
            raise NotChecked("the run has no agreement")
        if not received.is_pack:
            raise NotChecked("the agreement is not in the folder of the audits (--audits DIR)")
        yield "agreement/agreement.yaml: is missing, although the run had an agreement"
        return
    digest = agreement_digest(terms)
    if held is not None and held.agreement != digest:
        yield f"{name}: its terms have sha256 {digest}, and {LOCK_FILE}: agreement is {held.agreement}"
    if record.agreement is None:
        yield f"{_RECORD}: agreement: is missing, although {name} is there"
    elif version_of(record) == version("pytest-modelaudit"):
        yield from _costs(terms, record, name)
        again = agreement_record(terms, record.model_copy(update={"agreement": None}))
        stored = record.agreement.model_dump(mode="json", exclude_unset=True)
        for one in differences(stored, _fields_of(stored, again.model_dump(mode="json")), name):
            yield f"{_RECORD}: agreement.{one}"


def _costs(terms: AgreementTerms, record: RunRecord, name: str) -> Iterator[str]:
    """Costs that are agreed, and that the record has otherwise; ``costs.yaml`` may have added others."""
    agreed = {} if terms.costs is None else terms.costs.model_dump(exclude_none=True)
    stated = {} if record.costs is None else record.costs.model_dump(exclude_none=True)
    for field, value in agreed.items():
        if stated.get(field) != value:
            yield f"{_RECORD}: costs.{field} is {stated.get(field)!r}, and {value!r} in {name}"


def departing(received: Received, record: RunRecord) -> Iterator[str]:
    """What departs from the lock, found again, is what the record says departs from it."""
    terms = _terms(received)
    held = lock_of(received)
    if record.lock is None:
        raise NotChecked(_NO_LOCK)
    again = departures(held, record, None if terms is None else agreement_digest(terms))
    stored = record.lock.departures
    for one in _beyond(again, stored):
        yield f"{_RECORD}: {_told(one)}: it departs from {LOCK_FILE}, and lock.departures does not say so"
    for one in _beyond(stored, again):
        yield f"{_RECORD}: lock.departures: {_told(one)}: it does not depart from {LOCK_FILE}"


def _beyond(some: list[Departure], others: list[Departure]) -> Iterator[Departure]:
    """Those that the others lack; of images, which the run may have looked at one by one, any other one will do."""
    of_images = any(one.what in _IMAGES for one in others)
    for one in some:
        if one not in others and not (one.what in _IMAGES and of_images):
            yield one


def _told(one: Departure) -> str:
    return f"{one.what} {one.where}: {one.found or 'missing'} (agreed: {one.agreed or 'nothing'})"


def _fields_of(stored: Any, value: Any) -> Any:
    """A value without the fields that an older record does not have."""
    if isinstance(stored, dict) and isinstance(value, dict):
        return {name: _fields_of(stored[name], part) for name, part in value.items() if name in stored}
    if isinstance(stored, list) and isinstance(value, list) and len(stored) == len(value):
        return [_fields_of(one, part) for one, part in zip(stored, value, strict=True)]
    return value


def lock_of(received: Received) -> SignedLock:
    """The lock that is there, with its signatures.

    Raises:
        NotChecked: the lock is missing.
        AcceptanceError: it cannot be read, or a signature does not fit.
    """
    if LOCK_FILE not in received.files:
        raise NotChecked(_NO_LOCK)
    return read_lock(received.folder / LOCK_FILE)


def _terms(received: Received) -> AgreementTerms | None:
    name = received.agreement_file("agreement")
    found = None if name is None else read_agreement([received.folder / name])
    return None if found is None else found.terms
