"""What was handed over to be checked, and what its receiver knows by himself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .pack import Manifest, ReportSettings

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from .keys import PublicKey


class NotChecked(Exception):
    """Why a check is not made."""


class Warned(str):
    """What a check found and its reader must know, without which it would hold."""


@dataclass(frozen=True)
class Expected:
    """What the other party knows by itself, and does not take from what it was handed.

    Args:
        keys: public keys by the names of their files; None: none were given, and no signature is believed.
        anchors: certificates of the time-stamp authority; none: no time is believed.
        commit: of the audits; ``lock``: the sha256 of the lock; ``nonce``: what the run was to carry.
    """

    keys: Mapping[str, PublicKey] | None = None
    anchors: Sequence[Certificate] = ()
    commit: str | None = None
    lock: str | None = None
    nonce: str | None = None


@dataclass(frozen=True)
class Received:
    """What was handed over, unpacked.

    Args:
        folder: with ``run/`` and ``agreement/``.
        files: content by name.
        report: how its reports are made.
        manifest, signature: of a pack; None for a run's folder.
    """

    folder: Path
    files: Mapping[str, bytes]
    report: ReportSettings
    manifest: Manifest | None = None
    signature: bytes | None = None

    @property
    def is_pack(self) -> bool:
        """Whether it is a pack, and not a run's folder."""
        return self.manifest is not None

    def agreement_file(self, stem: str) -> str | None:
        """The name of a YAML file of the agreement; None if it is missing."""
        names = (f"agreement/{stem}.yaml", f"agreement/{stem}.yml")
        return next((name for name in names if name in self.files), None)
