"""``modelaudit review add``: takes what a review page saved, and decides a run anew with it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..evidence.results_folder import LATEST, new_run_id, point_latest, resolve_run
from ..language.errors import AcceptanceError, ResultsError
from .command_help import Example, add_command
from .terminal import add_language, say, wrapped

if TYPE_CHECKING:
    from securesystemslib.signer import Signer

    from ..acceptance.lock import Lock
    from ..acceptance.reviews import ReviewFile
    from ..evidence.record import RunRecord

_NOTES = """A review counts where model, image, changed image and heat map are those of the
run, by digest. The file is kept in reviews/ in the folder of the audits, where
every later run finds it. RUN itself is never altered: the run that follows from
it stands beside it, names it by digest, and has its own report. Its evidence is
unsigned; sign the next run of the audits, or hand over the pack signed."""


def add(commands: Any) -> None:
    """Add the command to those of ``modelaudit``."""
    command = add_command(
        commands,
        "review add",
        "take a review.json: verdicts and report are made anew beside the run",
        Example("what a reviewer saved", "modelaudit review add audit-results/latest review.json"),
        Example("signed by the reviewer", "modelaudit review add RUN review.json --sign keys/aoi.pem"),
        notes=_NOTES,
        status="0 it counts, 1 it is void or counted already and nothing is written, 2 a wrong call or a file that "
        "cannot be read",
    )
    command.add_argument("run_folder", type=Path, metavar="RUN", help="folder of a run, or its run.json")
    command.add_argument("review", type=Path, metavar="REVIEW", help="what the review page saved")
    command.add_argument("--sign", metavar="KEY", help="the reviewer's private key (a PEM file, or a URI as hsm:)")
    command.add_argument(
        "--audits",
        type=Path,
        default=Path("audits"),
        metavar="DIR",
        help="folder of the audits, which gets reviews/ (default: audits)",
    )
    add_language(command, "the terminal")
    command.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    from ..evidence.consistency import read_record_with_pictures
    from ..report.run_lines import run_lines
    from .merge import pictures_of_run
    from .words import command_words

    words = command_words(given.language)
    signer = None if given.sign is None else _signer(given.sign)
    folder = resolve_run(given.run_folder)
    record = read_record_with_pictures(folder)
    pictures = dict(pictures_of_run(record, folder))
    lock, review = _read(given, record, signer)
    if not given.audits.is_dir():
        raise AcceptanceError(f"{given.audits}: is not there; give the folder of the audits with --audits")
    problems = list(_void(review, record, lock, signer))
    if problems:
        say(words._("review_is_void", file=given.review), file=sys.stderr)
        say(*(line for text in problems for line in wrapped(text, indent=4, first="  ")), file=sys.stderr)
        return 1
    kept = _keep(given.review, review, given.audits, signer)
    added = _successor(record, folder, kept, pictures)
    count = words.ngettext("review_answers", len(review.review.answers))
    say(words._("review_added", who=kept.record.who, answers=count, file=kept.path))
    say(*run_lines(added[0], words), words._("run_report", path=added[1]))
    return 0


def _signer(key: str) -> Signer:
    from ..acceptance.keys import load_signer

    return load_signer(key)


def _read(given: argparse.Namespace, record: RunRecord, signer: Signer | None) -> tuple[Lock | None, ReviewFile]:
    """The lock of the run, and the review with who signed it, or is about to.

    Raises:
        AcceptanceError: a file cannot be read, the lock belongs to another run, or the key to none of the reviewers.
    """
    from dataclasses import replace

    from ..acceptance.agreement import agreement_files, read_agreement
    from ..acceptance.lock import LOCK_NAME, read_lock
    from ..acceptance.reviews import read_review, reviewer_keys

    lock = None
    if record.lock is not None:
        held = read_lock(given.audits / LOCK_NAME)
        if held.sha256 != record.lock.sha256:
            raise AcceptanceError(
                f"{held.path}: is not the lock that the run was held to ({record.lock.sha256}); give its folder by "
                "--audits"
            )
        lock = held.lock
    agreed = read_agreement(agreement_files([given.audits / "any.py"], given.audits))
    keys = reviewer_keys(agreed, lock)
    review = read_review(given.review, keys)
    if signer is not None:
        names = [name for name, key in keys.items() if key.keyid == signer.public_key.keyid]
        if keys and not names:
            known = ", ".join(f"{name} ({key.keyid})" for name, key in keys.items())
            raise AcceptanceError(
                f"{given.sign}: this key ({signer.public_key.keyid}) is of no reviewer; reviewers of the agreement: "
                f"{known}"
            )
        review = replace(review, signed_by=review.signed_by or (names[0] if names else None))
    return lock, review


def _void(review: ReviewFile, record: RunRecord, lock: Lock | None, signer: Signer | None) -> Iterator[str]:
    """Why a review does not count for a run."""
    from ..acceptance.reviews import must_be_signed, void_lines

    if any(one.sha256 == review.sha256 for one in record.reviews):
        yield f"{record.id} counts it already"
    if must_be_signed(lock) and review.signed_by is None:
        yield "it is not signed by a reviewer whom the lock names; sign it with --sign KEY"
    yield from void_lines(review.review, record.cases, record.fingerprints)


def _keep(source: Path, review: ReviewFile, audits: Path, signer: Signer | None) -> ReviewFile:
    """Copy a review and its signatures into the folder of reviews."""
    from dataclasses import replace

    from ..acceptance.reviews import REVIEWS_NAME, sign_review, signature_file, write_into
    from ..language.regular_files import read_file

    signatures = signature_file(source)
    beside = read_file(signatures) if signatures.exists() else None
    target = write_into(audits / REVIEWS_NAME, read_file(source), review.review)
    if beside is not None:
        signature_file(target).write_bytes(beside)
    if signer is not None:
        sign_review(target, signer)
    return replace(review, path=target)


def _successor(record: RunRecord, folder: Path, kept: ReviewFile, pictures: dict[str, bytes]) -> tuple[RunRecord, Path]:
    """Write the run that follows from a run and a review beside it; its record and its report."""
    from ..acceptance.reviews import signature_file
    from ..acceptance.statement import write_evidence
    from ..evidence.provenance import input_file
    from ..evidence.record import write_record
    from ..evidence.redaction import SALT_NAME, read_salt, redacted
    from ..evidence.successor import successor
    from ..report import write_reports
    from .packed import settings_of_run

    files = [input_file(one, Path.cwd(), "review") for one in (kept.path, signature_file(kept.path)) if one.exists()]
    made = successor(record, [kept.record], files, new_run_id())
    results = folder.resolve().parent
    target = results / made.id
    how = settings_of_run(record, folder)
    try:
        write_record(made, target)
        for name, content in pictures.items():
            (target / name).parent.mkdir(exist_ok=True)
            (target / name).write_bytes(content)
        shown = made
        if (folder / SALT_NAME).exists():
            (target / SALT_NAME).touch(mode=0o600)
            (target / SALT_NAME).write_bytes((folder / SALT_NAME).read_bytes())
            shown = redacted(made, read_salt(target / SALT_NAME))
    except OSError as error:
        raise ResultsError(f"{target}: cannot be written ({error.strerror}); take a copy of the run") from error
    page, _ = write_reports(target, record=shown, language=how.language, budget_bytes=how.budget)
    write_evidence(made, target)
    if resolve_run(results / LATEST).resolve() == folder.resolve():
        point_latest(results, made.id)
    return made, Path(os.path.relpath(page))
