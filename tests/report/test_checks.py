"""What the audit of the audit found, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from report.sample_record import case, decision, measure, record, worded

from modelaudit.engine.results.checks import (
    Agreement,
    BlindCheck,
    CheckResults,
    Holm,
    MaskCheck,
    MaskVariant,
    NoiseCheck,
    Sanity,
    SeamCheck,
    Sensitivity,
    TwoByTwo,
)
from modelaudit.evidence.record import CaseRecord
from modelaudit.report import write_reports
from modelaudit.report.checks import checks_view, sanity_views
from modelaudit.report.notes import guard_notes
from modelaudit.report.paragraph import paragraph
from modelaudit.report.run_lines import weak_limits
from modelaudit.report.words import words_of

EN, JA = worded("en"), worded("ja")
HOSTILE = "<script>alert(1)</script>"


def checked(**changed: object) -> CheckResults:
    variants = [
        MaskVariant(variant=name, estimate=0.2, lower=0.1, upper=0.3, verdict="PASS")  # type: ignore[arg-type]
        for name in ("eroded", "dilated", "shifted_x", "shifted_y")
    ]
    fields: dict[str, object] = {
        "masks": MaskCheck(images=100, asked=400, radius=2, moved=True, variants=variants, agree=True),
        "noise": NoiseCheck(images=100, floor=0.02, distance=0.1, passed=None),
        "blind": BlindCheck(images=64, value=0.03, decides=True),
        "smallest_effect": 0.54,
        "sensitivity": Sensitivity(model="m", images=100, share=0.406, flips=0.023, flips_images=128),
        "seams": [
            SeamCheck(
                measure="accuracy", model="m", context=HOSTILE, images=9, original=1, seam=0.9, under_context=None
            )
        ],
        "agreement": [
            Agreement(
                first="gradcam", second="saliency", images=9, pixels=0.5, top=0.3, values=None, same_verdict=False
            )
        ],
        "two_by_two": [
            TwoByTwo(
                measure="background_dependence",
                method="gradcam",
                model="m",
                context="swap_background(random)",
                limit=0.5,
                both=11,
                map_only=22,
                swap_only=33,
                neither=44,
                unknown=5,
            )
        ],
        "holm": Holm(p=0.01, adjusted=0.04, declared=4, rejected=True),
    }
    return CheckResults(**{**fields, **changed})  # type: ignore[arg-type]


def one(verdict: str = "PASS", note: str = "", **changed: object) -> CaseRecord:
    found = decision(verdict, 0.2, 0.1, 0.3, note=note)
    return case("looked_at", measure("background_dependence"), "<", 0.4, verdict, decision=found).model_copy(
        update={"checks": checked(), **changed}
    )


def lines(record_of: CaseRecord, title: str) -> list[str]:
    view = checks_view(record_of, EN)
    assert view is not None
    return [text for name, text in view.lines if name == title]


def test_every_check_has_its_sentence_in_both_languages() -> None:
    english, japanese = checks_view(one(), EN), checks_view(one(), JA)
    assert english is not None and japanese is not None
    assert [name for name, _, _ in english.masks] == [
        "masks eroded",
        "masks dilated",
        "masks shifted right",
        "masks shifted down",
    ]
    assert "100 of 400 images" in english.masks_note and "2 pixels" in english.masks_note
    assert len(english.lines) == len(japanese.lines) == 7
    told = " ".join(text for _, text in japanese.lines)
    assert (
        "最大" in told
        and "41%" in told
        and "2%" in told
        and not any(text in told for text in ("draws", "seam", "background pasted"))
    )
    (square,) = english.squares
    assert (square.both, square.map_only, square.swap_only, square.neither) == ("11", "22", "33", "44")
    assert "5 images have no value" in square.note


def test_a_second_draw_is_shown_and_its_distance_only_where_it_decides() -> None:
    (shown,) = lines(one(), "Other backgrounds of the same kind")
    assert "2.0" in shown or "0.02" in shown
    assert "threshold" not in shown
    (decides,) = lines(
        one(checks=checked(noise=NoiseCheck(images=9, floor=0.2, distance=0.1, passed=False))),
        "Other backgrounds of the same kind",
    )
    assert "away from the limit" in decides


def test_what_a_limit_catches_is_told_with_the_answers_that_other_backgrounds_really_change() -> None:
    (text,) = lines(one(), "What this limit would catch")
    assert "no longer pass this limit once it decides about 41% of the answers" in text
    assert "2% of this model's own answers change (of 128 images)" in text and "rough" not in text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"share": 0.0}, "The model itself does not meet this limit"),
        ({"share": 0.03}, "at this model's own level"),
        ({"share": 0.95}, "follows the background nearly always could pass"),
        ({"share": None}, "No copy of this model"),
        ({"share": 0.4, "flips": None}, "was not measured"),
        ({"share": 0.4, "rough": True}, "never compared"),
        ({"share": 0.4, "rough": True, "trained": (0.81, 0.83)}, "81% to 83%"),
        ({"why_not": "no masks"}, "It is not known: no masks."),
    ],
)
def test_every_way_in_which_a_limit_can_be_told(changed: dict[str, object], said: str) -> None:
    fields: dict[str, object] = {"model": "m", "images": 100, "flips": 0.02, "flips_images": 9, **changed}
    told = Sensitivity(**fields)  # type: ignore[arg-type]
    (text,) = lines(one(checks=checked(sensitivity=told)), "What this limit would catch")
    assert said in text
    assert f"  {text}" in paragraph(one(checks=checked(sensitivity=told)), "report.html", words_of("en")).split("\n")


@pytest.mark.parametrize(("share", "verdict", "said"), [(0.4, "PASS", 0), (0.95, "PASS", 1), (None, "PASS", 1)])
def test_the_closing_lines_name_limits_that_catch_little(share: float | None, verdict: str, said: int) -> None:
    told = Sensitivity(model="m", images=100, share=share, flips=0.02, flips_images=9)
    passing = one(verdict, checks=checked(sensitivity=told))
    failing = one("FAIL", checks=checked(sensitivity=told))
    assert len(list(weak_limits([passing, failing], words_of("en")))) == said


def test_the_summary_says_what_limits_catch(tmp_path: Path) -> None:
    write_reports(tmp_path, record=record(tmp_path, cases=[one()]))
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "What these limits and images would catch" in summary and "about 41% of the answers" in summary


def test_the_smallest_effect_stands_on_the_failing_side() -> None:
    (text,) = lines(one(), "What these images would have failed")
    assert "54.0% or more would have failed" in text
    assert f"  {text}" in paragraph(one(), "report.html", words_of("en")).split("\n")


def test_the_seam_is_told_by_the_noun_of_the_measure() -> None:
    seam = SeamCheck(measure="accuracy", model="m", context="swap", images=9, original=1, seam=0.9, under_context=0.5)
    (told,) = lines(one(checks=checked(seams=[seam])), "Seam of the paste")
    assert told.startswith("Accuracy: 1.000 on the originals")


def test_a_hard_edge_has_no_seam() -> None:
    seam = SeamCheck(
        measure="accuracy", model="m", context="swap", images=9, original=1, seam=None, under_context=1, hard_edge=True
    )
    told = lines(one(checks=checked(seams=[seam])), "Seam of the paste")
    assert told == ["“swap”: pasted with a hard edge; its effect was not measured."]


@pytest.mark.parametrize(
    "reason", ["mask_uncertain", "below_noise_floor", "instrument_insensitive", "attribution_invalid"]
)
@pytest.mark.parametrize("words", [EN, JA], ids=["en", "ja"])
def test_a_verdict_that_was_taken_away_is_told_beside_the_one_that_is_left(reason: str, words: object) -> None:
    taken = one("INCONCLUSIVE", reason=reason, checks=checked(unguarded="PASS"))
    view = checks_view(taken, words)  # type: ignore[arg-type]
    assert view is not None and view.taken
    assert reason not in view.taken and ("Pass" in view.taken or "合格" in view.taken)


def test_what_the_report_says_itself_is_not_repeated_from_the_note() -> None:
    said = "with masks eroded the verdict is another one"
    found = one("INCONCLUSIVE", f"{said}; images of 17 groups", checks=checked(objections=[said]))
    assert guard_notes(found, EN) == ("images of 17 groups",)
    assert guard_notes(one(note="images of 17 groups", checks=None), EN) == ("images of 17 groups",)


def test_sanity_is_told_for_every_method() -> None:
    found = record(
        sanity=[
            Sanity(
                model="m", method="gradcam", check="mprt", value=0.1, limit=0.5, better="low", passed=True, images=16
            ),
            Sanity(
                model="m", method="lrp", check="emprt", value=None, limit=None, better="high", passed=None, images=0
            ),
            Sanity(
                model="m", method=HOSTILE, check="deletion", value=0.9, limit=0.1, better="low", passed=False, images=9
            ),
        ]
    )
    first, second, third = sanity_views(found, EN)
    assert (first.method, first.value, first.result) == ("Grad-CAM", "0.100 (at most 0.50)", "passed")
    assert (second.value, second.result) == ("–", "could not be made")
    assert third.result == "not passed"


def test_the_page_shows_it_escaped_and_says_where_nothing_was_checked(tmp_path: Path) -> None:
    sane = Sanity(
        model=HOSTILE, method="gradcam", check="mprt", value=0.1, limit=0.5, better="low", passed=True, images=9
    )
    write_reports(
        tmp_path, record=record(tmp_path, cases=[one("INCONCLUSIVE", reason="mask_uncertain")], sanity=[sane])
    )
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert html.count("Checks of the audit itself</h4>") == 1 and "監査そのものの検査" in html
    assert HOSTILE not in html and "Can the heat maps be trusted?" in html
    assert "The audit itself was not checked" not in html
    write_reports(tmp_path, record=record(tmp_path, cases=[one(checks=None)], checks="off"))
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Checks of the audit itself</h4>" not in html
    assert "The audit itself was not checked" in html and "監査そのものの検査は行っていません" in html
