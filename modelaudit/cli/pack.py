"""``modelaudit pack``: a run with everything that the other party needs to check it, as one file."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..evidence.results_folder import resolve_run
from ..language.errors import AcceptanceError
from .command_help import Example, add_command
from .terminal import add_language, add_run_folder, say, wrapped

if TYPE_CHECKING:
    from ..evidence.record import RunRecord

_NOTES = """packed: the record, the report (whole, and redacted), the summary, the evidence
with its signature, agreement, lock, waivers and their signatures, what is
installed here, and a README for the other party in English and Japanese.
The same run makes the same file. The record names every image, and the report
shows some: a pack is for the other party, not for the public."""


def add(commands: Any) -> None:
    """Add the command to those of ``modelaudit``."""
    pack = add_command(
        commands,
        "pack",
        "make one file of a run and what was agreed, for the other party",
        Example("the latest run, signed", "modelaudit pack --sign keys/vendor.pem"),
        Example("a run by its folder", "modelaudit pack audit-results/20261123-051530-3f9a -o for_you.zip"),
        notes=_NOTES,
    )
    add_run_folder(pack)
    pack.add_argument("-o", dest="output", type=Path, metavar="FILE", help="(default: RUN.zip, beside the run)")
    pack.add_argument("--sign", metavar="KEY", help="sign with this private key (a PEM file, or a URI as hsm:)")
    pack.add_argument(
        "--audits",
        type=Path,
        metavar="DIR",
        default=Path("audits"),
        help="folder of agreement.yaml and agreement.lock (default: audits)",
    )
    add_language(pack, "the terminal")
    pack.set_defaults(run=_pack)


def _pack(given: argparse.Namespace) -> int:
    from ..acceptance.pack import ENVIRONMENT, environment, environment_departs, files_of_run, write_pack
    from ..evidence.consistency import read_record_with_pictures
    from .packed import made_of, settings_of
    from .words import command_words

    words = command_words(given.language)
    signer = None
    if given.sign is not None:
        from ..acceptance.keys import load_signer

        signer = load_signer(given.sign)
    folder = resolve_run(given.run_folder)
    record = read_record_with_pictures(folder)
    files = files_of_run(folder, record, given.audits)
    _check_agreement(files, record, given.audits)
    how = settings_of(files, record, folder)
    made = made_of(record, folder, how)
    _check_made(files, made, folder)
    here = environment()
    departs = environment_departs(here, record)
    if not departs:
        made[ENVIRONMENT] = json.dumps(here, indent=1, sort_keys=True).encode() + b"\n"
    target = given.output or folder.resolve().with_suffix(".zip")
    write_pack(target, files | made, how, signer)
    say(words._("pack_wrote", target=target, bytes=target.stat().st_size, files=len(files | made)))
    for line in departs:
        say(*wrapped(words._("pack_environment_left_out", environment=ENVIRONMENT, line=line), indent=2))
    say(words._("pack_signed") if signer is not None else words._("pack_not_signed"))
    say(words._("lock_next", command=f"modelaudit verify {target} --keys KEYS"))
    return 0


def _check_agreement(files: Mapping[str, bytes], record: RunRecord, audits: Path) -> None:
    """Refuses a lock, and an agreement, that is not the one of the run."""
    from ..acceptance.canonical import sha256_of
    from ..acceptance.pack import AGREEMENT, LOCK_FILE

    file = audits / LOCK_FILE.removeprefix(AGREEMENT)
    found = sha256_of(files[LOCK_FILE]) if LOCK_FILE in files else None
    held = None if record.lock is None else record.lock.sha256
    if found != held:
        if held is None:
            raise AcceptanceError(
                f"{file}: the run was not held to this lock; run it with --audit-lock {file}, or move the lock away"
            )
        said = "is not there" if found is None else f"has sha256 {found}"
        raise AcceptanceError(f"{file}: {said}, and the run was held to the lock {held}; give its folder by --audits")
    read = {one.path: one.sha256 for one in record.provenance.files if one.role == "agreement"}
    here = {name: sha256_of(files[name]) for name in files if re.fullmatch(rf"{AGREEMENT}agreement\.ya?ml", name)}
    for path, digest in read.items():
        if digest not in here.values():
            raise AcceptanceError(
                f"{audits / Path(path).name}: is not the {path} that the run read (sha256 {digest}); take that back, "
                "or give its folder by --audits"
            )
    if here and not read:
        raise AcceptanceError(f"{audits}: has an agreement, and the run read none; give the right folder by --audits")


def _check_made(files: Mapping[str, bytes], made: Mapping[str, bytes], folder: Path) -> None:
    """Refuses a report that the other party could not make again of the record."""
    from ..acceptance.pack import RUN

    for name in (one for one in made if one in files and made[one] != files[one]):
        raise AcceptanceError(
            f"{folder / name.removeprefix(RUN)}: is not what the record makes: it was edited, redacted, written by "
            "another version of modelaudit, by templates of your own or for another size; "
            f"write it anew: modelaudit report {folder}, or run the audit again where the evidence is signed"
        )
