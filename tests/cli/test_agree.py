"""``modelaudit agree``: from the audits that are there to the document that is signed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from acceptance.openssl import private_key
from data.pictures import save

from modelaudit.acceptance.agreement import agreement_digest, read_agreement
from modelaudit.cli import main

AUDIT = """
model: torchscript:models/parts.ts
data: folder:photos?masks=none
classes: [blue, red]
expect:
  right: {that: accuracy > 0.9, clause: "4.1"}
  sure: {that: confidence > 0.5, confidence: 0.9}
  caught: {that: accuracy > 0.99, must_fail: true}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Audits of a model that is not there: nothing here opens one."""
    monkeypatch.chdir(tmp_path)
    for label in ("blue", "red"):
        for number in range(3):
            pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), dtype=np.uint8)
            save(tmp_path / "photos" / "images" / label / f"{number}.png", pixels)
    (tmp_path / "audits").mkdir()
    (tmp_path / "audits" / "parts.audit.yaml").write_text(AUDIT, encoding="utf-8")
    return tmp_path


def test_a_first_agreement_is_written_once_and_is_what_check_reads(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["agree", "init"]) == 0
    assert "wrote audits/agreement.yaml: expectations: 3" in capsys.readouterr().out
    file = project / "audits" / "agreement.yaml"
    found = read_agreement([file])
    assert found is not None and found.terms.domain is not None
    assert {number: clause.expectations for number, clause in found.terms.clauses.items()} == {
        "4.1": ["right"],
        "1": ["sure"],
    }
    assert found.terms.domain.attributes["label"].values == ["blue", "red"]
    assert "#   - {of: [light, product], least: 5, impossible: [[night, bolt]]}" in file.read_text(encoding="utf-8")
    assert found.terms.decision.confidence == 0.9
    before = file.read_bytes()
    assert main(["agree", "init"]) == 2
    assert "exists, and is not overwritten" in capsys.readouterr().err
    assert file.read_bytes() == before
    assert main(["agree", "check"]) == 1
    said = capsys.readouterr().out
    assert "audits/agreement.yaml:4: title: is still to be filled in" in said
    assert "audits/agreement.yaml: 5 not as agreed" in said


def agreed(project: Path, text: str) -> None:
    (project / "audits" / "agreement.yaml").write_text(text, encoding="utf-8")


WHOLE = """
title: Acceptance
parties: {vendor: {name: Example Vision}}
system: {name: inspector}
domain: {attributes: {label: [blue, red]}}
clauses: {"4.1": {text: It is right., expectations: [right, sure]}}
decision: {confidence: 0.9, images: 6}
"""


def test_what_fits_is_said_with_its_digest(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agreed(project, WHOLE)
    assert main(["agree", "check"]) == 0
    said = capsys.readouterr().out
    found = read_agreement([project / "audits" / "agreement.yaml"])
    assert found is not None
    assert "as agreed (clauses: 1, expectations: 3)" in said and agreement_digest(found.terms) in said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("right, sure", "right", "In no clause of the agreement: sure"),
        ("right, sure", "right, sure, rihgt", "Agreed, but declared by no audit: rihgt (clause 4.1)"),
        ("confidence: 0.9,", "confidence: 0.95,", "Confidence 90% instead of the agreed 95%: sure"),
        ("images: 6", "images: 7", "6 images instead of the agreed 7 or more: right, sure"),
        ("[blue, red]", "[blue, red, green]", "2 of 3 agreed values occur in the test set; no image of label green"),
        ("[blue, red]", "[blue]", "not in the operating domain: label red (3 images)"),
        ("label: [blue, red]", "camera: [a]", "The data do not say camera of 6 of 6 images."),
        ("Example Vision", "Example Vision, public_key: gone.pem", "parties.vendor.public_key: "),
    ],
)
def test_what_does_not_fit_is_named(
    project: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    assert old in WHOLE
    agreed(project, WHOLE.replace(old, new))
    assert main(["agree", "check"]) == 1
    assert said in " ".join(capsys.readouterr().out.split())


def test_what_is_open_and_what_is_wrong_with_keys_is_said_in_japanese(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    private_key(project / "audits" / "vendor.pem")
    parties = "{vendor: {name: FILL IN, public_key: vendor.pem}, b: {name: b, public_key: gone.pem}}"
    agreed(project, WHOLE.replace("{vendor: {name: Example Vision}}", parties))
    assert main(["agree", "check", "--language", "ja"]) == 1
    open_name, private, gone, count = capsys.readouterr().out.replace("\n  ", "").splitlines()
    assert open_name == "audits/agreement.yaml:3: parties.vendor.name：未記入です"
    assert private.startswith("audits/agreement.yaml:3: parties.vendor.public_key：audits/vendor.pemは秘密鍵です。")
    assert gone.startswith("audits/agreement.yaml:3: parties.b.public_key：audits/gone.pem")
    assert "ありません" in gone and "3" in count


def test_combinations_are_counted_before_anything_runs(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    domain = "{attributes: {label: [blue, red], lot: ['0', '1', '2']}, combinations: [[label, lot]]}"
    audit = project / "audits" / "parts.audit.yaml"
    audit.write_text(AUDIT.replace("folder:photos?masks=none", "csv:photos.csv"), encoding="utf-8")
    rows = [f"photos/images/{label}/{lot}.png,{label},{lot}" for label in ("blue", "red") for lot in range(3)]
    (project / "photos.csv").write_text("\n".join(["image,label,lot", *rows]), encoding="utf-8")
    agreed(project, WHOLE.replace("{attributes: {label: [blue, red]}}", domain))
    assert main(["agree", "check"]) == 0
    (project / "photos.csv").write_text("\n".join(["image,label,lot", *rows[:5]]), encoding="utf-8")
    agreed(project, WHOLE.replace("{attributes: {label: [blue, red]}}", domain).replace("images: 6", "images: 5"))
    assert main(["agree", "check"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "5 of 6 agreed ones occur in the test set; no image of label red with lot 2." in said


def test_a_contradiction_of_about_yaml_ends_the_check(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agreed(project, f"{WHOLE}about: {{customer: a}}\n")
    (project / "audits" / "about.yaml").write_text("customer: b\n", encoding="utf-8")
    assert main(["agree", "check"]) == 2
    assert "about.customer is 'a', and 'b' in audits/about.yaml:1" in capsys.readouterr().err


def test_a_contradiction_of_costs_yaml_ends_the_check(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agreed(project, f"{WHOLE}costs: {{currency: JPY, mask: 3}}\n")
    (project / "audits" / "costs.yaml").write_text("currency: JPY\nmask: 4\n", encoding="utf-8")
    assert main(["agree", "check"]) == 2
    assert "audits/costs.yaml:2: mask is 4.0, and 3.0 is agreed in audits/agreement.yaml" in capsys.readouterr().err


def test_the_document_is_written_beside_the_agreement(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agreed(project, WHOLE)
    assert main(["agree", "show", "--language", "ja"]) == 0
    html = (project / "audits" / "agreement.html").read_text(encoding="utf-8")
    assert html.index("受入れ合意書") < html.index("Acceptance agreement") and "accuracy &gt; 0.9" in html
    assert "`accuracy > 0.9`" in (project / "audits" / "agreement.md").read_text(encoding="utf-8")
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "audits/agreement.htmlを作成しました"
    before, _, digest = said[-1].partition("：")
    assert before == "合意内容のSHA-256" and len(digest) == 64 and digest in html


def test_without_an_agreement_or_audits_the_way_out_is_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agree", "check"]) == 2
    assert "modelaudit agree init audits writes one" in capsys.readouterr().err
    assert main(["agree", "check", "photos"]) == 2
    assert "photos: has no audit file" in capsys.readouterr().err


def test_the_schema_of_agreements_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "agreement"]) == 0
    assert '"clauses"' in capsys.readouterr().out
