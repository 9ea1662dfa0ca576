"""Checks of the waivers of a run: each stands in the file of waivers as the record has it, and is signed as agreed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ..evidence.record import RECORD_NAME, RunRecord
from .differences import differences
from .pack import LOCK_FILE, RUN
from .received import Expected, NotChecked, Received
from .signed_waivers import read_signers, signatures_file, under_lock
from .verified_lock import lock_of
from .waivers import read_waivers, waiver_at, waiver_record

_RECORD = f"{RUN}{RECORD_NAME}"


def waivers(received: Received, record: RunRecord, expected: Expected) -> Iterator[str]:
    """The waivers in the record are those of the file of waivers, with its signatures.

    Whether a waiver was in force when the run began, and covers the verdict, is computed with the record itself.
    """
    name = received.agreement_file("waivers")
    waived = [case.id for case in record.cases if case.waiver is not None]
    if name is None:
        if not waived:
            raise NotChecked("the run has no waivers")
        if not received.is_pack:
            raise NotChecked("waivers.yaml is not in the folder of the audits (--audits DIR)")
        yield f"agreement/waivers.yaml: is missing, although {', '.join(waived)} has a waiver"
        return
    path = received.folder / name
    found = read_waivers([path])
    chosen = {} if found is None else waiver_at(found.waivers, datetime.fromisoformat(record.started))
    held = lock_of(received).lock if record.lock is not None and LOCK_FILE in received.files else None
    signers = {} if held is None else read_signers(signatures_file(path), held.keys())
    for case in record.cases:
        waiver = chosen.get(case.id)
        again = None
        if waiver is not None:
            again = waiver_record(waiver) if held is None else under_lock(waiver, held, signers)
        stored, remade = (None if one is None else one.model_dump(mode="json") for one in (case.waiver, again))
        for one in differences(stored, remade, name):
            yield f"{_RECORD}: {case.id}: waiver.{one}".replace("waiver.:", "waiver:")
    parties = dict.fromkeys(case.waiver.signed_by for case in record.cases if case.waiver is not None)
    for party in parties:
        if held is not None and party is not None and party in held.parties:
            yield from _known(party, held.parties[party].keyid, expected)


def _known(party: str, keyid: str, expected: Expected) -> Iterator[str]:
    """Whether the key of a party that signed is among those that were given."""
    if expected.keys is None:
        raise NotChecked(f"signed by {party}; give keys to check it by (--keys): the one in the lock proves nothing")
    if keyid not in {key.keyid for key in expected.keys.values()}:
        yield (
            f"agreement/waivers.dsse: {party} signed with the key {keyid}, which is not among the keys that were given "
            "(--keys)"
        )
