"""Page one: who it is for, what is decided, the worst requirements, and the one picture."""

from __future__ import annotations

import base64
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest
from report.sample_record import LIGHTING, OTHER_CLASS, ContextNode, case, decision, draw_gallery, measure, record

from modelaudit.evidence.record import (
    About,
    ArithmeticNode,
    CaseRecord,
    GalleryRow,
    Panel,
    RunRecord,
    read_record,
    record_digest,
    write_record,
)
from modelaudit.report import render_html
from modelaudit.report.convincing import convincing_picture
from modelaudit.report.first_page import MOST_LINES, FirstPage
from modelaudit.report.page import page_of
from modelaudit.report.pictures import Pictures
from modelaudit.report.words import words_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
REMOVED = ContextNode(name="remove_object", family="no_information", arguments={}, text="remove_object()")


def first(run: RunRecord, language: str = "en") -> FirstPage:
    return page_of(run, words_of(language), Pictures(frozenset(), {}, frozenset(), 0)).first


def fall(name: str, verdict: str, lower: float, estimate: float, upper: float, **changed: Any) -> CaseRecord:
    """``accuracy - accuracy.under(other class) < 0.05``."""
    left = ArithmeticNode(op="-", left=measure(), right=measure("accuracy", OTHER_CLASS))
    return case(name, left, "<", 0.05, verdict, decision=decision(verdict, estimate, lower, upper), **changed)


def flips(name: str, verdict: str, **changed: Any) -> CaseRecord:
    bounds = {"FAIL": (0.3, 0.4, 0.5), "PASS": (0.01, 0.02, 0.05), "INCONCLUSIVE": (0.1, 0.2, 0.3)}[verdict]
    found = decision(verdict, bounds[1], bounds[0], bounds[2])
    return case(name, measure("flip_rate", OTHER_CLASS), "<", 0.2, verdict, **{"decision": found, **changed})


# --- the verdict -----------------------------------------------------------------------------------------------------


def test_a_fail_is_said_in_one_sentence_with_its_range_and_the_limit() -> None:
    run = record(cases=[fall("a", "FAIL", 0.056, 0.097, 0.188), flips("b", "INCONCLUSIVE"), flips("c", "INCONCLUSIVE")])
    (verdict,) = first(run).verdicts
    assert verdict.badge.label == "Fail"
    assert verdict.sentence == (
        "Not ready: when the background is replaced by one of another class, the accuracy falls by "
        "9.7 points (5.6 to 18.8); a fall of less than 5 points is allowed."
    )
    assert verdict.rest == "0 of 3 requirements are met; 1 is not met; 2 cannot be decided from these data."
    (japanese,) = first(run, "ja").verdicts
    assert japanese.sentence == (
        "基準未達：背景を別クラスの画像の背景に置き換えた場合、正解率は9.7ポイント（5.6～18.8）低下しました（要求：低下幅5ポイント未満）。"
    )


def test_fail_error_and_undecided_are_all_told() -> None:
    errored = case("c", measure(), ">", 0.9, "ERROR", message="boom")
    run = record(cases=[fall("a", "FAIL", 0.06, 0.1, 0.2), flips("b", "INCONCLUSIVE"), errored])
    (verdict,) = first(run).verdicts
    assert (verdict.badge.kind, verdict.badge.label) == ("fail", "Fail (not everything was measured)")
    assert verdict.sentence.startswith("Not ready: when the background")
    assert verdict.rest.startswith("Not measured: the accuracy")
    for text in ("1 is not met", "1 cannot be decided", "1 could not be measured"):
        assert text in verdict.rest


def test_an_error_names_the_requirement_that_could_not_be_measured() -> None:
    errored = case("c", measure("accuracy", LIGHTING), ">", 0.9, "ERROR", message="boom")
    run = record(cases=[flips("a", "PASS"), errored])
    (verdict,), (japanese,) = first(run).verdicts, first(run, "ja").verdicts
    assert (verdict.badge.kind, verdict.badge.label) == ("error", "Error")
    assert verdict.sentence.startswith("Not measured: when the lighting of the whole image is changed")
    assert japanese.sentence.startswith("測定できなかった項目：画像全体の照明を変えた場合")


def test_a_model_that_was_not_loaded_has_the_name_that_the_audit_states() -> None:
    unloaded: dict[str, Any] = {
        "models": ["not loaded"],
        "stated_models": ["models/next_line.py:build"],
        "message": "boom",
    }
    errors = [case(name, measure(), ">", 0.9, "ERROR", **unloaded) for name in ("b", "c")]
    run = record(cases=[flips("a", "PASS", stated_models=["torchvision:resnet50"]), *errors])
    page = first(run)
    assert [one.name for one in page.verdicts] == [
        "next_line.py:build",
        "resnet50 (torchvision), weights IMAGENET1K_V2",
    ]
    assert [line.model for line in page.lines[:2]] == ["next_line.py:build"] * 2
    assert "next_line.py:build" in next(fact for fact in page.facts if fact.name == "Model").values
    alike = [one.model_copy(update={"stated_models": ["torchvision:resnet50"]}) for one in errors]
    assert len(first(record(cases=[run.cases[0], *alike])).verdicts) == 1


def test_a_rise_has_its_range_the_other_way_round() -> None:
    (verdict,) = first(record(cases=[fall("a", "PASS", -0.04, -0.02, 0.003)])).verdicts
    assert "the accuracy rises by 2.0 points (−0.3 to 4.0)" in verdict.rest


def test_no_fall_has_its_range_too() -> None:
    (line,) = first(record(cases=[fall("a", "INCONCLUSIVE", -0.11, 0.0, 0.11)])).lines
    assert "the accuracy falls by 0.0 points (−11.0 to 11.0)" in line.sentence


def test_a_pass_names_the_requirement_nearest_to_its_limit() -> None:
    run = record(cases=[flips("far", "PASS"), fall("near", "PASS", 0.01, 0.03, 0.049)])
    (verdict,) = first(run).verdicts
    assert (verdict.badge.kind, verdict.sentence) == ("pass", "All 2 requirements are met.")
    assert (
        verdict.rest.startswith("Nearest to its limit: when the background")
        and "3.0 points (1.0 to 4.9)" in verdict.rest
    )


def test_of_several_methods_the_worst_is_told_with_what_its_scale_means() -> None:
    maps = measure("background_dependence", methods=["gradcam", "integrated_gradients"])
    parts = [
        decision("PASS", 0.2, 0.1, 0.3, method="gradcam"),
        decision("FAIL", 0.612, 0.5, 0.7, method="integrated_gradients"),
    ]
    run = record(cases=[case("a", maps, "<", 0.4, "FAIL", decision=decision("FAIL", 0.612, 0.5, 0.7, parts=parts))])
    page = first(run)
    assert page.verdicts[0].sentence == (
        "Not ready: the background dependence (Integrated Gradients) is 0.61 (0.50 to 0.70; 0 = looks only at the "
        "object, 0.5 = no preference, 1 = looks only at the background); less than 0.40 is allowed."
    )
    assert page.scales[0].startswith("Background dependence: 0 = looks only at the object")


def test_own_words_are_followed_by_the_numbers() -> None:
    run = record(cases=[fall("a", "FAIL", 0.06, 0.1, 0.2, says={"en": "It survives.", "ja": "耐える。"})])
    assert (
        first(run).lines[0].sentence
        == "It survives. Measured: 10.0 points (6.0 to 20.0); required: less than 5 points."
    )
    assert first(run, "ja").lines[0].sentence.startswith("耐える。（測定値：10.0ポイント（6.0～20.0）")


def test_a_known_bad_model_that_is_not_caught_is_why() -> None:
    control = flips("control", "PASS", must_fail=True, outcome="failed", models=["m1"])
    (verdict,) = first(record(cases=[flips("a", "PASS"), control])).verdicts
    assert verdict.badge.kind == "fail"
    assert verdict.sentence.startswith("Not ready: a known-bad model was not caught")


def test_a_known_bad_model_is_neither_in_the_head_nor_has_a_verdict() -> None:
    run = record()
    bad = run.models[0].model_copy(update={"key": "m1", "reference": "demo:shortcut", "names": ["shortcut"]})
    control = flips("caught", "FAIL", must_fail=True, outcome="passed", models=["m1"])
    page = first(record(cases=[flips("a", "PASS"), control], models=[*run.models, bad]))
    assert len(page.verdicts) == 1
    assert "shortcut" not in str(page.facts)
    assert [line.view.case.name for line in page.lines] == ["a"]
    assert page.known_bad_badge is not None and page.known_bad_badge.kind == "caught"


def test_each_of_several_models_has_its_verdict_the_worst_first() -> None:
    run = record()
    models = [
        run.models[0].model_copy(update={"key": key, "names": [name]}) for key, name in (("m0", "old"), ("m1", "new"))
    ]
    cases = [flips("a[old]", "PASS"), flips("a", "FAIL", models=["m1"]), flips("b", "PASS", models=["m0", "m1"])]
    page = first(record(cases=cases, models=models))
    assert [(one.name, one.badge.kind) for one in page.verdicts] == [("new", "fail"), ("old", "pass")]
    assert page.verdicts[1].sentence == "All 2 requirements are met."
    assert page.lines[0].model == "new"


def test_a_quick_look_a_part_and_a_selection_decide_nothing() -> None:
    passing = flips("a", "PASS")
    quick = first(record(cases=[passing], quick_look=20))
    assert (quick.verdicts[0].badge.kind, quick.lines[0].chips) == ("quick_look", ("quick look",))
    assert first(record(cases=[passing, case("b", measure(), ">", 0.9, None)])).verdicts[0].badge.kind == "selection"
    alone = flips("a", "FAIL", must_fail=True, outcome="passed")
    assert first(record(cases=[alone])).verdicts[0].badge.kind == "partial"


# --- requirements ----------------------------------------------------------------------------------------------------


def test_six_requirements_are_shown_and_the_rest_is_counted_by_how_it_ended() -> None:
    cases = [flips(f"p{n}", "PASS") for n in range(5)] + [flips(f"f{n}", "FAIL") for n in range(8)]
    page = first(record(cases=cases))
    assert [line.view.case.name for line in page.lines] == [f"f{n}" for n in range(MOST_LINES[0])]
    assert [(one.kind, one.text) for one in page.folded] == [("fail", "+2 not met"), ("pass", "+5 met")]


@pytest.mark.parametrize(
    ("more", "chip"),
    [(137, "too few images: about 140 more"), (33_643, "too near its limit for photos to decide")],
)
def test_the_reason_is_a_chip_with_how_many_images_are_missing(more: int, chip: str) -> None:
    found = decision("INCONCLUSIVE", 0.2, 0.1, 0.3, reason="too_few_images", more_images=more)
    undecided = flips("a", "INCONCLUSIVE", reason="too_few_images", decision=found)
    assert first(record(cases=[undecided])).lines[0].chips[0].startswith(chip)


def test_what_weakens_all_requirements_alike_is_said_once_in_the_box_below() -> None:
    both = [flips(name, "PASS", weakened=["checks_off_run", "not_deterministic"]) for name in "ab"]
    (chip,) = first(record(cases=both)).lines[0].chips
    assert chip == words_of("en").named("weakened", "not_deterministic")
    assert len(first(record(cases=[*both, flips("c", "PASS")])).lines[0].chips) == 2


def test_an_error_shows_the_first_line_of_its_message() -> None:
    page = first(record(cases=[case("a", measure(), ">", 0.9, "ERROR", message="ModelError: no weights\nsecond")]))
    assert page.lines[0].chips == ("ModelError: no weights",)


def test_the_small_drawing_is_of_the_worst_dose_alone() -> None:
    doses = [decision("PASS", 0.95 - n / 100, 0.9, 0.99, dose=float(n)) for n in range(1, 5)]
    found = decision("PASS", 0.91, 0.9, 0.99, parts=doses)
    page = first(record(cases=[case("a", measure("accuracy", LIGHTING), ">", 0.85, "PASS", decision=found)]))
    assert page.lines[0].view.plot is not None
    assert [row.value for row in page.lines[0].view.plot.rows] == ["91.0%"]
    assert (page.lines[0].value, page.lines[0].limit) == ("91.0%", "limit 85%")


def test_what_a_reader_has_to_know_of_the_numbers_stands_below_them() -> None:
    (note,) = first(record(cases=[flips("a", "FAIL"), flips("b", "PASS")])).scales
    assert note == "“The prediction changes” also counts images that were classified wrong before."


# --- the picture -----------------------------------------------------------------------------------------------------


def row(before: float, after: float, context: ContextNode = OTHER_CLASS, **changed: Any) -> GalleryRow:
    """Right on the original, wrong under the context, with a heat map."""
    one = {"model": "m0", "file": "images/a.jpg"}
    panels = [
        Panel(kind="original", prediction="gear", probability=before, right=True, **one),
        Panel(kind="context", context=context.text, prediction="bolt", probability=after, right=False, **one),
        Panel(
            kind="attribution",
            method="gradcam",
            context=context.text,
            prediction="bolt",
            probability=after,
            right=False,
            **one,
        ),
    ]
    fields: dict[str, Any] = {
        "rank": "worst",
        "sample": "gear/1.jpg",
        "label": "gear",
        "value": 1.0,
        "object_area": 0.3,
    }
    return GalleryRow(panels=panels, **{**fields, **changed})


def shown(*rows: GalleryRow, verdict: str = "FAIL", **changed: Any) -> int | None:
    """Which row of one requirement is the picture."""
    found = convincing_picture(record(cases=[flips("a", verdict, gallery=list(rows), **changed)]))
    return None if found is None else found.row


def test_the_clearest_newly_wrong_image_is_shown() -> None:
    assert shown(row(0.9, 0.3), row(0.8, 0.7), row(0.99, 0.2)) == 1


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"object_area": 0.99}, "hardly any background"),
        ({"rank": "best"}, "the best of the requirement"),
    ],
)
def test_other_images_are_never_shown(changed: dict[str, Any], why: str) -> None:
    assert shown(row(0.9, 0.9, **changed)) is None, why


def test_one_that_was_wrong_before_or_got_better_is_never_shown() -> None:
    bad = row(0.9, 0.9)
    before, after, heat = bad.panels
    wrong_before = bad.model_copy(update={"panels": [before.model_copy(update={"right": False}), after, heat]})
    better = bad.model_copy(
        update={"panels": [before.model_copy(update={"right": False}), after.model_copy(update={"right": True}), heat]}
    )
    assert shown(wrong_before, better) is None


def test_nothing_is_shown_where_nothing_is_bad_or_the_object_was_taken_away() -> None:
    assert shown(row(0.9, 0.9), verdict="PASS") is None
    assert shown(row(0.9, 0.9), must_fail=True, outcome="passed") is None
    gone = case(
        "a",
        measure("accuracy", REMOVED),
        ">",
        0.3,
        "FAIL",
        decision=decision("FAIL", 0.1, 0.0, 0.2),
        gallery=[row(0.9, 0.9, REMOVED)],
    )
    assert convincing_picture(record(cases=[gone])) is None


def test_a_known_bad_model_never_supplies_the_picture() -> None:
    assert shown(row(0.9, 0.9), known_bad=["x"], model_names={"x": "m0"}) is None


def test_a_failed_requirement_comes_before_an_undecided_one() -> None:
    cases = [flips("open", "INCONCLUSIVE", gallery=[row(0.99, 0.99)]), flips("fail", "FAIL", gallery=[row(0.6, 0.5)])]
    found = convincing_picture(record(cases=cases))
    assert found is not None and found.case == 1 and found.panels == (0, 1, 2)


def test_the_picture_has_a_sentence() -> None:
    page = first(record(cases=[flips("a", "FAIL", gallery=[row(0.43, 0.33)])]))
    assert page.picture is not None
    assert page.picture.sentence == (
        "Same object, background of another class: gear (43%) becomes bolt (33%). Only what lies outside the "
        "object’s mask was exchanged, and that changed the answer. The heat map shows where the evidence for the new "
        "answer lies."
    )
    light = case(
        "a",
        measure("accuracy", LIGHTING),
        ">",
        0.9,
        "FAIL",
        decision=decision("FAIL", 0.5, 0.4, 0.6),
        gallery=[row(0.4, 0.3, LIGHTING)],
    )
    lit = first(record(cases=[light])).picture
    assert lit is not None and lit.sentence.startswith("Same image, other lighting")


def test_the_picture_is_embedded_however_small_the_budget(tmp_path: Path) -> None:
    drawn = draw_gallery(tmp_path)[0].panels
    rights = (True, False, False)
    panels = [panel.model_copy(update={"right": right}) for panel, right in zip(drawn, rights, strict=False)]
    panels[2] = panels[2].model_copy(update={"context": panels[1].context})
    run = record(cases=[flips("a", "FAIL", gallery=[row(0.9, 0.9).model_copy(update={"panels": panels})])])
    html = render_html(run, tmp_path, budget_bytes=1)
    for panel in panels:
        content = base64.b64encode((tmp_path / panel.file).read_bytes()).decode()
        assert html.count(content) == 1
    assert "1 gallery row was left out" in html


# --- the head --------------------------------------------------------------------------------------------------------


def test_the_head_says_what_about_yaml_says_in_the_language_of_the_page() -> None:
    about = About.model_validate(
        {
            "title": {"en": "Release audit", "ja": "リリース監査"},
            "customer": "Example Ltd.",
            "number": "17",
            "model": {"name": "Line classifier", "version": "2.10"},
            "data": [{"name": "Line A", "where": "Kobe", "when": "2026-11"}],
        }
    )
    run = record(about=about)
    page = first(run)
    facts = {fact.name: (*fact.values, fact.code) for fact in page.facts}
    assert page.title == "Release audit"
    assert first(run, "ja").title == "リリース監査"
    assert facts["Model"] == ("Line classifier 2.10", "")
    assert facts["Data"] == ("Line A, Kobe, 2026-11", "240 images", "")
    assert facts["Customer"] == ("Example Ltd.", "")
    assert "Issuer" not in facts


def test_without_it_the_model_has_its_reference_and_its_fingerprint() -> None:
    facts = {fact.name: (*fact.values, fact.code) for fact in first(record()).facts}
    assert facts["Model"] == ("resnet50 (torchvision), weights IMAGENET1K_V2", "b7e1" * 3)


def test_the_digest_is_that_of_the_file_before_and_after_reading(tmp_path: Path) -> None:
    run = record(command="pytest /srv/elsewhere/audits")  # a path that the report leaves out
    file = write_record(run, tmp_path)
    digest = sha256(file.read_bytes()).hexdigest()
    assert record_digest(run) == record_digest(read_record(file)) == digest
    older = file.read_text().replace(',\n "about": null', "")
    file.write_text(older)
    assert read_record(file).about is None
    assert record_digest(read_record(file)) == sha256(older.encode()).hexdigest() != digest
    html = render_html(run, tmp_path)
    assert f'<a href="#provenance"><code>{digest[:12]}</code></a>' in html and f"<code>{digest}</code>" in html


def test_what_users_write_is_escaped() -> None:
    about = About.model_validate({"title": "<script>", "customer": "<b>\u202e"})
    html = render_html(record(about=about), Path("nowhere"))
    assert "<script>alert" not in html and "<h1>&lt;script&gt;</h1>" in html
    assert "&lt;b&gt;\\u202e" in html


# --- paper -----------------------------------------------------------------------------------------------------------


def many() -> RunRecord:
    """Two hundred requirements."""
    return record(
        cases=[flips(f"f{n}", ("FAIL", "PASS", "INCONCLUSIVE")[n % 3], clause=f"clause {n}") for n in range(200)]
    )


def crowded() -> RunRecord:
    """Long texts everywhere, four models, a picture."""
    sentence = "An unusually long sentence that somebody wrote into the audit file to say all of it at once. " * 6
    line = "a long line of text " * 3
    keys = ("m0", "m1", "m2", "m3")
    models = [record().models[0].model_copy(update={"key": key, "names": [f"model_{key}" * 4]}) for key in keys]
    cases = [
        flips(
            f"requirement_number_{n}_with_a_long_name",
            "FAIL",
            says=sentence,
            clause=sentence,
            models=[f"m{n % 4}"],
            gallery=[row(0.9, 0.9)],
        )
        for n in range(30)
    ]
    place = {"name": line, "where": line, "when": "2026"}
    said = {"title": line, "customer": line, "issuer": line, "number": line, "model": {"name": line, "version": line}}
    about = About.model_validate({**said, "data": [place]})
    return record(cases=cases, models=models, about=about, checks="off")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
@pytest.mark.parametrize(("kind", "language"), [("usual", "ja"), ("many", "en"), ("crowded", "en")])
def test_page_one_is_one_sheet_of_paper(kind: str, language: str, tmp_path: Path) -> None:
    pypdf = pytest.importorskip("pypdf")
    gallery = draw_gallery(tmp_path)
    run = {"usual": record(tmp_path), "many": many(), "crowded": crowded()}[kind]
    assert gallery
    file = tmp_path / "report.html"
    file.write_text(render_html(run, tmp_path, language=language), encoding="utf-8")
    assert CHROMIUM is not None
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--print-to-pdf={tmp_path / 'a.pdf'}",
        file.as_uri(),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    pages = pypdf.PdfReader(tmp_path / "a.pdf").pages
    texts = [letters(page.extract_text()) for page in pages]
    words = words_of(language)
    assert letters(words._("name_date_signature")) in texts[0]
    assert letters(words._("each_requirement_in_detail")) in texts[1]


def letters(text: str) -> str:
    """Without what a PDF writes in its own way: spaces, punctuation, and the radicals of kanji."""
    return "".join(filter(str.isalnum, normalize("NFKC", text)))
