"""``agreement.lock``: everything that decides a run, fixed before the numbers are known.

The file is canonical JSON, so that its SHA-256 identifies its content. The signatures of the parties are kept in
``agreement.lock.dsse`` next to it, a trusted time in ``agreement.lock.tsr``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ..evidence.record import CaseRecord, InputFile
from ..language.errors import AcceptanceError
from ..language.regular_files import read_file
from .canonical import canonical, sha256_of
from .canonical_file import CanonicalFile
from .envelope import LOCK, check_payload, read_envelope, signed_by
from .keys import PublicKey, public_key_of

LOCK_NAME, ENVELOPE_SUFFIX, TIMESTAMP_SUFFIX = "agreement.lock", ".dsse", ".tsr"
#: input files whose content is locked; settings of the configuration are locked one by one, and what `about.yaml` says
#: changes no number; a stored counterexample can only take a PASS away, and a run that finds one writes it
LOCKED_ROLES = ("audit", "baseline", "conftest", "plugin")
_MOST_BYTES = 2**28


class _Fields(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LockedCase(_Fields):
    """An expectation: its canonical text, and the long form with everything that decides it."""

    id: str
    file: str
    name: str
    clause: str | None
    importance: Literal["critical", "major", "advisory"]
    expectation: str
    long_form: str
    fingerprint: str


class LockedInput(_Fields):
    """A file that the run must read unchanged."""

    path: str
    role: str
    sha256: str | None


class LockedSample(_Fields):
    """A sample: SHA-256 of its image (the bytes of its file), of its mask's values and of its label, and the digest
    that the root is over; of one that cannot be used that is the reason, and the others are empty."""

    id: str
    image: str
    mask: str
    label: str
    digest: str


class LockedData(_Fields):
    """A data set by the root of the Merkle tree over its samples; ``samples``: None if only the root is shown."""

    key: str
    reference: str
    images: int
    root: str
    samples: list[LockedSample] | None = None


class LockedParty(_Fields):
    """A party that may sign, and its public key."""

    keyid: str
    public_key: str


class Lock(CanonicalFile):
    """What was agreed. ``agreement``: the digest of its terms; ``signs``: the parties whose signatures it needs;
    ``reviewers``: the people whose signed reviews count."""

    called, written_by = "a lock", "modelaudit lock"
    way_out = "take back the file that was signed"

    format: Literal["modelaudit lock"] = "modelaudit lock"
    version: Literal[1] = 1
    created: datetime
    agreement: str | None
    cases: list[LockedCase]
    options: dict[str, str]
    inputs: list[LockedInput]
    data: list[LockedData]
    models: dict[str, str] | None = None
    parties: dict[str, LockedParty] = Field(default={})
    signs: list[str] = Field(default=[])
    waivers_signed_by: str | None = None
    reviewers: dict[str, LockedParty] = Field(default={})

    def content(self) -> bytes:
        """The bytes of its file; a lock without reviewers is what it was before there could be any."""
        return canonical(self.model_dump(mode="json", exclude=None if self.reviewers else {"reviewers"}))

    def keys(self) -> dict[str, PublicKey]:
        """The keys of the parties by their names."""
        return _keys_of(self.parties)

    def reviewer_keys(self) -> dict[str, PublicKey]:
        """The keys of the reviewers by their names."""
        return _keys_of(self.reviewers)


def _keys_of(parties: Mapping[str, LockedParty]) -> dict[str, PublicKey]:
    return {name: public_key_of(party.public_key, f"the key of {name}") for name, party in parties.items()}


@dataclass(frozen=True)
class SignedLock:
    """A lock as it was read: its file, the digest of that, and the parties whose signatures on it fit."""

    path: Path
    lock: Lock
    sha256: str
    signed_by: tuple[str, ...]

    @property
    def unsigned(self) -> tuple[str, ...]:
        """The parties that were to sign and have not."""
        return tuple(name for name in self.lock.signs if name not in self.signed_by)


def locked_case(case: CaseRecord) -> LockedCase:
    """An expectation as it is declared."""
    return LockedCase(**{name: getattr(case, name) for name in LockedCase.model_fields})


def locked_inputs(files: list[InputFile]) -> list[LockedInput]:
    """The input files whose content is locked, in the order of their paths."""
    found = [LockedInput(path=one.path, role=one.role, sha256=one.sha256) for one in files if one.role in LOCKED_ROLES]
    return sorted(found, key=lambda one: (one.path, one.role))


def write_lock(lock: Lock, path: Path) -> Path:
    """Write a lock; one that is there is never overwritten.

    Raises:
        AcceptanceError: there is one, or it cannot be written.
    """
    try:
        with path.open("xb") as file:
            file.write(lock.content())
    except FileExistsError:
        raise AcceptanceError(
            f"{path}: exists, and what was agreed is not overwritten; sign it with --sign, or move it away"
        ) from None
    except OSError as error:
        raise AcceptanceError(f"{path}: cannot be written ({error.strerror}); give another --into") from error
    return path


def read_lock(path: Path) -> SignedLock:
    """A lock with its signatures; those that are there must all fit.

    Raises:
        AcceptanceError: it cannot be read, was written by another version, is not canonical (somebody edited it), or a
            signature beside it does not fit.
    """
    try:
        content = read_file(path, most=_MOST_BYTES)
    except OSError as error:
        raise AcceptanceError(
            f"{path}: cannot be read ({error.strerror or error}); modelaudit lock writes one"
        ) from error
    lock = Lock.parse(content, str(path))
    envelope = path.with_name(path.name + ENVELOPE_SUFFIX)
    return SignedLock(path, lock, sha256_of(content), _signed_by(lock, path, envelope) if envelope.exists() else ())


def _signed_by(lock: Lock, path: Path, file: Path) -> tuple[str, ...]:
    envelope = read_envelope(file, LOCK)
    check_payload(envelope, str(file), path)
    return signed_by(envelope, lock.keys(), source=str(file))


def now() -> datetime:
    """The time that a lock says it was made at: whole seconds, in UTC."""
    return datetime.now(UTC).replace(microsecond=0)


def decisive_options(options: Mapping[str, str], *, seed: int, checks: str, inconclusive: str) -> dict[str, str]:
    """The settings that bear on verdicts, by name: those of the run, and of the configuration that pytest reads.

    The environment is evidence and not locked: the other party has another one. Nor is what only says where to write.
    """
    own = {"seed": str(seed), "checks": checks, "inconclusive": inconclusive}
    set_in = {name: value for name, value in options.items() if name.startswith("ini ") and name not in _OF_OUTPUT}
    return {**own, **set_in}


_OF_OUTPUT = frozenset(
    f"ini audit_{name}"
    for name in ("results", "store", "language", "report_budget", "device", "redact", "micro_batch", "counterexamples")
)
