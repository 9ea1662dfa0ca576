"""The page of an alarm: one file, both languages, every claim, and commands that name what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from monitoring.sample_alarm import sample_alarm

from modelaudit.data.appearance import LIGHT, SURROUNDINGS
from modelaudit.language.errors import ResultsError
from modelaudit.monitoring.alarm_record import ALARM_NAME, AlarmRecord, AuditNext, Change
from modelaudit.monitoring.monitor_file import PromiseRecord
from modelaudit.report.alarm import alarm_view, render_alarm, write_alarm_page
from modelaudit.report.alarm_changes import change_views, swatches
from modelaudit.report.words import Words, words_of

EN, JA = words_of("en"), words_of("ja")
FOLDER = Path("alarms/a")


def column(kind: str, name: str, deviations: float, **more: float) -> Change:
    values = {"reference": 0.5, "recent": 0.5 + 0.1 * deviations, "spread": 0.1, "z": 6 * deviations} | more
    return Change.model_validate({"kind": kind, "name": name, "deviations": deviations, "images": 36, **values})


def texts(record: AlarmRecord) -> list[str]:
    return [one.text for one in change_views(record, EN)]


def test_the_page_is_one_file_in_both_languages(tmp_path: Path) -> None:
    (tmp_path / ALARM_NAME).write_text(sample_alarm().model_dump_json(), encoding="utf-8")
    page = write_alarm_page(tmp_path, language="ja").read_text(encoding="utf-8")
    assert '<html lang="ja">' in page and 'lang="en"' in page
    assert "背景（対象物の周囲）が変わりました" in page and "The surroundings have changed" in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert "1 in 20 (5%)" in page and "20分の1（5%）以下" in page


def test_every_claim_is_on_the_page_and_what_measuring_it_takes() -> None:
    view = alarm_view(sample_alarm(), FOLDER, EN)
    assert [one.name for one in view.claims] == ["survives_layout_change", "looks_at_the_part"]
    first, second = view.claims
    assert "computed changes of this kind" in first.standing and first.standing.endswith("labels and masks.")
    assert second.standing == "Unknown for these images until they have masks."


def test_a_claim_that_failed_under_such_changes_warns_of_wrong_answers() -> None:
    claims = [one.model_copy(update={"verdict": "FAIL"}) for one in sample_alarm().claims if one.touched]
    assert "expect wrong answers" in alarm_view(sample_alarm(claims=claims), FOLDER, EN).claims[0].standing


def test_each_promise_is_told_by_itself() -> None:
    ever = " ".join(alarm_view(sample_alarm(), FOLDER, EN).sure)
    run_length = PromiseRecord(kind="run_length", value=10_000)
    mean = " ".join(alarm_view(sample_alarm(promise=run_length, unit="lot"), FOLDER, EN).sure)
    assert "at most 1 in 20 (5%)" in ever and "on average" not in ever
    assert "on average after at least 10,000 lots" in mean and "1 in" not in mean


def test_commands_name_the_list_where_it_is() -> None:
    commands = [command for step in alarm_view(sample_alarm(), FOLDER, EN).steps for command in step.commands]
    assert 'modelaudit data check "csv:alarms/a/audit_next.csv"' in commands
    assert "modelaudit watch status monitor.json --acknowledge 1 --by NAME" in commands
    elsewhere = AuditNext(images=4, available=4, root="/line/camera 2")
    commands = [
        command
        for step in alarm_view(sample_alarm(audit_next=elsewhere), FOLDER, EN).steps
        for command in step.commands
    ]
    assert 'modelaudit data check "csv:alarms/a/audit_next.csv?images=/line/camera 2"' in commands


def test_without_files_there_is_no_list_to_label() -> None:
    view = alarm_view(sample_alarm(audit_next=AuditNext(images=0, available=3, gone=3)), FOLDER, EN)
    assert not any("csv:" in command for step in view.steps for command in step.commands)
    assert any("there is no list" in step.text for step in view.steps)


@pytest.mark.parametrize("words", [EN, JA])
def test_every_column_of_the_appearance_has_words(words: Words) -> None:
    for kind, names in (("light", LIGHT), ("surroundings", SURROUNDINGS)):
        for name in names:
            for sign in (1, -1):
                (view,) = change_views(sample_alarm(changes=[column(kind, name, 2.0 * sign)]), words)
                assert view.text != words._("alarm_other_column", name=name)
                assert "_" not in view.text, view.text


def test_channels_that_rise_together_are_brightness_and_bins_of_one_histogram_one_property() -> None:
    together = [column("surroundings", name, 2) for name in ("red", "green", "blue")]
    assert texts(sample_alarm(changes=together)) == ["brighter"]
    apart = [column("surroundings", name, way) for name, way in (("red", 1), ("green", -2), ("blue", 1.5))]
    assert texts(sample_alarm(changes=apart)) == ["less green", "more blue", "more red"]
    bins = [column("surroundings", f"red_green_{at}", 1 + at / 10) for at in range(1, 9)]
    assert texts(sample_alarm(changes=bins)) == ["other colours"]


def test_structure_that_is_more_across_and_less_down_has_another_direction() -> None:
    across, down = column("surroundings", "texture_1_across", -2), column("surroundings", "texture_2_down", 1.5)
    assert texts(sample_alarm(changes=[across])) == ["smoother: less fine structure"]
    (text,) = texts(sample_alarm(changes=[across, down]))
    assert "its direction has changed" in text


def test_what_is_small_or_uncertain_is_not_named() -> None:
    small, unsure = column("light", "noise", 0.2, z=9), column("light", "warmth", 2, z=2)
    record = sample_alarm(statistic="light", changes=[small, unsure])
    assert texts(record) == []
    assert "No single property stands out" in render_alarm(record, FOLDER)


def test_mean_colours_are_shown_as_they_are() -> None:
    channels = [column("surroundings", name, way) for name, way in (("red", 5), ("green", -5), ("blue", 9))]
    found = swatches(sample_alarm(changes=channels))
    assert found is not None and (found.before, found.since) == ("#808080", "#ff00ff")
    assert swatches(sample_alarm(changes=channels[:2])) is None


def test_text_of_the_line_cannot_become_markup() -> None:
    page = render_alarm(sample_alarm(group="<script>alert(1)</script>\u202e"), FOLDER)
    assert "<script>alert" not in page and "\u202e" not in page


def test_an_unknown_language_names_those_there_are() -> None:
    with pytest.raises(ResultsError, match="known: en, ja"):
        render_alarm(sample_alarm(), FOLDER, language="xx")
