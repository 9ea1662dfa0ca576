"""Reading a lock: its bytes are those that were signed beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from acceptance.openssl import private_key, public_key

from modelaudit.acceptance.envelope import LOCK, Envelope, sign, write_envelope
from modelaudit.acceptance.keys import load_public_key, load_signer
from modelaudit.acceptance.lock import Lock, LockedParty, now, read_lock, write_lock
from modelaudit.language.errors import AcceptanceError


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return private_key(tmp_path / "vendor.pem")


def lock(key: Path, threshold: str = "0.5") -> Lock:
    public = public_key(key)
    vendor = LockedParty(keyid=load_public_key(public).keyid, public_key=public.read_text(encoding="utf-8"))
    empty = {"agreement": None, "cases": [], "inputs": [], "data": []}
    who = {"parties": {"vendor": vendor}, "signs": ["vendor"]}
    return Lock.model_validate({"created": now(), "modelaudit": "1", "options": {"option": threshold}, **empty, **who})


def test_a_lock_is_read_with_who_signed_it(key: Path, tmp_path: Path) -> None:
    file = write_lock(lock(key), tmp_path / "agreement.lock")
    assert read_lock(file).unsigned == ("vendor",)
    write_envelope(sign(Envelope(LOCK, file.read_bytes()), load_signer(key)), tmp_path / "agreement.lock.dsse")
    held = read_lock(file)
    assert held.signed_by == ("vendor",) and held.unsigned == ()


def test_a_good_signature_over_another_lock_does_not_count(key: Path, tmp_path: Path) -> None:
    """Somebody puts a laxer lock, which names the same keys, beside the signatures of the agreed one."""
    agreed = Envelope(LOCK, lock(key).content())
    write_envelope(sign(agreed, load_signer(key)), tmp_path / "agreement.lock.dsse")
    file = write_lock(lock(key, threshold="0.1"), tmp_path / "agreement.lock")
    with pytest.raises(AcceptanceError, match=r"agreement\.lock: differs from what .*agreement\.lock\.dsse signs"):
        read_lock(file)
