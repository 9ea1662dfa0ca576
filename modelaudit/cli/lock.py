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
from .terminal import add_language, say, wrapped

if TYPE_CHECKING:
    from ..acceptance.lock import Lock, SignedLock
    from ..report.words import Words

_WHAT = """locked: every expectation with all that decides it, the settings, the audit
files, conftest files and plugins by their digests, every image, mask and label
by its digest, the version of modelaudit, and the terms of agreement.yaml.

A run is held to it by
  pytest AUDITS --audit-lock AUDITS/agreement.lock
and is NOT AS AGREED, whatever its numbers, where anything departs from it."""

#: of what pytest says where it could not collect
_LINES = 20
_MOST_OF_A_RESPONSE = 2**18


def add(commands: Any) -> None:
    """Adds the command."""
    lock = add_command(
        commands,
        "lock",
        "fix what was agreed before the numbers are known, and sign it",
        Example("write agreement.lock beside the audits", "modelaudit lock audits"),
        Example("sign it, each party with its key", "modelaudit lock audits --sign keys/vendor.pem"),
        Example("have the time of the signatures confirmed", "modelaudit lock audits --timestamp http://tsa.example/"),
        notes=_WHAT,
        status="0 done, 1 the lock that is there is another one, 2 a wrong call or a file that cannot be read",
    )
    lock.add_argument("audits", metavar="AUDITS", nargs="?", type=Path, default=Path("audits"), help="their folder")
    lock.add_argument("--sign", metavar="KEY", help="sign with this private key (a PEM file, or a URI as hsm:)")
    lock.add_argument(
        "--root-only", action="store_true", help="lock data by one digest, and name no sample in the lock"
    )
    lock.add_argument(
        "--models", action="store_true", help="lock the models' fingerprints too: they are opened, which takes longer"
    )
    lock.add_argument(
        "--timestamp",
        metavar="URL|FILE.tsr",
        help="add a trusted time (RFC 3161) over the signatures, or over an unsigned lock, from an authority or from a "
        "file with its response",
    )
    lock.add_argument(
        "--timestamp-request",
        metavar="FILE",
        type=Path,
        help="write the request for an authority that this machine cannot reach, and no time stamp",
    )
    add_language(lock, "the terminal")
    lock.set_defaults(run=_lock)


def _lock(given: argparse.Namespace) -> int:
    from ..acceptance.lock import LOCK_NAME, read_lock, write_lock
    from .words import command_words

    words = command_words(given.language)
    target = given.audits / LOCK_NAME
    _refuse_over_a_time_stamp(target, given)
    signer = None
    if given.sign is not None:
        from ..acceptance.keys import load_signer

        signer = load_signer(given.sign)
        if target.exists():
            _owners(read_lock(target), signer)  # before data are read, which takes longer
    if target.exists() and signer is None and (given.timestamp or given.timestamp_request):
        return _stamp(read_lock(target), given, words)  # over what is there, whatever the audits say now
    declared = _declared(given.audits, models=given.models)
    if not target.exists():
        write_lock(_without_samples(declared) if given.root_only else declared, target)
        say(words._("wrote", path=target))
    held = read_lock(target)
    changed = differences(held.lock, declared)
    if changed:
        parts = words._("comma").join(words.named("lock_part", name) for name in changed)
        say(*wrapped(words._("lock_differs", file=target, parts=parts), indent=2, first=""), file=sys.stderr)
        return 1
    if signer is not None:
        held = _signed(held, signer, words)
    return _stamp(held, given, words)


def differences(lock: Lock, declared: Lock) -> list[str]:
    """The parts in which a lock is not what the audits declare, by name; when it was made does not count, nor do models
    where these were not opened now."""
    if any(one.samples is None for one in lock.data):
        declared = _without_samples(declared)
    left_out = ("created",) if declared.models is not None else ("created", "models")
    names = [name for name in type(lock).model_fields if name not in left_out]
    return [name for name in names if getattr(lock, name) != getattr(declared, name)]


def _without_samples(lock: Lock) -> Lock:
    return lock.model_copy(update={"data": [one.model_copy(update={"samples": None}) for one in lock.data]})


def _declared(audits: Path, *, models: bool) -> Lock:
    """The lock of the audits as they are, which a session of pytest collects: a run is compared with what it finds."""
    from ..acceptance.lock import read_lock

    with tempfile.TemporaryDirectory(prefix="modelaudit-lock-") as folder:
        file = Path(folder) / "agreement.lock"
        command = [sys.executable, "-m", "pytest", "-q", "--collect-only", f"--audit-write-lock={file}"]
        command += [*(["--audit-lock-models"] if models else []), str(audits)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not file.exists():
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-_LINES:]
            raise AcceptanceError(f"{audits}: nothing could be locked; pytest says:", *(f"  {line}" for line in said))
        return read_lock(file).lock


def _owners(held: SignedLock, signer: Any) -> list[str]:
    """The parties whose key it is."""
    owners = [name for name, party in held.lock.parties.items() if party.keyid == signer.public_key.keyid]
    if not owners:
        known = ", ".join(f"{name} ({party.keyid})" for name, party in held.lock.parties.items()) or "none"
        raise AcceptanceError(
            f"{held.path}: this key ({signer.public_key.keyid}) is of no party; keys of the agreement: {known}"
        )
    return owners


def _signed(held: SignedLock, signer: Any, words: Words) -> SignedLock:
    from ..acceptance.envelope import LOCK, Envelope, read_envelope, sign, write_envelope
    from ..acceptance.lock import ENVELOPE_SUFFIX, read_lock

    owners = _owners(held, signer)
    file = held.path.with_name(held.path.name + ENVELOPE_SUFFIX)
    envelope = read_envelope(file, LOCK) if file.exists() else Envelope(LOCK, held.lock.content())
    write_envelope(sign(envelope, signer), file)
    say(words._("lock_signed", names=words._("comma").join(owners), file=file))
    return read_lock(held.path)


def _refuse_over_a_time_stamp(target: Path, given: argparse.Namespace) -> None:
    """A time stamp is over the signatures that were there: a later one would leave it without a meaning."""
    from ..acceptance.lock import TIMESTAMP_SUFFIX

    stamp = target.with_name(target.name + TIMESTAMP_SUFFIX)
    if stamp.exists() and (given.sign or given.timestamp or given.timestamp_request):
        raise AcceptanceError(
            f"{stamp}: exists, and confirms the time of the lock with the signatures that it has; to add one, move it "
            "away, and ask for a new time stamp when every party has signed"
        )


def _stamp(held: SignedLock, given: argparse.Namespace, words: Words) -> int:
    """What is asked for of trusted times, and what the lock is."""
    if given.timestamp is not None:
        _add_time_stamp(held, given.timestamp, words)
    if given.timestamp_request is not None:
        _write_request(held, given.timestamp_request, words)
    _tell(held, words)
    return 0


def _stamped(held: SignedLock) -> tuple[Path, str]:
    """The file whose time is confirmed, the envelope with the signatures where there is one, and its digest."""
    from ..acceptance.canonical import sha256_of
    from ..acceptance.lock import ENVELOPE_SUFFIX
    from ..language.regular_files import read_file

    envelope = held.path.with_name(held.path.name + ENVELOPE_SUFFIX)
    file = envelope if envelope.exists() else held.path
    return file, sha256_of(read_file(file))


def _add_time_stamp(held: SignedLock, source: str, words: Words) -> None:
    from ..acceptance.lock import TIMESTAMP_SUFFIX
    from ..acceptance.timestamps import fetch, request, stated_time
    from ..language.regular_files import read_file

    file, digest = _stamped(held)
    if "://" in source:
        content = fetch(source, request(digest))
    else:
        try:
            content = read_file(Path(source), most=_MOST_OF_A_RESPONSE)
        except OSError as error:
            raise AcceptanceError(
                f"{source}: cannot be read ({error.strerror or error}); give the URL of a time-stamp authority, or the "
                "file with its response"
            ) from error
    moment = stated_time(content, digest, source)
    target = held.path.with_name(held.path.name + TIMESTAMP_SUFFIX)
    _write(target, content)
    time = f"{moment:%Y-%m-%d %H:%M:%S} UTC"
    say(words._("lock_stamped", path=target, file=file.name, time=time, source=source))


def _write_request(held: SignedLock, target: Path, words: Words) -> None:
    from ..acceptance.timestamps import request

    file, digest = _stamped(held)
    _write(target, request(digest).content)
    say(
        words._("lock_request", path=target, file=file.name),
        f'  curl -H "Content-Type: application/timestamp-query" --data-binary @{target} URL > {target.stem}.tsr',
        words._("lock_then", command=f"modelaudit lock {held.path.parent} --timestamp {target.stem}.tsr"),
    )


def _write(target: Path, content: bytes) -> None:
    try:
        target.write_bytes(content)
    except OSError as error:
        raise AcceptanceError(f"{target}: cannot be written ({error.strerror}); give another file") from error


def _tell(held: SignedLock, words: Words) -> None:
    lock, folder = held.lock, held.path.parent
    counts = {
        "expectations": words.count(len(lock.cases)),
        "images": words.count(sum(one.images for one in lock.data)),
        "files": words.count(len(lock.inputs)),
    }
    names, unsigned = (words._("comma").join(parties) for parties in (held.signed_by, held.unsigned))
    say(
        words._("lock_holds", file=held.path, **counts),
        f"sha256 {held.sha256}",
        words._("lock_signed_by", names=names) if names else words._("lock_signed_by_nobody"),
    )
    if unsigned:
        say(words._("lock_to_sign", names=unsigned, command=f"modelaudit lock {folder} --sign KEY"))
    say(words._("lock_next", command=f"pytest {folder} --audit-lock {held.path}"))
