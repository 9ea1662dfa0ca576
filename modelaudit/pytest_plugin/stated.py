"""The files beside the audits that say what holds for the whole run: about, agreement, costs, lock, waivers, reviews,
counterexamples.

A further file is one field of :class:`Stated`, one function that reads it, and one line in :func:`read_stated`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..acceptance.agreement import AgreementFile, AgreementTerms
    from ..acceptance.lock import SignedLock
    from ..acceptance.waivers import WaiversFile
    from ..counterexamples.stored_cases import StoredCases
    from ..evidence.about import About
    from ..evidence.costs import Costs
    from ..evidence.probe import ProbeRecord
    from ..evidence.record import ReviewRecord
    from .inputs import InputFiles


@dataclass(frozen=True)
class Stated:
    """What the files beside the audits say; None for a file that a run does not have.

    Args:
        about: what ``about.yaml`` says, together with the ``about`` of the agreement.
        agreement_file: ``agreement.yaml``.
        costs: what ``costs.yaml`` says, together with the ``costs`` of the agreement.
        lock: what the run is held to.
        waivers: ``waivers.yaml``.
        reviews: those of ``reviews/`` that count for the pictures that they look at.
        notes: on the other reviews.
        probes: those of ``probes/``, of whatever model.
        counterexamples: those of ``counterexamples/``, and the files there that hold none.
    """

    about: About | None = None
    agreement_file: AgreementFile | None = None
    costs: Costs | None = None
    lock: SignedLock | None = None
    waivers: WaiversFile | None = None
    reviews: tuple[ReviewRecord, ...] = ()
    notes: tuple[str, ...] = ()
    probes: tuple[ProbeRecord, ...] = ()
    counterexamples: StoredCases | None = None

    @property
    def reviewed_images(self) -> int | None:
        """How many images of a requirement the parties agreed to review; None where they did not say."""
        terms = self.agreement
        return None if terms is None or terms.review is None else terms.review.pictures

    @property
    def agreement(self) -> AgreementTerms | None:
        """What the parties agreed on."""
        return None if self.agreement_file is None else self.agreement_file.terms


def read_stated(audit_files: Sequence[Path], root: Path, files: InputFiles, lock: Path | None) -> Stated:
    """Read everything that is stated next to the audit files or in the folders above them, and the lock.

    Args:
        root: the folder of the project, above which nothing is looked for.
        files: notes each file that is read among the inputs of the run.
        lock: the path that ``--audit-lock`` gave.

    Raises:
        AuditError: a file cannot be read, there are several of one kind, or two contradict each other.
    """
    agreement = _read_agreement(audit_files, root, files)
    held = _read_lock(lock)
    reviews, notes = _read_reviews(audit_files, root, files, agreement, held)
    return Stated(
        about=_read_about(audit_files, root, files, agreement),
        agreement_file=agreement,
        costs=_read_costs(audit_files, root, files, agreement),
        lock=held,
        waivers=_read_waivers(audit_files, root, files),
        reviews=tuple(reviews),
        notes=tuple(notes),
        probes=_read_probes(audit_files, root, files),
        counterexamples=_read_counterexamples(audit_files, root, files),
    )


def _read_agreement(audit_files: Sequence[Path], root: Path, files: InputFiles) -> AgreementFile | None:
    from ..acceptance.agreement import agreement_files, read_agreement

    found = agreement_files(audit_files, root)
    files.read(found, "agreement")
    return read_agreement(found)


def _read_about(
    audit_files: Sequence[Path], root: Path, files: InputFiles, agreement: AgreementFile | None
) -> About | None:
    from ..acceptance.agreement import combined_about
    from ..evidence.about import about_files, read_about_file

    found = about_files(audit_files, root)
    files.read(found, "about")
    return combined_about(agreement, read_about_file(found))


def _read_costs(
    audit_files: Sequence[Path], root: Path, files: InputFiles, agreement: AgreementFile | None
) -> Costs | None:
    from ..evidence.costs import combined_costs, costs_files, read_costs

    found = costs_files(audit_files, root)
    files.read(found, "costs")
    agreed = None if agreement is None else agreement.terms.costs
    return combined_costs(agreed, "" if agreement is None else str(agreement.path), read_costs(found))


def _read_probes(audit_files: Sequence[Path], root: Path, files: InputFiles) -> tuple[ProbeRecord, ...]:
    from ..evidence.about import about_files
    from ..evidence.probe import probe_files, read_probe

    found = [file for folder in about_files(audit_files, root, ("probes",)) for file in probe_files(folder)]
    files.read(found, "probe")
    return tuple(read_probe(file) for file in found)


def _read_counterexamples(audit_files: Sequence[Path], root: Path, files: InputFiles) -> StoredCases | None:
    from ..counterexamples.stored_case import FOLDER
    from ..counterexamples.stored_cases import case_files, read_cases
    from ..evidence.about import about_files

    found = [file for folder in about_files(audit_files, root, (FOLDER,)) for file in case_files(folder)]
    files.read(found, "counterexample")
    return read_cases(found, root) if found else None


def _read_lock(path: Path | None) -> SignedLock | None:
    if path is None:
        return None
    from ..acceptance.lock import read_lock

    return read_lock(path)


def _read_waivers(audit_files: Sequence[Path], root: Path, files: InputFiles) -> WaiversFile | None:
    from ..acceptance.waivers import read_waivers, waivers_files

    found = read_waivers(waivers_files(audit_files, root))
    if found is not None:
        from ..acceptance.signed_waivers import signatures_file

        signatures = signatures_file(found.path)
        files.read([path for path in (found.path, signatures) if path.exists()], "waivers")
    return found


def _read_reviews(
    audit_files: Sequence[Path],
    root: Path,
    files: InputFiles,
    agreement: AgreementFile | None,
    lock: SignedLock | None,
) -> tuple[list[ReviewRecord], list[str]]:
    from ..acceptance.reviews import eligible, read_review, reviewer_keys, reviews_files, signature_file

    found = reviews_files(audit_files, root)
    if not found:
        return [], []
    for path in found:
        files.read([one for one in (path, signature_file(path)) if one.exists()], "review")
    held = None if lock is None else lock.lock
    keys = reviewer_keys(agreement, held)
    return eligible([read_review(path, keys) for path in found], held)
