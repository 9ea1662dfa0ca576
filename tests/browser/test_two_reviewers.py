"""Two people review real photos in the browser; their reviews are added, and a tampered and a stale one are refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from acceptance.openssl import private_key, public_key
from browser.looking import axe_findings, overflow
from browser.test_review import answer, begin, saved

from modelaudit.cli import main
from modelaudit.evidence.consistency import read_consistent_record
from modelaudit.evidence.record import RunRecord
from modelaudit.report.reviewed import agreement_on, reviewed_pictures

if TYPE_CHECKING:
    from browser.conftest import Opened

PETS = """
from modelaudit import Audit
from modelaudit.contexts import lighting
from modelaudit.measures import background_dependence

pets = Audit(model={model!r}, data={data!r}, object_kept=0)
looks_at_the_animal = pets.expect(background_dependence("gradcam") < 0.9, reviewed_by=2)
in_bad_light = pets.expect(background_dependence("gradcam").under(lighting(severity=5)) < 0.9, reviewed_by=1)
"""
AGREEMENT = """
title: Pets
parties: {{vendor: {{name: Vendor}}}}
system: {{name: Pets}}
clauses: {{"1": {{expectations: [looks_at_the_animal, in_bad_light]}}}}
reviewers:
  - {{name: Aoi Sato, public_key: {aoi}}}
  - {{name: Ben Cole, public_key: {ben}}}
"""
#: parts that were never on the screen have no size yet, and axe takes their neighbours for what is behind a text
LAID_OUT = (
    "document.querySelectorAll('.part, .requirement').forEach(one => { one.style.contentVisibility = 'visible'; })"
)
NAMES = ("Aoi Sato", "Ben Cole")


@pytest.mark.assets
def test_two_people_decide_a_run(
    opened: Opened,
    assets: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    artefact: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    keys = {name: private_key(tmp_path / f"{name[:3].lower()}.pem") for name in NAMES}
    _audits(tmp_path, assets, keys)
    monkeypatch.chdir(tmp_path)
    assert _pytest(tmp_path) == 1
    record = _latest(tmp_path)
    assert [case.reason for case in record.cases] == ["review_open"] * 2
    assert main(["review", "audit-results/latest", "-o", "review.html"]) == 0

    for number, name in enumerate(NAMES):
        page = opened(tmp_path / "review.html", 1280, 844)
        begin(page, name)
        for at in range(len(page.evaluate("JSON.parse(document.getElementById('data').textContent).items"))):
            answer(page, at * number)  # the first says always "the object", the second each in turn
        file = tmp_path / f"{number}.json"
        file.write_text(saved(page).model_dump_json(), encoding="utf-8")

        stale = json.loads(file.read_text())
        stale["answers"][0]["picture"]["model"] = "0" * 64
        (tmp_path / "stale.json").write_text(json.dumps(stale))
        assert main(["review", "add", "audit-results/latest", "stale.json"]) == 1
        assert "model" in capsys.readouterr().err
        assert main(["review", "add", "audit-results/latest", file.name, "--sign", str(keys[name])]) == 0
        capsys.readouterr()

    record = _latest(tmp_path)
    assert (record.overall, [one.signed_by for one in record.reviews]) == ("PASS", list(NAMES))
    _is_that_of_the_reference(record)
    for language in ("en", "ja"):
        assert main(["report", "audit-results/latest", "--language", language]) == 0
        for width in (390, 1280):
            page = opened(tmp_path / "audit-results/latest/report.html", width, fragment=f"#{language}")
            page.evaluate(LAID_OUT)
            assert overflow(page) == [] and axe_findings(page) == []
            page.locator(".page-one:visible .reviewed").screenshot(path=f"{artefact}-{language}-{width}-page-one.png")
            page.locator("#settle").locator("..").screenshot(path=f"{artefact}-{language}-{width}-settle.png")

    assert _pytest(tmp_path) == 0  # every later run counts them
    tampered = next((tmp_path / "audits/reviews").glob("*.json"))
    tampered.write_text(tampered.read_text().replace('"object"', '"both"'), encoding="utf-8")
    assert _pytest(tmp_path) == pytest.ExitCode.USAGE_ERROR


def _audits(folder: Path, assets: Path, keys: dict[str, Path]) -> None:
    weights = assets / "models/squeezenet1_0-imagenet1k.safetensors"
    text = PETS.format(model=f"torchvision:squeezenet1_0?checkpoint={weights}", data="folder:pets")
    for photo in sorted((assets / "pets/images").glob("*/*"))[::3]:  # 42 of 125
        mask = assets / "pets/masks" / photo.parent.name / f"{photo.stem}.png"
        for kind, file in (("images", photo), ("masks", mask)):
            copy = folder / "pets" / kind / file.parent.name / file.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
    (folder / "audits").mkdir()
    (folder / "audits/audit_pets.py").write_text(text, encoding="utf-8")
    paths = {name[:3].lower(): public_key(key) for name, key in keys.items()}
    (folder / "audits/agreement.yaml").write_text(AGREEMENT.format(**paths), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")


def _pytest(folder: Path) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--audit-checks=off", "audits"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, timeout=600, check=False
    ).returncode


def _latest(folder: Path) -> RunRecord:
    return read_consistent_record(folder / "audit-results/latest")


def _is_that_of_the_reference(record: RunRecord) -> None:
    """Krippendorff's alpha is that of the package of the same name, on the answers as they were saved."""
    krippendorff = pytest.importorskip("krippendorff")
    pictures = [one for one in reviewed_pictures(record) if one.map is not None]
    kinds = ["object", "background", "both", "cannot_tell"]
    saved_answers = [
        {one.picture.digest: one.looks_at for one in review.review.answers if one.looks_at} for review in record.reviews
    ]
    shown = sorted({digest for answers in saved_answers for digest in answers})
    table: list[list[Any]] = [
        [kinds.index(answers[digest]) if digest in answers else np.nan for digest in shown] for answers in saved_answers
    ]
    found = agreement_on("looks_at", pictures)
    assert found.units == len(shown) and found.alpha is not None
    assert found.alpha == pytest.approx(krippendorff.alpha(table, level_of_measurement="nominal"), abs=1e-12)
