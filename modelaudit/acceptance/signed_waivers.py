"""``waivers.dsse``: the signatures under waivers, a list of DSSE envelopes, each over one waiver as canonical JSON.

Under a lock a waiver counts only if it is signed by the party that the lock names. Without a lock nobody has agreed
whose signature that is, and none is looked at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ..evidence.record import WaiverRecord
from ..language.errors import AcceptanceError
from ..language.json_file import json_of, read_json
from ..language.whole_file import write_whole
from .envelope import WAIVER, Envelope, envelope_of, sign, signed_by
from .lock import Lock
from .waivers import FORMAT, VERSION, Waiver, waiver_record

if TYPE_CHECKING:
    from securesystemslib.signer import Signer

    from .keys import PublicKey

SUFFIX = ".dsse"
_MOST_BYTES = 2**24
Signers = Mapping[Waiver, tuple[str, ...]]


def signatures_file(waivers: Path) -> Path:
    """Where the signatures of a ``waivers.yaml`` stand."""
    return waivers.with_suffix(SUFFIX)


def read_envelopes(path: Path) -> list[Envelope]:
    """The envelopes of a file, not verified yet; an empty list if the file does not exist.

    Raises:
        AcceptanceError: not a list of whole envelopes of waivers.
    """
    if not path.exists():
        return []
    found = read_json(path, lambda problem: AcceptanceError(f"{problem}; take the file again"), most=_MOST_BYTES)
    if not isinstance(found, list):
        raise AcceptanceError(f"{path}: must be a list of signed waivers; modelaudit waivers sign writes it")
    return [envelope_of(one, f"{path}: [{at}]", WAIVER) for at, one in enumerate(found)]


def read_signers(path: Path, keys: Mapping[str, PublicKey]) -> Signers:
    """Who signed each waiver, as far as it stands in the file of signatures; every signature there must fit.

    Args:
        keys: of the parties, by their names.

    Raises:
        AcceptanceError: as :func:`read_envelopes`, an unknown key, a signature that does not fit, or a payload that is
            not a waiver.
    """
    found: dict[Waiver, tuple[str, ...]] = {}
    for at, envelope in enumerate(read_envelopes(path)):
        source = f"{path}: [{at}]"
        waiver, names = _waiver_of(envelope, source), signed_by(envelope, keys, source=source)
        found[waiver] = tuple(dict.fromkeys((*found.get(waiver, ()), *names)))
    return found


def _waiver_of(envelope: Envelope, source: str) -> Waiver:
    document = json_of(envelope.payload, source, lambda problem: AcceptanceError(f"{problem}; this is not a waiver"))
    if not isinstance(document, dict) or (document.get("format"), document.get("version")) != (FORMAT, VERSION):
        raise AcceptanceError(f"{source}: is not a waiver that this version of modelaudit reads; have it signed again")
    fields = {name: value for name, value in document.items() if name not in ("format", "version")}
    try:
        return Waiver.model_validate(fields)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise AcceptanceError(
            f"{source}: {where or 'the waiver'}: {error.errors()[0]['msg']}; have the waiver signed again"
        ) from error


def sign_waivers(path: Path, waivers: Sequence[Waiver], signer: Signer) -> Path:
    """Append one signature under each waiver to the file of signatures; what stands there is kept.

    Raises:
        AcceptanceError: the file cannot be read or written, or the key cannot sign.
    """
    envelopes = {envelope.payload: envelope for envelope in read_envelopes(path)}
    for waiver in waivers:
        content = waiver.content()
        envelopes[content] = sign(envelopes.get(content, Envelope(WAIVER, content)), signer)
    document = [envelope.document() for envelope in envelopes.values()]
    return write_whole(path, json.dumps(document, indent=1) + "\n", AcceptanceError)


def under_lock(waiver: Waiver, lock: Lock, signers: Signers) -> WaiverRecord:
    """A waiver as a run that is held to a lock has it: it lacks something unless the party that the lock names signed
    it."""
    party = lock.waivers_signed_by
    if party is None or party not in lock.parties:
        return waiver_record(waiver, lacks="signer")
    signed = party in signers.get(waiver, ())
    found: dict[str, Any] = {"signed_by": party} if signed else {"lacks": "signature"}
    return waiver_record(waiver, **found)
