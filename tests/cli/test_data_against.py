"""``modelaudit data check`` beside training data and an agreement."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.photos import line, photo
from data.pictures import save
from PIL import Image

from modelaudit.cli import main

AGREEMENT = """\
title: Acceptance of line A
parties: {vendor: {name: V}, customer: {name: C}}
system: {name: line A}
clauses: {"1": {text: right}}
domain:
  attributes:
    label: [bolt, nut]
    light: [day, night]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    line(tmp_path / "train", each=6)
    line(tmp_path / "test", each=2, masks=False)
    for at in range(2):
        save(tmp_path / "test" / "images" / "bolt" / f"{at}.png", photo(200 + at))
        save(tmp_path / "test" / "images" / "nut" / f"{at}.png", photo(300 + at))
    return tmp_path


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_other_photos_are_no_problem(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", "test", "--training", "train"]) == 0
    assert "compared with the training data folder:train: 12 images (12 usable)" in said(capsys)


def test_leaks_are_named_with_their_training_images_and_shown_beside_them(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(here / "test/images/nut/same.png", photo(10))
    Image.fromarray(photo(3)[:, ::-1]).save(here / "test/images/bolt/mirrored.jpg", quality=80)
    arguments = ["data", "check", "test", "--training", "train", "--html", "page.html", "--json", "facts.json"]
    assert main(arguments) == 1
    text = said(capsys)
    assert "Images that are in the training data, pixel for pixel: 1" in text
    assert "- nut/same.png = nut/0.png of the training data" in text
    assert "- bolt/mirrored.jpg = bolt/3.png of the training data: mirrored" in text
    facts = json.loads((here / "facts.json").read_text(encoding="utf-8"))
    assert facts["training"] == {"reference": "folder:train", "images": 12, "usable": 12}
    items = {one["kind"]: one["items"] for one in facts["findings"]}
    assert items["leaked_near"] == [{"ids": ["bolt/mirrored.jpg"], "detail": "mirrored", "training": ["bolt/3.png"]}]
    page = (here / "page.html").read_text(encoding="utf-8")
    strip = page[page.index("Images that are changed copies") :].partition("</section>")[0]
    assert strip.count("data:image/jpeg") == 2 and "in the training data" in strip


def test_shared_lots_are_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = r"?cluster=path:(\d)\.png&attribute.serial=path:(\w+)/\d"
    assert main(["data", "check", f"test{options}", "--training", f"train{options}", "--apart", "serial"]) == 1
    text = said(capsys)
    assert "Images that share a lot with the training data: 4" in text
    assert "bolt/0.png, nut/0.png = bolt/0.png, nut/0.png of the training data: cluster '0'" in text
    assert "serial 'bolt'" in text


def test_agreed_conditions_that_lack_photos_are_problems(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "agreement.yaml").write_text(AGREEMENT, encoding="utf-8")
    options = r"?attribute.light=path:(\d)\.png"
    assert main(["data", "check", f"test{options}", "--agreement", "agreement.yaml"]) == 1
    text = said(capsys)
    assert "held to the agreement agreement.yaml" in text
    assert "- light=day: no image; photograph 10 more" in text
    assert "- light=0: 2 images, which the agreement does not foresee" in text
    assert main(["data", "check", f"test{options}", "--agreement", "agreement.yaml", "--language", "ja"]) == 1
    assert "light=day：画像なし。10枚の撮影が必要" in said(capsys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--training", "nowhere"], "no folder at"),
        (["--apart", "lot"], "name the training data by --training"),
        (["--training", "train", "--apart", "lot"], "no image of the test data has the attribute 'lot'"),
        (["--agreement", "nowhere.yaml"], "nowhere.yaml"),
        (["--agreement", "empty.yaml"], "has no domain"),
    ],
)
def test_a_wrong_call_ends_with_2_before_images_are_compared(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    (here / "empty.yaml").write_text(AGREEMENT.partition("domain:")[0], encoding="utf-8")
    assert main(["data", "check", "test", *arguments]) == 2
    assert message in capsys.readouterr().err
