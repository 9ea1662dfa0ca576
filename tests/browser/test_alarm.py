"""The page of an alarm in a browser: narrow and wide, by keyboard, dark, on paper, in both languages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser.looking import A4, letters, printed, sizes
from browser.two_languages import TwoLanguagePage
from monitoring.sample_alarm import sample_alarm
from PIL import Image

from modelaudit.monitoring.alarm_record import ALARM_NAME, AlarmPicture, Change
from modelaudit.report.alarm import write_alarm_page

if TYPE_CHECKING:
    from browser.conftest import Opened

#: what may be said most of: five properties of the statistic that alarmed, two of each other one
MANY = [
    *(("surroundings", name, way) for name, way in (("green", 2.5), ("red", -1.1), ("texture_2_across", -3.3))),
    *(("surroundings", name, 3.0) for name in ("red_green_3", "brightness_5", "texture_16_down")),
    *(("light", name, 2.0) for name in ("green_cast", "contrast")),
]


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    """A page with all the pictures and properties that there may be."""
    (tmp_path / "images").mkdir()
    pictures = []
    for number in range(16):
        file = f"images/{number}.jpg"
        Image.new("RGB", (96, 96), (15 * number, 90, 200)).save(tmp_path / file)
        pictures.append(AlarmPicture(id=f"camera_2/{number}.png", file=file, predicted="bracket", confidence=0.71))
    changes = [
        Change.model_validate(
            {"kind": kind, "name": name, "reference": 0.4, "recent": 0.4 + size / 10, "spread": 0.1}
            | {"deviations": size, "z": 6 * size, "images": 36}
        )
        for kind, name, size in MANY
    ]
    record = sample_alarm()
    record = record.model_copy(
        update={"ordinary": pictures[:8], "recent": pictures[8:], "changes": [*changes, *record.changes[1:]]}
    )
    (tmp_path / ALARM_NAME).write_text(record.model_dump_json(), encoding="utf-8")
    return write_alarm_page(tmp_path)


class TestPageOfAnAlarm(TwoLanguagePage):
    headings = ("The surroundings have changed", "背景（対象物の周囲）が変わりました")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_it_fits_on_two_sheets(opened: Opened, page_file: Path, artefact: Path, language: str) -> None:
    page = opened(page_file, fragment=f"#{language}")
    paper = printed(page, artefact.with_suffix(".pdf"))
    assert sizes(paper) == {A4} and len(paper.pages) == 2
    text = letters("".join(sheet.extract_text() for sheet in paper.pages))
    for step in page.locator("main:visible .steps li p").all():
        assert letters(step.inner_text()) in text
