"""Checks of the files that follow from the record: reports, summary and what a pack says to its reader are made again.

**Made otherwise.** Another version makes another text of the same record. The file does not show whether somebody
edited it or it was made elsewhere, and what a manifest says about versions is worth as much as its signature. So a file
that differs passes only if a key that was given signed its digest and another version made it, with a warning that
names both versions: verified with that version, the file must be what the record makes. In any other case the check
fails; a party that signs a report which says something else than its own record is found too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from ..evidence.record import RECORD_NAME, RunRecord
from .departures import version_of
from .pack import RUN, ReportSettings
from .received import Expected, NotChecked, Received, Warned
from .statement import REPORT_NAME
from .verified_evidence import signed_files

#: makes the files that follow from a record: of its folder, by their names in a pack
Make = Callable[[RunRecord, Path, ReportSettings], Mapping[str, bytes]]


def reports(
    received: Received, record: RunRecord, expected: Expected, make: Make, *, contradicted: bool
) -> Iterator[str]:
    """The files that follow from the record, made again.

    Args:
        contradicted: the record contradicts itself.
    """
    if contradicted:
        raise NotChecked("the record contradicts itself, so none of it is used")
    if not received.is_pack and _is_redacted(record):
        raise NotChecked(f"they are redacted, by a secret that is not here; the digest of {REPORT_NAME} counts")
    made_by = version_of(record) if received.manifest is None else received.manifest.modelaudit
    signed = signed_files(received, expected)
    for name, again in make(record, received.folder / RUN, received.report).items():
        found = received.files.get(name)
        if found is None and received.is_pack:
            older = made_by != version("pytest-modelaudit") and RUN + RECORD_NAME in signed
            yield Warned(f"{name}: is not in packs of modelaudit {made_by}") if older else f"{name}: is missing"
        elif found is not None and found != again:
            yield _differs(f"{name}:{_line(found, again)}", made_by, signed.get(name))


def _differs(where: str, made_by: str, signers: tuple[str, ...] | None) -> str:
    here = version("pytest-modelaudit")
    if signers is not None and made_by != here:
        return Warned(
            f"{where}: is the file that was signed (by {', '.join(signers)}), and this installation (modelaudit "
            f"{here}) renders it differently: {made_by} made it, and that version can check it; what counts is "
            f"{RUN}{RECORD_NAME}"
        )
    edited = f"{where}: is not what {RUN}{RECORD_NAME} makes: it was edited or made otherwise"
    if made_by == here:
        return edited
    return (
        f"{edited} (it says modelaudit {made_by}, and this is {here}), and no key that was given signed it; verify it "
        f"with modelaudit {made_by}, or with the signer's public key (--keys)"
    )


def _is_redacted(record: RunRecord) -> bool:
    """Whether the run wrote redacted reports alone."""
    configured = record.provenance.options.get("ini audit_redact", "false").lower()
    return "--audit-redact" in record.command.split() or configured in ("true", "1", "yes", "on")


def _line(one: bytes, other: bytes) -> int:
    """The line in which two texts part."""
    pairs = enumerate(zip(one.split(b"\n"), other.split(b"\n"), strict=False), 1)
    return next((at for at, (a, b) in pairs if a != b), min(one.count(b"\n"), other.count(b"\n")) + 1)
