"""The questions that a meeting asks: docs/validation/questions.md, held against the report of a real audit."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from modelaudit.evidence.consistency import read_consistent_record
from modelaudit.evidence.record import write_record
from modelaudit.releases.since_last_run import with_history
from modelaudit.report import render_html

if TYPE_CHECKING:
    from browser.conftest import Opened

DOC = Path(__file__).parents[2] / "docs" / "validation" / "questions.md"
AUDIT = """
from modelaudit import Audit
from modelaudit.contexts import lighting, swap_background
from modelaudit.measures import accuracy, background_dependence, flip_rate

pets = Audit(model={model!r}, data="folder:pets")
another_background = swap_background("other_class")
keeps_its_answer = pets.expect(flip_rate.under(another_background) < 0.02, clause="4.2")
looks_at_the_animal = pets.expect(background_dependence("gradcam").under(another_background) < 0.5, clause="4.1")
stands_other_light = pets.expect(accuracy - accuracy.under(lighting(3)) < 0.05, clause="4.3")
"""
ABOUT = """
title: Release audit of the breed classifier
customer: {en: Example Ltd., ja: 株式会社サンプル}
issuer: Audit office, Example Labs
number: "2026-017"
model: {name: Breed classifier, version: "1.0"}
data: {name: Oxford-IIIT Pet, where: collected from the web, when: until 2012}
"""
BREEDS = slice(None, None, 5)
#: the places that the table names
PLACES = {
    "head": ".head",
    "verdict": ".verdicts",
    "requirements": ".worst-first",
    "picture": ".convincing",
    "since the last run": ".since",
    "tested": ".box-tested",
    "not tested": ".box-missed",
    "next": ".box-next",
    "signatures": ".signatures",
}
#: what the answers on page one say, by question and language
ANSWERS = {
    1: {"en": "Fail Not ready: ", "ja": "不合格 基準未達："},
    2: {
        "en": r"prediction changes on [\d.]+% \([\d.]+% to [\d.]+%\) of the images; less than 2% is allowed",
        "ja": r"画像の[\d.]+%（[\d.]+%～[\d.]+%）で予測が変わりました（要求：2%未満）",
    },
    3: {
        "en": r"Same object, background of another class: .+ \(\d+%\) becomes .+ \(\d+%\)",
        "ja": r"別クラスの背景では「.+（\d+%）」が「.+（\d+%）」に変わります",
    },
    4: {
        "en": "Oxford-IIIT Pet, collected from the web, until 2012 .*25 images, 5 classes .5 each.",
        "ja": "Oxford-IIIT Pet、collected from the web、until 2012 .*25枚、5クラス（各5枚）",
    },
    5: {"en": "No requirement asks about: another camera or position", "ja": "要求事項にない条件：カメラ・位置の変化"},
    6: {
        "en": r"another model, of which the background decides about \d+% of the answers, could pass this limit too",
        "ja": r"背景が回答の約\d+%までを左右するモデルでも、合格する可能性があります",
    },
    7: {
        "en": r"Since the last run on .+ nothing has changed: same model, same images, same values\.",
        "ja": r"前回の実行（.+）から変化はありません（モデル、画像、値とも同一）。",
    },
    8: {
        "en": r"Retrain with objects on other backgrounds.* a new set of about \d+ .*would probably decide",
        "ja": r"再学習してください.*約\d+枚（.*新たに撮影してください.*を判定できる見込みです",
    },
    9: {"en": "Issuer Audit office.* Name, date, signature", "ja": "発行者 Audit office.* 氏名・日付・署名"},
    10: {"en": r"sha256 of run.json [0-9a-f]{12}", "ja": r"run.jsonのsha256 [0-9a-f]{12}"},
    11: {
        "en": r"lighting of the whole image is changed \(severity 3 of 5\), the accuracy",
        "ja": r"画像全体の照明を変えた場合（強度3/5段階）、正解率は",
    },
    12: {"en": "Which classes need more photos", "ja": "写真を追加すべきクラス"},
    13: {
        "en": r"background dependence \(Grad-CAM\) is 0\.\d+ .*Heat map, Grad-CAM",
        "ja": r"背景依存度（Grad-CAM）は0\.\d+.*ヒートマップ（Grad-CAM）",
    },
}
#: what stands where the link of a question leads to; names are in no language
BEHIND = {
    2: "flip_rate",
    4: "folder:pets",
    5: "keeps_its_answer",
    6: "looks_at_the_animal",
    7: "keeps_its_answer",
    8: "pug",
    11: r"lighting\(3\)",
    12: "pug",
    13: "Grad-CAM",
}


SECTION = "xpath=ancestor-or-self::*[self::section or self::article or self::details][1]"


class Question(NamedTuple):
    """A row of the table."""

    number: int
    text: str
    places: tuple[str, ...]
    link: str
    unanswered: str


def questions() -> list[Question]:
    rows = re.findall(r"^\| \d+ \|.*\|$", DOC.read_text(encoding="utf-8"), re.MULTILINE)
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return [
        Question(int(number), text, tuple(filter(None, places.split(", "))), link, unanswered)
        for number, text, places, link, unanswered in cells
    ]


@pytest.fixture(scope="module")
def pets(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run: every fifth breed, every check on."""
    folder = tmp_path_factory.mktemp("questions")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / "audits").mkdir()
    for kind in ("images", "masks"):
        for breed in sorted((assets / "pets" / kind).iterdir())[BREEDS]:
            shutil.copytree(breed, folder / "pets" / kind / breed.name)
    model = f"torchvision:squeezenet1_0?checkpoint={assets / 'models/squeezenet1_0-imagenet1k.safetensors'}"
    (folder / "audits" / "audit_pets.py").write_text(AUDIT.format(model=model), encoding="utf-8")
    (folder / "audits" / "about.yaml").write_text(ABOUT, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "audits"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert (folder / "audit-results" / "latest" / "run.json").is_file(), done.stdout + done.stderr
    return _with_a_run_before(folder / "audit-results")


def _with_a_run_before(results: Path) -> Path:
    """The run, as it is where the same run was kept from the day before: to measure it twice would say nothing more."""
    latest = (results / "latest").resolve()
    record = read_consistent_record(latest)
    moments = {
        name: getattr(record, name).replace(record.started[:10], "2026-01-01") for name in ("started", "finished")
    }
    write_record(record.model_copy(update={"id": "20260101-091402-7f3a", **moments}), results / "20260101-091402-7f3a")
    write_record(with_history(record, results, results / "baselines"), latest)
    return latest


def test_the_table_holds_all_thirteen() -> None:
    found = questions()
    assert [each.number for each in found] == list(range(1, 14))
    assert {place for each in found for place in each.places} == set(PLACES)
    for each in found:
        assert bool(each.places) == (each.number in ANSWERS) and (each.places or each.unanswered), each
        assert bool(each.link) == (each.number in BEHIND), each


@pytest.mark.assets
@pytest.mark.parametrize("language", ["en", "ja"])
def test_page_one_or_its_link_answers_each(opened: Opened, pets: Path, artefact: Path, language: str) -> None:
    page = opened(render_html(read_consistent_record(pets), pets, language=language))
    page.screenshot(path=artefact.with_suffix(".png"), full_page=True)
    one = page.locator(f".page-one:lang({language})")
    links = page.locator(".page-one:lang(en) a").all_text_contents()
    for each in questions():
        shown = " ".join(" ".join(one.locator(PLACES[place]).inner_text() for place in each.places).split())
        if each.places:
            assert re.search(ANSWERS[each.number][language], shown), (each, shown)
        if each.link:
            link = one.locator("a").nth(links.index(each.link))
            link.click()
            target = page.locator(f"{link.get_attribute('href')} >> {SECTION}")
            assert target.is_visible() and re.search(BEHIND[each.number], target.inner_text()), each
