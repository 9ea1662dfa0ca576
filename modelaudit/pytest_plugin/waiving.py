"""Waivers in a session: the expectations that have one, before anything is measured."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..acceptance.waivers import WaiversFile, unfit, waiver_at, waiver_record
from ..evidence.record import CaseRecord
from ..language.errors import AcceptanceError
from .audit_files import is_audit_file

if TYPE_CHECKING:
    from ..acceptance.lock import Lock


def with_waivers(
    declared: Mapping[str, CaseRecord], found: WaiversFile, *, at: datetime, lock: Lock | None, root: Path
) -> dict[str, CaseRecord]:
    """The declared cases, each with its waiver, whether or not that is in force.

    Args:
        at: the start of the run.
        lock: what the run is held to; a waiver then needs a signature.

    Raises:
        AcceptanceError: a waiver for nothing that is declared, or for what cannot be waived; a signature that does not
            fit.
    """
    read = {case.file for case in declared.values()}
    wrong = unfit(
        found,
        list(declared.values()),
        lambda file: file not in read and is_audit_file(Path(file).name) and (root / file).exists(),
    )
    if wrong:
        raise AcceptanceError(*wrong)
    chosen = waiver_at(found.waivers, at)
    if lock is None:
        records = {name: waiver_record(waiver) for name, waiver in chosen.items()}
    else:
        from ..acceptance.signed_waivers import read_signers, signatures_file, under_lock

        signers = read_signers(signatures_file(found.path), lock.keys())
        records = {name: under_lock(waiver, lock, signers) for name, waiver in chosen.items()}
    return {
        name: case.model_copy(update={"waiver": records[name]}) if name in records else case
        for name, case in declared.items()
    }
