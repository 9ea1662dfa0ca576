"""``modelaudit lock``: fixes everything that decides a run before the numbers are known, and signs it."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..language.errors import AcceptanceError
from .command_help import Example, add_command
from .terminal import say

if TYPE_CHECKING:
    from ..acceptance.lock import Lock, SignedLock

_WHAT = """locked: every expectation with all that decides it, the settings, the audit
files, conftest files and plugins by their digests, every image, mask and label
by its digest, the version of modelaudit, and the terms of agreement.yaml.

A run is held to it by
  pytest AUDITS --audit-lock AUDITS/agreement.lock
and is NOT AS AGREED, whatever its numbers, where anything departs from it."""

#: of what pytest says where it could not collect
_LINES = 20


def add(commands: Any) -> None:
    """Adds the command."""
    lock = add_command(
        commands,
        "lock",
        "fix what was agreed before the numbers are known, and sign it",
        Example("write agreement.lock beside the audits", "modelaudit lock audits"),
        Example("sign it, each party with its key", "modelaudit lock audits --sign keys/vendor.pem"),
        notes=_WHAT,
        status="0 done, 1 the lock that is there is another one, 2 a wrong call or a file that cannot be read",
    )
    lock.add_argument("audits", metavar="AUDITS", nargs="?", type=Path, default=Path("audits"), help="their folder")
    lock.add_argument("--sign", metavar="KEY", help="sign with this private key (a PEM file, or a URI as hsm:)")
    lock.add_argument(
        "--root-only", action="store_true", help="lock data by one digest, and name no sample in the lock"
    )
    lock.set_defaults(run=_lock)


def _lock(given: argparse.Namespace) -> int:
    from ..acceptance.lock import LOCK_NAME, read_lock, write_lock

    target = given.audits / LOCK_NAME
    signer = None
    if given.sign is not None:
        from ..acceptance.keys import load_signer

        signer = load_signer(given.sign)  # before data are read, which takes longer
    declared = _declared(given.audits)
    if not target.exists():
        write_lock(_without_samples(declared) if given.root_only else declared, target)
        say(f"wrote {target}")
    held = read_lock(target)
    changed = differences(held.lock, declared)
    if changed:
        say(
            f"{target}: is not what the audits say now ({', '.join(changed)}): agree on it anew, or take that back",
            file=sys.stderr,
        )
        return 1
    if signer is not None:
        held = _signed(held, signer)
    _tell(held)
    return 0


def differences(lock: Lock, declared: Lock) -> list[str]:
    """The parts in which a lock is not what the audits declare, by name; when it was made does not count."""
    if any(one.samples is None for one in lock.data):
        declared = _without_samples(declared)
    names = [name for name in type(lock).model_fields if name not in ("created", "models")]
    return [name for name in names if getattr(lock, name) != getattr(declared, name)]


def _without_samples(lock: Lock) -> Lock:
    return lock.model_copy(update={"data": [one.model_copy(update={"samples": None}) for one in lock.data]})


def _declared(audits: Path) -> Lock:
    """The lock of the audits as they are, which a session of pytest collects: a run is compared with what it finds."""
    from ..acceptance.lock import read_lock

    with tempfile.TemporaryDirectory(prefix="modelaudit-lock-") as folder:
        file = Path(folder) / "agreement.lock"
        command = [sys.executable, "-m", "pytest", "-q", "--collect-only", f"--audit-write-lock={file}", str(audits)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not file.exists():
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-_LINES:]
            raise AcceptanceError(f"{audits}: nothing could be locked; pytest says:", *(f"  {line}" for line in said))
        return read_lock(file).lock


def _signed(held: SignedLock, signer: Any) -> SignedLock:
    from ..acceptance.envelope import LOCK, Envelope, read_envelope, sign, write_envelope
    from ..acceptance.lock import ENVELOPE_SUFFIX, read_lock

    owners = [name for name, party in held.lock.parties.items() if party.keyid == signer.public_key.keyid]
    if not owners:
        known = ", ".join(f"{name} ({party.keyid})" for name, party in held.lock.parties.items()) or "none"
        raise AcceptanceError(
            f"{held.path}: this key ({signer.public_key.keyid}) is of no party; keys of the agreement: {known}"
        )
    file = held.path.with_name(held.path.name + ENVELOPE_SUFFIX)
    envelope = read_envelope(file, LOCK) if file.exists() else Envelope(LOCK, held.lock.content())
    write_envelope(sign(envelope, signer), file)
    say(f"signed by {', '.join(owners)}: {file}")
    return read_lock(held.path)


def _tell(held: SignedLock) -> None:
    lock = held.lock
    images = sum(one.images for one in lock.data)
    say(
        f"{held.path}: {len(lock.cases)} expectations, {images} images, {len(lock.inputs)} files",
        f"sha256 {held.sha256}",
        f"signed by: {', '.join(held.signed_by) or 'nobody'}",
    )
    if held.unsigned:
        say(f"still to sign: {', '.join(held.unsigned)}: modelaudit lock {held.path.parent} --sign KEY")
    say(f"next: pytest {held.path.parent} --audit-lock {held.path}")
