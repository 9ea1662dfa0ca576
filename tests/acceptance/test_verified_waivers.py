"""Waivers against their file and its signatures, as the receiver of a run can check them."""

from __future__ import annotations

from pathlib import Path

import pytest
from acceptance.frozen_pack import KEYS, KNOWN, received, record_of

from modelaudit.acceptance.received import Expected, NotChecked
from modelaudit.acceptance.verified_waivers import waivers


def test_the_key_that_signed_them_must_be_known(tmp_path: Path) -> None:
    given = received(tmp_path)
    record = record_of(given)
    assert list(waivers(given, record, KNOWN)) == []
    with pytest.raises(NotChecked, match="signed by customer; give keys"):
        list(waivers(given, record, Expected()))
    (said,) = waivers(given, record, Expected(keys={"vendor": KEYS["vendor"]}))
    assert said.startswith(f"agreement/waivers.dsse: customer signed with the key {KEYS['customer'].keyid}")


def test_a_waiver_that_only_the_file_or_only_the_record_has(tmp_path: Path) -> None:
    given = received(tmp_path)
    record = record_of(given)
    bare = [case.model_copy(update={"waiver": None}) for case in record.cases]
    (said,) = waivers(given, record_of(given, cases=bare), KNOWN)
    assert said.startswith("run/run.json: audits/audit_line.py::is_waived: waiver: is None")
    (tmp_path / "agreement/waivers.yaml").write_text("", encoding="utf-8")
    (said,) = waivers(given, record, KNOWN)
    assert "waiver: is " in said and "Tanaka" in said


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    pack = received(tmp_path / "pack", "agreement/waivers.yaml")
    (said,) = waivers(pack, record_of(pack), KNOWN)
    assert said.startswith("agreement/waivers.yaml: is missing, although audits/audit_line.py::is_waived has a waiver")
    run = received(tmp_path / "run", "agreement/waivers.yaml", is_pack=False)
    with pytest.raises(NotChecked, match=r"--audits DIR"):
        list(waivers(run, record_of(run), KNOWN))
    bare = [case.model_copy(update={"waiver": None}) for case in record_of(pack).cases]
    with pytest.raises(NotChecked):
        list(waivers(pack, record_of(pack, cases=bare), KNOWN))
