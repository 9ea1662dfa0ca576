"""Reviews in a run: what passes by its numbers waits for them, and they count wherever their pictures are shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from evidence.reviews import reviewed, save
from pytest_plugin.runs import Line, counts

from modelaudit.evidence.consistency import contradictions
from modelaudit.evidence.record import RunRecord

ASKED = """
A = Audit(**told())
swapped = A.expect(accuracy.under(gaussian_noise(1)) > 0.5, reviewed_by=2)
maps = A.expect(background_dependence("saliency") < 0.99, reviewed_by=1)
failing = Audit(**told(wrong())).expect(accuracy.under(gaussian_noise(1)) > 0.5, reviewed_by=1)
plain = A.expect(accuracy > 0.5)
"""


@pytest.fixture
def line(pytester: pytest.Pytester) -> Line:
    return Line(pytester)


def run(line: Line, *more: str) -> tuple[pytest.RunResult, RunRecord]:
    """A run whose record contradicts nothing."""
    result = line.run(*more)
    record = line.record()
    assert contradictions(record) == []
    return result, record


def ends(record: RunRecord) -> dict[str, tuple[str | None, str | None, int | None]]:
    return {case.name: (case.verdict, case.reason, case.complete_reviews) for case in record.cases}


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_a_pass_waits_for_reviews_and_nothing_else_does(line: Line, workers: tuple[str, ...]) -> None:
    line.audit(ASKED)
    result, record = run(line, *workers)
    assert ends(record) == {
        "swapped": ("INCONCLUSIVE", "review_open", 0),
        "maps": ("INCONCLUSIVE", "review_open", 0),
        "failing": ("FAIL", None, 0),
        "plain": ("PASS", None, None),
    }
    assert counts(result) == {"failed": 1, "inconclusive": 2, "passed": 1}
    result.stdout.fnmatch_lines(["*0 of 2 complete reviews are there; 2 more are needed.*modelaudit review*"])
    save(reviewed(record), line.path / "reviews" / "aoi.json")
    _, record = run(line, *workers)
    assert ends(record)["swapped"] == ("INCONCLUSIVE", "review_open", 1)
    assert ends(record)["maps"] == ("PASS", None, 1)
    save(reviewed(record, "Ren Mori"), line.path / "reviews" / "ren.json")
    result, record = run(line, *workers)
    assert ends(record)["swapped"] == ("PASS", None, 2)
    assert ends(record)["failing"] == ("FAIL", None, 2)
    assert counts(result) == {"failed": 1, "passed": 3}
    assert [one.file for one in record.reviews] == ["aoi.json", "ren.json"] and record.notes == []
    assert {one.path for one in record.provenance.files if one.role == "review"} == {
        "reviews/aoi.json",
        "reviews/ren.json",
    }


def answered(review: dict[str, Any], *, upto: int | None = None) -> dict[str, Any]:
    return {**review, "answers": review["answers"][:upto]}


#: what somebody might hand in to have a pass without two people who looked
NOT_ENOUGH: dict[str, tuple[Callable[[RunRecord], list[dict[str, Any]]], int, str]] = {
    "one person under two spellings": (lambda r: [reviewed(r, "Aoi Sato"), reviewed(r, "aoi  SATO")], 1, ""),
    "the same file twice": (lambda r: [reviewed(r)] * 2, 1, "is the same review as reviews/0.json, and counts once"),
    "nothing but cannot tell": (lambda r: [reviewed(r), reviewed(r, "Ren", says=lambda _: "cannot_tell")], 1, ""),
    "a picture left out": (lambda r: [reviewed(r), answered(reviewed(r, "Ren"), upto=-1)], 1, ""),
    "pictures of another model": (
        lambda r: [reviewed(r), of_another(reviewed(r, "Ren"), "model")],
        1,
        "reviews/1.json: the review by Ren is void: the model is another one in this run",
    ),
    "another image": (
        lambda r: [reviewed(r), of_another(reviewed(r, "Ren"), "image")],
        1,
        "the image is another one in this run",
    ),
    "another change": (
        lambda r: [reviewed(r), of_another(reviewed(r, "Ren"), "changed")],
        1,
        "the changed image is another one in this run",
    ),
    "one stale picture": (
        lambda r: [reviewed(r), of_another(reviewed(r, "Ren"), "image", only=1)],
        1,
        "answers by Ren are void: this run does not show their pictures",
    ),
    "two people": (lambda r: [reviewed(r), reviewed(r, "Ren", says=lambda _: "background")], 2, ""),
}


def of_another(review: dict[str, Any], field: str, only: int | None = None) -> dict[str, Any]:
    answers = [
        {**one, "picture": {**one["picture"], field: "0" * 63 + format(at % 16, "x")}}
        if only is None or at < only
        else one
        for at, one in enumerate(review["answers"])
    ]
    return {**review, "answers": [{**one, "comment": str(at)} for at, one in enumerate(answers)]}


@pytest.mark.parametrize(("make", "complete", "note"), NOT_ENOUGH.values(), ids=NOT_ENOUGH)
def test_what_does_not_count_as_a_second_review(
    line: Line, make: Callable[[RunRecord], list[dict[str, Any]]], complete: int, note: str
) -> None:
    line.audit(ASKED.replace("maps =", "#").replace("failing =", "#").replace("plain =", "#"))
    line.run()
    for at, review in enumerate(make(line.record())):
        save(review, line.path / "reviews" / f"{at}.json")
    result, record = run(line)
    assert ends(record)["swapped"][2] == complete
    assert (result.ret == 0) is (complete == 2)
    assert any(note in one for one in record.notes) if note else record.notes == []


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "is not valid JSON"),
        ("[]", "is not a review"),
        ('{"answers": [], "schema_version": 9}', "schema_version: is 9"),
        ('{"answers": []}', "is not a review"),
    ],
)
def test_a_file_that_is_no_review_stops_the_run(line: Line, content: str, complaint: str) -> None:
    line.audit("a = Audit(**told()).expect(accuracy > 0.5)")
    line.write("reviews/bad.json", content)
    result = line.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*reviews/bad.json*{complaint}*"])


def test_a_quick_look_and_a_known_bad_model_wait_for_nobody(line: Line) -> None:
    line.audit(
        """
        caught = Audit(**told(wrong())).expect(accuracy.under(gaussian_noise(1)) > 0.5, reviewed_by=1, must_fail=True)
        right = Audit(**told()).expect(accuracy.under(gaussian_noise(1)) > 0.5, reviewed_by=1)
        """
    )
    _, record = run(line, "--audit-limit=8")
    assert [case.reason for case in record.cases if case.reason == "review_open"] == []
    result, record = run(line)
    assert ends(record)["caught"] == ("FAIL", None, 0)
    assert counts(result) == {"passed": 1, "inconclusive": 1}


def test_advice_that_waits_is_shown_and_fails_nothing(line: Line) -> None:
    line.audit(
        """
        A = Audit(**told())
        advice = A.expect(accuracy.under(gaussian_noise(1)) > 0.5, reviewed_by=1, importance="advisory")
        counts_ = A.expect(accuracy > 0.5)
        """
    )
    result, record = run(line)
    assert result.ret == 0 and record.overall == "PASS_WITH_EXCEPTIONS"
    assert ends(record)["advice"] == ("INCONCLUSIVE", "review_open", 0)


def test_a_forged_count_is_found(line: Line, tmp_path: Path) -> None:
    line.audit(ASKED)
    _, record = run(line)
    forged = [case.model_copy(update={"complete_reviews": 2}) for case in record.cases if case.name == "swapped"]
    found = [str(one) for one in contradictions(record.model_copy(update={"cases": forged}))]
    assert any("complete_reviews is 2, and 0 follows" in one for one in found)
    passed = [case.model_copy(update={"verdict": "PASS", "reason": None, "outcome": "passed"}) for case in record.cases]
    found = [str(one) for one in contradictions(record.model_copy(update={"cases": passed}))]
    assert any("verdict is 'PASS', and 'INCONCLUSIVE' follows" in one for one in found)
