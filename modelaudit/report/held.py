"""What page one says of the lock that a run was held to, what departs from it, and how far the run was verified."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ..evidence.record import Departure, LockRecord, RunRecord, ShownVerification
from .agreed import AgreedLine, party_names
from .words import Words

#: so many departures stand on page one; run.json has all
_SHOWN = 5
_DIGEST = 12
#: texts of an agreement can be long
_LONGEST = 60


def lock_lines(record: RunRecord, words: Words) -> Iterator[AgreedLine]:
    """What page one says of the lock, of a run that was held to one, and of how far the run was verified."""
    if record.lock is not None:
        yield from _of_lock(record, record.lock, words)
    if record.verified is not None:
        yield AgreedLine(_verified(record.verified, words), unmet=record.verified.level == "none")
    elif record.lock is not None or record.agreement is not None:
        yield AgreedLine(words._("verified_not_yet"))


def _verified(verified: ShownVerification, words: Words) -> str:
    level = words.named("level", verified.level)
    if not verified.signed_by:
        return words._("verified_level", level=level)
    return words._("verified_level_signed", level=level, names=words._("comma").join(verified.signed_by))


def _of_lock(record: RunRecord, lock: LockRecord, words: Words) -> Iterator[AgreedLine]:
    names = party_names(record, words)
    signers = sorted(lock.signed_by, key=lambda key: [*names, key].index(key))
    parties = words._("comma").join(names.get(key, key) for key in signers)
    yield AgreedLine(_head(lock, parties, words), unmet=not parties)
    for one in lock.departures[:_SHOWN]:
        yield AgreedLine(departure_text(one, words), unmet=True)
    more = len(lock.departures) - _SHOWN
    if more > 0:
        yield AgreedLine(words.ngettext("departures_more", more), unmet=True)


def departure_sentence(record: RunRecord, words: Words) -> str:
    """The first way in which a run departs from its lock, and how many there are; empty where it does not."""
    if record.lock is None or not record.lock.departures:
        return ""
    first, *rest = record.lock.departures
    text = departure_text(first, words)
    return (
        words.ngettext("not_as_agreed_first", len(rest), first=text) if rest else words._("not_as_agreed", first=text)
    )


def departure_text(one: Departure, words: Words) -> str:
    """What departs and where, what was agreed and what was found."""
    what = words._("departure_at", what=words.named("departure", one.what), where=one.where)
    if one.agreed is None:
        return words._("departure_added", what=what, found=_short(one.found, words))
    if one.found is None:
        return words._("departure_missing", what=what, agreed=_short(one.agreed, words))
    return words._("departure_changed", what=what, agreed=_short(one.agreed, words), found=_short(one.found, words))


def _head(lock: LockRecord, parties: str, words: Words) -> str:
    values = {"day": words.day(datetime.fromisoformat(lock.created)), "digest": lock.sha256[:_DIGEST]}
    return words._("held_signed", parties=parties, **values) if parties else words._("held_unsigned", **values)


def _short(text: str | None, words: Words) -> str:
    """A text of a departure, of digests the first digits."""
    text = text or ""
    if text.startswith("sha256 "):
        return text[: len("sha256 ") + _DIGEST]
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
