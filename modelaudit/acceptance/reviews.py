"""``audits/reviews``: the reviews of a project as the review page saved them, each with its signatures beside it.

A file that cannot be read, or whose signature does not fit, refuses the run. One that can be read and does not count,
because it looks at other pictures or because a lock asks for a signature that it lacks, is void, and a note says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ..evidence.about import about_files
from ..evidence.record import CaseRecord, Review, ReviewRecord
from ..evidence.review import REVIEW_NOTE
from ..evidence.reviewed import differing_parts
from ..language.errors import AcceptanceError
from ..language.json_file import json_of
from ..language.plain_text import plain, quoted_lines
from ..language.regular_files import read_file
from .canonical import sha256_of

if TYPE_CHECKING:
    from securesystemslib.signer import Signer

    from .agreement import AgreementFile
    from .keys import PublicKey
    from .lock import Lock

REVIEWS_NAME, SUFFIX = "reviews", ".dsse"
_MOST_BYTES, _MOST_FILES = 2**24, 500


@dataclass(frozen=True)
class ReviewFile:
    """A review as it was read.

    Args:
        sha256: of the file.
        signed_by: the reviewer whose key fits a signature beside it; None: nobody's that is known.
    """

    path: Path
    sha256: str
    review: Review
    signed_by: str | None = None

    @property
    def record(self) -> ReviewRecord:
        """The review as a run's record has it."""
        return ReviewRecord(file=self.path.name, sha256=self.sha256, signed_by=self.signed_by, review=self.review)


def reviews_files(audit_files: Iterable[Path], root: Path) -> list[Path]:
    """Every file of a review in a folder ``reviews`` next to an audit file, or in a folder above it and below `root`.

    Raises:
        AcceptanceError: more than 500.
    """
    folders = [path for path in about_files(audit_files, root, (REVIEWS_NAME,)) if path.is_dir()]
    found = [path for folder in folders for path in sorted(folder.glob("*.json")) if not path.name.startswith(".")]
    if len(found) > _MOST_FILES:
        raise AcceptanceError(f"{folders[0]}: holds {len(found)} reviews, and at most {_MOST_FILES} are read")
    return found


def signature_file(review: Path) -> Path:
    """Where the signatures of a review stand."""
    return review.with_name(review.name + SUFFIX)


def read_review(path: Path, keys: Mapping[str, PublicKey] | None = None) -> ReviewFile:
    """A review from its file.

    Args:
        keys: of the reviewers, by their names. With none nobody has agreed whose signature counts, and none is looked
            at.

    Raises:
        AcceptanceError: it cannot be read, is larger than 16 MiB, or is not what a review page saves; a signature
            beside it is over other content, or does not fit.
    """
    try:
        content = read_file(path, most=_MOST_BYTES)
    except OSError as error:
        raise AcceptanceError(f"{path}: cannot be read ({error.strerror or error}); give a review.json") from error
    found = ReviewFile(path, sha256_of(content), review_of(content, str(path)))
    signatures = signature_file(path)
    if keys and signatures.exists():
        found = replace(found, signed_by=_signed_by(path, signatures, keys))
    return _with_a_plain_name(found)


def review_of(content: bytes, source: str) -> Review:
    """A review from the bytes of its file.

    Raises:
        AcceptanceError: not what a review page saves.
    """
    document = json_of(content, source, lambda problem: AcceptanceError(f"{problem}; this is not a review"))
    if not isinstance(document, dict) or "answers" not in document:
        raise AcceptanceError(f"{source}: is not a review; the page that modelaudit review writes saves one")
    if document.get("schema_version", 1) != 1:
        raise AcceptanceError(
            f"{source}: schema_version: is {document['schema_version']!r}, and this modelaudit reads 1; use the one "
            "that made the review page"
        )
    try:
        return Review.model_validate_json(content)
    except ValidationError as error:
        said, *rest = quoted_lines(str(error))
        raise AcceptanceError(f"{source}: is not a review: {said}", *rest) from error


def _with_a_plain_name(found: ReviewFile) -> ReviewFile:
    try:
        found.record  # noqa: B018
    except ValidationError:
        raise AcceptanceError(
            f"{found.path}: the name of the file has other characters than A to Z, a to z, 0 to 9, . _ - and ends in "
            ".json; rename it"
        ) from None
    return found


def _signed_by(path: Path, signatures: Path, keys: Mapping[str, PublicKey]) -> str | None:
    """The first reviewer who signed; signatures by keys that nobody here has are not looked at."""
    from .envelope import REVIEW, check_payload, read_envelope, signed_by

    envelope = read_envelope(signatures, REVIEW)
    check_payload(envelope, str(signatures), path)
    known = {key.keyid for key in keys.values()}
    own = replace(envelope, signatures=tuple(one for one in envelope.signatures if one[0] in known))
    return signed_by(own, keys, source=str(signatures))[0] if own.signatures else None


def sign_review(path: Path, signer: Signer) -> Path:
    """Sign a review into the file of signatures beside it; the signatures that are there are kept.

    Raises:
        AcceptanceError: a file cannot be read or written, or the key cannot sign.
    """
    from .envelope import REVIEW, Envelope, check_payload, read_envelope, sign, write_envelope

    target = signature_file(path)
    if target.exists():
        envelope = read_envelope(target, REVIEW)
        check_payload(envelope, str(target), path)
    else:
        envelope = Envelope(REVIEW, read_file(path, most=_MOST_BYTES))
    return write_envelope(sign(envelope, signer), target)


def reviewer_keys(agreed: AgreementFile | None, lock: Lock | None) -> dict[str, PublicKey]:
    """The keys of the reviewers: those of the lock, or else of the agreement.

    Raises:
        AcceptanceError: a key cannot be read.
    """
    if lock is not None:
        return lock.reviewer_keys()
    return {} if agreed is None else agreed_reviewer_keys(agreed)


def agreed_reviewer_keys(agreed: AgreementFile) -> dict[str, PublicKey]:
    """The keys of the reviewers whom an agreement names, by their names.

    Raises:
        AcceptanceError: a key cannot be read.
    """
    named = agreed.terms.reviewers or ()
    return {one.name: agreed_key(one.name, one.public_key, agreed.path.parent) for one in named}


def agreed_key(name: str, given: str, folder: Path) -> PublicKey:
    """A public key of an agreement by its text, or by the path of its file relative to `folder`."""
    from .keys import load_public_key, public_key_of

    if "-----BEGIN" in given:
        return public_key_of(given, f"the public key of {name}")
    return load_public_key(folder / given)


def must_be_signed(lock: Lock | None) -> bool:
    """Whether only signed reviews count: a lock that parties sign says who reviews."""
    return lock is not None and bool(lock.signs)


def eligible(found: Sequence[ReviewFile], lock: Lock | None) -> tuple[list[ReviewRecord], list[str]]:
    """The reviews that count if they look at the pictures of the run, and a note on each other one."""
    kept: dict[str, ReviewRecord] = {}
    notes = []
    for one in found:
        name = f"{REVIEW_NOTE}{one.path.name}"
        if one.sha256 in kept:
            notes.append(f"{name}: is the same review as {REVIEW_NOTE}{kept[one.sha256].file}, and counts once")
        elif must_be_signed(lock) and one.signed_by is None:
            notes.append(
                f"{name}: the review by {plain(one.review.reviewer)} is void: it is not signed by a reviewer whom the "
                "lock names"
            )
        else:
            kept[one.sha256] = one.record
    return list(kept.values()), notes


def counted(
    reviews: Iterable[ReviewRecord], cases: Sequence[CaseRecord], fingerprints: Mapping[str, str], *, whole: bool
) -> tuple[list[ReviewRecord], list[str]]:
    """The reviews of the pictures of a run, and notes on the others.

    Args:
        fingerprints: of the models, by what the record names them by.
        whole: the run shows all pictures that there are; of a selection nothing is said of what it does not show.
    """
    kept, notes = [], []
    for one in reviews:
        different = list(differing_parts(one.review.answers, cases, fingerprints))
        if len(different) < len(one.review.answers):
            kept.append(one)
        if different and whole:
            notes.append(_note(one, len(different), different[0][1]))
    return kept, notes


def _note(one: ReviewRecord, void: int, part: str) -> str:
    name, total = f"{REVIEW_NOTE}{one.file}", len(one.review.answers)
    what = {"model": "model", "image": "image", "changed": "changed image", "map": "heat map"}[part]
    if void == total:
        return f"{name}: the review by {plain(one.who)} is void: the {what} is another one in this run"
    return f"{name}: {void} of {total} answers by {plain(one.who)} are void: this run does not show their pictures"


def write_into(folder: Path, content: bytes, review: Review) -> Path:
    """Write a review into the folder of reviews, under its date and its digest.

    Raises:
        AcceptanceError: it cannot be written.
    """
    target = folder / f"{review.finished:%Y-%m-%d}-{sha256_of(content)[:12]}.json"
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(content)
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise AcceptanceError(f"{target}: cannot be written ({error.strerror}); give another --audits") from error
    return target


def void_lines(review: Review, cases: Sequence[CaseRecord], fingerprints: Mapping[str, str]) -> Iterator[str]:
    """Each answer that is not about a picture of the run, and what of the picture is another one."""
    number = {answer.picture: at for at, answer in enumerate(review.answers, 1)}
    for picture, part in differing_parts(review.answers, cases, fingerprints):
        digest = getattr(picture, part)
        found = "none" if digest is None else digest
        yield f"answer {number[picture]} of {len(review.answers)}: {part}: {found} is not in the run"
