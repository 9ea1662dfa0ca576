"""Reviewers work through the page by keyboard, close it, go on, and save what the schema reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser.looking import axe_findings, focused, overflow, printed, tab_to
from report.reviewed_record import PICTURES, reviewed_record

from modelaudit.cli import main
from modelaudit.evidence.record import ReviewRecord, read_record, record_digest
from modelaudit.evidence.review import Review
from modelaudit.evidence.reviewed import Answers
from modelaudit.report.review_page import render_review
from modelaudit.report.words import words_of

if TYPE_CHECKING:
    from browser.conftest import Opened
    from playwright.sync_api import Page

WORDS = {language: words_of(language)._ for language in ("en", "ja")}
PETS = """
from modelaudit import Audit
from modelaudit.contexts import lighting, swap_background
from modelaudit.measures import accuracy, background_dependence

pets = Audit(model={model!r}, data={data!r}, object_kept=0)
looks_at_the_animal = pets.expect(background_dependence("gradcam") < 0.9, reviewed_by=2)
in_bad_light = pets.expect(background_dependence("gradcam").under(lighting(severity=5)) < 0.9, reviewed_by=2)
elsewhere = pets.expect(accuracy - accuracy.under(swap_background("other_class")) < 0.99, reviewed_by=1)
"""
NO_STORAGE = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('denied'); }})"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The page of a small record as a file, since what a browser keeps belongs to an address."""
    page = tmp_path / "review.html"
    page.write_text(render_review(reviewed_record(tmp_path), tmp_path, seed=7), encoding="utf-8")
    return page


def begin(page: Page, name: str) -> None:
    page.fill("#reviewer", name)
    page.keyboard.press("Enter")


def asked(page: Page) -> list[str]:
    """The questions that are on the screen."""
    return [each.get_attribute("data-question") or "" for each in page.locator("[data-question]:visible").all()]


def answer(page: Page, number: int = 0) -> None:
    """Answer every question of this picture by its digit, and go on."""
    digits = {"looks_at": "1234", "map_plausible": "567", "change_realistic": "890"}
    for question in asked(page):
        page.keyboard.press(digits[question][number % len(digits[question])])
    page.keyboard.press("Enter")


def saved(page: Page) -> Review:
    with page.expect_download() as download:
        page.keyboard.press("s")
    assert download.value.suggested_filename == "review.json"
    return Review.model_validate_json(Path(download.value.path()).read_text(encoding="utf-8"))


def test_a_reviewer_closes_the_page_goes_on_and_saves(opened: Opened, written: Path, tmp_path: Path) -> None:
    page = opened(written)
    page.keyboard.press("Tab")
    tab_to(page, "Start")
    page.keyboard.press("Enter")
    assert page.locator("#trouble").inner_text() == WORDS["en"]("review_name_missing")
    begin(page, " A.  Sato ")
    assert focused(page) == f"Picture 1 of {PICTURES}"
    answer(page)
    answer(page, 1)
    page.keyboard.press("c")
    page.keyboard.type("b1: too dark")  # no key acts while something is written
    page.keyboard.press("Escape")
    assert page.locator("#at").inner_text() == f"Picture 3 of {PICTURES}"
    page.close()

    page = page.context.new_page()
    page.goto(written.as_uri())
    page.get_by_role("button", name="Go on as A. Sato").click()
    assert page.locator("#at").inner_text() == f"Picture 3 of {PICTURES}"
    assert page.locator("#comment").input_value() == "b1: too dark"
    assert page.locator("#answered").inner_text() == f"2 of {PICTURES} answered"
    answer(page, 2)
    page.keyboard.press("b")
    assert page.locator("input:checked").count() == len(asked(page))
    page.keyboard.press("Enter")
    answer(page, 0)
    assert page.locator("#ended").inner_text() == WORDS["en"]("review_all_done")
    review = saved(page)
    items = page.evaluate("JSON.parse(document.getElementById('data').textContent).items")
    assert [one.picture.model_dump() for one in review.answers] == [one["picture"] for one in items]
    assert (review.reviewer, review.seed, review.run) == ("A. Sato", 7, record_digest(reviewed_record(tmp_path)))
    assert [one.comment for one in review.answers] == ["", "", "b1: too dark", ""]
    for one in review.answers:
        assert (one.looks_at is None) == (one.map_plausible is None) == (one.picture.map is None)
        assert (one.change_realistic is None) == (one.picture.changed is None)


def test_keys_switch_the_layers_and_can_be_switched_off(opened: Opened, written: Path) -> None:
    page = opened(written)
    begin(page, "A")
    while "looks_at" not in asked(page):
        page.keyboard.press("Enter")
    over, line = page.locator("#shown .map"), page.locator("#shown .outline.light")
    assert over.is_visible() and not line.is_visible()
    page.keyboard.press("h")
    page.keyboard.press("o")
    assert not over.is_visible() and line.is_visible()
    assert page.locator("[data-switch=map]").get_attribute("aria-pressed") == "false"
    page.keyboard.press("h")
    page.click("[data-switch=keys]")
    page.keyboard.press("1")
    assert page.locator("input:checked").count() == 0 and not page.locator("kbd").first.is_visible()


def test_questions_that_do_not_apply_are_not_asked(opened: Opened, written: Path) -> None:
    page = opened(written)
    begin(page, "A")
    items = page.evaluate("JSON.parse(document.getElementById('data').textContent).items")
    for item in items:
        picture = item["picture"]
        wanted = ["looks_at", "map_plausible"] * bool(picture["map"]) + ["change_realistic"] * bool(picture["changed"])
        assert asked(page) == wanted
        page.keyboard.press("Enter")
    assert page.locator("#ended").inner_text() == f"{PICTURES} of {PICTURES} pictures are still open."
    page.keyboard.press("s")
    assert page.locator("#said").inner_text() == WORDS["en"]("review_nothing_to_save")


def test_a_picture_with_an_open_question_is_neither_counted_nor_saved(opened: Opened, written: Path) -> None:
    page = opened(written)
    begin(page, "A")
    open_ones = 0
    for _ in range(PICTURES):
        first, *others = asked(page)
        page.locator(f"[data-question={first}] input").first.press("Space")
        open_ones += bool(others)
        page.keyboard.press("Enter")
    assert 0 < open_ones < PICTURES
    assert page.locator("#answered").inner_text() == f"{PICTURES - open_ones} of {PICTURES} answered"
    assert len(saved(page).answers) == PICTURES - open_ones
    page.keyboard.press("b")
    assert len(asked(page)) > 1 and page.locator("input:checked").count() == 1


def test_where_the_browser_keeps_nothing_it_says_so_and_a_saved_file_goes_on(
    opened: Opened, written: Path, tmp_path: Path
) -> None:
    page = opened(written)
    page.context.add_init_script(NO_STORAGE)
    page.reload()
    assert page.locator("#warning").inner_text() == WORDS["en"]("review_not_kept")
    begin(page, "B")
    answer(page)
    warned: list[str] = []
    page.once("dialog", lambda dialog: (warned.append(dialog.type), dialog.dismiss()))
    page.close(run_before_unload=True)
    page.wait_for_timeout(300)
    assert warned == ["beforeunload"] and not page.is_closed()
    review = saved(page)
    file = tmp_path / "review.json"
    file.write_text(review.model_dump_json(), encoding="utf-8")
    page.reload()
    page.set_input_files("#load", file)
    page.locator("#at:visible").wait_for()
    assert page.locator("#answered").inner_text() == f"1 of {PICTURES} answered"
    assert page.locator("#at").inner_text() == f"Picture 2 of {PICTURES}"
    assert saved(page).answers == review.answers


def test_other_files_are_refused(opened: Opened, written: Path, tmp_path: Path) -> None:
    page = opened(written)
    begin(page, "C")
    answer(page)
    other = json.loads(saved(page).model_dump_json())
    page.reload()
    file = tmp_path / "review.json"
    for content, said in (
        ("{", WORDS["en"]("review_not_a_review", file=file.name)),
        (json.dumps({**other, "schema_version": 2}), WORDS["en"]("review_not_a_review", file=file.name)),
        (json.dumps(_stale(other)), WORDS["en"]("review_no_picture_fits", file=file.name)),
    ):
        file.write_text(content, encoding="utf-8")
        page.set_input_files("#load", file)
        page.locator("#trouble", has_text=said).wait_for()
    two = {**other, "answers": [*other["answers"], *_stale(other)["answers"]]}
    file.write_text(json.dumps(two), encoding="utf-8")
    page.set_input_files("#load", file)
    page.locator("#trouble", has_text=WORDS["en"]("review_other_pictures", count=1)).wait_for()
    assert page.locator("#answered").inner_text() == f"1 of {PICTURES} answered"


def _stale(review: dict[str, Any]) -> dict[str, Any]:
    return {
        **review,
        "answers": [{**one, "picture": {**one["picture"], "image": "0" * 64}} for one in review["answers"]],
    }


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("ja", "dark")])
def test_it_is_whole_for_everybody(
    opened: Opened, written: Path, artefact: Path, tmp_path: Path, language: str, scheme: str
) -> None:
    page = opened(written, fragment=f"#{language}", color_scheme=scheme)
    for screen in _screens(page):
        for width in (390, 1280):
            page.set_viewport_size({"width": width, "height": 844})
            assert overflow(page) == []
            page.screenshot(path=f"{artefact}-{screen}-{width}.png", full_page=True)
        assert axe_findings(page) == []
    page.keyboard.press("b")
    assert len(printed(page, tmp_path / "paper.pdf").pages) == 1


def _screens(page: Page) -> Iterator[str]:
    yield "start"
    begin(page, "D")
    while asked(page) != ["looks_at", "map_plausible", "change_realistic"]:
        page.keyboard.press("Enter")
    page.keyboard.press("1")
    yield "picture"
    for _ in range(PICTURES):
        page.keyboard.press("Enter")
    yield "end"


def test_the_language_changes_without_losing_an_answer(opened: Opened, written: Path) -> None:
    page = opened(written)
    begin(page, "E")
    while "looks_at" not in asked(page):
        page.keyboard.press("Enter")
    page.keyboard.press("2")
    page.click("[data-language=ja]")
    assert page.locator("html").get_attribute("lang") == "ja"
    assert page.get_by_role("radio", name=WORDS["ja"]("review_background")).is_checked()
    assert WORDS["ja"]("review_looks_at") in page.locator("legend:visible").all_inner_texts()


@pytest.mark.assets
def test_two_people_review_real_photos(opened: Opened, assets: Path, tmp_path: Path, artefact: Path) -> None:
    weights = assets / "models/squeezenet1_0-imagenet1k.safetensors"
    text = PETS.format(model=f"torchvision:squeezenet1_0?checkpoint={weights}", data=f"folder:{assets / 'pets'}")
    (tmp_path / "audit_pets.py").write_text(text, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--audit-checks=off", "--audit-limit=18"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=600, check=False)
    run, target = tmp_path / "audit-results" / "latest", tmp_path / "review.html"
    assert main(["review", str(run), "-o", str(target), "--seed", "5"]) == 0
    record = read_record(run)

    reviews = []
    for number, (name, language, width) in enumerate((("Aoi Sato", "ja", 390), ("Ben Cole", "en", 1280))):
        page = opened(target, width, 844, fragment=f"#{language}")
        begin(page, name)
        for at in range(len(page.evaluate("JSON.parse(document.getElementById('data').textContent).items"))):
            if number == 1 and at == 10:  # closes the page in the middle
                page.close()
                page = page.context.new_page()
                page.goto(f"{target.as_uri()}#{language}")
                page.get_by_role("button", name=name).click()
            if at < 3:
                assert overflow(page) == []
                page.screenshot(path=f"{artefact}-{language}-{width}-{at}.png", full_page=True)
            answer(page, at * number)
        assert page.locator("#ended").inner_text() == WORDS[language]("review_all_done")
        reviews.append(saved(page))
    kept = [ReviewRecord(file=f"{at}.json", sha256=f"{at}" * 64, review=one) for at, one in enumerate(reviews)]
    answers = Answers(kept, {model.key: model.fingerprint for model in record.models})
    assert [len(answers.complete(case)) for case in record.cases] == [2, 2, 2]
    assert {answer.looks_at for answer in reviews[0].answers} == {"object", None}
    assert {answer.looks_at for answer in reviews[1].answers} >= {"object", "background", "both", "cannot_tell"}
