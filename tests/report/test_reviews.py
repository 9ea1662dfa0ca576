"""What the report says of reviews, on a record with real pictures and the answers of two people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from evidence.reviews import NOW, reviewed
from report.reviewed_record import reviewed_record
from report.sample_record import decision

from modelaudit.evidence.record import Review, ReviewRecord, RunRecord
from modelaudit.evidence.redaction import redacted
from modelaudit.evidence.reviewed import Answers, with_reviews
from modelaudit.report.pictures import Pictures
from modelaudit.report.render import render_html, render_summary
from modelaudit.report.reviewed import reviewed_pictures, to_settle
from modelaudit.report.reviews import reviews_view
from modelaudit.report.words import words_of

EN, JA = words_of("en"), words_of("ja")
NONE = Pictures(frozenset(), {}, frozenset(), 0)
HOSTILE = "</script><img src=x onerror=alert(1)>\u202eesrever\x07"


def counted(record: RunRecord, *reviews: dict[str, Any]) -> RunRecord:
    """The record with these reviews, its requirement decided by them."""
    found = [
        ReviewRecord(file=f"{at}.json", sha256=f"{at}" * 64, review=Review.model_validate(one))
        for at, one in enumerate(reviews)
    ]
    answers = Answers(found, record.fingerprints)
    cases = [with_reviews(case, answers, quick_look=False) for case in record.cases]
    return record.model_copy(update={"reviews": found, "cases": cases})


@pytest.fixture
def run(tmp_path: Path) -> RunRecord:
    """A requirement that passes by its numbers and asks for two people, with 4 pictures; 3 have a heat map."""
    made = reviewed_record(tmp_path)
    passing = decision("PASS", 0.2, 0.15, 0.25)
    on_object = [
        row.model_copy(
            update={
                "panels": [
                    panel.model_copy(update={"share_on_object": 0.8}) if panel.map is not None else panel
                    for panel in row.panels
                ]
            }
        )
        for row in made.cases[0].review
    ]
    changes = {"verdict": "PASS", "outcome": "passed", "decision": passing, "reviewed_by": 2, "review": on_object}
    return made.model_copy(update={"cases": [made.cases[0].model_copy(update=changes)]})


def lines(record: RunRecord) -> list[str]:
    found = [line.text for line in reviews_view(record, EN, NONE).lines]
    assert len(reviews_view(record, JA, NONE).lines) == len(found)
    return found


def test_before_anybody_has_looked_the_page_says_so(run: RunRecord) -> None:
    record = counted(run)
    assert record.cases[0].reason == "review_open"
    assert lines(record) == ["Nobody has reviewed the pictures yet."]
    assert "0 of 2 complete reviews" in render_summary(record) or "Nobody has reviewed" in render_summary(record)


def test_one_person_has_no_agreement(run: RunRecord) -> None:
    found = lines(counted(run, reviewed(run)))
    assert found[0] == "Aoi Sato: 4 of 4 pictures, November 30, 2026, in 4 minutes"
    assert found[1] == "One person reviewed; whether people agree takes a second one."
    assert found[2].endswith(
        "on 3 pictures where most of the heat map lies on the object, 0 of 3 answers are “the background”."
    )


def seen(at: int) -> str:
    return "background" if at < 3 else "object"


def fast(review: dict[str, Any]) -> dict[str, Any]:
    return review | {"finished": (NOW + timedelta(seconds=3)).isoformat()}


#: what two people say: the second review, and what must stand on page one
SAID: dict[str, tuple[Callable[[RunRecord], dict[str, Any]], list[str]]] = {
    "the same": (
        lambda r: reviewed(r, "Ren"),
        ["all answers to 3 pictures are the same, so that agreement beyond chance cannot be told"],
    ),
    "other things": (
        lambda r: reviewed(r, "Ren", says=seen),
        [
            "What heat maps highlight: the reviewers agree on 1 of 3 pictures (Krippendorff's alpha",
            "on 3 pictures where most of the heat map lies on the object, 2 of 6 answers are “the background”.",
            "Ren sees the background in 2 of 3 heat maps of decides_on_the_part, which passes by its numbers.",
        ],
    ),
    "in three seconds": (lambda r: fast(reviewed(r, "Ren")), ["in 3 seconds: too fast to have looked at each"]),
}


@pytest.mark.parametrize(("second", "expected"), SAID.values(), ids=SAID)
def test_two_people(run: RunRecord, second: Callable[[RunRecord], dict[str, Any]], expected: list[str]) -> None:
    record = counted(run, reviewed(run), second(run))
    assert (record.cases[0].verdict, record.cases[0].complete_reviews) == ("PASS", 2)
    said = lines(record)
    for text in expected:
        assert any(text in line for line in said), (text, said)


def test_what_is_to_settle_has_pictures_answers_and_comments(run: RunRecord, tmp_path: Path) -> None:
    second = reviewed(run, "Ren", says=seen)
    second["answers"][3] |= {"comment": HOSTILE}
    record = counted(run, reviewed(run), second)
    assert len(reviewed_pictures(record)) == 4
    found = to_settle(record)
    assert [bool(one.differing) for one in found] == [True, True, False]
    html = render_html(record, tmp_path)
    assert html.count('class="disputed"') == 3
    assert "<img src=x" not in html and "\u202e" not in html and "\x07" not in html
    assert "onerror=alert(1)&gt;" in html
    view = reviews_view(record, EN, NONE).settle[0]
    assert [said.text for said in view.questions[0].said] == ["the object", "the background"]
    assert len(view.panels) == len(found[0].panels) > 0


def test_a_redacted_report_has_neither_names_nor_comments(run: RunRecord, tmp_path: Path) -> None:
    second = reviewed(run, "Ren Mori", says=seen)
    second["answers"][0] |= {"comment": "the shadow of Tanaka"}
    record = counted(run, reviewed(run), second)
    record = record.model_copy(update={"notes": ["reviews/x.json: the review by Ren Mori is void: ..."]})
    shown = redacted(record, b"0123456789abcdef")
    for text in (render_html(shown, tmp_path), render_summary(shown)):
        assert "Ren Mori" not in text and "Aoi Sato" not in text and "Tanaka" not in text
        assert "reviewer 1" in text and "reviewer 2" in text
    assert [one.person for one in shown.reviews] == ["reviewer 1", "reviewer 2"]
    assert Answers(shown.reviews, shown.fingerprints) is not None
