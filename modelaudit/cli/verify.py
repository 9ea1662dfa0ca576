"""``modelaudit verify``: checks what the other party handed over, offline, without model and data."""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..evidence.results_folder import LATEST, resolve_run
from ..language.errors import AcceptanceError
from ..language.text_layout import columns_of, padded
from .command_help import Example, add_command
from .recomputed import add_recompute, check_recompute, measured_again, recorded, with_measured
from .terminal import add_language, say, wrapped

if TYPE_CHECKING:
    from ..acceptance.keys import PublicKey
    from ..acceptance.received import Expected, Received
    from ..acceptance.verification import Verification
    from ..report.words import Words

_NOTES = """checked: every file against the manifest; that every verdict follows from the
values; the reports, made again; the evidence; signatures, by the keys that you
give; the lock and its time, what departs from it, agreement and waivers; and
what you expect. No network, no model, no image is needed for that.

The answer is whether this is what was signed and follows from its values: a run
that ended as FAIL can hold in all of it. Whether values were measured at all is
found by measuring some again, with your own copy of model and data.

Take keys from the parties themselves, never out of the pack."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def add(commands: Any) -> None:
    """Add the command to those of ``modelaudit``."""
    verify = add_command(
        commands,
        "verify",
        "check a pack, or a run, that somebody else hands over",
        Example("by the public keys of the parties", "modelaudit verify PACK.zip --keys keys/"),
        Example(
            "a run of another machine, in CI",
            'modelaudit verify RUN --keys lab.pub.pem --expect-commit "$(git rev-parse HEAD)" \\\n'
            "  --expect-lock audits/agreement.lock",
        ),
        Example(
            "with 30 images measured again here",
            "modelaudit verify PACK.zip --keys keys/ --recompute 30 --model models/net.ts \\\n"
            "  --data folder:data/line_a",
        ),
        notes=_NOTES,
        status="0 everything that could be checked holds, whatever the verdict of the run; 1 something does not; "
        "2 a wrong call",
    )
    verify.add_argument("subject", type=Path, metavar="PACK_OR_RUN", help="a pack, or the folder of a run")
    verify.add_argument(
        "--keys", type=Path, nargs="+", metavar="PATH", help="public keys or certificates (PEM), or folders of them"
    )
    verify.add_argument("--trust-anchor", type=Path, metavar="PEM", help="root certificate of the time-stamp authority")
    verify.add_argument("--expect-commit", metavar="SHA", help="git commit that the audits must be of, in full")
    verify.add_argument("--expect-lock", metavar="LOCK", help="the agreement.lock, or its sha256, of the run")
    verify.add_argument("--expect-nonce", metavar="TEXT", help="the text that the run was to carry (--audit-nonce)")
    verify.add_argument(
        "--audits",
        type=Path,
        metavar="DIR",
        default=Path("audits"),
        help="of a run: folder of its agreement and lock (default: audits); a pack has its own",
    )
    add_recompute(verify)
    verify.add_argument("--json", type=Path, metavar="FILE", help="write the answer as JSON")
    add_language(verify, "the answer")
    verify.set_defaults(run=_verify)


def _verify(given: argparse.Namespace) -> int:
    from ..acceptance.verification import Check, Verification, verify
    from ..language.whole_file import write_whole
    from .packed import made_of
    from .words import command_words

    words = command_words(given.language)
    if not given.subject.exists():
        raise AcceptanceError(f"{given.subject}: does not exist; give a pack, or the folder of a run")
    check_recompute(given)
    expected, to_measure = _expected(given), None
    try:
        with _received(given.subject, given.audits) as received:
            found = verify(received, expected, made_of)
            if given.recompute is not None and found.holds:
                to_measure = recorded(received)
    except AcceptanceError as error:
        found = Verification(None, None, None, (Check("pack", "failed", tuple(str(error).split("\n"))),))
    spot = None if to_measure is None else measured_again(given, *to_measure)
    if given.recompute is not None:
        found = with_measured(found, spot, words)
    _tell(found, words)
    if given.json is not None:
        measured = {} if spot is None else {"measured_again": asdict(spot)}
        write_whole(given.json, json.dumps({**found.document(), **measured}, indent=1) + "\n")
    return 0 if found.holds else 1


@contextmanager
def _received(subject: Path, audits: Path) -> Iterator[Received]:
    """What was handed over, unpacked where nothing else is."""
    from ..acceptance.pack import files_of_run, read_pack, unpack
    from ..acceptance.received import Received
    from ..evidence.record import RECORD_NAME, read_record
    from .packed import settings_of

    with tempfile.TemporaryDirectory(prefix="modelaudit-verify-") as name:
        folder = Path(name)
        if subject.is_dir() or subject.name in (LATEST, RECORD_NAME):
            run = resolve_run(subject)
            record = read_record(run)
            files = files_of_run(run, record, audits)
            unpack(files, folder)
            yield Received(folder, files, settings_of(files, record, run))
            return
        pack = read_pack(subject)
        pack.unpack(folder)
        yield Received(folder, pack.files, pack.manifest.report, pack.manifest, pack.signature)


def _expected(given: argparse.Namespace) -> Expected:
    from ..acceptance.keys import load_certificates
    from ..acceptance.received import Expected

    if given.expect_commit is not None and not _COMMIT.fullmatch(given.expect_commit):
        raise AcceptanceError(f"--expect-commit {given.expect_commit}: must be the whole commit: git rev-parse HEAD")
    return Expected(
        keys=None if given.keys is None else _keys(given.keys),
        anchors=() if given.trust_anchor is None else tuple(load_certificates(given.trust_anchor)),
        commit=given.expect_commit,
        lock=None if given.expect_lock is None else _lock(given.expect_lock),
        nonce=given.expect_nonce,
    )


def _lock(text: str) -> str:
    from ..acceptance.canonical import sha256_of
    from ..language.regular_files import read_file

    if _SHA256.fullmatch(text):
        return text
    try:
        return sha256_of(read_file(Path(text)))
    except OSError as error:
        raise AcceptanceError(
            f"--expect-lock {text}: {error.strerror or error}; give agreement.lock, or its sha256 in 64 digits"
        ) from error


def _keys(paths: Sequence[Path]) -> dict[str, PublicKey]:
    """Public keys by the names of their files."""
    from ..acceptance.keys import load_public_key

    found: dict[str, PublicKey] = {}
    for path in paths:
        files = sorted(path.glob("*")) if path.is_dir() else [path]
        files = [file for file in files if not path.is_dir() or _is_public(file)]
        if not files:
            raise AcceptanceError(f"{path}: has no public key; put the files in PEM form there (party.pub.pem)")
        for file in files:
            name = file.name.partition(".")[0]
            if name in found:
                raise AcceptanceError(f"{file}: another key given is called {name} too; give each a name of its own")
            found[name] = load_public_key(file)
    return found


def _is_public(file: Path) -> bool:
    """Whether a file of a folder is a public key: a private one may lie beside it."""
    from ..language.regular_files import read_file

    try:
        content = read_file(file, most=2**20)
    except OSError:
        return False
    return b"-----BEGIN PUBLIC KEY" in content or b"-----BEGIN CERTIFICATE" in content


def _tell(found: Verification, words: Words) -> None:
    from ..report.error_texts import verification_line

    rows = [(words.named("verify_status", one.status), words.named("verify_check", one.name)) for one in found.checks]
    width = max(columns_of(status) for status, _ in rows)
    for (status, title), check in zip(rows, found.checks, strict=True):
        say(f"{padded(status, width)}  {title}")
        for line in check.said:
            say(*wrapped(verification_line(line, words), indent=6, first="    "))
    say("")
    if found.run is not None:
        say(words._("verify_run", run=found.run, state=words.named("verdict", str(found.overall))))
    say(words.named("verify_level", found.level))
    if found.level == "signed":
        say(words._("verify_signed_by", names=words._("comma").join(found.signed_by)))
