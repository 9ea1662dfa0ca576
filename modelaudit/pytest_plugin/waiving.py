"""Waivers in a session: the expectations that have one, before anything is measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..acceptance.waivers import WaiversFile, read_waivers, unfit, waiver_at, waiver_record, waivers_files
from ..evidence.record import CaseRecord
from ..language.errors import AcceptanceError
from .audit_files import is_audit_file

if TYPE_CHECKING:
    from ..acceptance.lock import Lock
    from .inputs import InputFiles


def read_waivers_of_run(audit_files: Iterable[Path], root: Path, files: InputFiles) -> WaiversFile | None:
    """The waivers next to the audit files or above them, with what was read for them noted among the files of the run.

    Raises:
        AcceptanceError: there are several files, or one that cannot be read.
    """
    found = read_waivers(waivers_files(audit_files, root))
    if found is not None:
        from ..acceptance.signed_waivers import signatures_file

        signatures = signatures_file(found.path)
        files.read([path for path in (found.path, signatures) if path.exists()], "waivers")
    return found


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
