"""Packs of every released version of the format can be verified, also where torch is not installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FROZEN = Path(__file__).with_name("frozen")
WITHOUT_TORCH = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "captum"):
            raise ImportError(f"{name} is not needed here")
sys.meta_path.insert(0, Blocked())
from modelaudit.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("pack", sorted(FROZEN.glob("pack-v*.zip")), ids=lambda pack: pack.stem)
def test_a_frozen_pack_is_verified_without_torch(pack: Path, tmp_path: Path) -> None:
    """Its run is a FAIL, and holds in everything; its reports, which are signed, may be rendered otherwise by now."""
    known = ["--keys", *map(str, FROZEN.glob("*.pub.pem")), "--trust-anchor", str(FROZEN / "authority.pem")]
    result = tmp_path / "answer.json"
    command = [sys.executable, "-c", WITHOUT_TORCH, "verify", str(pack), *known, "--json", str(result)]
    done = subprocess.run([*command, "--expect-nonce", "of-monday"], capture_output=True, text=True, check=False)
    assert result.exists(), done.stderr
    answer = json.loads(result.read_text())
    status = {one["name"]: one["status"] for one in answer["checks"]}
    said = {one["name"]: one["said"] for one in answer["checks"]}
    assert status.pop("reports") in ("held", "warned"), said
    assert done.returncode == 0
    assert answer["overall"] == "FAIL"
    assert status.pop("commit") == status.pop("reviews") == "not_checked"
    assert set(status.values()) == {"held"}, said
    assert answer["signed_by"] == ["vendor"]
