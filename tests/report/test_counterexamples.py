"""The section of the smallest change: sentences, pairs, budget and stored cases, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from report.changed_record import COLUMN, PATCHES, changed_record, found, searching
from report.sample_record import measure

from modelaudit.counterexamples.of_cases import counterexamples_of
from modelaudit.engine.results.counterexamples import SearchFacts
from modelaudit.evidence.measured_record import ViewRecord
from modelaudit.evidence.record import ArithmeticNode, RunRecord
from modelaudit.evidence.redaction import redacted
from modelaudit.report import render_html, render_summary
from modelaudit.report.counterexamples import ChangesView, change_lines, change_sentence, changes_view
from modelaudit.report.pictures import read_pictures
from modelaudit.report.run_lines import run_lines
from modelaudit.report.words import words_of

EN, JA = words_of("en"), words_of("ja")


def view(record: RunRecord, language: str = "en", folder: Path | None = None) -> ChangesView | None:
    by_file = read_pictures(record, folder)[0] if folder else {}
    return changes_view(record, record.cases[0], "r-keeps", words_of(language), by_file)


def test_the_sentence_names_change_size_and_answers() -> None:
    record = changed_record()
    small, dosed, *_ = record.counterexamples
    assert change_sentence(record, small, EN) == (
        "A #808080 patch on the background (4% of it) is enough: “bolt” becomes “nut”, 97% sure."
    )
    assert change_sentence(record, dosed, EN).startswith("A red patch on the background (11% of it, dose 0.4) is")
    assert change_sentence(record, dosed, JA) == (
        "背景に赤のパッチ（背景の11%、強さ0.4）だけで、「bolt」が「nut」に変わります（確信度97%）。"
    )
    unsure = found(0, None, after_probability=None)
    assert change_sentence(record, unsure, EN).endswith("“bolt” becomes “nut”.")


def test_a_change_without_words_reads_as_it_is_written() -> None:
    record = changed_record().model_copy(update={"changes": {}})
    assert PATCHES[0][0].capitalize() in change_sentence(record, record.counterexamples[0], EN).capitalize()


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_smallest_are_shown_and_the_rest_counted(language: str, tmp_path: Path) -> None:
    record = changed_record(tmp_path)
    found = view(record, language, tmp_path)
    assert found is not None
    assert [pair.code for pair in found.pairs] == [PATCHES[at][0] for at in (0, 1, 3)]  # by area times dose
    assert found.more and [one.kind for one in found.replays] == ["fixed", "still_fails", "cannot_replay"]
    for pair in found.pairs:
        original, changed = pair.panels
        assert original.picture is not None and changed.picture is not None and original.picture != changed.picture
        assert changed.outline is not None and original.outline is None
        assert pair.sample in original.alternative and changed.alternative != original.alternative


def test_nothing_found_is_told_with_the_budget_and_as_no_proof() -> None:
    found = view(changed_record(flipped=0))
    assert found is not None and not found.pairs and not found.smallest
    said = " ".join(found.told)
    assert "118 images" in said and "up to 500 passes" in said and "no proof" in said
    japanese = view(changed_record(flipped=0), "ja")
    assert japanese is not None and "証明ではありません" in " ".join(japanese.told)


def test_what_was_cut_off_is_told() -> None:
    found = view(changed_record())
    assert found is not None and any("2 more images were not searched to their end" in text for text in found.told)


def test_a_case_that_searches_nothing_has_no_section() -> None:
    record = changed_record(searches=[], counterexamples=[], replays=[])
    assert view(record) is None
    other = SearchFacts(model="m1", column=COLUMN, images=1, flipped=0, calls=1, budget=1, seconds=None, cut_off=0)
    assert view(changed_record(searches=[other], counterexamples=[], replays=[])) is None


@pytest.mark.parametrize(
    ("language", "title"), [("en", "The smallest change that flips"), ("ja", "答えを変える最小の変更")]
)
def test_the_report_leads_from_page_one_to_the_pairs(language: str, title: str, tmp_path: Path) -> None:
    page = render_html(changed_record(tmp_path), tmp_path, language=language)
    (target,) = set(re.findall(r'<p class="since change"><a href="#([^"]+)">', page))
    assert f'<section class="changes" id="{target}"' in page and title in page
    for use in re.findall(r'<use(?: class="place")? href="#([po][0-9a-f]+)"/>', page):
        assert f'<symbol id="{use}"' in page
    assert "audits/counterexamples/keeps-c-00000003.json" in page


@pytest.mark.parametrize("language", ["en", "ja"])
def test_files_of_no_case_stand_among_the_notes(language: str, tmp_path: Path) -> None:
    page = render_html(changed_record(tmp_path), tmp_path, language=language)
    assert "damaged.json: not valid JSON" in page


def test_without_a_find_page_one_has_no_such_line(tmp_path: Path) -> None:
    assert 'class="since change"' not in render_html(changed_record(flipped=0), tmp_path)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_summary_and_terminal_say_the_same(language: str) -> None:
    record, words = changed_record(), words_of(language)
    sentence = change_sentence(record, record.counterexamples[0], words)
    lines = run_lines(record, words)
    assert any(sentence in line for line in lines)
    assert sum("keeps-" in line or "damaged" in line for line in lines) == 4
    assert words.named("replay", "still_fails") in render_summary(record, language=language)


def test_a_known_bad_model_is_not_told_as_news() -> None:
    record = changed_record(cases=[searching(must_fail=True, outcome="passed")], replays=[])
    assert not any("keeps_its_answer:" in line for line in run_lines(record, EN))


def test_a_redacted_report_shows_silhouettes_and_no_names(tmp_path: Path) -> None:
    record = changed_record(tmp_path)
    shown = redacted(record, b"0123456789abcdef")
    page = render_html(shown, tmp_path)
    assert "IMG_0000" not in page and "keeps-a-" not in page and "webp" not in page
    assert "image/svg+xml" in page and 'class="place"' in page


def test_the_record_names_its_pictures(tmp_path: Path) -> None:
    record = changed_record(tmp_path)
    assert len(record.files) == 8 and all((tmp_path / file).is_file() for file in record.files)


def test_a_case_about_some_images_has_their_counterexamples_alone() -> None:
    """The search runs over all images; those of other labels are no counterexamples of this requirement."""
    text = f"{COLUMN}.where(label(nut))"
    left = measure(COLUMN, scale="proportion", better="low", percent=True, stratum="label(nut)", text=text)
    record = changed_record(cases=[searching(), searching().model_copy(update={"left": left})])
    view = ViewRecord(model="m0", indices=[1] * 5, areas=[0.2] * 5)
    tables = [record.tables[0].model_copy(update={"views": [view], "labels": ["bolt", "nut"]})]
    record = record.model_copy(update={"tables": tables})
    assert len(counterexamples_of(record, record.cases[0])) == 4
    assert counterexamples_of(record, record.cases[1]) == []
    labelled = [one.model_copy(update={"label": "nut"}) for one in record.tables[0].samples[:2]]
    table = record.tables[0].model_copy(update={"samples": [*labelled, *record.tables[0].samples[2:]]})
    some = record.model_copy(update={"tables": [table]})
    assert {one.sample for one in counterexamples_of(some, some.cases[1])} == {one.id for one in labelled}


def test_an_image_that_two_models_are_flipped_on_is_counted_once() -> None:
    record = changed_record()
    both = [*record.counterexamples, record.counterexamples[0].model_copy(update={"model": "m1"})]
    left = ArithmeticNode(
        op="-",
        left=record.cases[0].left,
        right=record.cases[0].left.model_copy(update={"model": "old", "text": f"{COLUMN}.of(old)"}),
    )
    case = searching(model_names={"": "m0", "old": "m1"}).model_copy(update={"left": left})
    record = record.model_copy(update={"cases": [case], "counterexamples": both})
    assert len(counterexamples_of(record, case)) == 5
    assert any("flips the answer on 4 images" in line for line in change_lines(record, EN))
