"""Two parties agree, lock and sign; the vendor runs, signs and packs: what the customer then has."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from acceptance.openssl import Authority, private_key, public_key
from PIL import Image
from pytest_plugin import line

from modelaudit.acceptance.canonical import sha256_of
from modelaudit.acceptance.envelope import LOCK, Envelope, sign, write_envelope
from modelaudit.acceptance.keys import load_signer
from modelaudit.acceptance.signed_waivers import sign_waivers, signatures_file
from modelaudit.acceptance.timestamps import request
from modelaudit.acceptance.waivers import read_waivers
from modelaudit.cli import main

NONCE = "of-monday"
PARTIES = ("vendor", "customer")
AUDIT = """
from line import *
from modelaudit import Audit
from modelaudit.contexts import *
from modelaudit.measures import *
audit = Audit(model=Colour(), data="folder:photos?masks=masks", classes=CLASSES, preprocessing=Preprocessing())
looks_at_it = audit.expect(accuracy.under(remove_background("mean")) > 0.4)
is_right = audit.expect({requirement}, clause="4.2", importance="critical")
is_waived = audit.expect(accuracy < 0.5)
"""
AGREEMENT = """
title: Line A
parties:
  vendor: {name: The vendor, public_key: ../keys/vendor.pub.pem}
  customer: {name: The customer, public_key: ../keys/customer.pub.pem}
system: {name: Line A}
clauses:
  "4.2": {expectations: [is_right, looks_at_it, is_waived]}
signs: [vendor, customer]
waivers: {signed_by: customer}
"""


WAIVERS = """
- expectation: audits/audit_line.py::is_waived
  owner: Tanaka
  reason: The lamps are replaced in March.
  issued: 2026-01-01T00:00:00+09:00
  expires: 2126-01-01T00:00:00+09:00
"""


def hand_over(folder: Path, session: Callable[[list[str]], object], *, requirement: str = "accuracy > 0.5") -> Path:
    """The pack of a run on 24 images, signed by the vendor; the keys of both are in ``keys/``, and the root of the
    time-stamp authority is ``authority/root.crt.pem``.

    Args:
        folder: which is empty but for ``line.py``.
        session: runs pytest there.
        requirement: what `is_right` states; the accuracy is 1.
    """
    _write(folder, requirement)
    lock = folder / "audits/agreement.lock"
    session(["audits", "--collect-only", f"--audit-write-lock={lock}"])
    envelope = Envelope(LOCK, lock.read_bytes())
    for party in PARTIES:
        envelope = sign(envelope, load_signer(folder / f"keys/{party}.pem"))
    signed = write_envelope(envelope, lock.with_name("agreement.lock.dsse"))
    stamp = Authority(folder / "authority").stamp(request(sha256_of(signed.read_bytes())).content)
    lock.with_name("agreement.lock.tsr").write_bytes(stamp)
    waivers = read_waivers([folder / "audits/waivers.yaml"])
    assert waivers is not None
    sign_waivers(signatures_file(waivers.path), waivers.waivers, load_signer(folder / "keys/customer.pem"))
    vendor = folder / "keys/vendor.pem"
    session(["audits", f"--audit-lock={lock}", f"--audit-nonce={NONCE}", f"--audit-sign={vendor}"])
    pack, run = folder / "run.zip", folder / "audit-results/latest"
    assert main(["pack", str(run), "-o", str(pack), "--audits", str(lock.parent), "--sign", str(vendor)]) == 0
    return pack


def _write(folder: Path, requirement: str) -> None:
    for at in range(24):
        label = line.CLASSES[at % 2]
        image, mask = (folder / name / label / f"{at:02}.png" for name in ("photos", "masks"))
        for file, pixels in ((image, line.pixels(at, label)), (mask, line.mask() * 255)):
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(file)
    (folder / "audits").mkdir()
    (folder / "audits/audit_line.py").write_text(AUDIT.replace("{requirement}", requirement), encoding="utf-8")
    (folder / "audits/agreement.yaml").write_text(AGREEMENT, encoding="utf-8")
    (folder / "audits/waivers.yaml").write_text(WAIVERS, encoding="utf-8")
    (folder / "keys").mkdir()
    for party in PARTIES:
        public_key(private_key(folder / f"keys/{party}.pem"))


def copy_public(source: Path, target: Path) -> None:
    """What is not secret of a story: the public keys, and the root of the authority."""
    for party in PARTIES:
        shutil.copy(source / f"keys/{party}.pub.pem", target)
    shutil.copy(source / "authority/root.crt.pem", target / "authority.pem")
