"""The pack that is kept for good, as its receiver has it: a quick way to a whole record with lock and waivers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modelaudit.acceptance.keys import load_public_key
from modelaudit.acceptance.pack import read_pack, unpack
from modelaudit.acceptance.received import Expected, Received
from modelaudit.evidence.record import RunRecord, read_record

FROZEN = Path(__file__).with_name("frozen")
KEYS = {name: load_public_key(FROZEN / f"{name}.pub.pem") for name in ("vendor", "customer")}
KNOWN = Expected(keys=KEYS)
RUN, LOCK = "run/run.json", "agreement/agreement.lock"


def received(folder: Path, *without: str, is_pack: bool = True, **changed: bytes) -> Received:
    """The pack, unpacked into an empty folder.

    Args:
        without: files that are left out.
        is_pack: else it is the folder of a run.
        changed: other content of files; ``run__run_json`` stands for ``run/run.json``.
    """
    pack = read_pack(FROZEN / "pack-v1.zip")
    other = {name: changed.get(name.replace("/", "__").replace(".", "_")) for name in pack.files}
    files = {name: other[name] or content for name, content in pack.files.items() if name not in without}
    unpack(files, folder)
    manifest, signature = (pack.manifest, pack.signature) if is_pack else (None, None)
    return Received(folder, files, pack.manifest.report, manifest, signature)


def record_of(given: Received, **changed: Any) -> RunRecord:
    """The record of a run, with some fields changed."""
    return read_record(given.folder / RUN).model_copy(update=changed)


def content(name: str, change: Callable[[Any], None]) -> bytes:
    """A JSON file of the pack with a change."""
    document = json.loads(read_pack(FROZEN / "pack-v1.zip").files[name])
    change(document)
    return json.dumps(document).encode()
