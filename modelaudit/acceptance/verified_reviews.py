"""Checks of the reviews of a run: each is its file, signed as agreed; that verdicts follow is found with the record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..evidence.record import RECORD_NAME, ReviewRecord, RunRecord
from ..language.errors import AcceptanceError
from .agreement import read_agreement
from .canonical import sha256_of
from .differences import differences
from .keys import PublicKey
from .lock import Lock
from .pack import LOCK_FILE, REVIEWS, RUN
from .received import Expected, NotChecked, Received
from .reviews import must_be_signed, read_review, reviewer_keys
from .verified_lock import lock_of

_RECORD = f"{RUN}{RECORD_NAME}"


def reviews(received: Received, record: RunRecord, expected: Expected) -> Iterator[str]:
    """What the record has of reviews is what their files say, and who signed them."""
    if not record.reviews and not any(name.startswith(REVIEWS) for name in received.files):
        raise NotChecked("the run has no reviews")
    missing = [one for one in record.reviews if f"{REVIEWS}{one.file}" not in received.files]
    if missing and not received.is_pack:
        raise NotChecked("the reviews are not in the folder of the audits (--audits DIR)")
    held = lock_of(received).lock if LOCK_FILE in received.files and record.lock is not None else None
    keys = _keys(received, held)
    for at, one in enumerate(record.reviews):
        name, field = f"{REVIEWS}{one.file}", f"{_RECORD}: reviews[{at}]"
        if one in missing:
            yield f"{name}: is missing, although the run counts it ({field})"
            continue
        yield from _of_file(received, one, name, field, keys)
        if must_be_signed(held) and one.signed_by is None:
            yield f"{field}.signed_by: is missing, and under the lock only signed reviews count"
    if received.is_pack:
        counted = {f"{REVIEWS}{one.file}{end}" for one in record.reviews for end in ("", ".dsse")}
        for name in sorted(name for name in received.files if name.startswith(REVIEWS) and name not in counted):
            yield f"{name}: is in the pack, and the run does not count it"
    signers = [one.signed_by for one in record.reviews if one.signed_by is not None]
    if keys is None and signers:
        raise NotChecked(f"the key of {signers[0]} is a file that is not here; a lock holds the keys of reviewers")
    yield from _known(record, held, expected)


def _keys(received: Received, held: Lock | None) -> Mapping[str, PublicKey] | None:
    """The keys of the reviewers; None if they are in files that are missing here."""
    name = received.agreement_file("agreement")
    agreed = None if name is None or held is not None else read_agreement([received.folder / name])
    try:
        return reviewer_keys(agreed, held)
    except AcceptanceError:
        return None


def _of_file(
    received: Received, one: ReviewRecord, name: str, field: str, keys: Mapping[str, PublicKey] | None
) -> Iterator[str]:
    digest = sha256_of(received.files[name])
    if digest != one.sha256:
        yield f"{name}: has sha256 {digest}, and {field}.sha256 is {one.sha256}"
    found = read_review(received.folder / name, keys)
    stored, again = one.model_dump(mode="json"), found.record.model_dump(mode="json")
    for said in differences(stored["review"], again["review"], name):
        yield f"{field}.review.{said}"
    if keys is not None and found.signed_by != one.signed_by:
        yield f"{field}.signed_by: is {one.signed_by}, and {found.signed_by} signed {name}"


def _known(record: RunRecord, held: Lock | None, expected: Expected) -> Iterator[str]:
    """Whether the keys of reviewers who signed are among those that were given."""
    signers = dict.fromkeys(one.signed_by for one in record.reviews if one.signed_by is not None)
    if held is None or not signers:
        return
    if expected.keys is None:
        names = ", ".join(signers)
        raise NotChecked(f"signed by {names}; give keys to check them by (--keys): those in the lock prove nothing")
    given = {key.keyid for key in expected.keys.values()}
    for name in signers:
        if name in held.reviewers and held.reviewers[name].keyid not in given:
            yield (
                f"{REVIEWS}: {name} signed with the key {held.reviewers[name].keyid}, which is not among the keys that "
                "were given (--keys)"
            )
