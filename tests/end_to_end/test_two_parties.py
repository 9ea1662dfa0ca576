"""Two parties, from the agreement to the check by the other side: the story of docs/acceptance.md, with real keys."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from acceptance.openssl import Authority, private_key, public_key
from acceptance.test_timestamps import serving
from PIL import Image
from pytest_plugin import line

from modelaudit.acceptance.lock import read_lock
from modelaudit.cli import main
from modelaudit.evidence.record import read_record

REPOSITORY = Path(__file__).parents[2]
IMAGES = 40
NET = """
import torch
from torch import nn


class Colour(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(4.0))

    def forward(self, images):
        return self.scale * images[:, :, 4:8, 4:8].mean((2, 3))[:, :2]


def build():
    return Colour()
"""
AUDIT = """
from modelaudit import Audit, Preprocessing
from modelaudit.contexts import swap_background
from modelaudit.measures import accuracy, confidence

audit = Audit(model="net.py:build", data="folder:photos?masks=masks", classes=("red", "green"),
              preprocessing=Preprocessing(), seed=5)
is_right = audit.expect(accuracy > 0.8, clause="4.1", importance="critical")
survives = audit.expect(accuracy - accuracy.under(swap_background("other_class")) < 0.2, clause="4.2")
is_sure = audit.expect(confidence > 0.99, clause="4.3")
"""
AGREEMENT = """
title: Acceptance of the line inspector
parties:
  vendor: {name: Example Vision, role: vendor, public_key: ../keys/vendor.pub.pem}
  customer: {name: Example Line, role: customer, public_key: ../keys/customer.pub.pem}
system: {name: inspector}
clauses:
  "4.1": {text: The class is right., expectations: [is_right]}
  "4.2": {text: Another background changes little., expectations: [survives]}
  "4.3": {text: It is sure., expectations: [is_sure]}
waivers: {signed_by: customer}
signs: [vendor, customer]
"""
LOCK = Path("audits/agreement.lock")


WAIVER = """
- expectation: audits/audit_line.py::is_sure
  owner: Tanaka
  reason: The lamps are replaced next month.
  issued: {issued:%Y-%m-%dT%H:%M:%S+00:00}
  expires: {expires:%Y-%m-%dT%H:%M:%S+00:00}
"""


@dataclass(frozen=True)
class Party:
    """A folder of its own, and the Python that it works with."""

    folder: Path
    python: Path

    def run(self, *arguments: str | Path) -> tuple[int, str]:
        """The status and output of a command of Python's; no network can be reached."""
        closed = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
        without = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "CI")}
        done = subprocess.run(
            [str(self.python), *map(str, arguments)],
            cwd=self.folder,
            env={**without, **closed, **self.own_path, "no_proxy": "127.0.0.1"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        return done.returncode, done.stdout + done.stderr

    def modelaudit(self, *arguments: str | Path) -> tuple[int, str]:
        return self.run(self.python.parent / "modelaudit", *arguments)

    @property
    def own_path(self) -> dict[str, str]:
        """The vendor works with the code of this repository."""
        return {"PYTHONPATH": str(REPOSITORY)} if str(self.python) == sys.executable else {}


def photos(folder: Path) -> None:
    for at in range(IMAGES):
        label = line.CLASSES[at % 2]
        for kind, pixels in (("photos", line.pixels(at, label)), ("masks", line.mask() * 255)):
            file = folder / kind / label / f"{at:02}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(file)
    (folder / "net.py").write_text(NET, encoding="utf-8")


def with_the_wheel_alone(folder: Path) -> Path:
    """The Python of a new environment: the built wheel, and the libraries of this one below it."""
    built = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder / "wheel"), str(REPOSITORY)]
    done = subprocess.run(built, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"no wheel can be built here: {done.stderr.strip()[-300:]}")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    (own,) = (folder / "venv").glob("lib/python*/site-packages")
    (wheel,) = (folder / "wheel").glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, str(wheel)], check=True)
    libraries = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (own / "libraries.pth").write_text("\n".join(libraries) + "\n", encoding="utf-8")
    return python


def waive(customer: Party, vendor: Party, *, begins: int, ends: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The customer waives that the model is sure, from so many days from now to so many, and signs that."""
    issued, expires = (datetime.now(UTC) + timedelta(days) for days in (begins, ends))
    text = WAIVER.format(issued=issued, expires=expires)
    (customer.folder / "audits" / "waivers.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(customer.folder)
    assert main(["waivers", "sign", "--key", "customer.pem"]) == 0
    for name in ("waivers.yaml", "waivers.dsse"):
        shutil.copy(customer.folder / "audits" / name, vendor.folder / "audits" / name)


def said(ended: tuple[int, str], status: int = 0) -> str:
    assert ended[0] == status, ended[1]
    return ended[1]


def test_two_parties_agree_run_and_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    vendor = Party(tmp_path / "vendor", Path(sys.executable))
    customer = Party(tmp_path / "customer", with_the_wheel_alone(tmp_path))
    for party in (vendor, customer):
        photos(party.folder)
        (party.folder / "keys").mkdir()
    (vendor.folder / "audits").mkdir()
    (vendor.folder / "audits" / "audit_line.py").write_text(AUDIT, encoding="utf-8")
    (vendor.folder / "audits" / "agreement.yaml").write_text(AGREEMENT, encoding="utf-8")
    (vendor.folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    for name, owner in (("vendor", vendor), ("customer", customer)):
        public = public_key(private_key(owner.folder / f"{name}.pem"))
        for party in (vendor, customer):
            shutil.copy(public, party.folder / "keys" / f"{name}.pub.pem")

    # they agree: the vendor locks and signs, the customer signs what its own copy of the data says too
    said(vendor.modelaudit("lock", "--models", "--sign", "vendor.pem"))
    for name in ("audits", "pytest.ini"):
        source = vendor.folder / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, customer.folder / name)
    authority = Authority(tmp_path / "authority")
    monkeypatch.chdir(customer.folder)
    with serving(lambda asked: (200, authority.stamp(asked))) as url:
        assert main(["lock", "--sign", "customer.pem", "--timestamp", url]) == 0
    signed = capsys.readouterr().out
    assert "signed by customer" in signed and "still to sign" not in signed
    for end in ("dsse", "tsr"):
        shutil.copy(customer.folder / f"{LOCK}.{end}", vendor.folder / f"{LOCK}.{end}")
    held = read_lock(vendor.folder / LOCK)
    assert held.signed_by == ("customer", "vendor")

    # the customer puts up with one thing for a month; the vendor runs under the lock, and packs
    waive(customer, vendor, begins=-1, ends=30, monkeypatch=monkeypatch)
    nonce = "of-the-first-of-june"
    ran = ("-m", "pytest", "audits", f"--audit-lock={LOCK}", "--audit-sign=vendor.pem", f"--audit-nonce={nonce}")
    said(vendor.run(*ran))
    record = read_record(vendor.folder / "audit-results" / "latest")
    assert record.overall == "PASS_WITH_EXCEPTIONS" and record.lock is not None and record.lock.departures == []
    monkeypatch.chdir(vendor.folder)
    assert main(["pack", "--sign", "vendor.pem", "-o", "pack.zip"]) == 0
    shutil.copy(vendor.folder / "pack.zip", customer.folder / "pack.zip")

    # the customer checks, with nothing of the vendor's but the pack, and measures 20 images again
    checked = verified(customer, authority, nonce, "--recompute", "20", "--model", "net.py:build")
    answer = json.loads((customer.folder / "answer.json").read_text(encoding="utf-8"))
    assert answer["level"] == "spot_checked" and answer["signed_by"] == ["vendor"], checked
    unmade = ("commit", "reviews")  # no commit is expected, and nobody has reviewed
    assert {one["status"] for one in answer["checks"] if one["name"] not in unmade} == {"held"}, checked
    (draw,) = answer["measured_again"]["draws"]
    assert (draw["images"], draw["drawn"]) == (IMAGES, 20) and answer["measured_again"]["values"] == 60
    assert f"{20} of {IMAGES} images, drawn by the seed" in checked and "Level reached: spot-checked" in checked

    # once the waiver has ended, the same run fails by that requirement alone
    waive(customer, vendor, begins=-60, ends=-1, monkeypatch=monkeypatch)
    assert "is_sure" in said(vendor.run(*ran), 1)
    after = read_record(vendor.folder / "audit-results" / "latest")
    assert after.overall == "FAIL" and after.lock is not None and after.lock.departures == []
    assert {case.name: (case.verdict, case.standing) for case in after.cases} == {
        "is_right": ("PASS", "counted"),
        "survives": ("PASS", "counted"),
        "is_sure": ("FAIL", "counted"),
    }


def verified(party: Party, authority: Authority, nonce: str, *more: str) -> str:
    keys: Sequence[str | Path] = ("--keys", "keys", "--trust-anchor", authority.root, "--expect-nonce", nonce)
    data = ("--data", "folder:photos?masks=masks", "--json", "answer.json")
    return said(party.modelaudit("verify", "pack.zip", *keys, *more, *data))
