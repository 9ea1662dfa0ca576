"""``modelaudit waivers``: lists the exceptions of the audits, checks them as a run does, and signs them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..language.errors import AcceptanceError, nearest
from .command_help import Example, add_command
from .terminal import add_language, say, table, wrapped

if TYPE_CHECKING:
    from ..acceptance.lock import Lock
    from ..acceptance.waivers import Waiver, WaiversFile
    from ..evidence.record import WaiverRecord
    from ..report.words import Words

_CHECKED = """checked: that the file can be read; that every waiver is of one expectation
that there is, and that can be waived; that it is in force, with a warning from
30 days before its end; and, where agreement.lock is there, that it is signed by
the party that the lock names. Audit files are run, and no model is opened."""


def add(commands: Any) -> None:
    """Adds the command and its steps."""
    shown = Example("those of the audits in audits/", "modelaudit waivers list")
    waivers = add_command(commands, "waivers", "exceptions: requirements that need not be met for a time", shown)
    steps = waivers.add_subparsers(required=True, metavar="STEP")
    listed = add_command(steps, "list", "what is waived, until when, by whom, and whether it counts now", shown)
    check = add_command(
        steps,
        "check",
        "whether the waivers fit the audits, and count",
        Example("in CI, or before a release", "modelaudit waivers check audits"),
        notes=_CHECKED,
        status="0 all count, 1 one does not, 2 a wrong call or a file that cannot be read",
    )
    sign = add_command(
        steps,
        "sign",
        "sign waivers into waivers.dsse, beside waivers.yaml",
        Example(
            "one of them, as the party that the lock names",
            "modelaudit waivers sign --key keys/customer.pem audits/audit_line.py::robust",
        ),
    )
    for step, run in ((listed, _list), (check, _check)):
        step.add_argument("audits", metavar="AUDITS", nargs="?", type=Path, default=Path("audits"), help="their folder")
        add_language(step, "the terminal")
        step.set_defaults(run=run)
    sign.add_argument("ids", metavar="ID", nargs="*", help="expectations whose waivers are signed (default: all)")
    sign.add_argument("--key", required=True, metavar="KEY", help="private key (a PEM file, or a URI as hsm:)")
    sign.add_argument("--audits", metavar="DIR", type=Path, default=Path("audits"), help="folder of the audits")
    add_language(sign, "the terminal")
    sign.set_defaults(run=_sign)


def _list(given: argparse.Namespace) -> int:
    from .words import command_words

    words = command_words(given.language)
    found, lock, now = _read(given.audits), _lock(given.audits), datetime.now(UTC)
    records = _records(found, lock)
    rows = [
        (
            waiver.expectation,
            _standing(records[waiver], now, words),
            f"{waiver.expires:%Y-%m-%d %H:%M %z}",
            waiver.owner,
        )
        for waiver in found.waivers
    ]
    heading = tuple(words._(key) for key in ("waivers_expectation", "waivers_now", "waivers_until", "waivers_owner"))
    say(words._("waivers_listed", file=found.path, n=words.count(len(rows))), *table(heading, rows, numbers=False))
    return 0


def _check(given: argparse.Namespace) -> int:
    from ..acceptance.waivers import unfit
    from ..report.error_texts import error_text
    from .agreed_audits import read_audits
    from .words import command_words

    words = command_words(given.language)
    found, lock, now = _read(given.audits), _lock(given.audits), datetime.now(UTC)
    problems = unfit(found, [one.record for one in read_audits(given.audits, Path.cwd()).cases], lambda _: False)
    warnings = list(_warnings(found, _records(found, lock), now, words))
    for text in (*(error_text(one, words) or one for one in problems), *(text for text, _ in warnings)):
        say(*wrapped(text, indent=2, first=""))
    if problems or not all(counts for _, counts in warnings):
        return 1
    say(words._("waivers_all", file=found.path, n=words.count(len(found.waivers))))
    return 0


def _warnings(
    found: WaiversFile, records: Mapping[Waiver, WaiverRecord], now: datetime, words: Words
) -> Iterator[tuple[str, bool]]:
    """What is to be known of the waivers that do not count, or will not for long, and whether each counts now."""
    for waiver, line in zip(found.waivers, found.lines, strict=True):
        record = records[waiver]
        if record.state(now) != "in_force":
            said = {"name": waiver.expectation, "standing": _standing(record, now, words)}
            times = {"issued": waiver.issued, "expires": waiver.expires}
            yield words._("waivers_problem", file=found.path, line=line, **said, **times), record.covers("FAIL", now)


def _sign(given: argparse.Namespace) -> int:
    from ..acceptance.keys import load_signer
    from ..acceptance.signed_waivers import sign_waivers, signatures_file
    from .words import command_words

    words = command_words(given.language)
    found, lock = _read(given.audits), _lock(given.audits)
    chosen = [waiver for waiver in found.waivers if not given.ids or waiver.expectation in given.ids]
    known = [waiver.expectation for waiver in found.waivers]
    for name in given.ids:
        if name not in known:
            raise AcceptanceError(f"{name}: {found.path} does not waive it{nearest(name, known)}")
    signer = load_signer(given.key)
    if lock is not None:
        _check_key(lock, signer.public_key.keyid, words)
    path = sign_waivers(signatures_file(found.path), chosen, signer)
    say(words._("waivers_signed", n=len(chosen), of=len(known), path=path))
    return 0


def _check_key(lock: Lock, keyid: str, words: Words) -> None:
    """Refuse a key that the lock does not know; say it where its signature is not the one that a waiver needs."""
    owners = [name for name, party in lock.parties.items() if party.keyid == keyid]
    if not owners:
        names = ", ".join(f"{name} ({party.keyid})" for name, party in lock.parties.items()) or "none"
        raise AcceptanceError(f"this key ({keyid}) is of no party; keys in the lock: {names}")
    if lock.waivers_signed_by not in owners:
        needed = lock.waivers_signed_by or words._("waivers_signed_by_any")
        say(words._("waivers_signed_by_another", party=owners[0], needed=needed), file=sys.stderr)


def _read(audits: Path) -> WaiversFile:
    from ..acceptance.waivers import WAIVERS_NAMES, read_waivers

    found = read_waivers([audits / name for name in WAIVERS_NAMES if (audits / name).exists()])
    if found is None:
        raise AcceptanceError(f"{audits}: has no {WAIVERS_NAMES[0]}; write one, or give the folder of the audits")
    return found


def _lock(audits: Path) -> Lock | None:
    from ..acceptance.lock import LOCK_NAME, read_lock

    path = audits / LOCK_NAME
    return read_lock(path).lock if path.exists() else None


def _records(found: WaiversFile, lock: Lock | None) -> dict[Waiver, WaiverRecord]:
    """The waivers as a run would have them."""
    from ..acceptance.waivers import waiver_record

    if lock is None:
        return {waiver: waiver_record(waiver) for waiver in found.waivers}
    from ..acceptance.signed_waivers import read_signers, signatures_file, under_lock

    signers = read_signers(signatures_file(found.path), lock.keys())
    return {waiver: under_lock(waiver, lock, signers) for waiver in found.waivers}


def _standing(waiver: WaiverRecord, now: datetime, words: Words) -> str:
    """Whether a waiver counts now, in words."""
    state: str = waiver.state(now)
    if state == "unsigned":
        state = f"no_{waiver.lacks}"
    return words._(f"waiver_now.{state}", days=words.count((waiver.expires - now).days))
