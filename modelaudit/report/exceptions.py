"""What the report says of requirements that are not met and were agreed not to count: waived ones, and advice."""

from __future__ import annotations

from ..evidence.record import CaseRecord
from .words import Words


def exception_text(case: CaseRecord, words: Words) -> str:
    """Why a requirement that is not met does not count, in a few words: until when it is waived and by whom."""
    if case.waiver is None:
        return words.named("chip", "advisory")
    until = words.day(case.waiver.expires)
    return words._("chip_waived", until=until, owner=case.waiver.owner)


def exception_note(case: CaseRecord, words: Words) -> str:
    """The same in sentences, with the reason that the waiver gives."""
    if case.waiver is None:
        return words._("exception_advisory")
    waiver = case.waiver
    said = words._(
        "exception_waived",
        owner=waiver.owner,
        reason=waiver.reason,
        issued=words.day(waiver.issued),
        expires=words.moment(waiver.expires.isoformat()),
    )
    return said if waiver.signed_by is None else words._("exception_signed", said=said, party=waiver.signed_by)
