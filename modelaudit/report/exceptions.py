"""What the report says of requirements that are not met and were agreed not to count: waived ones, and advice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ..evidence.record import CaseRecord, RunRecord, WaiverRecord
from .agreed import party_names
from .words import Words


def exception_text(case: CaseRecord, words: Words) -> str:
    """Why a requirement that is not met does not count, in a few words: until when it is waived and by whom."""
    if case.standing != "waived" or case.waiver is None:
        return words.named("chip", "advisory")
    until = words.day(case.waiver.expires)
    if not case.waiver.owner:  # in a redacted report
        return words._("chip_waived_redacted", until=until)
    return words._("chip_waived", until=until, owner=case.waiver.owner)


def exception_note(record: RunRecord, case: CaseRecord, words: Words) -> str:
    """The same in sentences, with the reason that the waiver gives and the name of the party that signed it."""
    if case.standing != "waived" or case.waiver is None:
        return words._("exception_advisory")
    waiver = case.waiver
    times = {"issued": words.day(waiver.issued), "expires": words.moment(waiver.expires.isoformat())}
    if not waiver.owner:  # in a redacted report
        said = words._("exception_waived_redacted", **times)
    else:
        said = words._("exception_waived", owner=waiver.owner, reason=waiver.reason, **times)
    if waiver.signed_by is None:
        return said
    party = party_names(record, words).get(waiver.signed_by, waiver.signed_by)
    return words._("exception_signed", said=said, party=party)


def waiver_warnings(record: RunRecord, words: Words) -> Iterator[str]:
    """What is to be known of waivers that cover nothing, or will not for long: a sentence for each requirement."""
    for case in record.cases:
        if case.waiver is not None and case.verdict is not None:
            yield from _warning(case.name, case.waiver, datetime.fromisoformat(record.started), words)


def _warning(name: str, waiver: WaiverRecord, start: datetime, words: Words) -> Iterator[str]:
    times = {"issued": words.moment(waiver.issued.isoformat()), "expires": words.moment(waiver.expires.isoformat())}
    match waiver.state(start):
        case "ends_soon":
            yield words.ngettext("waiver_ends_soon", (waiver.expires - start).days, name=name, **times)
        case "unsigned":
            yield words._(f"waiver_lacks.{waiver.lacks}", name=name)
        case "expired":
            yield words._("waiver_expired", name=name, **times)
        case "not_yet":
            yield words._("waiver_not_yet", name=name, **times)
