"""``modelaudit lock``: what was agreed is fixed, each party signs it, and a trusted time confirms the signatures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from acceptance.openssl import Authority, openssl, private_key, public_key
from acceptance.test_timestamps import serving
from data.pictures import save

from modelaudit.acceptance.canonical import sha256_of
from modelaudit.acceptance.keys import load_certificates
from modelaudit.acceptance.lock import read_lock
from modelaudit.acceptance.timestamps import verify
from modelaudit.cli import main

AUDIT = """
model: torchscript:models/parts.ts
data: folder:photos?masks=none
classes: [blue, red]
expect:
  right: {that: accuracy > 0.9, clause: "4.1"}
"""
AGREEMENT = """
title: Acceptance
parties:
  vendor: {name: Example Vision, public_key: vendor.pub.pem}
  customer: {name: Example Line, public_key: customer.pub.pem}
system: {name: inspector}
clauses: {"4.1": {text: It is right., expectations: [right]}}
signs: [vendor, customer]
"""
LOCK = Path("audits/agreement.lock")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Audits that two parties agree on, of a model that is not there: nothing here opens one."""
    monkeypatch.chdir(tmp_path)
    for label in ("blue", "red"):
        for number in range(2):
            pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), dtype=np.uint8)
            save(tmp_path / "photos" / "images" / label / f"{number}.png", pixels)
    audits = tmp_path / "audits"
    audits.mkdir()
    (audits / "parts.audit.yaml").write_text(AUDIT, encoding="utf-8")
    (audits / "agreement.yaml").write_text(AGREEMENT, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    for party in ("vendor", "customer", "stranger"):
        public_key(private_key(tmp_path / f"{party}.pem")).rename(audits / f"{party}.pub.pem")
    return tmp_path


def test_both_parties_sign_what_both_read_and_its_time_is_confirmed(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lock", "--sign", "vendor.pem"]) == 0
    said = capsys.readouterr().out
    assert "wrote audits/agreement.lock" in said and "signed by: vendor" in said and "still to sign: customer" in said
    held = read_lock(LOCK)
    assert [case.name for case in held.lock.cases] == ["right"] and held.lock.models is None
    assert [(data.images, len(data.samples or ())) for data in held.lock.data] == [(4, 4)]

    audit = project / "audits" / "parts.audit.yaml"
    audit.write_text(AUDIT.replace("0.9", "0.8"), encoding="utf-8")
    assert main(["lock", "--sign", "customer.pem"]) == 1
    assert "is not what the audits say now (expectations, files)" in capsys.readouterr().err
    audit.write_text(AUDIT, encoding="utf-8")
    assert main(["lock", "--sign", "stranger.pem"]) == 2
    assert "is of no party; keys of the agreement: customer (" in capsys.readouterr().err
    assert read_lock(LOCK).signed_by == ("vendor",)

    authority = Authority(project / "authority")
    with serving(lambda asked: (200, authority.stamp(asked))) as url:
        assert main(["lock", "--sign", "customer.pem", "--timestamp", url]) == 0
    said = capsys.readouterr().out
    assert "agreement.lock.dsse existed at 20" in said and "still to sign" not in said
    signed = read_lock(LOCK)
    assert signed.signed_by == ("customer", "vendor") and signed.sha256 == held.sha256
    stamp, envelope = (LOCK.with_name(f"agreement.lock.{name}").read_bytes() for name in ("tsr", "dsse"))
    assert authority.verified_by_openssl(stamp, envelope)

    LOCK.with_name("agreement.lock.tsr").rename(project / "lock.tsr")
    assert main(["lock", "--timestamp", "lock.tsr", "--language", "ja"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("audits/agreement.lock.tsrを作成しました：agreement.lock.dsseは20")
    assert said[1] == "audits/agreement.lock：要求事項1件、画像4枚、ファイル1個"
    assert said[3:] == ["署名済み：customer、vendor", "次：pytest audits --audit-lock audits/agreement.lock"]

    assert main(["lock", "--sign", "vendor.pem"]) == 2
    assert "confirms the time of the lock with the signatures that it has" in capsys.readouterr().err
    assert LOCK.with_name("agreement.lock.dsse").read_bytes() == envelope


def test_data_by_their_root_alone_and_a_time_from_elsewhere(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lock", "--root-only", "--timestamp-request", "lock.tsq"]) == 0
    said = capsys.readouterr().out
    assert "a request for a time stamp of agreement.lock" in said and "--data-binary @lock.tsq" in said
    (data,) = read_lock(LOCK).lock.data
    assert data.samples is None and data.images == 4 and b"0.png" not in LOCK.read_bytes()

    authority = Authority(project / "authority")
    (project / "other").write_bytes(b"another lock")
    asked = openssl("ts", "-query", "-data", project / "other", "-sha256", "-cert")
    (project / "other.tsr").write_bytes(authority.stamp(asked))
    assert main(["lock", "--timestamp", "other.tsr"]) == 2
    assert "other.tsr: confirms the time of another content" in capsys.readouterr().err
    (project / "lock.tsr").write_bytes(authority.stamp((project / "lock.tsq").read_bytes()))
    assert main(["lock", "--timestamp", "lock.tsr"]) == 0
    written = LOCK.with_name("agreement.lock.tsr").read_bytes()
    assert verify(written, sha256_of(LOCK.read_bytes()), load_certificates(authority.root), "the time stamp")
