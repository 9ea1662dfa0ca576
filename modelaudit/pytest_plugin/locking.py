"""Locks in a session: one is written of what was collected, or the run is held to one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..acceptance.agreement import AgreementFile, AgreementTerms, agreement_digest
from ..acceptance.departures import departures
from ..acceptance.keys import PublicKey
from ..acceptance.lock import (
    Lock,
    LockedParty,
    LockedSample,
    SignedLock,
    decisive_options,
    locked_case,
    locked_inputs,
    now,
)
from ..acceptance.locked_data import locked_data, samples_of
from ..acceptance.reviews import agreed_key, agreed_reviewer_keys
from ..evidence.record import LockRecord, RunRecord
from ..evidence.states import exit_status, run_state
from ..language.errors import AcceptanceError, AuditError
from ..language.progress import Progress

if TYPE_CHECKING:
    from ..engine.planning.plan import PlanGroup
    from ..evidence.provenance import Inputs
    from ..evidence.record import CaseRecord
    from .options import Options
    from .stated import Stated


def lock_of(
    cases: Iterable[CaseRecord],
    groups: Iterable[PlanGroup],
    inputs: Inputs,
    options: Options,
    stated: Stated,
    *,
    root: Path,
    progress: Progress,
) -> Lock:
    """The lock of everything that a session collected; data are read, and models opened where they are locked too.

    Raises:
        AuditError: data or a model that cannot be opened, or a key of a party that cannot be read.
    """
    agreed, terms, groups = stated.agreement_file, stated.agreement, list(groups)
    parties = {} if agreed is None else _parties(agreed.terms, agreed.path.parent)
    cases = list(cases)
    if agreed is not None and agreed.terms.signs:
        _enough_reviewers(cases, agreed)
    return Lock(
        created=now(),
        modelaudit=version("pytest-modelaudit"),
        agreement=None if terms is None else agreement_digest(terms),
        cases=sorted((locked_case(case) for case in cases), key=lambda case: case.id),
        options=decisive_options(
            inputs.options,
            seed=options.seed,
            checks="on" if options.checks else "off",
            inconclusive=options.inconclusive,
        ),
        inputs=locked_inputs(inputs.files),
        data=[
            locked_data(group.key, group.reference, group.without_object, root=root, progress=progress)
            for group in groups
        ],
        models=_fingerprints(groups, root) if options.lock_models else None,
        parties=parties,
        signs=[] if terms is None else list(terms.signs),
        waivers_signed_by=None if terms is None or terms.waivers is None else terms.waivers.signed_by,
        reviewers={} if agreed is None else _locked(agreed_reviewer_keys(agreed)),
    )


def held_to(record: RunRecord, held: SignedLock, terms: AgreementTerms | None, root: Path) -> RunRecord:
    """The record of a run with everything in which it departs from a lock, and the state that follows from it."""
    agreement = None if terms is None else agreement_digest(terms)
    found = departures(held, record, agreement)
    if any(one.what == "data" for one in found):
        found = departures(held, record, agreement, _samples_now(held.lock, record, root))
    locked = LockRecord(
        sha256=held.sha256,
        created=held.lock.created.isoformat(),
        signed_by=list(held.signed_by),
        departures=found,
    )
    terms_of_run: Mapping[str, Any] = {
        "quick_look": record.quick_look is not None,
        "as_agreed": not found,
    }
    state = run_state(record.cases, record.absent_files, **terms_of_run)
    status = exit_status(
        record.cases,
        record.absent_files,
        tolerate_inconclusive=record.inconclusive == "warn",
        allow_partial=record.allow_partial,
        **terms_of_run,
    )
    return record.model_copy(update={"lock": locked, "overall": state, "exit_status": status})


def _fingerprints(groups: Iterable[PlanGroup], root: Path) -> dict[str, str]:
    from ..engine.assembly import model_fingerprints  # torch, which a lock of data does not need

    return model_fingerprints(groups, root)


def _parties(terms: AgreementTerms, folder: Path) -> dict[str, LockedParty]:
    """The keys of the parties; paths are relative to `folder`, where the agreement is."""
    given = {name: party.public_key for name, party in terms.parties.items() if party.public_key is not None}
    found = _locked({name: agreed_key(name, key, folder) for name, key in given.items()})
    missing = [name for name in terms.signs if name not in found]
    if missing:
        raise AcceptanceError(
            f"signs: {', '.join(missing)} must sign, and the agreement has no public_key of {missing[0]}; give the "
            "path of its PEM file under parties"
        )
    return found


def _enough_reviewers(cases: Iterable[CaseRecord], agreed: AgreementFile) -> None:
    """Refuse a lock under which a requirement can never pass, since too few may sign its reviews."""
    named = len(agreed.terms.reviewers or ())
    for case in cases:
        if case.reviewed_by is not None and case.reviewed_by > named:
            raise AcceptanceError(
                f"{agreed.path}: {case.id} asks for {case.reviewed_by} reviewers, and the agreement names {named}; "
                "name them under reviewers, each with name and public_key"
            )


def _locked(keys: Mapping[str, PublicKey]) -> dict[str, LockedParty]:
    return {name: LockedParty(keyid=key.keyid, public_key=key.pem) for name, key in keys.items()}


def _samples_now(lock: Lock, record: RunRecord, root: Path) -> dict[str, list[LockedSample]]:
    """The samples of the data sets whose root is another one, as far as these can be opened by their references."""
    from ..language.progress import Silent

    roots, found = {data.key: data for data in record.data}, {}
    for then in lock.data:
        data = roots.get(then.key)
        if data is None or data.root == then.root:
            continue
        try:
            found[then.key] = samples_of(then.reference, data.without_object, root, Silent(), then.key)
        except AuditError:  # samples that code made: the root alone tells
            continue
    return found
